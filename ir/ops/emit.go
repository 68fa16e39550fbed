package ops

import (
	"modelc/ir"
	"modelc/ir/scalar"
)

// This file is how passes and lowering write ops: one function per op or common use, each taking the builder first. All but Convert, BroadcastTo and
// ReshapeTo emit one instruction; those emit nothing when there is nothing to do.

// Neg emits the elementwise op neg.
func Neg(b *ir.Builder, x *ir.Value) *ir.Value { return b.Op(Map{scalar.Neg}, x) }

// Abs emits the elementwise op abs.
func Abs(b *ir.Builder, x *ir.Value) *ir.Value { return b.Op(Map{scalar.Abs}, x) }

// Sign emits the elementwise op sign.
func Sign(b *ir.Builder, x *ir.Value) *ir.Value { return b.Op(Map{scalar.Sign}, x) }

// Exp emits the elementwise op exp.
func Exp(b *ir.Builder, x *ir.Value) *ir.Value { return b.Op(Map{scalar.Exp}, x) }

// Expm1 emits the elementwise op expm1.
func Expm1(b *ir.Builder, x *ir.Value) *ir.Value { return b.Op(Map{scalar.Expm1}, x) }

// Log emits the elementwise op log.
func Log(b *ir.Builder, x *ir.Value) *ir.Value { return b.Op(Map{scalar.Log}, x) }

// Log1p emits the elementwise op log1p.
func Log1p(b *ir.Builder, x *ir.Value) *ir.Value { return b.Op(Map{scalar.Log1p}, x) }

// Sqrt emits the elementwise op sqrt.
func Sqrt(b *ir.Builder, x *ir.Value) *ir.Value { return b.Op(Map{scalar.Sqrt}, x) }

// Rsqrt emits the elementwise op rsqrt.
func Rsqrt(b *ir.Builder, x *ir.Value) *ir.Value { return b.Op(Map{scalar.Rsqrt}, x) }

// Sin emits the elementwise op sin.
func Sin(b *ir.Builder, x *ir.Value) *ir.Value { return b.Op(Map{scalar.Sin}, x) }

// Cos emits the elementwise op cos.
func Cos(b *ir.Builder, x *ir.Value) *ir.Value { return b.Op(Map{scalar.Cos}, x) }

// Tanh emits the elementwise op tanh.
func Tanh(b *ir.Builder, x *ir.Value) *ir.Value { return b.Op(Map{scalar.Tanh}, x) }

// Sigmoid emits the elementwise op sigmoid.
func Sigmoid(b *ir.Builder, x *ir.Value) *ir.Value { return b.Op(Map{scalar.Sigmoid}, x) }

// Erf emits the elementwise op erf.
func Erf(b *ir.Builder, x *ir.Value) *ir.Value { return b.Op(Map{scalar.Erf}, x) }

// Floor emits the elementwise op floor.
func Floor(b *ir.Builder, x *ir.Value) *ir.Value { return b.Op(Map{scalar.Floor}, x) }

// Ceil emits the elementwise op ceil.
func Ceil(b *ir.Builder, x *ir.Value) *ir.Value { return b.Op(Map{scalar.Ceil}, x) }

// Round emits the elementwise op round.
func Round(b *ir.Builder, x *ir.Value) *ir.Value { return b.Op(Map{scalar.Round}, x) }

// Not emits the elementwise op not.
func Not(b *ir.Builder, x *ir.Value) *ir.Value { return b.Op(Map{scalar.Not}, x) }

// IsFinite emits the elementwise op is_finite.
func IsFinite(b *ir.Builder, x *ir.Value) *ir.Value { return b.Op(Map{scalar.IsFinite}, x) }

// Add emits the elementwise op add.
func Add(b *ir.Builder, x, y *ir.Value) *ir.Value { return b.Op(Map{scalar.Add}, x, y) }

// Sub emits the elementwise op sub.
func Sub(b *ir.Builder, x, y *ir.Value) *ir.Value { return b.Op(Map{scalar.Sub}, x, y) }

// Mul emits the elementwise op mul.
func Mul(b *ir.Builder, x, y *ir.Value) *ir.Value { return b.Op(Map{scalar.Mul}, x, y) }

// Div emits the elementwise op div.
func Div(b *ir.Builder, x, y *ir.Value) *ir.Value { return b.Op(Map{scalar.Div}, x, y) }

// Pow emits the elementwise op pow.
func Pow(b *ir.Builder, x, y *ir.Value) *ir.Value { return b.Op(Map{scalar.Pow}, x, y) }

// Max emits the elementwise op max.
func Max(b *ir.Builder, x, y *ir.Value) *ir.Value { return b.Op(Map{scalar.Max}, x, y) }

// Min emits the elementwise op min.
func Min(b *ir.Builder, x, y *ir.Value) *ir.Value { return b.Op(Map{scalar.Min}, x, y) }

// Rem emits the elementwise op rem.
func Rem(b *ir.Builder, x, y *ir.Value) *ir.Value { return b.Op(Map{scalar.Rem}, x, y) }

// FloorDiv emits the elementwise op floordiv.
func FloorDiv(b *ir.Builder, x, y *ir.Value) *ir.Value { return b.Op(Map{scalar.FloorDiv}, x, y) }

// Atan2 emits the elementwise op atan2.
func Atan2(b *ir.Builder, x, y *ir.Value) *ir.Value { return b.Op(Map{scalar.Atan2}, x, y) }

// Eq emits the elementwise op eq.
func Eq(b *ir.Builder, x, y *ir.Value) *ir.Value { return b.Op(Map{scalar.Eq}, x, y) }

// Ne emits the elementwise op ne.
func Ne(b *ir.Builder, x, y *ir.Value) *ir.Value { return b.Op(Map{scalar.Ne}, x, y) }

// Lt emits the elementwise op lt.
func Lt(b *ir.Builder, x, y *ir.Value) *ir.Value { return b.Op(Map{scalar.Lt}, x, y) }

// Le emits the elementwise op le.
func Le(b *ir.Builder, x, y *ir.Value) *ir.Value { return b.Op(Map{scalar.Le}, x, y) }

// Gt emits the elementwise op gt.
func Gt(b *ir.Builder, x, y *ir.Value) *ir.Value { return b.Op(Map{scalar.Gt}, x, y) }

// Ge emits the elementwise op ge.
func Ge(b *ir.Builder, x, y *ir.Value) *ir.Value { return b.Op(Map{scalar.Ge}, x, y) }

// And emits the elementwise op and.
func And(b *ir.Builder, x, y *ir.Value) *ir.Value { return b.Op(Map{scalar.And}, x, y) }

// Or emits the elementwise op or.
func Or(b *ir.Builder, x, y *ir.Value) *ir.Value { return b.Op(Map{scalar.Or}, x, y) }

// Select takes x where the condition is true and y elsewhere.
func Select(b *ir.Builder, cond, x, y *ir.Value) *ir.Value {
	return b.Op(Map{scalar.Select}, cond, x, y)
}

// Number is a value with one number everywhere; a float rounds to the type.
func Number(b *ir.Builder, t ir.Type, v float64) *ir.Value {
	if t.DType.IsFloat() {
		v = t.DType.Round(v)
	}
	return b.Op(Const{t, ir.Num(v)})
}

// Zeros is a value of zeros (false).
func Zeros(b *ir.Builder, t ir.Type) *ir.Value { return Number(b, t, 0) }

// Ones is a value of ones (true).
func Ones(b *ir.Builder, t ir.Type) *ir.Value { return Number(b, t, 1) }

// Convert casts to an element type, unless x has it.
func Convert(b *ir.Builder, x *ir.Value, d ir.DType) *ir.Value {
	if x.Type.DType == d {
		return x
	}
	return b.Op(Cast{d}, x)
}

// BroadcastTo puts axis k of x at result axis axes[k] and repeats x along the others.
func BroadcastTo(b *ir.Builder, x *ir.Value, shape ir.Shape, axes ...int) *ir.Value {
	if x.Type.Shape == shape && len(axes) == shape.Rank() {
		return x
	}
	return b.Op(Broadcast{shape, ir.NewAxes(axes...)}, x)
}

// ReshapeTo gives x another shape, unless it has it.
func ReshapeTo(b *ir.Builder, x *ir.Value, shape ir.Shape) *ir.Value {
	if x.Type.Shape == shape {
		return x
	}
	return b.Op(Reshape{shape}, x)
}

// TransposeBy reorders axes: result axis i is axis perm[i] of x.
func TransposeBy(b *ir.Builder, x *ir.Value, perm ...int) *ir.Value {
	for i, p := range perm {
		if i != p {
			return b.Op(Transpose{ir.NewAxes(perm...)}, x)
		}
	}
	return x
}

// SliceAxis takes the places lo up to hi, without hi, along one axis.
func SliceAxis(b *ir.Builder, x *ir.Value, axis int, lo, hi int64) *ir.Value {
	r := x.Type.Shape.Rank()
	start, stop, step := make([]int64, r), x.Type.Shape.Dims(), filled(r, 1)
	start[axis], stop[axis] = lo, hi
	return b.Op(Slice{ir.NewInts(start...), ir.NewInts(stop...), ir.NewInts(step...)}, x)
}

// PadAxis adds lo elements before and hi after along one axis; negative numbers cut off.
func PadAxis(b *ir.Builder, x *ir.Value, axis int, lo, hi int64, value float64) *ir.Value {
	r := x.Type.Shape.Rank()
	before, after := make([]int64, r), make([]int64, r)
	before[axis], after[axis] = lo, hi
	return b.Op(Pad{Lo: ir.NewInts(before...), Hi: ir.NewInts(after...), Interior: ir.NewInts(make([]int64, r)...), Value: ir.Num(value)}, x)
}

func filled(n int, v int64) []int64 {
	out := make([]int64, n)
	for i := range out {
		out[i] = v
	}
	return out
}

// Sum adds up along the axes and removes them.
func Sum(b *ir.Builder, x *ir.Value, axes ...int) *ir.Value { return reduce(b, scalar.Add, x, axes) }

// Prod multiplies along the axes and removes them.
func Prod(b *ir.Builder, x *ir.Value, axes ...int) *ir.Value { return reduce(b, scalar.Mul, x, axes) }

// ReduceMax is the greatest along the axes, which it removes.
func ReduceMax(b *ir.Builder, x *ir.Value, axes ...int) *ir.Value {
	return reduce(b, scalar.Max, x, axes)
}

// ReduceMin is the least along the axes, which it removes.
func ReduceMin(b *ir.Builder, x *ir.Value, axes ...int) *ir.Value {
	return reduce(b, scalar.Min, x, axes)
}

// All is whether all are true along the axes, which it removes.
func All(b *ir.Builder, x *ir.Value, axes ...int) *ir.Value { return reduce(b, scalar.And, x, axes) }

// Any is whether any is true along the axes, which it removes.
func Any(b *ir.Builder, x *ir.Value, axes ...int) *ir.Value { return reduce(b, scalar.Or, x, axes) }

func reduce(b *ir.Builder, code scalar.Code, x *ir.Value, axes []int) *ir.Value {
	return b.Op(Reduce{code, ir.NewAxes(axes...)}, x)
}

// MatMul contracts the last axis of x with the first of y: [m…, k] · [k, n…] -> [m…, n…].
func MatMul(b *ir.Builder, x, y *ir.Value) *ir.Value {
	return b.Op(Dot{ContractA: ir.NewAxes(max(x.Type.Shape.Rank()-1, 0)), ContractB: ir.NewAxes(0)}, x, y)
}

// Convolve is the convolution of x [N, C, spatial…] with w [O, C/groups, spatial…] -> [N, O, spatial…]: a Conv, with its channel axes split in two when there
// are groups. The lists hold one entry per spatial axis.
func Convolve(b *ir.Builder, x, w *ir.Value, stride, dilate, padLo, padHi []int64, groups int64) *ir.Value {
	o := Conv{Stride: ir.NewInts(stride...), DilateX: ir.NewInts(filled(len(stride), 1)...), DilateW: ir.NewInts(dilate...),
		PadLo: ir.NewInts(padLo...), PadHi: ir.NewInts(padHi...), Grouped: groups != 1}
	if groups == 1 {
		return b.Op(o, x, w)
	}
	split := func(v *ir.Value, axis int) *ir.Value {
		d := v.Type.Shape.Dims()
		if axis >= len(d) || groups < 1 || d[axis]%groups != 0 {
			if b.Err == nil {
				b.Err = &ir.ShapeError{Op: "conv", Arg: 1 - axis, Axis: axis, Want: "channels that divide by the groups", Got: v.Type.String()}
			}
			return v
		}
		n := append(append(d[:axis:axis], groups, d[axis]/groups), d[axis+1:]...)
		s, err := ir.NewShape(n...)
		if err != nil && b.Err == nil {
			b.Err = err
		}
		return ReshapeTo(b, v, s)
	}
	y := b.Op(o, split(x, 1), split(w, 0))
	if y.Type.DType == ir.Invalid {
		return y
	}
	d := y.Type.Shape.Dims()
	return ReshapeTo(b, y, ir.MustShape(append([]int64{d[0], d[1] * d[2]}, d[3:]...)...))
}

// Unpool is the gradient of PoolMax: it adds dy into the places of the plane (the sizes of the pooled axes before pooling).
func Unpool(b *ir.Builder, dy, index *ir.Value, plane ...int64) *ir.Value {
	lead := dy.Type.Shape.Dims()[:max(dy.Type.Shape.Rank()-len(plane), 0)]
	n := int64(1)
	for _, p := range plane {
		n *= p
	}
	flat := b.Op(Scatter{Code: scalar.Add, Axis: int64(len(lead)), Batch: int64(len(lead)), Size: n}, dy, index)
	s, err := ir.NewShape(append(append([]int64(nil), lead...), plane...)...)
	if err != nil && b.Err == nil {
		b.Err = err
	}
	return ReshapeTo(b, flat, s)
}
