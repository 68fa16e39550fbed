package check

import (
	"modelc/compiler/core"
	"modelc/compiler/resolve"
	"modelc/compiler/size"
	"modelc/lang/diag"
	"modelc/lang/source"
	"modelc/lang/syntax"
	"modelc/recipe"
)

// defining is the state of checking one definition by itself: sizes and integer parameters are names that nothing is known about, and conditions on them are
// taken both ways, one outcome per run.
type defining struct {
	script []bool          // decisions to take, in order; beyond them: true
	taken  []bool          // decisions taken in this run
	known  map[string]bool // by condition, so that a condition has one outcome in a run
	rank   int             // how many axes `...` stands for
	spread bool            // the definition has a `...`
}

const (
	maxOutcomes    = 32      // runs per definition
	maxDefineTerms = 100_000 // of all definitions together
)

// undecided are mistakes that only real sizes show: while a definition is checked by itself they say nothing.
var undecided = set("M201", "M202", "M211", "M260")

// definitions checks every fn, layer and model of the file by itself, also those that nothing uses (ruling 41). What depends on a layer or function
// given as an argument waits for the use. Mistakes that were reported where a definition is used are not repeated.
func definitions(u *resolve.Unit, o Options, reported diag.List) diag.List {
	var out diag.List
	seen := map[source.Span]bool{}
	lines := map[string]bool{}
	for _, d := range reported {
		seen[d.At] = true
		lines[lineKey(d)] = true
	}
	e := newElab(u, o)
	e.def = &defining{}
	e.configure()
	if e.diags.Failed() {
		return nil
	}
	for _, m := range u.File.Members {
		if m.Fn == nil && (m.Block == nil || m.Block.Kind != "layer" && m.Block.Kind != "model" || m.Block.Name == "") || e.spent() {
			continue
		}
		for _, d := range e.define(m) {
			if !seen[d.At] && !lines[lineKey(d)] {
				seen[d.At] = true
				out = append(out, d)
			}
		}
	}
	return out
}

func newElab(u *resolve.Unit, o Options) *elab {
	e := &elab{
		unit: u, opts: o, facts: &size.Facts{},
		prog: &core.Program{B: size.NewSym("B"), Past: size.NewSym("past")}, plan: &recipe.Recipe{File: u.Source.Name},
		roots: map[*resolve.Unit]*scope{}, data: map[string]*dataVal{}, trains: map[string]*trainVal{}, columnOf: map[int]*column{}, imported: map[*resolve.Unit]map[string]func(*syntax.Type) value{},
	}
	e.reset()
	return e
}

func lineKey(d diag.Diagnostic) string {
	if !d.At.Valid() {
		return d.Code + d.Title
	}
	p := d.At.Position()
	return d.Code + "\x00" + p.Name + "\x00" + string(rune(p.Line))
}

// define checks one definition: with one axis and with two for every `...`, and reports what is wrong with both.
func (e *elab) define(m *syntax.Member) diag.List {
	found := e.outcomes(m, 1)
	if len(found) == 0 || !e.def.spread {
		return found
	}
	again := map[string]bool{}
	for _, d := range e.outcomes(m, 2) {
		again[lineKey(d)] = true
	}
	var out diag.List
	for _, d := range found {
		if again[lineKey(d)] {
			out = append(out, d)
		}
	}
	return out
}

// spent reports whether the definitions have had the work that is meant for them; the rest is checked where it is used.
func (e *elab) spent() bool { return e.nextID > maxDefineTerms || e.calls > maxCalls/2 }

// outcomes runs a definition once per outcome of its conditions, in training and out of it.
func (e *elab) outcomes(m *syntax.Member, rank int) diag.List {
	var out diag.List
	have := map[source.Span]bool{}
	for _, training := range []bool{true, false} {
		var script []bool
		for run := 0; run < maxOutcomes && !e.spent(); run++ {
			e.def = &defining{script: script, known: map[string]bool{}, rank: rank}
			e.reset()
			e.diags, e.prog.Checks, e.facts = nil, nil, &size.Facts{}
			e.phase, e.training, e.depth, e.sizes = "train", training, 0, 0
			if m.Fn != nil {
				e.at(m.Fn.NameAt)
				e.try(func() { e.defineFn(m.Fn, e.rootOf(e.unit), nil) })
			} else {
				e.at(m.Block.NameAt)
				e.try(func() { e.defineLayer(m.Block) })
			}
			for _, d := range e.diags {
				if undecided[d.Code] || d.Code == "M214" && len(e.def.taken) > 0 || d.Severity != diag.Error || have[d.At] {
					continue
				}
				have[d.At] = true
				out = append(out, d)
			}
			script = append([]bool(nil), e.def.taken...)
			for len(script) > 0 && !script[len(script)-1] {
				script = script[:len(script)-1]
			}
			if len(script) == 0 {
				break
			}
			script[len(script)-1] = false
		}
	}
	e.phase, e.training = "", false
	return out
}

// choose takes the next decision of the run.
func (f *defining) choose(key string) bool {
	if v, is := f.known[key]; is {
		return v
	}
	v := true
	if len(f.taken) < len(f.script) {
		v = f.script[len(f.taken)]
	}
	f.taken = append(f.taken, v)
	f.known[key] = v
	return v
}

// decide gives a condition on open sizes its outcome in this run, which then is a fact.
func (e *elab) decide(op string, a, b size.Size) bool {
	switch op {
	case "!=":
		return !e.decide("==", a, b)
	case "<":
		return e.decide("<=", a.Add(size.Of(1)), b)
	case ">":
		return e.decide("<=", b.Add(size.Of(1)), a)
	case ">=":
		return e.decide("<=", b, a)
	}
	v := e.def.choose(op + a.Sub(b).Key())
	e.assume(op, a, b, v)
	return v
}

// assume adds a condition, or its contrary, to the facts.
func (e *elab) assume(op string, a, b size.Size, holds bool) {
	switch {
	case op == "==" && holds:
		e.facts.RequireEqual(a, b)
	case op == "<=" && holds:
		e.facts.RequireLessEq(a, b)
	case op == "<=":
		e.facts.RequireLessEq(b.Add(size.Of(1)), a)
	}
}

// wait abandons what only real sizes can decide.
func (e *elab) wait() {
	if e.def != nil {
		panic(stop{})
	}
}

// defineFn calls a function with arguments of which nothing but the declared types is known.
func (e *elab) defineFn(f *syntax.Fn, env *scope, self *instance) {
	args := e.anyArgs(f.Params, env)
	e.callFn(fnVal{decl: f, env: env, self: self}, args, f.NameAt)
}

// defineLayer makes an instance of a layer with any arguments, calls its functions, forward first, and elaborates every declaration.
func (e *elab) defineLayer(b *syntax.Block) {
	root := e.rootOf(e.unit)
	e.building = true
	in := e.makeInstance(e.unit.Find(b.Name), b, "", e.anyArgs(b.Params, root), b.NameAt, nil)
	e.building = false
	in.optimizer = in.method("step") != nil
	in.called = true
	e.try(func() {
		for _, k := range in.requires {
			e.enter(in.at, in.path, func() { e.assumed(k.Expr, in.scope) })
		}
	})
	in.called = false
	var fns []*syntax.Fn
	for _, m := range b.Body.Members {
		switch {
		case m.Fn == nil:
		case m.Fn.Name == "forward" || m.Fn.Name == "step":
			fns = append([]*syntax.Fn{m.Fn}, fns...)
		default:
			fns = append(fns, m.Fn)
		}
	}
	for _, f := range fns {
		e.try(func() { e.defineFn(f, in.scope, in) })
	}
	for _, m := range b.Body.Members {
		e.try(func() {
			switch {
			case m.Slot != nil:
				if m.Slot.If != nil {
					if c, is := e.eval(m.Slot.If, in.scope).(boolVal); is && !bool(c) {
						return
					}
				}
				e.slot(in, m.Slot.Name, m.Slot.NameAt)
			case m.Stmt != nil:
				for _, n := range assigned([]*syntax.Member{m}) {
					e.lookup(n, in.scope)
				}
			case m.Dim != nil && m.Dim.Value != nil:
				for _, n := range m.Dim.Names {
					e.lookup(n, in.scope)
				}
			}
		})
	}
}

// assumed takes up what a requirement on constructor arguments says before the first call; requirements on dims follow at the call.
func (e *elab) assumed(x syntax.Expr, s *scope) {
	if b, is := x.(*syntax.Binary); is && b.Op == "and" {
		e.try(func() { e.assumed(b.X, s) })
		e.try(func() { e.assumed(b.Y, s) })
		return
	}
	e.condition(x, x, s, x.Span())
}

// anyArgs makes one value per parameter: fresh names for sizes and integers, a decision for bools and enums, and nothing for what has to wait.
func (e *elab) anyArgs(params []*syntax.Param, env *scope) []callArg {
	local := newScope(env)
	for _, p := range params {
		if p.Type != nil && len(p.Type.Alts) == 1 && p.Type.Alts[0].Name == "int" && p.Type.Alts[0].Dims == nil {
			local.set(p.Name, sizeVal{size.FromSym(size.NewSym(p.Name))}, p.NameAt)
		}
	}
	for _, p := range params {
		if p.Type != nil && len(p.Type.Alts) == 1 {
			e.anySizes(p.Type.Alts[0], local)
		}
	}
	out := make([]callArg, 0, len(params))
	for _, p := range params {
		out = append(out, callArg{name: p.Name, v: e.anyValue(p, p.Type, local), at: p.NameAt})
	}
	return out
}

// anySizes gives the names that stand bare in a type a size each.
func (e *elab) anySizes(a *syntax.TypeAtom, s *scope) {
	fresh := func(name string, at source.Span) {
		if name != "_" && e.sizeName(name, s) == nil {
			s.set(name, sizeVal{size.FromSym(size.NewSym(name))}, at)
		}
	}
	for _, t := range a.Tuple {
		for _, alt := range t.Alts {
			e.anySizes(alt, s)
		}
	}
	if n, is := a.Arg.(*syntax.Name); is {
		fresh(n.Text, n.At)
	}
	for _, d := range a.Dims {
		switch d := d.(type) {
		case *syntax.Name:
			fresh(d.Text, d.At)
		case *syntax.Spread:
			e.def.spread = true
			if d.Name != "" && e.packName(a, s) == nil {
				s.set(d.Name, packVal(e.anyPack(d.Name)), d.At)
			}
		}
	}
}

func (e *elab) anyPack(name string) []size.Size {
	out := make([]size.Size, e.def.rank)
	for i := range out {
		out[i] = size.FromSym(size.NewSym("..." + name))
	}
	return out
}

func (e *elab) anyValue(p *syntax.Param, t *syntax.Type, s *scope) value {
	if t == nil {
		return poison{}
	}
	if isEnum(t) {
		for _, a := range t.Alts[1:] {
			if !e.def.choose("enum " + p.Name + " " + a.Name) {
				return textVal(a.Name)
			}
		}
		return textVal(t.Alts[0].Name)
	}
	a := t.Alts[0]
	if a.Tuple != nil {
		var out tupleVal
		for _, x := range a.Tuple {
			out = append(out, e.anyValue(&syntax.Param{Name: p.Name}, x, s))
		}
		return out
	}
	if a.List != nil || a.Null {
		return poison{}
	}
	typ := core.Type{}
	switch a.Name {
	case "float":
		typ.Elem = e.float()
	case "int":
		if a.Dims == nil {
			return s.names[p.Name].v
		}
		return poison{}
	case "bool":
		if a.Dims == nil {
			return boolVal(e.def.choose("param " + p.Name))
		}
		typ.Elem = core.Bool
	case "id":
		typ.Elem = core.ID
		if a.Arg != nil {
			typ.Range = e.sizeOf(a.Arg, s)
		}
	case "init":
		return initVal{name: "zeros"}
	default:
		switch a.Name {
		case "layer", "fn", "text", "time":
			return poison{} // it waits
		}
		typ.Elem, _ = e.elemType(a, nil, s, matchContext{})
	}
	if a.Dims == nil && typ.Elem.IsFloat() {
		if n, is := p.Default.(*syntax.Number); is {
			if v, ok := number(e.literal(n)); ok {
				return floatVal(v)
			}
		}
		return floatVal(0.5)
	}
	for _, d := range a.Dims {
		switch d := d.(type) {
		case *syntax.Spread:
			if d.Name == "" {
				typ.Dims = append(typ.Dims, e.anyPack("")...)
			} else {
				typ.Dims = append(typ.Dims, e.packName(a, s)...)
			}
		case *syntax.Name:
			if d.Text == "_" {
				typ.Dims = append(typ.Dims, size.FromSym(size.NewSym("_")))
				continue
			}
			n := e.sizeName(d.Text, s)
			if n == nil {
				panic(stop{}) // its name stands for something else, which the match reports
			}
			typ.Dims = append(typ.Dims, *n)
		default:
			typ.Dims = append(typ.Dims, e.dimSize(d, s))
		}
	}
	v := e.term(core.Var{}, typ)
	v.Hint = p.Name
	return v
}
