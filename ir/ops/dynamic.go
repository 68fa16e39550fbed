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

// Grad puts dy among zeros at the same place.
func (o DynamicSlice) Grad(b *ir.Builder, c *ir.Instr, dy []*ir.Value) []*ir.Value {
	out := make([]*ir.Value, len(c.Args))
	if dy[0] != nil && c.Args[0].Type.DType.IsFloat() {
		out[0] = b.Op(DynamicUpdate{}, append([]*ir.Value{Zeros(b, c.Args[0].Type), dy[0]}, c.Args[1:]...)...)
	}
	return out
}

// Grad gives the block of dy to the update and the rest, with zeros in the block, to x.
func (o DynamicUpdate) Grad(b *ir.Builder, c *ir.Instr, dy []*ir.Value) []*ir.Value {
	out := make([]*ir.Value, len(c.Args))
	if dy[0] == nil || !c.Args[0].Type.DType.IsFloat() {
		return out
	}
	u := c.Args[1].Type
	out[0] = b.Op(o, append([]*ir.Value{dy[0], Zeros(b, u)}, c.Args[2:]...)...)
	out[1] = b.Op(DynamicSlice{ir.NewInts(u.Shape.Dims()...)}, append([]*ir.Value{dy[0]}, c.Args[2:]...)...)
	return out
}

// corner returns the offset of a block's first element, its starts clamped.
func corner(whole, block ir.Shape, starts []ir.Ref) int64 {
	at := int64(0)
	for i, stride := range rowMajor(whole.Dims()) {
		at += max(0, min(int64(starts[i].Data[0]), whole.Dim(i)-block.Dim(i))) * stride
	}
	return at
}

// eachPlace calls f with the offset in the whole of every element of the block, in order.
func eachPlace(whole, block ir.Shape, starts []ir.Ref, f func(i int, at int64)) {
	base := corner(whole, block, starts)
	strides := rowMajor(whole.Dims())
	i := 0
	each(block.Dims(), func(p []int64) {
		at := base
		for k, v := range p {
			at += v * strides[k]
		}
		f(i, at)
		i++
	})
}

// Eval cuts out.
func (o DynamicSlice) Eval(in, out []ir.Ref) {
	eachPlace(in[0].Type.Shape, out[0].Type.Shape, in[1:], func(i int, at int64) { out[0].Data[i] = in[0].Data[at] })
}

// Eval copies and replaces.
func (o DynamicUpdate) Eval(in, out []ir.Ref) {
	copy(out[0].Data, in[0].Data)
	eachPlace(in[0].Type.Shape, in[1].Type.Shape, in[2:], func(i int, at int64) { out[0].Data[at] = in[1].Data[i] })
}

// Form returns Opaque.
func (o DynamicSlice) Form(c *ir.Instr) ir.Form { return ir.Form{Space: o.Sizes.List()} }

// Form returns Opaque.
func (o DynamicUpdate) Form(c *ir.Instr) ir.Form {
	return ir.Form{Space: c.Args[0].Type.Shape.Dims()}
}
