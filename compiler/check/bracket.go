package check

import (
	"fmt"

	"modelc/compiler/core"
	"modelc/compiler/size"
	"modelc/lang/diag"
	"modelc/lang/source"
	"modelc/lang/syntax"
)

// bracketCall reports whether a call is f[axes](…) of a bracket function that nothing in scope hides, and returns its name and brackets.
func (e *elab) bracketCall(x *syntax.Call, s *scope) (string, []*syntax.Arg) {
	ix, is := x.Fn.(*syntax.Index)
	if !is {
		return "", nil
	}
	n, is := ix.X.(*syntax.Name)
	if !is || !(reducers[n.Text] || keepers[n.Text] || brackets[n.Text]) {
		return "", nil
	}
	if b := e.lookup(n.Text, s); b != nil {
		if _, is := b.v.(builtin); !is {
			return "", nil
		}
	}
	return n.Text, ix.Args
}

// bracket evaluates f[axes](args).
func (e *elab) bracket(name string, axes []*syntax.Arg, x *syntax.Call, s *scope) value {
	if c := s.indexes(); c != nil {
		if fr := c.bound[x]; fr != nil && (len(fr.order) > 0 || keepers[name]) {
			return e.indexed(name, axes, x, fr, c, s)
		}
	}
	if s.indexes() == nil && reducers[name] && overIndices(axes, x) {
		return e.reduceAlone(x, s)
	}
	var args []callArg
	for _, a := range x.Args {
		args = append(args, callArg{name: a.Name, v: e.eval(a.X, s), at: a.At, nameAt: a.NameAt})
	}
	e.at(x.At)
	var pos []callArg
	named := map[string]callArg{}
	for _, a := range args {
		if a.name == "" {
			pos = append(pos, a)
		} else {
			named[a.name] = a
		}
	}
	allow := func(names ...string) {
		ok := set(names...)
		for n, a := range named {
			if !ok[n] {
				e.fail("M203", a.at, "%s has no argument `%s`", name, n)
			}
		}
	}
	if len(pos) == 0 {
		e.fail("M203", x.At, "%s[…] needs a tensor", name)
	}
	tensor := func(i int) *core.Term {
		t := e.asTerm(pos[i].v, pos[i].at)
		if len(t.Type.Dims) == 0 {
			e.fail("M131", pos[i].at, "%s works along an axis, this is %s", name, typeText(t.Type))
		}
		return t
	}
	want := func(n int) {
		if len(pos) != n {
			e.fail("M203", x.At, "%s takes %d arguments, %d are given", name, n, len(pos))
		}
	}
	switch {
	case reducers[name]:
		allow("where")
		want(1)
		t := tensor(0)
		var mask *core.Term
		if w, is := named["where"]; is {
			mask = e.asTerm(w.v, w.at)
			e.suffix(t, mask, true, w.at, nil)
		}
		return e.reduce(name, t, e.axes(t, axes, s), mask, x.At)
	case keepers[name]:
		if w, is := named["where"]; is {
			e.keepsAll(name, w.at)
		}
		allow()
		want(1)
		t := tensor(0)
		return e.along(name, t, e.axis(t, axes, s), x.At)
	case name == "sort" || name == "argsort":
		want(1)
		allow("descending")
		t := tensor(0)
		k := e.axis(t, axes, s)
		out := t.Type
		if name == "argsort" {
			out.Elem, out.Range = core.ID, t.Type.Dims[k]
		}
		r := e.term(core.Along{Code: name, Axis: k}, out, t)
		if d, is := named["descending"]; is {
			if b, ok := d.v.(boolVal); ok && bool(b) {
				return e.term(core.Flip{Axes: []int{k}}, out, r)
			}
		}
		return r
	case name == "top_k":
		want(2)
		t := tensor(0)
		k := e.axis(t, axes, s)
		n, is := pos[1].v.(sizeVal)
		if !is {
			e.notSize(pos[1].v, pos[1].at)
		}
		if n.s.LessEq(t.Type.Dims[k], e.facts) == size.No {
			e.fail("M123", pos[1].at, "the %s largest of an axis of %s", n.s, t.Type.Dims[k])
		}
		vt := core.Type{Elem: t.Type.Elem, Dims: append([]size.Size(nil), t.Type.Dims...), Labels: t.Type.Labels}
		vt.Dims[k] = n.s
		it := vt
		it.Elem, it.Range = core.ID, t.Type.Dims[k]
		top := e.term(core.TopK{Axis: k, K: n.s}, vt, t)
		return tupleVal{e.term(core.Part{Index: 0}, vt, top), e.term(core.Part{Index: 1}, it, top)}
	case name == "concat":
		return e.concat(pos, axes, s, x.At)
	case name == "split":
		want(2)
		return e.split(tensor(0), pos[1], axes, s, x.At)
	case name == "stack":
		t := tensor(0)
		k := 0
		if n, is := axes[0].X.(*syntax.Name); is && n.Text == "last" {
			k = len(t.Type.Dims)
		} else if !is || n.Text != "first" {
			e.fail("M131", axes[0].At, "stack makes a new axis: stack[first](…) or stack[last](…)")
		}
		ts := []*core.Term{t}
		for i := 1; i < len(pos); i++ {
			a, b := e.balance(t, tensor(i), pos[i].at)
			if !e.equalDims(a.Type.Dims, b.Type.Dims, pos[i].at) {
				e.mismatch(a, b, true, pos[i].at, nil)
			}
			ts = append(ts, b)
		}
		out := core.Type{Elem: t.Type.Elem, Range: t.Type.Range}
		out.Dims = append(append(append(out.Dims, t.Type.Dims[:k]...), size.Of(int64(len(ts)))), t.Type.Dims[k:]...)
		return e.term(core.Stack{Axis: k}, out, ts...)
	case name == "border":
		allow("fill")
		want(2)
		return e.border(tensor(0), pos[1], named["fill"], e.axesOf(pos[0], axes, s), x.At)
	case name == "dilate":
		want(2)
		t := tensor(0)
		n, is := pos[1].v.(sizeVal)
		if !is {
			e.notSize(pos[1].v, pos[1].at)
		}
		if size.Of(1).LessEq(n.s, e.facts) == size.No {
			e.fail("M123", pos[1].at, "dilate by %s: at least 1", n.s)
		}
		f := make([]size.Size, len(t.Type.Dims))
		out := core.Type{Elem: t.Type.Elem, Labels: t.Type.Labels, Dims: append([]size.Size(nil), t.Type.Dims...)}
		for i := range f {
			f[i] = size.Of(1)
		}
		for _, k := range e.axes(t, axes, s) {
			f[k] = n.s
			out.Dims[k] = t.Type.Dims[k].Sub(size.Of(1)).Mul(n.s).Add(size.Of(1))
		}
		return e.term(core.Dilate{Factor: f}, out, t)
	case name == "flip":
		want(1)
		t := tensor(0)
		return e.term(core.Flip{Axes: e.axes(t, axes, s)}, t.Type, t)
	case name == "random_flip":
		allow("p")
		want(1)
		t := tensor(0)
		p := value(floatVal(0.5))
		if a, is := named["p"]; is {
			p = a.v
		}
		draw := e.term(core.Draw{Dist: "bernoulli", Path: e.drawPath(name), Fixed: e.fixing}, of(core.Bool), e.convertLoose(p, e.float(), x.At))
		return e.term(core.Select{}, t.Type, draw, e.term(core.Flip{Axes: e.axes(t, axes, s)}, t.Type, t), t)
	case name == "shift":
		allow("by", "fill")
		return e.shift(tensor(0), pos, named, axes, s, x.At)
	case name == "cached":
		want(1)
		t := tensor(0)
		if e.live == nil {
			return t // the identity outside of generation
		}
		return e.cached(t, e.axis(t, axes, s), x.At)
	}
	panic("check: no bracket function " + name)
}

// keepsAll refuses where= of what keeps its axis: only reducers leave elements out (ruling 63).
func (e *elab) keepsAll(name string, at source.Span) {
	fix := name + "[i](where(c, x, -inf))   gives nothing to what c leaves out"
	switch name {
	case "cumsum":
		fix = "cumsum[i](where(c, x, 0))"
	case "cumprod":
		fix = "cumprod[i](where(c, x, 1))"
	}
	e.failWith(diag.Diagnostic{Code: "M203", At: at, Title: name + " takes no where=: only reducers leave elements out", Notes: notes("fix", fix)})
}

// overIndices reports whether the brackets of a reducer name indices rather than labels: they have a range or stand in a subscript (ruling 32).
func overIndices(axes []*syntax.Arg, x *syntax.Call) bool {
	for _, a := range axes {
		switch n := a.X.(type) {
		case *syntax.Name:
			if a.Range != nil || subscripted(n.Text, x.Args) {
				return true
			}
		case *syntax.Spread:
			return true
		}
	}
	return false
}

// reduceAlone evaluates a reducer over indices that stands in no index statement: it consumes all indices there are, and is a number.
func (e *elab) reduceAlone(x *syntax.Call, s *scope) value {
	c := newIndexContext()
	sub := newScope(s)
	sub.index = c
	e.prepare(x, c, sub, s)
	e.settle(c)
	c.order(c.frames[0])
	return e.asElement(e.eval(x, sub), x.At).t
}

func (e *elab) axesOf(a callArg, axes []*syntax.Arg, s *scope) []int {
	return e.axes(e.asTerm(a.v, a.at), axes, s)
}

// indexed evaluates a reducer or keeper over indices of the statement.
func (e *elab) indexed(name string, axes []*syntax.Arg, x *syntax.Call, fr *frame, c *indexContext, s *scope) value {
	c.frames = append(c.frames, fr)
	defer func() { c.frames = c.frames[:len(c.frames)-1] }()
	var arg, mask value
	for _, a := range x.Args {
		v := e.eval(a.X, s)
		switch {
		case a.Name == "where" && keepers[name]:
			e.keepsAll(name, a.At)
		case a.Name == "where":
			mask = v
		case a.Name == "" && arg == nil:
			arg = v
		default:
			e.fail("M203", a.At, "%s[…] takes one argument and where=", name)
		}
	}
	e.at(x.At)
	if arg == nil {
		e.fail("M203", x.At, "%s[…] takes one argument", name)
	}
	el := e.asElement(arg, x.Args[0].At)
	if keepers[name] {
		if len(axes) != 1 {
			e.fail("M131", x.At, "%s works along one index", name)
		}
		n, is := axes[0].X.(*syntax.Name)
		if !is {
			e.fail("M131", axes[0].At, "%s needs the name of an index", name)
		}
		a := c.find(n.Text)
		if a == nil {
			e.unknown(n.Text, n.At, s)
		}
		if !hasAxis(el.axes, a) {
			e.fail("M127", axes[0].At, "what stands in the parenthesis does not depend on `%s`", n.Text)
		}
		t := e.along(name, el.t, axisAt(el.axes, a), x.At)
		return element{t, el.axes}
	}
	over := fr.axes()
	for _, o := range fr.order {
		if sp, is := o.(*spreadAxes); is && !sp.known {
			e.fail("M126", x.At, "nothing in the parenthesis says what `...` stands for")
		}
	}
	all := append([]*axis(nil), el.axes...)
	for _, a := range over {
		if !a.known {
			e.failWith(diag.Diagnostic{Code: "M126", At: a.at, Title: fmt.Sprintf("the index `%s` has no extent", a.name), Notes: notes("fix", a.name+": n  in the reducer")})
		}
		if !hasAxis(all, a) {
			all = append(all, a)
		}
	}
	var mt *core.Term
	if mask != nil {
		m := e.asElement(mask, x.At)
		if m.t.Type.Elem != core.Bool {
			e.fail("M103", x.At, "where= is a condition, this is %s", typeText(m.t.Type))
		}
		for _, a := range m.axes {
			if !hasAxis(all, a) {
				all = append(all, a)
			}
		}
		mt = e.fully(m, all)
	}
	t := e.fully(el, all)
	var pos []int
	var rest []*axis
	for i, a := range all {
		if hasAxis(over, a) {
			pos = append(pos, i)
		} else {
			rest = append(rest, a)
		}
	}
	r := e.reduce(name, t, pos, mt, x.At)
	return element{r, rest}
}

// reduce makes the term of a reducer.
func (e *elab) reduce(name string, t *core.Term, axes []int, mask *core.Term, at source.Span) *core.Term {
	el := t.Type.Elem
	out := dropAxes(t.Type, axes)
	if name != "max" && name != "min" {
		out.Range = size.Size{}
	}
	switch name {
	case "sum":
		switch {
		case el == core.Bool:
			t = e.term(core.Cast{}, core.Type{Elem: core.Int, Dims: t.Type.Dims}, t)
			out.Elem = core.Int
		case el == core.ID:
			out.Elem = core.I32
		}
	case "prod", "max", "min":
		if el == core.Bool {
			e.fail("M103", at, "%s of bool: use any or all", name)
		}
	case "mean", "var", "logsumexp":
		switch {
		case el == core.Bool || el == core.Int:
			t = e.term(core.Cast{}, core.Type{Elem: e.float(), Dims: t.Type.Dims}, t)
			out.Elem = e.float()
		case !el.IsFloat():
			e.fail("M140", at, "%s of %s: write float(…)", name, typeText(t.Type))
		}
	case "any", "all":
		if el != core.Bool {
			e.fail("M103", at, "%s needs bool, this is %s", name, typeText(t.Type))
		}
	case "argmax", "argmin":
		if len(axes) != 1 {
			e.fail("M131", at, "%s works along one axis", name)
		}
		if mask != nil {
			e.fail("M131", at, "%s takes no where=", name)
		}
		out.Elem, out.Range = core.ID, t.Type.Dims[axes[0]]
	}
	args := []*core.Term{t}
	if mask != nil {
		args = append(args, mask)
	}
	return e.term(core.Reduce{Code: name, Axes: axes}, out, args...)
}

// reduceAll is a reducer without brackets: over all axes.
func (e *elab) reduceAll(name string, args []callArg, at source.Span) value {
	var mask *core.Term
	var x value
	for _, a := range args {
		switch {
		case a.name == "where":
			mask = e.asTerm(a.v, a.at)
		case a.name == "" && x == nil:
			x = a.v
		default:
			e.fail("M203", a.at, "%s(x) takes one tensor and where=; along an axis write %s[axis](x)", name, name)
		}
	}
	if x == nil {
		e.fail("M203", at, "%s needs a tensor", name)
	}
	if b, is := x.(boolVal); is && (name == "any" || name == "all") {
		return b
	}
	if el, is := x.(element); is && len(el.axes) > 0 {
		e.fail("M127", at, "in an index statement a reducer names its indices: %s[i](…)", name)
	}
	t := e.asTerm(x, at)
	axes := make([]int, len(t.Type.Dims))
	for i := range axes {
		axes[i] = i
	}
	if (name == "argmax" || name == "argmin") && len(axes) != 1 {
		e.fail("M131", at, "%s needs its axis in brackets: %s[last](x)", name, name)
	}
	if mask != nil {
		e.suffix(t, mask, true, at, nil)
	}
	return e.reduce(name, t, axes, mask, at)
}

func (e *elab) along(name string, t *core.Term, axis int, at source.Span) *core.Term {
	if !t.Type.Elem.IsFloat() {
		if !(t.Type.Elem.IsInt() && (name == "cumsum" || name == "cumprod")) {
			e.fail("M140", at, "%s of %s: write float(…)", name, typeText(t.Type))
		}
	}
	out := t.Type
	if out.Elem == core.ID {
		out.Elem = core.I32
	}
	return e.term(core.Along{Code: name, Axis: axis}, out, t)
}

// axis resolves one label.
func (e *elab) axis(t *core.Term, args []*syntax.Arg, s *scope) int {
	if len(args) != 1 {
		e.fail("M131", args[len(args)-1].At, "one axis is needed here")
	}
	return e.axes(t, args, s)[0]
}

// axes resolves labels: an index name of the statement that made the tensor, else a size name, or last (ruling 32).
func (e *elab) axes(t *core.Term, args []*syntax.Arg, s *scope) []int {
	var out []int
	for _, a := range args {
		n, is := a.X.(*syntax.Name)
		if !is {
			e.failWith(diag.Diagnostic{Code: "M131", At: a.At, Title: "an axis is named, never numbered", Notes: notes("fix", "a label of the tensor, a size name, or `last`")})
		}
		if n.Text == "last" {
			out = append(out, len(t.Type.Dims)-1)
			continue
		}
		out = append(out, e.labelled(t, n, s))
	}
	for i, a := range out {
		for _, b := range out[:i] {
			if a == b {
				e.fail("M131", args[i].At, "the axis is named twice")
			}
		}
	}
	return out
}

func (e *elab) labelled(t *core.Term, n *syntax.Name, s *scope) int {
	var found []int
	for _, part := range []func(string) string{indexLabel, sizeLabel} {
		for i := range t.Type.Dims {
			if len(found) == 0 || part(label(t.Type, found[0])) == n.Text {
				if part(label(t.Type, i)) == n.Text {
					found = append(found, i)
				}
			}
		}
		if len(found) > 0 {
			break
		}
	}
	if len(found) == 0 {
		if b, _ := s.find(n.Text); b != nil && b.v != nil {
			if v, is := b.v.(sizeVal); is {
				b.used = true
				// By size: first among the axes that have no size name of their own.
				for _, all := range []bool{false, true} {
					for i, d := range t.Type.Dims {
						if (all || sizeLabel(label(t.Type, i)) == "") && size.Compare(d, v.s, e.facts) == size.Equal {
							found = append(found, i)
						}
					}
					if len(found) > 0 {
						break
					}
				}
			}
		}
	}
	switch len(found) {
	case 1:
		return found[0]
	case 0:
		d := diag.Diagnostic{Code: "M132", At: n.At, Title: fmt.Sprintf("%s has no axis `%s`", typeText(t.Type), n.Text)}
		if names := labelList(t.Type); names != "" {
			d.Notes = notes("note", "its axes are "+names)
		}
		var near []string
		for i := range t.Type.Dims {
			near = append(near, shownLabel(label(t.Type, i)))
		}
		if did := diag.Suggest(n.Text, near); did != "" {
			d.Labels = []diag.Label{{At: n.At, Text: "did you mean `" + did + "`?"}}
		}
		e.failWith(d)
	}
	e.failWith(diag.Diagnostic{Code: "M130", At: n.At, Title: fmt.Sprintf("`%s` is ambiguous: %s has %s axes of size %s", n.Text, hinted(t), []string{"no", "one", "two", "three", "four", "five"}[min(len(found), 5)], n.Text),
		Labels: []diag.Label{{At: n.At, Text: hinted(t) + ": " + typeText(t.Type)}},
		Notes:  notes("fix", "name them where "+hinted(t)+" is made:  s[b, i, j] = … ;  then  softmax[j](s)")})
	return 0
}

// hinted is the name a term was bound to.
func hinted(t *core.Term) string {
	if t.Hint != "" {
		return t.Hint
	}
	return "this tensor"
}

func labelList(t core.Type) string {
	out := ""
	for i := range t.Dims {
		if i > 0 {
			out += ", "
		}
		if l := shownLabel(label(t, i)); l != "" {
			out += "`" + l + "` = "
		}
		out += t.Dims[i].String()
	}
	return out
}
