package opt

import (
	"hash/maphash"
	"slices"

	"modelc/ir"
	"modelc/ir/ops"
	"modelc/ir/scalar"
)

// cse merges instructions of a function that have equal ops, callees and arguments. Commutative maps may have their arguments in either order. Two loops
// over the same arguments whose carries are equal in every turn become one that has the outs of both: a forward loop and its recomputation,
// which also stacks its carries.
func cse(m *ir.Module, _ Options) {
	for _, f := range m.Funcs {
		merge(f)
	}
}

var seed = maphash.MakeSeed()

// table finds equal instructions.
type table struct {
	rows  map[uint64][]*ir.Instr
	loops map[uint64][]*ir.Instr // by op and arguments only
}

func newTable(n int) *table { return &table{make(map[uint64][]*ir.Instr, n), map[uint64][]*ir.Instr{}} }

func commutative(op ir.Op) bool {
	o, ok := op.(ops.Map)
	if !ok {
		return false
	}
	row := scalar.Lookup(o.Code)
	return row != nil && row.Commutative
}

// hash mixes the op and the identities of the arguments; order does not matter for commutative ops.
func hash(op ir.Op, args []*ir.Value) uint64 {
	h := maphash.Comparable(seed, op)
	if commutative(op) {
		for _, a := range args {
			h += (uint64(a.ID) + 1) * 0x9e3779b97f4a7c15
		}
		return h
	}
	for _, a := range args {
		h = (h ^ uint64(a.ID)) * 0x9e3779b97f4a7c15
		h ^= h >> 29
	}
	return h
}

func equal(op ir.Op, args []*ir.Value, callees []*ir.Func, c *ir.Instr) bool {
	if op != c.Op || !slices.Equal(callees, c.Callees) {
		return false
	}
	return slices.Equal(args, c.Args) || len(args) == 2 && commutative(op) && args[0] == c.Args[1] && args[1] == c.Args[0]
}

// find returns an instruction that computes the same, or nil.
func (t *table) find(op ir.Op, args []*ir.Value, callees []*ir.Func) *ir.Instr {
	for _, c := range t.rows[hash(op, args)] {
		if equal(op, args, callees, c) {
			return c
		}
	}
	return nil
}

func (t *table) add(c *ir.Instr) {
	h := hash(c.Op, c.Args)
	t.rows[h] = append(t.rows[h], c)
}

func merge(f *ir.Func) {
	t := newTable(len(f.Body))
	rewrite(f, func(b *ir.Builder, c *ir.Instr) []*ir.Value {
		if d := t.find(c.Op, c.Args, c.Callees); d != nil {
			return d.Results
		}
		if _, ok := c.Op.(ir.Scan); ok {
			h := hash(c.Op, c.Args)
			for _, d := range t.loops[h] {
				if d.Op == c.Op && slices.Equal(d.Args, c.Args) {
					if values := mergeLoops(b, d, c); values != nil {
						return values
					}
				}
			}
			t.loops[h] = append(t.loops[h], c)
		}
		t.add(c)
		return nil
	})
}

// mergeLoops gives the loop d, which has the op and arguments of c, what c has and it has not. It returns what stands for the results of c, or nil if their
// carries differ: by induction they are equal if, equal before a turn, they are after it.
func mergeLoops(b *ir.Builder, d, c *ir.Instr) []*ir.Value {
	s := d.Op.(ir.Scan)
	body, _ := ir.Clone(d.Callees[0], d.Callees[0].Name)
	n := len(body.Func.Results)
	g := c.Callees[0]
	body.Func.Results = append(body.Func.Results, body.Inline(g, body.Func.Params...)...)
	merge(body.Func)
	r := body.Func.Results
	for i := range int(s.Carry) {
		if r[i] != r[n+i] {
			return nil
		}
	}
	out := append([]*ir.Value(nil), d.Results[:s.Carry]...)
	results := append([]*ir.Value(nil), r[:n]...)
	for i := int(s.Carry); i < len(g.Results); i++ {
		k := slices.Index(results[s.Carry:], r[n+i])
		if k < 0 {
			k = len(results) - int(s.Carry)
			results = append(results, r[n+i])
			b.Extra(d, c.Results[i].Type)
		}
		out = append(out, d.Results[int(s.Carry)+k])
	}
	body.Func.Results = results
	d.Callees = []*ir.Func{body.Func}
	return out
}
