package check

import (
	"modelc/compiler/core"
	"modelc/compiler/size"
	"modelc/lang/source"
	"modelc/lang/syntax"
)

func (e *elab) concat(pos []callArg, axes []*syntax.Arg, s *scope, at source.Span) value {
	ts := make([]*core.Term, len(pos))
	for i, p := range pos {
		ts[i] = e.asTerm(p.v, p.at)
	}
	k := e.axis(ts[0], axes, s)
	out := ts[0].Type
	out.Dims = append([]size.Size(nil), out.Dims...)
	for i, t := range ts[1:] {
		a, b := t, ts[0]
		if len(a.Type.Dims) != len(b.Type.Dims) {
			e.mismatch(b, a, true, pos[i+1].at, nil)
		}
		elem, ok := e.meet(a, b)
		if !ok || elem.IsFloat() && a.Type.Elem != b.Type.Elem {
			e.fail("M140", pos[i+1].at, "%s and %s are joined", typeText(b.Type), typeText(a.Type))
		}
		for j := range out.Dims {
			if j == k {
				out.Dims[j] = out.Dims[j].Add(a.Type.Dims[j])
			} else if !e.equalDims(a.Type.Dims[j:j+1], b.Type.Dims[j:j+1], pos[i+1].at) {
				e.fail("M110", pos[i+1].at, "%s and %s are joined along axis %d, but differ in axis %d", typeText(b.Type), typeText(a.Type), k+1, j+1)
			}
		}
	}
	return e.term(core.Concat{Axis: k}, out, ts...)
}

func (e *elab) split(t *core.Term, n callArg, axes []*syntax.Arg, s *scope, at source.Span) value {
	k := e.axis(t, axes, s)
	var parts []size.Size
	switch v := n.v.(type) {
	case sizeVal:
		c, ok := v.s.Const()
		if !ok {
			e.wait()
		}
		if !ok || c < 1 || c > 4096 {
			e.fail("M108", n.at, "split into %s parts", v.s)
		}
		q, ok := t.Type.Dims[k].ExactDiv(v.s)
		if !ok {
			e.fail("M108", at, "an axis of %s is not divisible into %d parts", t.Type.Dims[k], c)
		}
		for i := int64(0); i < c; i++ {
			parts = append(parts, q)
		}
	case *listVal:
		sum := size.Size{}
		for _, it := range v.items {
			p, is := it.(sizeVal)
			if !is {
				e.notSize(it, n.at)
			}
			parts = append(parts, p.s)
			sum = sum.Add(p.s)
		}
		if size.Compare(sum, t.Type.Dims[k], e.facts) == size.No {
			e.fail("M108", n.at, "the parts make %s, the axis has %s", sum, t.Type.Dims[k])
		}
	default:
		e.fail("M108", n.at, "split[axis](x, n) or split[axis](x, [a, b])")
	}
	var out tupleVal
	from := size.Size{}
	for _, p := range parts {
		pt := t.Type
		pt.Dims = append([]size.Size(nil), t.Type.Dims...)
		pt.Dims[k] = p
		start := make([]size.Size, len(pt.Dims))
		start[k] = from
		out = append(out, e.term(core.Slice{Start: start}, pt, t))
		from = from.Add(p)
	}
	return out
}

func (e *elab) border(t *core.Term, n, fill callArg, axes []int, at source.Span) value {
	lo, hi := make([]size.Size, len(t.Type.Dims)), make([]size.Size, len(t.Type.Dims))
	out := t.Type
	out.Dims = append([]size.Size(nil), t.Type.Dims...)
	var a, b size.Size
	switch v := n.v.(type) {
	case sizeVal:
		a, b = v.s, v.s
	case tupleVal:
		if len(v) == 2 {
			x, xok := v[0].(sizeVal)
			y, yok := v[1].(sizeVal)
			if xok && yok {
				a, b = x.s, y.s
				break
			}
		}
		e.fail("M203", n.at, "border[axes](x, n) or border[axes](x, (before, after))")
	default:
		e.notSize(n.v, n.at)
	}
	for _, k := range axes {
		lo[k], hi[k] = a, b
		out.Dims[k] = out.Dims[k].Add(a).Add(b)
		if size.Of(0).LessEq(out.Dims[k], e.facts) == size.No {
			e.fail("M123", at, "the border leaves an axis of %s", out.Dims[k])
		}
	}
	v := value(sizeVal{})
	if fill.v != nil {
		v = fill.v
	}
	return e.term(core.Border{Lo: lo, Hi: hi}, out, t, e.convertLoose(v, t.Type.Elem, at))
}

// shift[T](x, by=1, fill=0): position t holds what t - by held.
func (e *elab) shift(t *core.Term, pos []callArg, named map[string]callArg, axes []*syntax.Arg, s *scope, at source.Span) value {
	k := e.axis(t, axes, s)
	by := value(sizeVal{size.Of(1)})
	if len(pos) > 1 {
		by = pos[1].v
	}
	if a, is := named["by"]; is {
		by = a.v
	}
	n, is := by.(sizeVal)
	if !is {
		e.notSize(by, at)
	}
	lo, hi := make([]size.Size, len(t.Type.Dims)), make([]size.Size, len(t.Type.Dims))
	lo[k], hi[k] = n.s, n.s.Neg()
	v := value(sizeVal{})
	if a, is := named["fill"]; is {
		v = a.v
	}
	if known, is := v.(sizeVal); is && t.Type.Elem == core.ID && known.s.Less(t.Type.Range, e.facts) == size.No {
		e.fail("M311", at, "%s is filled with %s, which is out of its range", typeText(t.Type), known.s)
	}
	return e.term(core.Border{Lo: lo, Hi: hi}, t.Type, t, e.convertLoose(v, t.Type.Elem, at))
}
