package lower

import (
	"fmt"
	"slices"

	"modelc/compiler/core"
	"modelc/compiler/size"
	"modelc/ir"
	"modelc/ir/ops"
	"modelc/ir/scalar"
	"modelc/recipe"
)

// OutLogits is the output of the entries that generate.
const OutLogits = "logits"

// generate lowers one of the entries of a generate block.
func (p *program) generate(name string, g *core.Generate, part string) {
	p.gen = g
	p.done = map[*core.Slot]bool{}
	f := p.root(name)
	switch part {
	case "full":
		f.prepare(g.Full)
		f.close(name, []output{{OutLogits, f.term(g.Full)}})
		return
	case "begin":
		p.phase, p.keep = begin, g.BeginKeep
		if p.sizes.Tokens < 1 || p.sizes.Tokens > p.sizes.Capacity {
			p.fail("M288", g.Begin.Site, fmt.Sprintf("%d tokens do not fit into a cache of %d rows", p.sizes.Tokens, p.sizes.Capacity))
		}
		f.prepare(g.Begin)
		logits := f.term(g.Begin)
		// The last true token's row.
		dims := logits.Type.Shape.Dims()
		zero := f.int32(0)
		row := f.b.Op(ops.DynamicSlice{Sizes: ir.NewInts(dims[0], 1, dims[2])}, logits, zero, f.last(), zero)
		f.keepAll()
		f.write(p.counter(recipe.PastState(g.Name)), f.apply(scalar.Add, f.last(), f.int32(1)))
		f.close(name, []output{{OutLogits, f.drop(row, 1)}})
	case "next":
		p.phase, p.keep = next, g.NextKeep
		f.prepare(g.Next)
		logits := f.drop(f.term(g.Next), 1)
		f.keepAll()
		past := p.counter(recipe.PastState(g.Name))
		f.write(past, f.apply(scalar.Add, f.read(past), f.int32(1)))
		f.close(name, []output{{OutLogits, logits}})
	}
}

// last is the place of the last true token of a padded prompt.
func (f *frame) last() *ir.Value { return f.input(recipe.InLast, scalarInt) }

// keepAll writes what a call keeps for the next one and no loop over layers has written yet.
func (f *frame) keepAll() {
	for _, w := range f.keep {
		if f.done[w.Slot] {
			continue
		}
		if c, is := w.Value.Kind.(core.Cached); is {
			f.done[w.Slot] = true
			f.term(w.Value) // which stores
			if c.Slot == w.Slot {
				continue
			}
		}
		f.write(f.state(w.Slot), f.term(w.Value))
	}
}

// cached is the identity outside of generating. In begin the rows are put into the cache; in next the new row is put at past, and the whole cache is the
// value, rows beyond what has come included: reductions leave those out.
func (f *frame) cached(t *core.Term, k core.Cached) *ir.Value {
	x := f.term(t.Args[0])
	if f.phase == whole {
		return x
	}
	if f.phase == begin {
		rows := x.Type.Shape.Dims()
		lo, hi := make([]int64, len(rows)), make([]int64, len(rows))
		hi[k.Axis] = f.sizes.Capacity - rows[k.Axis]
		f.store(k.Slot, f.pad(x, lo, hi, slices.Clone(lo), 0))
		return x
	}
	args := []*ir.Value{f.buffer(k.Slot), x}
	for axis := range x.Type.Shape.Rank() {
		if axis == k.Axis {
			args = append(args, f.past())
		} else {
			args = append(args, f.int32(0))
		}
	}
	v := f.b.Op(ops.DynamicUpdate{}, args...)
	f.store(k.Slot, v)
	return v
}

// buffer is the present value of a cache: in the body of a stack of layers, the layer's part.
func (f *frame) buffer(s *core.Slot) *ir.Value {
	switch {
	case f.inline:
		return f.up.buffer(s)
	case f.door != nil:
		return f.read(f.state(s))
	case f.keeps == nil || s.Stacked() == 0:
		f.fail("M289", &core.Site{At: s.At}, "cached stands in a loop that is no list of layers")
	}
	x := f.kept(s)
	if x.value == nil {
		x.value = f.opens(s)
	}
	return x.value
}

// store gives a cache a new value.
func (f *frame) store(s *core.Slot, v *ir.Value) {
	switch {
	case f.inline:
		f.up.store(s, v)
	case f.door != nil:
		f.write(f.state(s), v)
	case f.keeps == nil || s.Stacked() == 0:
		f.fail("M289", &core.Site{At: s.At}, "cached stands in a loop that is no list of layers")
	default:
		f.kept(s).value = v
	}
	f.done[s] = true
}

func (f *frame) kept(s *core.Slot) *kept {
	for _, x := range *f.keeps {
		if x.slot == s {
			return x
		}
	}
	x := &kept{slot: s}
	*f.keeps = append(*f.keeps, x)
	return x
}

// cacheValue is the value of free sizes in the type of a cache: past + T, and T itself, are its capacity.
func (p *program) cacheValue(g *core.Generate, s size.Size) func(*size.Sym) (int64, bool) {
	grows := p.core.Past != nil && slices.Contains(s.Syms(), p.core.Past)
	return func(x *size.Sym) (int64, bool) {
		switch {
		case x == p.core.Past && grows:
			return p.sizes.Capacity - 1, true
		case g != nil && x == g.T && grows:
			return 1, true
		case g != nil && (x == g.T || x == g.Capacity):
			return p.sizes.Capacity, true
		}
		return p.value(x)
	}
}
