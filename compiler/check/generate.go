package check

import (
	"fmt"
	"math"

	"modelc/compiler/core"
	"modelc/compiler/size"
	"modelc/lang/diag"
	"modelc/lang/syntax"
	"modelc/recipe"
)

// generateBlock is generate NAME { run, tokens, prompt, pick, length } or { run, value, output }.
func (e *elab) generateBlock(b *syntax.Block) {
	known := []string{"run", "data", "tokens", "prompt", "pick", "length", "seed", "next", "output"}
	var values []*syntax.Stmt
	ls := e.lines(b, known, func(m *syntax.Member) {
		if m.Stmt != nil && m.Stmt.Op == "=" {
			values = append(values, m.Stmt)
			return
		}
		e.unknownLine(b, m, append(known, "value")...)
	})
	t := e.runOf(b, ls)
	if ls["tokens"] == nil {
		for _, n := range []string{"prompt", "pick", "length", "seed", "next"} {
			if l := ls[n]; l != nil {
				e.failWith(diag.Diagnostic{Code: "M421", At: l.at, Title: fmt.Sprintf("`%s` says how tokens follow one another, and this block names no `tokens`", n),
					Notes: notes("fix", "tokens = Letters.tok   - the tokenizer of the data")})
			}
		}
		e.values(b, t, e.splitOf(b, ls, t), values, ls["output"])
		return
	}
	if b.Name == "" {
		e.fail("M404", b.At, "a generate block has a name")
	}
	for _, st := range values {
		e.unknownLine(b, &syntax.Member{Stmt: st, At: st.At}, known...)
	}
	if l := ls["data"]; l != nil {
		e.fail("M421", l.at, "what generates tokens begins with its prompt and reads no rows: `data` has no place here")
	}
	tv := e.eval(ls["tokens"].x, e.rootOf(e.unit))
	tok, is := tv.(*transform)
	if !is || tok.plan.Kind != "Char" && tok.plan.Kind != "BPE" && tok.plan.Kind != "Words" {
		e.fail("M421", ls["tokens"].x.Span(), "tokens names a fitted tokenizer (Char, BPE, Words), this is %s", describe(tv))
	}
	p := &recipe.Generate{Run: t.name, Data: tok.data.name, Tokens: tok.plan.Name, Temperature: 1, Length: 100, Seed: 42}
	g := &core.Generate{Name: b.Name, Train: t.core, T: size.NewSym("T"), Capacity: size.NewSym("C"), At: b.At}
	text := func(n string) string {
		if ls[n] == nil {
			return ""
		}
		v, is := e.eval(ls[n].x, e.rootOf(e.unit)).(textVal)
		if !is {
			e.fail("M418", ls[n].x.Span(), "%s is a text", n)
		}
		return string(v)
	}
	p.Prompt = text("prompt")
	if p.Prompt == "" {
		e.fail("M421", b.KindAt, "generation begins with a prompt: prompt = \"ROMEO:\"")
	}
	num := func(n string, least int64) int64 {
		k, ok := e.sizeOf(ls[n].x, e.rootOf(e.unit)).Const()
		if !ok || k < least {
			e.fail("M418", ls[n].x.Span(), "%s is an integer of at least %d", n, least)
		}
		return k
	}
	if ls["length"] != nil {
		p.Length = num("length", 1)
	}
	if ls["seed"] != nil {
		p.Seed = num("seed", 0)
	}
	if ls["pick"] != nil {
		e.pickSetting(p, ls["pick"].x)
	}
	if l := ls["output"]; l != nil {
		var o recipe.Predict
		e.output(&o, l)
		if o.Format != "text" {
			e.fail("M418", l.x.Span(), "generated text is written by text(\"file\")")
		}
		p.File = o.File
	}
	// Three computations over the same weights: all tokens at once, the first ones, one more.
	run := func(phase string, rows size.Size, live *liveAxis) *core.Term {
		e.fresh()
		e.caches, e.keep = g.Caches, nil
		e.phase, e.training, e.live = phase, false, live
		x := e.term(core.Input{Name: recipe.InTokens}, core.Type{Elem: core.ID, Range: size.Of(tok.plan.Size), Dims: []size.Size{size.FromSym(e.prog.B), rows}})
		f := e.nextFunction(t, ls)
		e.at(b.At)
		out := e.asTerm(e.apply(f, []value{x}, nil, b.At), b.At)
		want := []size.Size{size.FromSym(e.prog.B), rows}
		if len(out.Type.Dims) != 3 || !sameDims(out.Type.Dims[:2], want) || !out.Type.Elem.IsFloat() {
			e.fail("M421", b.At, "a model that generates gives logits [B, T, vocabulary] for tokens [B, T]; this one gives %s", typeText(out.Type))
		}
		return out
	}
	e.enterRun(t)
	T := size.FromSym(g.T)
	past := size.FromSym(e.prog.Past)
	g.Full = run("generate.full", T, nil)
	begin := &liveAxis{t: g.T, length: T, all: T, requires: T, count: map[string]int{}}
	g.Begin = run("generate.begin", T, begin)
	g.BeginKeep = e.keep
	g.Caches = append([]*core.Slot(nil), e.caches...)
	// T stays a name in next too, where lowering makes it 1: so no axis of size 1 is taken for it.
	next := &liveAxis{length: T, all: past.Add(T), requires: past.Add(T), count: map[string]int{}}
	g.Next = run("generate.next", T, next)
	g.NextKeep = e.keep
	for _, s := range g.Caches {
		for i, d := range s.Type.Dims {
			if size.Compare(d, T, nil) == size.Equal {
				s.Type.Dims[i] = size.FromSym(g.Capacity)
			}
		}
	}
	g.Bound = next.least
	if g.Bound == 0 {
		g.Bound = begin.least
	}
	p.Capacity = g.Bound
	e.unmade(t, b)
	g.Columns = columns(g.Begin, g.Next)
	e.prog.Gens = append(e.prog.Gens, g)
	e.plan.Blocks = append(e.plan.Blocks, &recipe.Block{Kind: "generate", Name: b.Name, Needs: append([]string{t.name}, e.needs...), Generate: p, At: place(b.At)})
}

// nextFunction is the function from tokens to logits: `next`, or the one network of the run.
func (e *elab) nextFunction(t *trainVal, ls map[string]*line) value {
	if l := ls["next"]; l != nil {
		return e.eval(l.x, e.rootOf(e.unit))
	}
	var nets []value
	for _, n := range t.nets {
		nets = append(nets, n)
	}
	if len(nets) != 1 {
		e.fail("M421", t.block.NameAt, "%s has %d networks: say which gives the next token, next = y => %s.net(y)", t.name, len(nets), t.name)
	}
	return nets[0]
}

// pickSetting is greedy, sample(temperature=…), top_k(40, temperature=…) or top_p(0.9, temperature=…).
func (e *elab) pickSetting(p *recipe.Generate, x syntax.Expr) {
	name := ""
	var args []*syntax.Arg
	switch x := x.(type) {
	case *syntax.Name:
		name = x.Text
	case *syntax.Call:
		if n, is := x.Fn.(*syntax.Name); is {
			name, args = n.Text, x.Args
		}
	}
	bad := func() {
		e.fail("M418", x.Span(), "pick is greedy, sample(temperature=1.0), top_k(40, temperature=0.8) or top_p(0.9, temperature=0.8)")
	}
	if !set("greedy", "sample", "top_k", "top_p")[name] {
		bad()
	}
	p.Greedy = name == "greedy"
	for _, a := range args {
		n, ok := number(e.eval(a.X, e.rootOf(e.unit)))
		switch {
		case !ok || n < 0 || name == "greedy":
			bad()
		case a.Name == "temperature":
			p.Temperature = n
			if n == 0 {
				p.Greedy = true
			}
		case a.Name == "" && name == "top_k" && n >= 1 && n <= 1<<31 && n == math.Trunc(n):
			p.TopK = int64(n)
		case a.Name == "" && name == "top_p" && n > 0 && n <= 1:
			p.TopP = n
		default:
			bad()
		}
	}
	if name == "top_k" && p.TopK == 0 || name == "top_p" && p.TopP == 0 {
		bad()
	}
}
