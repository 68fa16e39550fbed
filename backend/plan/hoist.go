package plan

// keptBytes is the largest value that is kept from load on: a mask or a table of positions, not what a broadcast makes of it.
const keptBytes = 4 << 20

// hoist moves what depends on no input, state or turn of a scan, such as masks and tables of positions, into a region of its own, whose steps run once, when the
// entry is loaded. Its values stay in memory.
func (f *flattener) hoist(top *region) *region {
	once := &region{depth: -1, kept: true}
	written := map[*root]bool{} // to a state or carry: made there at once
	var visit func(r *region)
	visit = func(r *region) {
		for _, c := range r.commits {
			written[c.value.root] = true
		}
		left := r.nodes[:0:0]
		for _, n := range r.nodes {
			if n.kind == scanNode {
				visit(n.body)
			}
			if !n.constant(once, written) {
				n.index = len(left)
				left = append(left, n)
				continue
			}
			n.region, n.index = once, len(once.nodes)
			once.nodes = append(once.nodes, n)
			for _, x := range n.outs {
				x.region = once
			}
		}
		r.nodes = left
	}
	visit(top)
	return once
}

// constant reports whether a node reads only numbers, counters, data and what is hoisted already.
func (n *node) constant(once *region, written map[*root]bool) bool {
	if n.kind == scanNode {
		return false
	}
	for _, v := range n.args {
		x := v.root
		switch {
		case len(trimmed(v.turn)) != 0:
			return false
		case x.number, x.count:
		case x.def != nil && x.def.region == once:
		case x.def == nil && x.place != nil && x.place.Buf.Space == Data:
		default:
			return false
		}
	}
	for _, x := range n.outs {
		if x.place != nil || x.wanted || written[x] || x.typ.Bytes() > keptBytes {
			return false
		}
	}
	return true
}
