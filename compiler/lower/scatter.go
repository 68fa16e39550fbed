package lower

import (
	"fmt"
	"math"
	"slices"

	"modelc/compiler/core"
	"modelc/ir"
	"modelc/ir/ops"
	"modelc/ir/scalar"
)

// scatter recognises ruling 34: a fold over e of where(dst[e] == n, x, neutral), n being an index that is kept. The form always lowers to a scatter of x into the
// places dst; several comparisons joined by `and` make one place of several axes.
func (f *frame) scatter(t *core.Term, k core.Reduce) (*ir.Value, bool) {
	code := folds[k.Code]
	if code != scalar.Add && code != scalar.Max && code != scalar.Min {
		return nil, false
	}
	arg := t.Args[0]
	space := f.dims(arg)
	v := f.peel(arg)
	m, ok := v.src.Kind.(core.Map)
	if !ok || m.Code != string(scalar.Select) || !v.plain() || f.compound(v) || !f.isInside(v.src) {
		return nil, false
	}
	d := dtype(arg.Type.Elem)
	if d == ir.Bool || dtype(t.Type.Elem) != d || !isNumber(v.src.Args[2], neutral(code, d)) && !(code == scalar.Add && isNumber(v.src.Args[2], 0)) {
		return nil, false
	}
	places, ok := f.comparisons(f.under(v, v.src.Args[0]), k.Axes)
	if !ok {
		return nil, false
	}
	x := f.deepen(f.under(v, v.src.Args[1]))
	var targets, over []int
	for _, p := range places {
		if slices.Contains(targets, p.index) || slices.Contains(f.axesOf(x), p.index) {
			return nil, false
		}
		targets = append(targets, p.index)
		over = append(over, f.axesOf(p.at)...)
	}
	slices.Sort(over)
	over = slices.Compact(over)
	// The places run along axes that are folded (the scattered ones) and axes that are kept (batch axes).
	var batch, moved []int
	for _, a := range over {
		switch {
		case slices.Contains(targets, a):
			return nil, false
		case slices.Contains(k.Axes, a):
			moved = append(moved, a)
		default:
			batch = append(batch, a)
		}
	}
	if len(moved) == 0 {
		return nil, false
	}
	// What is folded but has no place is folded first.
	o := f.materialise(x, space)
	repeat := int64(1)
	var early []int
	for _, a := range k.Axes {
		switch {
		case slices.Contains(moved, a):
		case o.has(a):
			early = append(early, a)
		case code == scalar.Add:
			repeat *= space[a]
		}
	}
	if len(early) > 0 {
		var at, kept []int
		for i, a := range o.axes {
			if slices.Contains(early, a) {
				at = append(at, i)
			} else {
				kept = append(kept, a)
			}
		}
		o = operand{f.reduce(code, o.value, at...), kept}
	}
	var rest []int
	for _, a := range o.axes {
		if !slices.Contains(over, a) {
			rest = append(rest, a)
		}
	}
	slices.Sort(rest)
	order := slices.Concat(batch, rest, moved)
	updates := f.spread(o, order, space)
	// One number per place; outside of any target axis it is -1, which the scatter drops.
	index, size := f.target(places, slices.Concat(batch, moved), space)
	y := f.b.Op(ops.Scatter{Code: code, Axis: int64(len(batch) + len(rest)), Batch: int64(len(batch)), Size: size}, updates, index)
	dims := y.Type.Shape.Dims()
	dims = dims[:len(dims)-1]
	for _, a := range targets {
		dims = append(dims, space[a])
	}
	y = f.reshape(y, dims...)
	if repeat != 1 {
		y = f.apply(scalar.Mul, y, f.like(y, float64(repeat)))
	}
	return f.result(operand{y, slices.Concat(batch, rest, targets)}, k.Axes, f.dims(t)), true
}

// under is the view of an argument of the elementwise source of v, whose axes are the last of the source's.
func (f *frame) under(v view, arg *core.Term) view {
	w := view{src: arg, dims: f.dims(arg)}
	w.subs = v.subs[len(v.subs)-len(w.dims):]
	return w
}

// spread returns the operand's value over exactly the given axes of the space, in the given order, repeated where it lacks one.
func (f *frame) spread(o operand, axes []int, space []int64) *ir.Value {
	dims := make([]int64, len(axes))
	local := operand{value: o.value}
	for i, a := range axes {
		dims[i] = space[a]
	}
	for _, a := range o.axes {
		local.axes = append(local.axes, slices.Index(axes, a))
	}
	return f.aligned(local, dims)
}

// comparison is `at == index`: an integer view and an axis of the space that its value is compared with.
type comparison struct {
	at    view
	index int
}

// comparisons splits a condition into comparisons of integers with kept indices.
func (f *frame) comparisons(v view, reduced []int) ([]comparison, bool) {
	v = f.deepen(v)
	m, ok := v.src.Kind.(core.Map)
	if !ok || !v.plain() || f.compound(v) || !f.isInside(v.src) {
		return nil, false
	}
	switch scalar.Code(m.Code) {
	case scalar.And:
		a, ok1 := f.comparisons(f.under(v, v.src.Args[0]), reduced)
		b, ok2 := f.comparisons(f.under(v, v.src.Args[1]), reduced)
		return append(a, b...), ok1 && ok2
	case scalar.Eq:
		for i := range 2 {
			n := f.unconverted(f.deepen(f.under(v, v.src.Args[i])))
			at := f.unconverted(f.deepen(f.under(v, v.src.Args[1-i])))
			if _, is := n.src.Kind.(core.Iota); !is || len(n.subs) != 1 {
				continue
			}
			axis, plain := n.subs[0].plain()
			if plain && !slices.Contains(reduced, axis) && at.src.Type.Elem.IsInt() {
				return []comparison{{at, axis}}, true
			}
		}
	}
	return nil, false
}

// unconverted looks through conversions of integers to wider ones, which keep places.
func (f *frame) unconverted(v view) view {
	for {
		if _, is := v.src.Kind.(core.Cast); !is || f.compound(v) || !v.plain() || !f.isInside(v.src) || !v.src.Type.Elem.IsInt() || !v.src.Args[0].Type.Elem.IsInt() {
			return v
		}
		v = f.deepen(f.under(v, v.src.Args[0]))
	}
}

// target computes the places of a scatter over the given axes as one number each, and how many there are. With several target axes a number out of one of
// their ranges makes the whole place -1.
func (f *frame) target(places []comparison, axes []int, space []int64) (index *ir.Value, size int64) {
	size = 1
	var valid *ir.Value
	for i := len(places) - 1; i >= 0; i-- {
		n := space[places[i].index]
		v := f.cast(f.spread(f.materialise(places[i].at, space), axes, space), ir.I32)
		if len(places) > 1 {
			in := f.apply(scalar.And, f.apply(scalar.Ge, v, f.like(v, 0)), f.apply(scalar.Lt, v, f.like(v, float64(n))))
			if valid == nil {
				valid = in
			} else {
				valid = f.apply(scalar.And, valid, in)
			}
			v = f.apply(scalar.Mul, v, f.like(v, float64(size)))
		}
		if index == nil {
			index = v
		} else {
			index = f.apply(scalar.Add, index, v)
		}
		if size *= max(1, n); size > math.MaxInt32 {
			f.fail("M281", f.at, fmt.Sprintf("more than %d places are too many to be written by index", math.MaxInt32))
		}
	}
	return f.masked(index, valid, -1), size
}
