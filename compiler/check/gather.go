package check

import (
	"fmt"
	"path"

	"modelc/lang/syntax"
	"modelc/recipe"
)

// hostFill is fill(x, median), fitted, or fill(x, 0).
func (e *elab) hostFill(x *syntax.Call, d *dataVal, s *scope) (*recipe.Expr, recipe.Type) {
	if len(x.Args) != 2 {
		e.fail("M203", x.At, "fill(x, median), fill(x, mean), fill(x, mode) or fill(x, value)")
	}
	a, t := e.host(x.Args[0].X, d, s)
	if !t.Nullable {
		e.fail("M317", x.Args[0].At, "this is never missing: it is %s", columnType(t))
	}
	out := t
	out.Nullable = false
	r := &recipe.Expr{Op: "fill", Args: []*recipe.Expr{a}, Type: out, At: place(x.At)}
	if n, is := x.Args[1].X.(*syntax.Name); is && (n.Text == "median" || n.Text == "mean" || n.Text == "mode") {
		if t.Elem == "text" && n.Text != "mode" {
			e.fail("M317", n.At, "a text has no %s: mode is the most frequent value", n.Text)
		}
		name := fmt.Sprintf("fill.%d", len(d.plan.Transforms))
		for _, f := range d.plan.Transforms {
			if f.Kind == "fill" && f.Statistic == n.Text && len(f.Inputs) == 1 && sameHost(f.Inputs[0], a) {
				name = f.Name
			}
		}
		r.Name = name
		for _, f := range d.plan.Transforms {
			if f.Name == name {
				return r, out
			}
		}
		d.plan.Transforms = append(d.plan.Transforms, &recipe.Transform{Name: name, Kind: "fill", Statistic: n.Text, Inputs: []*recipe.Expr{a}, At: place(x.At)})
		return r, out
	}
	b, bt := e.host(x.Args[1].X, d, s)
	if (bt.Elem == "text") != (t.Elem == "text") {
		e.fail("M140", x.Args[1].At, "%s is filled with %s", columnType(t), columnType(bt))
	}
	r.Args = append(r.Args, b)
	return r, out
}

// hostGather is columns(a, b, …): per-row values one after another; a text is a pattern over column names.
func (e *elab) hostGather(x *syntax.Call, d *dataVal, s *scope) (*recipe.Expr, recipe.Type) {
	r := &recipe.Expr{Op: "gather", At: place(x.At)}
	n := int64(0)
	add := func(a *recipe.Expr, t recipe.Type, at syntax.Expr) {
		e.hostMissing(t, at, "columns")
		if t.Elem == "text" || t.Elem == "time" || t.List {
			e.fail("M140", at.Span(), "columns gathers numbers, this is %s", columnType(t))
		}
		k := int64(1)
		for _, dd := range t.Dims {
			if dd < 0 {
				e.fail("M140", at.Span(), "columns gathers values of fixed size, this is %s", columnType(t))
			}
			k *= dd
		}
		n += k
		r.Args = append(r.Args, a)
	}
	for _, a := range x.Args {
		if p, is := a.X.(*syntax.String); is {
			found := false
			for _, name := range d.order {
				if ok, err := path.Match(p.Value, name); err != nil {
					e.fail("M321", p.At, "%q is no pattern", p.Value)
				} else if ok {
					found = true
					nm := &syntax.Name{Text: name, At: p.At}
					h, t := e.host(nm, d, s)
					add(h, t, nm)
				}
			}
			if !found {
				e.fail("M400", p.At, "no column above matches %q", p.Value)
			}
			continue
		}
		h, t := e.host(a.X, d, s)
		add(h, t, a.X)
	}
	r.Type = recipe.Type{Elem: "float", Dims: []int64{n}}
	return r, r.Type
}
