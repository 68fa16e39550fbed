package scalar

import "math"

// Random numbers are counter-based: a pure function of a key and a place, so that every backend, thread count and batch split draws the same.
//
// The generator is Philox 4x32 with 10 rounds (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3; SC 2011). A key is two
// 32-bit words. A tensor of shape [rows, …] takes its element in row r (the global row number: the op's first row plus the index along axis 0; 0 for a
// tensor without axes) and column c (the row-major index over the remaining axes) from the block
//
//	Philox(key, counter = [lo32(c/n), lo32(r), hi32(c/n) ^ hi32(r)<<16, DomainDraw])
//
// where n is the number of elements a block gives: 4, but 2 for float64. Element c takes word c mod 4 (float64: the words 2·(c mod 2), the high one, and
// the next, the low one).
//
// All float32 steps below round after every operation: no fused multiply-add, in any backend. They are written in the order of evaluation.

// The domains keep counters of different uses apart.
const (
	DomainDraw uint32 = 0
	DomainFold uint32 = 1
)

// Philox returns the four words of a block.
func Philox(key [2]uint32, counter [4]uint32) [4]uint32 {
	k0, k1 := key[0], key[1]
	c0, c1, c2, c3 := counter[0], counter[1], counter[2], counter[3]
	for range 10 {
		p0 := uint64(c0) * 0xD2511F53
		p1 := uint64(c2) * 0xCD9E8D57
		c0, c1, c2, c3 = uint32(p1>>32)^c1^k0, uint32(p1), uint32(p0>>32)^c3^k1, uint32(p0)
		k0 += 0x9E3779B9
		k1 += 0xBB67AE85
	}
	return [4]uint32{c0, c1, c2, c3}
}

// Block returns the four words of the given block of columns in a row.
func Block(key [2]uint32, row, block uint64) [4]uint32 {
	return Philox(key, [4]uint32{uint32(block), uint32(row), uint32(block>>32) ^ uint32(row>>32)<<16, DomainDraw})
}

// Fold derives a key from a key and a number (signed numbers sign-extended to 64 bits).
func Fold(key [2]uint32, data uint64) [2]uint32 {
	w := Philox(key, [4]uint32{uint32(data), uint32(data >> 32), 0, DomainFold})
	return [2]uint32{w[0], w[1]}
}

// Seed returns the key of a seed: its low and its high word.
func Seed(seed uint64) [2]uint32 { return [2]uint32{uint32(seed), uint32(seed >> 32)} }

// Uniform32 returns a number in [0, 1), a multiple of 2^-24.
func Uniform32(word uint32) float32 { return float32(word>>8) * (1.0 / (1 << 24)) }

// UniformBits returns a number in [0, 1) that is a multiple of 2^-bits, so that it is exact in a type with that many bits of precision (f16: 11,
// bf16: 8, f32: 24).
func UniformBits(word uint32, bits int) float64 {
	return float64(word>>(32-bits)) * math.Pow(2, -float64(bits))
}

// Uniform64 returns a number in [0, 1), a multiple of 2^-53.
func Uniform64(high, low uint32) float64 {
	return float64((uint64(high)<<32|uint64(low))>>11) * (1.0 / (1 << 53))
}

// BoundedInt returns an integer in [0, bound), bound at most 2^32: the high word of word·bound. Its bias is below bound/2^32.
func BoundedInt(word uint32, bound uint64) uint64 { return uint64(word) * bound >> 32 }

// Normal32 returns the four standard normal numbers of a block (Box and Muller, 1958): columns 4k and 4k+1 from words 0 and 1, columns 4k+2 and
// 4k+3 from words 2 and 3; of each pair the first is the cosine.
func Normal32(w [4]uint32) [4]float32 {
	c0, s0 := normalPair(w[0], w[1])
	c1, s1 := normalPair(w[2], w[3])
	return [4]float32{c0, s0, c1, s1}
}

// normalPair: radius sqrt(-2 log u) with u = (a>>8 + 1)·2^-24 in (0, 1], angle 2π·(b>>8)·2^-24.
func normalPair(a, b uint32) (float32, float32) {
	r := float32(math.Sqrt(float64(-2 * Log32(float32(a>>8+1)*(1.0/(1<<24)))))) // -2·log is exact in the 2; the square root is correctly rounded
	sin, cos := SinCosTurn32(b >> 8)
	return float32(r * cos), float32(r * sin)
}

// The constants of Log32: x = 2^e·m with √½ ≤ m < √2, s = (m-1)/(m+1), log m = 2·atanh s = 2s + s·z·(2/3 + 2/5·z + 2/7·z² + 2/9·z³), z = s² ≤ 0.0295. Its first
// neglected term is below 2e-9 of the sum. e·log 2 is added in two parts, of which e·Ln2High is exact.
const (
	Ln2High float32 = 0.693359375
	Ln2Low  float32 = -2.1219444005469057e-4
	LogP0   float32 = 2.0 / 3
	LogP1   float32 = 2.0 / 5
	LogP2   float32 = 2.0 / 7
	LogP3   float32 = 2.0 / 9
)

// sqrtHalfBits is the float32 pattern of √½, rounded down.
const sqrtHalfBits = 0x3F3504F3

// Log32 returns the natural logarithm of a positive normal float32 by the fixed sequence that normal numbers are defined with.
func Log32(x float32) float32 {
	// Subtracting the pattern of √½ makes the exponent field count from √½ upward.
	i := int32(math.Float32bits(x)) - sqrtHalfBits
	e := float32(i >> 23)
	m := math.Float32frombits(uint32(i&0x7FFFFF + sqrtHalfBits))
	s := float32(m-1) / float32(m+1)
	z := float32(s * s)
	p := float32(LogP3*z) + LogP2
	p = float32(p*z) + LogP1
	p = float32(p*z) + LogP0
	t := float32(float32(s*z) * p) // s·z·P
	t = t + float32(e*Ln2Low)      //
	t = t + float32(s+s)           // small parts first
	return float32(e*Ln2High) + t  //
}

// The constants of SinCosTurn32: Taylor coefficients, whose first neglected terms are below 4e-8 of the result for |a| ≤ π/4.
const (
	TurnStep float32 = 2 * math.Pi / (1 << 24) // radians per step of the angle
	SinP0    float32 = -1.0 / 6
	SinP1    float32 = 1.0 / 120
	SinP2    float32 = -1.0 / 5040
	SinP3    float32 = 1.0 / 362880
	CosP0    float32 = -1.0 / 2
	CosP1    float32 = 1.0 / 24
	CosP2    float32 = -1.0 / 720
	CosP3    float32 = 1.0 / 40320
	CosP4    float32 = -1.0 / 3628800
)

// SinCosTurn32 returns the sine and the cosine of 2π·k/2^24 for k < 2^24 by the fixed sequence that normal numbers are defined with: the nearest
// quarter turn is taken off exactly, the rest is a polynomial.
func SinCosTurn32(k uint32) (sin, cos float32) {
	q := (k + 1<<21) >> 22
	a := float32(float32(int32(k)-int32(q<<22)) * TurnStep)
	z := float32(a * a)
	s := float32(SinP3*z) + SinP2
	s = float32(s*z) + SinP1
	s = float32(s*z) + SinP0
	s = float32(float32(a*z)*s) + a
	c := float32(CosP4*z) + CosP3
	c = float32(c*z) + CosP2
	c = float32(c*z) + CosP1
	c = float32(c*z) + CosP0
	c = float32(c*z) + 1
	if q&1 != 0 {
		s, c = c, -s
	}
	if q&2 != 0 {
		s, c = -s, -c
	}
	return s, c
}

// Normal64 returns the two standard normal numbers of a block in float64.
func Normal64(w [4]uint32) [2]float64 {
	u := Uniform64(w[0], w[1]) + 1.0/(1<<53)
	sin, cos := math.Sincos(2 * math.Pi * Uniform64(w[2], w[3]))
	r := math.Sqrt(-2 * math.Log(u))
	return [2]float64{r * cos, r * sin}
}
