package check

import (
	"fmt"

	"modelc/compiler/core"
	"modelc/compiler/size"
	"modelc/lang/source"
	"modelc/lang/syntax"
)

// list evaluates [a, b] and [e for i in range].
func (e *elab) list(x *syntax.List, s *scope) value {
	l := &listVal{path: e.naming, at: x.At}
	if x.For == nil {
		base, failed := e.naming, false
		for i, it := range x.Items {
			failed = !e.try(func() {
				e.naming = join(base, fmt.Sprint(i))
				v := e.function(it, s)
				if t, is := v.(*core.Term); is {
					e.fail("M222", it.Span(), "a list holds layers or constants, never tensors: this is %s (stack[first](a, b) joins tensors)", typeText(t.Type))
				}
				l.items = append(l.items, v)
			}) || failed
		}
		if failed {
			panic(stop{})
		}
		e.naming = base
		return l
	}
	lo, hi := e.rangeOf(x.In, s)
	a, aok := lo.Const()
	b, bok := hi.Const()
	if (!aok || !bok) && e.def != nil {
		a, b, aok, bok = 0, 2, true, true // any number of layers: two will do
	}
	if !aok || !bok {
		e.fail("M222", x.In.Span(), "how many layers a list has is known before the run; this is %s..%s", lo, hi)
	}
	if b > a && uint64(b)-uint64(a) > maxLayers {
		e.fail("M222", x.In.Span(), "a list of %d layers: at most %d are possible", uint64(b)-uint64(a), maxLayers)
	}
	base := e.naming
	l.alike = e.group == nil
	for i := a; i < b; i++ {
		sub := newScope(s)
		sub.set(x.For.Text, sizeVal{size.Of(i)}, x.For.At)
		e.naming = join(base, fmt.Sprint(i-a))
		e.work(x.At)
		v := e.function(x.Items[0], sub)
		if t, is := v.(*core.Term); is {
			e.fail("M222", x.Items[0].Span(), "a list holds layers or constants, never tensors: this is %s", typeText(t.Type))
		}
		l.items = append(l.items, v)
		if in, is := v.(*instance); !is || !alike(l.items[0], in) {
			l.alike = false
		}
	}
	e.naming = base
	if len(l.items) < 2 {
		l.alike = false
	}
	return l
}

// alike reports whether two instances have one declaration and equal constant arguments.
func alike(v value, b *instance) bool {
	a, is := v.(*instance)
	if !is || a.decl != b.decl || len(a.args) != len(b.args) {
		return false
	}
	for i := range a.args {
		if a.args[i].name != b.args[i].name || !sameConst(a.args[i].v, b.args[i].v) {
			return false
		}
	}
	return true
}

func sameConst(a, b value) bool {
	switch a := a.(type) {
	case sizeVal:
		bb, is := b.(sizeVal)
		return is && a.s.Same(bb.s)
	case floatVal, boolVal, textVal:
		return a == b
	case tupleVal:
		bb, is := b.(tupleVal)
		if !is || len(a) != len(bb) {
			return false
		}
		for i := range a {
			if !sameConst(a[i], bb[i]) {
				return false
			}
		}
		return true
	case initVal:
		bb, is := b.(initVal)
		if !is || a.name != bb.name || len(a.args) != len(bb.args) {
			return false
		}
		for k, v := range a.args {
			if !sameConst(v, bb.args[k]) {
				return false
			}
		}
		return true
	case fnVal:
		bb, is := b.(fnVal)
		return is && a.decl == bb.decl && a.self == nil && bb.self == nil
	case builtin:
		return a == b
	}
	return false
}

// applyList passes one value through a list.
func (e *elab) applyList(l *listVal, args []callArg, at source.Span) value {
	if len(args) != 1 || args[0].name != "" {
		e.fail("M203", at, "a list passes one value on, %d are given", len(args))
	}
	if l.alike {
		if t, is := args[0].v.(*core.Term); is {
			if out := e.scanList(l, t, at); out != nil {
				return out
			}
		}
	}
	defer func(training bool) { e.training = training }(e.training)
	e.training = e.training && !e.frozen(l)
	v := args[0].v
	for _, it := range l.items {
		v = e.apply(it, []value{v}, nil, at)
	}
	return v
}

// stack makes, once, the template of a list of like layers.
func (e *elab) stack(l *listVal) *group {
	if st, is := l.items[0].(stacked); is {
		return st.group
	}
	for _, it := range l.items {
		if in := it.(*instance); in.called || len(in.order) > 0 {
			return nil
		}
	}
	first := l.items[0].(*instance)
	g := &group{path: l.path, n: len(l.items)}
	g.template = e.makeInstance(first.decl, first.block, l.path, first.args, first.at, g)
	return g
}

// settleStack makes the layers of the list those of the stack.
func (l *listVal) settleStack(g *group) {
	for i := range l.items {
		l.items[i] = stacked{g, i}
	}
}

// scanList runs a list of like layers as one scan; nil when the carried type changes.
func (e *elab) scanList(l *listVal, x *core.Term, at source.Span) value {
	return e.overStack(l, at, func(g *group) []carry {
		v := e.term(core.Var{}, x.Type)
		out := e.asTerm(e.callStacked(stacked{g, 0}, "forward", []callArg{{v: v, at: at}}, at), at)
		return []carry{{init: x, v: v, next: out}}
	}, func(parts []*core.Term) value { return parts[0] })
}

// carry is one value that a loop carries.
type carry struct {
	name          string
	init, v, next *core.Term
}

// overStack elaborates a body once for the template of a stack and makes the scan. It returns nil, with everything undone, when a carry changes its type or the body fails: the
// layers are then unrolled, and the unrolled form reports.
func (e *elab) overStack(l *listVal, at source.Span, body func(g *group) []carry, finish func([]*core.Term) value) value {
	m := e.mark()
	wasStacked := false
	if _, is := l.items[0].(stacked); is {
		wasStacked = true
	}
	g := e.stack(l)
	if g == nil {
		l.alike = false
		return nil
	}
	saved := map[*core.Slot]*core.Term{}
	for _, s := range e.slotsOf(g) {
		if t := e.now[s]; t != nil {
			saved[s] = t
			delete(e.now, s)
		}
	}
	tn := &turn{scan: true, over: map[*core.Slot]*core.Term{}}
	e.turns[g] = tn
	var cs []carry
	e.trials++
	ok := e.try(func() { cs = body(g) })
	e.trials--
	delete(e.turns, g)
	for _, c := range cs {
		ok = ok && c.init.Type.Elem == c.next.Type.Elem && sameDims(c.init.Type.Dims, c.next.Type.Dims)
	}
	if !ok {
		if wasStacked {
			if len(e.diags) > m.diags {
				panic(stop{})
			}
			e.rollback(m)
			return nil
		}
		e.rollback(m)
		e.forget(g)
		l.alike = false
		return nil
	}
	l.settleStack(g)
	sc := core.Scan{Length: size.Of(int64(g.n))}
	var args []*core.Term
	for _, c := range cs {
		sc.Carry, sc.Next = append(sc.Carry, c.v), append(sc.Next, c.next)
		args = append(args, c.init)
	}
	var written []*core.Slot
	for _, s := range e.slotsOf(g) {
		if e.now[s] != nil {
			written = append(written, s)
			sc.Outs = append(sc.Outs, e.now[s])
		}
	}
	for _, s := range tn.order {
		sc.Over = append(sc.Over, tn.over[s])
		whole := saved[s]
		if whole == nil {
			whole = e.readTerm(s)
		}
		args = append(args, whole)
	}
	e.at(at)
	scan := e.term(sc, core.Type{}, args...)
	var parts []*core.Term
	for i, c := range cs {
		parts = append(parts, e.term(core.Part{Index: i}, withLabels(c.init.Type, sameLabels(c.init.Type.Labels, c.next.Type.Labels)), scan))
	}
	for i, s := range written {
		t := s.Type
		t.Dims = append([]size.Size{size.Of(int64(g.n))}, t.Dims...)
		e.now[s] = e.term(core.Part{Index: len(cs) + i}, t, scan)
	}
	for s, t := range saved {
		if e.now[s] == nil {
			e.now[s] = t
		}
	}
	return finish(parts)
}

// forget drops the instances and slots of a stack that is none.
func (e *elab) forget(g *group) {
	gone := map[*core.Slot]bool{}
	made := e.made[:0:0]
	for _, in := range e.made {
		if in.group != g {
			made = append(made, in)
			continue
		}
		for _, s := range in.order {
			gone[s] = true
		}
	}
	slots := e.slots[:0:0]
	for _, s := range e.slots {
		if !gone[s] {
			slots = append(slots, s)
		}
	}
	e.made, e.slots = made, slots
}

// slotsOf lists the slots of a stack made so far.
func (e *elab) slotsOf(g *group) []*core.Slot {
	var out []*core.Slot
	for _, in := range e.made {
		if in.group == g {
			out = append(out, in.order...)
		}
	}
	return out
}
