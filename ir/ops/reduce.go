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

// Grad repeats dy for add; shares it among the equals for max and min; multiplies it by the product of all others for mul, without a division.
func (o Reduce) Grad(b *ir.Builder, c *ir.Instr, dy []*ir.Value) []*ir.Value {
	x := c.Args[0]
	if dy[0] == nil || !x.Type.DType.IsFloat() || x.Type.Shape.Size() == 0 {
		return []*ir.Value{nil}
	}
	kept := complement(x.Type.Shape.Rank(), o.Axes)
	back := func(v *ir.Value) *ir.Value { return BroadcastTo(b, v, x.Type.Shape, kept...) }
	switch o.Code {
	case scalar.Add:
		return []*ir.Value{back(dy[0])}
	case scalar.Mul:
		return []*ir.Value{Mul(b, back(dy[0]), o.others(b, x, kept))}
	}
	equal := Eq(b, x, back(c.Results[0]))
	count := reduce(b, scalar.Add, Convert(b, equal, counting(x.Type.DType)), o.Axes.List())
	return []*ir.Value{Select(b, equal, back(shared(b, dy[0], count)), Zeros(b, x.Type))}
}

// counting returns the floating-point type in which equals are counted: a narrow one would round.
func counting(d ir.DType) ir.DType {
	if d == ir.F64 {
		return ir.F64
	}
	return ir.F32
}

// shared divides a gradient by counts.
func shared(b *ir.Builder, dy, count *ir.Value) *ir.Value {
	return Convert(b, Div(b, Convert(b, dy, count.Type.DType), count), dy.Type.DType)
}

// others returns for each element the product of all other elements of its fold: exclusive products from both ends, with the folded axes joined into one.
func (o Reduce) others(b *ir.Builder, x *ir.Value, kept []int) *ir.Value {
	s := x.Type.Shape
	perm := append(append([]int(nil), kept...), o.Axes.List()...)
	folded := dimsAt(s, o.Axes.List())
	n := int64(1)
	for _, d := range folded {
		n *= d
	}
	t := TransposeBy(b, x, perm...)
	flat := ReshapeTo(b, t, ir.MustShape(append(dimsAt(s, kept), n)...))
	last := len(kept)
	before := b.Op(Cumulative{Code: scalar.Mul, Axis: int64(last)}, exclusive(b, flat, last, false))
	after := b.Op(Cumulative{Code: scalar.Mul, Axis: int64(last), Reverse: true}, exclusive(b, flat, last, true))
	return TransposeBy(b, ReshapeTo(b, Mul(b, before, after), t.Type.Shape), inverse(perm)...)
}

// exclusive shifts the elements by one place along an axis, away from the end where a cumulative product begins, and puts a 1 there.
func exclusive(b *ir.Builder, x *ir.Value, axis int, reverse bool) *ir.Value {
	if x.Type.Shape.Dim(axis) == 0 {
		return x
	}
	if reverse {
		return PadAxis(b, x, axis, -1, 1, 1)
	}
	return PadAxis(b, x, axis, 1, -1, 1)
}

// Eval folds in row-major order.
func (o Reduce) Eval(in, out []ir.Ref) {
	s := in[0].Type.Shape
	f, neutral := folder(o.Code, in[0].Type.DType)
	folded := offsets(s, o.Axes.List())
	for i, at := range offsets(s, complement(s.Rank(), o.Axes)) {
		acc := neutral
		for _, k := range folded {
			acc = f(acc, in[0].Data[at+k])
		}
		out[0].Data[i] = acc
	}
}

// Form returns a Reduce whose folded axes are in the order of Axes.
func (o Reduce) Form(c *ir.Instr) ir.Form {
	return fold(c, string(o.Code), o.Axes.List())
}

func fold(c *ir.Instr, code string, axes []int) ir.Form {
	s := c.Args[0].Type.Shape
	f := ir.Form{Kind: ir.Reduce, Space: c.Results[0].Type.Shape.Dims(), Folds: len(axes), Code: code}
	a := ir.Access{Axes: make([]ir.Affine, s.Rank())}
	for i, k := range complement(s.Rank(), ir.NewAxes(axes...)) {
		a.Axes[k] = ir.Along(i)
	}
	for _, k := range axes {
		a.Axes[k] = ir.Along(len(f.Space))
		f.Space = append(f.Space, s.Dim(k))
	}
	f.Reads = []ir.Access{a}
	return f
}

// Eval scans each line.
func (o ArgReduce) Eval(in, out []ir.Ref) {
	outer, n, inner := lines(in[0].Type.Shape, int(o.Axis))
	for i := range outer {
		for j := range inner {
			best := int64(0)
			for k := range n {
				if beyond(o.Code, in[0].Data[(i*n+k)*inner+j], in[0].Data[(i*n+best)*inner+j]) {
					best = k
				}
			}
			out[0].Data[i*inner+j] = float64(best)
		}
	}
}

// Form returns a Reduce with the code "argmax" or "argmin".
func (o ArgReduce) Form(c *ir.Instr) ir.Form { return fold(c, o.Name(), []int{int(o.Axis)}) }
