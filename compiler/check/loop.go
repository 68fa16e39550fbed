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
