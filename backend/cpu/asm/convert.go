package asm

// F32ToF64 writes x[i] as float64, exactly.
func F32ToF64(dst []float64, x []float32) {
	for i, v := range x[:len(dst)] {
		dst[i] = float64(v)
	}
}

// F64ToF32 writes x[i] rounded to nearest even.
func F64ToF32(dst []float32, x []float64) {
	for i, v := range x[:len(dst)] {
		dst[i] = float32(v)
	}
}
