package check

import (
	"fmt"

	"modelc/compiler/core"
	"modelc/compiler/size"
	"modelc/lang/diag"
	"modelc/lang/source"
	"modelc/lang/syntax"
)

// linear is a subscript as a sum: base + Σ coef·index + Σ values.
type linear struct {
	base size.Size
	axis []*axis
	coef []size.Size
	vals []element
}

func (l *linear) plus(m linear) {
	l.base = l.base.Add(m.base)
	for i, a := range m.axis {
		if k := axisAt(l.axis, a); k >= 0 {
			l.coef[k] = l.coef[k].Add(m.coef[i])
			continue
		}
		l.axis, l.coef = append(l.axis, a), append(l.coef, m.coef[i])
	}
	l.vals = append(l.vals, m.vals...)
}

func (l linear) times(k size.Size) linear {
	out := linear{base: l.base.Mul(k), axis: l.axis}
	for _, c := range l.coef {
		out.coef = append(out.coef, c.Mul(k))
	}
	return out
}

// linearOf takes a subscript apart; what is not affine in the indices is evaluated as an integer element.
func (e *elab) linearOf(x syntax.Expr, c *indexContext, s *scope) linear {
	switch n := x.(type) {
	case *syntax.Name:
		if a := c.find(n.Text); a != nil {
			if !a.known {
				e.failWith(diag.Diagnostic{Code: "M126", At: n.At, Title: fmt.Sprintf("the index `%s` has no extent", a.name),
					Notes: notes("why", "in an affine subscript an index gives no extent", "fix", a.name+": n  on the left or in the reducer")})
			}
			return linear{axis: []*axis{a}, coef: []size.Size{size.Of(1)}}
		}
	case *syntax.Group:
		if len(n.Items) == 1 && n.Items[0].Range == nil {
			return e.linearOf(n.Items[0].X, c, s)
		}
	case *syntax.Unary:
		if n.Op == "-" {
			if l := e.linearOf(n.X, c, s); len(l.vals) == 0 {
				return l.times(size.Of(-1))
			}
		}
	case *syntax.Binary:
		switch n.Op {
		case "+":
			l := e.linearOf(n.X, c, s)
			l.plus(e.linearOf(n.Y, c, s))
			return l
		case "-":
			r := e.linearOf(n.Y, c, s)
			if len(r.vals) == 0 {
				l := e.linearOf(n.X, c, s)
				l.plus(r.times(size.Of(-1)))
				return l
			}
		case "*":
			l, r := e.linearOf(n.X, c, s), e.linearOf(n.Y, c, s)
			if len(l.axis)+len(l.vals) == 0 && len(r.vals) == 0 {
				return r.times(l.base)
			}
			if len(r.axis)+len(r.vals) == 0 && len(l.vals) == 0 {
				return l.times(r.base)
			}
		}
	}
	e.sizes++
	v := e.eval(x, s)
	e.sizes--
	switch v := v.(type) {
	case sizeVal:
		return linear{base: v.s}
	case *core.Term, element:
		el := e.asElement(v, x.Span())
		if !el.t.Type.Elem.IsInt() {
			e.fail("M129", x.Span(), "a subscript is an integer, this is %s", typeText(el.t.Type))
		}
		return linear{vals: []element{el}}
	}
	e.fail("M129", x.Span(), "a subscript is an integer, this is %s", describe(v))
	return linear{}
}

// access evaluates base[subscripts] in an index statement.
func (e *elab) access(x *syntax.Index, t *core.Term, c *indexContext, s *scope) value {
	dims, _ := e.lineUp(x, t, c)
	var axes []*axis
	args := []*core.Term{t}
	use := func(a *axis) int {
		if k := axisAt(axes, a); k >= 0 {
			return k
		}
		axes = append(axes, a)
		return len(axes) - 1
	}
	pack := func(l linear) core.Sub {
		sub := core.Sub{Base: l.base}
		for i, a := range l.axis {
			sub.Axis, sub.Coef = append(sub.Axis, use(a)), append(sub.Coef, l.coef[i])
		}
		for _, v := range l.vals {
			var over []int
			for _, a := range v.axes {
				over = append(over, use(a))
			}
			sub.Values, sub.Over = append(sub.Values, len(args)), append(sub.Over, over)
			args = append(args, v.t)
		}
		return sub
	}
	var subs []core.Sub
	if who := c.picks[x]; who != nil {
		l := e.linearOf(who.X, c, s)
		e.inBounds(l, t.Type.Dims[0], x, who.At)
		subs = append(subs, pack(l))
	}
	for i, a := range x.Args {
		switch n := a.X.(type) {
		case *syntax.Spread:
			for _, ax := range c.spread(n.Name).axes {
				subs = append(subs, core.Sub{Axis: []int{use(ax)}, Coef: []size.Size{size.Of(1)}})
			}
		case *syntax.Group:
			if len(n.Items) > 1 {
				subs = append(subs, e.compound(n, dims[i][0], c, s, pack))
				continue
			}
			l := e.linearOf(a.X, c, s)
			e.inBounds(l, dims[i][0], x, a.At)
			subs = append(subs, pack(l))
		default:
			l := e.linearOf(a.X, c, s)
			e.inBounds(l, dims[i][0], x, a.At)
			subs = append(subs, pack(l))
		}
	}
	e.at(x.At)
	out := core.Type{Elem: t.Type.Elem, Range: t.Type.Range, Dims: extents(axes), Labels: axisNames(axes)}
	return element{e.term(core.Access{Subs: subs}, out, args...), axes}
}

// compound is (i, j, k) over one axis: the last part runs fastest.
func (e *elab) compound(g *syntax.Group, dim size.Size, c *indexContext, s *scope, pack func(linear) core.Sub) core.Sub {
	type part struct {
		l      linear
		extent size.Size
		known  bool
		at     source.Span
	}
	var parts []part
	for _, it := range g.Items {
		if sp, is := it.X.(*syntax.Spread); is {
			set := c.spread(sp.Name)
			if set == nil || !set.known {
				e.fail("M126", it.At, "nothing says what `...%s` stands for", sp.Name)
			}
			for _, a := range set.axes {
				parts = append(parts, part{linear{axis: []*axis{a}, coef: []size.Size{size.Of(1)}}, a.extent, true, it.At})
			}
			continue
		}
		l := e.linearOf(it.X, c, s)
		p := part{l: l, at: it.At}
		if len(l.axis) == 1 && len(l.vals) == 0 && l.base.IsZero() {
			if k, ok := l.coef[0].Const(); ok && k == 1 {
				p.extent, p.known = l.axis[0].extent, true
			}
		} else if len(l.vals) == 1 && len(l.axis) == 0 && l.base.IsZero() {
			p.extent, p.known = bound(l.vals[0])
		}
		parts = append(parts, p)
	}
	n, open := size.Of(1), -1
	for i, p := range parts {
		if p.known {
			n = n.Mul(p.extent)
			continue
		}
		if open >= 0 {
			e.fail("M108", g.At, "two parts of this compound have no extent of their own")
		}
		open = i
	}
	if open >= 0 {
		q, ok := dim.ExactDiv(n)
		if !ok {
			e.fail("M108", g.At, "an axis of %s is split into parts of %s: it does not divide", dim, n)
		}
		parts[open].extent = q
		e.inBounds(parts[open].l, q, nil, parts[open].at)
	} else {
		switch size.Compare(n, dim, e.facts) {
		case size.No:
			e.fail("M108", g.At, "the parts of this compound make %s, the axis has %s", n, dim)
		case size.Unknown:
			e.residual("==", n, dim, "M108", "the parts of a compound make the whole axis")
		}
	}
	out := core.Sub{}
	for _, p := range parts {
		out.Parts = append(out.Parts, pack(p.l))
		out.Extents = append(out.Extents, p.extent)
	}
	return out
}

// inBounds proves 0 <= subscript < n from the types of what it is made of.
func (e *elab) inBounds(l linear, n size.Size, x *syntax.Index, at source.Span) {
	low, high := l.base, l.base
	for i, a := range l.axis {
		last := l.coef[i].Mul(a.extent.Sub(size.Of(1)))
		if size.Of(0).LessEq(l.coef[i], e.facts) == size.Yes {
			high = high.Add(last)
		} else {
			low = low.Add(last)
		}
	}
	for _, v := range l.vals {
		r, ok := bound(v)
		if !ok {
			e.failWith(diag.Diagnostic{Code: "M124", At: at, Title: fmt.Sprintf("%s is not proved to lie within the axis of %s", typeText(core.Type{Elem: v.t.Type.Elem}), n),
				Notes: notes("why", "subscripts are proved in bounds by their types, so that no check is needed while running",
					"fix", "e % n  rolls round,  clamp(e, 0, n - 1)  repeats the edge; a stored column is id(n)")})
		}
		high = high.Add(r).Sub(size.Of(1))
	}
	if size.Of(0).LessEq(low, e.facts) == size.No {
		e.failWith(diag.Diagnostic{Code: "M123", At: at, Title: fmt.Sprintf("this subscript reaches down to %s", low), Notes: notes("fix", "pad by border, roll by %, repeat an edge by clamp")})
	}
	switch high.Less(n, e.facts) {
	case size.No:
		if len(l.vals) == 1 && len(l.axis) == 0 {
			e.fail("M311", at, "%s picks from an axis of %s", typeText(core.Type{Elem: l.vals[0].t.Type.Elem, Range: l.vals[0].t.Type.Range}), n)
		}
		e.failWith(diag.Diagnostic{Code: "M123", At: at, Title: fmt.Sprintf("this subscript reaches %s, the axis ends at %s", high, n.Sub(size.Of(1))), Notes: notes("fix", "pad by border, roll by %, repeat an edge by clamp")})
	case size.Unknown:
		e.residual("<=", high.Add(size.Of(1)), n, "M123", "the subscript stays within its axis")
	}
}
