package opt

import (
	"slices"

	"modelc/ir"
)

// loop is a scan taken apart, so that a pass can add, move and drop what it passes in and out; close puts it together again. The body is a copy, since others may
// run the original.
type loop struct {
	c      *ir.Instr
	scan   ir.Scan
	outer  *ir.Builder // of the function that holds c
	body   *ir.Builder
	consts []port
	carry  []carry
	over   []port
	outs   []out
}

// port is a parameter of the body and the argument given for it.
type port struct{ param, arg *ir.Value }

// carry is a port with the value after a turn and the result of the scan.
type carry struct {
	port
	next, result *ir.Value
}

// out is a value of the body and the result of the scan that stacks it.
type out struct{ value, result *ir.Value }

// open takes a scan of outer's function apart.
func open(outer *ir.Builder, c *ir.Instr) (*loop, *ir.Renaming) {
	f := c.Callees[0]
	body, m := ir.Clone(f, f.Name)
	l := &loop{c: c, scan: c.Op.(ir.Scan), outer: outer, body: body}
	g := body.Func
	consts, carries := int(l.scan.Consts), int(l.scan.Carry)
	for i, p := range g.Params {
		switch io := (port{p, c.Args[i]}); {
		case i < consts:
			l.consts = append(l.consts, io)
		case i < consts+carries:
			l.carry = append(l.carry, carry{io, g.Results[i-consts], c.Results[i-consts]})
		default:
			l.over = append(l.over, io)
		}
	}
	for i := carries; i < len(g.Results); i++ {
		l.outs = append(l.outs, out{g.Results[i], c.Results[i]})
	}
	return l, m
}

// bound returns a number above the IDs of all values of the body, new parameters included.
func (l *loop) bound() int {
	n := l.body.Func.Bound()
	for _, p := range l.consts {
		n = max(n, int(p.param.ID)+1)
	}
	for _, p := range l.over {
		n = max(n, int(p.param.ID)+1)
	}
	return n
}

// stackedType is the type of Length values of a type on a new leading axis; ok is false where that is too large.
func stackedType(t ir.Type, n int64) (ir.Type, bool) {
	s, err := ir.NewShape(append([]int64{n}, t.Shape.Dims()...)...)
	return ir.Type{DType: t.DType, Shape: s}, err == nil
}

// stack adds a value of the body to the outs, unless it is among them, and returns the stacked result.
func (l *loop) stack(v *ir.Value) *ir.Value {
	for _, o := range l.outs {
		if o.value == v {
			return o.result
		}
	}
	t, ok := stackedType(v.Type, l.scan.Length)
	if !ok {
		panic("opt: a stacked value is too large")
	}
	r := l.outer.Value(t, v.Hint)
	l.outs = append(l.outs, out{v, r})
	return r
}

// param appends a value to the parameters of the body; close sets its place among them.
func (l *loop) param(t ir.Type, hint string) *ir.Value { return l.body.Value(t, hint) }

// constant passes an outer value as a const and returns the parameter.
func (l *loop) constant(arg *ir.Value) *ir.Value {
	for _, p := range l.consts {
		if p.arg == arg {
			return p.param
		}
	}
	v := l.param(arg.Type, arg.Hint)
	l.consts = append(l.consts, port{v, arg})
	return v
}

// slices passes slices of an outer value and returns the parameter.
func (l *loop) slices(arg *ir.Value) *ir.Value {
	for _, p := range l.over {
		if p.arg == arg {
			return p.param
		}
	}
	t := ir.Type{DType: arg.Type.DType, Shape: ir.MustShape(arg.Type.Shape.Dims()[1:]...)}
	v := l.param(t, arg.Hint)
	l.over = append(l.over, port{v, arg})
	return v
}

// close writes the changes back to the scan, without the instructions of the body that have become useless: they may use parameters that are gone.
func (l *loop) close() {
	c, f := l.c, l.body.Func
	live := make([]bool, l.bound())
	for _, p := range l.carry {
		live[p.next.ID] = true
	}
	for _, o := range l.outs {
		live[o.value.ID] = true
	}
	for i := len(f.Body) - 1; i >= 0; i-- {
		if !slices.ContainsFunc(f.Body[i].Results, func(r *ir.Value) bool { return live[r.ID] }) {
			f.Body[i] = nil
			continue
		}
		for _, a := range f.Body[i].Args {
			live[a.ID] = true
		}
	}
	f.Body = slices.DeleteFunc(f.Body, func(c *ir.Instr) bool { return c == nil })
	f.Params, f.Results = nil, nil
	c.Args, c.Results = nil, nil
	pass := func(p port) {
		p.param.Index = int32(len(f.Params))
		f.Params = append(f.Params, p.param)
		c.Args = append(c.Args, p.arg)
	}
	give := func(v, result *ir.Value) {
		result.Def, result.Index = c, int32(len(c.Results))
		f.Results = append(f.Results, v)
		c.Results = append(c.Results, result)
	}
	for _, p := range l.consts {
		pass(p)
	}
	for _, p := range l.carry {
		pass(p.port)
		give(p.next, p.result)
	}
	for _, p := range l.over {
		pass(p)
	}
	for _, o := range l.outs {
		give(o.value, o.result)
	}
	c.Op = ir.Scan{Length: l.scan.Length, Consts: int32(len(l.consts)), Carry: int32(len(l.carry)), Over: int32(len(l.over)), Reverse: l.scan.Reverse}
	c.Callees = []*ir.Func{f}
}

// replace puts values in the place of others in the body, the outs and the carries; the replaced ones may be parameters.
func (l *loop) replace(to map[*ir.Value]*ir.Value) {
	if len(to) == 0 {
		return
	}
	f := l.body.Func
	swap := func(v *ir.Value) *ir.Value {
		if w := to[v]; w != nil {
			return w
		}
		return v
	}
	for _, c := range f.Body {
		if slices.ContainsFunc(c.Args, func(a *ir.Value) bool { return to[a] != nil }) {
			c.Args = slices.Clone(c.Args)
			for i, a := range c.Args {
				c.Args[i] = swap(a)
			}
		}
	}
	for i := range l.carry {
		l.carry[i].next = swap(l.carry[i].next)
	}
	for i := range l.outs {
		l.outs[i].value = swap(l.outs[i].value)
	}
}
