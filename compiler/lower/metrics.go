package lower

import (
	"fmt"
	"slices"
	"strings"

	"modelc/compiler/core"
	"modelc/compiler/size"
	"modelc/ir"
	"modelc/ir/scalar"
	"modelc/lang/diag"
	"modelc/recipe"
)

// A metric is exact over a split (ruling 57). Its term is cut where the last batch axis is consumed: below a cut, rows are independent and one batch is computed by the
// entry ENTRY, which gives partial values; the partials of all batches are merged on the host; above the cuts, ENTRY.finish computes the rest once.
//
//	sum              sum
//	mean             sum and count
//	var              sum, sum of squares and count
//	max any          max
//	min all          min
//	logsumexp        logsumexp: two numbers a, b merge into log(exp(a) + exp(b)), as the host computes it
//	the size B       sum (of sizes: mean(x) may be written sum(x) / B)
//
// All partials are f32. A metric that the host computes from all rows is not cut: the entry gives its arguments per row, after the partials, as
// "NAME.0", "NAME.1", ….

// partial is one output of a metrics entry.
type partial struct {
	name, merge string
	term        *core.Term
}

// cutting is the analysis of a list of metrics.
type cutting struct {
	*program
	parts   []partial
	cuts    map[*core.Term][]int // the partials of a term at a cut
	touches func(*core.Term) bool
	below   map[*core.Term]bool // checked: rows are independent
	above   map[*core.Term]bool // walked
	metric  string
}

// Metrics returns what the run loop needs to know of a metrics entry: "NAME.valid" of a train block or the name of an eval block.
func Metrics(p *core.Program, entry string) (m recipe.Metrics, l diag.List) {
	g := &program{core: p}
	defer func() {
		if r := recover(); r != nil {
			f, ok := r.(failure)
			if !ok {
				panic(r)
			}
			l = append(l, f.diagnostic)
		}
	}()
	var list []core.Named
	found := false
	for _, t := range p.Trains {
		if entry == t.Name+".valid" {
			list, found = t.Valid, true
		}
	}
	for _, e := range p.Evals {
		if entry == e.Name {
			list, found = e.Metrics, true
		}
	}
	if !found {
		g.fail("M290", nil, fmt.Sprintf("this program has no metrics entry %q", entry))
	}
	c := g.cut(list)
	m.Entry = entry
	var terms []*core.Term
	for _, n := range list {
		if n.Host == nil {
			m.Names = append(m.Names, n.Name)
			continue
		}
		h := recipe.Host{Name: n.Name, Kind: n.Host.Kind, Size: n.Host.Size}
		for i := range n.Host.Args {
			h.Args = append(h.Args, hostArg(n, i))
		}
		m.Host = append(m.Host, h)
		terms = append(terms, n.Host.Args...)
	}
	for _, q := range c.parts {
		m.Partials = append(m.Partials, recipe.Partial{Name: q.name, Merge: q.merge})
		terms = append(terms, q.term)
	}
	m.Columns = Columns(terms)
	return m, nil
}

// Columns lists the batch columns that terms read, in the order in which the program first mentions them.
func Columns(terms []*core.Term) []string {
	var inputs []*core.Term
	visit(terms, func(t *core.Term) {
		if in, is := t.Kind.(core.Input); is && isColumn(in.Name) {
			inputs = append(inputs, t)
		}
	})
	slices.SortFunc(inputs, func(a, b *core.Term) int { return a.ID - b.ID })
	var out []string
	for _, t := range inputs {
		if n := t.Kind.(core.Input).Name; !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// hostArg names an output that is an argument of a host metric.
func hostArg(n core.Named, i int) string { return n.Name + "." + itoa(i) }

func (p *program) cut(list []core.Named) *cutting {
	c := &cutting{program: p, cuts: map[*core.Term][]int{}, below: map[*core.Term]bool{}, above: map[*core.Term]bool{}}
	c.touches = depends(func(t *core.Term) bool {
		if s, is := t.Kind.(core.SizeOf); is {
			return c.counts(s.Size)
		}
		return c.rows(t) > 0
	})
	for _, n := range list {
		c.metric = n.Name
		if n.Host != nil {
			for _, a := range n.Host.Args {
				c.independent(a)
			}
			continue
		}
		if c.rows(n.Term) > 0 {
			c.mixes(n.Term, "a metric is one number, and this has one per row")
		}
		c.walk(n.Term)
	}
	return c
}

// counts reports whether a size grows with the batch.
func (c *cutting) counts(s size.Size) bool { return slices.Contains(s.Syms(), c.core.B) }

// rows is the number of batch axes of a term.
func (c *cutting) rows(t *core.Term) int {
	n := 0
	for _, d := range t.Type.Dims {
		if c.counts(d) {
			n++
		}
	}
	return n
}

func (c *cutting) mixes(t *core.Term, why string) {
	c.fail("M570", t.Site, fmt.Sprintf("the metric `%s` mixes the rows of a batch in a way that cannot be merged over batches", c.metric),
		diag.Note{Kind: "why", Text: why}, diag.Note{Kind: "fix", Text: "consume the batch axis by sum, mean, var, max, min, any, all or logsumexp"})
}

// walk goes down from a metric to the cuts. The terms on its way have no batch axis.
func (c *cutting) walk(t *core.Term) {
	for list := []*core.Term{t}; len(list) > 0; {
		t, list = list[len(list)-1], list[:len(list)-1]
		if c.above[t] || !c.touches(t) {
			continue
		}
		c.above[t] = true
		list = append(list, c.enter(t)...)
	}
}

// enter cuts at a term on the way or returns the terms to walk on to, the first one last.
func (c *cutting) enter(t *core.Term) []*core.Term {
	switch k := t.Kind.(type) {
	case core.SizeOf:
		c.sizeOf(t, k)
		return nil
	case core.Reduce:
		if c.rows(t.Args[0]) > 0 {
			c.reduce(t, k)
			return nil
		}
	case core.MatMul:
		if c.rows(t.Args[0]) > 0 && c.rows(t.Args[1]) > 0 {
			for _, a := range t.Args {
				c.independent(a)
			}
			c.add(t, "sum", "sum", t)
			return nil
		}
	}
	for _, a := range children(t) {
		if c.rows(a) > 0 {
			c.mixes(t, "this takes rows apart, and no reduction over the batch")
		}
	}
	list := slices.Clone(children(t))
	slices.Reverse(list)
	return list
}

// add notes a partial of the cut at t.
func (c *cutting) add(t *core.Term, what, merge string, value *core.Term) {
	name := c.metric + "." + what
	for n := 2; slices.ContainsFunc(c.parts, func(q partial) bool { return q.name == name }); n++ {
		name = fmt.Sprintf("%s.%s%d", c.metric, what, n)
	}
	c.cuts[t] = append(c.cuts[t], len(c.parts))
	c.parts = append(c.parts, partial{name, merge, value})
}

// sizeOf cuts at a size that counts rows: a + b·B is a, and b·B summed over batches.
func (c *cutting) sizeOf(t *core.Term, k core.SizeOf) {
	at := func(n int64) size.Size {
		return k.Size.Subst(func(s *size.Sym) (size.Size, bool) { return size.Of(n), s == c.core.B })
	}
	if !at(2).Sub(at(1)).Same(at(1).Sub(at(0))) || at(0).Err() != nil {
		c.mixes(t, "the size "+k.Size.String()+" is no sum over batches")
	}
	c.add(t, "rows", "sum", &core.Term{ID: t.ID, Kind: core.SizeOf{Size: k.Size.Sub(at(0))}, Type: core.Type{Elem: core.F32}, Site: t.Site})
}

// reduce cuts at a reduction that consumes the batch axis.
func (c *cutting) reduce(t *core.Term, k core.Reduce) {
	for _, a := range t.Args {
		c.independent(a)
	}
	f32 := t.Type
	f32.Elem = core.F32
	x := t.Args[0]
	wide := &core.Term{ID: x.ID, Kind: core.Cast{}, Args: []*core.Term{x}, Type: x.Type, Site: t.Site}
	wide.Type.Elem = core.F32
	if x.Type.Elem == core.F32 {
		wide = x
	}
	sum := func(v *core.Term) *core.Term {
		return &core.Term{ID: t.ID, Kind: core.Reduce{Code: "sum", Axes: k.Axes}, Args: append([]*core.Term{v}, t.Args[1:]...), Type: f32, Site: t.Site}
	}
	count := func() *core.Term {
		if len(t.Args) == 1 {
			n := size.Of(1)
			for _, a := range k.Axes {
				n = n.Mul(x.Type.Dims[a])
			}
			return &core.Term{ID: t.ID, Kind: core.SizeOf{Size: n}, Type: core.Type{Elem: core.F32}, Site: t.Site}
		}
		one := &core.Term{ID: x.ID, Kind: core.Number{Value: 1}, Type: core.Type{Elem: core.F32}, Site: t.Site}
		ones := &core.Term{ID: x.ID, Kind: core.Fill{}, Args: []*core.Term{one}, Type: wide.Type, Site: t.Site}
		return sum(ones)
	}
	switch k.Code {
	case "sum":
		c.add(t, "sum", "sum", sum(wide))
	case "mean":
		c.add(t, "sum", "sum", sum(wide))
		c.add(t, "count", "sum", count())
	case "var":
		square := &core.Term{ID: x.ID, Kind: core.Map{Code: string(scalar.Mul)}, Args: []*core.Term{wide, wide}, Type: wide.Type, Site: t.Site}
		c.add(t, "sum", "sum", sum(wide))
		c.add(t, "squares", "sum", sum(square))
		c.add(t, "count", "sum", count())
	case "max", "any":
		c.add(t, k.Code, "max", t)
	case "min", "all":
		c.add(t, k.Code, "min", t)
	case "logsumexp":
		c.add(t, k.Code, "logsumexp", t)
	default:
		c.mixes(t, k.Code+" over the batch cannot be merged")
	}
}

// independent checks that every row of a term depends on its own row of the batch alone.
func (c *cutting) independent(t *core.Term) {
	for list := []*core.Term{t}; len(list) > 0; {
		t, list = list[len(list)-1], list[:len(list)-1]
		if !c.below[t] && c.touches(t) {
			c.below[t] = true
			list = append(list, c.rowByRow(t)...)
		}
	}
}

// rowByRow checks that a term keeps rows apart, and returns those that it is computed from.
func (c *cutting) rowByRow(t *core.Term) []*core.Term {
	n := c.rows(t)
	if n > 1 {
		c.mixes(t, "this pairs every row of the batch with every other")
	}
	batch := func(x *core.Term, axis int) bool { return c.counts(x.Type.Dims[axis]) }
	args := t.Args
	switch t.Kind.(type) {
	case core.Var, core.Scan, core.TopK: // a part has the type that counts
	default:
		if n == 0 {
			c.mixes(t, "this is computed from the whole batch, and the rows depend on it")
		}
	}
	switch k := t.Kind.(type) {
	case core.Reduce:
		for _, a := range k.Axes {
			if batch(args[0], a) {
				c.mixes(t, "this reduces one batch axis and keeps another")
			}
		}
	case core.Along:
		if batch(args[0], k.Axis) {
			c.mixes(t, k.Code+" runs along the batch")
		}
	case core.TopK:
		if batch(args[0], k.Axis) {
			c.mixes(t, "top_k runs along the batch")
		}
	case core.Concat:
		if batch(t, k.Axis) {
			c.mixes(t, "rows are joined along the batch")
		}
	case core.Flip:
		for _, a := range k.Axes {
			if batch(t, a) {
				c.mixes(t, "the batch is turned round")
			}
		}
	case core.Iota:
		c.mixes(t, "this is the number of a row in its batch")
	case core.Slice:
		at := 0
		for i, s := range k.Start {
			if slices.Contains(k.Drop, i) {
				if batch(args[0], i) {
					c.mixes(t, "one row is picked")
				}
				continue
			}
			if batch(args[0], i) && (!s.IsZero() || !args[0].Type.Dims[i].Same(t.Type.Dims[at])) {
				c.mixes(t, "some rows are picked")
			}
			at++
		}
	case core.Border:
		for i := range k.Lo {
			if batch(args[0], i) && !(k.Lo[i].IsZero() && k.Hi[i].IsZero()) {
				c.mixes(t, "rows are added to the batch")
			}
		}
	case core.Dilate:
		for i, s := range k.Factor {
			if v, one := s.Const(); batch(args[0], i) && !(one && v == 1) {
				c.mixes(t, "rows are added to the batch")
			}
		}
	case core.MatMul:
		if batch(args[0], len(args[0].Type.Dims)-1) {
			c.mixes(t, "this sums over the batch and keeps it")
		}
	case core.Access:
		for i, s := range k.Subs {
			if !batch(args[0], i) {
				continue
			}
			plain := func(s core.Sub) bool {
				if len(s.Parts) > 0 || len(s.Values) > 0 || len(s.Axis) != 1 || !s.Base.IsZero() {
					return false
				}
				v, one := s.Coef[0].Const()
				return one && v == 1
			}
			ok := plain(s)
			if len(s.Parts) > 0 {
				ok = !slices.ContainsFunc(s.Parts, func(q core.Sub) bool { return !plain(q) })
			}
			if !ok {
				c.mixes(t, "a row reads other rows")
			}
		}
	case core.Scan:
		for i := range k.Over {
			if batch(args[len(k.Carry)+i], 0) {
				c.mixes(t, "a loop runs along the batch")
			}
		}
		args = children(t)
	case core.Derivative:
		// The gradient of a sum over rows, by the rows, is a row's own.
		sum, is := args[0].Kind.(core.Reduce)
		if !is || sum.Code != "sum" {
			c.mixes(t, "the gradient of something that is no sum over rows")
		}
		args = []*core.Term{args[0].Args[0], args[1]}
	}
	return args
}

// metrics lowers the entry that gives the partials of one batch.
func (p *program) metrics(name string, list []core.Named) {
	c := p.cut(list)
	f := p.root(name)
	var outs []output
	for _, q := range c.parts {
		f.prepare(q.term)
		outs = append(outs, output{q.name, f.cast(f.term(q.term), ir.F32)})
	}
	for _, n := range list {
		if n.Host != nil {
			for i, a := range n.Host.Args {
				outs = append(outs, output{hostArg(n, i), f.term(a)})
			}
		}
	}
	f.close(name, outs)
}

// finish lowers the entry that computes metrics from merged partials.
func (p *program) finish(name string, list []core.Named) {
	c := p.cut(list)
	f := p.root(name)
	f.leaf = func(t *core.Term) []*ir.Value {
		at, ok := c.cuts[t]
		if !ok {
			return nil
		}
		in := make([]*ir.Value, len(at))
		for i, n := range at {
			q := c.parts[n]
			ty := f.kind(q.term)
			in[i] = f.input(q.name, ir.Type{DType: ir.F32, Shape: ty.Shape})
		}
		v := in[0]
		over := func(a, n *ir.Value) *ir.Value { return f.apply(scalar.Div, a, f.trailing(n, a.Type.Shape.Dims())) }
		switch k := t.Kind.(type) {
		case core.Reduce:
			switch k.Code {
			case "mean":
				v = over(in[0], in[1])
			case "var":
				m := over(in[0], in[2])
				v = f.apply(scalar.Sub, over(in[1], in[2]), f.apply(scalar.Mul, m, m))
				v = f.apply(scalar.Max, v, f.like(v, 0))
			}
		case core.SizeOf:
			rest := k.Size.Subst(func(s *size.Sym) (size.Size, bool) { return size.Size{}, s == p.core.B })
			v = f.apply(scalar.Add, v, f.number(v.Type, float64(f.dim(rest, t.Site))))
		}
		return []*ir.Value{f.cast(v, dtype(t.Type.Elem))}
	}
	var outs []output
	for _, n := range list {
		if n.Host == nil {
			f.prepare(n.Term)
			outs = append(outs, output{n.Name, f.cast(f.term(n.Term), ir.F32)})
		}
	}
	// The entry takes every partial, in the order of the metrics entry, needed or not.
	for _, q := range c.parts {
		ty := f.kind(q.term)
		f.input(q.name, ir.Type{DType: ir.F32, Shape: ty.Shape})
	}
	slices.SortStableFunc(f.door.order, func(a, b string) int { return c.place(a) - c.place(b) })
	f.close(name, outs)
}

// place is where an input stands among the partials; others come after them.
func (c *cutting) place(name string) int {
	if i := slices.IndexFunc(c.parts, func(q partial) bool { return q.name == name }); i >= 0 {
		return i
	}
	return len(c.parts) + strings.Compare(name, "")
}
