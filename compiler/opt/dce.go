package opt

import (
	"slices"

	"modelc/ir"
	"modelc/ir/ops"
)

// dce removes instructions whose results nobody needs, and from loops the outs that nobody reads, the carries that only feed themselves, and the consts and
// slices that are left without a use. Entries and Whole functions keep their
// signatures. Large constants without a reader go as well.
func dce(m *ir.Module, _ Options) {
	d := &sweep{done: map[*ir.Func]bool{}, shrunk: map[usage]*ir.Func{}, params: map[usage][]bool{}}
	for _, e := range m.Entries {
		d.function(e.Func)
	}
	dropData(m)
}

// dropData removes the large constants that no function refers to.
func dropData(m *ir.Module) {
	if len(m.Data) == 0 {
		return
	}
	m.Collect()
	to := map[int32]int32{}
	var data []ir.Data
	for _, f := range m.Funcs {
		for _, c := range f.Body {
			o, ok := c.Op.(ops.Literal)
			if !ok {
				continue
			}
			n, seen := to[o.Data]
			if !seen {
				n = int32(len(data))
				to[o.Data] = n
				data = append(data, m.Data[o.Data])
			}
			c.Op = ops.Literal{Type: o.Type, Data: n}
		}
	}
	m.Data = data
}

// sweep holds what is done, so that a function with many users is processed once per set of used results.
type sweep struct {
	done   map[*ir.Func]bool
	shrunk map[usage]*ir.Func // by used parameters and results
	params map[usage][]bool   // what needed said; without it, time would be exponential in the depth of nested loops
}

// usage is a function with marks on its results, or on its parameters and results.
type usage struct {
	f     *ir.Func
	marks string
}

func marked(f *ir.Func, lists ...[]bool) usage {
	var text []byte
	for _, list := range lists {
		for _, b := range list {
			if b {
				text = append(text, 'x')
			} else {
				text = append(text, '.')
			}
		}
	}
	return usage{f, string(text)}
}

// function removes what the results of f do not need.
func (d *sweep) function(f *ir.Func) {
	if d.done[f] {
		return
	}
	d.done[f] = true
	live := make([]bool, f.Bound())
	for _, r := range f.Results {
		live[r.ID] = true
	}
	kept := len(f.Body)
	for i := len(f.Body) - 1; i >= 0; i-- {
		c := f.Body[i]
		any := false
		for _, r := range c.Results {
			any = any || live[r.ID]
		}
		if !any {
			continue
		}
		switch c.Op.(type) {
		case ir.Scan:
			d.scan(c, live)
		default:
			for _, g := range c.Callees {
				d.function(g)
			}
		}
		for _, a := range c.Args {
			live[a.ID] = true
		}
		kept--
		f.Body[kept] = c
	}
	n := copy(f.Body, f.Body[kept:])
	clear(f.Body[n:])
	f.Body = f.Body[:n]
}

// scan drops what a scan passes in and out without need.
func (d *sweep) scan(c *ir.Instr, live []bool) {
	s, f := c.Op.(ir.Scan), c.Callees[0]
	consts, carries := int(s.Consts), int(s.Carry)
	results := make([]bool, len(c.Results))
	for i, r := range c.Results {
		results[i] = live[r.ID]
	}
	params := d.neededLoop(s, f, results)
	if !slices.Contains(params, false) && !slices.Contains(results, false) {
		d.function(f)
		return
	}
	key := marked(f, params, results)
	g := d.shrunk[key]
	if g == nil {
		b, _ := ir.Clone(f, f.Name)
		g = b.Func
		g.Params = filter(g.Params, params)
		for i, p := range g.Params {
			p.Index = int32(i)
		}
		g.Results = filter(g.Results, results)
		d.shrunk[key] = g
		d.function(g)
	}
	count := func(list []bool) (n int32) {
		for _, b := range list {
			if b {
				n++
			}
		}
		return n
	}
	c.Op = ir.Scan{Length: s.Length, Consts: count(params[:consts]), Carry: count(params[consts : consts+carries]), Over: count(params[consts+carries:]), Reverse: s.Reverse}
	c.Callees = []*ir.Func{g}
	c.Args = filter(c.Args, params)
	c.Results = filter(c.Results, results)
	for i, r := range c.Results {
		r.Index = int32(i)
	}
}

func filter(list []*ir.Value, keep []bool) []*ir.Value {
	out := make([]*ir.Value, 0, len(list))
	for i, v := range list {
		if keep[i] {
			out = append(out, v)
		}
	}
	return out
}

// neededLoop says which parameters of a loop body the marked results need, and marks the carries that they need as well.
func (d *sweep) neededLoop(s ir.Scan, f *ir.Func, results []bool) []bool {
	consts := int(s.Consts)
	for {
		params := slices.Clone(d.needed(f, results))
		changed := false
		for i := range int(s.Carry) {
			if params[consts+i] && !results[i] {
				results[i], changed = true, true
			}
			params[consts+i] = params[consts+i] || results[i]
		}
		if !changed {
			return params
		}
	}
}

// needed says which parameters of f the marked results need.
func (d *sweep) needed(f *ir.Func, results []bool) []bool {
	key := marked(f, results)
	if params, ok := d.params[key]; ok {
		return params
	}
	need := make([]bool, f.Bound())
	for i, r := range f.Results {
		need[r.ID] = need[r.ID] || results[i]
	}
	for i := len(f.Body) - 1; i >= 0; i-- {
		c := f.Body[i]
		any := false
		for _, r := range c.Results {
			any = any || need[r.ID]
		}
		if !any {
			continue
		}
		var args []bool
		if s, ok := c.Op.(ir.Scan); ok {
			res := make([]bool, len(c.Results))
			for k, r := range c.Results {
				res[k] = need[r.ID]
			}
			args = d.neededLoop(s, c.Callees[0], res)
		}
		for k, a := range c.Args {
			need[a.ID] = need[a.ID] || args == nil || args[k]
		}
	}
	out := make([]bool, len(f.Params))
	for i, p := range f.Params {
		out[i] = need[p.ID]
	}
	d.params[key] = out
	return out
}
