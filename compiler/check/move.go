package check

import (
	"strings"

	"modelc/compiler/core"
	"modelc/compiler/size"
	"modelc/lang/diag"
	"modelc/lang/source"
	"modelc/lang/syntax"
)

func (e *elab) clip(st *syntax.Stmt, s *scope) *core.Term {
	if st == nil {
		return nil
	}
	v := e.eval(st.Right, s.root())
	if n, ok := number(v); ok && n <= 0 {
		e.fail("M418", st.Right.Span(), "clip is the largest global norm of the gradient, a positive number")
	}
	return e.convertLoose(v, core.F32, st.Right.Span())
}

// moves makes one instance of the optimizer per weight and elaborates its step.
func (e *elab) moves(t *trainVal, slots []*core.Slot, opt *syntax.Stmt, s *scope, at source.Span) []*core.Move {
	if opt == nil {
		e.failWith(diag.Diagnostic{Code: "M408", At: at, Title: "this block has no `optimizer`", Notes: notes("fix", "optimizer = AdamW(1e-3)")})
	}
	if len(slots) == 0 {
		e.fail("M419", at, "nothing is trained: no layer constructed here has weights")
	}
	var out []*core.Move
	for _, slot := range slots {
		x := e.optimizerFor(slot, opt.Right, s)
		out = append(out, e.move(slot, x, s))
	}
	return out
}

// optimizerFor picks the expression that makes the optimizer of a weight: of a list the first whose of= holds it (ruling 13).
func (e *elab) optimizerFor(slot *core.Slot, x syntax.Expr, s *scope) syntax.Expr {
	l, is := x.(*syntax.List)
	if !is {
		return x
	}
	for _, it := range l.Items {
		c, is := it.(*syntax.Call)
		if !is {
			return it
		}
		var of syntax.Expr
		plain := &syntax.Call{Fn: c.Fn, At: c.At}
		for _, a := range c.Args {
			if a.Name == "of" {
				of = a.X
			} else {
				plain.Args = append(plain.Args, a)
			}
		}
		if of == nil {
			return plain
		}
		owned := e.ownedSlots(e.eval(of, s), of.Span())
		if len(owned) == 0 {
			e.fail("M408", of.Span(), "of= names a network or a weight; `%s` has no weights", syntax.Print(of))
		}
		if hasSlot(owned, slot) {
			return plain
		}
	}
	e.fail("M408", x.Span(), "no optimizer of the list takes the weight %s: the last one stands without of=", slot.Path)
	return nil
}

// scheduled demands that an optimizer's arguments are known without rows, weights and draws: they are evaluated once in a step, beside its updates.
func (e *elab) scheduled(in *instance) {
	seen := map[*core.Term]bool{}
	var ok func(t *core.Term) bool
	ok = func(t *core.Term) bool {
		if seen[t] {
			return true
		}
		seen[t] = true
		switch k := t.Kind.(type) {
		case core.Read, core.Draw:
			return false
		case core.Input:
			if strings.HasPrefix(k.Name, "batch.") {
				return false
			}
		case core.Scan:
			for _, x := range append(append([]*core.Term(nil), k.Next...), k.Outs...) {
				if !ok(x) {
					return false
				}
			}
		}
		for _, a := range t.Args {
			if !ok(a) {
				return false
			}
		}
		return true
	}
	for _, a := range in.args {
		switch v := a.v.(type) {
		case *core.Term:
			if !ok(v) {
				e.failWith(diag.Diagnostic{Code: "M408", At: a.at, Title: "an optimizer's argument hangs on rows, weights or draws",
					Notes: notes("note", "it is a constant, a value of the config, or an expression of step, total_steps and epoch")})
			}
		case *instance:
			e.scheduled(v)
		}
	}
}

func (e *elab) move(slot *core.Slot, x syntax.Expr, s *scope) *core.Move {
	e.at(x.Span())
	now, writes, precision := e.now, e.writes, e.precision
	e.now, e.writes = map[*core.Slot]*core.Term{}, nil
	defer func() { e.now, e.writes, e.precision = now, writes, precision }()
	if precision == core.BF16 {
		e.precision = core.F32 // weights, moments and rates are f32 (ruling 47)
	}
	building, naming, training, path := e.building, e.naming, e.training, e.path
	e.building, e.naming, e.training, e.path = true, slot.Path, true, ""
	c, is := x.(*syntax.Call)
	if !is {
		e.fail("M408", x.Span(), "an optimizer is made with its arguments: AdamW(1e-3)")
	}
	v := e.eval(c, s)
	e.building, e.naming, e.training, e.path = building, naming, training, path
	in, is := v.(*instance)
	if !is || in.method("step") == nil {
		e.fail("M408", x.Span(), "an optimizer is a layer with `fn step(w, g, n)`, this is %s", describe(v))
	}
	e.scheduled(in)
	e.markOptimizer(in)
	first := len(e.slots)
	m := &core.Move{Slot: slot}
	w := e.term(core.Read{Slot: slot}, slot.Type)
	m.Grad = e.term(core.Gradient{}, slot.Type)
	n := e.term(core.Map{Code: "add"}, of(core.Int), e.term(core.Input{Name: "step"}, of(core.Int)), e.asTerm(sizeVal{size.Of(1)}, x.Span()))
	next := e.asTerm(e.callMethod(in, "step", []callArg{{v: w, at: x.Span()}, {v: m.Grad, at: x.Span()}, {v: n, at: x.Span()}}, x.Span()), x.Span())
	if !e.equalDims(next.Type.Dims, slot.Type.Dims, x.Span()) || next.Type.Elem != slot.Type.Elem {
		e.fail("M102", x.Span(), "the optimizer's step gives %s for a weight %s", typeText(next.Type), typeText(slot.Type))
	}
	m.Next = next
	for _, st := range e.slots[first:] {
		st.Role = core.Moment
		if slot.Parts != nil {
			st.Parts = nil
			suffix := strings.TrimPrefix(st.Path, slot.Path)
			for _, p := range slot.Parts {
				st.Parts = append(st.Parts, p+suffix)
			}
		}
		if v := e.now[st]; v != nil {
			m.Writes = append(m.Writes, core.Write{Slot: st, Value: v})
		}
	}
	return m
}

// markOptimizer marks an optimizer and those it wraps: their states may be written in a step.
func (e *elab) markOptimizer(in *instance) {
	in.optimizer = true
	for _, a := range in.args {
		if sub, is := a.v.(*instance); is {
			e.markOptimizer(sub)
		}
	}
}
