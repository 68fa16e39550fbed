package plan

import (
	"slices"

	"modelc/ir"
	"modelc/ir/ops"
)

// The orderer makes steps of groups.
type orderer struct {
	*flattener
	grouper grouper
	counter *Buffer
}

// region orders the groups of a region: first all but the late ones, then the guard, then those that overwrite what the guard protects.
func (o *orderer) region(r *region) []*Step {
	var copies []*commit
	for _, c := range r.commits {
		if !o.inPlace(r, c) {
			c.value.root.wanted = true
			copies = append(copies, c)
		}
	}
	groups := slices.Clone(r.groups)
	slices.SortStableFunc(groups, func(a, b *group) int { return a.last() - b.last() })
	var order []*group
	var emit func(g *group, late bool)
	emit = func(g *group, late bool) {
		if g.done {
			return
		}
		g.done = true
		for _, n := range g.nodes {
			for _, v := range n.args {
				if d := v.root.def; d != nil && d.region == r && d.group != g {
					emit(d.group, late)
				}
			}
			for _, x := range n.outer {
				if d := x.def; d != nil && d.region == r && d.group != g {
					emit(d.group, late)
				}
			}
		}
		for _, x := range g.after {
			emit(x, late)
		}
		order = append(order, g)
	}
	o.spreadLate(r, groups)
	for _, g := range groups {
		if !g.late {
			emit(g, false)
		}
	}
	var steps []*Step
	for _, g := range order {
		steps = append(steps, o.step(r, g))
	}
	if r.guard != nil {
		steps = append(steps, &Step{Check: true, In: []Operand{r.guard.operand()}})
	}
	order = order[:0]
	for _, g := range groups {
		emit(g, true)
	}
	for _, g := range order {
		steps = append(steps, o.step(r, g))
	}
	for _, c := range copies {
		n := &node{kind: copyNode, region: r, index: len(r.nodes), args: []*val{c.value}}
		t := &root{typ: c.old.typ, def: n, region: r, place: c.place, wanted: true}
		n.outs = []*root{t}
		steps = append(steps, o.step(r, copyGroup(n)))
	}
	return steps
}

func copyGroup(n *node) *group {
	g := (&grouper{}).alone(n, true)
	g.dims, _ = squeezed(whole(n.outs[0]))
	return g
}

// inPlace decides whether the value of a commit is made at its place at once: all readers of the old value must come before, or read just the
// element that is overwritten.
func (o *orderer) inPlace(r *region, c *commit) bool {
	v := c.value
	d := v.root.def
	if d == nil || d.region != r || d.kind == scanNode || v.root.place != nil || !v.identity() {
		return false
	}
	g := d.group
	if r.guard != nil && !o.lateable(g, r, map[*group]bool{}) {
		return false
	}
	var before []*group
	for _, m := range c.old.readers {
		if m.region != r {
			continue // the scan that holds it is a reader too
		}
		if m.group == g {
			if !overwrites(g, d, m, c.old) {
				return false
			}
			continue
		}
		if slices.Contains(before, m.group) {
			continue
		}
		o.grouper.search++
		for _, x := range m.group.nodes {
			if o.grouper.visit(x, g, m.group) || o.direct(x, g) {
				return false
			}
		}
		before = append(before, m.group)
	}
	for _, x := range before {
		if !slices.Contains(g.after, x) {
			g.after = append(g.after, x)
		}
	}
	v.root.place = c.place
	g.late = g.late || r.guard != nil
	return true
}

// direct reports whether a node reads a result of g itself.
func (o *orderer) direct(n *node, g *group) bool {
	for _, v := range n.args {
		if v.root.def != nil && v.root.def.group == g {
			return true
		}
	}
	for _, x := range n.outer {
		if x.def != nil && x.def.group == g {
			return true
		}
	}
	return slices.Contains(n.group.after, g)
}

// overwrites reports whether member d of g may write where old lies although member m of g reads it.
func overwrites(g *group, d, m *node, old *root) bool {
	if !g.fused {
		_, update := d.instr.Op.(ops.DynamicUpdate)
		return update && d.args[0].root == old && d.args[0].identity() && d.args[1].root != old
	}
	if m.index > d.index || d.kind == reduceNode || old.typ.DType.Size() != d.outs[0].typ.DType.Size() {
		return false
	}
	for _, v := range m.args {
		if v.root != old {
			continue
		}
		dims, _ := squeezed(v)
		if !v.identity() || !slices.Equal(dims, g.dims) {
			return false
		}
	}
	dims, _ := squeezed(whole(d.outs[0]))
	return slices.Equal(dims, g.dims)
}

// lateable reports whether nothing that the guard or the outputs need comes from a group.
func (o *orderer) lateable(g *group, r *region, seen map[*group]bool) bool {
	if seen[g] {
		return true
	}
	seen[g] = true
	for _, n := range g.nodes {
		for _, x := range n.outs {
			if r.guard != nil && x == r.guard.root {
				return false
			}
			for _, v := range o.outs {
				if v.root == x {
					return false
				}
			}
			for _, m := range x.readers {
				if m.region == r && m.group != g && !o.lateable(m.group, r, seen) {
					return false
				}
			}
		}
	}
	return true
}

// spreadLate makes late what reads from, or must follow, a late group.
func (o *orderer) spreadLate(r *region, groups []*group) {
	for again := r.guard != nil; again; {
		again = false
		for _, g := range groups {
			if g.late {
				for _, n := range g.nodes {
					for _, x := range n.outs {
						for _, m := range x.readers {
							if m.region == r && !m.group.late {
								m.group.late, again = true, true
							}
						}
					}
				}
				continue
			}
			for _, x := range g.after {
				if x.late {
					g.late, again = true, true
				}
			}
		}
	}
}

// home gives a root its place.
func (o *orderer) home(x *root, r *region) {
	if x.place == nil {
		space := Arena
		if r.kept {
			space = Kept
		}
		x.place = &Place{Buf: o.buffer(space, 0, x.typ.Bytes(), r)}
	}
}

func (o *orderer) step(r *region, g *group) *Step {
	if g.fused {
		return o.kernel(r, g)
	}
	n := g.nodes[0]
	s := &Step{Pos: n.instr.Pos}
	if n.kind == scanNode {
		s.Scan = &Scan{Length: n.body.length, Depth: n.body.depth, Reverse: n.body.reverse}
		s.Scan.Body = o.region(n.body)
		for _, x := range n.outs {
			s.Out = append(s.Out, whole(x).operand())
		}
		return s
	}
	s.Instr = n.instr
	s.Made = []*ir.Instr{n.instr}
	for _, v := range n.args {
		s.In = append(s.In, v.operand())
	}
	for _, x := range n.outs {
		o.home(x, r)
		s.Out = append(s.Out, whole(x).operand())
	}
	return s
}
