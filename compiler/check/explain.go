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

// What messages say about where things come from.

// spot is a place as a message names it.
func spot(s source.Span) string {
	p := s.Position()
	return fmt.Sprintf("%s:%d:%d", p.Name, p.Line, p.Column)
}

// short is the text of a span, when it is one line and not long.
func short(s source.Span) string {
	t := s.Text()
	if strings.ContainsRune(t, '\n') || len([]rune(t)) > 60 {
		return ""
	}
	return t
}

// label is the name under which the user knows an instance: the last part of its path that is no number.
func (in *instance) label() string {
	parts := strings.Split(in.path, ".")
	for i := len(parts) - 1; i >= 0; i-- {
		if p := parts[i]; p != "" && (p[0] < '0' || p[0] > '9') {
			return p
		}
	}
	return in.decl.Name
}

// ownerOf returns the instance, constructed in the user's text, whose code made a term, and nil where there is none.
func (e *elab) ownerOf(t *core.Term) *instance {
	if t.Site == nil || e.user(t.Site.At) {
		return nil
	}
	for i := len(e.made) - 1; i >= 0; i-- {
		if in := e.made[i]; in.path == t.Site.Path && in.path != "" && e.user(in.at) {
			return in
		}
	}
	return nil
}

// whence follows elementwise operations back to what gave a value its axes: an instance of a layer, or a column.
func (e *elab) whence(t *core.Term) (*instance, *column) {
	for range 64 {
		if c := e.columnOf[t.ID]; c != nil {
			return nil, c
		}
		if in := e.ownerOf(t); in != nil {
			return in, nil
		}
		switch t.Kind.(type) {
		case core.Map, core.Cast, core.Select, core.Stop, core.Part, core.Along:
		default:
			return nil, nil
		}
		var next *core.Term
		for _, a := range t.Args {
			if next == nil || len(a.Type.Dims) > len(next.Type.Dims) {
				next = a
			}
		}
		if next == nil || len(next.Type.Dims) != len(t.Type.Dims) && len(t.Type.Dims) > 0 {
			return nil, nil
		}
		t = next
	}
	return nil, nil
}

// typeFrom is a term's type with where it comes from.
func (e *elab) typeFrom(t *core.Term) string {
	text := typeText(t.Type)
	if in, c := e.whence(t); in != nil && short(in.at) != "" {
		text += fmt.Sprintf(": %s, %s", short(in.at), spot(in.at))
	} else if c != nil {
		text += fmt.Sprintf(": %s.%s, %s", c.data.name, c.name, spot(c.at))
	}
	return text
}

// widthSince says since when a value has the width it has.
func (e *elab) widthSince(t *core.Term, name string, width size.Size) string {
	in, c := e.whence(t)
	switch {
	case in != nil && short(in.at) != "":
		return fmt.Sprintf("%s is %s wide since %s  (%s)", name, width, spot(in.at), short(in.at))
	case c != nil:
		return fmt.Sprintf("%s is %s wide: the column %s.%s, declared at %s", name, width, c.data.name, c.name, spot(c.at))
	}
	return ""
}

// slotOf returns the instance and declaration of the weight that a term reads.
func (e *elab) slotOf(t *core.Term) (*instance, *syntax.Slot) {
	var slot *core.Slot
	for range 4 {
		switch k := t.Kind.(type) {
		case core.Read:
			slot = k.Slot
		case core.Cast, core.Slice:
			t = t.Args[0]
			continue
		case core.Var:
			for _, tn := range e.turns {
				for s, v := range tn.over {
					if v.ID == t.ID {
						slot = s
					}
				}
			}
		}
		break
	}
	if slot == nil {
		return nil, nil
	}
	for _, in := range e.made {
		for n, s := range in.slots {
			if s == slot {
				return in, in.slotDecl(n)
			}
		}
	}
	return nil, nil
}

// weightText is the declared type of a weight with the values of the names in it.
func weightText(in *instance, d *syntax.Slot) string {
	text := syntax.Print(d.Type)
	var with []string
	for _, x := range d.Type.Alts[0].Dims {
		if n, is := x.(*syntax.Name); is {
			if b, _ := in.scope.find(n.Text); b != nil {
				if v, is := b.v.(sizeVal); is {
					with = append(with, n.Text+" = "+v.s.String())
				}
			}
		}
	}
	if len(with) > 0 {
		text += " with " + strings.Join(with, ", ")
	}
	return text
}

var verbs = map[string]string{"add": "added", "sub": "subtracted", "mul": "multiplied", "div": "divided", "floordiv": "divided", "rem": "divided", "pow": "raised",
	"eq": "compared", "ne": "compared", "lt": "compared", "le": "compared", "gt": "compared", "ge": "compared", "min": "compared", "max": "compared", "and": "joined", "or": "joined"}

// sides are the operands of an operator as the user wrote them.
type sides struct {
	code string
	at   [2]source.Span
}

// mismatch reports operands whose axes do not meet (M110).
func (e *elab) mismatch(large, small *core.Term, largeFirst bool, at source.Span, w *sides) {
	a, b := small, large
	if largeFirst {
		a, b = large, small
	}
	d := diag.Diagnostic{Code: "M110", At: at, Title: fmt.Sprintf("%s and %s meet element by element, but have different axes", typeText(a.Type), typeText(b.Type))}
	as, bs := a.Site.At, b.Site.At
	if w != nil {
		as, bs = w.at[0], w.at[1]
		d.Title = "these two are " + verbs[w.code] + " axis by axis, but have different axes"
	}
	if as != bs && e.user(as) && e.user(bs) {
		d.At = as
		d.Labels = []diag.Label{{At: as, Text: e.typeFrom(a)}, {At: bs, Text: e.typeFrom(b)}}
	}
	one := func(t *core.Term) int {
		for i, n := range t.Type.Dims {
			if c, ok := n.Const(); ok && c == 1 {
				return i
			}
		}
		return -1
	}
	for i, t := range []*core.Term{a, b} {
		k := one(t)
		if k < 0 || one([]*core.Term{b, a}[i]) == k {
			continue
		}
		other := []*core.Term{b, a}[i]
		table := "a table of every pair"
		if len(t.Type.Dims) == 2 && len(other.Type.Dims) == 1 {
			table = fmt.Sprintf("a %s x %s table", t.Type.Dims[0], other.Type.Dims[0])
		}
		name := "x"
		if s := short([]source.Span{as, bs}[i]); s != "" && e.user(as) {
			name = s
		}
		var left, right []string
		for j := range t.Type.Dims {
			if j == k {
				right = append(right, "0")
				continue
			}
			n := string(rune('b' + len(left)))
			left, right = append(left, n), append(right, n)
		}
		d.Notes = notes("why", "a size of 1 is never stretched: with stretching this would be "+table+" and the result would be wrong",
			"fix", fmt.Sprintf("squeeze(%s)   or   p[%s] = %s[%s]", name, strings.Join(left, ", "), name, strings.Join(right, ", ")))
		break
	}
	if d.Notes == nil {
		d.Notes = notes("why", "operators take equal shapes, a scalar, or the last axes of the larger one; all else is index notation")
	}
	e.failWith(d)
}

// widths reports a product whose sides do not meet (M101).
func (e *elab) widths(x *syntax.Binary, a, b *core.Term, l, r size.Size) {
	d := diag.Diagnostic{Code: "M101", At: x.X.Span(), Title: fmt.Sprintf("the left side ends in %s, the right side expects %s", l, r)}
	right := typeText(b.Type)
	var why []string
	if in, slot := e.slotOf(b); slot != nil {
		d.Title = fmt.Sprintf("the left side ends in %s, the weight expects %s", l, r)
		right = weightText(in, slot)
		if len(slot.Type.Alts[0].Dims) > 0 {
			if n, is := slot.Type.Alts[0].Dims[0].(*syntax.Name); is {
				if bd, _ := in.scope.find(n.Text); bd != nil && bd.why != "" && bd.why != configWhy {
					why = append(why, n.Text+" "+bd.why)
				}
			}
		}
		if bd := in.scope.names; len(why) > 0 && bd != nil {
			d.Notes = append(d.Notes, diag.Note{Kind: "fix", Text: fmt.Sprintf("use a second instance for the %s-wide input:  small = %s", l, constructor(in))})
		}
	}
	name := short(x.X.Span())
	if name == "" {
		name = "the left side"
	}
	if s := e.widthSince(a, name, l); s != "" {
		why = append(why, s)
	}
	if len(why) > 0 {
		d.Notes = append(notes("why", strings.Join(why, "\n")), d.Notes...)
	}
	d.Labels = []diag.Label{{At: x.X.Span(), Text: typeText(a.Type)}, {At: x.Y.Span(), Text: right}}
	e.failWith(d)
}

// otherRange reports ids of another range (M311).
func (e *elab) otherRange(a *syntax.TypeAtom, v value, got, want size.Size, s *scope, c matchContext) {
	d := diag.Diagnostic{Code: "M311", At: c.at, Title: fmt.Sprintf("%s expects ids of type id(%s) for `%s`, this is %s", c.owner, want, c.param, describe(v))}
	if c.owner == "" {
		d.Title = fmt.Sprintf("id(%s) is declared here, the value is %s", want, describe(v))
	}
	mine := describe(v)
	var from *column
	if t, is := v.(*core.Term); is {
		_, from = e.whence(t)
		mine = idText(t, from)
	}
	d.Labels = []diag.Label{{At: c.at, Text: mine}}
	if n, is := a.Arg.(*syntax.Name); is {
		if b, _ := s.find(n.Text); b != nil && b.from.Valid() && b.from.File == c.at.File {
			text := b.given
			if b.term != nil {
				text = e.typeFrom(b.term)
				if label, _, is := strings.Cut(b.given, ":"); is && len(b.term.Type.Dims) > 0 && size.Compare(b.term.Type.Dims[len(b.term.Type.Dims)-1], want, e.facts) == size.Equal {
					d.Title = fmt.Sprintf("%s columns of %s, labels of type id(%s)", want, label, got)
				}
			}
			d.Labels = append(d.Labels, diag.Label{At: b.from, Text: text})
		}
	}
	fix := "widen by id(n)(x) if that is meant, or give the column the range it has"
	if from != nil {
		for _, n := range from.data.order {
			if o := from.data.columns[n]; o != from && o.typ.Elem == core.ID && size.Compare(o.typ.Range, want, nil) == size.Equal {
				fix = fmt.Sprintf("is the column `%s` (id(%s)) meant?  batch.%s", n, want, n)
				break
			}
		}
	}
	d.Notes = notes("fix", fix)
	e.failWith(d)
}

// idText is the type of ids with the column they come from.
func idText(t *core.Term, c *column) string {
	text := typeText(t.Type)
	if c != nil {
		text += ", " + spot(c.at)
	}
	return text
}

// constructor is the call that made an instance.
func constructor(in *instance) string {
	if s := short(in.at); strings.HasPrefix(s, in.decl.Name+"(") {
		return s
	}
	return in.decl.Name + "(…)"
}

const configWhy = "is config"

// shapeMismatch says what was expected, what was given, and where both come from. axis is the first that differs, -1 where their number does.
func (e *elab) shapeMismatch(x *core.Term, a *syntax.TypeAtom, s *scope, c matchContext, axis int) {
	d := diag.Diagnostic{Code: "M102", At: c.at}
	expected := e.resolved(a, s)
	in, col := e.whence(x)
	switch {
	case col != nil && c.owner != "":
		d.Code = "M301"
		d.Title = fmt.Sprintf("%s expects %s; the column %s.%s gives %s", c.owner, expected, col.data.name, col.name, typeText(x.Type))
		d.Labels = []diag.Label{{At: c.at, Text: "declared at " + spot(col.at)}}
		d.Notes = notes("note", e.differences(x, a, s), "fix", columnFix(e, x, a, s, c, col))
	case c.owner == "":
		d.Title = fmt.Sprintf("%s is declared here; the value is %s", expected, typeText(x.Type))
		d.Notes = notes("note", e.differences(x, a, s), "why", e.whyBound(x, a, s, axis))
	default:
		d.Title = fmt.Sprintf("%s expects %s for `%s`; it is given %s", c.owner, expected, c.param, typeText(x.Type))
		if axis >= 0 {
			d.Code = "M101"
		}
		if e.user(c.at) {
			d.Labels = []diag.Label{{At: c.at, Text: typeText(x.Type)}}
		}
		why := e.whyBound(x, a, s, axis)
		if in != nil && len(x.Type.Dims) > 0 && axis == len(x.Type.Dims)-1 {
			name := short(c.at)
			if name == "" {
				name = "the value"
			}
			if w := e.widthSince(x, name, x.Type.Dims[axis]); w != "" {
				why = strings.TrimPrefix(why+"\n"+w, "\n")
			}
		}
		d.Notes = notes("note", e.differences(x, a, s), "why", why)
		if self := s.instance(); self != nil && e.dimOf(self, a, axis) && e.user(self.at) {
			d.Notes = append(d.Notes, diag.Note{Kind: "fix", Text: fmt.Sprintf("use a second instance for this input:  other = %s", constructor(self))})
		}
	}
	e.failWith(d)
}

// dimOf reports whether an axis of a type is a `dim` of the instance, solved by an earlier call.
func (e *elab) dimOf(in *instance, a *syntax.TypeAtom, axis int) bool {
	if axis < 0 {
		return false
	}
	for _, d := range a.Dims {
		if n, is := d.(*syntax.Name); is {
			if b := in.scope.names[n.Text]; b != nil && b.fixed && strings.HasPrefix(b.why, "was fixed") {
				return true
			}
		}
	}
	return false
}

// differences lists the axes that differ, where their number is the same.
func (e *elab) differences(x *core.Term, a *syntax.TypeAtom, s *scope) string {
	for _, d := range a.Dims {
		if _, is := d.(*syntax.Spread); is {
			return ""
		}
	}
	if len(a.Dims) != len(x.Type.Dims) {
		return fmt.Sprintf("%s expected, %s given", axisCount(len(a.Dims)), axisCount(len(x.Type.Dims)))
	}
	var out, whats []string
	var axes [][]int
	for i, d := range a.Dims {
		n, is := d.(*syntax.Name)
		var want size.Size
		switch {
		case is && n.Text == "_":
			continue
		case is:
			w := e.sizeName(n.Text, s)
			if w == nil {
				continue
			}
			want = *w
		default:
			if ok := e.quietly(func() { want = e.dimSize(d, s) }); !ok {
				continue
			}
		}
		if size.Compare(want, x.Type.Dims[i], e.facts) == size.Equal {
			continue
		}
		what := fmt.Sprintf("%s, not %s", x.Type.Dims[i], want)
		if n := len(whats); n > 0 && whats[n-1] == what {
			axes[n-1] = append(axes[n-1], i+1)
			continue
		}
		whats, axes = append(whats, what), append(axes, []int{i + 1})
	}
	for i, w := range whats {
		switch n := len(axes[i]); {
		case n == 1:
			out = append(out, fmt.Sprintf("axis %d is %s", axes[i][0], w))
		default:
			text := ""
			for j, a := range axes[i] {
				switch {
				case j == 0:
				case j == n-1:
					text += " and "
				default:
					text += ", "
				}
				text += fmt.Sprint(a)
			}
			out = append(out, fmt.Sprintf("axes %s are %s", text, w))
		}
	}
	return strings.Join(out, "; ")
}

func axisCount(n int) string {
	switch n {
	case 0:
		return "no axis"
	case 1:
		return "1 axis"
	}
	return fmt.Sprintf("%d axes", n)
}

// whyBound says where the size that an axis should have comes from.
func (e *elab) whyBound(x *core.Term, a *syntax.TypeAtom, s *scope, axis int) string {
	if axis < 0 || len(x.Type.Dims) == 0 {
		return ""
	}
	// Count from the right: a `...` stands for any number of axes.
	k := axis
	for i, d := range a.Dims {
		if _, is := d.(*syntax.Spread); is && i <= axis {
			k = len(a.Dims) - (len(x.Type.Dims) - axis)
		}
	}
	if k < 0 || k >= len(a.Dims) {
		return ""
	}
	var out []string
	syntax.Walk(a.Dims[k], func(n syntax.Node) bool {
		if nm, is := n.(*syntax.Name); is {
			if b, _ := s.find(nm.Text); b != nil && b.why != "" {
				if b.why == configWhy {
					out = append(out, fmt.Sprintf("%s is the config value at %s", nm.Text, spot(b.at)))
				} else {
					out = append(out, nm.Text+" "+b.why)
				}
			}
		}
		return true
	})
	return strings.Join(out, "\n")
}

// columnFix proposes a type for a column that does not fit, and one for the model.
func columnFix(e *elab, x *core.Term, a *syntax.TypeAtom, s *scope, c matchContext, col *column) string {
	var row, wide []string
	letters := []string{"B", "c", "H", "W", "D"}
	for i, d := range a.Dims {
		n, is := d.(*syntax.Number)
		if i > 0 {
			if !is {
				if v := e.sizeValue(d, s); v == "" {
					return ""
				} else {
					row = append(row, v)
				}
			} else {
				row = append(row, n.Text)
			}
		}
		if i < len(letters) {
			wide = append(wide, letters[i])
		}
	}
	name := c.owner
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		name = name[i+1:]
	}
	shape := "[" + strings.Join(row, ", ") + "]"
	if len(row) == 0 {
		shape = ""
	}
	value := "…"
	if len(row) == 3 && len(x.Type.Dims) == 4 && len(a.Dims) == 4 {
		value = fmt.Sprintf("resize(image, %s, %s)", row[1], row[2])
		if row[0] == "1" && x.Type.Dims[1].String() == "3" {
			value = "gray(" + value + ")"
		}
		return fmt.Sprintf("%s: %s%s = %s  in `data %s`,  or widen %s to %s[%s]", col.name, a.Name, shape, value, col.data.name, name, a.Name, strings.Join(wide, ", "))
	}
	return fmt.Sprintf("%s: %s%s  in `data %s`,  or change the type of `%s` in %s", col.name, a.Name, shape, col.data.name, c.param, name)
}

func (e *elab) sizeValue(d syntax.Expr, s *scope) string {
	var out string
	e.quietly(func() {
		if n, is := d.(*syntax.Name); is {
			if v := e.sizeName(n.Text, s); v != nil {
				out = v.String()
			}
			return
		}
		out = e.dimSize(d, s).String()
	})
	return out
}

// quietly evaluates something for a message: what it reports is dropped.
func (e *elab) quietly(f func()) bool {
	n, checks := len(e.diags), len(e.prog.Checks)
	ok := e.try(f)
	e.diags, e.prog.Checks = e.diags[:n], e.prog.Checks[:checks]
	return ok
}
