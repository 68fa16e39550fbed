package check

import (
	"fmt"

	"modelc/compiler/core"
	"modelc/compiler/size"
	"modelc/lang/diag"
	"modelc/lang/source"
	"modelc/lang/syntax"
)

const (
	maxUnroll = 256
	maxLayers = 10_000
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

// rangeOf evaluates a..b.
func (e *elab) rangeOf(x syntax.Expr, s *scope) (lo, hi size.Size) {
	if g, is := x.(*syntax.Group); is && len(g.Items) == 1 {
		x = g.Items[0].X
	}
	b, is := x.(*syntax.Binary)
	if !is || b.Op != ".." {
		e.fail("M223", x.Span(), "a range is needed here: 0..n")
	}
	return e.sizeOf(b.X, s), e.sizeOf(b.Y, s)
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

// yields collects what the body of a loop yields.
type yields struct {
	terms []*core.Term
	at    source.Span
}

func (e *elab) yield(k *syntax.Key, s *scope) {
	if e.yielding == nil {
		e.fail("M207", k.At, "`yield` stands in the body of a loop")
	}
	t := e.asTerm(e.eval(k.Expr, s), k.Expr.Span())
	e.yielding.terms = append(e.yielding.terms, t)
	e.yielding.at = k.At
}

// fromTheEnd takes reversed(…) off what a loop runs over.
func fromTheEnd(in syntax.Expr) (syntax.Expr, bool) {
	if c, is := in.(*syntax.Call); is {
		if n, is := c.Fn.(*syntax.Name); is && n.Text == "reversed" && len(c.Args) == 1 {
			return c.Args[0].X, true
		}
	}
	return in, false
}

// loop evaluates `for`.
func (e *elab) loop(x *syntax.For, s *scope) value {
	switch {
	case x.Along != nil:
		return e.loopAlong(x, s)
	default:
		in, reverse := fromTheEnd(x.In)
		if g, is := in.(*syntax.Group); is && len(g.Items) == 1 {
			in = g.Items[0].X
		}
		if b, is := in.(*syntax.Binary); is && b.Op == ".." {
			return e.loopRange(x, b, reverse, s)
		}
		v := e.eval(in, s)
		l, is := v.(*listVal)
		if !is {
			e.failWith(diag.Diagnostic{Code: "M223", At: x.In.Span(), Title: "a loop runs over a range, a list of layers, or a tensor along an axis; this is " + describe(v),
				Notes: notes("fix", "for x in tensor along T { … }")})
		}
		return e.loopList(x, l, reverse, s)
	}
}

// carried lists the names that a loop's body assigns and that are bound outside.
func (e *elab) carried(x *syntax.For, s *scope) []carry {
	own := map[string]bool{}
	for _, n := range x.Names {
		own[n.Text] = true
	}
	var out []carry
	for _, n := range assigned(x.Body.Members) {
		b, at := s.find(n)
		if own[n] || b == nil || at.unit != nil || at.inst != nil {
			continue
		}
		if _, bad := b.v.(poison); bad {
			panic(stop{})
		}
		t := e.asTerm(b.v, x.At)
		if _, isNum := b.v.(sizeVal); isNum {
			t = e.asTerm(b.v, x.At)
		}
		out = append(out, carry{name: n, init: t})
	}
	return out
}

// turnOf elaborates the body of a loop once.
func (e *elab) turnOf(x *syntax.For, cs []carry, s *scope, bind func(*scope)) ([]carry, *yields) {
	sub := newScope(s)
	out := append([]carry(nil), cs...)
	for i, c := range out {
		out[i].v = e.term(core.Var{}, c.init.Type)
		sub.set(c.name, out[i].v, x.At)
	}
	bind(sub)
	old := e.yielding
	e.yielding = &yields{}
	defer func() { e.yielding = old }()
	e.body(x.Body, sub)
	for i, c := range out {
		n := e.asTerm(sub.names[c.name].v, x.At)
		if n.Type.Elem != c.init.Type.Elem && n.Type.Elem == core.Int {
			n = e.convert(n, c.init.Type.Elem, x.At)
		}
		out[i].next = n
	}
	return out, e.yielding
}

// keepsTypes reports the first carry whose type changes (M220).
func (e *elab) keepsTypes(cs []carry, x *syntax.For, report bool) bool {
	for _, c := range cs {
		if c.init.Type.Elem == c.next.Type.Elem && e.equalDims(c.init.Type.Dims, c.next.Type.Dims, x.At) {
			continue
		}
		if report {
			e.failWith(diag.Diagnostic{Code: "M220", At: lastAssigned(x.Body.Members, c.name, x.At), Title: fmt.Sprintf("`%s` is %s before the loop and %s after one turn", c.name, typeText(c.init.Type), typeText(c.next.Type)),
				Notes: notes("why", "a loop over "+over(x)+" runs an unknown number of times, so what it carries keeps its type",
					"fix", fmt.Sprintf("for a growing sequence use  yield %s ;  else bring it back to %s at the end of the turn", c.name, typeText(c.init.Type)))})
		}
		return false
	}
	return true
}

// over names what a loop runs over.
func over(x *syntax.For) string {
	if x.Along != nil {
		return x.Along.Text
	}
	return syntax.Print(x.In)
}

// lastAssigned is the place where a body last binds a name.
func lastAssigned(ms []*syntax.Member, name string, other source.Span) source.Span {
	for _, m := range ms {
		for _, n := range assigned([]*syntax.Member{m}) {
			if n != name {
				continue
			}
			other = m.At
			if m.Stmt != nil {
				other = m.Stmt.Left.Span()
				if ix, is := m.Stmt.Left.(*syntax.Index); is {
					other = ix.X.Span()
				}
			}
		}
	}
	return other
}

// scanLoop makes the scan of a body: states written in it become carries.
func (e *elab) scanLoop(x *syntax.For, s *scope, length size.Size, over []*core.Term, vars []*core.Term, counter *core.Term, reverse bool, bind func(*scope)) (value, bool) {
	cs := e.carried(x, s)
	m := e.mark()
	before := e.mark().now
	run, ys := e.turnOf(x, cs, s, bind)
	var slots []*core.Slot
	for _, sl := range e.writes {
		if e.now[sl] != before[sl] {
			slots = append(slots, sl)
		}
	}
	var inits []*core.Term
	var slotVars []*core.Term
	if len(slots) > 0 {
		// A state is written: again, with the state as a carry.
		e.rollback(m)
		for _, sl := range slots {
			init := e.now[sl]
			if init == nil {
				init = e.readTerm(sl)
			}
			v := e.term(core.Var{}, init.Type)
			inits, slotVars = append(inits, init), append(slotVars, v)
			e.now[sl] = v
		}
		run, ys = e.turnOf(x, cs, s, bind)
	}
	if !e.keepsTypes(run, x, true) {
		return nil, false
	}
	sc := core.Scan{Length: length, Reverse: reverse, Counter: counter}
	var args []*core.Term
	for _, c := range run {
		sc.Carry, sc.Next = append(sc.Carry, c.v), append(sc.Next, c.next)
		args = append(args, c.init)
	}
	for i, sl := range slots {
		sc.Carry, sc.Next = append(sc.Carry, slotVars[i]), append(sc.Next, e.now[sl])
		args = append(args, inits[i])
	}
	sc.Over = vars
	args = append(args, over...)
	sc.Outs = ys.terms
	e.at(x.At)
	scan := e.term(sc, core.Type{}, args...)
	for i, c := range run {
		p := e.term(core.Part{Index: i}, withLabels(c.init.Type, sameLabels(c.init.Type.Labels, c.next.Type.Labels)), scan)
		p.Hint = c.name
		s.set(c.name, p, x.At)
	}
	for i, sl := range slots {
		e.now[sl] = e.term(core.Part{Index: len(run) + i}, inits[i].Type, scan)
		if before[sl] == nil && !hasSlot(e.writes, sl) {
			e.writes = append(e.writes, sl)
		}
	}
	if len(ys.terms) == 0 {
		return none{}, true
	}
	var out tupleVal
	for i, y := range ys.terms {
		t := core.Type{Elem: y.Type.Elem, Range: y.Type.Range, Dims: append([]size.Size{length}, y.Type.Dims...), Labels: []string{""}}
		for i := range y.Type.Dims {
			t.Labels = append(t.Labels, label(y.Type, i))
		}
		out = append(out, e.term(core.Part{Index: len(run) + len(slots) + i}, t, scan))
	}
	if len(out) == 1 {
		return out[0], true
	}
	return out, true
}

func hasSlot(list []*core.Slot, s *core.Slot) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// loopRange is `for i in a..b`: a scan, unrolled where the counter must be a constant or a carried type changes.
func (e *elab) loopRange(x *syntax.For, r *syntax.Binary, reverse bool, s *scope) value {
	if len(x.Names) != 1 {
		e.fail("M223", x.At, "a range gives one name")
	}
	lo, hi := e.sizeOf(r.X, s), e.sizeOf(r.Y, s)
	length := hi.Sub(lo)
	if c, ok := length.Const(); ok && c <= 0 {
		return none{}
	}
	m := e.mark()
	counter := e.term(core.Var{}, core.Type{Elem: core.Int, Range: length})
	var shown *core.Term = counter
	if !lo.IsZero() {
		shown = e.term(core.Map{Code: "add"}, core.Type{Elem: core.Int, Range: hi}, counter, e.asTerm(sizeVal{lo}, x.At))
	}
	var out value
	shadow := newScope(s)
	e.trials++
	ok := e.try(func() {
		out, _ = e.scanLoop(x, shadow, length, nil, nil, counter, reverse, func(sub *scope) { sub.set(x.Names[0].Text, shown, x.Names[0].At) })
	})
	e.trials--
	if ok {
		for n, b := range shadow.names {
			s.set(n, b.v, b.at)
		}
		return out
	}
	n, known := length.Const()
	first, firstKnown := lo.Const()
	if e.def != nil && (!known || !firstKnown) {
		n, first, known, firstKnown = 2, 0, true, true
	}
	if !known || !firstKnown || n > maxUnroll {
		if known && n > maxUnroll && len(e.diags) > m.diags {
			e.diags[len(e.diags)-1].Notes = append(e.diags[len(e.diags)-1].Notes, diag.Note{Kind: "note", Text: fmt.Sprintf("the loop runs %d times; it can be unrolled, with the counter a constant, up to %d times", n, maxUnroll)})
		}
		panic(stop{})
	}
	e.rollback(m)
	old := e.yielding
	e.yielding = &yields{}
	defer func() { e.yielding = old }()
	for i := int64(0); i < n; i++ {
		k := first + i
		if reverse {
			k = first + n - 1 - i
		}
		e.unrolled(x, s, func(sub *scope) { sub.set(x.Names[0].Text, sizeVal{size.Of(k)}, x.Names[0].At) })
	}
	return e.gather(x)
}

// unrolled runs one turn in place: names bound outside are rebound there, others live one turn.
func (e *elab) unrolled(x *syntax.For, s *scope, bind func(*scope)) {
	e.work(x.At)
	sub := newScope(s)
	bind(sub)
	e.body(x.Body, sub)
	for _, n := range assigned(x.Body.Members) {
		if b, at := s.find(n); b != nil && at.unit == nil && at.inst == nil && sub.names[n] != nil {
			s.set(n, sub.names[n].v, x.At)
		}
	}
}

// gather stacks what unrolled turns yielded.
func (e *elab) gather(x *syntax.For) value {
	ts := e.yielding.terms
	if len(ts) == 0 {
		return none{}
	}
	for _, t := range ts[1:] {
		if t.Type.Elem != ts[0].Type.Elem || !sameDims(t.Type.Dims, ts[0].Type.Dims) {
			e.fail("M220", e.yielding.at, "the turns yield %s and %s", typeText(ts[0].Type), typeText(t.Type))
		}
	}
	out := core.Type{Elem: ts[0].Type.Elem, Range: ts[0].Type.Range, Dims: append([]size.Size{size.Of(int64(len(ts)))}, ts[0].Type.Dims...)}
	return e.term(core.Stack{Axis: 0}, out, ts...)
}

// loopList is `for layer in layers`.
func (e *elab) loopList(x *syntax.For, l *listVal, reverse bool, s *scope) value {
	if len(x.Names) != 1 {
		e.fail("M223", x.At, "a list gives one name")
	}
	if l.alike && !reverse && !hasYield(x.Body) {
		shadow := newScope(s)
		out := e.overStack(l, x.At, func(g *group) []carry {
			cs := e.carried(x, shadow)
			run, _ := e.turnOf(x, cs, shadow, func(sub *scope) { sub.set(x.Names[0].Text, stacked{g, 0}, x.Names[0].At) })
			e.pending = run
			return run
		}, func(parts []*core.Term) value {
			for i, c := range e.pending {
				parts[i].Hint = c.name
				s.set(c.name, parts[i], x.At)
			}
			return none{}
		})
		if out != nil {
			return out
		}
	}
	old := e.yielding
	e.yielding = &yields{}
	defer func() { e.yielding = old }()
	for i := range l.items {
		if reverse {
			i = len(l.items) - 1 - i
		}
		e.unrolled(x, s, func(sub *scope) { sub.set(x.Names[0].Text, l.items[i], x.Names[0].At) })
	}
	return e.gather(x)
}

func hasYield(b *syntax.Body) bool {
	found := false
	for _, m := range b.Members {
		if m.Key != nil && m.Key.Kind == "yield" {
			found = true
		}
	}
	return found
}

// loopAlong is `for x in tensor along T`.
func (e *elab) loopAlong(x *syntax.For, s *scope) value {
	in, reverse := fromTheEnd(x.In)
	v := e.eval(in, s)
	var ts []*core.Term
	if tv, is := v.(tupleVal); is {
		for _, p := range tv {
			ts = append(ts, e.asTerm(p, x.In.Span()))
		}
	} else {
		ts = []*core.Term{e.asTerm(v, x.In.Span())}
	}
	if len(ts) != len(x.Names) {
		e.fail("M223", x.At, "%d tensors give %d names", len(ts), len(x.Names))
	}
	where, along := -1, ""
	var length size.Size
	var over, vars []*core.Term
	for i, t := range ts {
		k := e.labelled(t, x.Along, s)
		if i == 0 {
			where, length, along = k, t.Type.Dims[k], label(t.Type, k)
		} else if !e.equalDims([]size.Size{length}, t.Type.Dims[k:k+1], x.At) {
			e.fail("M110", x.In.Span(), "the tensors of a loop have %s and %s along `%s`", length, t.Type.Dims[k], x.Along.Text)
		}
		front := t
		if k != 0 {
			at := make([]int, len(t.Type.Dims))
			ft := core.Type{Elem: t.Type.Elem, Range: t.Type.Range, Dims: []size.Size{t.Type.Dims[k]}}
			for j := range at {
				switch {
				case j == k:
					at[j] = 0
				case j < k:
					at[j] = j + 1
				default:
					at[j] = j
				}
				if j != k {
					ft.Dims = append(ft.Dims, t.Type.Dims[j])
				}
			}
			front = e.term(core.Arrange{At: at}, ft, t)
		}
		over = append(over, front)
		vt := dropAxes(t.Type, []int{k})
		vars = append(vars, e.term(core.Var{}, vt))
	}
	bind := func(sub *scope) {
		for i, n := range x.Names {
			sub.set(n.Text, vars[i], n.At)
		}
	}
	out, _ := e.scanResume(x, s, length, over, vars, reverse, bind)
	fix := func(v value) value {
		t, is := v.(*core.Term)
		if !is {
			return v
		}
		names := make([]string, len(t.Type.Dims))
		for j := 1; j < len(names); j++ {
			names[j] = label(t.Type, j)
		}
		names[0] = along
		if where == 0 {
			return retyped(t, withLabels(t.Type, names))
		}
		if where >= len(t.Type.Dims) {
			e.fail("M220", x.At, "what is yielded has too few axes to put `%s` back at its place", x.Along.Text)
		}
		at := make([]int, len(t.Type.Dims))
		ft := core.Type{Elem: t.Type.Elem, Range: t.Type.Range, Dims: make([]size.Size, len(t.Type.Dims)), Labels: make([]string, len(t.Type.Dims))}
		for j := range at {
			switch {
			case j == 0:
				at[j] = where
			case j <= where:
				at[j] = j - 1
			default:
				at[j] = j
			}
			ft.Dims[at[j]], ft.Labels[at[j]] = t.Type.Dims[j], names[j]
		}
		return e.term(core.Arrange{At: at}, ft, t)
	}
	if tv, is := out.(tupleVal); is {
		for i := range tv {
			tv[i] = fix(tv[i])
		}
		return tv
	}
	return fix(out)
}
