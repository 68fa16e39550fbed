package check

import (
	"modelc/compiler/core"
	"modelc/compiler/size"
	"modelc/lang/source"
	"modelc/lang/syntax"
)

// body runs the members of a body in scope s and returns the value of `return`, or of the last expression.
func (e *elab) body(b *syntax.Body, s *scope) (v value, returned bool) {
	v = none{}
	failed := false
	for i, m := range b.Members {
		if m.Key != nil && m.Key.Kind == "return" && i != len(b.Members)-1 {
			e.report1("M204", m.Key.At, "`return` is the last line of a body; what follows it would never run")
			failed = true
			continue
		}
		ok := e.try(func() {
			if m.Key != nil && m.Key.Kind == "return" {
				v, returned = e.eval(m.Key.Expr, s), true
				return
			}
			v = e.statement(m, s)
		})
		if !ok {
			failed = true
			e.poison(m, s)
		}
	}
	if failed {
		panic(stop{})
	}
	return v, returned
}

// poison binds the names of a statement that failed.
func (e *elab) poison(m *syntax.Member, s *scope) {
	for _, n := range assigned([]*syntax.Member{m}) {
		s.set(n, poison{}, m.At)
	}
}

// statement runs one member and returns the value of an expression, or none.
func (e *elab) statement(m *syntax.Member, s *scope) value {
	e.at(m.At)
	switch {
	case m.Key != nil:
		switch m.Key.Kind {
		case "require":
			e.require(m.Key, s)
		case "yield":
			e.yield(m.Key, s)
		default:
			e.fail("M207", m.At, "`%s` has no place here", m.Key.Kind)
		}
	case m.Stmt != nil:
		return e.simple(m.Stmt, s)
	case m.Dim != nil:
		e.dims(m.Dim, s)
	case m.Fn != nil:
		s.set(m.Fn.Name, fnVal{decl: m.Fn, env: s, self: s.instance()}, m.Fn.NameAt)
	default:
		e.fail("M207", m.At, "this has no place here")
	}
	return none{}
}

func (e *elab) simple(st *syntax.Stmt, s *scope) value {
	if st.Op == "" {
		if st.Type != nil {
			e.fail("M207", st.At, "a type without a value: write `%s = …`", syntax.Print(st.Left))
		}
		return e.eval(st.Left, s)
	}
	if st.Op == "<-" {
		e.write(st, s)
		return none{}
	}
	switch left := st.Left.(type) {
	case *syntax.Name:
		old := e.naming
		e.naming = join(e.path, left.Text)
		var v value
		if st.Type != nil {
			v = e.typed(e.eval(st.Right, s), st.Type, s, st.Right.Span())
		} else {
			v = e.eval(st.Right, s)
		}
		e.naming = old
		if _, is := v.(none); is {
			e.fail("M206", st.Right.Span(), "this gives no value for `%s`", left.Text)
		}
		if el, is := v.(element); is {
			v = el.t
		}
		if t, is := v.(*core.Term); is && t.Hint == "" {
			t.Hint = left.Text
		}
		s.set(left.Text, v, left.At)
	case *syntax.Group:
		v := e.eval(st.Right, s)
		parts, is := v.(tupleVal)
		if !is {
			e.fail("M206", st.Right.Span(), "%d names are given, but the right side is %s, not a tuple", len(left.Items), describe(v))
		}
		if len(parts) != len(left.Items) {
			e.fail("M206", st.At, "%d names are given for %d values", len(left.Items), len(parts))
		}
		for i, item := range left.Items {
			n, is := item.X.(*syntax.Name)
			if !is {
				e.fail("M206", item.At, "only a name can stand here")
			}
			if n.Text != "_" {
				s.set(n.Text, parts[i], n.At)
			}
		}
	case *syntax.Index:
		e.indexStatement(left, st, s)
	default:
		e.fail("M206", st.Left.Span(), "`%s` cannot be given a value", syntax.Print(st.Left))
	}
	return none{}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// dims binds `dim e = d / heads`; bare dims are solved by the first call.
func (e *elab) dims(d *syntax.Dim, s *scope) {
	for i, n := range d.Names {
		if d.Value == nil {
			if s.names[n] == nil {
				s.names[n] = &binding{at: d.NamesAt[i]}
			}
			continue
		}
		v := e.sizeOf(d.Value, s)
		b := s.set(n, sizeVal{v}, d.NamesAt[i])
		b.fixed = true
	}
}

// require checks a condition on what is known.
func (e *elab) require(k *syntax.Key, s *scope) {
	e.condition(k.Expr, k.Expr, s, k.At)
}

func (e *elab) condition(x, whole syntax.Expr, s *scope, at source.Span) {
	if b, is := x.(*syntax.Binary); is && b.Op == "and" {
		e.condition(b.X, whole, s, at)
		e.condition(b.Y, whole, s, at)
		return
	}
	if g, is := x.(*syntax.Group); is && len(g.Items) == 1 {
		e.condition(g.Items[0].X, whole, s, at)
		return
	}
	e.sizes++
	defer func() { e.sizes-- }()
	if b, is := x.(*syntax.Binary); is && (b.Op == "==" || b.Op == "<=" || b.Op == "<" || b.Op == ">=" || b.Op == ">") {
		l, r := e.eval(b.X, s), e.eval(b.Y, s)
		ls, lok := l.(sizeVal)
		rs, rok := r.(sizeVal)
		if lok && rok {
			a, c, op := ls.s, rs.s, b.Op
			switch op {
			case "<":
				a, op = a.Add(size.Of(1)), "<="
			case ">":
				a, c, op = rs.s.Add(size.Of(1)), ls.s, "<="
			case ">=":
				a, c, op = rs.s, ls.s, "<="
			}
			ans := size.Compare(a, c, e.facts)
			if op == "<=" {
				ans = a.LessEq(c, e.facts)
			}
			switch ans {
			case size.No:
				e.requireFails(x, b, ls.s, rs.s, s, at)
			case size.Unknown:
				e.learn(b, op, a, c, s)
				e.residual(op, a, c, "M201", syntax.Print(x)+" is required")
			}
			return
		}
	}
	switch v := e.eval(x, s).(type) {
	case boolVal:
		if !v {
			e.requireFails(x, nil, size.Size{}, size.Size{}, s, at)
		}
	case *core.Term:
		e.fail("M202", x.Span(), "`require` is about what is known before the run; this is %s (use `assert` in a test)", typeText(v.Type))
	default:
		e.fail("M202", x.Span(), "`require` needs a condition, this is %s", describe(v))
	}
}

// learn adds a requirement that cannot be decided yet to the facts of the definition, and to the bound of past + T.
func (e *elab) learn(b *syntax.Binary, op string, a, c size.Size, s *scope) {
	if e.live != nil && op == "<=" {
		e.live.bound(e, a, c)
	}
	if e.def == nil {
		return
	}
	if m, is := b.X.(*syntax.Binary); is && m.Op == "%" && op == "==" && c.IsZero() {
		l, lok := e.eval(m.X, s).(sizeVal)
		r, rok := e.eval(m.Y, s).(sizeVal)
		if lok && rok {
			e.facts.RequireMultiple(l.s, r.s)
		}
		return
	}
	e.assume(op, a, c, true)
}

// ifValue evaluates `if`: on what is known one branch runs, in the scope around it; on a run-time scalar both do, and each name and the value are
// selected.
func (e *elab) ifValue(x *syntax.If, s *scope) value {
	cond := e.eval(x.Cond, s)
	switch c := cond.(type) {
	case boolVal:
		switch {
		case bool(c):
			return e.branch(x.Then, s)
		case x.ElseIf != nil:
			return e.ifValue(x.ElseIf, s)
		case x.Else != nil:
			return e.branch(x.Else, s)
		}
		return none{}
	case *core.Term:
		if c.Type.Elem != core.Bool {
			e.fail("M103", x.Cond.Span(), "a condition is bool, this is %s", typeText(c.Type))
		}
		if len(c.Type.Dims) != 0 {
			e.fail("M104", x.Cond.Span(), "`if` needs one condition, this is %s: use where(condition, a, b)", typeText(c.Type))
		}
		return e.runtimeIf(x, c, s)
	}
	e.fail("M103", x.Cond.Span(), "a condition is bool, this is %s", describe(cond))
	return nil
}

func (e *elab) branch(b *syntax.Body, s *scope) value {
	v, _ := e.body(b, s)
	return v
}

func (e *elab) runtimeIf(x *syntax.If, cond *core.Term, s *scope) value {
	before := len(e.writes)
	run := func(f func(sub *scope) value) (value, *scope) {
		sub := newScope(s)
		return f(sub), sub
	}
	a, as := run(func(sub *scope) value { return e.branch(x.Then, sub) })
	var b value = none{}
	bs := newScope(s)
	switch {
	case x.ElseIf != nil:
		b, bs = run(func(sub *scope) value { return e.ifValue(x.ElseIf, sub) })
	case x.Else != nil:
		b, bs = run(func(sub *scope) value { return e.branch(x.Else, sub) })
	}
	if len(e.writes) != before {
		e.fail("M205", x.At, "state is written under a condition that is only known while running; both branches are computed")
	}
	names := map[string]bool{}
	for _, sub := range []*scope{as, bs} {
		for n := range sub.names {
			names[n] = true
		}
	}
	for _, n := range sortedNames(names) {
		av, bv := as.names[n], bs.names[n]
		outer, _ := s.find(n)
		if av == nil {
			av = outer
		}
		if bv == nil {
			bv = outer
		}
		if av == nil || bv == nil {
			continue // local to one branch
		}
		s.set(n, e.choose(cond, av.v, bv.v, x.At), x.At)
	}
	_, an := a.(none)
	_, bn := b.(none)
	if an || bn {
		return none{}
	}
	return e.choose(cond, a, b, x.At)
}

func (e *elab) choose(cond *core.Term, a, b value, at source.Span) value {
	at0, bt0 := e.asTerm(a, at), e.asTerm(b, at)
	at1, bt1 := e.balance(at0, bt0, at)
	if !sameDims(at1.Type.Dims, bt1.Type.Dims) {
		e.fail("M221", at, "the two branches give %s and %s: both are computed and one is picked, so their types must be equal", typeText(at1.Type), typeText(bt1.Type))
	}
	return e.term(core.Select{}, at1.Type, cond, at1, bt1)
}

// write is `name <- value`.
func (e *elab) write(st *syntax.Stmt, s *scope) {
	n, is := st.Left.(*syntax.Name)
	if !is {
		e.fail("M208", st.Left.Span(), "`<-` writes a state, by its name")
	}
	in := s.instance()
	if in == nil || in.slotDecl(n.Text) == nil {
		e.fail("M208", n.At, "`<-` writes a `state` of this layer; `%s` is none", n.Text)
	}
	d := in.slotDecl(n.Text)
	if d.Kind != "state" {
		e.fail("M208", n.At, "`%s` is a `param`: the optimizer moves it; declare it as `state` to write it", n.Text)
	}
	if !e.training && !in.optimizer {
		e.fail("M209", st.At, "a state is written under `if training` (or in an optimizer's step) only")
	}
	slot := e.slot(in, n.Text, n.At)
	v := e.asTerm(e.eval(st.Right, s), st.Right.Span())
	v = e.convert(v, slot.Type.Elem, st.Right.Span())
	if slot.Type.Elem == core.ID && size.Compare(v.Type.Range, slot.Type.Range, e.facts) != size.Equal {
		e.fail("M311", st.At, "the state `%s` is %s, the value written is %s", n.Text, typeText(slot.Type), typeText(v.Type))
	}
	if len(v.Type.Dims) == 0 && len(slot.Type.Dims) > 0 {
		v = e.term(core.Fill{}, of(v.Type.Elem, slot.Type.Dims...), v)
	}
	if !e.equalDims(v.Type.Dims, slot.Type.Dims, st.At) {
		e.fail("M102", st.At, "the state `%s` is %s, the value written is %s", n.Text, typeText(slot.Type), typeText(v.Type))
	}
	if e.now[slot] == nil {
		e.writes = append(e.writes, slot)
	}
	e.now[slot] = v
}

// report1 is fail without abandoning.
func (e *elab) report1(code string, at source.Span, format string, args ...any) {
	e.try(func() { e.fail(code, at, format, args...) })
}

// assigned lists the names that members bind, nested `if` and `for` included.
func assigned(ms []*syntax.Member) []string {
	var out []string
	seen := map[string]bool{}
	add := func(n string) {
		if !seen[n] && n != "_" {
			seen[n] = true
			out = append(out, n)
		}
	}
	var members func([]*syntax.Member)
	var expr func(syntax.Expr)
	expr = func(x syntax.Expr) {
		switch x := x.(type) {
		case *syntax.If:
			members(x.Then.Members)
			if x.Else != nil {
				members(x.Else.Members)
			}
			if x.ElseIf != nil {
				expr(x.ElseIf)
			}
		case *syntax.For:
			members(x.Body.Members)
		}
	}
	members = func(ms []*syntax.Member) {
		for _, m := range ms {
			if m.Dim != nil {
				for _, n := range m.Dim.Names {
					add(n)
				}
			}
			if m.Key != nil {
				expr(m.Key.Expr)
			}
			if m.Stmt == nil {
				continue
			}
			if m.Stmt.Op != "=" {
				expr(m.Stmt.Left)
				continue
			}
			switch l := m.Stmt.Left.(type) {
			case *syntax.Name:
				add(l.Text)
			case *syntax.Group:
				for _, it := range l.Items {
					if n, is := it.X.(*syntax.Name); is {
						add(n.Text)
					}
				}
			case *syntax.Index:
				if n, is := l.X.(*syntax.Name); is {
					add(n.Text)
				}
			}
			expr(m.Stmt.Right)
		}
	}
	members(ms)
	return out
}
