package grad

import "modelc/ir"

// The questions of this file are asked again at every level of nested loops and for every loop until its carries settle, so Transform remembers the answers
// about functions: without that the time would be exponential in the depth.

// question is one about a function: which results its marked parameters reach, or which parameters its marked results need.
type question struct {
	f      *ir.Func
	needs  bool
	marked string
}

func ask(f *ir.Func, needs bool, marks []bool) question {
	text := make([]byte, len(marks))
	for i, m := range marks {
		if text[i] = '.'; m {
			text[i] = 'x'
		}
	}
	return question{f, needs, string(text)}
}

// constant is what an op without a gradient says of itself (ir.NoGrad).
type constant interface{ Constant() }

// flow marks, in a table by value ID, the floats that depend on those marked already.
func (t *Transform) flow(body []*ir.Instr, active []bool) {
	for _, c := range body {
		any := false
		for _, a := range c.Args {
			any = any || active[a.ID]
		}
		if _, stops := c.Op.(constant); !any || stops {
			continue
		}
		var args, res []bool
		if len(c.Callees) > 0 {
			args = marksOf(c.Args, active)
		}
		switch op := c.Op.(type) {
		case ir.Call:
			res = t.flowThrough(c.Callees[0], args)
		case ir.Scan:
			res, _ = t.flowScan(op, c.Callees[0], args)
		}
		for i, v := range c.Results {
			if v.Type.DType.IsFloat() && (res == nil || res[i]) {
				active[v.ID] = true
			}
		}
	}
}

// marksOf returns for a list of values what a table by value ID says of them.
func marksOf(list []*ir.Value, table []bool) []bool {
	out := make([]bool, len(list))
	for i, v := range list {
		out[i] = table[v.ID]
	}
	return out
}

// flowThrough says which results of f depend on the marked parameters.
func (t *Transform) flowThrough(f *ir.Func, params []bool) []bool {
	q := ask(f, false, params)
	if answer, ok := t.answers[q]; ok {
		return answer
	}
	active := make([]bool, f.Bound())
	for i, p := range f.Params {
		active[p.ID] = params[i] && p.Type.DType.IsFloat()
	}
	t.flow(f.Body, active)
	out := marksOf(f.Results, active)
	t.answers[q] = out
	return out
}

// flowScan says which results of a scan, and which of its carries in any turn, depend on the marked arguments.
func (t *Transform) flowScan(s ir.Scan, f *ir.Func, args []bool) (results, carries []bool) {
	in := append([]bool(nil), args...)
	carries = in[s.Consts : s.Consts+s.Carry]
	for {
		results = append([]bool(nil), t.flowThrough(f, in)...)
		changed := false
		for i := range carries {
			if results[i] && !carries[i] {
				carries[i], changed = true, true
			}
		}
		if !changed {
			for i := range carries { // no turn at all gives the initial value
				results[i] = results[i] || carries[i]
			}
			return results, carries
		}
	}
}

// needs says which parameters of f the marked results depend on through floats.
func (t *Transform) needs(f *ir.Func, results []bool) []bool {
	q := ask(f, true, results)
	if answer, ok := t.answers[q]; ok {
		return answer
	}
	need := make([]bool, f.Bound())
	for i, r := range f.Results {
		if results[i] && r.Type.DType.IsFloat() {
			need[r.ID] = true
		}
	}
	for i := len(f.Body) - 1; i >= 0; i-- {
		c := f.Body[i]
		any := false
		for _, v := range c.Results {
			any = any || need[v.ID]
		}
		if _, stops := c.Op.(constant); !any || stops {
			continue
		}
		var args []bool
		switch op := c.Op.(type) {
		case ir.Call:
			args = t.needs(c.Callees[0], marksOf(c.Results, need))
		case ir.Scan:
			args, _ = t.needsScan(op, c.Callees[0], marksOf(c.Results, need))
		}
		for k, a := range c.Args {
			if a.Type.DType.IsFloat() && (args == nil || args[k]) {
				need[a.ID] = true
			}
		}
	}
	out := marksOf(f.Params, need)
	t.answers[q] = out
	return out
}

// needsScan says which arguments of a scan, and which of its carries after any turn, the marked results depend on.
func (t *Transform) needsScan(s ir.Scan, f *ir.Func, results []bool) (args, carries []bool) {
	out := append([]bool(nil), results...)
	carries = out[:s.Carry]
	for {
		args = append([]bool(nil), t.needs(f, out)...)
		changed := false
		for i := range carries {
			if args[int(s.Consts)+i] && !carries[i] {
				carries[i], changed = true, true
			}
		}
		if !changed {
			for i := range carries {
				args[int(s.Consts)+i] = args[int(s.Consts)+i] || carries[i]
			}
			return args, carries
		}
	}
}
