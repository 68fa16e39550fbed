package lower

import (
	"slices"

	"modelc/compiler/core"
	"modelc/ir"
	"modelc/recipe"
)

// StateName returns the name of a slot's state in modules: the block that owns it, a dot, and the slot's path ("classify.net.0.w"), which is how
// the language names it from another block. The names of Parts are made alike. Checkpoints of a block's run may cut the prefix off.
func StateName(p *core.Program, s *core.Slot) string { return owner(p, s) + s.Path }

// owner returns the prefix of a slot's names, with its dot.
func owner(p *core.Program, s *core.Slot) string {
	for _, t := range p.Trains {
		for _, x := range t.Slots {
			if x == s {
				return t.Name + "."
			}
		}
	}
	for _, g := range p.Gens {
		for _, x := range g.Caches {
			if x == s {
				return g.Name + "."
			}
		}
	}
	for i, t := range p.Tests {
		for _, x := range t.Slots {
			if x == s {
				return TestEntry(i) + "."
			}
		}
	}
	return ""
}

// States returns every state of a program: the slots of its train and test blocks, the step counters, and, where the sizes tell
// B and Capacity, the caches of its generate blocks with their counters of rows.
func States(p *core.Program, s Sizes) []*ir.State {
	g := &program{core: p, sizes: s}
	var out []*ir.State
	for _, t := range p.Trains {
		for _, x := range t.Slots {
			out = append(out, g.state(x))
		}
		out = append(out, g.counter(recipe.StepState(t.Name)))
	}
	for _, t := range p.Tests {
		for _, x := range t.Slots {
			out = append(out, g.state(x))
		}
	}
	if s.B < 1 || s.Capacity < 1 {
		return out
	}
	for _, b := range p.Gens {
		g.gen, g.phase = b, next
		for _, x := range b.Caches {
			out = append(out, g.state(x))
		}
		out = append(out, g.counter(recipe.PastState(b.Name)))
	}
	return out
}

var roles = [...]ir.Role{core.Param: ir.Param, core.Stat: ir.Stat, core.Moment: ir.Moment, core.Cache: ir.Cache, core.Frozen: ir.Frozen}

// state returns the state of a slot.
func (p *program) state(s *core.Slot) *ir.State {
	if st, ok := p.slots[s]; ok {
		return st
	}
	prefix := owner(p.core, s)
	name := prefix + s.Path
	dims := make([]int64, len(s.Type.Dims))
	for i, d := range s.Type.Dims {
		value := p.value
		if s.Role == core.Cache {
			value = p.cacheValue(p.generator(s), d)
		}
		dims[i] = p.number64(d, value, nil)
	}
	shape, err := ir.NewShape(dims...)
	if err != nil {
		p.fail("M281", &core.Site{At: s.At}, "this tensor cannot be made: "+err.Error())
	}
	t := ir.Type{DType: dtype(s.Type.Elem), Shape: shape}
	if n := s.Stacked(); n > 0 {
		t = ir.Of(t.DType, append([]int64{int64(n)}, t.Shape.Dims()...)...)
	}
	st := &ir.State{Name: name, Type: t, Role: roles[s.Role]}
	for _, part := range s.Parts {
		st.Parts = append(st.Parts, prefix+part)
	}
	if p.slots == nil {
		p.slots = map[*core.Slot]*ir.State{}
	}
	p.slots[s] = st
	return st
}

// generator returns the generate block that a cache belongs to.
func (p *program) generator(s *core.Slot) *core.Generate {
	for _, g := range p.core.Gens {
		if slices.Contains(g.Caches, s) {
			return g
		}
	}
	return p.gen
}

// counter returns a counter of steps or rows.
func (p *program) counter(name string) *ir.State {
	st, ok := p.counters[name]
	if !ok {
		st = &ir.State{Name: name, Type: ir.Of(ir.I32), Role: ir.Counter}
		if p.counters == nil {
			p.counters = map[string]*ir.State{}
		}
		p.counters[name] = st
	}
	return st
}
