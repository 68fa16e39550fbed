package ops

import (
	"fmt"

	"modelc/ir"
)

// DynamicSlice cuts a block of the given sizes out of x at a place that is known at run time: x, then one i32 scalar per axis. A start is clamped so
// that the block lies inside.
type DynamicSlice struct{ Sizes ir.Ints }

func (DynamicSlice) Name() string { return "dynamic_slice" }

// Infer requires sizes within those of x.
func (o DynamicSlice) Infer(c *ir.Instr) ([]ir.Type, error) {
	if len(c.Args) == 0 {
		return nil, attribute(o, "an argument", "none")
	}
	t := c.Args[0].Type
	if err := starts(o, c, 1, t.Shape.Rank()); err != nil {
		return nil, err
	}
	if err := lengths(o, t.Shape.Rank(), o.Sizes); err != nil {
		return nil, err
	}
	for i, n := range o.Sizes.List() {
		if n < 0 || n > t.Shape.Dim(i) {
			return nil, &ir.ShapeError{Op: o.Name(), Arg: 0, Axis: i, Want: fmt.Sprintf("at least %d", n), Got: fmt.Sprint(t.Shape.Dim(i))}
		}
	}
	return one(o, t.DType, o.Sizes.List()...)
}

func starts(op ir.Op, c *ir.Instr, from, rank int) error {
	if err := arity(op, c, from+rank); err != nil {
		return err
	}
	for i, a := range c.Args[from:] {
		if a.Type != ir.Of(ir.I32) {
			return argument(op, from+i, "i32[]", a.Type.String())
		}
	}
	return nil
}

// DynamicUpdate replaces a block of x by update at a place that is known at run time: x, update, then one i32 scalar per axis, clamped so that the block
// lies inside.
type DynamicUpdate struct{}

func (DynamicUpdate) Name() string { return "dynamic_update" }

// Infer requires an update that fits into x.
func (o DynamicUpdate) Infer(c *ir.Instr) ([]ir.Type, error) {
	if len(c.Args) < 2 {
		return nil, attribute(o, "two arguments and starts", fmt.Sprint(len(c.Args)))
	}
	x, u := c.Args[0].Type, c.Args[1].Type
	if u.DType != x.DType {
		return nil, argument(o, 1, x.DType.String(), u.DType.String())
	}
	if u.Shape.Rank() != x.Shape.Rank() {
		return nil, argument(o, 1, fmt.Sprintf("%d axes", x.Shape.Rank()), u.Shape.String())
	}
	if err := starts(o, c, 2, x.Shape.Rank()); err != nil {
		return nil, err
	}
	for i, n := range u.Shape.Dims() {
		if n > x.Shape.Dim(i) {
			return nil, &ir.ShapeError{Op: o.Name(), Arg: 1, Axis: i, Want: fmt.Sprintf("at most %d", x.Shape.Dim(i)), Got: fmt.Sprint(n)}
		}
	}
	return []ir.Type{x}, nil
}
