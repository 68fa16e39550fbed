package asm

import "math"

// fma32 is x*y + z rounded once to float32. The product is exact in float64; its sum with z is rounded to odd
// there (Boldo and Melquiond 2008), so that the second rounding, to float32, is the only one that counts.
func fma32(x, y, z float32) float32 {
	p, c := float64(x)*float64(y), float64(z)
	s := p + c
	u := math.Float64bits(s)
	// Only a sum that looks exactly half-way between two floats, or one below float32's normal range, can be hurt.
	if u&0x1fffffff != 0x10000000 && math.Abs(s) >= 0x1p-126 || u>>52&0x7ff == 0x7ff {
		return float32(s)
	}
	t := s - p
	e := (p - (s - t)) + (c - t) // the error of the sum (Knuth's two-sum)
	if e != 0 && u&1 == 0 {
		if (e > 0) == (s > 0) {
			u++
		} else {
			u--
		}
		s = math.Float64frombits(u)
	}
	return float32(s)
}

// min2 and max2 are the processor's MINPS and MAXPS: the second operand if either is NaN or both are zero.
func min2(x, y float32) float32 {
	if x < y {
		return x
	}
	return y
}

func max2(x, y float32) float32 {
	if x > y {
		return x
	}
	return y
}

// nearestInt is CVTPS2DQ: to nearest even, 0x80000000 beyond int32 and for NaN.
func nearestInt(x float32) uint32 { return truncInt(float32(math.RoundToEven(float64(x)))) }

// truncInt is CVTTPS2DQ: toward zero, 0x80000000 beyond int32 and for NaN.
func truncInt(x float32) uint32 {
	if x >= -1<<31 && x < 1<<31 {
		return uint32(int32(x))
	}
	return 1 << 31
}
