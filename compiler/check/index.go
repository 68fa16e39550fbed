package check

import (
	"fmt"

	"modelc/compiler/core"
	"modelc/compiler/size"
	"modelc/lang/diag"
	"modelc/lang/source"
	"modelc/lang/syntax"
)

// indexContext is an index statement in work.
type indexContext struct {
	frames  []*frame                      // innermost last
	axes    []*axis                       // all there are, for messages
	bases   map[*syntax.Index]value       // the bases of subscripts, evaluated once
	bound   map[*syntax.Call]*frame       // the indices of each reducer
	picks   map[*syntax.Index]*syntax.Arg // which layer of a list an access reads (ruling 30)
	reduced []*frame                      // those of reducers, in source order
	late    []lateCompound                // compounds with an open extent
	off     bool                          // a base is being evaluated
	whole   bool                          // a whole tensor may stand here
}

func newIndexContext() *indexContext {
	return &indexContext{bases: map[*syntax.Index]value{}, bound: map[*syntax.Call]*frame{}, picks: map[*syntax.Index]*syntax.Arg{}, frames: []*frame{newFrame()}}
}

// order ranks the indices: values of a statement are laid out with the left side's indices first, in its order, and those of reducers last, so that
// what is summed lies side by side and the result needs no transposition.
func (c *indexContext) order(top *frame) {
	n := 0
	for _, f := range append([]*frame{top}, c.reduced...) {
		for _, a := range f.axes() {
			a.rank = n
			n++
		}
	}
}

// frame is the indices that the left side or one reducer brings.
type frame struct {
	names   map[string]*axis
	spreads map[string]*spreadAxes
	order   []any // *axis or *spreadAxes
}

// spreadAxes is what `...i` stands for.
type spreadAxes struct {
	axes  []*axis
	known bool
}

type lateCompound struct {
	parts []*axis // nil entries: constants, with sizes in fixed
	dim   size.Size
	at    source.Span
}

func newFrame() *frame { return &frame{names: map[string]*axis{}, spreads: map[string]*spreadAxes{}} }

func (f *frame) axes() []*axis {
	var out []*axis
	for _, o := range f.order {
		switch o := o.(type) {
		case *axis:
			out = append(out, o)
		case *spreadAxes:
			out = append(out, o.axes...)
		}
	}
	return out
}

func (c *indexContext) find(name string) *axis {
	for i := len(c.frames) - 1; i >= 0; i-- {
		if a := c.frames[i].names[name]; a != nil {
			return a
		}
	}
	return nil
}

func (c *indexContext) spread(name string) *spreadAxes {
	for i := len(c.frames) - 1; i >= 0; i-- {
		if a := c.frames[i].spreads[name]; a != nil {
			return a
		}
	}
	return nil
}

func (c *indexContext) add(f *frame, name string, at source.Span) *axis {
	if a := f.names[name]; a != nil {
		return a
	}
	a := &axis{name: name, at: at}
	f.names[name] = a
	f.order = append(f.order, a)
	c.axes = append(c.axes, a)
	return a
}

func (f *frame) addSpread(name string) *spreadAxes {
	if a := f.spreads[name]; a != nil {
		return a
	}
	a := &spreadAxes{}
	f.spreads[name] = a
	f.order = append(f.order, a)
	return a
}

// indexStatement is `name[indices] = expression`: it defines the whole tensor.
func (e *elab) indexStatement(left *syntax.Index, st *syntax.Stmt, s *scope) {
	name, is := left.X.(*syntax.Name)
	if !is {
		e.fail("M125", left.At, "an index statement defines a name: `y[i, j] = …`")
	}
	c := newIndexContext()
	top := c.frames[0]
	sub := newScope(s)
	sub.index = c
	var groups []int // axes per left item; -1: a spread, counted later
	var spreads []*spreadAxes
	var items [][]*axis
	for _, a := range left.Args {
		switch x := a.X.(type) {
		case *syntax.Name:
			items = append(items, []*axis{e.leftIndex(c, top, x, a, s)})
			groups, spreads = append(groups, 1), append(spreads, nil)
		case *syntax.Spread:
			items = append(items, nil)
			groups, spreads = append(groups, -1), append(spreads, top.addSpread(x.Name))
		case *syntax.Group:
			var g []*axis
			var sp *spreadAxes
			for _, it := range x.Items {
				switch n := it.X.(type) {
				case *syntax.Name:
					g = append(g, e.leftIndex(c, top, n, it, s))
				case *syntax.Spread:
					if len(x.Items) != 1 {
						e.fail("M125", it.At, "`(...i)` stands alone")
					}
					sp = top.addSpread(n.Name)
				default:
					e.fail("M125", it.At, "only names of indices can stand on the left")
				}
			}
			items = append(items, g)
			groups, spreads = append(groups, len(g)), append(spreads, sp)
		default:
			e.failWith(diag.Diagnostic{Code: "M125", At: a.At, Title: "the left side of an index statement defines the whole tensor: only names of indices can stand here",
				Notes: notes("fix", "to change one place: y[i] = where(i == 0, …, x[i])")})
		}
	}
	e.prepare(st.Right, c, sub, s)
	e.settle(c)
	c.order(top)
	v := e.eval(st.Right, sub)
	el := e.asElement(v, st.Right.Span())
	var flat []*axis
	merge := false
	var merged []int
	var labels []string
	for i, g := range items {
		switch {
		case groups[i] == -1:
			if !spreads[i].known {
				e.fail("M126", left.At, "nothing on the right says what `...` stands for")
			}
			for _, a := range spreads[i].axes {
				flat, merged, labels = append(flat, a), append(merged, 1), append(labels, a.label())
			}
		case spreads[i] != nil:
			flat, merged, labels = append(flat, spreads[i].axes...), append(merged, len(spreads[i].axes)), append(labels, "")
			merge = true
		default:
			flat, merged = append(flat, g...), append(merged, len(g))
			if len(g) == 1 {
				labels = append(labels, g[0].label())
			} else {
				labels = append(labels, "")
				merge = true
			}
		}
	}
	for i, a := range flat {
		if !a.known {
			e.failWith(diag.Diagnostic{Code: "M126", At: a.at, Title: fmt.Sprintf("the index `%s` has no extent", a.name),
				Notes: notes("why", "it stands on the left alone, in an affine subscript or as a value only", "fix", a.name+": n  on the left")})
		}
		for _, b := range flat[:i] {
			if a == b {
				e.fail("M125", left.At, "`%s` stands twice on the left", a.name)
			}
		}
	}
	for _, a := range el.axes {
		if !hasAxis(flat, a) {
			e.fail("M127", st.Right.Span(), "the index `%s` is neither on the left nor reduced", a.name)
		}
	}
	t := e.fully(el, flat)
	if merge {
		mt := core.Type{Elem: t.Type.Elem, Range: t.Type.Range, Labels: labels}
		k := 0
		for _, n := range merged {
			d := size.Of(1)
			for j := 0; j < n; j++ {
				d = d.Mul(flat[k].extent)
				k++
			}
			mt.Dims = append(mt.Dims, d)
		}
		t = e.term(core.Merge{Groups: merged}, mt, t)
	}
	c2 := *t
	c2.Type.Labels = labels
	c2.Hint = name.Text
	t = &c2
	var out value = t
	if st.Type != nil {
		out = e.typed(t, st.Type, s, st.At)
	}
	s.set(name.Text, out, name.At)
}

func (e *elab) leftIndex(c *indexContext, f *frame, n *syntax.Name, a *syntax.Arg, s *scope) *axis {
	if f.names[n.Text] != nil {
		e.fail("M125", n.At, "`%s` stands twice on the left", n.Text)
	}
	ax := c.add(f, n.Text, n.At)
	if a.Range != nil {
		ax.extent, ax.known = e.sizeOf(a.Range, s), true
		ax.from = sizeNamed(a.Range)
	}
	return ax
}

// prepare walks the right side: it evaluates the bases of subscripts and fixes the extents of indices from bare subscripts.
func (e *elab) prepare(x syntax.Expr, c *indexContext, sub, s *scope) {
	switch x := x.(type) {
	case *syntax.Unary:
		e.prepare(x.X, c, sub, s)
	case *syntax.Binary:
		e.prepare(x.X, c, sub, s)
		e.prepare(x.Y, c, sub, s)
	case *syntax.Group:
		for _, it := range x.Items {
			e.prepare(it.X, c, sub, s)
		}
	case *syntax.If:
		e.prepare(x.Cond, c, sub, s)
		for _, b := range []*syntax.Body{x.Then, x.Else} {
			if b != nil {
				for _, m := range b.Members {
					if m.Stmt != nil && m.Stmt.Op == "" {
						e.prepare(m.Stmt.Left, c, sub, s)
					}
				}
			}
		}
		if x.ElseIf != nil {
			e.prepare(x.ElseIf, c, sub, s)
		}
	case *syntax.Call:
		if name, brackets := e.bracketCall(x, sub); name != "" {
			fr := newFrame()
			if reducers[name] {
				for _, a := range brackets {
					switch n := a.X.(type) {
					case *syntax.Name:
						if a.Range == nil && !subscripted(n.Text, x.Args) {
							continue // a label
						}
						ax := c.add(fr, n.Text, n.At)
						if a.Range != nil {
							ax.extent, ax.known = e.sizeOf(a.Range, s), true
							ax.from = sizeNamed(a.Range)
						}
					case *syntax.Spread:
						fr.addSpread(n.Name)
					}
				}
			}
			c.bound[x] = fr
			c.reduced = append(c.reduced, fr)
			c.frames = append(c.frames, fr)
			for _, a := range x.Args {
				e.prepare(a.X, c, sub, s)
			}
			c.frames = c.frames[:len(c.frames)-1]
			return
		}
		if ix, is := x.Fn.(*syntax.Index); is {
			for _, a := range ix.Args {
				e.prepare(a.X, c, sub, s)
			}
			return
		}
		for _, a := range x.Args {
			e.prepare(a.X, c, sub, s)
		}
	case *syntax.Index:
		e.prepareAccess(x, c, sub, s)
	}
}

// subscripted reports whether a name stands in a subscript within the arguments.
func subscripted(name string, args []*syntax.Arg) bool {
	found := false
	axes := map[*syntax.Index]bool{} // brackets of functions, which are no subscripts
	for _, a := range args {
		syntax.Walk(a.X, func(n syntax.Node) bool {
			if call, is := n.(*syntax.Call); is {
				if ix, is := call.Fn.(*syntax.Index); is {
					if f, is := ix.X.(*syntax.Name); is && (reducers[f.Text] || keepers[f.Text] || brackets[f.Text]) {
						axes[ix] = true
					}
				}
			}
			if ix, is := n.(*syntax.Index); is && !axes[ix] {
				for _, sa := range ix.Args {
					syntax.Walk(sa.X, func(m syntax.Node) bool {
						if nm, is := m.(*syntax.Name); is && nm.Text == name {
							found = true
						}
						return !found
					})
				}
			}
			return !found
		})
	}
	return found
}

func (e *elab) prepareAccess(x *syntax.Index, c *indexContext, sub, s *scope) {
	if _, done := c.bases[x]; !done {
		var v value
		if l, who, call := e.pickOf(x.X, sub); l != nil {
			c.picks[x] = who
			blind(sub, func() { v = e.allLayers(l, call, sub) })
			if n, is := who.X.(*syntax.Name); is && c.find(n.Text) != nil {
				e.agree(c.find(n.Text), size.Of(int64(len(l.items))), n.At)
			} else {
				e.prepare(who.X, c, sub, s)
			}
		} else {
			blind(sub, func() { v = e.eval(x.X, sub) })
		}
		c.bases[x] = v
	}
	t, is := c.bases[x].(*core.Term)
	if !is {
		for _, a := range x.Args {
			if _, sp := a.X.(*syntax.Spread); !sp {
				e.prepare(a.X, c, sub, s)
			}
		}
		return
	}
	dims, names := e.lineUp(x, t, c)
	for i, a := range x.Args {
		switch n := a.X.(type) {
		case *syntax.Spread:
		case *syntax.Name:
			if ax := c.find(n.Text); ax != nil {
				if a.Range != nil {
					e.agree(ax, e.sizeOf(a.Range, s), n.At)
				}
				e.agree(ax, dims[i][0], n.At)
				if l := sizeLabel(names[i][0]); ax.from == "" {
					ax.from = l
				}
			}
		case *syntax.Group:
			late := lateCompound{dim: dims[i][0], at: a.At}
			for _, it := range n.Items {
				switch p := it.X.(type) {
				case *syntax.Name:
					ax := c.find(p.Text)
					if ax == nil {
						late.parts = append(late.parts, nil)
						continue
					}
					if it.Range != nil {
						e.agree(ax, e.sizeOf(it.Range, s), p.At)
					}
					late.parts = append(late.parts, ax)
				case *syntax.Spread:
					sp := c.spread(p.Name)
					if sp == nil || !sp.known {
						e.fail("M126", it.At, "nothing says what `...%s` stands for", p.Name)
					}
					late.parts = append(late.parts, sp.axes...)
				default:
					late.parts = append(late.parts, nil)
					e.prepare(it.X, c, sub, s)
				}
			}
			c.late = append(c.late, late)
		default:
			e.prepare(a.X, c, sub, s)
		}
	}
}

// lineUp gives each subscript the axes of the base it stands for: one, or those of a spread, whose indices it fixes.
func (e *elab) lineUp(x *syntax.Index, t *core.Term, c *indexContext) ([][]size.Size, [][]string) {
	dims, names := t.Type.Dims, make([]string, len(t.Type.Dims))
	for i := range dims {
		names[i] = label(t.Type, i)
	}
	if c.picks[x] != nil {
		dims, names = dims[1:], names[1:]
	}
	spread := -1
	for i, a := range x.Args {
		if _, is := a.X.(*syntax.Spread); is {
			if spread >= 0 {
				e.fail("M128", a.At, "two `...` in one subscript")
			}
			spread = i
		}
	}
	if spread < 0 && len(x.Args) != len(dims) || spread >= 0 && len(x.Args)-1 > len(dims) {
		e.fail("M128", x.At, "%d subscripts for %s, which has %d axes", len(x.Args), typeText(t.Type), len(dims))
	}
	out := make([][]size.Size, len(x.Args))
	labels := make([][]string, len(x.Args))
	k := 0
	for i := range x.Args {
		n := 1
		if i == spread {
			n = len(dims) - len(x.Args) + 1
			name := x.Args[i].X.(*syntax.Spread).Name
			sp := c.spread(name)
			if sp == nil {
				e.fail("M126", x.Args[i].At, "`...%s` is neither on the left nor in a reducer", name)
			}
			if !sp.known {
				sp.known = true
				for j := 0; j < n; j++ {
					a := &axis{name: shownLabel(names[k+j]), raw: names[k+j], extent: dims[k+j], known: true, at: x.Args[i].At}
					sp.axes = append(sp.axes, a)
				}
			} else {
				if len(sp.axes) != n {
					e.fail("M122", x.Args[i].At, "`...%s` stands for %d axes here and for %d before", name, n, len(sp.axes))
				}
				for j, a := range sp.axes {
					e.agree(a, dims[k+j], x.Args[i].At)
				}
			}
		}
		out[i], labels[i] = dims[k:k+n], names[k:k+n]
		k += n
	}
	return out, labels
}

// sizeNamed is the name that a range consists of, or "".
func sizeNamed(x syntax.Expr) string {
	if n, is := x.(*syntax.Name); is {
		return n.Text
	}
	return ""
}

// agree fixes the extent of an index or checks it.
func (e *elab) agree(a *axis, n size.Size, at source.Span) {
	if !a.known {
		a.extent, a.known = n, true
		if !a.at.Valid() {
			a.at = at
		}
		return
	}
	bad := size.Compare(a.extent, n, e.facts)
	if bad == size.No || bad == size.Unknown && size.DifferentNames(a.extent, n) {
		d := diag.Diagnostic{Code: "M122", At: at, Title: fmt.Sprintf("the index `%s` runs over %s here and over %s before", a.name, n, a.extent)}
		if a.at.Valid() && a.at != at {
			d.Labels = []diag.Label{{At: a.at, Text: a.extent.String()}}
		}
		e.failWith(d)
	}
	if bad == size.Unknown {
		e.residual("==", a.extent, n, "M122", fmt.Sprintf("the index `%s` has one extent", a.name))
	}
}

// settle solves the one open extent of each compound by exact division.
func (e *elab) settle(c *indexContext) {
	for again := true; again; {
		again = false
		for _, l := range c.late {
			var open *axis
			n, constants, count := size.Of(1), 0, 0
			for _, a := range l.parts {
				switch {
				case a == nil:
					constants++
				case !a.known:
					open = a
					count++
				default:
					n = n.Mul(a.extent)
				}
			}
			if count == 1 && constants == 0 {
				q, ok := l.dim.ExactDiv(n)
				if !ok {
					e.fail("M108", l.at, "an axis of %s is split into parts of %s: it does not divide", l.dim, n)
				}
				open.extent, open.known = q, true
				again = true
			}
		}
	}
}

// asElement sees any scalar value as an element.
func (e *elab) asElement(v value, at source.Span) element {
	if el, is := v.(element); is {
		return el
	}
	t := e.asTerm(v, at)
	if len(t.Type.Dims) > 0 {
		e.fail("M121", at, "%s: in an index statement every axis is subscripted", typeText(t.Type))
	}
	return element{t: t}
}

// indexValue is an index used as a number.
func (e *elab) indexValue(a *axis, at source.Span) value {
	if !a.known {
		e.failWith(diag.Diagnostic{Code: "M126", At: at, Title: fmt.Sprintf("the index `%s` has no extent", a.name), Notes: notes("fix", a.name+": n  where it first stands")})
	}
	t := core.Type{Elem: core.Int, Range: a.extent, Dims: []size.Size{a.extent}, Labels: []string{a.label()}}
	return element{e.term(core.Iota{}, t), []*axis{a}}
}
