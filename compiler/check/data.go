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

// dataVal is a data block.
type dataVal struct {
	name     string
	plan     *recipe.Data
	columns  map[string]*column
	order    []string
	fits     map[string]*transform
	scope    *scope
	augment  []*syntax.Member
	splits   map[string]bool
	declared map[string]bool // columns, those that failed included
	unit     *syntax.Block
}

// column is a column of a data block.
type column struct {
	data *dataVal
	name string
	plan *recipe.Column
	typ  core.Type   // of one row, where it is a tensor
	lens []*size.Sym // the free lengths among its dims
	expr syntax.Expr // of a column that the step computes; nil: the host has it
	decl *syntax.Stmt
	at   source.Span
	busy bool
}

// columnRef is a column's name in an expression of one row.
type columnRef struct{ c *column }

// transform is a fitted transform by its name.
type transform struct {
	data *dataVal
	plan *recipe.Transform
}

type splitVal struct {
	data  *dataVal
	split string
}

// batchVal is DATA.SPLIT.batches(n).
type batchVal struct {
	of   splitVal
	size int64
	last string
}

func (d *dataVal) describe() string   { return "the data " + d.name }
func (s splitVal) describe() string   { return s.data.name + "." + s.split }
func (b batchVal) describe() string   { return "a batch of " + b.of.data.name }
func (t *transform) describe() string { return "the transform " + t.plan.Name }

// field gives the reserved numbers of a tokenizer: tok.bos is the beginning of a text, tok.eos its end, which exists where a call marks it. They lie at the top of the
// vocabulary, the end first (recipe.Transform).
func (t *transform) field(e *elab, x *syntax.Field) value {
	switch t.plan.Kind {
	case "Char", "BPE", "Words":
	default:
		e.fail("M203", x.At, "%s has no `%s`", t.describe(), x.Name)
	}
	ends := false
	for _, c := range t.data.plan.Columns {
		ends = ends || marksEnd(c.From, t.plan.Name)
	}
	top := t.plan.Size - 1
	switch {
	case x.Name == "eos" && ends:
		return sizeVal{size.Of(top)}
	case x.Name == "eos":
		e.failWith(diag.Diagnostic{Code: "M203", At: x.At, Title: fmt.Sprintf("no text of %s has an end", t.plan.Name), Notes: notes("fix", t.plan.Name+"(text, eos=true)   in the data block")})
	case x.Name != "bos":
		e.fail("M203", x.At, "%s has no `%s`; it has bos and eos", t.describe(), x.Name)
	}
	if t.plan.Options == nil {
		t.plan.Options = map[string]float64{}
	}
	t.plan.Options["bos"] = 1
	if ends {
		top--
	}
	return sizeVal{size.Of(top)}
}

// marksEnd reports whether an expression has a call of a tokenizer with eos.
func marksEnd(x *recipe.Expr, name string) bool {
	if x == nil {
		return false
	}
	if x.Op == "fit:"+name && x.Options["eos"] != 0 {
		return true
	}
	for _, a := range x.Args {
		if marksEnd(a, name) {
			return true
		}
	}
	return false
}
func (c columnRef) describe() string {
	return fmt.Sprintf("the column %s (%s)", c.c.name, columnType(c.c.plan.Type))
}

// unbounded is the bound of a length that nothing bounds: that of a stream or of a text's tokens.
const unbounded = 1 << 40

func columnType(t recipe.Type) string {
	s := t.Elem
	if t.Elem == "id" {
		s = fmt.Sprintf("id(%d)", t.Range)
	}
	if len(t.Dims) > 0 {
		dims := make([]string, len(t.Dims))
		for i, n := range t.Dims {
			switch {
			case n >= 0:
				dims[i] = fmt.Sprint(n)
			case n <= -unbounded:
				dims[i] = "_"
			default:
				dims[i] = fmt.Sprintf("_ <= %d", -n)
			}
		}
		s += "[" + strings.Join(dims, ", ") + "]"
	}
	if t.List {
		s = "[" + s + "]"
	}
	if t.Nullable {
		s += "?"
	}
	return s
}

// row returns the data block whose row an expression speaks of, or nil.
func (s *scope) row() *dataVal {
	for ; s != nil; s = s.parent {
		if s.batch != nil {
			return s.batch
		}
	}
	return nil
}

var transformKinds = map[string]bool{"Standardize": true, "MinMax": true, "Category": true, "Char": true, "BPE": true, "Words": true}

// dataBlock elaborates a data block into the recipe's plan of it.
func (e *elab) dataBlock(b *syntax.Block) {
	if b.Name == "" {
		e.fail("M404", b.At, "a data block has a name")
	}
	d := &dataVal{name: b.Name, columns: map[string]*column{}, fits: map[string]*transform{}, declared: map[string]bool{}, splits: map[string]bool{"train": true}, unit: b}
	d.plan = &recipe.Data{Name: b.Name, At: place(b.At)}
	d.scope = newScope(e.rootOf(e.unit))
	d.scope.batch = d
	e.data[b.Name] = d
	e.plan.Data = append(e.plan.Data, d.plan)
	stream, before := false, len(e.diags)
	for _, m := range b.Body.Members {
		e.at(m.At)
		e.try(func() {
			switch {
			case m.Block != nil:
				switch m.Block.Kind {
				case "split":
					e.splitBlock(d, m.Block)
				case "augment":
					d.augment = append(d.augment, m.Block.Body.Members...)
				default:
					e.fail("M401", m.Block.KindAt, "`%s` has no place in data: it holds `split` and `augment`", m.Block.Kind)
				}
			case m.Stmt != nil:
				if n, is := m.Stmt.Left.(*syntax.Name); is && m.Stmt.Type != nil {
					d.declared[n.Text] = true
				}
				stream = e.dataLine(d, m.Stmt) || stream
			default:
				e.fail("M207", m.At, "this has no place in a data block")
			}
		})
	}
	if len(d.plan.Sources) == 0 && len(e.diags) == before {
		e.report1("M313", b.At, "data %s has no source: source = csv(\"file.csv\"), images(…), text(…), dataset(\"iris\"), …", b.Name)
	}
	if stream && d.plan.Split.By == "hash" {
		d.plan.Split.By = "position"
	}
	e.augmented(d)
	if len(e.diags) == before {
		e.uncalled(d)
	}
}

// uncalled reports transforms that no column calls, and splits that both `split` and a source give.
func (e *elab) uncalled(d *dataVal) {
	for _, m := range d.unit.Body.Members {
		if m.Stmt == nil {
			continue
		}
		n, is := m.Stmt.Left.(*syntax.Name)
		if !is {
			continue
		}
		if t := d.fits[n.Text]; t != nil && len(t.plan.Inputs) == 0 {
			e.report(diag.Diagnostic{Code: "M403", At: n.At, Title: fmt.Sprintf("nothing calls the transform `%s`, so there is nothing to fit it on", n.Text), Notes: notes("fix", fmt.Sprintf("x: … = %s(…)", n.Text))})
		}
		for _, p := range d.plan.Split.Parts {
			if m.Stmt.Type == nil && p.Name == n.Text {
				e.report1("M404", n.At, "the split `%s` is given twice: by a source and by `split`", n.Text)
			}
		}
	}
}

// dataLine is one line: a column has a type; a setting or a transform has none (ruling 49). It reports whether the line is a source that is one
// stream of text.
func (e *elab) dataLine(d *dataVal, st *syntax.Stmt) bool {
	n, is := st.Left.(*syntax.Name)
	if !is {
		e.fail("M207", st.At, "a line of data is a column (`x: float = …`), a setting or a transform")
	}
	if st.Type != nil {
		if d.columns[n.Text] != nil || d.fits[n.Text] != nil {
			e.fail("M404", n.At, "`%s` is declared twice", n.Text)
		}
		e.column(d, n, st)
		return false
	}
	if st.Op != "=" {
		e.fail("M207", st.At, "a column has a type: `%s: float`", n.Text)
	}
	call, isCall := st.Right.(*syntax.Call)
	callee := ""
	if isCall {
		if f, is := call.Fn.(*syntax.Name); is {
			callee = f.Text
		}
	}
	switch {
	case n.Text == "source":
		for _, s := range d.plan.Sources {
			if s.Split == "" {
				e.failWith(diag.Diagnostic{Code: "M404", At: n.At, Title: "`source` is set twice", Notes: notes("fix", "join(…) matches the rows of several tables;   test = csv(…)   adds a split")})
			}
		}
		s := e.source(d, st.Right, "")
		d.plan.Sources = append([]recipe.Source{s}, d.plan.Sources...)
		return s.Kind == "text" && s.Fields == nil
	case n.Text == "discard":
		x, t := e.hostDiscard(st.Right, d)
		if t.Elem != "bool" {
			e.fail("M103", st.Right.Span(), "discard needs a condition, this is %s", columnType(t))
		}
		e.beforeFits(x, d, st.Right)
		d.plan.Discard = append(d.plan.Discard, x)
		e.discarded(d, st.Right)
	case transformKinds[callee]:
		if d.fits[n.Text] != nil || d.columns[n.Text] != nil {
			e.fail("M404", n.At, "`%s` is declared twice", n.Text)
		}
		t := &recipe.Transform{Name: n.Text, Kind: callee, At: place(st.At)}
		sized := callee != "Standardize" && callee != "MinMax"
		for i, a := range call.Args {
			if a.Name != "" || i > 0 || !sized {
				takes := "no arguments"
				if sized {
					takes = "its size alone"
				}
				e.fail("M203", a.At, "%s takes %s: %s", callee, takes, map[bool]string{true: callee + "(300)", false: callee + "()"}[sized])
			}
			least, most := int64(1), int64(1<<24)
			switch callee {
			case "Category":
				most = 1<<31 - 1
			case "BPE":
				least = 256 // the bytes
			}
			c, ok := e.sizeOf(a.X, e.rootOf(e.unit)).Const()
			if !ok || c < least || c > most {
				e.fail("M203", a.At, "the size of %s is an integer between %d and %d", callee, least, most)
			}
			t.Size = c
		}
		if sized && t.Size == 0 {
			e.fail("M203", st.At, "%s needs its size: %s(300)", callee, callee)
		}
		d.plan.Transforms = append(d.plan.Transforms, t)
		d.fits[n.Text] = &transform{d, t}
		d.scope.set(n.Text, d.fits[n.Text], n.At)
	case isCall && sourceKinds[callee] != "":
		for _, s := range d.plan.Sources {
			if s.Split == n.Text {
				e.fail("M404", n.At, "the split `%s` is given twice", n.Text)
			}
		}
		d.splits[n.Text] = true
		d.plan.Sources = append(d.plan.Sources, e.source(d, st.Right, n.Text))
	default:
		dg := diag.Diagnostic{Code: "M403", At: n.At, Title: fmt.Sprintf("`%s` is no setting of data; a column has a type: `%s: float = …`", n.Text, n.Text)}
		if near := diag.Suggest(n.Text, []string{"source", "discard", "test", "valid"}); near != "" {
			dg.Labels = []diag.Label{{At: n.At, Text: "did you mean the setting `" + near + "`?"}}
		}
		e.failWith(dg)
	}
	return false
}

// beforeFits demands that a discard reads columns of the source alone: rows are dropped before the split, and what is fitted or derived comes after it (ruling 49).
func (e *elab) beforeFits(x *recipe.Expr, d *dataVal, at syntax.Expr) {
	switch {
	case x.Op == "column" && d.columns[x.Name].plan.From != nil:
		e.fail("M321", at.Span(), "discard reads columns of the source, and `%s` is derived", x.Name)
	case strings.HasPrefix(x.Op, "fit:") || x.Op == "fill" && x.Name != "":
		e.fail("M321", at.Span(), "discard comes before anything is fitted")
	}
	for _, a := range x.Args {
		e.beforeFits(a, d, at)
	}
}

// hostDiscard compiles the condition of discard. What stands behind `missing(x) or` sees x present: rows without it are dropped whatever follows.
func (e *elab) hostDiscard(x syntax.Expr, d *dataVal) (*recipe.Expr, recipe.Type) {
	switch x := x.(type) {
	case *syntax.Group:
		if len(x.Items) == 1 {
			return e.hostDiscard(x.Items[0].X, d)
		}
	case *syntax.Binary:
		if x.Op == "or" {
			a, at := e.hostDiscard(x.X, d)
			e.hostKind(at, x.X, "bool")
			e.discarded(d, x.X)
			b, bt := e.hostDiscard(x.Y, d)
			e.hostKind(bt, x.Y, "bool")
			t := recipe.Type{Elem: "bool", Nullable: at.Nullable || bt.Nullable, Dims: longer(at, bt)}
			return &recipe.Expr{Op: "or", Args: []*recipe.Expr{a, b}, Type: t, At: place(x.At)}, t
		}
	}
	return e.host(x, d, d.scope)
}

// discarded makes columns that `discard = missing(x)` drops plain afterwards (ruling 66).
func (e *elab) discarded(d *dataVal, x syntax.Expr) {
	switch x := x.(type) {
	case *syntax.Group:
		if len(x.Items) == 1 {
			e.discarded(d, x.Items[0].X)
		}
	case *syntax.Binary:
		if x.Op == "or" {
			e.discarded(d, x.X)
			e.discarded(d, x.Y)
		}
	case *syntax.Call:
		if f, is := x.Fn.(*syntax.Name); is && f.Text == "missing" && len(x.Args) == 1 {
			if n, is := x.Args[0].X.(*syntax.Name); is && d.columns[n.Text] != nil {
				c := d.columns[n.Text]
				c.typ, _ = e.rowTensor(recipe.Type{Elem: c.plan.Type.Elem, Range: c.plan.Type.Range, Dims: c.plan.Type.Dims}, nil)
				c.plan.NeverMissing = true
			}
		}
	}
}

// column declares a column; with `=` it is an expression of one row, evaluated by the host where it speaks of text, time, lists, missing values or fitted transforms, else within
// the step (ruling 50).
func (e *elab) column(d *dataVal, n *syntax.Name, st *syntax.Stmt) {
	t, lens := e.columnType(d, st.Type)
	c := &column{data: d, name: n.Text, at: n.At, decl: st}
	c.plan = &recipe.Column{Name: n.Text, Type: t, At: place(st.At)}
	c.typ, c.lens = e.rowTensor(t, lens)
	for _, l := range c.lens {
		c.plan.Lengths = append(c.plan.Lengths, l.Name)
	}
	if st.Op == "=" {
		if e.hostOnly(st.Right, d) {
			var ok bool
			if ok = e.hostable(st.Right, d); ok {
				x, got := e.host(st.Right, d, d.scope)
				c.plan.From = e.hostResult(x, got, t, n.Text, st.Right.Span())
				c.plan.From.Type = t
			} else {
				c.expr = st.Right
			}
		} else {
			c.expr = st.Right
		}
	}
	d.columns[n.Text] = c
	d.order = append(d.order, n.Text)
	d.scope.set(n.Text, columnRef{c}, n.At)
	if c.expr == nil {
		d.plan.Columns = append(d.plan.Columns, c.plan)
		return
	}
	// Check it now, without augment, so that a mistake is found even where nothing reads the column.
	e.phase = "data"
	e.rowTerm(c, false)
	e.phase = ""
}

// columnType reads a column's type; S <= 256 is a length of the row.
func (e *elab) columnType(d *dataVal, t *syntax.Type) (recipe.Type, map[int]string) {
	if len(t.Alts) != 1 {
		e.fail("M141", t.At, "a column has one type")
	}
	a := t.Alts[0]
	out := recipe.Type{Nullable: a.Null, Elem: a.Name}
	if a.List != nil {
		in, _ := e.columnType(d, a.List)
		in.List, in.Nullable = true, a.Null
		return in, nil
	}
	switch a.Name {
	case "float", "f32", "f64", "u8", "i32", "i64", "bool", "text", "time":
	case "int":
		out.Elem = "i64"
	case "id":
		if a.Arg == nil {
			e.fail("M141", a.At, "id needs its range: id(10) is an integer in 0..10")
		}
		n, ok := e.sizeOf(a.Arg, e.rootOf(e.unit)).Const()
		if !ok || n < 1 || n > 1<<31-1 {
			e.fail("M141", a.Arg.Span(), "the range of an id is between 1 and 2147483647")
		}
		out.Range = n
	default:
		dg := diag.Diagnostic{Code: "M141", At: a.At, Title: fmt.Sprintf("`%s` is no type of a column", a.Name)}
		if near := diag.Suggest(a.Name, []string{"float", "int", "id", "bool", "text", "time", "u8", "f32", "i64"}); near != "" {
			dg.Labels = []diag.Label{{At: a.At, Text: "did you mean `" + near + "`?"}}
		}
		e.failWith(dg)
	}
	lens := map[int]string{}
	for i, x := range a.Dims {
		if b, is := x.(*syntax.Binary); is && b.Op == "<=" {
			n, is := b.X.(*syntax.Name)
			k, ok := e.sizeOf(b.Y, e.rootOf(e.unit)).Const()
			if !is || !ok || k < 1 {
				e.fail("M141", x.Span(), "a length of the row is a name with a bound: S <= 256")
			}
			lens[i] = n.Text
			out.Dims = append(out.Dims, -k)
			continue
		}
		if n, is := x.(*syntax.Name); is && e.sizeName(n.Text, e.rootOf(e.unit)) == nil {
			if b := e.rootOf(e.unit).names[n.Text]; b != nil {
				if _, bad := b.v.(poison); bad {
					panic(stop{})
				}
			}
			lens[i] = n.Text
			out.Dims = append(out.Dims, -unbounded) // a stream: as long as the data
			continue
		}
		n, ok := e.sizeOf(x, e.rootOf(e.unit)).Const()
		if !ok || n < 0 || n > 1<<31 {
			e.fail("M141", x.Span(), "a size of a column is a number, or a length with a bound: S <= 256")
		}
		out.Dims = append(out.Dims, n)
	}
	return out, lens
}

// rowTensor is the type of one row's value in the step.
func (e *elab) rowTensor(t recipe.Type, lens map[int]string) (core.Type, []*size.Sym) {
	out := core.Type{}
	switch t.Elem {
	case "float", "f32", "f64":
		out.Elem = core.F32
	case "u8":
		out.Elem = core.U8
	case "i32", "i64":
		out.Elem = core.I32
	case "bool":
		out.Elem = core.Bool
	case "id":
		out.Elem, out.Range = core.ID, size.Of(t.Range)
	}
	if t.Nullable || t.List {
		out.Elem = core.None
	}
	var syms []*size.Sym
	for i, n := range t.Dims {
		if n < 0 {
			s := size.NewSym(lens[i])
			syms = append(syms, s)
			out.Dims = append(out.Dims, size.FromSym(s))
			continue
		}
		out.Dims = append(out.Dims, size.Of(n))
	}
	return out, syms
}

// augmented checks the augment lines: they rebind columns, under training only.
func (e *elab) augmented(d *dataVal) {
	for _, m := range d.augment {
		e.try(func() {
			n, is := (*syntax.Name)(nil), false
			if m.Stmt != nil && m.Stmt.Op == "=" {
				n, is = m.Stmt.Left.(*syntax.Name)
			}
			if !is {
				e.fail("M207", m.At, "augment rebinds columns: x = random_shift(x, pixels=2)")
			}
			c := d.columns[n.Text]
			if c == nil {
				dg := diag.Diagnostic{Code: "M400", At: n.At, Title: fmt.Sprintf("`%s` is no column of %s", n.Text, d.name)}
				if near := diag.Suggest(n.Text, d.order); near != "" {
					dg.Labels = []diag.Label{{At: n.At, Text: "did you mean `" + near + "`?"}}
				}
				e.failWith(dg)
			}
			e.phase = "data"
			e.rowTerm(c, true)
			e.phase = ""
		})
	}
	e.phase = ""
}
