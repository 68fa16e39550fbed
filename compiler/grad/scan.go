package grad

import (
	"modelc/ir"
	"modelc/ir/ops"
)

// scan appends the reversed scan and returns the gradients of the arguments.
func (r *reversal) scan(c *ir.Instr, dy []*ir.Value) []*ir.Value {
	s, f := c.Op.(ir.Scan), c.Callees[0]
	consts, carry := int(s.Consts), int(s.Carry)
	overs := consts + carry // the first of them

	// A parameter of the body has a gradient to compute if it depends on wrt and the gradient reaches it.
	want, given := make([]bool, len(c.Args)), make([]bool, len(c.Results))
	for i, a := range c.Args {
		want[i] = r.active[a.ID]
	}
	for i := range dy {
		given[i] = dy[i] != nil
	}
	_, carriesFlow := r.flowScan(s, f, want)
	need, carriesNeed := r.needsScan(s, f, given)
	any := false
	for i := range want {
		if i >= consts && i < overs {
			want[i] = carriesFlow[i-consts] && carriesNeed[i-consts]
		}
		want[i] = want[i] && need[i]
		any = any || want[i]
	}
	dx := make([]*ir.Value, len(c.Args))
	if !any {
		return dx
	}

	b := ir.NewBuilder(f.Name + ".bwd")
	var args, init []*ir.Value // of the new scan: consts, then carries
	turn := make([]*ir.Value, len(f.Params))
	for i, p := range f.Params[:consts] {
		turn[i] = b.Param(p.Type, p.Hint)
		args = append(args, c.Args[i])
	}
	var carried []int // parameters of f whose gradient is carried: wanted carries, then wanted consts
	for i := consts; i < overs; i++ {
		if want[i] {
			carried = append(carried, i)
			if dy[i-consts] != nil {
				init = append(init, dy[i-consts])
			} else {
				init = append(init, ops.Zeros(r.b, f.Params[i].Type))
			}
		}
	}
	carriedCarries := len(carried)
	for i := range consts {
		if want[i] {
			carried = append(carried, i)
			init = append(init, ops.Zeros(r.b, f.Params[i].Type))
		}
	}
	dcarried := make([]*ir.Value, len(carried))
	for k, i := range carried {
		dcarried[k] = b.Param(f.Params[i].Type, "")
	}
	args = append(args, init...)
	for i, v := range r.stack(c) {
		turn[consts+i] = b.Param(f.Params[consts+i].Type, f.Params[consts+i].Hint)
		args = append(args, v)
	}
	for i := overs; i < len(f.Params); i++ {
		turn[i] = b.Param(f.Params[i].Type, f.Params[i].Hint)
		args = append(args, c.Args[i])
	}
	var of, dof, wrt []*ir.Value
	dout := make([]*ir.Value, len(f.Results))
	for i := carry; i < len(f.Results) && i < len(dy); i++ {
		if dy[i] != nil {
			dout[i] = b.Param(f.Results[i].Type, "")
			args = append(args, dy[i])
		}
	}

	// Compute the turn again and reverse it.
	results := b.Inline(f, turn...)
	for k, i := range carried[:carriedCarries] {
		of, dof = append(of, results[i-consts]), append(dof, dcarried[k])
	}
	for i, d := range dout {
		if d != nil {
			of, dof = append(of, results[i]), append(dof, d)
		}
	}
	for _, i := range carried {
		wrt = append(wrt, turn[i])
	}
	var sliced []int
	for i := overs; i < len(want); i++ {
		if want[i] {
			sliced = append(sliced, i)
			wrt = append(wrt, turn[i])
		}
	}
	g := r.Reverse(b, of, dof, wrt)
	for k := range g {
		switch {
		case k < carriedCarries || k >= len(carried):
			if g[k] == nil {
				g[k] = ops.Zeros(b, wrt[k].Type)
			}
		case g[k] == nil:
			g[k] = dcarried[k]
		default:
			g[k] = ops.Add(b, dcarried[k], g[k])
		}
	}
	back := ir.Scan{Length: s.Length, Consts: s.Consts, Carry: int32(len(carried)), Over: int32(len(args) - consts - len(carried)), Reverse: !s.Reverse}
	out := r.b.Emit(back, []*ir.Func{finish(b, g)}, args...)
	for k, i := range append(carried, sliced...) {
		dx[i] = out[k]
	}
	return dx
}

// stack makes a scan give, stacked, what its carries were before each turn. Another reversal of the same scan finds them there.
func (r *reversal) stack(c *ir.Instr) []*ir.Value {
	s, f := c.Op.(ir.Scan), c.Callees[0]
	carries := f.Params[s.Consts : s.Consts+s.Carry]
	find := func(f *ir.Func, p *ir.Value) int {
		for i := int(s.Carry); i < len(f.Results); i++ {
			if f.Results[i] == p {
				return i
			}
		}
		return -1
	}
	missing := false
	for _, p := range carries {
		missing = missing || find(f, p) < 0
	}
	if missing {
		g := r.forward[f]
		if g == nil {
			b, m := ir.Clone(f, f.Name+".fwd")
			for _, p := range carries {
				if find(f, p) < 0 {
					b.Func.Results = append(b.Func.Results, m.At(p))
				}
			}
			g = b.Func
			r.forward[f] = g
		}
		c.Callees = []*ir.Func{g}
		var types []ir.Type
		for _, v := range g.Results[len(c.Results):] {
			shape, err := ir.NewShape(append([]int64{s.Length}, v.Type.Shape.Dims()...)...)
			if err != nil && r.b.Err == nil {
				r.b.Err = err
			}
			types = append(types, ir.Type{DType: v.Type.DType, Shape: shape})
		}
		r.b.Extra(c, types...)
		f = g
	}
	out := make([]*ir.Value, len(carries))
	for i := range out {
		out[i] = c.Results[find(f, f.Params[int(s.Consts)+i])]
	}
	return out
}
