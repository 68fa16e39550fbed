package check

import (
	"fmt"
	"time"

	"modelc/lang/diag"
	"modelc/lang/source"
	"modelc/lang/syntax"
	"modelc/recipe"
)

// hostFunctions live in data only; the rest of hostOps may also be computed in the step.
var (
	hostFunctions = set("missing", "fill", "length", "truncate", "lower", "upper", "strip", "split", "contains", "starts_with", "ends_with", "columns", "one_hot", "multi_hot", "windows", "image",
		"resize", "gray", "date", "year", "month", "day", "hour", "minute", "weekday")
	hostMaths = set("exp", "log", "log1p", "sqrt", "abs", "floor", "ceil", "round", "sin", "cos", "tanh", "where", "min", "max", "clamp", "float", "int", "bool", "f32", "i32", "i64", "id")
)

func parseDate(s string) (float64, bool) {
	for _, layout := range []string{"2006-01-02", "2006-01-02 15:04", "2006-01-02 15:04:05", time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil {
			return float64(t.Unix()), true
		}
	}
	return 0, false
}

// hostOnly reports whether an expression speaks of what only the host has: text, time, lists, missing values, fitted transforms, functions of data.
func (e *elab) hostOnly(x syntax.Expr, d *dataVal) bool {
	found := false
	syntax.Walk(x, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.Name:
			if c := d.columns[n.Text]; c != nil {
				t := c.plan.Type
				if t.Elem == "text" || t.Elem == "time" || t.List || t.Nullable || streamType(t) {
					found = true
				}
			}
			if d.fits[n.Text] != nil {
				found = true
			}
		case *syntax.Call:
			if f, is := n.Fn.(*syntax.Name); is && hostFunctions[f.Text] {
				if b, _ := d.scope.find(f.Text); b == nil && !e.unit.Own(f.Text) {
					found = true
				}
			}
		}
		return !found
	})
	return found
}

func streamType(t recipe.Type) bool {
	for _, n := range t.Dims {
		if n <= -unbounded {
			return true
		}
	}
	return false
}

// hostable reports whether the host can compute all of an expression.
func (e *elab) hostable(x syntax.Expr, d *dataVal) bool {
	switch x := x.(type) {
	case *syntax.Name, *syntax.Number, *syntax.String:
		return true
	case *syntax.Unary:
		return e.hostable(x.X, d)
	case *syntax.Binary:
		return x.Op != "@" && x.Op != "|>" && x.Op != ".." && e.hostable(x.X, d) && e.hostable(x.Y, d)
	case *syntax.Group:
		return len(x.Items) == 1 && e.hostable(x.Items[0].X, d)
	case *syntax.Call:
		f, is := x.Fn.(*syntax.Name)
		if !is || !(hostFunctions[f.Text] || hostMaths[f.Text] || d.fits[f.Text] != nil) {
			return false
		}
		for _, a := range x.Args {
			if l, is := a.X.(*syntax.List); is && l.For == nil {
				continue
			}
			if !e.hostable(a.X, d) {
				return false
			}
		}
		return true
	}
	return false
}

// rowCall turns a call of a data function within an expression of the step into a hidden column that the host computes.
func (e *elab) rowCall(name string, x *syntax.Call, s *scope) value {
	d := s.row()
	if !(hostFunctions[name] || d.fits[name] != nil) || e.unit.Own(name) {
		return nil
	}
	h, t := e.host(x, d, d.scope)
	hidden := fmt.Sprintf("%s.%d", name, len(d.plan.Columns))
	for _, c := range d.plan.Columns {
		if c.From != nil && sameHost(c.From, h) {
			return e.rowInput(d.columns[c.Name])
		}
	}
	c := &column{data: d, name: hidden, at: x.At}
	c.plan = &recipe.Column{Name: hidden, Type: t, From: h, At: place(x.At)}
	c.typ, c.lens = e.rowTensor(t, nil)
	d.columns[hidden] = c
	d.plan.Columns = append(d.plan.Columns, c.plan)
	return e.rowInput(c)
}

func sameHost(a, b *recipe.Expr) bool {
	if a.Op != b.Op || a.Name != b.Name || a.Number != b.Number || a.Text != b.Text || len(a.Args) != len(b.Args) || len(a.Options) != len(b.Options) {
		return false
	}
	for k, v := range a.Options {
		if b.Options[k] != v {
			return false
		}
	}
	for i := range a.Args {
		if !sameHost(a.Args[i], b.Args[i]) {
			return false
		}
	}
	return true
}

// hostResult converts what the host computes to the declared type.
func (e *elab) hostResult(x *recipe.Expr, got, want recipe.Type, name string, at source.Span) *recipe.Expr {
	e.sizedPicture(x, at)
	if got.Nullable && !want.Nullable {
		e.failWith(diag.Diagnostic{Code: "M310", At: at, Title: fmt.Sprintf("`%s` may be missing here, and the column is declared %s", name, columnType(want)),
			Notes: notes("fix", "fill(x, median)  - fitted on the train split;   or   discard = missing(x);   or declare the column with ?")})
	}
	num := func(s string) bool { return s == "float" || s == "f32" || s == "f64" }
	switch {
	case got.Elem == want.Elem && got.List == want.List:
		if want.Elem == "id" && got.Range != want.Range {
			e.fail("M311", at, "`%s` is declared id(%d), the value is id(%d)", name, want.Range, got.Range)
		}
	case num(got.Elem) && num(want.Elem):
	case got.Elem == "number" && (num(want.Elem) || want.Elem == "i64" || want.Elem == "i32"):
	case got.Elem == "i64" && want.Elem == "i32" || got.Elem == "i32" && want.Elem == "i64":
	default:
		e.failWith(diag.Diagnostic{Code: "M140", At: at, Title: fmt.Sprintf("`%s` is declared %s, the value is %s", name, columnType(want), columnType(got)), Notes: notes("fix", "float(x), int(x) and bool(x) convert")})
	}
	if len(want.Dims) != len(got.Dims) {
		e.fail("M102", at, "`%s` is declared %s, the value is %s", name, columnType(want), columnType(got))
	}
	for i := range want.Dims {
		if want.Dims[i] >= 0 && got.Dims[i] >= 0 && want.Dims[i] != got.Dims[i] || want.Dims[i] >= 0 && got.Dims[i] < 0 {
			e.fail("M102", at, "`%s` is declared %s, the value is %s", name, columnType(want), columnType(got))
		}
	}
	return x
}

// host compiles an expression of one row for the host.
func (e *elab) host(x syntax.Expr, d *dataVal, s *scope) (*recipe.Expr, recipe.Type) {
	mk := func(op string, t recipe.Type, args ...*recipe.Expr) (*recipe.Expr, recipe.Type) {
		return &recipe.Expr{Op: op, Args: args, Type: t, At: place(x.Span())}, t
	}
	switch x := x.(type) {
	case *syntax.Group:
		if len(x.Items) == 1 {
			return e.host(x.Items[0].X, d, s)
		}
	case *syntax.String:
		r, t := mk("text", recipe.Type{Elem: "text"})
		r.Text = x.Value
		return r, t
	case *syntax.Name:
		if c := d.columns[x.Text]; c != nil {
			t := c.plan.Type
			if c.plan.NeverMissing {
				t.Nullable = false
			}
			if c.expr != nil {
				return e.host(c.expr, d, s)
			}
			r, _ := mk("column", t)
			r.Name = x.Text
			return r, t
		}
		return e.hostConst(e.eval(x, e.rootOf(e.unit)), x)
	case *syntax.Number:
		return e.hostConst(e.eval(x, s), x)
	case *syntax.Unary:
		a, t := e.host(x.X, d, s)
		if x.Op == "not" {
			e.hostKind(t, x.X, "bool")
			return mk("not", t, a)
		}
		e.hostNumber(t, x.X)
		return mk("neg", t, a)
	case *syntax.Binary:
		a, at := e.host(x.X, d, s)
		b, bt := e.host(x.Y, d, s)
		switch x.Op {
		case "and", "or":
			e.hostKind(at, x.X, "bool")
			e.hostKind(bt, x.Y, "bool")
			return mk(x.Op, recipe.Type{Elem: "bool", Nullable: at.Nullable || bt.Nullable, Dims: longer(at, bt)}, a, b)
		case "==", "!=", "<", "<=", ">", ">=":
			if (at.Elem == "text") != (bt.Elem == "text") {
				e.fail("M140", x.OpAt, "`%s` compares %s and %s", x.Op, columnType(at), columnType(bt))
			}
			return mk(x.Op, recipe.Type{Elem: "bool", Nullable: at.Nullable || bt.Nullable, Dims: longer(at, bt)}, a, b)
		}
		e.hostMissing(at, x.X, x.Op)
		e.hostMissing(bt, x.Y, x.Op)
		e.hostNumber(at, x.X)
		e.hostNumber(bt, x.Y)
		t := recipe.Type{Elem: hostMeet(at.Elem, bt.Elem), Dims: longer(at, bt)}
		if x.Op == "/" || x.Op == "^" {
			t.Elem = "float"
		}
		return mk(x.Op, t, a, b)
	case *syntax.Call:
		return e.hostCall(x, d, s)
	}
	e.fail("M321", x.Span(), "this cannot be computed while reading rows")
	return nil, recipe.Type{}
}

func longer(a, b recipe.Type) []int64 {
	if len(b.Dims) > len(a.Dims) {
		return b.Dims
	}
	return a.Dims
}

func hostMeet(a, b string) string {
	isInt := func(s string) bool { return s == "i64" || s == "i32" || s == "u8" || s == "id" || s == "number" }
	if a == "number" && b == "number" {
		return "number"
	}
	if isInt(a) && isInt(b) {
		return "i64"
	}
	return "float"
}

func (e *elab) hostConst(v value, x syntax.Expr) (*recipe.Expr, recipe.Type) {
	r := &recipe.Expr{At: place(x.Span())}
	switch v := v.(type) {
	case sizeVal:
		n, ok := v.s.Const()
		if !ok {
			e.notSize(v, x.Span())
		}
		r.Op, r.Number, r.Type = "number", float64(n), recipe.Type{Elem: "number"}
	case floatVal:
		r.Op, r.Number, r.Type = "number", float64(v), recipe.Type{Elem: "float"}
	case boolVal:
		r.Op, r.Type = "number", recipe.Type{Elem: "bool"}
		if v {
			r.Number = 1
		}
	case textVal:
		r.Op, r.Text, r.Type = "text", string(v), recipe.Type{Elem: "text"}
	default:
		e.fail("M321", x.Span(), "%s cannot stand in an expression of a row", describe(v))
	}
	t := r.Type
	if t.Elem == "number" {
		r.Type.Elem = "i64"
	}
	return r, t
}

// sizedPicture refuses a picture of a path where nothing says its size.
func (e *elab) sizedPicture(x *recipe.Expr, at source.Span) {
	if x.Op == "image" {
		e.failWith(diag.Diagnostic{Code: "M102", At: at, Title: "the pictures that a column of paths names have any size", Notes: notes("fix", "resize(image(path), 64, 64)")})
	}
}

func (e *elab) hostKind(t recipe.Type, x syntax.Expr, want string) {
	if t.Elem != want {
		e.fail("M140", x.Span(), "%s is needed here, this is %s", want, columnType(t))
	}
}

func (e *elab) hostNumber(t recipe.Type, x syntax.Expr) {
	switch t.Elem {
	case "text", "time", "bool":
		if t.Elem != "time" {
			e.fail("M140", x.Span(), "a number is needed here, this is %s", columnType(t))
		}
	}
	if t.List {
		e.fail("M140", x.Span(), "a number is needed here, this is a list")
	}
}

func (e *elab) hostMissing(t recipe.Type, x syntax.Expr, op string) {
	if t.Nullable {
		name := syntax.Print(x)
		e.failWith(diag.Diagnostic{Code: "M310", At: x.Span(), Title: fmt.Sprintf("%s may be missing (%s), and %s needs a value", name, columnType(t), op),
			Labels: e.declaredColumn(x), Notes: notes("fix", fmt.Sprintf("fill(%s, median)  - fitted on the train split;   or   discard = missing(%s)", name, name))})
	}
}

// declaredColumn labels the name of a column with its declaration.
func (e *elab) declaredColumn(x syntax.Expr) []diag.Label {
	n, is := x.(*syntax.Name)
	if !is {
		return nil
	}
	for _, d := range e.data {
		if c := d.columns[n.Text]; c != nil && d.unit.At.File == n.At.File && d.unit.At.Start <= n.At.Start && n.At.End <= d.unit.At.End {
			return []diag.Label{{At: n.At, Text: fmt.Sprintf("declared `%s: %s` at %s", c.name, columnType(c.plan.Type), spot(c.at))}}
		}
	}
	return nil
}

func (e *elab) hostCall(x *syntax.Call, d *dataVal, s *scope) (*recipe.Expr, recipe.Type) {
	f, is := x.Fn.(*syntax.Name)
	if !is {
		e.fail("M321", x.At, "this cannot be computed while reading rows")
	}
	mk := func(op string, t recipe.Type, args ...*recipe.Expr) (*recipe.Expr, recipe.Type) {
		return &recipe.Expr{Op: op, Args: args, Type: t, At: place(x.At)}, t
	}
	if f.Text == "fill" {
		return e.hostFill(x, d, s)
	}
	if f.Text == "columns" {
		return e.hostGather(x, d, s)
	}
	if f.Text == "multi_hot" && len(x.Args) == 2 && x.Args[0].Name == "" && x.Args[1].Name == "" {
		if n, is := x.Args[0].X.(*syntax.Name); is && d.fits[n.Text] != nil { // multi_hot(tags, genres) is multi_hot(tags(genres))
			encoded := &syntax.Call{Fn: n, Args: x.Args[1:], At: x.At}
			return e.hostCall(&syntax.Call{Fn: f, At: x.At, Args: []*syntax.Arg{{X: encoded, At: x.At}}}, d, s)
		}
	}
	var args []*recipe.Expr
	var types []recipe.Type
	options := map[string]float64{}
	for _, a := range x.Args {
		if a.Name != "" {
			v := e.eval(a.X, e.rootOf(e.unit))
			n, ok := number(v)
			if b, is := v.(boolVal); is {
				ok = true
				if b {
					n = 1
				}
			}
			if !ok {
				e.fail("M203", a.At, "`%s` is a number or true", a.Name)
			}
			options[a.Name] = n
			continue
		}
		r, t := e.host(a.X, d, s)
		args, types = append(args, r), append(types, t)
	}
	need := func(n int) {
		if len(args) != n {
			e.fail("M203", x.At, "%s takes %s, %d are given", f.Text, count(n, "argument"), len(args))
		}
	}
	only := func(names ...string) {
		ok := set(names...)
		for n := range options {
			if !ok[n] {
				e.fail("M203", x.At, "%s has no argument `%s`", f.Text, n)
			}
		}
	}
	with := func(r *recipe.Expr, t recipe.Type) (*recipe.Expr, recipe.Type) {
		if len(options) > 0 {
			r.Options = options
		}
		return r, t
	}
	if t := d.fits[f.Text]; t != nil {
		if len(args) == 0 {
			e.fail("M203", x.At, "%s(…) encodes a value", f.Text)
		}
		for i, at := range types {
			if at.Nullable {
				e.hostMissing(at, x.Args[i].X, f.Text)
			}
		}
		only("eos", "bos")
		out := types[0]
		switch t.plan.Kind {
		case "Standardize", "MinMax":
			for i := range types {
				e.hostNumber(types[i], x.Args[i].X)
			}
			out.Elem = "float"
			if len(args) > 1 {
				n := int64(0)
				for _, at := range types {
					k := int64(1)
					for _, dd := range at.Dims {
						k *= dd
					}
					n += k
				}
				out.Dims = []int64{n}
			}
		case "Category":
			out = recipe.Type{Elem: "id", Range: t.plan.Size, List: types[0].List}
		default:
			e.hostKind(types[0], x.Args[0].X, "text")
			out = recipe.Type{Elem: "id", Range: t.plan.Size, Dims: []int64{-unbounded}}
		}
		r, rt := with(mk("fit:"+f.Text, out, args...))
		if len(args) == 1 {
			t.plan.Inputs = append(t.plan.Inputs, args[0])
		} else {
			g, _ := mk("gather", out, args...)
			t.plan.Inputs = append(t.plan.Inputs, g)
		}
		return r, rt
	}
	num := func(i int) float64 {
		if args[i].Op != "number" {
			e.fail("M203", x.Args[i].At, "a constant is needed here")
		}
		return args[i].Number
	}
	switch f.Text {
	case "missing":
		need(1)
		return mk("missing", recipe.Type{Elem: "bool", Dims: types[0].Dims}, args...)
	case "length":
		need(1)
		if t := types[0]; t.Elem != "text" && !t.List && (len(t.Dims) == 0 || t.Dims[0] >= 0) {
			e.fail("M140", x.Args[0].At, "length counts the characters of a text or the elements of a list, this is %s", columnType(t))
		}
		return mk("length", recipe.Type{Elem: "i64", Nullable: types[0].Nullable}, args...)
	case "truncate":
		need(2)
		t := types[0]
		if len(t.Dims) > 0 {
			t.Dims = append([]int64{-int64(num(1))}, t.Dims[1:]...)
		}
		return mk("truncate", t, args...)
	case "lower", "upper", "strip":
		need(1)
		e.hostKind(types[0], x.Args[0].X, "text")
		return mk(f.Text, types[0], args...)
	case "split":
		need(2)
		return mk("split", recipe.Type{Elem: "text", List: true, Nullable: types[0].Nullable}, args...)
	case "contains", "starts_with", "ends_with":
		need(2)
		e.hostKind(types[0], x.Args[0].X, "text")
		return mk(f.Text, recipe.Type{Elem: "bool", Nullable: types[0].Nullable}, args...)
	case "one_hot":
		need(1)
		if types[0].Elem != "id" {
			e.fail("M311", x.At, "one_hot needs an id, this is %s", columnType(types[0]))
		}
		return mk("one_hot", recipe.Type{Elem: "float", Dims: append(append([]int64{}, types[0].Dims...), types[0].Range)}, args...)
	case "multi_hot":
		need(1)
		if types[0].Elem != "id" {
			e.fail("M311", x.At, "multi_hot needs a list of ids: multi_hot(tags, genres)")
		}
		return mk("multi_hot", recipe.Type{Elem: "float", Dims: []int64{types[0].Range}}, args...)
	case "windows":
		only("offset", "stride")
		need(2)
		t := types[0]
		t.Dims = []int64{int64(num(1))}
		return with(mk("windows", t, args...))
	case "image":
		need(1)
		return mk("image", recipe.Type{Elem: "u8", Dims: []int64{3, -1, -1}}, args...)
	case "resize":
		need(3)
		c := int64(3)
		if len(types[0].Dims) > 0 {
			c = types[0].Dims[0]
		}
		return mk("resize", recipe.Type{Elem: "u8", Dims: []int64{c, int64(num(1)), int64(num(2))}}, args...)
	case "gray":
		need(1)
		e.sizedPicture(args[0], x.Args[0].At)
		t := types[0]
		t.Dims = append([]int64{1}, t.Dims[1:]...)
		return mk("gray", t, args...)
	case "date":
		need(1)
		return mk("date", recipe.Type{Elem: "time", Nullable: types[0].Nullable}, args...)
	case "year", "month", "day", "hour", "minute", "weekday":
		need(1)
		e.hostKind(types[0], x.Args[0].X, "time")
		return mk(f.Text, recipe.Type{Elem: "i64", Nullable: types[0].Nullable}, args...)
	case "float", "f32", "int", "i32", "i64", "bool":
		need(1)
		elem := f.Text
		switch elem {
		case "int":
			elem = "i64"
		case "f32":
			elem = "float"
		}
		return mk("cast", recipe.Type{Elem: elem, Dims: types[0].Dims, Nullable: types[0].Nullable}, args...)
	case "where":
		need(3)
		e.hostKind(types[0], x.Args[0].X, "bool")
		t := types[1]
		if t.Elem == "number" {
			t = types[2]
		}
		t.Nullable = types[1].Nullable || types[2].Nullable || types[0].Nullable
		return mk("where", t, args...)
	case "min", "max", "clamp":
		for i, t := range types {
			e.hostMissing(t, x.Args[i].X, f.Text)
		}
		return mk(f.Text, types[0], args...)
	}
	if hostMaths[f.Text] {
		need(1)
		e.hostMissing(types[0], x.Args[0].X, f.Text)
		e.hostNumber(types[0], x.Args[0].X)
		return mk(f.Text, recipe.Type{Elem: "float", Dims: types[0].Dims}, args...)
	}
	e.fail("M321", x.At, "`%s` cannot be computed while reading rows", f.Text)
	return nil, recipe.Type{}
}
