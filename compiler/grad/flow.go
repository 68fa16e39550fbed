package grad

import "modelc/ir"

// constant is what an op without a gradient says of itself (ir.NoGrad).
type constant interface{ Constant() }

// flow marks, in a table by value ID, the floats that depend on those marked already.
func flow(body []*ir.Instr, active []bool) {
	for _, c := range body {
		args := make([]bool, len(c.Args))
		any := false
		for i, a := range c.Args {
			args[i] = active[a.ID]
			any = any || args[i]
		}
		if _, stops := c.Op.(constant); !any || stops {
			continue
		}
		var res []bool
		switch op := c.Op.(type) {
		case ir.Call:
			res = flowThrough(c.Callees[0], args)
		case ir.Scan:
			res, _ = flowScan(op, c.Callees[0], args)
		}
		for i, v := range c.Results {
			if v.Type.DType.IsFloat() && (res == nil || res[i]) {
				active[v.ID] = true
			}
		}
	}
}

// flowThrough says which results of f depend on the marked parameters.
func flowThrough(f *ir.Func, params []bool) []bool {
	active := make([]bool, f.Bound())
	for i, p := range f.Params {
		active[p.ID] = params[i] && p.Type.DType.IsFloat()
	}
	flow(f.Body, active)
	out := make([]bool, len(f.Results))
	for i, r := range f.Results {
		out[i] = active[r.ID]
	}
	return out
}

// flowScan says which results of a scan, and which of its carries in any turn, depend on the marked arguments.
func flowScan(s ir.Scan, f *ir.Func, args []bool) (results, carries []bool) {
	in := append([]bool(nil), args...)
	carries = in[s.Consts : s.Consts+s.Carry]
	for {
		results = flowThrough(f, in)
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
func needs(f *ir.Func, results []bool) []bool {
	need := make([]bool, f.Bound())
	for i, r := range f.Results {
		if results[i] && r.Type.DType.IsFloat() {
			need[r.ID] = true
		}
	}
	for i := len(f.Body) - 1; i >= 0; i-- {
		c := f.Body[i]
		res := make([]bool, len(c.Results))
		any := false
		for k, v := range c.Results {
			res[k] = need[v.ID]
			any = any || res[k]
		}
		if _, stops := c.Op.(constant); !any || stops {
			continue
		}
		var args []bool
		switch op := c.Op.(type) {
		case ir.Call:
			args = needs(c.Callees[0], res)
		case ir.Scan:
			args, _ = needsScan(op, c.Callees[0], res)
		}
		for k, a := range c.Args {
			if a.Type.DType.IsFloat() && (args == nil || args[k]) {
				need[a.ID] = true
			}
		}
	}
	out := make([]bool, len(f.Params))
	for i, p := range f.Params {
		out[i] = need[p.ID]
	}
	return out
}

// needsScan says which arguments of a scan, and which of its carries after any turn, the marked results depend on.
func needsScan(s ir.Scan, f *ir.Func, results []bool) (args, carries []bool) {
	out := append([]bool(nil), results...)
	carries = out[:s.Carry]
	for {
		args = needs(f, out)
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
