package ops

import (
	"fmt"

	"modelc/ir"
	"modelc/ir/scalar"
)

// Window folds windows over the trailing axes (add, max): result place p covers the places p·Stride - PadLo … + Size - 1 of the argument; places
// outside do not count. Every window covers at least one element, as pads are below Size.
type Window struct {
	Code                       scalar.Code `ir:"name"`
	Size, Stride, PadLo, PadHi ir.Ints
}

func (o Window) Name() string { return foldName("window_", o.Code) }

// Infer requires windows that fit.
func (o Window) Infer(c *ir.Instr) ([]ir.Type, error) {
	if o.Code != scalar.Add && o.Code != scalar.Max {
		return nil, attribute(o, "add or max", fmt.Sprintf("%q", string(o.Code)))
	}
	t, err := windows(o, c, o.Size, o.Stride, o.PadLo, o.PadHi)
	if err != nil {
		return nil, err
	}
	return []ir.Type{t}, nil
}

func windows(op ir.Op, c *ir.Instr, window, stride, lo, hi ir.Ints) (ir.Type, error) {
	if err := arity(op, c, 1); err != nil {
		return ir.Type{}, err
	}
	t := c.Args[0].Type
	if !t.DType.IsFloat() && !t.DType.IsInt() {
		return t, argument(op, 0, "numbers", t.DType.String())
	}
	n := window.Len()
	if t.Shape.Rank() < n {
		return t, argument(op, 0, fmt.Sprintf("at least %d axes", n), t.Shape.String())
	}
	if err := lengths(op, n, window, stride, lo, hi); err != nil {
		return t, err
	}
	for _, l := range []ir.Ints{window, stride} {
		if err := atLeast(op, "window and stride", l, 1); err != nil {
			return t, err
		}
	}
	dims := t.Shape.Dims()
	for i := range n {
		a := t.Shape.Rank() - n + i
		if lo.At(i) < 0 || hi.At(i) < 0 || lo.At(i) >= window.At(i) || hi.At(i) >= window.At(i) {
			return t, attribute(op, fmt.Sprintf("pads from 0 to %d", window.At(i)-1), fmt.Sprintf("%d and %d", lo.At(i), hi.At(i)))
		}
		full := dims[a] + lo.At(i) + hi.At(i)
		if dims[a] < 1 || full < window.At(i) {
			return t, &ir.ShapeError{Op: op.Name(), Arg: 0, Axis: a, Want: fmt.Sprintf("at least 1 element, and %d with the padding", window.At(i)), Got: fmt.Sprint(dims[a])}
		}
		dims[a] = (full-window.At(i))/stride.At(i) + 1
	}
	return checked(op, t.DType, dims...)
}

// PoolMax is the greatest element of each window, and its place (i32): the row-major index in the plane of the windowed axes of the argument; the
// first of equals, and NaN beyond all others. Unpool is its gradient.
type PoolMax struct{ Size, Stride, PadLo, PadHi ir.Ints }

func (PoolMax) Name() string { return "pool_max" }

// Infer requires windows that fit and a plane whose places an i32 counts.
func (o PoolMax) Infer(c *ir.Instr) ([]ir.Type, error) {
	t, err := windows(o, c, o.Size, o.Stride, o.PadLo, o.PadHi)
	if err != nil {
		return nil, err
	}
	if plane := planeSize(c.Args[0].Type.Shape, o.Size.Len()); plane > 1<<31-1 {
		return nil, argument(o, 0, "a plane of at most 2147483647 elements", fmt.Sprint(plane))
	}
	return []ir.Type{t, {DType: ir.I32, Shape: t.Shape}}, nil
}

// planeSize returns the number of elements of the last n axes.
func planeSize(s ir.Shape, n int) int64 {
	p := int64(1)
	for i := s.Rank() - n; i < s.Rank(); i++ {
		p *= s.Dim(i)
	}
	return p
}
