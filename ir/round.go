package ir

import "math"

// Round returns the value of the element type that a computed number becomes: floats round to nearest, ties to even, beyond the range to infinity;
// integers are truncated and wrap around like two's complement (NaN and infinities become 0); bool is 1 for all but 0.
func (d DType) Round(v float64) float64 {
	switch d {
	case F64:
		return v
	case F32:
		return float64(float32(v))
	case F16:
		return roundTo(v, 11, -14, 65504)
	case BF16:
		return roundTo(v, 8, -126, 0x1.FEp127)
	case Bool:
		if v == 0 {
			return 0
		}
		return 1
	}
	v = math.Trunc(v)
	lo, hi := d.Range()
	if v >= lo && v <= hi {
		return v + 0 // no negative zero
	}
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	span := math.Exp2(float64(8 * d.Size()))
	v = math.Mod(v, span)
	if v < lo {
		v += span
	}
	if v > hi {
		v -= span
	}
	return v
}

// WrapInt returns the integer of type d that an exact integer becomes, as a float64.
func (d DType) WrapInt(v int64) float64 {
	switch d {
	case U8:
		return float64(uint8(v))
	case I8:
		return float64(int8(v))
	case I32:
		return float64(int32(v))
	case U32:
		return float64(uint32(v))
	case U64:
		return float64(uint64(v))
	}
	return float64(v)
}

// Range returns the least and the greatest finite value of the type (for 64-bit integers the greatest float64 inside).
func (d DType) Range() (lo, hi float64) {
	switch d {
	case Bool:
		return 0, 1
	case U8:
		return 0, math.MaxUint8
	case I8:
		return math.MinInt8, math.MaxInt8
	case I32:
		return math.MinInt32, math.MaxInt32
	case I64:
		return math.MinInt64, 0x1.FFFFFFFFFFFFFp62
	case U32:
		return 0, math.MaxUint32
	case U64:
		return 0, 0x1.FFFFFFFFFFFFFp63
	case F16:
		return -65504, 65504
	case BF16:
		return -0x1.FEp127, 0x1.FEp127
	case F32:
		return -math.MaxFloat32, math.MaxFloat32
	}
	return -math.MaxFloat64, math.MaxFloat64
}

// roundTo rounds to a binary format with the given bits of precision (the hidden one included), least normal exponent, and greatest value.
func roundTo(v float64, bits, least int, greatest float64) float64 {
	if v == 0 || math.IsInf(v, 0) || math.IsNaN(v) {
		return v
	}
	_, e := math.Frexp(v) // v = f·2^e, ½ ≤ |f| < 1
	unit := max(e-bits, least+1-bits)
	r := math.Ldexp(math.RoundToEven(math.Ldexp(v, -unit)), unit)
	if math.Abs(r) > greatest {
		return math.Copysign(math.Inf(1), v)
	}
	return r
}
