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
