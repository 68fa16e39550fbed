package opt

import (
	"modelc/ir"
	"modelc/ir/ops"
)

// loops brings the arguments and results of scans into normal form:
//
//   - a carry that no turn changes is a const, as is one that starts with a number and has that number after every turn;
//   - a const that is a number, and slices of one number, are numbers in the body; slices that are all equal are a const;
//   - a const that repeats a smaller value is passed small, and repeated in the body, where that costs nothing;
//   - a value that is passed in twice is passed once, a value that is stacked twice is stacked once;
//   - a stacked slice is the tensor it is a slice of, a stacked const is that const repeated;
//   - a loop of one turn is its body.
func loops(m *ir.Module, _ Options) {
	for _, f := range m.Funcs {
		rewrite(f, func(b *ir.Builder, c *ir.Instr) []*ir.Value {
			s, ok := c.Op.(ir.Scan)
			if !ok {
				return nil
			}
			if s.Length == 1 {
				return single(b, c)
			}
			l, _ := open(b, c)
			old := c.Results
			to, changed := l.tidy()
			if !changed {
				return nil
			}
			l.close()
			b.Func.Body = append(b.Func.Body, c)
			values := make([]*ir.Value, len(old))
			for i, r := range old {
				values[i] = r
				if v := to[r]; v != nil {
					values[i] = v()
				}
			}
			return values
		})
	}
}

// single puts the body of a loop of one turn in its place.
func single(b *ir.Builder, c *ir.Instr) []*ir.Value {
	s, f := c.Op.(ir.Scan), c.Callees[0]
	args := append([]*ir.Value(nil), c.Args...)
	for i := int(s.Consts + s.Carry); i < len(args); i++ {
		args[i] = ops.ReshapeTo(b, args[i], f.Params[i].Type.Shape)
	}
	values := b.Inline(f, args...)
	for i := int(s.Carry); i < len(values); i++ {
		values[i] = ops.ReshapeTo(b, values[i], c.Results[i].Type.Shape)
	}
	return values
}

// number returns the constant a value is.
func number(v *ir.Value) (ops.Const, bool) {
	if v.Def == nil {
		return ops.Const{}, false
	}
	o, ok := v.Def.Op.(ops.Const)
	return o, ok
}

// tidy changes the loop and returns, for results that are gone, what makes the value to use instead after the loop.
func (l *loop) tidy() (gone map[*ir.Value]func() *ir.Value, changed bool) {
	gone = map[*ir.Value]func() *ir.Value{}
	in := map[*ir.Value]*ir.Value{} // parameters and what stands for them in the body
	var front []*ir.Instr           // new instructions of the body
	emit := func(op ir.Op, args ...*ir.Value) *ir.Value {
		n := len(l.body.Func.Body)
		v := l.body.Op(op, args...)
		front = append(front, l.body.Func.Body[n])
		l.body.Func.Body = l.body.Func.Body[:n]
		return v
	}

	carries := l.carry[:0]
	for _, p := range l.carry {
		init, isNumber := number(p.arg)
		next, always := number(p.next)
		if p.next != p.param && !(isNumber && always && init == next) {
			carries = append(carries, p)
			continue
		}
		l.consts = append(l.consts, p.port)
		gone[p.result] = func() *ir.Value { return p.arg }
	}
	l.carry = carries

	over := l.over[:0]
	seen := map[*ir.Value]*ir.Value{}
	for _, p := range l.over {
		if first := seen[p.arg]; first != nil {
			in[p.param] = first
			continue
		}
		if o, ok := number(p.arg); ok {
			in[p.param] = emit(ops.Const{Type: p.param.Type, Value: o.Value})
			continue
		}
		if x, axes, ok := repeated(p.arg); ok {
			k := l.constant(x)
			if k.Type != p.param.Type {
				k = emit(ops.Broadcast{Shape: p.param.Type.Shape, Axes: ir.NewAxes(axes...)}, k)
			}
			in[p.param] = k
			continue
		}
		seen[p.arg] = p.param
		over = append(over, p)
	}
	changed = len(gone) > 0 || len(over) != len(l.over)
	l.over = over

	consts := l.consts[:0]
	first := map[*ir.Value]*ir.Value{}
	var small []func() // passes a const as what it repeats
	for _, p := range l.consts {
		if v := first[p.arg]; v != nil {
			in[p.param] = v
			continue
		}
		if o, ok := number(p.arg); ok {
			in[p.param] = emit(o)
			continue
		}
		if o, c, ok := op[ops.Broadcast](p.arg); ok {
			small = append(small, func() {
				in[p.param] = emit(o, l.constant(c.Args[0]))
			})
			continue
		}
		first[p.arg] = p.param
		consts = append(consts, p)
	}
	changed = changed || len(consts) != len(l.consts)
	l.consts = consts
	for _, pass := range small {
		pass()
	}
	for p, v := range in { // what stands for a parameter may itself be one that something stands for
		for in[v] != nil {
			v = in[v]
		}
		in[p] = v
	}
	l.replace(in)
	l.body.Func.Body = append(front, l.body.Func.Body...)

	outs := l.outs[:0]
	source := map[*ir.Value]func() *ir.Value{}
	for _, p := range l.over {
		source[p.param] = func() *ir.Value { return p.arg }
	}
	for _, o := range l.outs {
		if make := source[o.value]; make != nil {
			gone[o.result] = make
			continue
		}
		if n, ok := number(o.value); ok {
			gone[o.result] = func() *ir.Value { return l.outer.Op(ops.Const{Type: o.result.Type, Value: n.Value}) }
			continue
		}
		var arg *ir.Value
		for _, p := range l.consts {
			if p.param == o.value {
				arg = p.arg
			}
		}
		if arg != nil {
			gone[o.result] = func() *ir.Value {
				axes := make([]int, arg.Type.Shape.Rank())
				for i := range axes {
					axes[i] = i + 1
				}
				return ops.BroadcastTo(l.outer, arg, o.result.Type.Shape, axes...)
			}
			continue
		}
		source[o.value] = func() *ir.Value { return o.result }
		outs = append(outs, o)
	}
	changed = changed || len(outs) != len(l.outs)
	l.outs = outs
	return gone, changed
}

// repeated reports that all slices of a tensor along its first axis are x, repeated along axes as broadcast does.
func repeated(v *ir.Value) (x *ir.Value, axes []int, ok bool) {
	if v.Def == nil {
		return nil, nil, false
	}
	o, ok := v.Def.Op.(ops.Broadcast)
	if !ok || o.Axes.Has(0) {
		return nil, nil, false
	}
	axes = o.Axes.List()
	for i := range axes {
		axes[i]--
	}
	return v.Def.Args[0], axes, true
}
