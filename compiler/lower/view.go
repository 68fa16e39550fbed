package lower

import (
	"fmt"
	"math"
	"slices"

	"modelc/compiler/core"
	"modelc/compiler/size"
	"modelc/ir"
	"modelc/ir/ops"
	"modelc/ir/scalar"
)

// affine is one subscript: base + Σ coef·index + Σ readings, over the indices (axes) of a space.
type affine struct {
	base  int64
	axes  []int // distinct
	coefs []int64
	reads []reading
}

// reading is an integer read at run time: coef times a tensor that runs along some axes of the space. A nil tensor is the count of rows before this call (past).
type reading struct {
	tensor *core.Term
	coef   int64
	over   []int
}

// view says where a source is read for a point of a space: one subscript per axis of the source.
type view struct {
	src  *core.Term
	dims []int64 // of the source, after its compound axes were split
	subs []affine
}

func along(axis int) affine { return affine{axes: []int{axis}, coefs: []int64{1}} }

// plain returns the axis that a subscript is, if it is one.
func (a affine) plain() (int, bool) {
	if a.base == 0 && len(a.reads) == 0 && len(a.axes) == 1 && a.coefs[0] == 1 {
		return a.axes[0], true
	}
	return 0, false
}

// affine reports whether nothing is read at run time.
func (a affine) static() bool { return len(a.reads) == 0 }

func (a *affine) add(axis int, coef int64) {
	if i := slices.Index(a.axes, axis); i >= 0 {
		a.coefs[i] += coef
		return
	}
	a.axes, a.coefs = append(a.axes, axis), append(a.coefs, coef)
}

// identity is the view of a term at its own axes.
func (f *frame) identity(t *core.Term) view {
	v := view{src: t, dims: f.dims(t)}
	for i := range v.dims {
		v.subs = append(v.subs, along(i))
	}
	return v
}

// plain reports whether a view only reorders and repeats.
func (v view) plain() bool {
	for _, s := range v.subs {
		if _, ok := s.plain(); !ok {
			return false
		}
	}
	return true
}

// compound reports whether an axis of the source was split.
func (f *frame) compound(v view) bool { return !slices.Equal(v.dims, f.dims(v.src)) }

// peel looks through accesses, arrangements, slices, flips and fills down to the tensor that is read.
func (f *frame) peel(t *core.Term) view { return f.deepen(f.identity(t)) }

// deepen peels the source of a view as far as it goes.
func (f *frame) deepen(v view) view {
	for !f.compound(v) {
		inner, ok := f.layer(v.src)
		if !ok {
			return v
		}
		w, ok := compose(v, inner)
		if !ok {
			return v
		}
		v = w
	}
	return v
}

// layer is the view that one term is of its first argument, if it is one.
func (f *frame) layer(t *core.Term) (view, bool) {
	var v view
	switch k := t.Kind.(type) {
	case core.Arrange:
		v = view{src: t.Args[0], dims: f.dims(t.Args[0])}
		for _, a := range k.At {
			v.subs = append(v.subs, along(a))
		}
		return v, true
	case core.Fill:
		return view{src: t.Args[0]}, true
	}
	if !f.isInside(t) {
		return v, false // the frame around computes it, once
	}
	switch k := t.Kind.(type) {
	case core.Slice:
		v = view{src: t.Args[0], dims: f.dims(t.Args[0])}
		at := 0
		for i, s := range k.Start {
			sub := f.offset(s, t.Site)
			if !slices.Contains(k.Drop, i) {
				sub.add(at, 1)
				at++
			}
			v.subs = append(v.subs, sub)
		}
		return v, true
	case core.Flip:
		f.settled(t)
		v = f.identity(t)
		v.src = t.Args[0]
		for _, a := range k.Axes {
			v.subs[a] = affine{base: v.dims[a] - 1, axes: []int{a}, coefs: []int64{-1}}
		}
		return v, true
	case core.Access:
		v.src = t.Args[0]
		for i, d := range f.dims(t.Args[0]) {
			s := k.Subs[i]
			if len(s.Parts) == 0 {
				v.subs, v.dims = append(v.subs, f.subscript(t, s)), append(v.dims, d)
				continue
			}
			for j, p := range s.Parts {
				v.subs, v.dims = append(v.subs, f.subscript(t, p)), append(v.dims, f.dim(s.Extents[j], t.Site))
			}
		}
		return v, true
	}
	return v, false
}

// offset is a size as a subscript: a number, or one that grows with the rows before this call.
func (f *frame) offset(s size.Size, site *core.Site) affine {
	base, slope := f.growth(s, site)
	a := affine{base: base}
	if slope != 0 {
		a.reads = []reading{{coef: slope}}
	}
	return a
}

// growth splits a size into its value without rows before this call and its growth per such row. Only while generating step by step does it grow.
func (f *frame) growth(s size.Size, site *core.Site) (base, slope int64) {
	if f.phase != next || !slices.Contains(s.Syms(), f.core.Past) {
		return f.dim(s, site), 0
	}
	at := func(past int64) int64 {
		return f.number64(s, func(x *size.Sym) (int64, bool) {
			if x == f.core.Past {
				return past, true
			}
			return f.value(x)
		}, site)
	}
	base, slope = at(0), at(1)-at(0)
	if at(2)-at(1) != slope || at(1000)-base != 1000*slope {
		f.fail("M284", site, "a size that depends on past must grow evenly with it, and this does not: "+s.String())
	}
	return base, slope
}

func (f *frame) subscript(t *core.Term, s core.Sub) affine {
	a := f.offset(s.Base, t.Site)
	for i, axis := range s.Axis {
		a.add(axis, f.dim(s.Coef[i], t.Site))
	}
	for i, arg := range s.Values {
		a.reads = append(a.reads, reading{t.Args[arg], 1, s.Over[i]})
	}
	return a
}

// compose puts the subscripts of the outer view in the place of the axes of its source, of which inner is a view.
func compose(outer, inner view) (view, bool) {
	v := view{src: inner.src, dims: inner.dims}
	for _, s := range inner.subs {
		c := affine{base: s.base}
		for i, axis := range s.axes {
			o, k := outer.subs[axis], s.coefs[i]
			c.base += k * o.base
			for j, a := range o.axes {
				c.add(a, k*o.coefs[j])
			}
			for _, r := range o.reads {
				c.reads = append(c.reads, reading{r.tensor, k * r.coef, r.over})
			}
		}
		for _, r := range s.reads {
			over := make([]int, len(r.over))
			for i, axis := range r.over {
				at, ok := outer.subs[axis].plain()
				if !ok {
					return v, false
				}
				over[i] = at
			}
			c.reads = append(c.reads, reading{r.tensor, r.coef, over})
		}
		v.subs = append(v.subs, c)
	}
	return v, true
}

// operand is a value whose axes are named by axes of a space, each at most once.
type operand struct {
	value *ir.Value
	axes  []int
}

func (o operand) has(axis int) bool { return slices.Contains(o.axes, axis) }

// aligned returns a whole tensor over the space: the axes put in order and the missing ones repeated.
func (f *frame) aligned(o operand, space []int64) *ir.Value {
	axes := slices.Clone(o.axes)
	slices.Sort(axes)
	return f.broadcast(f.ordered(o, axes), space, axes)
}

// ordered returns the operand's value with its axes in the given order, a permutation of them.
func (f *frame) ordered(o operand, axes []int) *ir.Value {
	perm := make([]int, len(axes))
	for i, a := range axes {
		perm[i] = slices.Index(o.axes, a)
	}
	return f.transpose(o.value, perm)
}

// viewed lowers a term that is a view.
func (f *frame) viewed(t *core.Term) *ir.Value {
	space := f.dims(t)
	return f.aligned(f.materialise(f.peel(t), space), space)
}

const unread = -1 // the axis of an operand whose subscript is yet to be applied

// materialise reads a view: the operand holds every element once, whatever is repeated.
func (f *frame) materialise(v view, space []int64) operand {
	o := operand{value: f.reshape(f.term(v.src), v.dims...)}
	// Axes at places that are known first: they make less of what follows.
	at := 0
	var waiting []affine
	for _, s := range v.subs {
		switch {
		case s.static() && len(s.axes) == 0:
			o.value = f.drop(f.cut(o.value, at, s.base, 1, 1), at)
			continue
		case s.static() && len(s.axes) == 1 && s.coefs[0] != 0:
			n, c := space[s.axes[0]], s.coefs[0]
			if c > 0 {
				o.value = f.cut(o.value, at, s.base, n, c)
			} else {
				o.value = f.reverse(f.cut(o.value, at, s.base+c*(n-1), n, -c), at)
			}
			if d := slices.Index(o.axes, s.axes[0]); d >= 0 {
				o.value = f.diagonal(o.value, d, at)
				continue
			}
			o.axes = append(o.axes, s.axes[0])
		default:
			o.axes = append(o.axes, unread)
			waiting = append(waiting, s)
		}
		at++
	}
	if len(waiting) == 0 {
		return o
	}
	if p, ok := f.dynamic(o, waiting, space); ok {
		return p
	}
	return f.gatherAt(o, waiting, space)
}

// diagonal reads axes a < b of equal size at equal places: joined, they have the diagonal at every (n+1)-th place.
func (f *frame) diagonal(v *ir.Value, a, b int) *ir.Value {
	dims := v.Type.Shape.Dims()
	n := dims[a]
	perm := slices.DeleteFunc(ascending(len(dims)), func(x int) bool { return x == b })
	perm = slices.Insert(perm, a+1, b)
	rest := slices.Delete(slices.Clone(dims), b, b+1)
	joined := slices.Clone(rest)
	joined[a] = n * n
	return f.cut(f.reshape(f.transpose(v, perm), joined...), a, 0, n, n+1)
}

// dynamic applies subscripts that are a place known at run time, the same for all points, plus at most one axis: a dynamic slice.
func (f *frame) dynamic(o operand, subs []affine, space []int64) (operand, bool) {
	for i, s := range subs {
		if len(s.reads) == 0 || len(s.axes) > 1 || len(s.axes) == 1 && (s.coefs[0] != 1 || o.has(s.axes[0])) {
			return o, false
		}
		for _, t := range subs[:i] {
			if len(s.axes) == 1 && slices.Contains(t.axes, s.axes[0]) {
				return o, false
			}
		}
		for _, r := range s.reads {
			if len(r.over) > 0 {
				return o, false
			}
		}
	}
	dims := o.value.Type.Shape.Dims()
	args := []*ir.Value{o.value}
	kept := slices.Clone(dims)
	out := operand{}
	next := 0
	zero := f.int32(0)
	for i, a := range o.axes {
		if a != unread {
			args = append(args, zero)
			out.axes = append(out.axes, a)
			continue
		}
		s := subs[next]
		next++
		args = append(args, f.place(affine{base: s.base, reads: s.reads}, nil, nil))
		kept[i] = 1
		if len(s.axes) == 1 {
			kept[i] = space[s.axes[0]]
			out.axes = append(out.axes, s.axes[0])
		}
	}
	v := f.b.Op(ops.DynamicSlice{Sizes: ir.NewInts(kept...)}, args...)
	for i := len(o.axes) - 1; i >= 0; i-- {
		if o.axes[i] == unread {
			next--
			if len(subs[next].axes) == 0 {
				v = f.drop(v, i)
			}
		}
	}
	out.value = v
	return out, true
}

// place computes a subscript as an i32 tensor over the given axes of the space.
func (f *frame) place(s affine, axes []int, space []int64) *ir.Value {
	dims := make([]int64, len(axes))
	for i, a := range axes {
		dims[i] = space[a]
	}
	t := ir.Of(ir.I32, dims...)
	var sum *ir.Value
	add := func(v *ir.Value, coef int64) {
		if coef != 1 {
			v = f.apply(scalar.Mul, v, f.like(v, float64(coef)))
		}
		if sum == nil {
			sum = v
		} else {
			sum = f.apply(scalar.Add, sum, v)
		}
	}
	for i, a := range s.axes {
		add(f.iota(t, slices.Index(axes, a)), s.coefs[i])
	}
	for _, r := range s.reads {
		var o operand
		if r.tensor == nil {
			o.value = f.past()
		} else {
			o.value = f.cast(f.term(r.tensor), ir.I32)
		}
		for _, a := range r.over {
			o.axes = append(o.axes, slices.Index(axes, a))
		}
		for i := len(o.axes) - 1; i > 0; i-- { // an index tensor read along one axis twice
			if d := slices.Index(o.axes[:i], o.axes[i]); d >= 0 {
				o.value = f.diagonal(o.value, d, i)
				o.axes = slices.Delete(o.axes, i, i+1)
			}
		}
		add(f.aligned(o, dims), r.coef)
	}
	if sum == nil {
		return f.number(t, float64(s.base))
	}
	if s.base != 0 {
		sum = f.apply(scalar.Add, sum, f.like(sum, float64(s.base)))
	}
	return sum
}

// gatherAt applies the remaining subscripts by one gather: the axes they subscript are joined into one, their places into one number.
func (f *frame) gatherAt(o operand, subs []affine, space []int64) operand {
	// The indices that the places run along. Those that the operand has already are shared: batch axes of the gather.
	var over []int
	for _, s := range subs {
		over = append(over, s.axes...)
		for _, r := range s.reads {
			over = append(over, r.over...)
		}
	}
	slices.Sort(over)
	over = slices.Compact(over)
	var batch, fresh []int
	for _, a := range over {
		if o.has(a) {
			batch = append(batch, a)
		} else {
			fresh = append(fresh, a)
		}
	}
	// Axis order: batch, then the rest, the subscripted axes brought together at the first of them.
	dims := o.value.Type.Shape.Dims()
	var perm, labels []int
	for _, a := range batch {
		perm, labels = append(perm, slices.Index(o.axes, a)), append(labels, a)
	}
	axis := -1
	joined := int64(1)
	for i, a := range o.axes {
		switch {
		case a != unread:
			if !slices.Contains(batch, a) {
				perm, labels = append(perm, i), append(labels, a)
			}
		case axis < 0:
			axis = len(perm)
			for j, b := range o.axes {
				if b == unread {
					perm = append(perm, j)
					joined *= dims[j]
				}
			}
		}
	}
	if joined > math.MaxInt32 {
		f.fail("M281", f.at, fmt.Sprintf("%d places are too many to be read by index: at most %d", joined, math.MaxInt32))
	}
	x := f.transpose(o.value, perm)
	shape := x.Type.Shape.Dims()
	x = f.reshape(x, slices.Concat(shape[:axis], []int64{joined}, shape[axis+len(subs):])...)
	// One number per place.
	order := slices.Concat(batch, fresh)
	var index *ir.Value
	stride := int64(1)
	for i := len(subs) - 1; i >= 0; i-- {
		v := f.place(subs[i], order, space)
		if stride != 1 {
			v = f.apply(scalar.Mul, v, f.like(v, float64(stride)))
		}
		if index == nil {
			index = v
		} else {
			index = f.apply(scalar.Add, v, index)
		}
		stride *= shape[axis+i]
	}
	y := f.b.Op(ops.Gather{Axis: int64(axis), Batch: int64(len(batch))}, x, index)
	return operand{y, slices.Concat(labels[:axis], fresh, labels[axis:])}
}
