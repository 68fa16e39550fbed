package lower

import (
	"slices"

	"modelc/compiler/core"
	"modelc/compiler/grad"
	"modelc/ir"
	"modelc/ir/scalar"
)

// reverse1 appends the gradient of a scalar by values of this frame, zeros where nothing depends on them.
func (f *frame) reverse1(e *ir.Value, by []*ir.Value) []*ir.Value {
	if f.inline {
		return f.up.reverse1(e, by)
	}
	if f.b.Err != nil {
		panic("lower: @" + f.b.Func.Name + ": " + f.b.Err.Error())
	}
	g := f.transform().Reverse(f.b, []*ir.Value{e}, nil, by)
	for i, v := range g {
		if v == nil {
			g[i] = f.number(by[i].Type, 0)
		}
	}
	return g
}

func (p *program) transform() *grad.Transform {
	if p.grad == nil {
		p.grad = grad.New()
	}
	return p.grad
}

// kept is a tensor that a stack of layers keeps between calls, layer by layer: the body reads its layer's part and gives its new value.
type kept struct {
	slot  *core.Slot
	value *ir.Value // its value by now
}

// scan lowers a loop. Its body is a function: terms that depend on what the loop binds belong into it, and draws that were made while its body was checked; all
// else is computed before the loop and passed as a const.
func (f *frame) scan(t *core.Term, k core.Scan) []*ir.Value {
	n := f.dim(k.Length, t.Site)
	if f.phase == next && slices.Contains(k.Length.Syms(), f.core.Past) {
		f.fail("M285", t.Site, "a loop cannot run along the positions of a cache while generating: it would run over the rows that are still to come")
	}
	vars := slices.Concat(k.Carry, k.Over)
	if k.Counter != nil {
		vars = append(vars, k.Counter)
	}
	c := f.child(f.b.Func.Name + ".body")
	own := func(x *core.Term) bool { return isDraw(x) && len(vars) > 0 && x.ID > vars[0].ID && x.ID < t.ID }
	for _, v := range vars {
		vars[0] = first(vars[0], v)
	}
	c.owns = own
	// A gradient by a value of the body needs everything between the two inside, whether it depends on the loop or not.
	by := map[*core.Term]bool{}
	visit(slices.Concat(k.Next, k.Outs), func(x *core.Term) {
		if _, is := x.Kind.(core.Derivative); is {
			by[x.Args[1]] = true
		}
	})
	bound := map[*core.Term]bool{}
	for _, v := range slices.Concat(k.Carry, k.Over, []*core.Term{k.Counter}) {
		bound[v] = true
	}
	c.inside = depends(func(x *core.Term) bool {
		if bound[x] || own(x) {
			return true
		}
		if s, is := x.Kind.(core.Cached); is && s.Slot.Stacked() > 0 && f.phase != whole {
			return true
		}
		return len(by) > 0 && slices.ContainsFunc(x.Args, func(a *core.Term) bool { return by[a] })
	})
	// Parameters.
	carry := make([]*ir.Value, len(k.Carry))
	over := make([]*ir.Value, len(k.Over))
	var carries, overs []*ir.Value
	for i, v := range k.Carry {
		init := f.term(t.Args[i])
		carries = append(carries, init)
		carry[i] = c.bind(init.Type, v.Hint)
		c.memo[v] = []*ir.Value{carry[i]}
	}
	for i, v := range k.Over {
		x := f.term(t.Args[len(k.Carry)+i])
		overs = append(overs, x)
		over[i] = c.bind(ir.Of(x.Type.DType, x.Type.Shape.Dims()[1:]...), v.Hint)
		c.memo[v] = []*ir.Value{over[i]}
	}
	c.counts = func() *ir.Value {
		v := c.bind(scalarInt, "turn")
		over = append(over, v)
		overs = append(overs, f.iota(ir.Of(ir.I32, n), 0))
		return v
	}
	if k.Counter != nil {
		c.leaf = func(x *core.Term) []*ir.Value {
			if x != k.Counter {
				return nil
			}
			return []*ir.Value{c.cast(c.counting(), dtype(x.Type.Elem))}
		}
	}
	c.keeps = &[]*kept{}
	c.opens = func(s *core.Slot) *ir.Value {
		whole := f.buffer(s)
		v := c.bind(ir.Of(whole.Type.DType, whole.Type.Shape.Dims()[1:]...), "")
		over = append(over, v)
		overs = append(overs, whole)
		return v
	}
	// The body.
	c.prepare(slices.Concat(k.Next, k.Outs)...)
	var results []*ir.Value
	for i, x := range k.Next {
		v := c.term(x)
		if f.pads(k) {
			v = c.held(v, carry[i])
		}
		results = append(results, v)
	}
	for _, x := range k.Outs {
		results = append(results, c.term(x))
	}
	for _, w := range f.layered(c) {
		*c.keeps = append(*c.keeps, &kept{slot: w.Slot, value: c.term(w.Value)})
	}
	for _, x := range *c.keeps {
		results = append(results, x.value)
	}
	fn := c.seal(slices.Concat(c.captures(), carry, over), results)
	args := slices.Concat(c.caught, carries, overs)
	op := ir.Scan{Length: n, Consts: int32(len(c.caught)), Carry: int32(len(carry)), Over: int32(len(over)), Reverse: k.Reverse}
	out := f.b.Emit(op, []*ir.Func{fn}, args...)
	m := len(k.Next) + len(k.Outs)
	for i, x := range *c.keeps {
		f.store(x.slot, out[m+i])
	}
	return out[:m]
}

func first(a, b *core.Term) *core.Term {
	if b.ID < a.ID {
		return b
	}
	return a
}

// visit calls do for every term that the given ones are computed from, once each.
func visit(list []*core.Term, do func(*core.Term)) {
	seen := map[*core.Term]bool{}
	stack := slices.Clone(list)
	for len(stack) > 0 {
		t := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if t == nil || seen[t] {
			continue
		}
		seen[t] = true
		do(t)
		stack = append(stack, children(t)...)
	}
}

// pads reports whether a loop runs along the live axis of a padded prompt: its carries must stop at the last true token, since the next call resumes from them.
func (f *frame) pads(k core.Scan) bool {
	s, ok := k.Length.Sym()
	return f.phase == begin && ok && s == f.gen.T
}

// held is the carry that holds its value beyond the last true token.
func (f *frame) held(v, before *ir.Value) *ir.Value {
	on := f.apply(scalar.Le, f.counting(), f.last())
	return f.apply(scalar.Select, f.trailing(on, v.Type.Shape.Dims()), v, before)
}

// layered returns what a stack of layers keeps between calls by a loop inside of its body: writes of stacked slots whose values belong into it.
func (f *frame) layered(c *frame) []core.Write {
	var out []core.Write
	for _, w := range f.program.keep {
		if w.Slot.Stacked() > 0 && c.inside(w.Value) && !f.done[w.Slot] {
			f.done[w.Slot] = true
			out = append(out, w)
		}
	}
	return out
}
