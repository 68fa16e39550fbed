package opt

import (
	"slices"

	"modelc/ir"
)

// keep decides what a loop that runs backwards takes from the forward loop instead of computing it again. Gradients of loops recompute: the backward body begins
// with a copy of the forward one. For each pair of loops, of which the second reads what the first has stacked, keep finds the
// instructions of the second body that the first computes as well, turn by turn, or could at once, and chooses among their results those to stack in the first loop
// and to read in the second, so that
//
//	bytes stored and read  +  price of what is computed again
//
// is least. That is a minimum cut (flow network below): products, convolutions and inner loops are never computed twice, reductions
// seldom, cheap maps usually, and of a chain such as softmax the thinnest place is stored.
func keep(m *ir.Module, _ Options) {
	for _, f := range m.Funcs {
		first := map[*ir.Instr]bool{}
		rewrite(f, func(b *ir.Builder, c *ir.Instr) []*ir.Value {
			s, ok := c.Op.(ir.Scan)
			if !ok {
				return nil
			}
			if d := forwardOf(c, first); d != nil {
				keepPair(b, d, c)
			}
			if s.Length > 0 {
				first[c] = true
			}
			return nil
		})
	}
}

// forwardOf returns the loop, running the other way, that stacked most of what the loop c takes slices of; nil if there is none.
func forwardOf(c *ir.Instr, earlier map[*ir.Instr]bool) *ir.Instr {
	s := c.Op.(ir.Scan)
	count := map[*ir.Instr]int{}
	var best *ir.Instr
	for _, a := range c.Args[s.Consts+s.Carry:] {
		d := a.Def
		if d == nil || !earlier[d] {
			continue
		}
		o := d.Op.(ir.Scan)
		if o.Length != s.Length || o.Reverse == s.Reverse || a.Index < o.Carry {
			continue
		}
		if count[d]++; best == nil || count[d] > count[best] {
			best = d
		}
	}
	return best
}

// keepPair treats the forward loop d and the loop c that reverses it.
func keepPair(b *ir.Builder, d, c *ir.Instr) {
	fwd, _ := open(b, d)
	bwd, _ := open(b, c)
	same, added := match(fwd, bwd)
	kept := cheapest(fwd, bwd, same, added)
	if len(kept) == 0 {
		return
	}
	to := map[*ir.Value]*ir.Value{}
	for _, v := range kept {
		if _, ok := stackedType(v.Type, fwd.scan.Length); !ok {
			return
		}
	}
	for _, v := range kept {
		to[v] = bwd.slices(fwd.stack(same[v]))
	}
	fwd.close()
	bwd.replace(to)
	bwd.close()
}

// match returns, for values of the backward body, the values of the forward body that are equal in the turn with the same slices, and for which instructions
// of the backward body it has added one to the forward body to have such values.
func match(fwd, bwd *loop) (same map[*ir.Value]*ir.Value, added map[*ir.Instr]bool) {
	same, added = map[*ir.Value]*ir.Value{}, map[*ir.Instr]bool{}
	outer := map[*ir.Value]*ir.Value{}
	for _, p := range fwd.consts {
		outer[p.arg] = p.param
	}
	for _, p := range bwd.consts {
		if v := outer[p.arg]; v != nil {
			same[p.param] = v
		}
	}
	clear(outer)
	for _, p := range fwd.over {
		outer[p.arg] = p.param
	}
	for _, o := range fwd.outs {
		outer[o.result] = o.value
	}
	for _, p := range bwd.over {
		if v := outer[p.arg]; v != nil {
			same[p.param] = v
		}
	}
	body := fwd.body.Func.Body
	t := newTable(len(body))
	for _, c := range body {
		t.add(c)
		if _, ok := c.Op.(ir.Scan); ok {
			h := hash(c.Op, c.Args)
			t.loops[h] = append(t.loops[h], c)
		}
	}
	args := make([]*ir.Value, 0, 16)
next:
	for _, c := range bwd.body.Func.Body {
		args = args[:0]
		for _, a := range c.Args {
			v := same[a]
			if v == nil {
				continue next
			}
			args = append(args, v)
		}
		if d := t.find(c.Op, args, c.Callees); d != nil {
			for i, r := range c.Results {
				same[r] = d.Results[i]
			}
			continue
		}
		if _, ok := c.Op.(ir.Scan); !ok {
			if len(c.Callees) == 0 && price(c) <= cheap(c) {
				extra(fwd, t, c, args, same)
				added[c] = true
			}
			continue
		}
		for _, d := range t.loops[hash(c.Op, args)] {
			if d.Op != c.Op || !slices.Equal(d.Args, args) {
				continue
			}
			if values := mergeLoops(fwd.body, d, c); values != nil {
				for i, r := range c.Results {
					same[r] = values[i]
				}
				break
			}
		}
	}
	return same, added
}

// cheap is the price up to which an instruction may be computed in the forward loop although it does not need it: that of a few additions. It pays where the result
// is smaller than what it is made of: the mask of a relu is a byte, its argument four.
func cheap(c *ir.Instr) int64 {
	n := int64(0)
	for _, r := range c.Results {
		n += 2 * r.Type.Shape.Size()
	}
	return n
}

// extra appends an instruction of the backward body to the forward one; if it is not kept after all, close drops it.
func extra(fwd *loop, t *table, c *ir.Instr, args []*ir.Value, same map[*ir.Value]*ir.Value) {
	fwd.body.Pos = c.Pos
	results := fwd.body.Emit(c.Op, nil, slices.Clone(args)...)
	t.add(fwd.body.Func.Body[len(fwd.body.Func.Body)-1])
	for i, r := range c.Results {
		results[i].Hint = r.Hint
		same[r] = results[i]
	}
}

// cheapest returns the values of the backward body to take from the forward one. The flow network has for each instruction that can be taken a node, and for
// each of its results two, before and after a possible store. On the side of the sink is what the backward body has: an
// instruction computed again, a result that is there.
func cheapest(fwd, bwd *loop, same map[*ir.Value]*ir.Value, added map[*ir.Instr]bool) []*ir.Value {
	stored := map[*ir.Value]bool{} // by the forward loop, in any case
	for _, o := range fwd.outs {
		stored[o.value] = true
	}
	n := network{}
	source, sink := n.node(), n.node()
	type pair struct{ before, after int32 }
	nodes := map[*ir.Value]pair{}
	var values []*ir.Value
	needed := func(v *ir.Value) {
		if p, ok := nodes[v]; ok {
			n.edge(p.after, sink, never)
		}
	}
	for _, c := range bwd.body.Func.Body {
		taken := len(c.Results) > 0
		for _, r := range c.Results {
			taken = taken && same[r] != nil
		}
		if !taken {
			for _, a := range c.Args {
				needed(a)
			}
			continue
		}
		compute := n.node()
		n.edge(source, compute, price(c))
		for _, a := range c.Args {
			if p, ok := nodes[a]; ok {
				n.edge(p.after, compute, never)
			}
		}
		for _, r := range c.Results {
			p := pair{n.node(), n.node()}
			nodes[r] = p
			values = append(values, r)
			n.edge(compute, p.before, never)
			bytes := 2 * r.Type.Bytes()
			if stored[same[r]] {
				bytes = r.Type.Bytes()
			}
			if added[c] {
				bytes += price(c)
			}
			n.edge(p.before, p.after, bytes)
		}
	}
	for _, p := range bwd.carry {
		needed(p.next)
	}
	for _, o := range bwd.outs {
		needed(o.value)
	}
	reached := n.cut(source, sink)
	var kept []*ir.Value
	for _, v := range values {
		if p := nodes[v]; reached[p.before] && !reached[p.after] {
			kept = append(kept, v)
		}
	}
	return kept
}

// network is a flow network; edges stand in pairs, the second being the first one turned.
type network struct {
	first []int32 // by node: its last edge, or -1
	edges []edge
}

type edge struct {
	to, next int32 // next: another edge of the same node, or -1
	capacity int64
}

func (n *network) node() int32 {
	n.first = append(n.first, -1)
	return int32(len(n.first) - 1)
}

func (n *network) edge(from, to int32, capacity int64) {
	n.edges = append(n.edges, edge{to, n.first[from], capacity}, edge{from, n.first[to], 0})
	n.first[from], n.first[to] = int32(len(n.edges)-2), int32(len(n.edges)-1)
}

// cut computes a greatest flow (Dinic: shortest paths, layer by layer) and returns which nodes lie on the source's side of a least cut.
func (n *network) cut(source, sink int32) []bool {
	level := make([]int32, len(n.first))
	at := make([]int32, len(n.first))
	queue := make([]int32, 0, len(n.first))
	layers := func() bool {
		for i := range level {
			level[i] = -1
		}
		level[source] = 0
		queue = append(queue[:0], source)
		for i := 0; i < len(queue); i++ {
			for e := n.first[queue[i]]; e >= 0; e = n.edges[e].next {
				if to := n.edges[e].to; n.edges[e].capacity > 0 && level[to] < 0 {
					level[to] = level[queue[i]] + 1
					queue = append(queue, to)
				}
			}
		}
		return level[sink] >= 0
	}
	var push func(v int32, limit int64) int64
	push = func(v int32, limit int64) int64 {
		if v == sink {
			return limit
		}
		for ; at[v] >= 0; at[v] = n.edges[at[v]].next {
			e := &n.edges[at[v]]
			if e.capacity <= 0 || level[e.to] != level[v]+1 {
				continue
			}
			if flow := push(e.to, min(limit, e.capacity)); flow > 0 {
				e.capacity -= flow
				n.edges[at[v]^1].capacity += flow
				return flow
			}
		}
		return 0
	}
	for layers() {
		copy(at, n.first)
		for push(source, never) > 0 {
		}
	}
	reached := make([]bool, len(level))
	for i, l := range level {
		reached[i] = l >= 0
	}
	return reached
}
