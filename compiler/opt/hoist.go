package opt

import (
	"modelc/ir"
	"modelc/ir/ops"
)

// hoist computes what depends on the consts of a loop alone once, before it. Constants, views, and cheap maps that would only make a larger value to read
// stay in the body.
func hoist(m *ir.Module, _ Options) {
	eachLoop(m, func(h *hoister) map[*ir.Value]func() *ir.Value {
		h.invariants()
		return nil
	})
}

// eachLoop calls a pass for every loop of two turns or more, taken apart. The pass returns what makes results that are gone, after the loop.
func eachLoop(m *ir.Module, pass func(h *hoister) map[*ir.Value]func() *ir.Value) {
	for _, f := range m.Funcs {
		rewrite(f, func(b *ir.Builder, c *ir.Instr) []*ir.Value {
			s, ok := c.Op.(ir.Scan)
			if !ok || s.Length < 2 {
				return nil
			}
			old := c.Results
			l, _ := open(b, c)
			h := newHoister(l)
			after := pass(h)
			if !h.changed {
				return nil
			}
			l.replace(h.to)
			l.close()
			b.Func.Body = append(b.Func.Body, c)
			values := make([]*ir.Value, len(old))
			for i, r := range old {
				values[i] = r
				if make := after[r]; make != nil {
					values[i] = make()
				}
			}
			return values
		})
	}
}

// dependence says what a value of a body depends on.
type dependence uint8

const (
	onNothing dependence = iota // constants only
	onConsts
	onSlices // slices and consts, through maps and reshapes that all turns can do at once
	onTurn   // everything else
)

type hoister struct {
	*loop
	depends []dependence // by value ID
	leaves  []int64      // by value ID: bytes of the consts it depends on
	uses    []int        // by value ID
	lifted  map[*ir.Value]*ir.Value
	stacked map[*ir.Value]*ir.Value
	to      map[*ir.Value]*ir.Value // body values and the parameters that replace them
	changed bool
}

func newHoister(l *loop) *hoister {
	n := l.body.Func.Bound()
	h := &hoister{loop: l, depends: make([]dependence, n), leaves: make([]int64, n), uses: make([]int, n),
		lifted: map[*ir.Value]*ir.Value{}, stacked: map[*ir.Value]*ir.Value{}, to: map[*ir.Value]*ir.Value{}}
	for _, p := range l.consts {
		h.depends[p.param.ID] = onConsts
		h.leaves[p.param.ID] = p.param.Type.Bytes()
		h.lifted[p.param] = p.arg
	}
	for _, p := range l.carry {
		h.depends[p.param.ID] = onTurn
	}
	for _, p := range l.over {
		h.depends[p.param.ID] = onSlices
		h.stacked[p.param] = p.arg
	}
	for _, c := range l.body.Func.Body {
		d, leaves := onNothing, int64(0)
		for _, a := range c.Args {
			d = max(d, h.depends[a.ID])
			leaves += h.leaves[a.ID]
			h.uses[a.ID]++
		}
		if d == onSlices {
			switch c.Op.(type) {
			case ops.Map, ops.Cast, ops.Reshape, ops.Transpose:
			default:
				d = onTurn
			}
		}
		for _, r := range c.Results {
			h.depends[r.ID], h.leaves[r.ID] = d, leaves
		}
	}
	for _, p := range l.carry {
		h.uses[p.next.ID]++
	}
	for _, o := range l.outs {
		h.uses[o.value.ID]++
	}
	return h
}

// invariants replaces the values that depend on consts alone and are worth it.
func (h *hoister) invariants() {
	var demand func(v *ir.Value)
	seen := map[*ir.Value]bool{}
	demand = func(v *ir.Value) {
		if seen[v] || v.Def == nil || h.depends[v.ID] > onConsts || len(v.Def.Args) == 0 {
			return
		}
		seen[v] = true
		worth := heavy(v.Def) || h.depends[v.ID] == onConsts && !isView(v.Def) && v.Type.Bytes() <= h.leaves[v.ID]
		if !worth {
			for _, a := range v.Def.Args {
				demand(a)
			}
			return
		}
		outer := h.lift(v)
		h.to[v] = h.constant(outer)
		h.changed = true
	}
	f := h.body.Func
	for _, c := range f.Body {
		if len(c.Results) > 0 && h.depends[c.Results[0].ID] > onConsts {
			for _, a := range c.Args {
				demand(a)
			}
		}
	}
	for _, p := range h.carry {
		demand(p.next)
	}
	for _, o := range h.outs {
		demand(o.value)
	}
}

// lift computes a value that depends on consts alone outside of the loop.
func (h *hoister) lift(v *ir.Value) *ir.Value {
	if w := h.lifted[v]; w != nil {
		return w
	}
	args := make([]*ir.Value, len(v.Def.Args))
	for i, a := range v.Def.Args {
		args[i] = h.lift(a)
	}
	pos := h.outer.Pos
	h.outer.Pos = v.Def.Pos
	for i, r := range h.outer.Emit(v.Def.Op, v.Def.Callees, args...) {
		r.Hint = v.Def.Results[i].Hint
		h.lifted[v.Def.Results[i]] = r
	}
	h.outer.Pos = pos
	return h.lifted[v]
}
