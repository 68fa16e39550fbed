package scalar

import "math"

// Random numbers are counter-based: a pure function of a key and a place, so that every backend, thread count and batch split draws the same.
//
// The generator is Philox 4x32 with 10 rounds (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3; SC 2011). A key is two
// 32-bit words. Each row r of a tensor of shape [rows, …] (the global row number: the op's first row plus the index along axis 0; 0 for a tensor without axes) has
// its own unending sequence of words: word i is word i mod 4 of the block Philox(key, counter = [lo32(i/4), hi32(i/4), lo32(r), hi32(r)]). The element in column c
// (the row-major index over the remaining axes) takes
//
//	random_bits, random_int, random_uniform below float64: word c
//	random_uniform in float64:                             words 2c (the high half) and 2c+1
//	random_normal below float64:                           words 2c (the radius) and 2c+1 (the angle)
//	random_normal in float64:                              words 4c, 4c+1 (the radius, high half first), 4c+2, 4c+3 (the angle)
//
// Derived keys come from counters whose last word has its highest bit set, which no row has.

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

// Block returns the words 4·block to 4·block+3 of a row's sequence.
func Block(key [2]uint32, row, block uint64) [4]uint32 {
	return Philox(key, [4]uint32{uint32(block), uint32(block >> 32), uint32(row), uint32(row >> 32)})
}

// Fold derives a key from a key and a number (signed numbers sign-extended to 64 bits).
func Fold(key [2]uint32, data uint64) [2]uint32 {
	w := Philox(key, [4]uint32{uint32(data), uint32(data >> 32), 0, 1 << 31})
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

// Normal32 returns a standard normal number (Box and Muller, 1958): sqrt(-2·log u)·cos(2π·v), u = (a>>8 + 1)·2^-24 in (0, 1], v = (b>>8)·2^-24 in [0, 1). All
// steps are in float32 and in a fixed order, with fused multiply-adds where fma is written, so that vector code gives the same bits.
func Normal32(a, b uint32) float32 {
	squared := max(0, -2*Log32(float32(a>>8+1)*(1.0/(1<<24))))
	return float32(float32(math.Sqrt(float64(squared))) * CosTurn32(b>>8))
}

// logTable holds the coefficients of (log(1+f) - f + f²/2) / f³ for 2/3 ≤ 1+f < 4/3, from the highest power down.
var logTable = [...]float32{0.11330617, -0.124222, 0.10915655, -0.12288722, 0.14291868, -0.16673316, 0.19999948, -0.24999945, 0.33333334}

// Log32 returns the natural logarithm of a positive normal float32 by the fixed sequence that normal numbers are defined with: x = 2^e·(1+f), and
// log x = f - f²/2 + f³·P(f) + e·log 2, with log 2 in two parts of which the high one is short.
func Log32(x float32) float32 {
	const log2High, log2Low float32 = 0.69314575, 1.4286068e-06
	shift := (math.Float32bits(x) - 0x3F2AAAAB) & 0xFF800000 // the exponent, counted from 2/3 upward
	e := float32(int32(shift) >> 23)
	f := math.Float32frombits(math.Float32bits(x)-shift) - 1
	square := float32(f * f)
	p := logTable[0]
	for _, c := range logTable[1:] {
		p = fma(p, f, c)
	}
	t := fma(e, log2Low, float32(float32(square*f)*p))
	t = fma(-0.5, square, t)
	return fma(e, log2High, float32(f+t))
}

// CosTurn32 returns the cosine of 2π·k/2^24 for k < 2^24 by the fixed sequence that normal numbers are defined with: the nearest quarter turn is taken off
// exactly, and the cosine is the sine one quarter further on.
func CosTurn32(k uint32) float32 {
	quarters := float32(k) * (1.0 / (1 << 22))
	nearest := float32(math.RoundToEven(float64(quarters)))
	a := float32((quarters - nearest) * (math.Pi / 2))
	q := uint32(nearest) + 1
	z := float32(a * a)
	s := fma(2.724341e-06, z, -0.00019840036)
	s = fma(s, z, 0.008333332)
	s = fma(s, z, -0.16666667)
	v := fma(float32(a*z), s, a) // sin a
	if q&1 != 0 {
		c := fma(-2.7295562e-07, z, 2.4800558e-05)
		c = fma(c, z, -0.0013888888)
		c = fma(c, z, 0.041666668)
		v = fma(float32(z*z), c, fma(-0.5, z, 1)) // cos a
	}
	if q&2 != 0 {
		v = -v
	}
	return v
}

// fma returns x·y + z rounded once to float32, for finite results in the normal range: the product is exact in float64, and the sum is rounded to odd there, so that
// the second rounding is the only one that counts (Boldo and Melquiond, 2008).
func fma(x, y, z float32) float32 {
	p, c := float64(x)*float64(y), float64(z)
	s := p + c
	t := s - p
	if e := (p - (s - t)) + (c - t); e != 0 && math.Float64bits(s)&1 == 0 { // e is the error of the sum (Knuth)
		s = math.Nextafter(s, math.Copysign(math.Inf(1), e))
	}
	return float32(s)
}

// Normal64 returns a standard normal number in float64 from a block.
func Normal64(w [4]uint32) float64 {
	u := Uniform64(w[0], w[1]) + 1.0/(1<<53)
	return math.Sqrt(-2*math.Log(u)) * math.Cos(2*math.Pi*Uniform64(w[2], w[3]))
}
