package opt

import (
	"modelc/ir"
	"modelc/ir/ops"
	"modelc/ir/scalar"
)

// batch takes products out of loops where all turns can do them at once:
//
//   - of slices with a const, dot(x[t], w): one product before the loop, dot(x, w): what an LSTM does with its inputs;
//   - of a turn's value with a const that is only stacked: one product of the stacked values after the loop;
//   - a sum over the turns of products, s + dot(p[t], q[t]): one product after the loop that contracts the turns as well, where one turn contracts little:
//     the gradient of the weights of an LSTM. Likewise s + sum(p[t]), where p is stacked anyway.
//
// The last one adds in another order, so results may differ by rounding.
func batch(m *ir.Module, _ Options) {
	eachLoop(m, func(h *hoister) map[*ir.Value]func() *ir.Value {
		after := map[*ir.Value]func() *ir.Value{}
		h.products()
		h.sums(after)
		h.sinks(after)
		return after
	})
}

// Bounds on the third rule: the contracted size of one turn below which its product is too small to run well, and the bytes that stacking may take.
const (
	smallContraction = 256
	stackLimit       = int64(1) << 28
)

// turns computes, outside of the loop, a value that depends on slices and consts, for all turns at once on a leading axis.
func (h *hoister) turns(v *ir.Value) *ir.Value {
	if w := h.stacked[v]; w != nil {
		return w
	}
	t, _ := stackedType(v.Type, h.scan.Length)
	if h.depends[v.ID] <= onConsts {
		axes := make([]int, v.Type.Shape.Rank())
		for i := range axes {
			axes[i] = i + 1
		}
		return ops.BroadcastTo(h.outer, h.lift(v), t.Shape, axes...)
	}
	args := make([]*ir.Value, len(v.Def.Args))
	for i, a := range v.Def.Args {
		args[i] = h.turns(a)
	}
	op := v.Def.Op
	switch o := op.(type) {
	case ops.Reshape:
		op = ops.Reshape{Shape: t.Shape}
	case ops.Transpose:
		op = ops.Transpose{Perm: shifted(o.Perm, true)}
	}
	w := h.outer.Op(op, args...)
	h.stacked[v] = w
	return w
}

// shifted returns axes with 1 added, after axis 0 if wanted: what they are when a leading axis is put before them.
func shifted(x ir.Axes, first bool) ir.Axes {
	list := x.List()
	for i := range list {
		list[i]++
	}
	if first {
		list = append([]int{0}, list...)
	}
	return ir.NewAxes(list...)
}

// fits reports whether values of a type can be stacked at a bearable price.
func (h *hoister) fits(t ir.Type) bool {
	if t.Shape.Rank() >= ir.MaxRank {
		return false
	}
	s, ok := stackedType(t, h.scan.Length)
	return ok && s.Bytes() <= stackLimit
}

// products replaces dots of slices and consts.
func (h *hoister) products() {
	for _, c := range h.body.Func.Body {
		o, ok := c.Op.(ops.Dot)
		if !ok || o.BatchA.Len() > 0 || !h.fits(c.Results[0].Type) {
			continue
		}
		a, b := c.Args[0], c.Args[1]
		da, db := h.depends[a.ID], h.depends[b.ID]
		var w *ir.Value
		switch {
		case da == onSlices && db <= onConsts && h.fits(a.Type):
			w = h.outer.Op(ops.Dot{ContractA: shifted(o.ContractA, false), ContractB: o.ContractB, Precision: o.Precision}, h.turns(a), h.lift(b))
		case db == onSlices && da <= onConsts && h.fits(b.Type):
			w = h.outer.Op(ops.Dot{ContractA: o.ContractA, ContractB: shifted(o.ContractB, false), Precision: o.Precision}, h.lift(a), h.turns(b))
			w = h.turnsFirst(w, a.Type.Shape.Rank()-o.ContractA.Len())
		default:
			continue
		}
		h.to[c.Results[0]] = h.slices(w)
		h.changed = true
	}
}

// turnsFirst moves the axis of the turns, which in a product stands behind the free axes of its first argument, to the front.
func (h *hoister) turnsFirst(w *ir.Value, axis int) *ir.Value {
	perm := []int{axis}
	for i := range w.Type.Shape.Rank() {
		if i != axis {
			perm = append(perm, i)
		}
	}
	return ops.TransposeBy(h.outer, w, perm...)
}

// sinks takes products with a const whose only use is to be stacked out of the loop: the other factor is stacked instead, unless it is much larger.
func (h *hoister) sinks(after map[*ir.Value]func() *ir.Value) {
	var keep []out
	for _, s := range h.outs {
		o, c, ok := op[ops.Dot](s.value)
		if !ok || o.BatchA.Len() > 0 || h.uses[s.value.ID] != 1 || h.to[s.value] != nil {
			keep = append(keep, s)
			continue
		}
		side := 0
		if h.depends[c.Args[0].ID] <= onConsts {
			side = 1
		}
		x, w := c.Args[side], c.Args[1-side]
		if h.depends[w.ID] > onConsts || h.depends[x.ID] != onTurn || !h.fits(x.Type) || x.Type.Bytes() > 2*s.value.Type.Bytes() {
			keep = append(keep, s)
			continue
		}
		h.changed = true
		// The factor joins the outs when the loop over them is over.
		stacked, lifted, pos := h.pending(&keep, x), h.lift(w), c.Pos
		after[s.result] = func() *ir.Value {
			h.outer.Pos = pos
			if side == 0 {
				return h.outer.Op(ops.Dot{ContractA: shifted(o.ContractA, false), ContractB: o.ContractB, Precision: o.Precision}, stacked, lifted)
			}
			p := h.outer.Op(ops.Dot{ContractA: o.ContractA, ContractB: shifted(o.ContractB, false), Precision: o.Precision}, lifted, stacked)
			return h.turnsFirst(p, w.Type.Shape.Rank()-o.ContractA.Len())
		}
	}
	h.outs = keep
}

// pending returns the stacked x, from the outs as they were or from those that stay.
func (h *hoister) pending(keep *[]out, x *ir.Value) *ir.Value {
	for _, list := range [][]out{*keep, h.outs} {
		for _, o := range list {
			if o.value == x {
				return o.result
			}
		}
	}
	t, _ := stackedType(x.Type, h.scan.Length)
	r := h.outer.Value(t, x.Hint)
	*keep = append(*keep, out{x, r})
	return r
}

// isAdd returns the operands of a sum of two.
func isAdd(v *ir.Value) (a, b *ir.Value, ok bool) {
	if v.Def == nil {
		return nil, nil, false
	}
	if o, is := v.Def.Op.(ops.Map); !is || o.Code != scalar.Add {
		return nil, nil, false
	}
	return v.Def.Args[0], v.Def.Args[1], true
}

// sums takes carries that add up products out of the loop.
func (h *hoister) sums(after map[*ir.Value]func() *ir.Value) {
	for pass := range 2 { // products first: they stack what a plain sum may then find stacked
		var keep []carry
		for _, p := range h.carry {
			terms, ok := h.terms(p)
			for _, t := range terms {
				ok = ok && (h.isSmallProduct(t) || pass == 1 && h.isStackedSum(t))
			}
			if !ok {
				keep = append(keep, p)
				continue
			}
			h.changed = true
			var parts []func() *ir.Value
			for _, t := range terms {
				parts = append(parts, h.total(t))
			}
			after[p.result] = func() *ir.Value {
				sum := p.arg
				for _, part := range parts {
					sum = ops.Add(h.outer, sum, part())
				}
				return sum
			}
		}
		h.carry = keep
	}
}

// terms returns what a carry adds up, if that is all it does.
func (h *hoister) terms(p carry) ([]*ir.Value, bool) {
	a, b, ok := isAdd(p.next)
	if !ok || h.uses[p.param.ID] != 1 || h.uses[p.next.ID] != 1 || (a == p.param) == (b == p.param) {
		return nil, false
	}
	if b == p.param {
		a, b = b, a
	}
	var out []*ir.Value
	list := []*ir.Value{b}
	for len(list) > 0 {
		v := list[len(list)-1]
		list = list[:len(list)-1]
		if x, y, ok := isAdd(v); ok && h.uses[v.ID] == 1 {
			list = append(list, y, x)
			continue
		}
		out = append(out, v)
	}
	return out, true
}

func (h *hoister) isSmallProduct(v *ir.Value) bool {
	if v.Def == nil || h.depends[v.ID] != onTurn && h.depends[v.ID] != onSlices {
		return false
	}
	o, ok := v.Def.Op.(ops.Dot)
	if !ok {
		return false
	}
	n := int64(1)
	for i := range o.ContractA.Len() {
		n *= v.Def.Args[0].Type.Shape.Dim(o.ContractA.At(i))
	}
	return n <= smallContraction && h.fits(v.Def.Args[0].Type) && h.fits(v.Def.Args[1].Type)
}

// isStackedSum reports whether v is a sum over axes of something that is stacked already.
func (h *hoister) isStackedSum(v *ir.Value) bool {
	if v.Def == nil {
		return false
	}
	o, ok := v.Def.Op.(ops.Reduce)
	if !ok || o.Code != scalar.Add || !h.fits(v.Def.Args[0].Type) {
		return false
	}
	x := v.Def.Args[0]
	if h.depends[x.ID] == onSlices {
		return true
	}
	for _, s := range h.outs {
		if s.value == x {
			return true
		}
	}
	return false
}

// total adds a term up over all turns. What it returns is to be called after the loop.
func (h *hoister) total(v *ir.Value) func() *ir.Value {
	stacked := func(x *ir.Value) *ir.Value {
		if h.depends[x.ID] <= onSlices {
			return h.turns(x)
		}
		return h.stack(x)
	}
	var args []*ir.Value
	for _, a := range v.Def.Args {
		args = append(args, stacked(a))
	}
	pos := v.Def.Pos
	return func() *ir.Value {
		h.outer.Pos = pos
		switch o := v.Def.Op.(type) {
		case ops.Dot:
			return h.outer.Op(ops.Dot{BatchA: shifted(o.BatchA, false), BatchB: shifted(o.BatchB, false),
				ContractA: shifted(o.ContractA, true), ContractB: shifted(o.ContractB, true), Precision: o.Precision}, args...)
		case ops.Reduce:
			return h.outer.Op(ops.Reduce{Code: o.Code, Axes: shifted(o.Axes, true)}, args...)
		}
		panic("opt: a total of neither products nor sums")
	}
}
