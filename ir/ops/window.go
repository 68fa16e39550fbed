package ops

import (
	"fmt"

	"modelc/ir"
	"modelc/ir/scalar"
)

// Window folds windows over the trailing axes (add, max): result place p covers the places p·Stride - PadLo … + Size - 1 of the argument; places
// outside do not count. Every window covers at least one element, as pads are below Size.
type Window struct {
	Code                       scalar.Code `ir:"name"`
	Size, Stride, PadLo, PadHi ir.Ints
}

func (o Window) Name() string { return foldName("window_", o.Code) }

// Infer requires windows that fit.
func (o Window) Infer(c *ir.Instr) ([]ir.Type, error) {
	if o.Code != scalar.Add && o.Code != scalar.Max {
		return nil, attribute(o, "add or max", fmt.Sprintf("%q", string(o.Code)))
	}
	t, err := windows(o, c, o.Size, o.Stride, o.PadLo, o.PadHi)
	if err != nil {
		return nil, err
	}
	return []ir.Type{t}, nil
}

func windows(op ir.Op, c *ir.Instr, window, stride, lo, hi ir.Ints) (ir.Type, error) {
	if err := arity(op, c, 1); err != nil {
		return ir.Type{}, err
	}
	t := c.Args[0].Type
	if !t.DType.IsFloat() && !t.DType.IsInt() {
		return t, argument(op, 0, "numbers", t.DType.String())
	}
	n := window.Len()
	if t.Shape.Rank() < n {
		return t, argument(op, 0, fmt.Sprintf("at least %d axes", n), t.Shape.String())
	}
	if err := lengths(op, n, window, stride, lo, hi); err != nil {
		return t, err
	}
	for _, l := range []ir.Ints{window, stride} {
		if err := atLeast(op, "window and stride", l, 1); err != nil {
			return t, err
		}
	}
	dims := t.Shape.Dims()
	for i := range n {
		a := t.Shape.Rank() - n + i
		if lo.At(i) < 0 || hi.At(i) < 0 || lo.At(i) >= window.At(i) || hi.At(i) >= window.At(i) {
			return t, attribute(op, fmt.Sprintf("pads from 0 to %d", window.At(i)-1), fmt.Sprintf("%d and %d", lo.At(i), hi.At(i)))
		}
		full := dims[a] + lo.At(i) + hi.At(i)
		if dims[a] < 1 || full < window.At(i) {
			return t, &ir.ShapeError{Op: op.Name(), Arg: 0, Axis: a, Want: fmt.Sprintf("at least 1 element, and %d with the padding", window.At(i)), Got: fmt.Sprint(dims[a])}
		}
		dims[a] = (full-window.At(i))/stride.At(i) + 1
	}
	return checked(op, t.DType, dims...)
}

// PoolMax is the greatest element of each window, and its place (i32): the row-major index in the plane of the windowed axes of the argument; the
// first of equals, and NaN beyond all others. Unpool is its gradient.
type PoolMax struct{ Size, Stride, PadLo, PadHi ir.Ints }

func (PoolMax) Name() string { return "pool_max" }

// Infer requires windows that fit and a plane whose places an i32 counts.
func (o PoolMax) Infer(c *ir.Instr) ([]ir.Type, error) {
	t, err := windows(o, c, o.Size, o.Stride, o.PadLo, o.PadHi)
	if err != nil {
		return nil, err
	}
	if plane := planeSize(c.Args[0].Type.Shape, o.Size.Len()); plane > 1<<31-1 {
		return nil, argument(o, 0, "a plane of at most 2147483647 elements", fmt.Sprint(plane))
	}
	return []ir.Type{t, {DType: ir.I32, Shape: t.Shape}}, nil
}

// planeSize returns the number of elements of the last n axes.
func planeSize(s ir.Shape, n int) int64 {
	p := int64(1)
	for i := s.Rank() - n; i < s.Rank(); i++ {
		p *= s.Dim(i)
	}
	return p
}

// Grad adds every dy into the places of its window (add), or into the first greatest place (max).
func (o Window) Grad(b *ir.Builder, c *ir.Instr, dy []*ir.Value) []*ir.Value {
	x := c.Args[0]
	if dy[0] == nil || !x.Type.DType.IsFloat() {
		return []*ir.Value{nil}
	}
	n, r := o.Size.Len(), x.Type.Shape.Rank()
	if o.Code == scalar.Max {
		index := b.Emit(PoolMax{o.Size, o.Stride, o.PadLo, o.PadHi}, nil, x)[1]
		return []*ir.Value{Unpool(b, dy[0], index, x.Type.Shape.Dims()[r-n:]...)}
	}
	// Place i lies in the windows p with p·S - L ≤ i < p·S - L + K: a window sum over dy spread S apart, at i + L - (K-1) ….
	lo, hi, interior := make([]int64, r), make([]int64, r), make([]int64, r)
	for i := range n {
		a := r - n + i
		full, _ := spread(dy[0].Type.Shape.Dim(a), o.Stride.At(i))
		interior[a] = o.Stride.At(i) - 1
		lo[a] = o.Size.At(i) - 1 - o.PadLo.At(i)
		hi[a] = x.Type.Shape.Dim(a) + o.Size.At(i) - 1 - full - lo[a]
	}
	g := b.Op(Pad{Lo: ir.NewInts(lo...), Hi: ir.NewInts(hi...), Interior: ir.NewInts(interior...)}, dy[0])
	none := ir.NewInts(make([]int64, n)...)
	return []*ir.Value{b.Op(Window{scalar.Add, o.Size, ir.NewInts(filled(n, 1)...), none, none}, g)}
}

// eachWindow calls f for every window with the index of its first result element's plane, and the places it covers in the argument, in row-major order.
func eachWindow(x, y ir.Shape, size, stride, lo ir.Ints, f func(result int, places []int64)) {
	n, r := size.Len(), x.Rank()
	plane := x.Dims()[r-n:]
	steps := rowMajor(plane)
	area := planeSize(x, n)
	result := 0
	var places []int64
	for lead := range span(x, 0, r-n) {
		each(y.Dims()[r-n:], func(p []int64) {
			places = places[:0]
			each(size.List(), func(k []int64) {
				at := lead * area
				for i := range n {
					v := p[i]*stride.At(i) - lo.At(i) + k[i]
					if v < 0 || v >= plane[i] {
						return
					}
					at += v * steps[i]
				}
				places = append(places, at)
			})
			f(result, places)
			result++
		})
	}
}

// Eval folds each window in row-major order.
func (o Window) Eval(in, out []ir.Ref) {
	f, neutral := folder(o.Code, in[0].Type.DType)
	eachWindow(in[0].Type.Shape, out[0].Type.Shape, o.Size, o.Stride, o.PadLo, func(i int, places []int64) {
		acc := neutral
		for _, at := range places {
			acc = f(acc, in[0].Data[at])
		}
		out[0].Data[i] = acc
	})
}

// Form returns a Reduce over the axes of the window, padded with the neutral element.
func (o Window) Form(c *ir.Instr) ir.Form {
	s := c.Args[0].Type.Shape
	n, r := o.Size.Len(), s.Rank()
	_, neutral := folder(o.Code, c.Args[0].Type.DType)
	a := ir.Identity(r)
	a.Padded, a.Fill = true, ir.Num(neutral)
	for i := range n {
		a.Axes[r-n+i] = ir.Affine{Base: -o.PadLo.At(i), Axis: []int{r - n + i, r + i}, Coef: []int64{o.Stride.At(i), 1}}
	}
	return ir.Form{Kind: ir.Reduce, Space: append(c.Results[0].Type.Shape.Dims(), o.Size.List()...), Folds: n, Code: string(o.Code), Reads: []ir.Access{a}}
}

// Grad adds dy into the places.
func (o PoolMax) Grad(b *ir.Builder, c *ir.Instr, dy []*ir.Value) []*ir.Value {
	x := c.Args[0]
	if dy[0] == nil || !x.Type.DType.IsFloat() {
		return []*ir.Value{nil}
	}
	return []*ir.Value{Unpool(b, dy[0], c.Results[1], x.Type.Shape.Dims()[x.Type.Shape.Rank()-o.Size.Len():]...)}
}

// Eval looks for the first greatest.
func (o PoolMax) Eval(in, out []ir.Ref) {
	s := in[0].Type.Shape
	area := planeSize(s, o.Size.Len())
	eachWindow(s, out[0].Type.Shape, o.Size, o.Stride, o.PadLo, func(i int, places []int64) {
		best := places[0]
		for _, at := range places[1:] {
			if beyond(scalar.Max, in[0].Data[at], in[0].Data[best]) {
				best = at
			}
		}
		out[0].Data[i], out[1].Data[i] = in[0].Data[best], float64(best%area)
	})
}

// Form returns Opaque, with the Space and the Reads of the Window over the same places.
func (o PoolMax) Form(c *ir.Instr) ir.Form {
	f := Window{scalar.Max, o.Size, o.Stride, o.PadLo, o.PadHi}.Form(c)
	f.Kind = ir.Opaque
	return f
}
