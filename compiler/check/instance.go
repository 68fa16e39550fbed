package check

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"modelc/compiler/core"
	"modelc/compiler/resolve"
	"modelc/compiler/size"
	"modelc/lang/diag"
	"modelc/lang/source"
	"modelc/lang/syntax"
)

// instance is what a constructor call makes: the owner of its slots and of the instances its declarations construct. Declarations are elaborated on first use, so
// that a size which the first call solves is there when a slot needs it.
type instance struct {
	decl      *resolve.Decl
	block     *syntax.Block
	path      string
	scope     *scope
	args      []callArg
	slots     map[string]*core.Slot
	order     []*core.Slot
	group     *group // set within the template of a stack
	optimizer bool
	at        source.Span
	requires  []*syntax.Key
	called    bool
	home      *syntax.Block // the train block that made it; nil: none
}

// group is a stack of like layers: one template, elaborated once, whose slots have a leading axis.
type group struct {
	path     string
	n        int
	template *instance
}

// turn is the template in use: in a scan, or for one layer of the stack.
type turn struct {
	scan  bool
	index int
	over  map[*core.Slot]*core.Term
	order []*core.Slot
}

// slotRef is a slot's name in a scope; reading it depends on when.
type slotRef struct {
	in   *instance
	decl *syntax.Slot
}

// construct makes an instance.
func (e *elab) construct(d *resolve.Decl, args []callArg, at source.Span) value {
	if !e.building {
		call, where, above := d.Name+"(…)", "while running", "among the declarations"
		if s := short(at); strings.HasPrefix(s, d.Name+"(") {
			call = s
			if i := strings.LastIndex(call, ")("); i > 0 && strings.HasSuffix(call, ")") {
				call = call[:i+1]
			}
		}
		if e.running != "" {
			where, above = "inside "+e.running, "above `fn "+e.running+"`"
		}
		e.failWith(diag.Diagnostic{Code: "M210", At: at, Title: call + " makes weights, which is not possible " + where,
			Notes: notes("why", "the set of weights is fixed before the first step, so that it can be saved, counted and shared by name",
				"fix", lower(d.Name)+" = "+call+"   "+above+", then   "+lower(d.Name)+"(x)   here")})
	}
	m := d.Member()
	if m == nil {
		panic(stop{})
	}
	path := e.naming
	if path == "" {
		path = join(e.path, lower(d.Name))
	}
	for i := range args {
		if el, is := args[i].v.(element); is && len(el.axes) == 0 {
			args[i].v = el.t
		}
	}
	in := e.makeInstance(d, m.Block, path, args, at, e.group)
	return in
}

// lower is the name with a small first letter.
func lower(name string) string {
	r, n := utf8.DecodeRuneInString(name)
	return string(unicode.ToLower(r)) + name[n:]
}

func (e *elab) makeInstance(d *resolve.Decl, b *syntax.Block, path string, args []callArg, at source.Span, g *group) *instance {
	in := &instance{decl: d, block: b, path: path, args: args, slots: map[string]*core.Slot{}, at: at, group: g, home: e.home}
	in.scope = newScope(e.rootOf(d.Unit))
	in.scope.inst = in
	e.enter(at, path, func() {
		check := e.bindParams(b.Params, args, in.scope, d.Name, at)
		check()
	})
	for _, m := range b.Body.Members {
		e.declareMember(in, m)
	}
	e.made = append(e.made, in)
	return in
}

// declareMember binds one member of a layer, to be elaborated when it is used.
func (e *elab) declareMember(in *instance, m *syntax.Member) {
	s := in.scope
	lazily := func(name string, at source.Span, f func() value) {
		if s.names[name] != nil {
			e.report1("M404", at, "`%s` is declared twice in %s", name, in.decl.Name)
			return
		}
		s.names[name] = &binding{at: at, lazy: func() value {
			var v value
			building, group := e.building, e.group
			e.building, e.group = true, in.group
			e.enter(in.at, in.path, func() { v = f() })
			e.building, e.group = building, group
			return v
		}}
	}
	switch {
	case m.Slot != nil:
		s.set(m.Slot.Name, slotRef{in, m.Slot}, m.Slot.NameAt)
	case m.Fn != nil:
		s.set(m.Fn.Name, fnVal{decl: m.Fn, env: s, self: in}, m.Fn.NameAt)
	case m.Dim != nil:
		for i, n := range m.Dim.Names {
			if m.Dim.Value == nil {
				if s.names[n] == nil {
					s.names[n] = &binding{at: m.Dim.NamesAt[i]}
				}
				continue
			}
			lazily(n, m.Dim.NamesAt[i], func() value { return sizeVal{e.sizeOf(m.Dim.Value, s)} })
		}
	case m.Key != nil && m.Key.Kind == "require":
		in.requires = append(in.requires, m.Key)
	case m.Stmt != nil && m.Stmt.Op == "=":
		switch l := m.Stmt.Left.(type) {
		case *syntax.Name:
			lazily(l.Text, l.At, func() value {
				sub := newScope(s)
				e.simple(m.Stmt, sub)
				return sub.names[l.Text].v
			})
		case *syntax.Index:
			if n, is := l.X.(*syntax.Name); is {
				lazily(n.Text, n.At, func() value {
					sub := newScope(s)
					e.indexStatement(l, m.Stmt, sub)
					return sub.names[n.Text].v
				})
			}
		default:
			e.report1("M207", m.At, "only a name can be declared here")
		}
	default:
		e.report1("M207", m.At, "this has no place in a layer")
	}
}

// method returns a function of the layer.
func (in *instance) method(name string) *syntax.Fn {
	for _, m := range in.block.Body.Members {
		if m.Fn != nil && m.Fn.Name == name {
			return m.Fn
		}
	}
	return nil
}

func (in *instance) slotDecl(name string) *syntax.Slot {
	for _, m := range in.block.Body.Members {
		if m.Slot != nil && m.Slot.Name == name {
			return m.Slot
		}
	}
	return nil
}

// ownsSpread reports whether a slot of the layer has the shape `...name`.
func (in *instance) ownsSpread(name string) bool {
	for _, m := range in.block.Body.Members {
		if m.Slot == nil {
			continue
		}
		for _, a := range m.Slot.Type.Alts {
			for _, d := range a.Dims {
				if sp, is := d.(*syntax.Spread); is && sp.Name == name {
					return true
				}
			}
		}
	}
	return false
}

// solved checks the requirements of an instance once its first call has matched its arguments.
func (e *elab) solved(in *instance) {
	if in.called {
		return
	}
	in.called = true
	for _, k := range in.requires {
		e.enter(in.at, in.path, func() {
			e.at(k.At)
			e.require(k, in.scope)
		})
	}
}

// callMethod calls a function of an instance.
func (e *elab) callMethod(in *instance, name string, args []callArg, at source.Span) value {
	f := in.method(name)
	if f == nil {
		e.fail("M203", at, "%s has no function `%s`", in.decl.Name, name)
	}
	return e.callFn(fnVal{decl: f, env: in.scope, self: in}, args, at)
}

// callStacked calls one layer of a stack.
func (e *elab) callStacked(f stacked, name string, args []callArg, at source.Span) value {
	if t := e.turns[f.group]; t != nil && t.scan {
		return e.callMethod(f.group.template, name, args, at)
	}
	defer e.picking(f)()
	return e.callMethod(f.group.template, name, args, at)
}

func (e *elab) picking(f stacked) func() {
	old := e.turns[f.group]
	e.turns[f.group] = &turn{index: f.index}
	return func() {
		if old == nil {
			delete(e.turns, f.group)
		} else {
			e.turns[f.group] = old
		}
	}
}

// slot returns a slot of an instance, making it on first use.
func (e *elab) slot(in *instance, name string, at source.Span) *core.Slot {
	if s := in.slots[name]; s != nil {
		return s
	}
	d := in.slotDecl(name)
	if d.If != nil {
		c, is := e.eval(d.If, in.scope).(boolVal)
		if !is {
			e.fail("M212", d.If.Span(), "whether a slot exists is known before the run: `%s` is not", syntax.Print(d.If))
		}
		if !c {
			e.fail("M212", at, "`%s` does not exist here: it is declared `if %s`", name, syntax.Print(d.If))
		}
	}
	building, group, phase := e.building, e.group, e.phase
	e.building, e.group = true, in.group
	var slot *core.Slot
	e.enter(in.at, in.path, func() {
		e.at(d.At)
		a := d.Type.Alts[0]
		elem, within := core.F32, size.Size{}
		if a.Name == "id" && a.Arg != nil {
			elem, within = core.ID, e.sizeOf(a.Arg, in.scope)
		} else if a.Name != "float" {
			el, is := elemNames[a.Name]
			if !is {
				e.fail("M141", a.At, "a slot is a tensor of numbers, not %s", syntax.Print(d.Type))
			}
			elem = e.wide(el)
		} else if e.precision == core.F64 {
			elem = core.F64
		}
		if d.Kind == "param" && !elem.IsFloat() {
			e.fail("M141", a.At, "a `param` is trained, so it is a float; declare it as `state`")
		}
		t := core.Type{Elem: elem, Range: within}
		bytes := size.Of(8)
		for _, x := range a.Dims {
			if sp, is := x.(*syntax.Spread); is {
				p := e.packName(a, in.scope)
				if p == nil {
					e.fail("M211", sp.At, "the shape of `%s` is not fixed yet", name)
				}
				t.Dims = append(t.Dims, p...)
				continue
			}
			n := e.dimSize(x, in.scope)
			if c, ok := n.Const(); ok && c < 0 {
				e.fail("M106", x.Span(), "`%s` is %d, a size is at least 0", syntax.Print(x), c)
			}
			t.Dims = append(t.Dims, n)
		}
		for _, n := range t.Dims {
			bytes = bytes.Mul(n)
		}
		if c, ok := bytes.Const(); bytes.Err() != nil || ok && c >= maxBytes {
			e.fail("M106", d.At, "`%s` is too large: %s", name, typeText(t))
		}
		sep := "."
		if in.optimizer {
			sep = ":"
		}
		slot = &core.Slot{Path: in.path + sep + name, Type: t, At: d.At}
		if in.path == "" {
			slot.Path = name
		}
		switch {
		case d.Kind == "param":
			slot.Role = core.Param
		case in.optimizer:
			slot.Role = core.Moment
		default:
			slot.Role = core.Stat
		}
		if in.group != nil {
			for i := 0; i < in.group.n; i++ {
				slot.Parts = append(slot.Parts, in.group.path+"."+strconv.Itoa(i)+strings.TrimPrefix(slot.Path, in.group.path))
			}
		}
		e.fixing = true
		slot.Init = e.initial(d, in, t)
		e.fixing = false
	})
	e.building, e.group, e.phase = building, group, phase
	in.slots[name] = slot
	in.order = append(in.order, slot)
	e.slots = append(e.slots, slot)
	return slot
}

// initial evaluates a slot's initialiser.
func (e *elab) initial(d *syntax.Slot, in *instance, t core.Type) *core.Term {
	path := "@" + d.Name
	if d.Init == nil {
		if d.Kind == "param" {
			e.fail("M213", d.At, "the weight `%s` needs an initialiser: = glorot, = zeros, …", d.Name)
		}
		return e.initTensor(initVal{name: "zeros"}, t.Dims, t.Elem, path, d.At)
	}
	v := e.eval(d.Init, in.scope)
	switch v := v.(type) {
	case initVal:
		return e.initTensor(v, t.Dims, t.Elem, path, d.Init.Span())
	case *core.Term, sizeVal, floatVal, boolVal:
		x := e.convertLoose(v, t.Elem, d.Init.Span())
		if len(x.Type.Dims) == 0 && len(t.Dims) > 0 {
			x = e.term(core.Fill{}, of(t.Elem, t.Dims...), x)
		}
		if !e.equalDims(x.Type.Dims, t.Dims, d.Init.Span()) {
			e.fail("M102", d.Init.Span(), "`%s` is %s, its first value is %s", d.Name, typeText(t), typeText(x.Type))
		}
		return x
	}
	e.fail("M213", d.Init.Span(), "`%s` is made by an initialiser, not by %s", d.Name, describe(v))
	return nil
}

// read gives the value a slot has at this point.
func (e *elab) read(r slotRef, at source.Span) *core.Term {
	slot := e.slot(r.in, r.decl.Name, at)
	t := e.current(r.in, slot)
	if r.decl.Type.Alts[0].Name == "float" && t.Type.Elem == core.F32 && e.float() != core.F32 && !r.in.optimizer {
		t = e.term(core.Cast{}, core.Type{Elem: e.float(), Dims: t.Type.Dims}, t)
	}
	return t
}

func (e *elab) current(in *instance, slot *core.Slot) *core.Term {
	if in.group == nil {
		if t := e.now[slot]; t != nil {
			return t
		}
		return e.readTerm(slot)
	}
	tn := e.turns[in.group]
	if tn == nil {
		panic("check: a stack's slot is read outside of its turn")
	}
	if tn.scan {
		if t := e.now[slot]; t != nil {
			return t
		}
		if tn.over[slot] == nil {
			tn.over[slot] = e.term(core.Var{}, slot.Type)
			tn.order = append(tn.order, slot)
		}
		return tn.over[slot]
	}
	whole := e.now[slot]
	if whole == nil {
		whole = e.readTerm(slot)
	}
	start := make([]size.Size, len(whole.Type.Dims))
	start[0] = size.Of(int64(tn.index))
	return e.term(core.Slice{Start: start, Drop: []int{0}}, slot.Type, whole)
}

// readTerm is the leaf for a slot's value at the door; that of a stacked slot has the leading axis.
func (e *elab) readTerm(slot *core.Slot) *core.Term {
	if t := e.reads[slot]; t != nil {
		return t
	}
	t := slot.Type
	if n := slot.Stacked(); n > 0 {
		t.Dims = append([]size.Size{size.Of(int64(n))}, t.Dims...)
		t.Labels = nil
	}
	r := e.term(core.Read{Slot: slot}, t)
	e.reads[slot] = r
	return r
}

// field evaluates x.name.
func (e *elab) field(x *syntax.Field, s *scope) value {
	if n, is := x.X.(*syntax.Name); is {
		if q := e.qualified(n, x, s); q != nil {
			return q
		}
	}
	base := e.eval(x.X, s)
	e.at(x.At)
	return e.fieldOf(base, x)
}

func (e *elab) fieldOf(base value, x *syntax.Field) value {
	switch b := base.(type) {
	case *instance:
		return e.member(b, x)
	case stacked:
		if t := e.turns[b.group]; t == nil || !t.scan {
			defer e.picking(b)()
		}
		v := e.member(b.group.template, x)
		if f, is := v.(fnVal); is {
			return stackedMethod{b, f}
		}
		return v
	case *core.Term:
		if x.Name == "mask" {
			return e.mask(b, x)
		}
	case interface {
		field(e *elab, x *syntax.Field) value
	}:
		return b.field(e, x)
	}
	d := diag.Diagnostic{Code: "M400", At: x.NameAt, Title: fmt.Sprintf("%s has no `%s`", describe(base), x.Name)}
	if _, is := base.(*core.Term); is {
		if ours := foreign[x.Name]; ours != "" {
			d.Notes = notes("fix", ours)
		} else if brackets[x.Name] || keepers[x.Name] || reducers[x.Name] {
			d.Notes = notes("fix", x.Name+"[last]("+syntax.Print(x.X)+")")
		} else if builtins[x.Name] || e.unit.Find(x.Name) != nil {
			d.Notes = notes("fix", x.Name+"("+syntax.Print(x.X)+")")
		}
	}
	e.failWith(d)
	return nil
}

// stackedMethod is a function of one layer of a stack.
type stackedMethod struct {
	of stacked
	f  fnVal
}

func (m stackedMethod) call(e *elab, args []callArg, at source.Span) value {
	return e.callStacked(m.of, m.f.decl.Name, args, at)
}

// member looks a name up among an instance's own.
func (e *elab) member(in *instance, x *syntax.Field) value {
	b := in.scope.names[x.Name]
	if b == nil {
		var names []string
		for n := range in.scope.names {
			names = append(names, n)
		}
		d := diag.Diagnostic{Code: "M400", At: x.NameAt, Title: fmt.Sprintf("%s has no `%s`", in.decl.Name, x.Name)}
		if near := diag.Suggest(x.Name, names); near != "" {
			d.Labels = []diag.Label{{At: x.NameAt, Text: "did you mean `" + near + "`?"}}
		}
		e.failWith(d)
	}
	b = e.lookup(x.Name, in.scope)
	if r, is := b.v.(slotRef); is {
		return e.read(r, x.NameAt)
	}
	if b.v == nil {
		e.fail("M211", x.NameAt, "`%s` is not fixed yet: it is solved by the first call", x.Name)
	}
	return b.v
}

// countParams sums the sizes of the trained weights of an instance and of all it owns.
func (e *elab) countParams(v value, at source.Span) size.Size {
	n := size.Size{}
	for _, s := range e.ownedSlots(v, at) {
		if s.Role != core.Param {
			continue
		}
		k := size.Of(1)
		for _, d := range s.Type.Dims {
			k = k.Mul(d)
		}
		if st := s.Stacked(); st > 0 {
			k = k.Mul(size.Of(int64(st)))
		}
		n = n.Add(k)
	}
	return n
}

// ownedSlots lists the slots below an instance or list, in order of making. Members no call has touched yet are elaborated where that needs no call.
func (e *elab) ownedSlots(v value, at source.Span) []*core.Slot {
	var out []*core.Slot
	seen := map[any]bool{}
	owner := "" // what an instance is given by name stays its giver's (ruling 9): its path lies elsewhere
	var visit func(v value)
	visit = func(v value) {
		switch v := v.(type) {
		case *instance:
			if seen[v] || owner != "" && !strings.HasPrefix(v.path, owner+".") {
				return
			}
			seen[v] = true
			defer func(old string) { owner = old }(owner)
			owner = v.path
			for _, m := range v.block.Body.Members {
				switch {
				case m.Slot != nil:
					if m.Slot.If != nil {
						if c, is := e.eval(m.Slot.If, v.scope).(boolVal); is && !bool(c) {
							continue
						}
					}
					out = append(out, e.slot(v, m.Slot.Name, at))
				case m.Stmt != nil && m.Stmt.Op == "=":
					if n, is := m.Stmt.Left.(*syntax.Name); is {
						if b := e.lookup(n.Text, v.scope); b != nil {
							visit(b.v)
						}
					}
				}
			}
			for _, a := range v.args {
				visit(a.v)
			}
		case stacked:
			if !seen[v.group] {
				seen[v.group] = true
				visit(v.group.template)
			}
		case *listVal:
			for _, it := range v.items {
				visit(it)
			}
		case tupleVal:
			for _, it := range v {
				visit(it)
			}
		case partial:
			visit(v.fn)
		case *core.Term:
			if s := slotOf(v); s != nil {
				out = append(out, s)
			}
		}
	}
	visit(v)
	return out
}

// slotOf is the slot that a term is the value of, as net.head.w is; nil if it is more than that.
func slotOf(t *core.Term) *core.Slot {
	switch k := t.Kind.(type) {
	case core.Read:
		return k.Slot
	case core.Cast:
		return slotOf(t.Args[0])
	}
	return nil
}
