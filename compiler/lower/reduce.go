package lower

import (
	"math"
	"slices"

	"modelc/compiler/core"
	"modelc/ir"
	"modelc/ir/ops"
	"modelc/ir/scalar"
)

// folds are the codes of reductions that are one fold.
var folds = map[string]scalar.Code{"sum": scalar.Add, "prod": scalar.Mul, "max": scalar.Max, "min": scalar.Min, "any": scalar.Or, "all": scalar.And}

// reduction lowers a Reduce.
func (f *frame) reduction(t *core.Term, k core.Reduce) *ir.Value {
	want := f.kind(t)
	arg := t.Args[0]
	switch k.Code {
	case "argmax", "argmin":
		return f.cast(f.argument(t, k), want.DType)
	case "mean":
		return f.cast(f.mean(t, k.Axes), want.DType)
	case "var":
		x := f.wide(arg)
		m := f.leadingOver(f.average(t, x, k.Axes), x, k.Axes)
		d := f.apply(scalar.Sub, x, m)
		return f.cast(f.average(t, f.apply(scalar.Mul, d, d), k.Axes), want.DType)
	case "logsumexp":
		x := f.masked(f.wide(arg), f.taking(t, k.Axes), math.Inf(-1))
		e, m := f.shifted(x, k.Axes)
		s := f.reduce(scalar.Add, e, k.Axes...)
		some := f.apply(scalar.Gt, s, f.like(s, 0))
		log := f.apply(scalar.Log, f.apply(scalar.Select, some, s, f.like(s, 1)))
		return f.cast(f.apply(scalar.Select, some, f.apply(scalar.Add, log, m), f.like(s, math.Inf(-1))), want.DType)
	}
	code := folds[k.Code]
	if code == "" {
		panic("lower: unknown reduction " + k.Code)
	}
	if len(t.Args) == 1 && len(f.live(arg, k.Axes)) == 0 {
		if v, ok := f.scatter(t, k); ok {
			return v
		}
		if v, ok := f.pool(t, k); ok {
			return v
		}
	}
	if k.Code == "sum" && len(t.Args) == 1 && arg.Type.Elem.IsFloat() && dtype(arg.Type.Elem) == want.DType {
		o := f.contract(f.guarded(f.factors(arg), arg, k.Axes), f.dims(arg), k.Axes)
		return f.result(o, k.Axes, want.Shape.Dims())
	}
	x := f.term(arg)
	if k.Code == "sum" || k.Code == "prod" {
		x = f.cast(x, want.DType)
	}
	x = f.masked(x, f.taking(t, k.Axes), neutral(code, x.Type.DType))
	return f.cast(f.reduce(code, x, k.Axes...), want.DType)
}

// result turns an operand without the reduced axes into a whole tensor over the others.
func (f *frame) result(o operand, reduced []int, dims []int64) *ir.Value {
	axes := make([]int, len(o.axes))
	for i, a := range o.axes {
		axes[i] = a
		for _, r := range reduced {
			if r < a {
				axes[i]--
			}
		}
	}
	return f.aligned(operand{o.value, axes}, dims)
}

// neutral is the number that a fold starts from in an element type.
func neutral(code scalar.Code, d ir.DType) float64 {
	v, _ := scalar.Neutral(code)
	if math.IsInf(v, 0) && !d.IsFloat() {
		lo, hi := d.Range()
		if v < 0 {
			return lo
		}
		return hi
	}
	return v
}

// wide lowers a term for statistics: bool and integers as f32, narrow floats as f32.
func (f *frame) wide(t *core.Term) *ir.Value {
	v := f.term(t)
	if !v.Type.DType.IsFloat() {
		return f.cast(v, ir.F32)
	}
	return f.cast(v, wide(v.Type.DType))
}

// live returns which of the axes are longer than what is known of them: rows that a cache has room for but that have not come yet.
func (f *frame) live(t *core.Term, axes []int) []int {
	if f.phase != next {
		return nil
	}
	var out []int
	for _, a := range axes {
		if slices.Contains(t.Type.Dims[a].Syms(), f.core.Past) {
			out = append(out, a)
		}
	}
	return out
}

// reached is true, over one live axis, for the rows that have come.
func (f *frame) reached(t *core.Term, axis int) *ir.Value {
	base, slope := f.growth(t.Type.Dims[axis], t.Site)
	n := f.apply(scalar.Add, f.apply(scalar.Mul, f.past(), f.int32(slope)), f.int32(base))
	i := ir.Of(ir.I32, f.dims(t)[axis])
	return f.apply(scalar.Lt, f.iota(i, 0), f.trailing(n, i.Shape.Dims()))
}

// taking is the mask of the elements that take part in a reduction or a cumulation: where=, and rows that have come. Nil: all do.
func (f *frame) taking(t *core.Term, axes []int) *ir.Value {
	arg := t.Args[0]
	dims := f.dims(arg)
	var mask *ir.Value
	if len(t.Args) > 1 {
		mask = f.trailing(f.term(t.Args[1]), dims)
	}
	for _, a := range f.live(arg, axes) {
		r := f.broadcast(f.reached(arg, a), dims, []int{a})
		if mask == nil {
			mask = r
		} else {
			mask = f.apply(scalar.And, mask, r)
		}
	}
	return mask
}

// masked puts a number where the mask is false.
func (f *frame) masked(x, mask *ir.Value, other float64) *ir.Value {
	if mask == nil {
		return x
	}
	return f.apply(scalar.Select, mask, x, f.like(x, other))
}

// guarded makes a product vanish beyond the rows that have come, by its first factor that runs along each live axis; where none does, by one more factor.
func (f *frame) guarded(factors []view, arg *core.Term, axes []int) []view {
	for _, a := range f.live(arg, axes) {
		done := false
		for i, v := range factors {
			at := slices.IndexFunc(v.subs, func(s affine) bool { p, ok := s.plain(); return ok && p == a })
			if at < 0 || f.compound(v) {
				continue
			}
			x := f.term(v.src)
			mask := f.broadcast(f.reached(arg, a), x.Type.Shape.Dims(), []int{at})
			// A term of its own, which only this frame knows.
			g := &core.Term{ID: v.src.ID, Kind: core.Var{}, Type: v.src.Type, Site: v.src.Site}
			f.memo[g] = []*ir.Value{f.masked(x, mask, 0)}
			factors[i].src = g
			done = true
			break
		}
		if !done {
			g := &core.Term{ID: arg.ID, Kind: core.Var{}, Type: core.Type{Elem: arg.Type.Elem, Dims: arg.Type.Dims[a : a+1]}, Site: arg.Site}
			f.memo[g] = []*ir.Value{f.cast(f.reached(arg, a), dtype(arg.Type.Elem))}
			factors = append(factors, view{src: g, dims: []int64{f.dims(arg)[a]}, subs: []affine{along(a)}})
		}
	}
	return factors
}

// mean is the mean over axes, in at least f32. Of a product it is a contraction.
func (f *frame) mean(t *core.Term, axes []int) *ir.Value {
	arg := t.Args[0]
	d := dtype(arg.Type.Elem)
	if len(t.Args) == 1 && d.IsFloat() && wide(d) == d && len(f.live(arg, axes)) == 0 {
		if v, ok := f.pool(t, core.Reduce{Code: "sum", Axes: axes}); ok {
			return f.apply(scalar.Mul, v, f.like(v, 1/float64(f.count(arg, axes))))
		}
		o := f.contract(f.factors(arg), f.dims(arg), axes)
		v := f.result(o, axes, f.dims(t))
		return f.apply(scalar.Mul, v, f.like(v, 1/float64(f.count(arg, axes))))
	}
	return f.average(t, f.wide(arg), axes)
}

// count is the number of elements of the given axes.
func (f *frame) count(t *core.Term, axes []int) int64 {
	n := int64(1)
	for _, a := range axes {
		n *= f.dims(t)[a]
	}
	return n
}

// average is the mean of x, which has the dims of the term's argument, over the elements that take part.
func (f *frame) average(t *core.Term, x *ir.Value, axes []int) *ir.Value {
	mask := f.taking(t, axes)
	s := f.reduce(scalar.Add, f.masked(x, mask, 0), slices.Clone(axes)...)
	if mask == nil {
		return f.apply(scalar.Mul, s, f.like(s, 1/float64(f.count(t.Args[0], axes))))
	}
	n := f.reduce(scalar.Add, f.cast(mask, x.Type.DType), slices.Clone(axes)...)
	return f.apply(scalar.Div, s, n)
}

// leadingOver repeats v, which has lost the given axes of x, over them again.
func (f *frame) leadingOver(v, x *ir.Value, axes []int) *ir.Value {
	kept := slices.DeleteFunc(all(x), func(a int) bool { return slices.Contains(axes, a) })
	return f.broadcast(v, x.Type.Shape.Dims(), kept)
}

// shifted returns exp(x - m) and m, the greatest element over the axes, as a constant; 0 where that is infinite, so that a row of -inf gives zeros.
func (f *frame) shifted(x *ir.Value, axes []int) (e, m *ir.Value) {
	m = f.stop(f.reduce(scalar.Max, x, slices.Clone(axes)...))
	m = f.apply(scalar.Select, f.apply(scalar.IsFinite, m), m, f.like(m, 0))
	return f.apply(scalar.Exp, f.apply(scalar.Sub, x, f.leadingOver(m, x, axes))), m
}

// argument lowers argmax and argmin; several axes count as one, the last running fastest.
func (f *frame) argument(t *core.Term, k core.Reduce) *ir.Value {
	x := f.term(t.Args[0])
	code := folds[k.Code[len("arg"):]]
	if x.Type.DType == ir.Bool {
		x = f.cast(x, ir.I32)
	}
	x = f.masked(x, f.taking(t, k.Axes), neutral(code, x.Type.DType))
	axis := k.Axes[0]
	if len(k.Axes) > 1 {
		axes := slices.Clone(k.Axes)
		slices.Sort(axes)
		kept := slices.DeleteFunc(all(x), func(a int) bool { return slices.Contains(axes, a) })
		x = f.transpose(x, slices.Concat(kept, axes))
		dims := x.Type.Shape.Dims()
		axis = len(kept)
		x = f.reshape(x, append(slices.Clone(dims[:axis]), product(dims[axis:]))...)
	}
	if x.Type.Shape.Dim(axis) == 0 {
		f.fail("M281", t.Site, k.Code+" of an empty axis")
	}
	return f.b.Op(ops.ArgReduce{Code: code, Axis: int64(axis)}, x)
}

// along lowers what keeps its axis.
func (f *frame) along(t *core.Term, k core.Along) *ir.Value {
	want := f.kind(t)
	axes := []int{k.Axis}
	switch k.Code {
	case "softmax", "log_softmax":
		mask := f.taking(t, axes)
		x := f.masked(f.wide(t.Args[0]), mask, math.Inf(-1))
		e, m := f.shifted(x, axes)
		s := f.reduce(scalar.Add, e, k.Axis)
		s = f.apply(scalar.Select, f.apply(scalar.Gt, s, f.like(s, 0)), s, f.like(s, 1))
		if k.Code == "softmax" {
			return f.cast(f.apply(scalar.Div, e, f.leadingOver(s, x, axes)), want.DType)
		}
		lse := f.apply(scalar.Add, f.apply(scalar.Log, s), m)
		return f.cast(f.masked(f.apply(scalar.Sub, x, f.leadingOver(lse, x, axes)), mask, 0), want.DType)
	case "cumsum", "cumprod":
		code, other := scalar.Add, 0.0
		if k.Code == "cumprod" {
			code, other = scalar.Mul, 1
		}
		x := f.term(t.Args[0])
		d := want.DType
		if d.IsFloat() {
			d = wide(d)
		}
		x = f.masked(f.cast(x, d), f.taking(t, axes), other)
		return f.cast(f.b.Op(ops.Cumulative{Code: code, Axis: int64(k.Axis)}, x), want.DType)
	case "sort", "argsort":
		f.unguarded(t, axes)
		x := f.term(t.Args[0])
		r := f.b.Emit(ops.Sort{Axis: int64(k.Axis)}, nil, x)
		if k.Code == "sort" {
			return r[0]
		}
		return f.cast(r[1], want.DType)
	}
	panic("lower: unknown operation along an axis: " + k.Code)
}

// unguarded refuses operations along an axis of rows that have not all come.
func (f *frame) unguarded(t *core.Term, axes []int) {
	if len(f.live(t.Args[0], axes)) > 0 {
		f.fail("M285", t.Site, "this cannot run along the positions of a cache while generating: the rows that are still to come would take part")
	}
}

// pool recognises a sum, maximum or minimum over windows of one tensor.
func (f *frame) pool(t *core.Term, k core.Reduce) (*ir.Value, bool) {
	code := folds[k.Code]
	arg := t.Args[0]
	d := dtype(arg.Type.Elem)
	if code != scalar.Add && code != scalar.Max && code != scalar.Min || !d.IsFloat() || dtype(t.Type.Elem) != d && k.Code != "sum" {
		return nil, false
	}
	v := f.peel(arg)
	list, ok := windows(v, k.Axes)
	if !ok || len(list) != len(k.Axes) {
		return nil, false
	}
	space := f.dims(arg)
	seen := map[int]bool{}
	for _, s := range v.subs {
		for _, a := range s.axes {
			if seen[a] {
				return nil, false
			}
			seen[a] = true
		}
	}
	for _, w := range list {
		if w.dilation != 1 {
			return nil, false
		}
	}
	// Padding with the neutral element is part of the pooling.
	src := v.src
	outside := neutral(code, d)
	lo := make([]int64, len(list))
	if b, is := src.Kind.(core.Border); is && !f.compound(v) && f.isInside(src) && isNumber(src.Args[1], outside) {
		fits := true
		for axis := range b.Lo {
			at := slices.IndexFunc(list, func(w window) bool { return w.source == axis })
			if at < 0 {
				fits = fits && b.Lo[axis].IsZero() && b.Hi[axis].IsZero()
				continue
			}
			l, h := f.dim(b.Lo[axis], src.Site), f.dim(b.Hi[axis], src.Site)
			fits = fits && l >= 0 && h >= 0 && l < space[list[at].tap] && h < space[list[at].tap]
		}
		if fits {
			f.settled(src)
			for i, w := range list {
				lo[i] = f.dim(b.Lo[w.source], src.Site)
			}
			src = src.Args[0]
		}
	}
	x := f.term(src)
	if src == v.src {
		x = f.reshape(x, v.dims...)
	}
	var size, stride, padLo, padHi []int64
	var rest, axes, spatial []int
	for i, s := range v.subs {
		if a, plain := s.plain(); plain {
			rest, axes = append(rest, i), append(axes, a)
		}
	}
	for i, w := range list {
		// The windows reach from begin to end of the source.
		n := x.Type.Shape.Dim(w.source)
		from := w.base - lo[i]
		to := from + (space[w.place]-1)*w.stride + space[w.tap]
		if n == 0 || space[w.place] == 0 || from <= -space[w.tap] || to-n >= space[w.tap] {
			return nil, false
		}
		begin, end := max(0, from), min(n, to)
		x = f.cut(x, w.source, begin, end-begin, 1)
		size, stride = append(size, space[w.tap]), append(stride, w.stride)
		padLo, padHi = append(padLo, max(0, -from)), append(padHi, max(0, to-n))
		spatial = append(spatial, w.source)
		axes = append(axes, w.place)
	}
	x = f.transpose(x, slices.Concat(rest, spatial))
	var y *ir.Value
	switch code {
	case scalar.Add:
		y = f.b.Op(ops.Window{Code: code, Size: ir.NewInts(size...), Stride: ir.NewInts(stride...), PadLo: ir.NewInts(padLo...), PadHi: ir.NewInts(padHi...)}, x)
	default:
		if code == scalar.Min {
			x = f.apply(scalar.Neg, x)
		}
		y = f.b.Emit(ops.PoolMax{Size: ir.NewInts(size...), Stride: ir.NewInts(stride...), PadLo: ir.NewInts(padLo...), PadHi: ir.NewInts(padHi...)}, nil, x)[0]
		if code == scalar.Min {
			y = f.apply(scalar.Neg, y)
		}
	}
	return f.cast(f.result(operand{y, axes}, k.Axes, f.dims(t)), dtype(t.Type.Elem)), true
}
