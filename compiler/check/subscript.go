package check

import (
	"modelc/compiler/core"
	"modelc/compiler/size"
	"modelc/lang/source"
	"modelc/lang/syntax"
)

// index evaluates x[…]: an element within an index statement, the sizes of an initialiser, layers of a list, a slice of a tensor.
func (e *elab) index(x *syntax.Index, s *scope) value {
	if c := s.indexes(); c != nil {
		if base, is := c.bases[x]; is {
			if t, is := base.(*core.Term); is {
				return e.access(x, t, c, s)
			}
			return e.subscript(base, x, s)
		}
	}
	if n, is := x.X.(*syntax.Name); is && (reducers[n.Text] || keepers[n.Text] || brackets[n.Text]) {
		if b, _ := s.find(n.Text); b == nil {
			e.fail("M131", x.At, "%s[…] is applied to a tensor: %s[…](x)", n.Text, n.Text)
		}
	}
	var base value
	blind(s, func() { base = e.eval(x.X, s) })
	e.at(x.At)
	return e.subscript(base, x, s)
}

func (e *elab) subscript(base value, x *syntax.Index, s *scope) value {
	switch b := base.(type) {
	case initVal:
		dims := e.initDims(x, s)
		elem := e.float()
		if b.name == "random_id" {
			elem = core.ID
		}
		return e.initTensor(b, dims, elem, e.drawPath(b.name), x.At)
	case *core.Term:
		return e.slice(b, x, s)
	case *listVal:
		return e.pick(b, x, s)
	case tupleVal:
		if i, ok := e.constIndex(x, s, int64(len(b))); ok {
			return b[i]
		}
	case interface {
		subscript(e *elab, x *syntax.Index, s *scope) value
	}:
		return b.subscript(e, x, s)
	}
	e.fail("M128", x.At, "%s has no subscripts", describe(base))
	return nil
}

// initDims reads the sizes of zeros[B, n], normal[...s].
func (e *elab) initDims(x *syntax.Index, s *scope) []size.Size {
	var dims []size.Size
	for _, a := range x.Args {
		if sp, is := a.X.(*syntax.Spread); is {
			b, _ := s.find(sp.Name)
			if b != nil {
				if p, is := b.v.(packVal); is {
					dims = append(dims, p...)
					continue
				}
			}
			e.fail("M107", sp.At, "`...%s` is not bound here", sp.Name)
		}
		n := e.dimSize(a.X, s)
		if size.Of(0).LessEq(n, e.facts) == size.No {
			e.fail("M106", a.At, "a size of %s", n)
		}
		dims = append(dims, n)
	}
	e.fits(dims, x.At)
	return dims
}

// maxBytes is the size of a tensor beyond which no machine holds it.
const maxBytes = 1 << 47

// fits refuses sizes whose product no memory holds, or 64 bits cannot count.
func (e *elab) fits(dims []size.Size, at source.Span) {
	bytes := size.Of(8)
	for _, n := range dims {
		if !n.IsZero() {
			bytes = bytes.Mul(n)
		}
	}
	if c, known := bytes.Const(); bytes.Err() != nil || known && c >= maxBytes {
		e.fail("M106", at, "a tensor of %s is too large", typeText(core.Type{Elem: core.F32, Dims: dims}))
	}
}

func (e *elab) constIndex(x *syntax.Index, s *scope, n int64) (int64, bool) {
	if len(x.Args) != 1 {
		e.fail("M128", x.At, "one subscript is needed here")
	}
	v := e.eval(x.Args[0].X, s)
	k, is := v.(sizeVal)
	if !is {
		return 0, false
	}
	i, ok := k.s.Const()
	if !ok {
		return 0, false
	}
	if i < 0 || i >= n {
		e.fail("M123", x.Args[0].At, "subscript %d of a list of %d", i, n)
	}
	return i, true
}

// pick takes a layer of a list, or a part of it: list[i], list[a..b], list[0..last].
func (e *elab) pick(l *listVal, x *syntax.Index, s *scope) value {
	if len(x.Args) != 1 {
		e.fail("M128", x.At, "one subscript is needed here")
	}
	if r, is := x.Args[0].X.(*syntax.Binary); is && r.Op == ".." {
		sub := newScope(s)
		sub.set("last", sizeVal{size.Of(int64(len(l.items)))}, x.At)
		lo, hi := e.rangeOf(r, sub)
		a, aok := lo.Const()
		b, bok := hi.Const()
		if !aok || !bok {
			e.wait()
		}
		if !aok || !bok || a < 0 || b > int64(len(l.items)) || a > b {
			e.fail("M123", x.Args[0].At, "%s..%s of a list of %d", lo, hi, len(l.items))
		}
		return &listVal{items: l.items[a:b], path: l.path, at: x.At}
	}
	if n, is := x.Args[0].X.(*syntax.Name); is && n.Text == "last" && len(l.items) > 0 {
		return l.items[len(l.items)-1]
	}
	i, ok := e.constIndex(x, s, int64(len(l.items)))
	if !ok {
		e.wait()
		e.fail("M222", x.Args[0].At, "which layer of a list runs is known before the run, or picked by an index: layers[e](x)[…]")
	}
	return l.items[i]
}

// pickOf recognises layers[e](x) under a subscript (ruling 30) and returns the list, e and the call.
func (e *elab) pickOf(x syntax.Expr, s *scope) (*listVal, *syntax.Arg, *syntax.Call) {
	call, is := x.(*syntax.Call)
	if !is {
		return nil, nil, nil
	}
	ix, is := call.Fn.(*syntax.Index)
	if !is || len(ix.Args) != 1 {
		return nil, nil, nil
	}
	n, is := ix.X.(*syntax.Name)
	if !is {
		return nil, nil, nil
	}
	b := e.lookup(n.Text, s)
	if b == nil {
		return nil, nil, nil
	}
	l, is := b.v.(*listVal)
	if !is || len(l.items) == 0 {
		return nil, nil, nil
	}
	return l, ix.Args[0], call
}

// allLayers runs every layer of a list on the same arguments: the results on a new first axis.
func (e *elab) allLayers(l *listVal, call *syntax.Call, s *scope) *core.Term {
	args := e.evalArgs(nil, call.Args, s, 0)
	var ts []*core.Term
	for _, it := range l.items {
		ts = append(ts, e.asTerm(e.applyCallArgs(it, append([]callArg(nil), args...), call.At), call.At))
	}
	for _, t := range ts[1:] {
		if t.Type.Elem != ts[0].Type.Elem || !e.equalDims(t.Type.Dims, ts[0].Type.Dims, call.At) {
			e.fail("M220", call.At, "layers picked by an index give one type; these give %s and %s", typeText(ts[0].Type), typeText(t.Type))
		}
	}
	out := core.Type{Elem: ts[0].Type.Elem, Dims: append([]size.Size{size.Of(int64(len(ts)))}, ts[0].Type.Dims...)}
	return e.term(core.Stack{Axis: 0}, out, ts...)
}

// slice is a subscript outside of index statements: it lists every axis, by integers, ranges and `...`; an integer known only while running (a loop's counter) picks too.
func (e *elab) slice(t *core.Term, x *syntax.Index, s *scope) value {
	dims := t.Type.Dims
	spread := -1
	for i, a := range x.Args {
		if _, is := a.X.(*syntax.Spread); is {
			spread = i
		}
	}
	if spread < 0 && len(x.Args) != len(dims) || spread >= 0 && len(x.Args)-1 > len(dims) {
		e.fail("M128", x.At, "%d subscripts for %s, which has %d axes (`...` stands for the rest)", len(x.Args), typeText(t.Type), len(dims))
	}
	start := make([]size.Size, len(dims))
	extent := append([]size.Size(nil), dims...)
	var drop []int
	values := map[int]*core.Term{}
	k := 0
	for i, a := range x.Args {
		if i == spread {
			k += len(dims) - len(x.Args) + 1
			continue
		}
		switch n := a.X.(type) {
		case *syntax.Binary:
			if n.Op == ".." {
				sub := newScope(s)
				sub.set("last", sizeVal{dims[k]}, n.At)
				lo, hi := e.rangeOf(n, sub)
				if hi.LessEq(dims[k], e.facts) == size.No || size.Of(0).LessEq(lo, e.facts) == size.No || lo.LessEq(hi, e.facts) == size.No {
					e.fail("M123", a.At, "%s..%s of an axis of %s", lo, hi, dims[k])
				}
				if hi.LessEq(dims[k], e.facts) == size.Unknown {
					e.residual("<=", hi, dims[k], "M123", "the range stays within its axis")
				}
				start[k], extent[k] = lo, hi.Sub(lo)
				k++
				continue
			}
		case *syntax.Name:
			if b, _ := s.find(n.Text); n.Text == "last" && b == nil {
				start[k] = dims[k].Sub(size.Of(1))
				drop = append(drop, k)
				k++
				continue
			}
		}
		e.sizes++
		v := e.eval(a.X, s)
		e.sizes--
		switch v := v.(type) {
		case sizeVal:
			if v.s.Less(dims[k], e.facts) == size.No || size.Of(0).LessEq(v.s, e.facts) == size.No {
				e.fail("M123", a.At, "subscript %s of an axis of %s", v.s, dims[k])
			}
			if v.s.Less(dims[k], e.facts) == size.Unknown {
				e.residual("<=", v.s.Add(size.Of(1)), dims[k], "M123", "the subscript stays within its axis")
			}
			start[k] = v.s
		case *core.Term:
			if !v.Type.Elem.IsInt() || len(v.Type.Dims) != 0 {
				e.fail("M129", a.At, "outside of an index statement a subscript is an integer; this is %s", typeText(v.Type))
			}
			e.inBounds(linear{vals: []element{{t: v}}}, dims[k], x, a.At)
			values[k] = v
		default:
			e.fail("M129", a.At, "a subscript is an integer, this is %s", describe(v))
		}
		drop = append(drop, k)
		k++
	}
	out := core.Type{Elem: t.Type.Elem, Range: t.Type.Range}
	gone := map[int]bool{}
	for _, d := range drop {
		gone[d] = true
	}
	for i := range dims {
		if !gone[i] {
			out.Dims, out.Labels = append(out.Dims, extent[i]), append(out.Labels, label(t.Type, i))
		}
	}
	if len(values) == 0 {
		return e.term(core.Slice{Start: start, Drop: drop}, out, t)
	}
	args := []*core.Term{t}
	var subs []core.Sub
	axis := 0
	for i := range dims {
		sub := core.Sub{Base: start[i]}
		switch {
		case values[i] != nil:
			sub.Values, sub.Over = []int{len(args)}, [][]int{nil}
			args = append(args, values[i])
		case !gone[i]:
			sub.Axis, sub.Coef = []int{axis}, []size.Size{size.Of(1)}
			axis++
		}
		subs = append(subs, sub)
	}
	return e.term(core.Access{Subs: subs}, out, args...)
}
