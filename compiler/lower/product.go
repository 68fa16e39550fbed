package lower

import (
	"slices"

	"modelc/compiler/core"
	"modelc/ir"
	"modelc/ir/ops"
	"modelc/ir/scalar"
)

// factors splits a product into views of what is multiplied, over the space of the term. An inner product is split where none of its factors runs along all
// axes, so that it would be larger than any of them; otherwise it is a tensor of its own, which others may share.
func (f *frame) factors(t *core.Term) []view {
	var out []view
	var split func(v view, top bool)
	split = func(v view, top bool) {
		v = f.deepen(v)
		m, ok := v.src.Kind.(core.Map)
		if !ok || m.Code != string(scalar.Mul) || f.compound(v) || !v.plain() || !f.isInside(v.src) {
			out = append(out, v)
			return
		}
		var parts []view
		worth := true
		for _, a := range v.src.Args {
			p := view{src: a, dims: f.dims(a)}
			p.subs = v.subs[len(v.subs)-len(p.dims):]
			p = f.deepen(p)
			worth = worth && len(f.axesOf(p)) < len(v.subs)
			parts = append(parts, p)
		}
		if !top && !worth {
			out = append(out, v)
			return
		}
		for _, p := range parts {
			split(p, false)
		}
	}
	split(f.identity(t), true)
	return out
}

// axesOf returns the axes of the space that a view depends on, in ascending order.
func (f *frame) axesOf(v view) []int {
	var axes []int
	for _, s := range v.subs {
		axes = append(axes, s.axes...)
		for _, r := range s.reads {
			axes = append(axes, r.over...)
		}
	}
	slices.Sort(axes)
	return slices.Compact(axes)
}

// contract sums the product of views over the given axes of the space. The operand that it returns has no reduced axis.
func (f *frame) contract(factors []view, space []int64, reduced []int) operand {
	// An axis that nothing runs along only repeats.
	repeat := int64(1)
	for _, a := range reduced {
		if !slices.ContainsFunc(factors, func(v view) bool { return slices.Contains(f.axesOf(v), a) }) {
			repeat *= space[a]
		}
	}
	o := f.multiplied(factors, space, reduced)
	if repeat != 1 {
		o.value = f.apply(scalar.Mul, o.value, f.like(o.value, float64(repeat)))
	}
	return o
}

// multiplied is contract without the axes that nothing runs along.
func (f *frame) multiplied(factors []view, space []int64, reduced []int) operand {
	var after, rest []operand
	if conv, others, ok := f.convolution(factors, space, reduced); ok {
		after = append(after, conv)
		for _, v := range others {
			after = append(after, f.materialise(v, space))
		}
		return f.multiply(after, space)
	}
	sums := func(o operand) bool {
		return slices.ContainsFunc(o.axes, func(a int) bool { return slices.Contains(reduced, a) })
	}
	for _, v := range factors {
		if o := f.materialise(v, space); sums(o) {
			rest = append(rest, o)
		} else {
			after = append(after, o)
		}
	}
	// An axis that a single factor runs along is summed in that factor alone.
	shared := func(a int) int {
		n := 0
		for _, o := range rest {
			if o.has(a) {
				n++
			}
		}
		return n
	}
	if len(rest) > 1 {
		alone := slices.DeleteFunc(slices.Clone(reduced), func(a int) bool { return shared(a) != 1 })
		var still []operand
		for _, o := range rest {
			if o = f.sumOut(o, alone); sums(o) {
				still = append(still, o)
			} else {
				after = append(after, o)
			}
		}
		rest = still
	}
	for len(rest) > 1 {
		a, b := f.pair(rest, space, reduced)
		x, y := rest[a], rest[b]
		rest = slices.Delete(slices.Delete(rest, max(a, b), max(a, b)+1), min(a, b), min(a, b)+1)
		var over []int
		for _, axis := range reduced {
			if (x.has(axis) || y.has(axis)) && shared(axis) == 0 {
				over = append(over, axis)
			}
		}
		rest = append(rest, f.multiplySum(x, y, space, over))
	}
	for _, o := range rest {
		after = append(after, f.sumOut(o, reduced))
	}
	return f.multiply(after, space)
}

// sumOut sums the operand over those of the axes that it has.
func (f *frame) sumOut(o operand, axes []int) operand {
	var at, kept []int
	for i, a := range o.axes {
		if slices.Contains(axes, a) {
			at = append(at, i)
		} else {
			kept = append(kept, a)
		}
	}
	return operand{f.reduce(scalar.Add, o.value, at...), kept}
}

// pair chooses the two factors to multiply next: those whose product, summed over what only they have, is smallest.
func (f *frame) pair(rest []operand, space []int64, reduced []int) (int, int) {
	if len(rest) == 2 {
		return 0, 1
	}
	best, x, y := int64(-1), 0, 1
	for i := range rest {
		for j := i + 1; j < len(rest); j++ {
			n := int64(1)
			for a, d := range space {
				if !rest[i].has(a) && !rest[j].has(a) {
					continue
				}
				elsewhere := false
				for k, o := range rest {
					elsewhere = elsewhere || k != i && k != j && o.has(a)
				}
				if elsewhere || !slices.Contains(reduced, a) {
					n *= max(1, d)
				}
			}
			if best < 0 || n < best {
				best, x, y = n, i, j
			}
		}
	}
	return x, y
}

// multiplySum multiplies two operands and sums over the given axes, each of which one of them has.
func (f *frame) multiplySum(x, y operand, space []int64, over []int) operand {
	var batch, contract, freeX, freeY []int
	for _, a := range x.axes {
		switch {
		case !y.has(a):
			freeX = append(freeX, a)
		case slices.Contains(over, a):
			contract = append(contract, a)
		default:
			batch = append(batch, a)
		}
	}
	for _, a := range y.axes {
		if !x.has(a) {
			freeY = append(freeY, a)
		}
	}
	if len(contract) == 0 || len(freeX) == 0 && len(freeY) == 0 {
		// No product of matrices: multiply element by element, then sum.
		return f.sumOut(f.multiply([]operand{x, y}, space), over)
	}
	slices.Sort(batch)
	slices.Sort(contract)
	if len(freeX) == 0 || len(freeY) > 0 && slices.Min(freeY) < slices.Min(freeX) {
		x, y, freeX, freeY = y, x, freeY, freeX // the result needs less reordering
	}
	at := func(o operand, axes []int) ir.Axes {
		list := make([]int, len(axes))
		for i, a := range axes {
			list[i] = slices.Index(o.axes, a)
		}
		return ir.NewAxes(list...)
	}
	v := f.b.Op(ops.Dot{BatchA: at(x, batch), BatchB: at(y, batch), ContractA: at(x, contract), ContractB: at(y, contract), Precision: f.precision()}, x.value, y.value)
	return f.sumOut(operand{v, slices.Concat(batch, freeX, freeY)}, over)
}

// multiply multiplies operands element by element over the axes that any of them has.
func (f *frame) multiply(list []operand, space []int64) operand {
	if len(list) == 1 {
		return list[0]
	}
	// Numbers and other small ones first.
	slices.SortStableFunc(list, func(a, b operand) int { return len(a.axes) - len(b.axes) })
	out := list[0]
	for _, o := range list[1:] {
		axes := slices.Clone(o.axes)
		for _, a := range out.axes {
			if !o.has(a) {
				axes = append(axes, a)
			}
		}
		slices.Sort(axes)
		out = operand{f.apply(scalar.Mul, f.spread(o, axes, space), f.spread(out, axes, space)), axes}
	}
	return out
}

// window is an axis of a source that is read at place·stride + tap·dilation + base.
type window struct {
	source           int // axis of the source
	place, tap       int // axes of the space; place is kept, tap is reduced
	stride, dilation int64
	base             int64
}

// windows finds the axes of a view that are read through a window; ok is false where a subscript is of another kind.
func windows(v view, reduced []int) (list []window, ok bool) {
	for i, s := range v.subs {
		if _, plain := s.plain(); plain {
			continue
		}
		if len(s.reads) > 0 || len(s.axes) != 2 {
			return nil, false
		}
		p, t := 0, 1
		if slices.Contains(reduced, s.axes[0]) {
			p, t = 1, 0
		}
		if slices.Contains(reduced, s.axes[p]) || !slices.Contains(reduced, s.axes[t]) || s.coefs[0] < 1 || s.coefs[1] < 1 {
			return nil, false
		}
		list = append(list, window{i, s.axes[p], s.axes[t], s.coefs[p], s.coefs[t], s.base})
	}
	return list, len(list) > 0
}

// convolution recognises a sum over windows of one factor times a kernel, and gives the factors that are left over (those that run along no reduced axis).
func (f *frame) convolution(factors []view, space []int64, reduced []int) (operand, []view, bool) {
	var sides, others []view
	for _, v := range factors {
		if slices.ContainsFunc(f.axesOf(v), func(a int) bool { return slices.Contains(reduced, a) }) {
			sides = append(sides, v)
		} else {
			others = append(others, v)
		}
	}
	if len(sides) != 2 || !dtype(sides[0].src.Type.Elem).IsFloat() {
		return operand{}, nil, false
	}
	for i, x := range sides {
		list, ok := windows(x, reduced)
		if !ok {
			continue
		}
		if o, ok := f.convolve(x, sides[1-i], list, space, reduced); ok {
			return o, others, true
		}
	}
	return operand{}, nil, false
}

func (f *frame) convolve(x, w view, list []window, space []int64, reduced []int) (operand, bool) {
	kernel := f.axesOf(w)
	var places, taps []int
	for _, s := range list {
		// Each place and tap belongs to one window; the taps run over the kernel, the places do not.
		if slices.Contains(places, s.place) || slices.Contains(taps, s.tap) || slices.Contains(kernel, s.place) || !slices.Contains(kernel, s.tap) {
			return operand{}, false
		}
		places, taps = append(places, s.place), append(taps, s.tap)
	}
	// The roles of the other axes.
	var outer, group, channel, out []int
	input := map[int]bool{}
	for _, s := range x.subs {
		a, ok := s.plain()
		if !ok {
			continue
		}
		if input[a] || slices.Contains(places, a) || slices.Contains(taps, a) {
			return operand{}, false
		}
		input[a] = true
		switch {
		case slices.Contains(reduced, a) && slices.Contains(kernel, a):
			channel = append(channel, a)
		case slices.Contains(reduced, a):
			return operand{}, false
		case slices.Contains(kernel, a):
			group = append(group, a)
		default:
			outer = append(outer, a)
		}
	}
	for _, a := range kernel {
		switch {
		case input[a] || slices.Contains(taps, a):
		case slices.Contains(reduced, a):
			return operand{}, false
		default:
			out = append(out, a)
		}
	}
	for _, l := range [][]int{outer, group, channel, out} {
		slices.Sort(l)
	}
	// Zeros around and between the elements of the source are part of the convolution.
	src, lo, between := f.surroundings(x, list)
	rank := len(list) + 2
	if len(group) > 0 {
		rank++
	}
	if rank > ir.MaxRank {
		return operand{}, false
	}
	// x as [outer, group, channel, space…], w as [group, out, channel, taps…], each role one axis.
	v := f.reshape(f.term(src), f.dims(src)...)
	var labels []int
	for _, s := range x.subs {
		if a, ok := s.plain(); ok {
			labels = append(labels, a)
		} else {
			labels = append(labels, -2-len(labels)) // an axis of the source, not of the space
		}
	}
	var spatial []int
	for _, s := range list {
		spatial = append(spatial, labels[s.source])
	}
	xo := operand{v, labels}
	grouped := len(group) > 0
	join := func(o operand, roles ...[]int) *ir.Value {
		v := f.ordered(o, slices.Concat(roles...))
		dims := v.Type.Shape.Dims()
		var shape []int64
		at := 0
		for i, r := range roles {
			if i < len(roles)-1 {
				shape = append(shape, product(dims[at:at+len(r)]))
			} else {
				shape = append(shape, dims[at:]...)
			}
			at += len(r)
		}
		return f.reshape(v, shape...)
	}
	var a, b *ir.Value
	wo := f.materialise(w, space)
	if grouped {
		a, b = join(xo, outer, group, channel, spatial), join(wo, group, out, channel, taps)
	} else {
		a, b = join(xo, outer, channel, spatial), join(wo, out, channel, taps)
	}
	op := ops.Conv{Grouped: grouped}
	var stride, dilateX, dilateW, padLo, padHi []int64
	for i, s := range list {
		n := v.Type.Shape.Dim(s.source)
		extent := int64(0)
		if n > 0 {
			extent = (n-1)*between[i] + 1
		}
		need := (space[s.place]-1)*s.stride + (space[s.tap]-1)*s.dilation + 1
		before := lo[i] - s.base
		stride, dilateX, dilateW = append(stride, s.stride), append(dilateX, between[i]), append(dilateW, s.dilation)
		padLo, padHi = append(padLo, before), append(padHi, need-extent-before)
	}
	op.Stride, op.DilateX, op.DilateW = ir.NewInts(stride...), ir.NewInts(dilateX...), ir.NewInts(dilateW...)
	op.PadLo, op.PadHi = ir.NewInts(padLo...), ir.NewInts(padHi...)
	y := f.b.Op(op, a, b)
	axes := slices.Concat(outer, group, out, places)
	dims := make([]int64, len(axes))
	for i, axis := range axes {
		dims[i] = space[axis]
	}
	return operand{f.reshape(y, dims...), axes}, true
}

// surroundings looks through a border of zeros and a dilation of the windowed axes of a view. It returns the tensor inside, and for each window the zeros
// before it (those after follow from what the windows reach) and the distance of neighbours.
func (f *frame) surroundings(v view, list []window) (src *core.Term, lo, between []int64) {
	src = v.src
	lo, between = make([]int64, len(list)), make([]int64, len(list))
	for i := range between {
		between[i] = 1
	}
	if f.compound(v) {
		return
	}
	windowed := func(axis int) int { return slices.IndexFunc(list, func(w window) bool { return w.source == axis }) }
	if b, ok := src.Kind.(core.Border); ok && f.isInside(src) && isNumber(src.Args[1], 0) {
		fits := true
		for axis := range b.Lo {
			fits = fits && (windowed(axis) >= 0 || b.Lo[axis].IsZero() && b.Hi[axis].IsZero())
		}
		if fits {
			f.settled(src)
			for i, w := range list {
				lo[i] = f.dim(b.Lo[w.source], src.Site)
			}
			src = src.Args[0]
		}
	}
	if d, ok := src.Kind.(core.Dilate); ok && f.isInside(src) {
		fits := true
		for axis, s := range d.Factor {
			n, one := s.Const()
			fits = fits && (windowed(axis) >= 0 || one && n == 1)
		}
		if fits {
			f.settled(src)
			for i, w := range list {
				between[i] = f.dim(d.Factor[w.source], src.Site)
			}
			src = src.Args[0]
		}
	}
	return
}

// isNumber reports whether a term is a constant of the given value.
func isNumber(t *core.Term, v float64) bool {
	switch k := t.Kind.(type) {
	case core.Number:
		return k.Value == v
	case core.Cast, core.Fill:
		return isNumber(t.Args[0], v)
	}
	return false
}
