package ops

import (
	"fmt"

	"modelc/ir"
	"modelc/ir/scalar"
)

// Reduce folds the axes away with a code: add (of numbers), mul, max, min (numbers), and, or (bool). Sums of f16, bf16 and f32 are taken in f32 at least.
// A fold over nothing is the code's neutral element (for max and min of integers the end of the range). The gradient of max and min is shared evenly
// by the elements that are equal to the result.
type Reduce struct {
	Code scalar.Code `ir:"name"`
	Axes ir.Axes
}

// foldNames are the mnemonics of the folds.
var foldNames = map[scalar.Code]string{scalar.Add: "sum", scalar.Mul: "prod", scalar.Max: "max", scalar.Min: "min", scalar.And: "all", scalar.Or: "any"}

func foldName(prefix string, code scalar.Code) string {
	if n, ok := foldNames[code]; ok {
		return prefix + n
	}
	return prefix + string(code)
}

func (o Reduce) Name() string { return foldName("reduce_", o.Code) }

// Infer requires distinct axes and the code's domain.
func (o Reduce) Infer(c *ir.Instr) ([]ir.Type, error) {
	if err := arity(o, c, 1); err != nil {
		return nil, err
	}
	t := c.Args[0].Type
	if err := foldable(o, o.Code, t.DType); err != nil {
		return nil, err
	}
	if err := distinct(o, o.Axes, t.Shape.Rank()); err != nil {
		return nil, err
	}
	return one(o, t.DType, dimsAt(t.Shape, complement(t.Shape.Rank(), o.Axes))...)
}

func foldable(op ir.Op, code scalar.Code, d ir.DType) error {
	switch code {
	case scalar.Add, scalar.Mul, scalar.Max, scalar.Min:
		if !d.IsFloat() && !d.IsInt() {
			return argument(op, 0, "numbers", d.String())
		}
	case scalar.And, scalar.Or:
		if d != ir.Bool {
			return argument(op, 0, "bool", d.String())
		}
	default:
		return attribute(op, "a code that folds", fmt.Sprintf("%q", string(code)))
	}
	return nil
}

func dimsAt(s ir.Shape, axes []int) []int64 {
	out := make([]int64, len(axes))
	for i, a := range axes {
		out[i] = s.Dim(a)
	}
	return out
}

// ArgReduce is the place (i32) of the greatest or least element (Code max, min) along an axis, the first of equals; a NaN counts as beyond all others.
type ArgReduce struct {
	ir.NoGrad
	Code scalar.Code `ir:"name"`
	Axis int64
}

func (o ArgReduce) Name() string { return foldName("arg", o.Code) }

// Infer requires an axis that is not empty.
func (o ArgReduce) Infer(c *ir.Instr) ([]ir.Type, error) {
	if err := arity(o, c, 1); err != nil {
		return nil, err
	}
	t := c.Args[0].Type
	if o.Code != scalar.Max && o.Code != scalar.Min {
		return nil, attribute(o, "max or min", string(o.Code))
	}
	if !t.DType.IsFloat() && !t.DType.IsInt() {
		return nil, argument(o, 0, "numbers", t.DType.String())
	}
	if err := axis(o, o.Axis, t.Shape.Rank()); err != nil {
		return nil, err
	}
	if err := places(o, 0, int(o.Axis), t.Shape.Dim(int(o.Axis))); err != nil {
		return nil, err
	}
	dims := t.Shape.Dims()
	return one(o, ir.I32, append(dims[:o.Axis], dims[o.Axis+1:]...)...)
}

// places checks that there is a place along the axis and that an i32 counts them.
func places(op ir.Op, arg, axis int, n int64) error {
	if n < 1 || n > 1<<31-1 {
		return &ir.ShapeError{Op: op.Name(), Arg: arg, Axis: axis, Want: "a size from 1 to 2147483647", Got: fmt.Sprint(n)}
	}
	return nil
}
