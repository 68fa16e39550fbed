package lower

import (
	"fmt"
	"slices"

	"modelc/compiler/core"
	"modelc/ir"
	"modelc/ir/ops"
	"modelc/ir/scalar"
)

// lower computes a term that belongs into this frame.
func (f *frame) lower(t *core.Term) []*ir.Value {
	switch k := t.Kind.(type) {
	case core.TopK:
		f.unguarded(t, []int{k.Axis})
		x, n := f.term(t.Args[0]), f.dim(k.K, t.Site)
		if have := x.Type.Shape.Dim(k.Axis); n < 0 || n > have {
			f.fail("M281", t.Site, fmt.Sprintf("the %d largest of %d", n, have))
		}
		r := f.b.Emit(ops.TopK{Axis: int64(k.Axis), K: n}, nil, x)
		return []*ir.Value{r[0], r[1]}
	case core.Scan:
		return f.scan(t, k)
	case core.Part:
		return f.picked(t, k)
	}
	f.settled(t)
	v := f.single(t)
	if want := f.kind(t); v.Type != want && f.b.Err == nil {
		panic(fmt.Sprintf("lower: %T at %s is %s, not %s", t.Kind, place(t), v.Type, want))
	}
	return []*ir.Value{v}
}

// settled refuses uses of an axis of a cache for which the rows that are still to come would take part or move others. Elementwise operations, index
// notation and reductions may use it (ruling 15).
func (f *frame) settled(t *core.Term) {
	if f.phase != next {
		return
	}
	switch k := t.Kind.(type) {
	case core.Concat:
		for _, a := range t.Args {
			f.unguarded(&core.Term{Args: []*core.Term{a}, Site: t.Site}, []int{k.Axis})
		}
	case core.Flip:
		f.unguarded(t, k.Axes)
	case core.Merge:
		at := 0
		for _, n := range k.Groups {
			for i := 1; i < n; i++ {
				f.unguarded(t, []int{at + i})
			}
			at += n
		}
	case core.Border:
		for i := range k.Lo {
			if !k.Lo[i].IsZero() || !k.Hi[i].IsZero() {
				f.unguarded(t, []int{i})
			}
		}
	case core.Dilate:
		for i, s := range k.Factor {
			if n, ok := s.Const(); !ok || n != 1 {
				f.unguarded(t, []int{i})
			}
		}
	}
}

// place says where a term comes from, for reports of our own mistakes.
func place(t *core.Term) string {
	if t.Site == nil || !t.Site.At.Valid() {
		return fmt.Sprintf("term %d", t.ID)
	}
	p := t.Site.At.Position()
	return fmt.Sprintf("%s:%d:%d", p.Name, p.Line, p.Column)
}

// picked returns a result of a scan or a top_k. The places of a top_k are converted to the type of the term.
func (f *frame) picked(t *core.Term, k core.Part) []*ir.Value {
	v := f.terms(t.Args[0])[k.Index]
	if want := dtype(t.Type.Elem); v.Type.DType != want {
		v = f.cast(v, want)
	}
	return []*ir.Value{v}
}

func (f *frame) single(t *core.Term) *ir.Value {
	switch k := t.Kind.(type) {
	case core.Number:
		return f.number(f.kind(t), k.Value)
	case core.SizeOf:
		return f.sizeOf(t, k)
	case core.Input:
		return f.outside(t, k.Name)
	case core.Read:
		return f.read(f.state(k.Slot))
	case core.Map:
		return f.mapped(t, k)
	case core.Cast:
		return f.cast(f.term(t.Args[0]), dtype(t.Type.Elem))
	case core.Fill:
		return f.trailing(f.cast(f.term(t.Args[0]), dtype(t.Type.Elem)), f.dims(t))
	case core.Reduce:
		return f.reduction(t, k)
	case core.Along:
		return f.along(t, k)
	case core.Arrange, core.Access, core.Slice, core.Flip:
		return f.viewed(t)
	case core.Merge:
		return f.reshape(f.term(t.Args[0]), f.dims(t)...)
	case core.Iota:
		return f.iota(f.kind(t), 0)
	case core.MatMul:
		return f.matmul(t)
	case core.Concat:
		return f.concat(k.Axis, f.list(t.Args)...)
	case core.Stack:
		return f.stack(k.Axis, f.list(t.Args)...)
	case core.Border:
		return f.border(t, k)
	case core.Dilate:
		zero := make([]int64, len(k.Factor))
		between := make([]int64, len(k.Factor))
		for i, s := range k.Factor {
			between[i] = f.dim(s, t.Site) - 1
		}
		return f.pad(f.term(t.Args[0]), zero, slices.Clone(zero), between, 0)
	case core.Draw:
		return f.draw(t, k)
	case core.Orthogonal:
		return f.orthogonal(t, k.Path)
	case core.Select:
		a, b := f.term(t.Args[1]), f.term(t.Args[2])
		return f.apply(scalar.Select, f.trailing(f.term(t.Args[0]), a.Type.Shape.Dims()), a, b)
	case core.Stop:
		return f.stop(f.term(t.Args[0]))
	case core.Derivative:
		return f.derivative(t)
	case core.Cached:
		return f.cached(t, k)
	}
	panic(fmt.Sprintf("lower: %T is bound by nothing here (%s)", t.Kind, place(t)))
}

func (f *frame) list(terms []*core.Term) []*ir.Value {
	out := make([]*ir.Value, len(terms))
	for i, t := range terms {
		out[i] = f.term(t)
	}
	return out
}

// mapped lowers an elementwise operation. Arguments of fewer axes are repeated over the leading ones.
func (f *frame) mapped(t *core.Term, k core.Map) *ir.Value {
	dims := f.dims(t)
	args := f.list(t.Args)
	for i, a := range args {
		args[i] = f.trailing(a, dims)
	}
	return f.apply(scalar.Code(k.Code), args...)
}

// sizeOf is a number, or, where it counts rows that are still to come while generating, computed from them.
func (f *frame) sizeOf(t *core.Term, k core.SizeOf) *ir.Value {
	base, slope := f.growth(k.Size, t.Site)
	d := dtype(t.Type.Elem)
	if slope == 0 {
		return f.number(f.kind(t), float64(base))
	}
	n := f.apply(scalar.Add, f.apply(scalar.Mul, f.past(), f.int32(slope)), f.int32(base))
	return f.cast(n, d)
}

// matmul contracts the last axis of the first argument with the first of the second.
func (f *frame) matmul(t *core.Term) *ir.Value {
	a, b := t.Args[0], t.Args[1]
	r := len(a.Type.Dims)
	space := append(slices.Clone(f.dims(a)), f.dims(b)[1:]...)
	k := r - 1 // the contracted axis; the free axes of b follow it
	x, y := f.deepen(f.identity(a)), view{src: b, dims: f.dims(b)}
	for i := range y.dims {
		y.subs = append(y.subs, along(k+i))
	}
	factors := f.guarded([]view{x, f.deepen(y)}, a, f.live(a, []int{k}))
	return f.result(f.contract(factors, space, []int{k}), []int{k}, f.dims(t))
}

// border puts a value around a tensor; negative sizes cut off.
func (f *frame) border(t *core.Term, k core.Border) *ir.Value {
	x := f.term(t.Args[0])
	lo, hi, zero := make([]int64, len(k.Lo)), make([]int64, len(k.Lo)), make([]int64, len(k.Lo))
	for i := range lo {
		lo[i], hi[i] = f.dim(k.Lo[i], t.Site), f.dim(k.Hi[i], t.Site)
	}
	v, ok := constant(f.term(t.Args[1]))
	if !ok {
		f.fail("M286", t.Site, "the value of a border must be a number that is known")
	}
	return f.pad(x, lo, hi, zero, v)
}

// derivative is the gradient of a scalar by a term that it depends on. Both have values in this frame, and so has everything between.
func (f *frame) derivative(t *core.Term) *ir.Value {
	x := f.term(t.Args[1])
	e := f.term(t.Args[0])
	g := f.reverse1(e, []*ir.Value{x})[0]
	return f.cast(g, dtype(t.Type.Elem))
}
