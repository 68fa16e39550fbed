package check

import (
	"fmt"
	"strings"

	"modelc/compiler/core"
	"modelc/compiler/size"
	"modelc/lang/diag"
	"modelc/lang/syntax"
)

// value of a column's name within an expression of one row that the step computes.
func (r columnRef) value(e *elab, x *syntax.Name) value {
	return e.rowTerm(r.c, false)
}

// rowTerm is the value of a column for one row, as a term over row inputs. With augment its augment lines are applied, in order.
func (e *elab) rowTerm(c *column, augment bool) *core.Term {
	if c.busy {
		e.fail("M405", c.at, "the column `%s` needs itself", c.name)
	}
	c.busy = true
	defer func() { c.busy = false }()
	var t *core.Term
	if c.expr == nil {
		t = e.rowInput(c)
	} else {
		defer e.enterFile()()
		e.at(c.decl.At)
		v := e.eval(c.expr, c.data.scope)
		t = e.columnValue(c, v)
	}
	if augment {
		for _, m := range c.data.augment {
			if n, is := m.Stmt.Left.(*syntax.Name); !is || n.Text != c.name {
				continue
			}
			sub := newScope(c.data.scope)
			sub.set(c.name, t, c.at)
			before := e.nextID
			e.at(m.At)
			v := e.eval(m.Stmt.Right, sub)
			t = e.columnValue(c, v)
			if !drawsSince(t, before) {
				e.report(diag.Diagnostic{Severity: diag.Warning, Code: "M315", At: m.At, Title: "this augment line draws nothing: every epoch sees the same rows", Notes: notes("note", "random_flip, random_crop, random_shift, random_rotate and noise draw")})
			}
		}
	}
	return t
}

func drawsSince(t *core.Term, id int) bool {
	seen := map[*core.Term]bool{}
	var visit func(*core.Term) bool
	visit = func(t *core.Term) bool {
		if seen[t] || t.ID <= id {
			return false
		}
		seen[t] = true
		if _, is := t.Kind.(core.Draw); is {
			return true
		}
		for _, a := range t.Args {
			if visit(a) {
				return true
			}
		}
		return false
	}
	return visit(t)
}

// columnValue matches what a column's expression gives with the declared type.
func (e *elab) columnValue(c *column, v value) *core.Term {
	return e.asTerm(e.typed(v, c.decl.Type, newScope(c.data.scope), c.decl.At), c.decl.At)
}

// rowInput is the leaf for a column that the host has.
func (e *elab) rowInput(c *column) *core.Term {
	if c.typ.Elem == core.None {
		what := "text"
		if c.plan.Type.Elem != "text" {
			what = c.plan.Type.Elem
		}
		if c.plan.Type.Nullable {
			e.failWith(diag.Diagnostic{Code: "M310", At: e.site.At, Title: fmt.Sprintf("%s may be missing (%s)", c.name, columnType(c.plan.Type)),
				Labels: []diag.Label{{At: c.at, Text: "declared here"}},
				Notes:  notes("fix", fmt.Sprintf("fill(%s, median)  - fitted on the train split;   or   discard = missing(%s)", c.name, c.name))})
		}
		e.fail("M316", e.site.At, "the column `%s` is %s, which lives in data only: Category, Char, BPE or Words turn it into ids", c.name, what)
	}
	return e.term(core.Input{Name: "batch." + c.name}, c.typ)
}

// batched is the value of a column for a batch.
func (e *elab) batched(b batchVal, c *column) *core.Term {
	row := e.rowTerm(c, e.training && len(c.data.augment) > 0)
	v := &lifter{e: e, memo: map[*core.Term]*core.Term{}}
	t, is := v.lift(row)
	if !is {
		t = v.spread(t, row.Type.Dims, false)
	}
	out := *t
	out.Type.Labels = nil
	out.Hint = c.name
	e.columnOf[out.ID] = c
	return &out
}

// unmaskedColumns warns of columns that have padding that the step reads and a mask that it does not (ruling 54). A column whose data block has another one with the same
// length name, whose mask is read, counts as masked.
func (e *elab) unmaskedColumns(t *trainVal) {
	if t.batch == nil {
		return
	}
	read := map[*size.Sym]bool{}
	for _, name := range t.core.Columns {
		if c := t.batch.of.data.columns[strings.TrimSuffix(strings.TrimPrefix(name, "batch."), ".mask")]; c != nil && strings.HasSuffix(name, ".mask") && len(c.lens) > 0 {
			read[c.lens[0]] = true
		}
	}
	for _, name := range t.core.Columns {
		c := t.batch.of.data.columns[strings.TrimPrefix(name, "batch.")]
		if c == nil || len(c.lens) == 0 || read[c.lens[0]] || !t.hasMask(c) {
			continue
		}
		e.report(diag.Diagnostic{Severity: diag.Warning, Code: "M319", At: t.block.NameAt, Title: fmt.Sprintf("%s reads batch.%s with its padding: nothing reads batch.%s.mask", t.name, c.name, c.name),
			Labels: []diag.Label{{At: c.at, Text: "rows of different lengths are padded to one"}},
			Notes:  notes("fix", fmt.Sprintf("weight the loss, cross_entropy(…, weight=f32(batch.%s.mask)), or leave padding out, mean[t](…, where=batch.%s.mask[b, t])", c.name, c.name))})
	}
}

// hasMask reports whether the first axis of a column's rows is a length of its own that has a bound, so that batches pad it.
func (t *trainVal) hasMask(c *column) bool {
	return len(c.plan.Type.Dims) > 0 && c.plan.Type.Dims[0] < 0 && c.plan.Type.Dims[0] > -(1<<40)
}

// mask is batch.src.mask: true where a row of a column with a length of its own has an element, false on padding.
func (e *elab) mask(t *core.Term, x *syntax.Field) value {
	in, is := t.Kind.(core.Input)
	if is && strings.HasPrefix(in.Name, "batch.") && !strings.HasSuffix(in.Name, ".mask") {
		for _, d := range e.data {
			if c := d.columns[strings.TrimPrefix(in.Name, "batch.")]; c != nil && len(c.lens) > 0 && len(t.Type.Dims) > 1 {
				return e.term(core.Input{Name: in.Name + ".mask"}, of(core.Bool, t.Type.Dims[:2]...))
			}
		}
	}
	e.failWith(diag.Diagnostic{Code: "M318", At: x.At, Title: fmt.Sprintf("%s has no mask", typeText(t.Type)),
		Notes: notes("why", "only a column with a length of its own, declared like id(100)[S <= 256], is padded")})
	return nil
}

// lifter gives a term over one row's inputs a leading batch axis.
type lifter struct {
	e    *elab
	memo map[*core.Term]*core.Term
	flat map[*core.Term]bool
}

func (v *lifter) dims(d []size.Size) []size.Size {
	return append([]size.Size{size.FromSym(v.e.prog.B)}, d...)
}

// lift returns the term and whether it has the batch axis.
func (v *lifter) lift(t *core.Term) (*core.Term, bool) {
	if r := v.memo[t]; r != nil {
		return r, r != t
	}
	r := v.once(t)
	v.memo[t] = r
	return r, r != t
}

// spread gives a term all axes [B, dims…]; an unbatched one repeats.
func (v *lifter) spread(t *core.Term, dims []size.Size, batched bool) *core.Term {
	out := core.Type{Elem: t.Type.Elem, Range: t.Type.Range, Dims: v.dims(dims)}
	have := len(t.Type.Dims)
	if batched {
		if have == len(out.Dims) {
			return t
		}
		at := []int{0}
		for i := 1; i < have; i++ {
			at = append(at, len(out.Dims)-have+i)
		}
		return v.e.term(core.Arrange{At: at}, out, t)
	}
	if have == 0 {
		return v.e.term(core.Fill{}, out, t)
	}
	var at []int
	for i := 0; i < have; i++ {
		at = append(at, len(out.Dims)-have+i)
	}
	return v.e.term(core.Arrange{At: at}, out, t)
}

func plus1(list []int) []int {
	out := make([]int, len(list))
	for i, x := range list {
		out[i] = x + 1
	}
	return out
}

func first(n size.Size, list []size.Size) []size.Size { return append([]size.Size{n}, list...) }

func (v *lifter) once(t *core.Term) *core.Term {
	e := v.e
	args := make([]*core.Term, len(t.Args))
	bs := make([]bool, len(t.Args))
	any := false
	for i, a := range t.Args {
		args[i], bs[i] = v.lift(a)
		any = any || bs[i]
	}
	out := core.Type{Elem: t.Type.Elem, Range: t.Type.Range, Dims: v.dims(t.Type.Dims)}
	switch k := t.Kind.(type) {
	case core.Input:
		if len(k.Name) > 6 && k.Name[:6] == "batch." {
			return e.term(k, out)
		}
		return t
	case core.Draw:
		for i := range args {
			if bs[i] {
				args[i] = v.spread(args[i], t.Type.Dims, true)
			}
		}
		k.Rows = true
		return e.term(k, out, args...)
	}
	if !any {
		return t
	}
	switch k := t.Kind.(type) {
	case core.Map:
		for i := range args {
			if bs[i] {
				args[i] = v.spread(args[i], t.Type.Dims, true)
			}
		}
		return e.term(k, out, args...)
	case core.Cast, core.Stop:
		return e.term(k, out, args...)
	case core.Fill:
		return v.spread(args[0], t.Type.Dims, true)
	case core.Select:
		for i := range args {
			args[i] = v.spread(args[i], t.Type.Dims, bs[i])
		}
		return e.term(core.Map{Code: "select"}, out, args...)
	case core.Reduce:
		if !bs[0] {
			args[0] = v.spread(args[0], t.Args[0].Type.Dims, false)
		}
		if len(args) > 1 && bs[1] {
			args[1] = v.spread(args[1], t.Args[0].Type.Dims, true)
		}
		return e.term(core.Reduce{Code: k.Code, Axes: plus1(k.Axes)}, out, args...)
	case core.Along:
		return e.term(core.Along{Code: k.Code, Axis: k.Axis + 1}, out, args...)
	case core.TopK:
		return e.term(core.TopK{Axis: k.Axis + 1, K: k.K}, out, args...)
	case core.Part:
		return e.term(k, out, args...)
	case core.Arrange:
		return e.term(core.Arrange{At: append([]int{0}, plus1(k.At)...)}, out, args...)
	case core.Merge:
		return e.term(core.Merge{Groups: append([]int{1}, k.Groups...)}, out, args...)
	case core.Concat:
		for i := range args {
			args[i] = v.spread(args[i], t.Args[i].Type.Dims, bs[i])
		}
		return e.term(core.Concat{Axis: k.Axis + 1}, out, args...)
	case core.Stack:
		for i := range args {
			args[i] = v.spread(args[i], t.Args[i].Type.Dims, bs[i])
		}
		return e.term(core.Stack{Axis: k.Axis + 1}, out, args...)
	case core.Slice:
		return e.term(core.Slice{Start: first(size.Size{}, k.Start), Drop: plus1(k.Drop)}, out, args...)
	case core.Border:
		if bs[1] {
			break
		}
		return e.term(core.Border{Lo: first(size.Size{}, k.Lo), Hi: first(size.Size{}, k.Hi)}, out, args...)
	case core.Dilate:
		return e.term(core.Dilate{Factor: first(size.Of(1), k.Factor)}, out, args...)
	case core.Flip:
		return e.term(core.Flip{Axes: plus1(k.Axes)}, out, args...)
	case core.Access:
		var subs []core.Sub
		if bs[0] {
			subs = append(subs, core.Sub{Axis: []int{0}, Coef: []size.Size{size.Of(1)}})
		}
		for _, s := range k.Subs {
			subs = append(subs, liftSub(s, bs))
		}
		return e.term(core.Access{Subs: subs}, out, args...)
	}
	e.fail("M320", t.Site.At, "this cannot be computed per row: use it on the batch, in the train block")
	return nil
}

func liftSub(s core.Sub, batched []bool) core.Sub {
	out := core.Sub{Base: s.Base, Axis: plus1(s.Axis), Coef: s.Coef, Values: s.Values, Extents: s.Extents}
	for i, over := range s.Over {
		o := plus1(over)
		if batched[s.Values[i]] {
			o = append([]int{0}, o...)
		}
		out.Over = append(out.Over, o)
	}
	for _, p := range s.Parts {
		out.Parts = append(out.Parts, liftSub(p, batched))
	}
	return out
}

// field reads DATA.train, DATA.tok, DATA.column.
func (d *dataVal) field(e *elab, x *syntax.Field) value {
	if d.splits[x.Name] || x.Name == "test" && e.hasTest(d) {
		return splitVal{d, x.Name}
	}
	if t := d.fits[x.Name]; t != nil {
		return t
	}
	if c := d.columns[x.Name]; c != nil {
		return columnRef{c}
	}
	var names []string
	for n := range d.splits {
		names = append(names, n)
	}
	for n := range d.fits {
		names = append(names, n)
	}
	dg := diag.Diagnostic{Code: "M400", At: x.NameAt, Title: fmt.Sprintf("%s has no split or transform `%s`", d.name, x.Name)}
	if near := diag.Suggest(x.Name, append(names, d.order...)); near != "" {
		dg.Labels = []diag.Label{{At: x.NameAt, Text: "did you mean `" + near + "`?"}}
	}
	e.failWith(dg)
	return nil
}

func (e *elab) hasTest(d *dataVal) bool { return d.splits["test"] }

// field reads DATA.train.batches and DATA.train.column.
func (s splitVal) field(e *elab, x *syntax.Field) value {
	switch x.Name {
	case "batches":
		return batchesFn{s}
	}
	e.fail("M400", x.NameAt, "%s has no `%s`: rows are drawn by %s.batches(64)", s.describe(), x.Name, s.describe())
	return nil
}

// batchesFn is DATA.SPLIT.batches.
type batchesFn struct{ of splitVal }

func (f batchesFn) describe() string { return f.of.describe() + ".batches" }

// field reads a column of a batch.
func (b batchVal) field(e *elab, x *syntax.Field) value {
	c := b.of.data.columns[x.Name]
	if c == nil && b.of.data.declared[x.Name] {
		panic(stop{}) // its mistake has been reported
	}
	if c == nil {
		dg := diag.Diagnostic{Code: "M400", At: x.NameAt, Title: fmt.Sprintf("%s has no column `%s`", b.of.data.name, x.Name)}
		if near := diag.Suggest(x.Name, b.of.data.order); near != "" {
			dg.Labels = []diag.Label{{At: x.NameAt, Text: "did you mean `" + near + "`?"}}
		}
		e.failWith(dg)
	}
	return e.batched(b, c)
}
