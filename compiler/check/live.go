package check

import (
	"fmt"

	"modelc/compiler/core"
	"modelc/compiler/size"
	"modelc/lang/diag"
	"modelc/lang/source"
	"modelc/lang/syntax"
)

// liveAxis is the axis that grows while generating: the token input's (rulings 14–16).
type liveAxis struct {
	t        *size.Sym // T of begin; nil in next, where it is 1
	length   size.Size // rows of this call
	all      size.Size // past + rows: what cached gives
	least    int64     // the least bound of past + T that is required, 0: none
	requires size.Size
	count    map[string]int
}

// bound notes a requirement past + T <= n.
func (l *liveAxis) bound(e *elab, a, c size.Size) {
	if n, ok := c.Const(); ok && size.Compare(a, l.requires, nil) == size.Equal {
		if l.least == 0 || n < l.least {
			l.least = n
		}
	}
}

// cacheSlot makes the slot that keeps rows or a carry between calls. Its path is that of the place in the program.
func (e *elab) cacheSlot(what string, t core.Type, at source.Span) *core.Slot {
	key := e.path + "/" + what
	n := e.live.count[key]
	e.live.count[key]++
	path := fmt.Sprintf("%s#%d", key, n)
	for _, s := range e.caches {
		if s.Path == path {
			return s
		}
	}
	zero := e.typedConst(sizeVal{}, t.Elem, at)
	if t.Elem == core.Bool {
		zero = e.asTerm(boolVal(false), at)
	}
	t = withLabels(t, nil)
	t.Dims = append([]size.Size(nil), t.Dims...)
	s := &core.Slot{Path: path, Role: core.Cache, Type: t, Init: zero, At: at}
	if g := e.scanning(); g != nil {
		for i := 0; i < g.n; i++ {
			s.Parts = append(s.Parts, fmt.Sprintf("%s.%d", path, i))
		}
	}
	e.caches = append(e.caches, s)
	return s
}

// scanning returns the stack whose scan is being elaborated, or nil.
func (e *elab) scanning() *group {
	for g, t := range e.turns {
		if t.scan {
			return g
		}
	}
	return nil
}

// cached[T](x): outside of generation the identity; else all rows so far (ruling 15).
func (e *elab) cached(t *core.Term, axis int, at source.Span) value {
	if e.live == nil {
		return t
	}
	if size.Compare(t.Type.Dims[axis], e.live.length, nil) != size.Equal {
		e.failWith(diag.Diagnostic{Code: "M233", At: at, Title: fmt.Sprintf("cached along an axis of %s, which is not the axis that grows while generating", t.Type.Dims[axis]),
			Notes: notes("why", "cached[T](x) keeps the rows of the tokens' own axis")})
	}
	ct := t.Type
	ct.Dims = append([]size.Size(nil), t.Type.Dims...)
	ct.Dims[axis] = e.live.all
	ct.Labels = t.Type.Labels
	slot := e.cacheSlot("cached", ct, at)
	return e.term(core.Cached{Slot: slot, Axis: axis}, ct, t)
}

// scanResume is scanLoop; a loop along the live axis starts where the call before it stopped (ruling 16).
func (e *elab) scanResume(x *syntax.For, s *scope, length size.Size, over, vars []*core.Term, reverse bool, bind func(*scope)) (value, bool) {
	if e.live == nil || size.Compare(length, e.live.length, nil) != size.Equal {
		return e.scanLoop(x, s, length, over, vars, nil, reverse, bind)
	}
	if reverse {
		e.failWith(diag.Diagnostic{Code: "M230", At: x.In.Span(), Title: "a loop from the end of the tokens looks into the future", Notes: notes("why", "while generating, the tokens behind are not there yet")})
	}
	cs := e.carried(x, s)
	slots := make([]*core.Slot, len(cs))
	for i, c := range cs {
		slots[i] = e.cacheSlot("carry."+c.name, c.init.Type, x.At)
		if e.phase == "generate.next" {
			s.set(c.name, e.readTerm(slots[i]), x.At)
		}
	}
	out, ok := e.scanLoop(x, s, length, over, vars, nil, false, bind)
	for i, c := range cs {
		b, _ := s.find(c.name)
		e.keep = append(e.keep, core.Write{Slot: slots[i], Value: e.asTerm(b.v, x.At)})
	}
	return out, ok
}

// drawPath names a random call by the instance it stands in and its ordinal there, so that a run repeats and no key is threaded by hand (ruling 43).
func (e *elab) drawPath(name string) string {
	key := e.path + "/" + name
	n := e.lastDraw[key]
	e.lastDraw[key]++
	return fmt.Sprintf("%s#%d", key, n)
}
