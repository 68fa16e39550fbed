package ops

import (
	"math"

	"modelc/ir"
	"modelc/ir/scalar"
)

// each calls f with every point of a space in row-major order. The point is reused.
func each(dims []int64, f func(p []int64)) {
	for _, d := range dims {
		if d == 0 {
			return
		}
	}
	p := make([]int64, len(dims))
	for {
		f(p)
		i := len(dims) - 1
		for ; i >= 0; i-- {
			if p[i]++; p[i] < dims[i] {
				break
			}
			p[i] = 0
		}
		if i < 0 {
			return
		}
	}
}

// rowMajor returns the stride of each axis in elements.
func rowMajor(dims []int64) []int64 {
	s := make([]int64, len(dims))
	n := int64(1)
	for i := len(dims) - 1; i >= 0; i-- {
		s[i] = n
		n *= dims[i]
	}
	return s
}

// offsets returns the offsets of all points of the given axes of a shape, in row-major order.
func offsets(s ir.Shape, axes []int) []int64 {
	strides := rowMajor(s.Dims())
	var out []int64
	each(dimsAt(s, axes), func(p []int64) {
		o := int64(0)
		for i, a := range axes {
			o += p[i] * strides[a]
		}
		out = append(out, o)
	})
	return out
}

// lines returns the three sizes around an axis: those before it multiplied, its own, those after it multiplied.
func lines(s ir.Shape, axis int) (outer, n, inner int64) {
	return span(s, 0, axis), s.Dim(axis), span(s, axis+1, s.Rank())
}

// span returns the product of the sizes of axes lo up to hi.
func span(s ir.Shape, lo, hi int) int64 {
	p := int64(1)
	for a := lo; a < hi; a++ {
		p *= s.Dim(a)
	}
	return p
}

// folder returns the fold of a code on an element type, and its neutral element.
func folder(code scalar.Code, d ir.DType) (f func(acc, v float64) float64, neutral float64) {
	row := scalar.Lookup(code)
	neutral, _ = scalar.Neutral(code)
	if lo, hi := d.Range(); !d.IsFloat() {
		neutral = math.Max(lo, math.Min(hi, neutral))
	}
	if d.IsInt() && row.Int != nil {
		return func(a, v float64) float64 { return d.WrapInt(row.Int(int64(a), int64(v))) }, neutral
	}
	return func(a, v float64) float64 { return row.Float(a, v, 0) }, neutral
}

// beyond reports whether v comes before w in the order of max or min; NaN comes before everything.
func beyond(code scalar.Code, v, w float64) bool {
	switch {
	case math.IsNaN(w):
		return false
	case math.IsNaN(v):
		return true
	case code == scalar.Max:
		return v > w
	}
	return v < w
}
