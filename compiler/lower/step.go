package lower

import (
	"slices"

	"modelc/compiler/core"
	"modelc/compiler/size"
	"modelc/ir"
	"modelc/ir/scalar"
	"modelc/recipe"
)

// step lowers one training step in which the updates of a set take part (a digit per update).
//
// Updates run in order (ruling 1). The memo of the entry's frame holds what was computed; after a move it forgets what depends on a moved weight, so that a later update
// computes just that anew, with the same random draws, since keys follow from paths. Metrics and running statistics are those of the step's start.
func (p *program) step(name string, t *core.Train, set string) {
	f := p.root(name)
	var updates []*core.Update
	for i, u := range t.Updates {
		if set[i] == '1' {
			updates = append(updates, u)
		}
	}
	var extra []*core.Term
	var names []string
	for _, m := range t.Metrics {
		if m.Host == nil { // what needs a whole split is no metric of a step
			extra, names = append(extra, m.Term), append(names, m.Name)
		}
	}
	ok := f.number(ir.Of(ir.Bool), 1)
	var reported []*ir.Value
	type written struct {
		state *ir.State
		value *ir.Value
	}
	var stats []written
	for i, u := range updates {
		var losses []*core.Term
		var writes []core.Write
		if i == 0 {
			losses, writes = extra, t.Writes
		}
		g := f.gradients(t, u, losses, writes)
		if i == 0 {
			reported = g.extra
			for j, w := range writes {
				stats = append(stats, written{p.state(w.Slot), g.written[j]})
			}
		}
		norm := f.norm(g.by)
		ok = f.apply(scalar.And, ok, f.apply(scalar.And, f.apply(scalar.IsFinite, g.loss), f.apply(scalar.IsFinite, norm)))
		f.clip(u, g.by, norm)
		f.move(u, g.by, i < len(updates)-1)
	}
	if len(updates) == 0 {
		reported = f.list(extra)
		for _, w := range t.Writes {
			stats = append(stats, written{p.state(w.Slot), f.term(w.Value)})
		}
	}
	for _, s := range stats {
		f.write(s.state, s.value)
	}
	counter := p.counter(recipe.StepState(t.Name))
	f.write(counter, f.apply(scalar.Add, f.read(counter), f.int32(1)))
	var outs []output
	for i, n := range names {
		outs = append(outs, output{n, f.cast(reported[i], ir.F32)})
	}
	f.close(name, append(outs, output{recipe.OutOK, ok}))
}

// derived is what an update needs of its loss.
type derived struct {
	loss    *ir.Value
	extra   []*ir.Value // metrics
	written []*ir.Value // values that the forward pass writes
	by      []*ir.Value // the gradients, one per move
}

// gradients lowers the loss of an update with its gradient by the weights that it moves, and what else is wanted of the same forward pass.
func (f *frame) gradients(t *core.Train, u *core.Update, extra []*core.Term, writes []core.Write) derived {
	if t.Accumulate > 1 {
		return f.accumulated(t, u, extra, writes)
	}
	f.prepare(append([]*core.Term{u.Loss}, extra...)...)
	d := derived{loss: f.term(u.Loss), extra: f.list(extra)}
	for _, w := range writes {
		d.written = append(d.written, f.term(w.Value))
	}
	d.by = f.byWeights(u, d.loss)
	return d
}

func (f *frame) byWeights(u *core.Update, loss *ir.Value) []*ir.Value {
	weights := make([]*ir.Value, len(u.Moves))
	for i, m := range u.Moves {
		weights[i] = f.read(f.state(m.Slot))
	}
	pos := f.b.Pos
	f.b.Pos = f.position(u.Loss.Site)
	g := f.reverse1(loss, weights)
	f.b.Pos = pos
	return g
}

// accumulated cuts the batch into equal slices and runs them one after the other: means of losses, metrics and gradients; what the forward pass writes goes from
// slice to slice. Random draws over the batch are those of the whole batch, since a slice knows the number of its first row.
func (f *frame) accumulated(t *core.Train, u *core.Update, extra []*core.Term, writes []core.Write) derived {
	k := int64(t.Accumulate)
	if f.sizes.B%k != 0 {
		f.fail("M287", u.Loss.Site, "a batch of "+itoa(int(f.sizes.B))+" rows cannot be cut into "+itoa(t.Accumulate)+" equal slices")
	}
	rows := f.sizes.B / k
	c := f.child(f.b.Func.Name + ".slice")
	c.value = func(s *size.Sym) (int64, bool) {
		if s == f.core.B {
			return rows, true
		}
		return f.value(s)
	}
	var over, overs, carry, carries []*ir.Value
	c.counts = func() *ir.Value {
		v := c.bind(scalarInt, "slice")
		over, overs = append(over, v), append(overs, f.iota(ir.Of(ir.I32, k), 0))
		return v
	}
	c.first = c.apply(scalar.Mul, c.counting(), c.int32(rows))
	// What comes in per row is cut; everything that is not a leaf is computed per slice.
	columns := map[string]*ir.Value{}
	c.cutInput = func(name string, t ir.Type) *ir.Value {
		dims := t.Shape.Dims()
		if len(dims) == 0 || dims[0] != rows || name != recipe.InRow && !isColumn(name) {
			return nil
		}
		if v, ok := columns[name]; ok {
			return v
		}
		outer := f.input(name, ir.Of(t.DType, append([]int64{rows * k}, dims[1:]...)...))
		v := c.bind(t, "")
		over, overs = append(over, v), append(overs, f.reshape(outer, append([]int64{k}, dims...)...))
		columns[name] = v
		return v
	}
	c.threaded = map[*ir.State]*ir.Value{}
	for _, w := range writes {
		s := f.state(w.Slot)
		v := c.bind(s.Type, "")
		c.threaded[s] = v
		carry, carries = append(carry, v), append(carries, f.read(s))
	}
	c.prepare(append([]*core.Term{u.Loss}, extra...)...)
	d := derived{loss: c.term(u.Loss), extra: c.list(extra)}
	for _, w := range writes {
		d.written = append(d.written, c.term(w.Value))
	}
	d.by = c.byWeights(u, d.loss)
	// Sums over the slices.
	results := slices.Clone(d.written)
	for _, v := range slices.Concat([]*ir.Value{d.loss}, d.extra, d.by) {
		if !v.Type.DType.IsFloat() {
			v = c.cast(v, ir.F32)
		}
		sum := c.bind(v.Type, "")
		carry, carries = append(carry, sum), append(carries, f.number(v.Type, 0))
		results = append(results, c.apply(scalar.Add, sum, v))
	}
	fn := c.seal(slices.Concat(c.captures(), carry, over), results)
	op := ir.Scan{Length: k, Consts: int32(len(c.caught)), Carry: int32(len(carry)), Over: int32(len(over))}
	out := slices.Clone(f.b.Emit(op, []*ir.Func{fn}, slices.Concat(c.caught, carries, overs)...))
	n := len(writes)
	for i, v := range out[n:] {
		out[n+i] = f.apply(scalar.Mul, v, f.like(v, 1/float64(k)))
	}
	m := n + 1 + len(extra)
	return derived{loss: out[n], extra: out[n+1 : m], written: out[:n], by: out[m:]}
}

// norm is the norm of all gradients together, in f32.
func (f *frame) norm(by []*ir.Value) *ir.Value {
	if len(by) == 0 {
		return f.number(ir.Of(ir.F32), 0)
	}
	var sum *ir.Value
	for i, g := range by {
		g = f.cast(g, ir.F32)
		s := f.reduce(scalar.Add, f.apply(scalar.Mul, g, g), all(g)...)
		if i == 0 {
			sum = s
		} else {
			sum = f.apply(scalar.Add, sum, s)
		}
	}
	return f.apply(scalar.Sqrt, sum)
}

// clip shortens the gradients together to the update's bound, where they are longer.
func (f *frame) clip(u *core.Update, by []*ir.Value, norm *ir.Value) {
	if u.Clip == nil {
		return
	}
	bound := f.cast(f.term(u.Clip), ir.F32)
	scale := f.apply(scalar.Min, f.number(bound.Type, 1), f.apply(scalar.Div, bound, norm))
	for i, g := range by {
		by[i] = f.apply(scalar.Mul, g, f.trailing(f.cast(scale, g.Type.DType), g.Type.Shape.Dims()))
	}
}

// move gives the weights of an update, and the optimizer's states, their new values, all in terms of the old ones. Then what depended on them is forgotten. To
// later updates the new values are constants: no gradient passes through a move.
func (f *frame) move(u *core.Update, by []*ir.Value, more bool) {
	type change struct {
		slot  *core.Slot
		value *ir.Value
	}
	var changes []change
	for i, m := range u.Moves {
		terms := []*core.Term{m.Next}
		slots := []*core.Slot{m.Slot}
		for _, w := range m.Writes {
			terms, slots = append(terms, w.Value), append(slots, w.Slot)
		}
		var values []*ir.Value
		if m.Slot.Stacked() == 0 {
			f.memo[m.Grad] = []*ir.Value{f.cast(by[i], dtype(m.Grad.Type.Elem))}
			f.prepare(terms...)
			values = f.list(terms)
		} else {
			values = f.stackedMove(m, by[i], terms, slots)
		}
		for j, v := range values {
			changes = append(changes, change{slots[j], v})
		}
	}
	moved := map[*core.Slot]bool{}
	for _, c := range changes {
		if more && c.value.Type.DType.IsFloat() {
			c.value = f.stop(c.value)
		}
		f.write(f.state(c.slot), c.value)
		moved[c.slot] = true
	}
	stale := depends(func(t *core.Term) bool { r, is := t.Kind.(core.Read); return is && moved[r.Slot] })
	for t := range f.memo {
		if stale(t) {
			delete(f.memo, t)
		}
	}
}

// stackedMove applies a move, which is written for one layer, to a weight that is stacked over layers: at once where it works element by element, else by a scan
// over the layers.
func (f *frame) stackedMove(m *core.Move, grad *ir.Value, terms []*core.Term, slots []*core.Slot) []*ir.Value {
	stacked := map[*core.Slot]bool{}
	visit(terms, func(t *core.Term) {
		if r, is := t.Kind.(core.Read); is && r.Slot.Stacked() > 0 {
			stacked[r.Slot] = true
		}
	})
	inside := depends(func(t *core.Term) bool {
		r, is := t.Kind.(core.Read)
		return is && stacked[r.Slot] || t == m.Grad
	})
	grad = f.cast(grad, dtype(m.Grad.Type.Elem))
	n := int64(m.Slot.Stacked())
	layer := f.typeOf(m.Slot.Type, f.value, nil).Shape
	elementwise := true
	visit(terms, func(t *core.Term) {
		if !inside(t) {
			return
		}
		if f.typeOf(t.Type, f.value, t.Site).Shape != layer {
			elementwise = false
		}
		switch t.Kind.(type) {
		case core.Map, core.Cast, core.Read, core.Gradient, core.Stop:
		default:
			elementwise = false
		}
	})
	if elementwise {
		c := &frame{program: f.program, b: f.b, up: f, memo: map[*core.Term][]*ir.Value{}, value: f.value, inside: inside, inline: true, lift: n}
		c.memo[m.Grad] = []*ir.Value{grad}
		c.prepare(terms...)
		out := c.list(terms)
		for i, v := range out {
			out[i] = f.trailing(v, f.state(slots[i]).Type.Shape.Dims())
		}
		return out
	}
	c := f.child(f.b.Func.Name + ".move")
	c.inside = inside
	var over, overs []*ir.Value
	reads := map[*core.Slot]*ir.Value{}
	slice := func(v *ir.Value) *ir.Value {
		p := c.bind(ir.Of(v.Type.DType, v.Type.Shape.Dims()[1:]...), "")
		over, overs = append(over, p), append(overs, v)
		return p
	}
	c.owns = isDraw
	c.counts = func() *ir.Value { return slice(f.iota(ir.Of(ir.I32, n), 0)) }
	c.memo[m.Grad] = []*ir.Value{slice(grad)}
	c.leaf = func(t *core.Term) []*ir.Value {
		r, is := t.Kind.(core.Read)
		if !is || !stacked[r.Slot] {
			return nil
		}
		if reads[r.Slot] == nil {
			reads[r.Slot] = slice(f.read(f.state(r.Slot)))
		}
		return []*ir.Value{reads[r.Slot]}
	}
	c.prepare(terms...)
	results := c.list(terms)
	fn := c.seal(slices.Concat(c.captures(), over), results)
	op := ir.Scan{Length: n, Consts: int32(len(c.caught)), Over: int32(len(over))}
	return f.b.Emit(op, []*ir.Func{fn}, slices.Concat(c.caught, overs)...)
}
