package ops

import (
	"fmt"
	"math"

	"modelc/ir"
	"modelc/ir/scalar"
)

// Cumulative folds along an axis and keeps every partial result (add, mul, max): element i is the fold of the elements up to and including i; Reverse: from
// i to the end. The gradient of max goes to the first of equals.
type Cumulative struct {
	Code    scalar.Code `ir:"name"`
	Axis    int64
	Reverse bool
}

func (o Cumulative) Name() string { return foldName("cumulative_", o.Code) }

// Infer requires numbers.
func (o Cumulative) Infer(c *ir.Instr) ([]ir.Type, error) {
	if o.Code != scalar.Add && o.Code != scalar.Mul && o.Code != scalar.Max {
		return nil, attribute(o, "add, mul or max", fmt.Sprintf("%q", string(o.Code)))
	}
	t, err := sortable(o, c, o.Axis)
	if err != nil {
		return nil, err
	}
	return []ir.Type{t}, nil
}

// Grad of add is the cumulative sum of dy from the other end. That of mul builds all products without one factor, [n, n] per line, so that it is exact where
// elements are 0. That of max scatters dy to the place where the current maximum was first met.
func (o Cumulative) Grad(b *ir.Builder, c *ir.Instr, dy []*ir.Value) []*ir.Value {
	x := c.Args[0]
	if dy[0] == nil || !x.Type.DType.IsFloat() {
		return []*ir.Value{nil}
	}
	switch o.Code {
	case scalar.Add:
		return []*ir.Value{b.Op(Cumulative{scalar.Add, o.Axis, !o.Reverse}, dy[0])}
	case scalar.Mul:
		return []*ir.Value{o.gradMul(b, x, dy[0])}
	}
	return []*ir.Value{o.gradMax(b, x, dy[0])}
}

// gradMul: dx[i] = Σ j ≥ i of dy[j]·Π k ≤ j, k ≠ i of x[k] (Reverse: j ≤ i and k ≥ j). A new axis for i is put before the axis, which counts k and j.
func (o Cumulative) gradMul(b *ir.Builder, x, dy *ir.Value) *ir.Value {
	a, r := int(o.Axis), x.Type.Shape.Rank()
	n := x.Type.Shape.Dim(a)
	s, err := ir.NewShape(append(append(x.Type.Shape.Dims()[:a], n), x.Type.Shape.Dims()[a:]...)...)
	if err != nil {
		if b.Err == nil {
			b.Err = attribute(o, "an axis short enough for a gradient of size² ", err.Error())
		}
		return nil
	}
	wide := ir.Type{DType: x.Type.DType, Shape: s}
	place := ir.Type{DType: ir.I32, Shape: s}
	axes := complement(r+1, ir.NewAxes(a))
	left, at := b.Op(Iota{place, int64(a)}), b.Op(Iota{place, int64(a + 1)})
	factors := Select(b, Eq(b, left, at), Ones(b, wide), BroadcastTo(b, x, s, axes...))
	products := b.Op(Cumulative{scalar.Mul, int64(a + 1), o.Reverse}, factors)
	counts := Le(b, left, at)
	if o.Reverse {
		counts = Ge(b, left, at)
	}
	terms := Mul(b, products, BroadcastTo(b, dy, s, axes...))
	return Sum(b, Select(b, counts, terms, Zeros(b, wide)), a+1)
}

// gradMax works from the front; a Reverse one is turned around and back.
func (o Cumulative) gradMax(b *ir.Builder, x, dy *ir.Value) *ir.Value {
	a, r := int(o.Axis), x.Type.Shape.Rank()
	n := x.Type.Shape.Dim(a)
	if n == 0 {
		return Zeros(b, x.Type)
	}
	turn := Reverse{ir.NewAxes(a)}
	if o.Reverse {
		x, dy = b.Op(turn, x), b.Op(turn, dy)
	}
	running := b.Op(Cumulative{Code: scalar.Max, Axis: o.Axis}, x)
	before := PadAxis(b, running, a, 1, -1, math.Inf(-1))
	place := ir.Type{DType: ir.I32, Shape: x.Type.Shape}
	found := Select(b, Gt(b, x, before), b.Op(Iota{place, o.Axis}), Zeros(b, place))
	index := b.Op(Cumulative{Code: scalar.Max, Axis: o.Axis}, found)
	perm := append(append(order(a), order(r)[a+1:]...), a)
	dx := b.Op(Scatter{Code: scalar.Add, Axis: int64(r - 1), Batch: int64(r - 1), Size: n}, TransposeBy(b, dy, perm...), TransposeBy(b, index, perm...))
	dx = TransposeBy(b, dx, inverse(perm)...)
	if o.Reverse {
		dx = b.Op(turn, dx)
	}
	return dx
}

// Eval folds each line.
func (o Cumulative) Eval(in, out []ir.Ref) {
	f, neutral := folder(o.Code, in[0].Type.DType)
	outer, n, inner := lines(in[0].Type.Shape, int(o.Axis))
	for i := range outer {
		for j := range inner {
			acc := neutral
			for k := range n {
				if o.Reverse {
					k = n - 1 - k
				}
				at := (i*n+k)*inner + j
				acc = f(acc, in[0].Data[at])
				out[0].Data[at] = acc
			}
		}
	}
}

// Form returns Opaque.
func (o Cumulative) Form(c *ir.Instr) ir.Form {
	return ir.Form{Space: c.Results[0].Type.Shape.Dims(), Code: string(o.Code)}
}
