package lower

import (
	"fmt"
	"math"
	"slices"

	"modelc/ir"
	"modelc/ir/ops"
	"modelc/ir/scalar"
)

// The methods below emit one op each. They leave out what would change nothing (a reshape to the same shape, a transposition that keeps the order), so that
// callers need not ask.

func (f *frame) number(t ir.Type, v float64) *ir.Value {
	if t.DType.IsInt() {
		if lo, hi := t.DType.Range(); v < lo || v > hi || v != math.Trunc(v) {
			f.fail("M281", f.at, fmt.Sprintf("the number %v is no %s", v, t.DType))
		}
	}
	return f.b.Op(ops.Const{Type: t, Value: ir.Num(v)})
}

func (f *frame) int32(v int64) *ir.Value { return f.number(ir.Of(ir.I32), float64(v)) }

func (f *frame) like(v *ir.Value, x float64) *ir.Value { return f.number(v.Type, x) }

func (f *frame) iota(t ir.Type, axis int) *ir.Value {
	if n := t.Shape.Dim(axis); n > math.MaxInt32 {
		f.fail("M281", f.at, fmt.Sprintf("an axis of %d places cannot be counted: at most %d", n, math.MaxInt32))
	}
	return f.b.Op(ops.Iota{Type: t, Axis: int64(axis)})
}

func (f *frame) apply(code scalar.Code, args ...*ir.Value) *ir.Value {
	return f.b.Op(ops.Map{Code: code}, args...)
}

func (f *frame) cast(v *ir.Value, to ir.DType) *ir.Value {
	if v.Type.DType == to {
		return v
	}
	return f.b.Op(ops.Cast{To: to}, v)
}

func (f *frame) stop(v *ir.Value) *ir.Value { return f.b.Op(ops.Stop{}, v) }

// shape returns the shape with the given sizes, which may have too many axes or be too large: an intermediate of what the user wrote.
func (f *frame) shape(dims []int64) ir.Shape {
	s, err := ir.NewShape(dims...)
	if err != nil {
		f.fail("M281", f.at, "this tensor cannot be made: "+err.Error())
	}
	return s
}

// broadcast places axis k of v at axes[k] of the result, which increase.
func (f *frame) broadcast(v *ir.Value, dims []int64, axes []int) *ir.Value {
	if len(axes) == len(dims) {
		return v
	}
	if c, ok := constant(v); ok {
		return f.number(ir.Type{DType: v.Type.DType, Shape: f.shape(dims)}, c)
	}
	return f.b.Op(ops.Broadcast{Shape: f.shape(dims), Axes: ir.NewAxes(axes...)}, v)
}

// trailing repeats v over new leading axes: its dims are a suffix of dims.
func (f *frame) trailing(v *ir.Value, dims []int64) *ir.Value {
	r := v.Type.Shape.Rank()
	axes := make([]int, r)
	for i := range axes {
		axes[i] = len(dims) - r + i
	}
	return f.broadcast(v, dims, axes)
}

func constant(v *ir.Value) (float64, bool) {
	if v.Def == nil {
		return 0, false
	}
	c, ok := v.Def.Op.(ops.Const)
	if !ok {
		return 0, false
	}
	return c.Value.Float(), true
}

func (f *frame) reshape(v *ir.Value, dims ...int64) *ir.Value {
	if slices.Equal(v.Type.Shape.Dims(), dims) {
		return v
	}
	return f.b.Op(ops.Reshape{Shape: f.shape(dims)}, v)
}

// transpose makes axis i of the result of axis perm[i] of v.
func (f *frame) transpose(v *ir.Value, perm []int) *ir.Value {
	if slices.IsSorted(perm) {
		return v
	}
	return f.b.Op(ops.Transpose{Perm: ir.NewAxes(perm...)}, v)
}

// cut takes count places of one axis from start on, step apart.
func (f *frame) cut(v *ir.Value, axis int, start, count, step int64) *ir.Value {
	dims := v.Type.Shape.Dims()
	if start == 0 && count == dims[axis] && step == 1 {
		return v
	}
	lo, one := make([]int64, len(dims)), make([]int64, len(dims))
	hi := slices.Clone(dims)
	for i := range one {
		one[i] = 1
	}
	lo[axis], hi[axis], one[axis] = start, start+(count-1)*step+1, step
	if count == 0 {
		lo[axis], hi[axis] = 0, 0
	}
	return f.b.Op(ops.Slice{Start: ir.NewInts(lo...), Stop: ir.NewInts(hi...), Step: ir.NewInts(one...)}, v)
}

// drop removes an axis of size 1.
func (f *frame) drop(v *ir.Value, axis int) *ir.Value {
	return f.reshape(v, slices.Delete(v.Type.Shape.Dims(), axis, axis+1)...)
}

func (f *frame) reverse(v *ir.Value, axes ...int) *ir.Value {
	if len(axes) == 0 {
		return v
	}
	return f.b.Op(ops.Reverse{Axes: ir.NewAxes(axes...)}, v)
}

func (f *frame) pad(v *ir.Value, lo, hi, interior []int64, value float64) *ir.Value {
	zero := func(l []int64) bool { return !slices.ContainsFunc(l, func(n int64) bool { return n != 0 }) }
	if zero(lo) && zero(hi) && zero(interior) {
		return v
	}
	return f.b.Op(ops.Pad{Lo: ir.NewInts(lo...), Hi: ir.NewInts(hi...), Interior: ir.NewInts(interior...), Value: ir.Num(value)}, v)
}

func (f *frame) concat(axis int, args ...*ir.Value) *ir.Value {
	if len(args) == 1 {
		return args[0]
	}
	return f.b.Op(ops.Concat{Axis: int64(axis)}, args...)
}

// stack joins values along a new axis.
func (f *frame) stack(axis int, args ...*ir.Value) *ir.Value {
	parts := make([]*ir.Value, len(args))
	for i, a := range args {
		parts[i] = f.reshape(a, slices.Insert(a.Type.Shape.Dims(), axis, 1)...)
	}
	return f.concat(axis, parts...)
}

func (f *frame) reduce(code scalar.Code, v *ir.Value, axes ...int) *ir.Value {
	var over []int
	dims := v.Type.Shape.Dims()
	for _, a := range axes {
		if dims[a] != 1 {
			over = append(over, a)
		}
	}
	slices.Sort(over)
	if len(over) < len(axes) { // one element is its own fold
		kept := slices.DeleteFunc(ascending(len(dims)), func(a int) bool { return slices.Contains(axes, a) && !slices.Contains(over, a) })
		shape := make([]int64, len(kept))
		for i, a := range kept {
			shape[i] = dims[a]
		}
		v = f.reshape(v, shape...)
		for i, a := range over {
			over[i] = slices.Index(kept, a)
		}
	}
	if len(over) == 0 {
		return v
	}
	axes = over
	return f.b.Op(ops.Reduce{Code: code, Axes: ir.NewAxes(axes...)}, v)
}

// all returns every axis of v.
func all(v *ir.Value) []int { return ascending(v.Type.Shape.Rank()) }

func ascending(n int) []int {
	a := make([]int, n)
	for i := range a {
		a[i] = i
	}
	return a
}

func product(dims []int64) int64 {
	n := int64(1)
	for _, d := range dims {
		n *= d
	}
	return n
}

// dtype returns the element type that f computes sums and statistics of v in: f32 for narrower floats.
func wide(d ir.DType) ir.DType {
	switch d {
	case ir.F16, ir.BF16:
		return ir.F32
	}
	return d
}
