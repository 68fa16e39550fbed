package ops

import (
	"fmt"

	"modelc/ir"
)

// Sort orders the elements along an axis: values, and the places (i32) they came from. It is stable; NaN come last (descending: first).
type Sort struct {
	Axis       int64
	Descending bool
}

func (Sort) Name() string { return "sort" }

// Infer requires numbers.
func (o Sort) Infer(c *ir.Instr) ([]ir.Type, error) {
	t, err := sortable(o, c, o.Axis)
	if err != nil {
		return nil, err
	}
	return []ir.Type{t, {DType: ir.I32, Shape: t.Shape}}, nil
}

func sortable(op ir.Op, c *ir.Instr, a int64) (ir.Type, error) {
	if err := arity(op, c, 1); err != nil {
		return ir.Type{}, err
	}
	t := c.Args[0].Type
	if !t.DType.IsFloat() && !t.DType.IsInt() {
		return t, argument(op, 0, "numbers", t.DType.String())
	}
	if err := axis(op, a, t.Shape.Rank()); err != nil {
		return t, err
	}
	if t.Shape.Dim(int(a)) == 0 {
		return t, nil
	}
	return t, places(op, 0, int(a), t.Shape.Dim(int(a)))
}

// TopK is the K greatest elements along an axis in descending order: values, and the places (i32) they came from; of equals the first come first.
type TopK struct{ Axis, K int64 }

func (TopK) Name() string { return "top_k" }

// Infer requires at least K elements.
func (o TopK) Infer(c *ir.Instr) ([]ir.Type, error) {
	t, err := sortable(o, c, o.Axis)
	if err != nil {
		return nil, err
	}
	dims := t.Shape.Dims()
	if o.K < 0 || o.K > dims[o.Axis] {
		return nil, &ir.ShapeError{Op: o.Name(), Arg: 0, Axis: int(o.Axis), Want: fmt.Sprintf("at least %d", o.K), Got: fmt.Sprint(dims[o.Axis])}
	}
	dims[o.Axis] = o.K
	v, err := checked(o, t.DType, dims...)
	return []ir.Type{v, {DType: ir.I32, Shape: v.Shape}}, err
}
