package plan

import (
	"slices"

	"modelc/backend/kernel"
)

// A group is a set of nodes that become one step. All values of a fused group have one of two shapes, sizes of 1 left out: that of a point (dims), or that of
// a row (dims before inner), which folds over the inner axes give.
type group struct {
	region *region
	nodes  []*node
	fused  bool
	level  map[*node]kernel.Level
	dims   []int64
	inner  int // the axes from here on are folded by row folds; -1: no row or column fold yet
	split  int // column folds fold the axes from split to inner; -1: none yet
	row    bool

	mark  int // of the last search that came by
	after []*group
	done  bool
	late  bool
}

func (g *group) last() int { return g.nodes[len(g.nodes)-1].index }

type grouper struct {
	target Target
	search int
}

// region forms the groups of a region and of the scans in it.
func (p *grouper) region(r *region) error {
	for _, n := range r.nodes {
		switch n.kind {
		case scanNode:
			if err := p.region(n.body); err != nil {
				return err
			}
			p.alone(n, false)
		case opaqueNode:
			p.alone(n, false)
		default:
			p.place(n)
		}
	}
	seen := map[*group]bool{}
	for _, n := range r.nodes {
		if !seen[n.group] {
			seen[n.group] = true
			r.groups = append(r.groups, n.group)
		}
	}
	return nil
}

func (p *grouper) alone(n *node, fused bool) *group {
	g := &group{region: n.region, nodes: []*node{n}, fused: fused, inner: -1, split: -1}
	n.group = g
	return g
}

// place puts a node into the group of one of its arguments, and joins those groups where it can.
func (p *grouper) place(n *node) {
	var home *group
	for i := len(n.args) - 1; i >= 0; i-- {
		d := n.args[i].root.def
		if d == nil || d.region != n.region || !d.group.fused || d.group == home || d.late != n.late || p.target.Single {
			continue
		}
		g := d.group
		if home == nil {
			if p.join(n, g) {
				home = g
			}
		} else {
			p.merge(home, g)
		}
	}
	if home != nil {
		return
	}
	g := p.alone(n, true)
	g.level = map[*node]kernel.Level{n: kernel.Point}
	if n.kind == reduceNode {
		g.dims, _ = squeezed(n.args[0])
		kept, folded := n.foldAxes()
		g.inner = kept + folded
		if g.inner == len(g.dims) {
			g.inner, g.row = kept, true
		} else {
			g.split = kept
		}
		return
	}
	g.dims, _ = squeezed(whole(n.outs[0]))
}

// squeezed returns the sizes and strides of a view without its axes of size 1.
func squeezed(v *val) (dims, stride []int64) {
	for i, d := range v.typ.Shape.Dims() {
		if d != 1 {
			dims, stride = append(dims, d), append(stride, v.stride[i])
		}
	}
	return dims, stride
}

// foldAxes returns the axes of a reduceNode's squeezed argument before, and in, the folded stretch.
func (n *node) foldAxes() (kept, folded int) {
	for i, d := range n.args[0].typ.Shape.Dims() {
		switch {
		case d == 1:
		case i < n.kept:
			kept++
		case i < n.kept+n.folded:
			folded++
		}
	}
	return kept, folded
}

func product(d []int64) int64 {
	n := int64(1)
	for _, v := range d {
		n *= v
	}
	return n
}

// reads reports whether a member of g, or a node about to join it at the given level, may read root v.root, a member's result, as the view v.
func (p *grouper) reads(g *group, inner int, level kernel.Level, v *val) bool {
	d := v.root.def
	if d.kind == reduceNode && !d.rowFold() || v.off != 0 || len(trimmed(v.turn)) != 0 {
		return false
	}
	dims, stride := squeezed(v)
	from := g.level[d]
	if d.kind == reduceNode {
		from = kernel.Row
	}
	if from == level {
		return isDense(dims, stride) && v.typ.Shape.Size() == v.root.typ.Shape.Size()
	}
	if level != kernel.Point || product(g.dims[inner:]) > p.target.RowBudget {
		return false
	}
	for _, s := range stride[inner:] {
		if s != 0 {
			return false
		}
	}
	return isDense(dims[:inner], stride[:inner])
}

func (n *node) rowFold() bool {
	kept, folded := n.foldAxes()
	dims, _ := squeezed(n.args[0])
	return kept+folded == len(dims)
}

// join adds a node to a group if the group's shape takes it and no cycle of groups comes about.
func (p *grouper) join(n *node, g *group) bool {
	inner, split, row := g.inner, g.split, g.row
	level := kernel.Point
	if n.kind == reduceNode {
		dims, _ := squeezed(n.args[0])
		kept, folded := n.foldAxes()
		if !slices.Equal(dims, g.dims) {
			return false
		}
		k, s := kept+folded, kept
		if n.rowFold() {
			k, s = kept, -1
			row = true
		}
		if inner >= 0 && inner != k || s >= 0 && split >= 0 && split != s {
			return false
		}
		inner = k
		if s >= 0 {
			split = s
		}
		if row && split >= 0 && product(dims[inner:]) > p.target.RowBudget {
			return false
		}
	} else {
		dims, _ := squeezed(whole(n.outs[0]))
		switch {
		case slices.Equal(dims, g.dims):
		case g.row && slices.Equal(dims, g.dims[:g.inner]):
			level = kernel.Row
		default:
			return false
		}
	}
	for _, v := range n.args {
		if v.root.def != nil && v.root.def.group == g && !p.reads(g, inner, level, v) {
			return false
		}
	}
	if p.reached(n, g) || operands(append(slices.Clip(g.nodes), n)) > p.target.Operands {
		return false
	}
	g.inner, g.split, g.row = inner, split, row
	g.level[n] = level
	g.nodes = append(g.nodes, n)
	n.group = g
	return true
}

// merge joins two groups that a member of a reads.
func (p *grouper) merge(a, b *group) {
	if !slices.Equal(a.dims, b.dims) || a.inner >= 0 && b.inner >= 0 && a.inner != b.inner || a.split >= 0 && b.split >= 0 && a.split != b.split {
		return
	}
	inner := max(a.inner, b.inner)
	both := &group{region: a.region, fused: true, dims: a.dims, inner: inner, split: max(a.split, b.split), row: a.row || b.row}
	if both.row && both.split >= 0 && product(a.dims[inner:]) > p.target.RowBudget {
		return
	}
	both.nodes = append(slices.Clone(a.nodes), b.nodes...)
	slices.SortFunc(both.nodes, func(x, y *node) int { return x.index - y.index })
	if operands(both.nodes) > p.target.Operands {
		return
	}
	both.level = map[*node]kernel.Level{}
	for _, n := range both.nodes {
		both.level[n] = n.group.level[n]
	}
	for _, n := range both.nodes {
		for _, v := range n.args {
			if d := v.root.def; d != nil && (d.group == a || d.group == b) && d.group != n.group && !p.reads(both, inner, both.level[n], v) {
				return
			}
		}
	}
	for _, n := range both.nodes {
		other := a
		if n.group == a {
			other = b
		}
		if p.reached(n, other) {
			return
		}
	}
	for _, n := range both.nodes {
		n.group = a
	}
	*a = *both
}

// reached reports whether a node reads, by way of another group, what group g computes.
func (p *grouper) reached(n *node, g *group) bool {
	p.search++
	return p.visit(n, g, n.group)
}

func (p *grouper) visit(n *node, g, own *group) bool {
	each := func(r *root) bool {
		d := r.def
		if d == nil || d.region != g.region || d.group == own || d.group.mark == p.search {
			return false
		}
		x := d.group
		if x == g {
			return n.group != own
		}
		x.mark = p.search
		for _, m := range x.nodes {
			if p.visit(m, g, own) {
				return true
			}
		}
		return false
	}
	for _, v := range n.args {
		if each(v.root) {
			return true
		}
	}
	for _, r := range n.outer {
		if each(r) {
			return true
		}
	}
	if n.group == nil {
		return false
	}
	for _, x := range n.group.after {
		if x == own || x.mark == p.search {
			continue
		}
		if x == g {
			return true
		}
		x.mark = p.search
		for _, m := range x.nodes {
			if p.visit(m, g, own) {
				return true
			}
		}
	}
	return false
}

// operands counts what a kernel of the nodes loads and stores, at most.
func operands(nodes []*node) int {
	in := map[*root]bool{}
	n := 0
	for _, m := range nodes {
		in[m.outs[0]] = true
	}
	for _, m := range nodes {
		for _, v := range m.args {
			if !in[v.root] && !v.root.number {
				in[v.root] = true
				n++
			}
		}
		for _, r := range m.outs[0].readers {
			if r.group != m.group || r.group == nil {
				n++
				break
			}
		}
	}
	return n
}
