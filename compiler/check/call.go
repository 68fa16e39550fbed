package check

import (
	"fmt"
	"sort"
	"strings"

	"modelc/compiler/core"
	"modelc/lang/diag"
	"modelc/lang/source"
	"modelc/lang/syntax"
)

// call evaluates f(args).
func (e *elab) call(x *syntax.Call, s *scope) value {
	if name, axes := e.bracketCall(x, s); name != "" {
		return e.bracket(name, axes, x, s)
	}
	if n, is := x.Fn.(*syntax.Name); is && s.row() != nil {
		if v := e.rowCall(n.Text, x, s); v != nil {
			return v
		}
	}
	var f value
	blind(s, func() { f = e.eval(x.Fn, s) })
	e.at(x.At)
	return e.applyArgs(f, x.Args, s, x.At)
}

// blind evaluates with the indices of a statement out of sight.
func blind(s *scope, f func()) {
	if c := s.indexes(); c != nil {
		c.off = true
		defer func() { c.off = false }()
	}
	f()
}

// function evaluates an expression in the place of a function: in a list, after |>, in settings. There f(args) of a function means x => f(x, args).
func (e *elab) function(x syntax.Expr, s *scope) value {
	if c, is := x.(*syntax.Call); is {
		switch c.Fn.(type) {
		case *syntax.Name, *syntax.Field:
			f := e.eval(c.Fn, s)
			switch f := f.(type) {
			case fnVal, lambdaVal, builtin, partial:
				return partial{fn: f, args: c.Args, env: s, at: c.At}
			default:
				e.at(c.At)
				return e.applyArgs(f, c.Args, s, c.At)
			}
		case *syntax.Index:
			if name, _ := e.bracketCall(c, s); name != "" {
				return partial{fn: c.Fn, args: c.Args, env: s, at: c.At}
			}
		}
	}
	if ix, is := x.(*syntax.Index); is {
		if n, is := ix.X.(*syntax.Name); is && (reducers[n.Text] || keepers[n.Text] || brackets[n.Text]) {
			return partial{fn: ix, env: s, at: ix.At}
		}
	}
	return e.eval(x, s)
}

// evalArgs evaluates arguments, each in the way its parameter asks for.
func (e *elab) evalArgs(params []*syntax.Param, args []*syntax.Arg, s *scope, skip int) []callArg {
	out := make([]callArg, 0, len(args))
	pos := skip
	for _, a := range args {
		if a.Range != nil {
			e.fail("M203", a.At, "`:` has no place in a call")
		}
		var p *syntax.Param
		if a.Name != "" {
			for _, q := range params {
				if q.Name == a.Name {
					p = q
				}
			}
		} else {
			if pos < len(params) {
				p = params[pos]
			}
			pos++
		}
		out = append(out, callArg{name: a.Name, v: e.evalArg(p, a.X, s), at: a.X.Span(), nameAt: a.NameAt})
	}
	return out
}

func (e *elab) evalArg(p *syntax.Param, x syntax.Expr, s *scope) value {
	old := e.sizes
	defer func() { e.sizes = old }()
	e.sizes = 0
	if p != nil && p.Type != nil {
		if isEnum(p.Type) {
			if n, is := x.(*syntax.Name); is {
				for _, alt := range p.Type.Alts {
					if alt.Name == n.Text {
						return textVal(n.Text)
					}
				}
				if b, _ := s.find(n.Text); b == nil {
					var names []string
					for _, alt := range p.Type.Alts {
						names = append(names, alt.Name)
					}
					d := diag.Diagnostic{Code: "M203", At: n.At, Title: fmt.Sprintf("`%s` is none of %v", n.Text, names)}
					if near := diag.Suggest(n.Text, names); near != "" {
						d.Labels = []diag.Label{{At: n.At, Text: "did you mean `" + near + "`?"}}
					}
					e.failWith(d)
				}
			}
		}
		switch atom := p.Type.Alts[0]; {
		case atom.Name == "int" && atom.Dims == nil:
			e.sizes = 1
		case atom.Name == "layer" || atom.Name == "fn":
			old := e.naming
			e.naming = join(e.naming, p.Name)
			defer func() { e.naming = old }()
			return e.function(x, s)
		}
	}
	return e.eval(x, s)
}

// enumNames lists the names of pre | post; nil for other types.
func enumNames(t *syntax.Type) []string {
	if t == nil || !isEnum(t) {
		return nil
	}
	var out []string
	for _, a := range t.Alts {
		out = append(out, a.Name)
	}
	return out
}

func isEnum(t *syntax.Type) bool { return len(t.Alts) > 1 }

// applyArgs calls a value with arguments not yet evaluated.
func (e *elab) applyArgs(f value, args []*syntax.Arg, s *scope, at source.Span) value {
	var params []*syntax.Param
	switch f := f.(type) {
	case fnVal:
		params = f.decl.Params
	case ctorVal:
		if m := f.decl.Member(); m != nil {
			params = m.Block.Params
		}
	case *instance:
		if m := f.method("forward"); m != nil {
			params = m.Params
		}
	case stacked:
		if m := f.group.template.method("forward"); m != nil {
			params = m.Params
		}
	case partial:
		return e.partialCall(f, e.evalArgs(nil, args, s, 0), at)
	case batchesFn:
		return e.batches(f, args, s, at)
	case builtin:
		if f.name == "fixed" {
			old := e.fixing
			e.fixing = true
			defer func() { e.fixing = old }()
		}
		vals := e.evalArgs(nil, args, s, 0)
		if f.name == "fixed" {
			if len(vals) != 1 {
				e.fail("M203", at, "fixed(x) takes one value")
			}
			return vals[0].v
		}
		return e.callBuiltin(f.name, vals, at)
	}
	return e.applyCallArgs(f, e.evalArgs(params, args, s, 0), at)
}

// apply calls a value with values.
func (e *elab) apply(f value, vals []value, names []string, at source.Span) value {
	args := make([]callArg, len(vals))
	for i, v := range vals {
		args[i] = callArg{v: v, at: at}
		if i < len(names) {
			args[i].name = names[i]
		}
	}
	return e.applyCallArgs(f, args, at)
}

func (e *elab) applyCallArgs(f value, args []callArg, at source.Span) value {
	switch f := f.(type) {
	case fnVal:
		return e.callFn(f, args, at)
	case ctorVal:
		return e.construct(f.decl, args, at)
	case *instance:
		return e.callMethod(f, "forward", args, at)
	case stacked:
		return e.callStacked(f, "forward", args, at)
	case *listVal:
		return e.applyList(f, args, at)
	case lambdaVal:
		if len(args) != len(f.x.Params) {
			e.fail("M203", at, "this function takes %d arguments, %d are given", len(f.x.Params), len(args))
		}
		sub := newScope(f.env)
		for i, p := range f.x.Params {
			sub.set(p.Text, args[i].v, p.At)
		}
		return e.eval(f.x.Body, sub)
	case partial:
		return e.partialCall(f, args, at)
	case builtin:
		return e.callBuiltin(f.name, args, at)
	case typeVal:
		return e.cast(f, args, at)
	case initVal:
		return e.initCall(f, args, at)
	case callable:
		return f.call(e, args, at)
	}
	e.fail("M203", at, "%s cannot be called", describe(f))
	return nil
}

// callable is a value of the data side that can be called (a fitted transform, a method).
type callable interface {
	call(e *elab, args []callArg, at source.Span) value
}

func (e *elab) partialCall(p partial, args []callArg, at source.Span) value {
	if x, is := p.fn.(*syntax.Index); is {
		// f[axes](x, args…): bind the piped value to a name no source can hold.
		if len(args) != 1 {
			e.fail("M203", at, "one value is passed on here")
		}
		sub := newScope(p.env)
		sub.set("|>", args[0].v, at)
		call := &syntax.Call{Fn: x, Args: append([]*syntax.Arg{{X: &syntax.Name{Text: "|>", At: at}, At: at}}, p.args...), At: p.at}
		return e.bracket(x.X.(*syntax.Name).Text, x.Args, call, sub)
	}
	var params []*syntax.Param
	if f, is := p.fn.(fnVal); is {
		params = f.decl.Params
	}
	return e.applyCallArgs(p.fn, append(append([]callArg(nil), args...), e.evalArgs(params, p.args, p.env, len(args))...), at)
}

// work counts calls, turns and layers, which a short text can multiply without end.
func (e *elab) work(at source.Span) {
	e.calls++
	if e.calls > maxCalls {
		e.fail("M260", at, "this program is larger than %d calls: layers or functions that contain others multiply", maxCalls)
	}
}

// enter runs f as code called from here.
func (e *elab) enter(at source.Span, path string, f func()) {
	if e.depth >= maxDepth {
		e.fail("M214", at, "calls are nested more than %d deep: a layer or function that contains itself never ends", maxDepth)
	}
	e.work(at)
	site, old, naming, sizes := e.site, e.path, e.naming, e.sizes
	up := &core.Site{At: at, Path: e.path}
	if site != nil {
		up.Up = site.Up
	}
	e.site = &core.Site{At: at, Up: up, Path: path}
	e.path, e.naming, e.sizes = path, "", 0
	e.depth++
	f()
	e.depth--
	e.site, e.path, e.naming, e.sizes = site, old, naming, sizes
}

// callFn calls a function of the language.
func (e *elab) callFn(f fnVal, args []callArg, at source.Span) value {
	for _, a := range args {
		if el, is := a.v.(element); is && len(el.axes) > 0 {
			return e.liftFn(f, args, at)
		}
	}
	for i := range args {
		if el, is := args[i].v.(element); is {
			args[i].v = el.t
		}
	}
	var out value
	path := e.path
	if f.self != nil {
		path = f.self.path
	}
	if f.self != nil && f.decl.Name == "step" && len(f.decl.Params) == 3 {
		e.markOptimizer(f.self) // a layer with step is an optimizer (ruling 11), in a test too
	}
	building, running := e.building, e.running
	e.building, e.running = false, f.decl.Name
	training := e.training
	if f.self != nil && !f.self.optimizer && e.frozen(f.self) {
		e.training = false
	}
	e.enter(at, path, func() {
		sub := newScope(f.env)
		sub.outer = map[string]string{}
		owner := f.decl.Name
		if f.self != nil {
			owner = f.self.decl.Name + "." + owner
		}
		check := e.bindParams(f.decl.Params, args, sub, owner, at)
		if f.self != nil {
			e.solved(f.self)
		}
		if f.decl.Result != nil && len(f.decl.Result.Alts) == 1 && f.decl.Result.Alts[0].Name == "int" {
			e.sizes = 1
		}
		check()
		if f.decl.Expr != nil {
			out = e.eval(f.decl.Expr, sub)
		} else {
			out, _ = e.body(f.decl.Body, sub)
		}
		if _, is := out.(none); is {
			e.fail("M206", f.decl.NameAt, "`%s` returns nothing: its last line is `return …`", f.decl.Name)
		}
		if f.decl.Result != nil {
			e.boundSizes(f.decl.Result, sub)
			out = outerLabels(e.typed(out, f.decl.Result, sub, f.decl.Result.At), f.decl.Result, sub)
		} else {
			out = unmasked(out)
		}
	})
	e.building, e.running, e.training = building, running, training
	return out
}

// boundSizes demands that every size name of a result has been bound: a result binds none.
func (e *elab) boundSizes(t *syntax.Type, s *scope) {
	for _, a := range t.Alts {
		for _, x := range a.Tuple {
			e.boundSizes(x, s)
		}
		for _, d := range a.Dims {
			n, is := d.(*syntax.Name)
			if !is || n.Text == "_" || e.sizeName(n.Text, s) != nil {
				continue
			}
			if b, _ := s.find(n.Text); b != nil {
				continue
			}
			var known []string
			for at := s; at != nil; at = at.parent {
				for name, b := range at.names {
					if _, is := b.v.(sizeVal); is {
						known = append(known, name)
					}
				}
			}
			sort.Strings(known)
			d := diag.Diagnostic{Code: "M142", At: n.At, Title: fmt.Sprintf("nothing binds the size `%s` of this result", n.Text)}
			if near := diag.Suggest(n.Text, known); near != "" {
				d.Labels = []diag.Label{{At: n.At, Text: "did you mean `" + near + "`?"}}
			} else if s.instance() != nil {
				d.Notes = notes("fix", "dim "+n.Text+"   among the declarations, or a constructor's parameter")
			}
			e.failWith(d)
		}
	}
}

// outerLabels gives the axes of a result the caller's labels: those of the arguments' axes that have the same size name, or stood behind `...`.
func outerLabels(v value, t *syntax.Type, s *scope) value {
	a := t.Alts[0]
	switch v := v.(type) {
	case *core.Term:
		c := *v
		c.Type.Labels = make([]string, len(v.Type.Dims))
		k := 0
		for _, d := range a.Dims {
			switch d := d.(type) {
			case *syntax.Spread:
				for n := len(v.Type.Dims) - len(a.Dims) + 1; n > 0; n-- {
					c.Type.Labels[k] = unmask(label(v.Type, k))
					k++
				}
				continue
			case *syntax.Name:
				c.Type.Labels[k] = s.outer[d.Text]
			}
			k++
		}
		return &c
	case tupleVal:
		out := make(tupleVal, len(v))
		for i := range v {
			out[i] = v[i]
			if i < len(a.Tuple) {
				out[i] = outerLabels(v[i], a.Tuple[i], s)
			}
		}
		return out
	}
	return v
}

// unmasked is outerLabels for a result without a declared type.
func unmasked(v value) value {
	switch v := v.(type) {
	case *core.Term:
		c := *v
		c.Type.Labels = make([]string, len(v.Type.Dims))
		for i := range c.Type.Labels {
			c.Type.Labels[i] = unmask(label(v.Type, i))
		}
		return &c
	case tupleVal:
		out := make(tupleVal, len(v))
		for i := range v {
			out[i] = unmasked(v[i])
		}
		return out
	}
	return v
}

// liftFn applies a function to elements: it runs on the whole tensors over all indices and must keep their shape (ruling 29).
func (e *elab) liftFn(f fnVal, args []callArg, at source.Span) value {
	var all []*axis
	for _, a := range args {
		if el, is := a.v.(element); is {
			for _, x := range el.axes {
				if !hasAxis(all, x) {
					all = append(all, x)
				}
			}
		}
	}
	whole := make([]callArg, len(args))
	for i, a := range args {
		whole[i] = a
		if el, is := a.v.(element); is {
			if len(el.axes) == 0 {
				whole[i].v = el.t
			} else {
				whole[i].v = e.fully(el, all)
			}
		}
	}
	var out value
	blindFn := f
	out = e.callFn(blindFn, whole, at)
	t := e.asTerm(out, at)
	if !e.equalDims(t.Type.Dims, extents(all), at) {
		e.fail("M133", at, "in an index statement `%s` is applied element by element, but it gives %s", f.decl.Name, typeText(t.Type))
	}
	return element{t, all}
}

// bindParams matches arguments with parameters and binds them in sub. It returns the second phase: arithmetic sizes are checked after every bare name is bound.
func (e *elab) bindParams(params []*syntax.Param, args []callArg, sub *scope, owner string, at source.Span) func() {
	given := make([]*callArg, len(params))
	pos := 0
	for i := range args {
		a := &args[i]
		k := -1
		if a.name == "" {
			if pos >= len(params) {
				e.fail("M203", a.at, "%s takes %s, %d are given", owner, count(len(params), "argument"), countPositional(args))
			}
			k = pos
			pos++
		} else {
			var names []string
			for j, p := range params {
				names = append(names, p.Name)
				if p.Name == a.name {
					k = j
				}
			}
			if k < 0 {
				d := diag.Diagnostic{Code: "M203", At: a.at, Title: fmt.Sprintf("%s has no argument `%s`", owner, a.name)}
				if a.nameAt.Valid() {
					d.At = a.nameAt
				}
				if near := diag.Suggest(a.name, names); near != "" {
					d.Labels = []diag.Label{{At: d.At, Text: "did you mean `" + near + "`?"}}
				} else if len(names) > 0 {
					d.Notes = notes("note", "its arguments are "+strings.Join(names, ", "))
				}
				e.failWith(d)
			}
		}
		if given[k] != nil {
			e.fail("M203", a.at, "`%s` is given twice", params[k].Name)
		}
		given[k] = a
	}
	var later []func()
	for i, p := range params {
		if given[i] == nil {
			if p.Default == nil {
				e.fail("M203", at, "%s needs `%s`", owner, p.Name)
			}
			continue
		}
		v := given[i].v
		if p.Type != nil {
			v = e.match(v, p.Type, sub, matchContext{owner: owner, param: p.Name, at: given[i].at, later: &later})
		}
		sub.set(p.Name, v, p.NameAt).alts = enumNames(p.Type)
	}
	for i, p := range params {
		if given[i] == nil {
			v := e.evalArg(p, p.Default, sub)
			if p.Type != nil {
				v = e.match(v, p.Type, sub, matchContext{owner: owner, param: p.Name, at: p.At, later: &later})
			}
			sub.set(p.Name, v, p.NameAt).alts = enumNames(p.Type)
		}
	}
	return func() {
		for _, f := range later {
			f()
		}
	}
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func countPositional(args []callArg) int {
	n := 0
	for _, a := range args {
		if a.name == "" {
			n++
		}
	}
	return n
}

// typed matches a value with an annotation or a declared result.
func (e *elab) typed(v value, t *syntax.Type, s *scope, at source.Span) value {
	var later []func()
	out := e.match(v, t, s, matchContext{at: at, later: &later})
	for _, f := range later {
		f()
	}
	return out
}
