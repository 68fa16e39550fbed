package check

import (
	"fmt"
	"strings"

	"modelc/compiler/core"
	"modelc/compiler/size"
	"modelc/lang/diag"
	"modelc/lang/source"
	"modelc/lang/syntax"
)

// matchContext says what is matched, for messages: a parameter of owner, or an annotation (owner "").
type matchContext struct {
	owner, param string
	given        string // what is given, for messages: "x: float[B, 256]"
	term         *core.Term
	at           source.Span
	later        *[]func()
}

// match checks a value against a type, binds the size names that stand bare in it, and returns the value in that type.
func (e *elab) match(v value, t *syntax.Type, s *scope, c matchContext) value {
	if _, is := v.(poison); is {
		return v
	}
	if isEnum(t) {
		name, is := v.(textVal)
		if is {
			for _, alt := range t.Alts {
				if alt.Name == string(name) {
					return v
				}
			}
		}
		e.fail("M203", c.at, "%s is not one of %s", describe(v), syntax.Print(t))
	}
	a := t.Alts[0]
	switch {
	case a.Tuple != nil:
		tv, is := v.(tupleVal)
		if !is || len(tv) != len(a.Tuple) {
			e.fail("M203", c.at, "%s expects a tuple of %d, this is %s", c.what(), len(a.Tuple), describe(v))
		}
		out := make(tupleVal, len(tv))
		for i := range tv {
			out[i] = e.match(tv[i], a.Tuple[i], s, c)
		}
		return out
	case a.List != nil:
		if l, is := v.(*listVal); is {
			return l
		}
		e.fail("M203", c.at, "%s expects a list, this is %s", c.what(), describe(v))
	}
	if el, is := v.(element); is && len(el.axes) == 0 {
		v = el.t
	}
	wrong := func() {
		e.fail("M203", c.at, "%s expects %s, this is %s", c.what(), syntax.Print(t), describe(v))
	}
	if a.Dims == nil {
		switch a.Name {
		case "layer", "fn":
			switch v.(type) {
			case *instance, stacked, *listVal, fnVal, lambdaVal, partial, builtin:
				return v
			}
			wrong()
		case "init":
			if _, is := v.(initVal); is {
				return v
			}
			if isConst(v) {
				return initVal{"constant", map[string]value{"value": v}}
			}
			wrong()
		case "text":
			if _, is := v.(textVal); is {
				return v
			}
			wrong()
		case "int":
			switch v := v.(type) {
			case sizeVal:
				return v
			case floatVal:
				if float64(v) == float64(int64(v)) {
					return sizeVal{size.Of(int64(v))}
				}
			case *core.Term:
				if v.Type.Elem.IsInt() && len(v.Type.Dims) == 0 {
					return v
				}
			}
			wrong()
		case "bool":
			if _, is := v.(boolVal); is {
				return v
			}
			if x, is := v.(*core.Term); is && x.Type.Elem == core.Bool && len(x.Type.Dims) == 0 {
				return v
			}
			wrong()
		}
	}
	elem, rng := e.elemType(a, v, s, c)
	if isConst(v) && a.Dims == nil && elem != core.ID {
		if x, ok := number(v); ok && elem.IsFloat() {
			return floatVal(x)
		}
	}
	x := e.asTerm(v, c.at)
	x = e.intoElem(x, elem, rng, a, c)
	if a.Dims == nil {
		if len(x.Type.Dims) != 0 {
			e.fail("M102", c.at, "%s expects one number, this is %s", c.what(), typeText(x.Type))
		}
		return x
	}
	return e.matchDims(x, a, s, c)
}

func (c matchContext) what() string {
	if c.owner == "" {
		return "the annotation"
	}
	return fmt.Sprintf("%s (`%s`)", c.owner, c.param)
}

// elemType reads the element type of an atom; id(k) binds k.
func (e *elab) elemType(a *syntax.TypeAtom, v value, s *scope, c matchContext) (core.Elem, size.Size) {
	switch a.Name {
	case "float":
		if in := s.instance(); in == nil {
			if t, is := v.(*core.Term); is && t.Type.Elem.IsFloat() {
				return t.Type.Elem, size.Size{}
			}
		}
		return e.float(), size.Size{}
	case "int":
		return core.Int, size.Size{}
	case "id":
		return core.ID, e.idRange(a, v, s, c)
	}
	if el, is := elemNames[a.Name]; is {
		return e.wide(el), size.Size{}
	}
	d := diag.Diagnostic{Code: "M141", At: a.At, Title: fmt.Sprintf("`%s` is no type", a.Name)}
	names := []string{"float", "int", "id", "layer", "init", "text", "time"}
	for n := range elemNames {
		names = append(names, n)
	}
	if near := diag.Suggest(a.Name, names); near != "" {
		d.Labels = []diag.Label{{At: a.At, Text: "did you mean `" + near + "`?"}}
	}
	e.failWith(d)
	return core.None, size.Size{}
}

func (e *elab) idRange(a *syntax.TypeAtom, v value, s *scope, c matchContext) size.Size {
	if a.Arg == nil {
		e.fail("M141", a.At, "id needs its range: id(10) is an integer in 0..10")
	}
	got, known := bound(v)
	if isConst(v) {
		known = false
	}
	if n, is := a.Arg.(*syntax.Name); is && e.sizeName(n.Text, s) == nil {
		if !known {
			e.fail("M311", c.at, "%s expects %s, the range of %s is not known", c.what(), syntax.Print(a), describe(v))
		}
		e.bindSize(n, got, s, c)
		return got
	}
	want := e.sizeOf(a.Arg, s)
	if !known && !isConst(v) && elemOf(v) == core.Int {
		e.failWith(diag.Diagnostic{Code: "M311", At: c.at, Title: fmt.Sprintf("%s expects %s, the range of %s is not known", c.what(), syntax.Print(a), describe(v)),
			Notes: notes("fix", "e % n  or  clamp(e, 0, n - 1)")})
	}
	if known {
		elem := elemOf(v)
		switch size.Compare(got, want, e.facts) {
		case size.No:
			if elem == core.Int && got.LessEq(want, e.facts) == size.Yes {
				break
			}
			e.otherRange(a, v, got, want, s, c)
		case size.Unknown:
			e.residual("==", got, want, "M311", "the ranges of ids agree")
		}
	}
	return want
}

// intoElem converts a matched value.
func (e *elab) intoElem(x *core.Term, elem core.Elem, rng size.Size, a *syntax.TypeAtom, c matchContext) *core.Term {
	from := x.Type.Elem
	if elem == core.ID {
		if from == core.ID || from == core.Int {
			if from == core.ID && x.Type.Range.Same(rng) {
				return x
			}
			y := *x
			y.Type.Elem, y.Type.Range = core.ID, rng
			return &y
		}
		e.failWith(diag.Diagnostic{Code: "M311", At: c.at, Title: fmt.Sprintf("%s expects %s, this is %s", c.what(), syntax.Print(a), typeText(x.Type)),
			Notes: notes("fix", "declare the column as "+syntax.Print(a)+", so that its range is checked while reading")})
	}
	if from == elem {
		return x
	}
	return e.convert(x, elem, c.at)
}

// sizeName returns the size a name stands for in scope, or nil when the name is free to be bound (unknown, or an unsolved dim).
func (e *elab) sizeName(name string, s *scope) *size.Size {
	b, _ := s.find(name)
	if b == nil {
		root := s.root()
		if root.unit != nil && root.unit.Own(name) {
			b = e.fileName(name, root)
		}
	}
	if b == nil {
		return nil
	}
	if b.lazy != nil {
		b = e.lookup(name, s)
	}
	if v, is := b.v.(sizeVal); is {
		b.used = true
		return &v.s
	}
	return nil
}

// bindSize binds a bare name: an unsolved dim of the instance, or a name of the call.
func (e *elab) bindSize(n *syntax.Name, v size.Size, s *scope, c matchContext) {
	if n.Text == "_" {
		return
	}
	for at := s; at != nil; at = at.parent {
		if b := at.names[n.Text]; b != nil && b.v == nil && b.lazy == nil && at.inst != nil {
			b.v, b.fixed = sizeVal{v}, true
			b.from, b.given, b.term = c.at, c.given, c.term
			if c.at.Valid() && c.owner != "" {
				b.why = fmt.Sprintf("was fixed at %s by the first use of `%s`, at %s (%s)", v, at.inst.label(), spot(c.at), c.given)
			} else if c.at.Valid() {
				b.why = fmt.Sprintf("was fixed at %s at %s", v, spot(c.at))
			}
			return
		}
		if at.inst != nil {
			break
		}
	}
	b := s.set(n.Text, sizeVal{v}, n.At)
	b.from, b.given, b.term = c.at, c.given, c.term
	if c.owner != "" && c.at.Valid() && v.String() != n.Text {
		b.why = fmt.Sprintf("is %s by `%s` (%s)", v, c.param, c.given)
	}
	b.used = true
}

// matchDims matches the sizes of a tensor, from the right where `...` stands.
func (e *elab) matchDims(x *core.Term, a *syntax.TypeAtom, s *scope, c matchContext) value {
	dims := x.Type.Dims
	c.given, c.term = typeText(x.Type), x
	if c.param != "" {
		c.given = c.param + ": " + c.given
	}
	spread := -1
	for i, d := range a.Dims {
		if _, is := d.(*syntax.Spread); is {
			if spread >= 0 {
				e.fail("M141", d.Span(), "at most one `...` stands in a type")
			}
			spread = i
		}
	}
	// A scalar fills a declared shape that is known.
	if len(dims) == 0 && !(spread >= 0 && len(a.Dims) == 1 && e.packName(a, s) == nil) {
		if full, ok := e.knownDims(a, s); ok {
			x = e.term(core.Fill{}, core.Type{Elem: x.Type.Elem, Range: x.Type.Range, Dims: full}, x)
			dims = full
		}
	}
	if spread < 0 && len(dims) != len(a.Dims) || spread >= 0 && len(dims) < len(a.Dims)-1 {
		e.shapeMismatch(x, a, s, c, -1)
	}
	labels := make([]string, 0, len(dims))
	k := 0
	for _, d := range a.Dims {
		switch d := d.(type) {
		case *syntax.Spread:
			n := len(dims) - len(a.Dims) + 1
			part := dims[k : k+n]
			if d.Name != "" {
				if p := e.packName(a, s); p != nil {
					if !e.equalDims(part, p, c.at) {
						e.shapeMismatch(x, a, s, c, k)
					}
				} else {
					e.bindPack(d, part, s)
				}
			}
			for j := 0; j < n; j++ {
				if c.owner != "" {
					labels = append(labels, mask(label(x.Type, k+j)))
				} else {
					labels = append(labels, label(x.Type, k+j))
				}
			}
			k += n
			continue
		case *syntax.Name:
			if c.owner != "" && s.outer != nil {
				if l := label(x.Type, k); l != "" {
					if old, is := s.outer[d.Text]; is && old != l {
						l = ""
					}
					s.outer[d.Text] = l
				}
			}
			if d.Text == "_" {
				labels = append(labels, "")
			} else {
				labels = append(labels, joinLabel(indexOfLabel(x, k, c), d.Text))
			}
			if d.Text == "_" {
				k++
				continue
			}
			if want := e.sizeName(d.Text, s); want == nil {
				e.bindSize(d, dims[k], s, c)
			} else {
				e.equalSize(dims[k], *want, x, a, s, c, k)
			}
		default:
			labels = append(labels, "")
			got, axis := dims[k], k
			*c.later = append(*c.later, func() { e.equalSize(got, e.dimSize(d, s), x, a, s, c, axis) })
		}
		k++
	}
	y := *x
	y.Type.Labels = labels
	return &y
}

// indexOfLabel is the index name that an annotation leaves an axis.
func indexOfLabel(x *core.Term, axis int, c matchContext) string {
	if c.owner != "" {
		return ""
	}
	return indexLabel(label(x.Type, axis))
}

// dimSize evaluates a size of a type; (...s) is a product.
func (e *elab) dimSize(d syntax.Expr, s *scope) size.Size {
	if g, is := d.(*syntax.Group); is && len(g.Items) == 1 {
		if sp, is := g.Items[0].X.(*syntax.Spread); is {
			b, _ := s.find(sp.Name)
			if b != nil {
				if p, is := b.v.(packVal); is {
					n := size.Of(1)
					for _, d := range p {
						n = n.Mul(d)
					}
					return n
				}
			}
			e.fail("M107", sp.At, "`...%s` is not bound here", sp.Name)
		}
	}
	if b, is := d.(*syntax.Binary); is && b.Op == "<=" {
		return e.sizeOf(b.X, s)
	}
	return e.sizeOf(d, s)
}

func (e *elab) packName(a *syntax.TypeAtom, s *scope) []size.Size {
	for _, d := range a.Dims {
		if sp, is := d.(*syntax.Spread); is && sp.Name != "" {
			if b, _ := s.find(sp.Name); b != nil {
				if p, is := b.v.(packVal); is {
					if p == nil {
						return []size.Size{}
					}
					return p
				}
			}
		}
	}
	return nil
}

// bindPack binds `...s`; in an optimizer's layer it belongs to the instance, whose slots have that shape.
func (e *elab) bindPack(d *syntax.Spread, dims []size.Size, s *scope) {
	p := packVal(append([]size.Size{}, dims...))
	if in := s.instance(); in != nil && in.ownsSpread(d.Name) {
		in.scope.set(d.Name, p, d.At)
		return
	}
	s.set(d.Name, p, d.At)
}

// knownDims returns the sizes of a type when all of its names are bound.
func (e *elab) knownDims(a *syntax.TypeAtom, s *scope) ([]size.Size, bool) {
	var out []size.Size
	for _, d := range a.Dims {
		switch d := d.(type) {
		case *syntax.Spread:
			p := e.packName(a, s)
			if p == nil {
				return nil, false
			}
			out = append(out, p...)
		case *syntax.Name:
			n := e.sizeName(d.Text, s)
			if n == nil {
				return nil, false
			}
			out = append(out, *n)
		default:
			out = append(out, e.dimSize(d, s))
		}
	}
	return out, true
}

func (e *elab) equalSize(got, want size.Size, x *core.Term, a *syntax.TypeAtom, s *scope, c matchContext, axis int) {
	switch e.compare(got, want) {
	case size.No:
		e.shapeMismatch(x, a, s, c, axis)
	case size.Unknown:
		if size.DifferentNames(got, want) {
			e.shapeMismatch(x, a, s, c, axis)
		}
		e.residual("==", got, want, "M102", fmt.Sprintf("%s expects %s", c.what(), syntax.Print(a)))
	}
}

// resolved prints a type with the sizes that are known put in.
func (e *elab) resolved(a *syntax.TypeAtom, s *scope) string {
	var b strings.Builder
	b.WriteString(a.Name)
	if a.Arg != nil {
		b.WriteString("(" + syntax.Print(a.Arg) + ")")
	}
	b.WriteByte('[')
	for i, d := range a.Dims {
		if i > 0 {
			b.WriteString(", ")
		}
		text := syntax.Print(d)
		if n, is := d.(*syntax.Name); is {
			if bd, _ := s.find(n.Text); bd != nil {
				if v, is := bd.v.(sizeVal); is {
					if _, ok := v.s.Const(); ok {
						text = v.s.String()
					}
				}
			}
		}
		b.WriteString(text)
	}
	b.WriteByte(']')
	return b.String()
}
