package ops

import (
	"fmt"

	"modelc/ir"
)

// Broadcast repeats its argument along new axes: argument axis k becomes result axis Axes[k], with the same size; Axes increases. Axes of size 1 are
// not stretched: reshape them away first.
type Broadcast struct {
	Shape ir.Shape
	Axes  ir.Axes
}

func (Broadcast) Name() string { return "broadcast" }

// Infer requires increasing axes with the argument's sizes.
func (o Broadcast) Infer(c *ir.Instr) ([]ir.Type, error) {
	if err := arity(o, c, 1); err != nil {
		return nil, err
	}
	t := c.Args[0].Type
	if o.Axes.Len() != t.Shape.Rank() {
		return nil, argument(o, 0, fmt.Sprintf("%d axes", o.Axes.Len()), t.Shape.String())
	}
	for k := range o.Axes.Len() {
		a := o.Axes.At(k)
		if a >= o.Shape.Rank() || k > 0 && a <= o.Axes.At(k-1) {
			return nil, attribute(o, fmt.Sprintf("increasing axes below %d", o.Shape.Rank()), fmt.Sprint(o.Axes.List()))
		}
		if o.Shape.Dim(a) != t.Shape.Dim(k) {
			return nil, size(o, 0, k, o.Shape.Dim(a), t.Shape.Dim(k))
		}
	}
	return []ir.Type{{DType: t.DType, Shape: o.Shape}}, nil
}

// Reshape gives the elements, in row-major order, another shape of the same size.
type Reshape struct{ Shape ir.Shape }

func (Reshape) Name() string { return "reshape" }

// Infer requires the same number of elements.
func (o Reshape) Infer(c *ir.Instr) ([]ir.Type, error) {
	if err := arity(o, c, 1); err != nil {
		return nil, err
	}
	t := c.Args[0].Type
	if t.Shape.Size() != o.Shape.Size() {
		return nil, argument(o, 0, fmt.Sprintf("%d elements for %v", o.Shape.Size(), o.Shape), fmt.Sprintf("%d in %v", t.Shape.Size(), t.Shape))
	}
	return []ir.Type{{DType: t.DType, Shape: o.Shape}}, nil
}

// Transpose reorders axes: result axis i is argument axis Perm[i].
type Transpose struct{ Perm ir.Axes }

func (Transpose) Name() string { return "transpose" }

// Infer requires a permutation of the argument's axes.
func (o Transpose) Infer(c *ir.Instr) ([]ir.Type, error) {
	if err := arity(o, c, 1); err != nil {
		return nil, err
	}
	t := c.Args[0].Type
	if o.Perm.Len() != t.Shape.Rank() {
		return nil, argument(o, 0, fmt.Sprintf("%d axes", o.Perm.Len()), t.Shape.String())
	}
	if err := distinct(o, o.Perm, t.Shape.Rank()); err != nil {
		return nil, err
	}
	return one(o, t.DType, permuted(t.Shape, o.Perm)...)
}

func permuted(s ir.Shape, perm ir.Axes) []int64 {
	out := make([]int64, perm.Len())
	for i := range out {
		out[i] = s.Dim(perm.At(i))
	}
	return out
}

// Slice takes along each axis the places Start, Start+Step, … below Stop. Steps are positive.
type Slice struct{ Start, Stop, Step ir.Ints }

func (Slice) Name() string { return "slice" }

// Infer requires 0 ≤ start ≤ stop ≤ size for every axis.
func (o Slice) Infer(c *ir.Instr) ([]ir.Type, error) {
	if err := arity(o, c, 1); err != nil {
		return nil, err
	}
	t := c.Args[0].Type
	if err := lengths(o, t.Shape.Rank(), o.Start, o.Stop, o.Step); err != nil {
		return nil, err
	}
	if err := atLeast(o, "step", o.Step, 1); err != nil {
		return nil, err
	}
	dims := make([]int64, t.Shape.Rank())
	for i := range dims {
		lo, hi, n := o.Start.At(i), o.Stop.At(i), t.Shape.Dim(i)
		if lo < 0 || lo > hi || hi > n {
			return nil, &ir.ShapeError{Op: "slice", Arg: 0, Axis: i, Want: fmt.Sprintf("places %d to %d", lo, hi), Got: fmt.Sprintf("size %d", n)}
		}
		dims[i] = (hi - lo + o.Step.At(i) - 1) / o.Step.At(i)
	}
	return one(o, t.DType, dims...)
}

// Reverse turns the order along the axes.
type Reverse struct{ Axes ir.Axes }

func (Reverse) Name() string { return "reverse" }

// Infer requires distinct axes.
func (o Reverse) Infer(c *ir.Instr) ([]ir.Type, error) {
	if err := arity(o, c, 1); err != nil {
		return nil, err
	}
	t := c.Args[0].Type
	if err := distinct(o, o.Axes, t.Shape.Rank()); err != nil {
		return nil, err
	}
	return []ir.Type{t}, nil
}

// Pad puts Value around and between the elements: along each axis Interior values between neighbours, then Lo before and Hi after. Negative Lo and Hi cut
// off.
type Pad struct {
	Lo, Hi, Interior ir.Ints
	Value            ir.Scalar
}

func (Pad) Name() string { return "pad" }

// Infer requires sizes that stay at least 0.
func (o Pad) Infer(c *ir.Instr) ([]ir.Type, error) {
	if err := arity(o, c, 1); err != nil {
		return nil, err
	}
	t := c.Args[0].Type
	if err := lengths(o, t.Shape.Rank(), o.Lo, o.Hi, o.Interior); err != nil {
		return nil, err
	}
	if err := atLeast(o, "interior padding", o.Interior, 0); err != nil {
		return nil, err
	}
	if !representable(t.DType, o.Value.Float()) {
		return nil, attribute(o, "a value of type "+t.DType.String(), formatFloat(o.Value.Float()))
	}
	dims := make([]int64, t.Shape.Rank())
	for i := range dims {
		n, ok := spread(t.Shape.Dim(i), o.Interior.At(i)+1)
		dims[i] = n + o.Lo.At(i) + o.Hi.At(i)
		if !ok || dims[i] < 0 {
			return nil, &ir.ShapeError{Op: "pad", Arg: 0, Axis: i, Want: fmt.Sprintf("a size to which %d and %d can be added", o.Lo.At(i), o.Hi.At(i)), Got: fmt.Sprint(t.Shape.Dim(i))}
		}
	}
	return one(o, t.DType, dims...)
}

// Concat joins its arguments, one or more, along an axis.
type Concat struct{ Axis int64 }

func (Concat) Name() string { return "concat" }

// Infer requires equal types but for the axis.
func (o Concat) Infer(c *ir.Instr) ([]ir.Type, error) {
	if len(c.Args) == 0 {
		return nil, attribute(o, "at least one argument", "none")
	}
	first := c.Args[0].Type
	if err := axis(o, o.Axis, first.Shape.Rank()); err != nil {
		return nil, err
	}
	dims := first.Shape.Dims()
	for i, a := range c.Args[1:] {
		if a.Type.DType != first.DType {
			return nil, argument(o, i+1, first.DType.String(), a.Type.DType.String())
		}
		if a.Type.Shape.Rank() != first.Shape.Rank() {
			return nil, argument(o, i+1, fmt.Sprintf("%d axes", first.Shape.Rank()), a.Type.Shape.String())
		}
		for k, n := range a.Type.Shape.Dims() {
			if k == int(o.Axis) {
				if dims[k] += n; dims[k] > limit {
					return nil, size(o, i+1, k, limit, dims[k])
				}
			} else if n != dims[k] {
				return nil, size(o, i+1, k, dims[k], n)
			}
		}
	}
	return one(o, first.DType, dims...)
}

// Eval repeats.
func (o Broadcast) Eval(in, out []ir.Ref) {
	from := rowMajor(in[0].Type.Shape.Dims())
	i := 0
	each(o.Shape.Dims(), func(p []int64) {
		at := int64(0)
		for k := range from {
			at += p[o.Axes.At(k)] * from[k]
		}
		out[0].Data[i] = in[0].Data[at]
		i++
	})
}

// Eval copies.
func (Reshape) Eval(in, out []ir.Ref) { copy(out[0].Data, in[0].Data) }

// Eval reorders.
func (o Transpose) Eval(in, out []ir.Ref) {
	from := rowMajor(in[0].Type.Shape.Dims())
	i := 0
	each(out[0].Type.Shape.Dims(), func(p []int64) {
		at := int64(0)
		for k := range p {
			at += p[k] * from[o.Perm.At(k)]
		}
		out[0].Data[i] = in[0].Data[at]
		i++
	})
}

// Eval picks.
func (o Slice) Eval(in, out []ir.Ref) {
	from := rowMajor(in[0].Type.Shape.Dims())
	i := 0
	each(out[0].Type.Shape.Dims(), func(p []int64) {
		at := int64(0)
		for k := range p {
			at += (o.Start.At(k) + p[k]*o.Step.At(k)) * from[k]
		}
		out[0].Data[i] = in[0].Data[at]
		i++
	})
}

// Eval turns.
func (o Reverse) Eval(in, out []ir.Ref) {
	s := in[0].Type.Shape
	from := rowMajor(s.Dims())
	i := 0
	each(s.Dims(), func(p []int64) {
		at := int64(0)
		for k, v := range p {
			if o.Axes.Has(k) {
				v = s.Dim(k) - 1 - v
			}
			at += v * from[k]
		}
		out[0].Data[i] = in[0].Data[at]
		i++
	})
}

// Eval fills, then places every element that is not cut off.
func (o Pad) Eval(in, out []ir.Ref) {
	for i := range out[0].Data {
		out[0].Data[i] = o.Value.Float()
	}
	to := out[0].Type.Shape.Dims()
	strides := rowMajor(to)
	i := -1
	each(in[0].Type.Shape.Dims(), func(p []int64) {
		i++
		at := int64(0)
		for k, v := range p {
			v = o.Lo.At(k) + v*(o.Interior.At(k)+1)
			if v < 0 || v >= to[k] {
				return
			}
			at += v * strides[k]
		}
		out[0].Data[at] = in[0].Data[i]
	})
}

// Eval joins.
func (o Concat) Eval(in, out []ir.Ref) {
	outer, n, inner := lines(out[0].Type.Shape, int(o.Axis))
	at := int64(0)
	for _, x := range in {
		part := x.Type.Shape.Dim(int(o.Axis)) * inner
		for k := range outer {
			copy(out[0].Data[k*n*inner+at:][:part], x.Data[k*part:][:part])
		}
		at += part
	}
}

// Grad sums over the new axes.
func (o Broadcast) Grad(b *ir.Builder, c *ir.Instr, dy []*ir.Value) []*ir.Value {
	if dy[0] == nil {
		return []*ir.Value{nil}
	}
	added := complement(o.Shape.Rank(), o.Axes)
	if len(added) == 0 {
		return []*ir.Value{dy[0]}
	}
	return []*ir.Value{Sum(b, dy[0], added...)}
}

// Grad reshapes back.
func (Reshape) Grad(b *ir.Builder, c *ir.Instr, dy []*ir.Value) []*ir.Value {
	if dy[0] == nil {
		return []*ir.Value{nil}
	}
	return []*ir.Value{ReshapeTo(b, dy[0], c.Args[0].Type.Shape)}
}

// Grad applies the inverse permutation.
func (o Transpose) Grad(b *ir.Builder, c *ir.Instr, dy []*ir.Value) []*ir.Value {
	if dy[0] == nil {
		return []*ir.Value{nil}
	}
	return []*ir.Value{TransposeBy(b, dy[0], inverse(o.Perm.List())...)}
}

func inverse(perm []int) []int {
	out := make([]int, len(perm))
	for i, p := range perm {
		out[p] = i
	}
	return out
}

// Grad puts the elements back among zeros.
func (o Slice) Grad(b *ir.Builder, c *ir.Instr, dy []*ir.Value) []*ir.Value {
	if dy[0] == nil {
		return []*ir.Value{nil}
	}
	r := o.Start.Len()
	hi, interior := make([]int64, r), make([]int64, r)
	for i := range r {
		extent, _ := spread(dy[0].Type.Shape.Dim(i), o.Step.At(i))
		hi[i] = c.Args[0].Type.Shape.Dim(i) - o.Start.At(i) - extent
		interior[i] = o.Step.At(i) - 1
	}
	return []*ir.Value{b.Op(Pad{Lo: o.Start, Hi: ir.NewInts(hi...), Interior: ir.NewInts(interior...)}, dy[0])}
}

// Grad turns back.
func (o Reverse) Grad(b *ir.Builder, c *ir.Instr, dy []*ir.Value) []*ir.Value {
	if dy[0] == nil {
		return []*ir.Value{nil}
	}
	return []*ir.Value{b.Op(o, dy[0])}
}

// Grad cuts off what was added and puts zeros where elements were cut off, then picks the elements.
func (o Pad) Grad(b *ir.Builder, c *ir.Instr, dy []*ir.Value) []*ir.Value {
	if dy[0] == nil {
		return []*ir.Value{nil}
	}
	r := o.Lo.Len()
	lo, hi, step, stop := make([]int64, r), make([]int64, r), make([]int64, r), make([]int64, r)
	dilated := false
	for i := range r {
		lo[i], hi[i], step[i] = -o.Lo.At(i), -o.Hi.At(i), o.Interior.At(i)+1
		stop[i], _ = spread(c.Args[0].Type.Shape.Dim(i), step[i])
		dilated = dilated || step[i] > 1
	}
	g := b.Op(Pad{Lo: ir.NewInts(lo...), Hi: ir.NewInts(hi...), Interior: ir.NewInts(make([]int64, r)...)}, dy[0])
	if dilated {
		g = b.Op(Slice{ir.NewInts(make([]int64, r)...), ir.NewInts(stop...), ir.NewInts(step...)}, g)
	}
	return []*ir.Value{g}
}

// Grad cuts dy into the parts.
func (o Concat) Grad(b *ir.Builder, c *ir.Instr, dy []*ir.Value) []*ir.Value {
	out := make([]*ir.Value, len(c.Args))
	if dy[0] == nil {
		return out
	}
	at := int64(0)
	for i, a := range c.Args {
		n := a.Type.Shape.Dim(int(o.Axis))
		out[i] = SliceAxis(b, dy[0], int(o.Axis), at, at+n)
		at += n
	}
	return out
}

func view(c *ir.Instr, reads ...ir.Access) ir.Form {
	return ir.Form{Kind: ir.View, Space: c.Results[0].Type.Shape.Dims(), Reads: reads}
}

// Form returns a View.
func (o Broadcast) Form(c *ir.Instr) ir.Form {
	a := ir.Access{Axes: make([]ir.Affine, o.Axes.Len())}
	for k := range a.Axes {
		a.Axes[k] = ir.Along(o.Axes.At(k))
	}
	return view(c, a)
}

// Form returns a flat View, and its access when every axis of the argument is a run of axes of the result (axes split, or of size 1).
func (o Reshape) Form(c *ir.Instr) ir.Form {
	f := view(c)
	f.Flat = true
	from, to := c.Args[0].Type.Shape, o.Shape
	a := ir.Access{Axes: make([]ir.Affine, from.Rank())}
	k := 0
	for i := range a.Axes {
		if from.Dim(i) == 1 {
			continue // the only place is 0
		}
		n, first := int64(1), k
		for ; k < to.Rank() && n < from.Dim(i); k++ {
			n *= to.Dim(k)
		}
		if n != from.Dim(i) {
			return f
		}
		coef := int64(1)
		for j := k - 1; j >= first; j-- {
			if to.Dim(j) != 1 {
				a.Axes[i].Axis = append(a.Axes[i].Axis, j)
				a.Axes[i].Coef = append(a.Axes[i].Coef, coef)
			}
			coef *= to.Dim(j)
		}
	}
	f.Reads = []ir.Access{a}
	return f
}

// Form returns a View.
func (o Transpose) Form(c *ir.Instr) ir.Form {
	a := ir.Access{Axes: make([]ir.Affine, o.Perm.Len())}
	for i := range a.Axes {
		a.Axes[o.Perm.At(i)] = ir.Along(i)
	}
	return view(c, a)
}

// Form returns a View.
func (o Slice) Form(c *ir.Instr) ir.Form {
	a := ir.Access{Axes: make([]ir.Affine, o.Start.Len())}
	for i := range a.Axes {
		a.Axes[i] = ir.Affine{Base: o.Start.At(i), Axis: []int{i}, Coef: []int64{o.Step.At(i)}}
	}
	return view(c, a)
}

// Form returns a View.
func (o Reverse) Form(c *ir.Instr) ir.Form {
	s := c.Results[0].Type.Shape
	a := ir.Identity(s.Rank())
	for _, i := range o.Axes.List() {
		a.Axes[i] = ir.Affine{Base: s.Dim(i) - 1, Axis: []int{i}, Coef: []int64{-1}}
	}
	return view(c, a)
}

// Form returns a padded View.
func (o Pad) Form(c *ir.Instr) ir.Form {
	a := ir.Access{Axes: make([]ir.Affine, o.Lo.Len()), Padded: true, Fill: o.Value}
	for i := range a.Axes {
		a.Axes[i] = ir.Affine{Base: -o.Lo.At(i), Step: o.Interior.At(i) + 1, Axis: []int{i}, Coef: []int64{1}}
	}
	return view(c, a)
}

// Form returns a View whose place lies in just one of the arguments.
func (o Concat) Form(c *ir.Instr) ir.Form {
	f := view(c)
	at := int64(0)
	for _, x := range c.Args {
		a := ir.Identity(x.Type.Shape.Rank())
		a.Axes[o.Axis].Base = -at
		a.Padded = true
		f.Reads = append(f.Reads, a)
		at += x.Type.Shape.Dim(int(o.Axis))
	}
	return f
}
