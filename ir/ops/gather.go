package ops

import (
	"fmt"

	"modelc/ir"
	"modelc/ir/scalar"
)

// Gather reads by index along one axis:
//
//	x [batch…, pre…, axis, post…], indices [batch…, idx…] -> [batch…, pre…, idx…, post…]
//
// The first Batch axes are shared; Axis counts all axes of x. An index outside the axis reads 0.
type Gather struct{ Axis, Batch int64 }

func (Gather) Name() string { return "gather" }

// Infer requires integer indices that share the batch axes.
func (o Gather) Infer(c *ir.Instr) ([]ir.Type, error) {
	if err := arity(o, c, 2); err != nil {
		return nil, err
	}
	x, idx := c.Args[0].Type, c.Args[1].Type
	if x.DType == ir.Invalid {
		return nil, argument(o, 0, "a valid type", "invalid")
	}
	if err := axis(o, o.Axis, x.Shape.Rank()); err != nil {
		return nil, err
	}
	if err := batched(o, o.Axis, o.Batch, 0, x.Shape, 1, idx); err != nil {
		return nil, err
	}
	dims := append(x.Shape.Dims()[:o.Axis], idx.Shape.Dims()[o.Batch:]...)
	return one(o, x.DType, append(dims, x.Shape.Dims()[o.Axis+1:]...)...)
}

// batched checks that indices are integers and share the first axes with a shape.
func batched(op ir.Op, axis, batch int64, arg int, s ir.Shape, indexArg int, idx ir.Type) error {
	if batch < 0 || batch > axis {
		return attribute(op, fmt.Sprintf("at most %d batch axes", axis), fmt.Sprint(batch))
	}
	if !idx.DType.IsInt() {
		return argument(op, indexArg, "integers", idx.DType.String())
	}
	if int64(idx.Shape.Rank()) < batch {
		return argument(op, indexArg, fmt.Sprintf("at least %d axes", batch), idx.Shape.String())
	}
	for i := range int(batch) {
		if s.Dim(i) != idx.Shape.Dim(i) {
			return size(op, indexArg, i, s.Dim(i), idx.Shape.Dim(i))
		}
	}
	return nil
}

// Scatter folds updates (add, max, min) into the places given by index along one axis, each starting from the code's neutral element:
//
//	updates [batch…, pre…, idx…, post…], indices [batch…, idx…] -> [batch…, pre…, Size, post…]
//
// It is the adjoint of Gather with the same Axis and Batch. An update whose index lies outside 0 … Size-1 is dropped. The gradient of max and min is shared
// evenly by the updates that are equal to the result.
type Scatter struct {
	Code              scalar.Code `ir:"name"`
	Axis, Batch, Size int64
}

func (o Scatter) Name() string { return "scatter_" + string(o.Code) }

// Infer requires integer indices whose axes the updates have.
func (o Scatter) Infer(c *ir.Instr) ([]ir.Type, error) {
	if err := arity(o, c, 2); err != nil {
		return nil, err
	}
	if o.Code != scalar.Add && o.Code != scalar.Max && o.Code != scalar.Min {
		return nil, attribute(o, "add, max or min", fmt.Sprintf("%q", string(o.Code)))
	}
	u, idx := c.Args[0].Type, c.Args[1].Type
	if err := foldable(o, o.Code, u.DType); err != nil {
		return nil, err
	}
	if o.Axis < 0 || o.Axis > int64(u.Shape.Rank()) {
		return nil, attribute(o, fmt.Sprintf("an axis of at most %d", u.Shape.Rank()), fmt.Sprint(o.Axis))
	}
	if err := batched(o, o.Axis, o.Batch, 0, u.Shape, 1, idx); err != nil {
		return nil, err
	}
	n := idx.Shape.Rank() - int(o.Batch)
	if u.Shape.Rank() < int(o.Axis)+n {
		return nil, argument(o, 0, fmt.Sprintf("at least %d axes", int(o.Axis)+n), u.Shape.String())
	}
	for i := range n {
		if want, got := idx.Shape.Dim(int(o.Batch)+i), u.Shape.Dim(int(o.Axis)+i); want != got {
			return nil, size(o, 0, int(o.Axis)+i, want, got)
		}
	}
	dims := append(u.Shape.Dims()[:o.Axis], o.Size)
	return one(o, u.DType, append(dims, u.Shape.Dims()[int(o.Axis)+n:]...)...)
}

// Grad scatters dy back.
func (o Gather) Grad(b *ir.Builder, c *ir.Instr, dy []*ir.Value) []*ir.Value {
	x := c.Args[0]
	if dy[0] == nil || !x.Type.DType.IsFloat() {
		return []*ir.Value{nil, nil}
	}
	dx := b.Op(Scatter{Code: scalar.Add, Axis: o.Axis, Batch: o.Batch, Size: x.Type.Shape.Dim(int(o.Axis))}, dy[0], c.Args[1])
	return []*ir.Value{dx, nil}
}

// Grad gathers dy; for max and min, divided by the number of updates equal to the result, where the update is one of them.
func (o Scatter) Grad(b *ir.Builder, c *ir.Instr, dy []*ir.Value) []*ir.Value {
	u, idx := c.Args[0], c.Args[1]
	if dy[0] == nil || !u.Type.DType.IsFloat() {
		return []*ir.Value{nil, nil}
	}
	if o.Size == 0 {
		return []*ir.Value{Zeros(b, u.Type), nil}
	}
	back := func(v *ir.Value) *ir.Value { return b.Op(Gather{Axis: o.Axis, Batch: o.Batch}, v, idx) }
	if o.Code == scalar.Add {
		return []*ir.Value{back(dy[0]), nil}
	}
	equal := Eq(b, u, back(c.Results[0]))
	count := b.Op(Scatter{scalar.Add, o.Axis, o.Batch, o.Size}, Convert(b, equal, counting(u.Type.DType)), idx)
	share := shared(b, dy[0], Max(b, count, Ones(b, count.Type)))
	return []*ir.Value{Select(b, equal, back(share), Zeros(b, u.Type)), nil}
}

// eachIndex calls f with offsets: into the array with the indexed axis (of size n) and into the array with the index axes in its place, for every index
// that lies inside.
func eachIndex(whole ir.Shape, axis, batch int64, idx ir.Ref, f func(whole, part int64)) {
	b, p, n := span(whole, 0, int(batch)), span(whole, int(batch), int(axis)), whole.Dim(int(axis))
	q := span(whole, int(axis)+1, whole.Rank())
	m := span(idx.Type.Shape, int(batch), idx.Type.Shape.Rank())
	for i := range b {
		for j := range p {
			for k := range m {
				v := idx.Data[i*m+k]
				if !(v >= 0 && v < float64(n)) {
					continue
				}
				for l := range q {
					f(((i*p+j)*n+int64(v))*q+l, ((i*p+j)*m+k)*q+l)
				}
			}
		}
	}
}

// Eval reads.
func (o Gather) Eval(in, out []ir.Ref) {
	clear(out[0].Data)
	eachIndex(in[0].Type.Shape, o.Axis, o.Batch, in[1], func(whole, part int64) { out[0].Data[part] = in[0].Data[whole] })
}

// Eval folds in the row-major order of the updates.
func (o Scatter) Eval(in, out []ir.Ref) {
	f, neutral := folder(o.Code, in[0].Type.DType)
	for i := range out[0].Data {
		out[0].Data[i] = neutral
	}
	eachIndex(out[0].Type.Shape, o.Axis, o.Batch, in[1], func(whole, part int64) {
		out[0].Data[whole] = f(out[0].Data[whole], in[0].Data[part])
	})
}

// Form returns an Index with the code "gather": the place along Axis is what the indices hold.
func (o Gather) Form(c *ir.Instr) ir.Form {
	x, idx := c.Args[0].Type.Shape, c.Args[1].Type.Shape
	added := idx.Rank() - int(o.Batch)
	rx, ri := ir.Identity(x.Rank()), ir.Identity(idx.Rank())
	rx.Axes[o.Axis] = ir.Affine{Step: -1}
	for i := int(o.Axis) + 1; i < x.Rank(); i++ {
		rx.Axes[i] = ir.Along(i - 1 + added)
	}
	for i := range added {
		ri.Axes[int(o.Batch)+i] = ir.Along(int(o.Axis) + i)
	}
	rx.Padded = true
	return ir.Form{Kind: ir.Index, Space: c.Results[0].Type.Shape.Dims(), Reads: []ir.Access{rx, ri}, Code: "gather"}
}

// Form returns Opaque.
func (o Scatter) Form(c *ir.Instr) ir.Form {
	return ir.Form{Space: c.Results[0].Type.Shape.Dims(), Code: string(o.Code)}
}
