package check

import (
	"fmt"
	"strings"

	"modelc/compiler/core"
	"modelc/compiler/size"
	"modelc/lang/diag"
	"modelc/lang/source"
	"modelc/lang/syntax"
	"modelc/recipe"
)

// line is a setting of a block.
type line struct {
	name string
	x    syntax.Expr
	at   source.Span
	used bool
}

// lines reads the settings of a block; other members go to rest.
func (e *elab) lines(b *syntax.Block, known []string, rest func(m *syntax.Member)) map[string]*line {
	out := map[string]*line{}
	for _, m := range b.Body.Members {
		if m.Stmt != nil && m.Stmt.Op == "=" && m.Stmt.Type == nil {
			if n, is := m.Stmt.Left.(*syntax.Name); is && contains(known, n.Text) {
				if out[n.Text] != nil {
					e.fail("M404", n.At, "`%s` is set twice", n.Text)
				}
				out[n.Text] = &line{name: n.Text, x: m.Stmt.Right, at: m.At}
				continue
			}
			if n, is := m.Stmt.Left.(*syntax.Name); is && rest == nil {
				d := diag.Diagnostic{Code: "M403", At: n.At, Title: fmt.Sprintf("`%s` is no setting of %s", n.Text, b.Kind)}
				if near := diag.Suggest(n.Text, known); near != "" {
					d.Labels = []diag.Label{{At: n.At, Text: "did you mean the setting `" + near + "`?"}}
				} else {
					d.Notes = notes("note", "its settings are "+strings.Join(known, ", "))
				}
				e.failWith(d)
			}
		}
		if rest == nil {
			e.fail("M207", m.At, "this has no place in %s", b.Kind)
		}
		rest(m)
	}
	return out
}

// runOf evaluates `run = classify`.
func (e *elab) runOf(b *syntax.Block, ls map[string]*line) *trainVal {
	l := ls["run"]
	if l == nil {
		e.failWith(diag.Diagnostic{Code: "M421", At: b.KindAt, Title: "this block names no run", Notes: notes("fix", "run = classify   - the train block whose weights it uses")})
	}
	v := e.eval(l.x, e.rootOf(e.unit))
	t, is := v.(*trainVal)
	if !is {
		e.fail("M421", l.x.Span(), "run names a train block, this is %s", describe(v))
	}
	return t
}

// enterRun takes up a train block's instances again.
func (e *elab) enterRun(t *trainVal) {
	e.reset()
	e.slots, e.made, e.reads, e.home = t.slots, t.made, t.reads, t.block
	switch t.plan.Precision {
	case "bf16":
		e.precision = core.BF16
	case "f64":
		e.precision = core.F64
	}
	e.phase = "train"
}

// unmade refuses a network that a block is the first to call: the run has no weights for it.
func (e *elab) unmade(t *trainVal, b *syntax.Block) {
	if len(e.slots) > len(t.slots) {
		s := e.slots[len(t.slots)]
		e.failWith(diag.Diagnostic{Code: "M419", At: b.KindAt, Title: fmt.Sprintf("%s never calls its `%s`, so there are no weights of it to read", t.name, splitDots(s.Path)[0]),
			Notes: notes("fix", "call it in the train block")})
	}
}

func (e *elab) splitOf(b *syntax.Block, ls map[string]*line, t *trainVal) *splitVal {
	l := ls["data"]
	if l == nil {
		return nil
	}
	v := e.eval(l.x, e.rootOf(e.unit))
	s, is := v.(splitVal)
	if !is {
		e.fail("M421", l.x.Span(), "data names a split (Digits.test), this is %s", describe(v))
	}
	return &s
}

// evalBlock is eval { run = classify, data = Digits.test }.
func (e *elab) evalBlock(b *syntax.Block) {
	var own *syntax.Block
	ls := e.lines(b, []string{"run", "data"}, func(m *syntax.Member) {
		if m.Block != nil && m.Block.Kind == "metrics" {
			own = m.Block
			return
		}
		e.unknownLine(b, m, "run", "data", "metrics")
	})
	t := e.runOf(b, ls)
	sp := e.splitOf(b, ls, t)
	if sp == nil {
		e.fail("M421", b.KindAt, "this block names no data: data = %s.test", "Digits")
	}
	if t.batch == nil {
		e.fail("M421", ls["data"].x.Span(), "%s draws no rows, so nothing of it is measured on %s", t.name, sp.describe())
	}
	e.enterRun(t)
	name := b.Name
	if name == "" {
		name = sp.split
	}
	entry := "eval." + name
	for i := 2; e.taken(entry); i++ {
		entry = fmt.Sprintf("eval.%s.%d", name, i)
	}
	ev := &core.Eval{Name: entry, Train: t.core, Metrics: t.core.Valid, At: b.At}
	if own != nil {
		e.fresh()
		e.phase = "train"
		ev.Metrics = e.metricsOf(own, newScope(t.eval))
	}
	e.unmade(t, b)
	ev.Columns = columns(namedTerms(ev.Metrics)...)
	e.markBatch(t, ev.Columns)
	size := int64(256)
	if t.batch != nil {
		size = t.batch.size
		if t.batch.of.data != sp.data {
			e.fail("M421", ls["data"].x.Span(), "%s was trained on %s, not on %s", t.name, t.batch.of.data.name, sp.data.name)
		}
	}
	r := &recipe.Eval{Run: t.name, Rows: e.rows(*sp, size, "keep")}
	r.Metrics = recipe.Metrics{Entry: entry, Columns: ev.Columns}
	for _, m := range ev.Metrics {
		if m.Host == nil {
			r.Metrics.Names = append(r.Metrics.Names, m.Name)
		}
	}
	e.prog.Evals = append(e.prog.Evals, ev)
	e.plan.Blocks = append(e.plan.Blocks, &recipe.Block{Kind: "eval", Name: name, Needs: append([]string{t.name}, e.needs...), Eval: r, At: place(b.At)})
}

func (e *elab) taken(entry string) bool {
	for _, v := range e.prog.Evals {
		if v.Name == entry {
			return true
		}
	}
	return false
}

func (e *elab) unknownLine(b *syntax.Block, m *syntax.Member, known ...string) {
	if m.Stmt != nil && m.Stmt.Op == "=" {
		if n, is := m.Stmt.Left.(*syntax.Name); is {
			d := diag.Diagnostic{Code: "M403", At: n.At, Title: fmt.Sprintf("`%s` is no setting of %s", n.Text, b.Kind)}
			if near := diag.Suggest(n.Text, known); near != "" {
				d.Labels = []diag.Label{{At: n.At, Text: "did you mean `" + near + "`?"}}
			} else {
				d.Notes = notes("note", "it holds "+strings.Join(known, ", "))
			}
			e.failWith(d)
		}
	}
	e.fail("M207", m.At, "this has no place in %s", b.Kind)
}

// crossvalBlock is crossval { run = classify, folds = 5, report = accuracy }.
func (e *elab) crossvalBlock(b *syntax.Block) {
	ls := e.lines(b, []string{"run", "folds", "group", "report"}, nil)
	t := e.runOf(b, ls)
	c := &recipe.Crossval{Run: t.name, Folds: 5}
	if l := ls["folds"]; l != nil {
		n, ok := e.sizeOf(l.x, e.rootOf(e.unit)).Const()
		if !ok || n < 2 || n > 1000 {
			e.fail("M418", l.x.Span(), "folds is an integer between 2 and 1000")
		}
		c.Folds = n
	}
	if l := ls["group"]; l != nil {
		v := e.eval(l.x, e.rootOf(e.unit))
		r, is := v.(columnRef)
		if !is {
			e.fail("M418", l.x.Span(), "group names a column: Ratings.user_id")
		}
		c.Group = r.c.name
	}
	if l := ls["report"]; l != nil {
		items := []syntax.Expr{l.x}
		if g, is := l.x.(*syntax.List); is {
			items = g.Items
		}
		for _, x := range items {
			n := syntax.Print(x)
			if !contains(t.plan.Metrics.Names, n) {
				e.fail("M418", x.Span(), "`%s` is no metric of %s: it has %s", n, t.name, strings.Join(t.plan.Metrics.Names, ", "))
			}
			c.Report = append(c.Report, n)
		}
	}
	if t.batch == nil {
		e.fail("M421", b.KindAt, "%s draws no rows, so there is nothing to fold", t.name)
	}
	name := b.Name
	if name == "" {
		name = "crossval"
	}
	e.plan.Blocks = append(e.plan.Blocks, &recipe.Block{Kind: "crossval", Name: name, Needs: t.needs, Crossval: c, At: place(b.At)})
}

// predictBlock is predict NAME { run, data, value = …, output = csv("…") }.
func (e *elab) predictBlock(b *syntax.Block) {
	known := []string{"run", "data", "output"}
	var values []*syntax.Stmt
	ls := e.lines(b, known, func(m *syntax.Member) {
		if m.Stmt != nil && m.Stmt.Op == "=" {
			values = append(values, m.Stmt)
			return
		}
		e.unknownLine(b, m, append(known, "value")...)
	})
	t := e.runOf(b, ls)
	sp := e.splitOf(b, ls, t)
	e.values(b, t, sp, values, ls["output"])
}

// values elaborates the outputs of a predict block, or of a generate block without tokens.
func (e *elab) values(b *syntax.Block, t *trainVal, sp *splitVal, values []*syntax.Stmt, output *line) {
	e.enterRun(t)
	e.fresh()
	e.phase, e.training = "train", false
	if b.Name == "" {
		e.fail("M404", b.At, "a %s block has a name", b.Kind)
	}
	s := newScope(e.rootOf(e.unit))
	if t.batch != nil {
		s.set("batch", *t.batch, b.At)
	}
	v := &core.Value{Name: b.Name, Train: t.core, At: b.At}
	p := &recipe.Predict{Run: t.name}
	for _, st := range values {
		e.at(st.At)
		e.simple(st, s)
		n, is := st.Left.(*syntax.Name)
		if !is {
			continue
		}
		tm := e.asTerm(s.names[n.Text].v, st.At)
		v.Outputs = append(v.Outputs, core.Named{Name: n.Text, Term: tm, At: st.At})
		p.Outputs = append(p.Outputs, n.Text)
		if len(tm.Type.Dims) > 0 && size.Compare(tm.Type.Dims[0], size.FromSym(e.prog.B), nil) == size.Equal {
			v.Rows = true
		}
	}
	if len(v.Outputs) == 0 {
		e.fail("M421", b.KindAt, "this block gives no value: value = …")
	}
	if output != nil {
		e.output(p, output)
	}
	e.unmade(t, b)
	v.Columns = columns(namedTerms(v.Outputs)...)
	e.markBatch(t, v.Columns)
	p.Columns = v.Columns
	if len(v.Columns) > 0 || v.Rows {
		if sp == nil {
			e.fail("M421", b.KindAt, "these values are per row, and the block names no data")
		}
		n := int64(256)
		if t.batch != nil {
			n = t.batch.size
		}
		r := e.rows(*sp, n, "keep")
		p.Rows = &r
		v.Rows = true
	}
	e.prog.Values = append(e.prog.Values, v)
	e.plan.Blocks = append(e.plan.Blocks, &recipe.Block{Kind: "predict", Name: b.Name, Needs: append([]string{t.name}, e.needs...), Predict: p, At: place(b.At)})
}

// output is csv("file"), png("file", grid=8) or text("file").
func (e *elab) output(p *recipe.Predict, l *line) {
	c, is := l.x.(*syntax.Call)
	f := ""
	if is {
		if n, is := c.Fn.(*syntax.Name); is {
			f = n.Text
		}
	}
	if f != "csv" && f != "png" && f != "text" {
		e.fail("M418", l.x.Span(), "output is csv(\"file\"), png(\"file\", grid=8) or text(\"file\")")
	}
	p.Format = f
	for _, a := range c.Args {
		switch {
		case a.Name == "" && p.File == "":
			v, is := e.eval(a.X, e.rootOf(e.unit)).(textVal)
			if !is {
				e.fail("M418", a.At, "the file is a text")
			}
			p.File = string(v)
		case a.Name == "grid" && f == "png":
			n, ok := e.sizeOf(a.X, e.rootOf(e.unit)).Const()
			if !ok || n < 1 {
				e.fail("M418", a.At, "grid is the number of pictures in a row")
			}
			p.Grid = n
		default:
			e.fail("M203", a.At, "%s has no such argument", f)
		}
	}
	if p.File == "" {
		e.fail("M418", l.x.Span(), "output names a file: %s(\"file\")", f)
	}
}

// testBlock elaborates a test; a test that `fails "text"` demands a diagnostic which contains the text.
func (e *elab) testBlock(b *syntax.Block) {
	e.reset()
	if b.Mod != "" && b.Mod != "fails" {
		e.fail("M207", b.At, "a test is `test \"title\" { … }` or `test \"title\" fails \"text\" { … }`")
	}
	s := newScope(e.rootOf(e.unit))
	t := &core.Test{Title: b.Title, At: b.At}
	before := len(e.diags)
	checks := len(e.prog.Checks)
	ok := true
	e.phase = "test"
	for _, m := range b.Body.Members {
		ok = e.try(func() {
			e.at(m.At)
			e.building = true
			if m.Key != nil && m.Key.Kind == "assert" {
				e.assert(t, m.Key, s)
				return
			}
			if m.Stmt != nil && m.Stmt.Op == "=" {
				if n, is := m.Stmt.Left.(*syntax.Name); is && n.Text == "training" {
					v, is := e.eval(m.Stmt.Right, s).(boolVal)
					if !is {
						e.fail("M103", m.At, "training = true")
					}
					e.training = bool(v)
					return
				}
			}
			e.statement(m, s)
		}) && ok
		if !ok {
			e.poison(m, s)
			if b.Mod == "" {
				continue
			}
			break
		}
	}
	e.phase, e.training, e.building = "", false, false
	if b.Mod == "fails" {
		var got []string
		found := false
		for _, d := range e.diags[before:] {
			text := diag.Text(diag.List{d})
			got = append(got, d.Title)
			found = found || strings.Contains(text, b.ModArg)
		}
		e.diags = e.diags[:before]
		e.prog.Checks = e.prog.Checks[:checks]
		if !found {
			d := diag.Diagnostic{Code: "M501", At: b.At, Title: fmt.Sprintf("this test is expected to fail with %q", b.ModArg)}
			if len(got) > 0 {
				d.Notes = notes("note", "it failed with: "+strings.Join(got, "; "))
			} else {
				d.Notes = notes("note", "nothing was wrong with it")
			}
			e.report(d)
		}
		e.prog.Tests = append(e.prog.Tests, t)
		t.Asserts = nil
		return
	}
	t.Slots = append([]*core.Slot(nil), e.slots...)
	e.prog.Tests = append(e.prog.Tests, t)
}

// assert records `assert e`; what is known now is decided now.
func (e *elab) assert(t *core.Test, k *syntax.Key, s *scope) {
	a := core.Assert{Text: syntax.Print(k.Expr), At: k.At}
	e.sizes++
	var v value
	if b, is := k.Expr.(*syntax.Binary); is && contains([]string{"==", "<", "<=", ">", ">=", "!="}, b.Op) {
		l, r := e.eval(b.X, s), e.eval(b.Y, s)
		e.at(b.At)
		v = e.operate(b, l, r)
		if lt, is := l.(*core.Term); is && !isConst(v) {
			a.Left, a.Right = lt, e.typedConst(r, lt.Type.Elem, b.Y.Span())
		}
		if v == boolVal(false) {
			e.sizes--
			e.failWith(diag.Diagnostic{Code: "M502", At: k.At, Title: a.Text + " does not hold", Notes: notes("note", syntax.Print(b.X)+" is "+describe(l), "note", syntax.Print(b.Y)+" is "+describe(r))})
		}
	} else {
		v = e.eval(k.Expr, s)
	}
	e.sizes--
	switch v := v.(type) {
	case boolVal:
		if !v {
			e.fail("M502", k.At, "%s does not hold", a.Text)
		}
		return
	case *core.Term:
		if v.Type.Elem != core.Bool {
			break
		}
		if len(v.Type.Dims) > 0 {
			v = e.asTerm(e.reduceAll("all", []callArg{{v: v, at: k.At}}, k.At), k.At)
		}
		a.Cond = v
		t.Asserts = append(t.Asserts, a)
		return
	}
	e.fail("M103", k.Expr.Span(), "assert needs a condition, this is %s", describe(v))
}

// qualified resolves import.name.
func (e *elab) qualified(n *syntax.Name, x *syntax.Field, s *scope) value {
	if b, _ := s.find(n.Text); b != nil {
		return nil
	}
	root := s.root()
	if root.unit == nil {
		return nil
	}
	u := root.unit.Imports[n.Text]
	if u == nil {
		return nil
	}
	root.unit.Used[n.Text] = true
	if !u.Own(x.Name) {
		var names []string
		for _, d := range u.Decls() {
			names = append(names, d.Name)
		}
		d := diag.Diagnostic{Code: "M400", At: x.NameAt, Title: fmt.Sprintf("the import `%s` has no `%s`", n.Text, x.Name)}
		if near := diag.Suggest(x.Name, names); near != "" {
			d.Labels = []diag.Label{{At: x.NameAt, Text: "did you mean `" + near + "`?"}}
		}
		e.failWith(d)
	}
	return e.lookup(x.Name, e.rootOf(u)).v
}
