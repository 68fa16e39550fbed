package asm

//go:noescape
func maxPairsAVX512(y *float32, at *int32, r0, r1 *float32, n, from, width int) bool

func maxPairs(y []float32, at []int32, r0, r1 []float32, from, width int) int {
	if level != AVX512 {
		return 0
	}
	for j := 0; j < len(y); j += 16 {
		n := min(16, len(y)-j)
		if !maxPairsAVX512(&y[j], &at[j], &r0[2*j], &r1[2*j], n, from+2*j, width) {
			return j
		}
	}
	return len(y)
}
