package ops

import (
	"fmt"

	"modelc/ir"
)

// Broadcast repeats its argument along new axes: argument axis k becomes result axis Axes[k], with the same size; Axes increases. Axes of size 1 are
// not stretched: reshape them away first.
type Broadcast struct {
	Shape ir.Shape
	Axes  ir.Axes
}

func (Broadcast) Name() string { return "broadcast" }

// Infer requires increasing axes with the argument's sizes.
func (o Broadcast) Infer(c *ir.Instr) ([]ir.Type, error) {
	if err := arity(o, c, 1); err != nil {
		return nil, err
	}
	t := c.Args[0].Type
	if o.Axes.Len() != t.Shape.Rank() {
		return nil, argument(o, 0, fmt.Sprintf("%d axes", o.Axes.Len()), t.Shape.String())
	}
	for k := range o.Axes.Len() {
		a := o.Axes.At(k)
		if a >= o.Shape.Rank() || k > 0 && a <= o.Axes.At(k-1) {
			return nil, attribute(o, fmt.Sprintf("increasing axes below %d", o.Shape.Rank()), fmt.Sprint(o.Axes.List()))
		}
		if o.Shape.Dim(a) != t.Shape.Dim(k) {
			return nil, size(o, 0, k, o.Shape.Dim(a), t.Shape.Dim(k))
		}
	}
	return []ir.Type{{DType: t.DType, Shape: o.Shape}}, nil
}

// Reshape gives the elements, in row-major order, another shape of the same size.
type Reshape struct{ Shape ir.Shape }

func (Reshape) Name() string { return "reshape" }

// Infer requires the same number of elements.
func (o Reshape) Infer(c *ir.Instr) ([]ir.Type, error) {
	if err := arity(o, c, 1); err != nil {
		return nil, err
	}
	t := c.Args[0].Type
	if t.Shape.Size() != o.Shape.Size() {
		return nil, argument(o, 0, fmt.Sprintf("%d elements for %v", o.Shape.Size(), o.Shape), fmt.Sprintf("%d in %v", t.Shape.Size(), t.Shape))
	}
	return []ir.Type{{DType: t.DType, Shape: o.Shape}}, nil
}

// Transpose reorders axes: result axis i is argument axis Perm[i].
type Transpose struct{ Perm ir.Axes }

func (Transpose) Name() string { return "transpose" }

// Infer requires a permutation of the argument's axes.
func (o Transpose) Infer(c *ir.Instr) ([]ir.Type, error) {
	if err := arity(o, c, 1); err != nil {
		return nil, err
	}
	t := c.Args[0].Type
	if o.Perm.Len() != t.Shape.Rank() {
		return nil, argument(o, 0, fmt.Sprintf("%d axes", o.Perm.Len()), t.Shape.String())
	}
	if err := distinct(o, o.Perm, t.Shape.Rank()); err != nil {
		return nil, err
	}
	return one(o, t.DType, permuted(t.Shape, o.Perm)...)
}

func permuted(s ir.Shape, perm ir.Axes) []int64 {
	out := make([]int64, perm.Len())
	for i := range out {
		out[i] = s.Dim(perm.At(i))
	}
	return out
}

// Slice takes along each axis the places Start, Start+Step, … below Stop. Steps are positive.
type Slice struct{ Start, Stop, Step ir.Ints }

func (Slice) Name() string { return "slice" }

// Infer requires 0 ≤ start ≤ stop ≤ size for every axis.
func (o Slice) Infer(c *ir.Instr) ([]ir.Type, error) {
	if err := arity(o, c, 1); err != nil {
		return nil, err
	}
	t := c.Args[0].Type
	if err := lengths(o, t.Shape.Rank(), o.Start, o.Stop, o.Step); err != nil {
		return nil, err
	}
	if err := atLeast(o, "step", o.Step, 1); err != nil {
		return nil, err
	}
	dims := make([]int64, t.Shape.Rank())
	for i := range dims {
		lo, hi, n := o.Start.At(i), o.Stop.At(i), t.Shape.Dim(i)
		if lo < 0 || lo > hi || hi > n {
			return nil, &ir.ShapeError{Op: "slice", Arg: 0, Axis: i, Want: fmt.Sprintf("places %d to %d", lo, hi), Got: fmt.Sprintf("size %d", n)}
		}
		dims[i] = (hi - lo + o.Step.At(i) - 1) / o.Step.At(i)
	}
	return one(o, t.DType, dims...)
}

// Reverse turns the order along the axes.
type Reverse struct{ Axes ir.Axes }

func (Reverse) Name() string { return "reverse" }

// Infer requires distinct axes.
func (o Reverse) Infer(c *ir.Instr) ([]ir.Type, error) {
	if err := arity(o, c, 1); err != nil {
		return nil, err
	}
	t := c.Args[0].Type
	if err := distinct(o, o.Axes, t.Shape.Rank()); err != nil {
		return nil, err
	}
	return []ir.Type{t}, nil
}

// Pad puts Value around and between the elements: along each axis Interior values between neighbours, then Lo before and Hi after. Negative Lo and Hi cut
// off.
type Pad struct {
	Lo, Hi, Interior ir.Ints
	Value            ir.Scalar
}

func (Pad) Name() string { return "pad" }

// Infer requires sizes that stay at least 0.
func (o Pad) Infer(c *ir.Instr) ([]ir.Type, error) {
	if err := arity(o, c, 1); err != nil {
		return nil, err
	}
	t := c.Args[0].Type
	if err := lengths(o, t.Shape.Rank(), o.Lo, o.Hi, o.Interior); err != nil {
		return nil, err
	}
	if err := atLeast(o, "interior padding", o.Interior, 0); err != nil {
		return nil, err
	}
	if !representable(t.DType, o.Value.Float()) {
		return nil, attribute(o, "a value of type "+t.DType.String(), formatFloat(o.Value.Float()))
	}
	dims := make([]int64, t.Shape.Rank())
	for i := range dims {
		n, ok := spread(t.Shape.Dim(i), o.Interior.At(i)+1)
		dims[i] = n + o.Lo.At(i) + o.Hi.At(i)
		if !ok || dims[i] < 0 {
			return nil, &ir.ShapeError{Op: "pad", Arg: 0, Axis: i, Want: fmt.Sprintf("a size to which %d and %d can be added", o.Lo.At(i), o.Hi.At(i)), Got: fmt.Sprint(t.Shape.Dim(i))}
		}
	}
	return one(o, t.DType, dims...)
}

// Concat joins its arguments, one or more, along an axis.
type Concat struct{ Axis int64 }

func (Concat) Name() string { return "concat" }

// Infer requires equal types but for the axis.
func (o Concat) Infer(c *ir.Instr) ([]ir.Type, error) {
	if len(c.Args) == 0 {
		return nil, attribute(o, "at least one argument", "none")
	}
	first := c.Args[0].Type
	if err := axis(o, o.Axis, first.Shape.Rank()); err != nil {
		return nil, err
	}
	dims := first.Shape.Dims()
	for i, a := range c.Args[1:] {
		if a.Type.DType != first.DType {
			return nil, argument(o, i+1, first.DType.String(), a.Type.DType.String())
		}
		if a.Type.Shape.Rank() != first.Shape.Rank() {
			return nil, argument(o, i+1, fmt.Sprintf("%d axes", first.Shape.Rank()), a.Type.Shape.String())
		}
		for k, n := range a.Type.Shape.Dims() {
			if k == int(o.Axis) {
				if dims[k] += n; dims[k] > limit {
					return nil, size(o, i+1, k, limit, dims[k])
				}
			} else if n != dims[k] {
				return nil, size(o, i+1, k, dims[k], n)
			}
		}
	}
	return one(o, first.DType, dims...)
}
