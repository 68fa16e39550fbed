package check

import (
	"fmt"
	"slices"
	"sort"

	"modelc/compiler/core"
	"modelc/compiler/size"
	"modelc/lang/diag"
	"modelc/lang/source"
	"modelc/lang/syntax"
)

// asTerm makes a term of a value: constants become scalars of no fixed type (Int or the model's float).
func (e *elab) asTerm(v value, at source.Span) *core.Term {
	switch v := v.(type) {
	case *core.Term:
		return v
	case element:
		if len(v.axes) == 0 {
			return v.t
		}
	case sizeVal:
		if n, ok := v.s.Const(); ok {
			return e.term(core.Number{Value: float64(n)}, of(core.Int))
		}
		return e.term(core.SizeOf{Size: v.s}, of(core.Int))
	case floatVal:
		return e.term(core.Number{Value: float64(v)}, of(e.float()))
	case boolVal:
		n := 0.0
		if v {
			n = 1
		}
		return e.term(core.Number{Value: n}, of(core.Bool))
	}
	e.fail("M103", at, "a tensor or a number is needed here, this is %s", describe(v))
	return nil
}

// typedConst is asTerm with the element type of the context.
func (e *elab) typedConst(v value, elem core.Elem, at source.Span) *core.Term {
	if isConst(v) && elem != core.None {
		if _, is := v.(boolVal); !is || elem == core.Bool {
			t := e.asTerm(v, at)
			if t.Type.Elem != elem && t.Type.Elem != core.Bool {
				if elem == core.ID {
					elem = core.Int
				}
				return e.term(t.Kind, of(elem))
			}
			return t
		}
	}
	return e.asTerm(v, at)
}

// convert gives a term the element type, where the language lets it pass: between floats, and from integers that the compiler knows.
func (e *elab) convert(t *core.Term, elem core.Elem, at source.Span) *core.Term {
	from := t.Type.Elem
	if from == elem || elem == core.None {
		return t
	}
	ok := from.IsFloat() && elem.IsFloat() || from == core.Int && (elem.IsFloat() || elem.IsInt()) || (from == core.ID || from == core.I32) && (elem == core.Int || elem == core.I32)
	if !ok {
		d := diag.Diagnostic{Code: "M140", At: at, Title: fmt.Sprintf("%s is expected here, this is %s", elem, typeText(t.Type))}
		if elem.IsFloat() {
			d.Notes = notes("fix", "float(…) turns stored integers into numbers")
		}
		e.failWith(d)
	}
	if n, is := t.Kind.(core.Number); is {
		return e.term(n, core.Type{Elem: elem, Dims: t.Type.Dims})
	}
	if n, is := t.Kind.(core.SizeOf); is {
		return e.term(n, core.Type{Elem: elem, Dims: t.Type.Dims})
	}
	return e.term(core.Cast{}, core.Type{Elem: elem, Dims: t.Type.Dims, Labels: t.Type.Labels}, t)
}

// common returns the element type in which two operands meet.
func (e *elab) common(x *syntax.Binary, l, r value) core.Elem {
	elem, ok := e.meet(l, r)
	if ok {
		return elem
	}
	a, b := elemOf(l), elemOf(r)
	d := diag.Diagnostic{Code: "M140", At: x.OpAt, Title: fmt.Sprintf("`%s` meets %s and %s", x.Op, describe(l), describe(r))}
	if a.IsInt() || b.IsInt() {
		d.Notes = notes("fix", "float(…) turns stored integers into numbers")
	}
	e.failWith(d)
	return core.None
}

func (e *elab) meet(l, r value) (core.Elem, bool) {
	if isConst(l) && isConst(r) {
		if _, is := l.(boolVal); is {
			return core.Bool, true
		}
		_, lf := l.(floatVal)
		_, rf := r.(floatVal)
		if lf || rf {
			return e.float(), true
		}
		return core.Int, true
	}
	if isConst(l) {
		l, r = r, l
	}
	a := elemOf(l)
	if isConst(r) {
		switch r.(type) {
		case boolVal:
			return core.Bool, a == core.Bool
		case floatVal:
			if a.IsFloat() {
				return a, true
			}
			return e.float(), a == core.Int
		default:
			return a, a != core.Bool && a != core.None
		}
	}
	b := elemOf(r)
	switch {
	case a == b:
		return a, a != core.None
	case a.IsFloat() && b.IsFloat():
		if width(a) >= width(b) {
			return a, true
		}
		return b, true
	case a == core.Int && (b.IsFloat() || b.IsInt()):
		return b, true
	case b == core.Int && (a.IsFloat() || a.IsInt()):
		return a, true
	case (a == core.ID && b == core.I32) || (a == core.I32 && b == core.ID):
		return core.I32, true
	}
	return core.None, false
}

// mapMixed applies an elementwise code after bringing both operands to elem.
func (e *elab) mapMixed(code string, out, elem core.Elem, x *syntax.Binary, l, r value) value {
	w := &sides{code, [2]source.Span{x.X.Span(), x.Y.Span()}}
	return e.mapSides(code, out, x.At, w, e.inElem(l, elem, x.X.Span()), e.inElem(r, elem, x.Y.Span()))
}

func (e *elab) inElem(v value, elem core.Elem, at source.Span) value {
	switch v := v.(type) {
	case element:
		if elem == core.ID || v.t.Type.Elem == core.ID && elem.IsInt() {
			return v
		}
		v.t = e.convert(v.t, elem, at)
		return v
	case *core.Term:
		if elem == core.ID || v.Type.Elem == core.ID && elem.IsInt() {
			return v
		}
		return e.convert(v, elem, at)
	}
	return e.typedConst(v, elem, at)
}

// mapValues applies an elementwise code to terms, elements or constants.
func (e *elab) mapValues(code string, elem core.Elem, at source.Span, vs ...value) value {
	return e.mapSides(code, elem, at, nil, vs...)
}

func (e *elab) mapSides(code string, elem core.Elem, at source.Span, w *sides, vs ...value) value {
	for _, v := range vs {
		if _, is := v.(element); is {
			return e.mapElements(code, elem, at, vs)
		}
	}
	args := make([]*core.Term, len(vs))
	best := 0
	for i, v := range vs {
		args[i] = e.asTerm(v, at)
		if len(args[i].Type.Dims) > len(args[best].Type.Dims) {
			best = i
		}
	}
	for i, a := range args {
		if i != best {
			e.suffix(args[best], a, best < i, at, w)
		}
	}
	t := core.Type{Elem: elem, Dims: args[best].Type.Dims, Labels: mergedLabels(args, best)}
	return e.term(core.Map{Code: code}, t, args...)
}

// mergedLabels are the labels of the operand of higher rank, the left one if equal (ruling 32); where it has none, those of the others.
func mergedLabels(args []*core.Term, best int) []string {
	n := len(args[best].Type.Dims)
	out := make([]string, n)
	for i := range out {
		out[i] = label(args[best].Type, i)
		for _, a := range args {
			if k := i - (n - len(a.Type.Dims)); out[i] == "" && k >= 0 {
				out[i] = label(a.Type, k)
			}
		}
	}
	return out
}

// suffix checks that the dims of small are the last dims of large.
func (e *elab) suffix(large, small *core.Term, largeFirst bool, at source.Span, w *sides) {
	ld, sd := large.Type.Dims, small.Type.Dims
	tail := ld[len(ld)-len(sd):]
	for i := range sd {
		switch e.compare(tail[i], sd[i]) {
		case size.No:
			e.mismatch(large, small, largeFirst, at, w)
		case size.Unknown:
			if size.DifferentNames(tail[i], sd[i]) || e.unlike(tail[i], sd[i]) {
				e.mismatch(large, small, largeFirst, at, w)
			}
			e.residual("==", tail[i], sd[i], "M110", fmt.Sprintf("%s and %s meet element by element", typeText(large.Type), typeText(small.Type)))
		}
	}
}

// compare decides whether two sizes are equal; that one is always smaller makes them different too (2*d and d: no size of a tensor that anything reads is 0).
func (e *elab) compare(a, b size.Size) size.Tri {
	t := size.Compare(a, b, e.facts)
	if t == size.Unknown && (a.Less(b, e.facts) == size.Yes || b.Less(a, e.facts) == size.Yes) {
		return size.No
	}
	return t
}

// unlike reports whether one size is a number and the other a name that no operator may pin to it: the batch size, and within a definition any name.
func (e *elab) unlike(a, b size.Size) bool {
	if _, is := a.Const(); is {
		a, b = b, a
	}
	_, number := b.Const()
	sym, name := a.Sym()
	return number && name && (sym == e.prog.B || e.def != nil)
}

// equalDims compares shapes, leaving what is open to lowering.
func (e *elab) equalDims(a, b []size.Size, at source.Span) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		switch e.compare(a[i], b[i]) {
		case size.No:
			return false
		case size.Unknown:
			if size.DifferentNames(a[i], b[i]) {
				return false
			}
			e.residual("==", a[i], b[i], "M102", "the sizes must agree")
		}
	}
	return true
}

// mapElements aligns elements by their indices: every argument is arranged over the union of the axes (scalars stay scalars).
func (e *elab) mapElements(code string, elem core.Elem, at source.Span, vs []value) value {
	var union []*axis
	args := make([]element, len(vs))
	for i, v := range vs {
		el, is := v.(element)
		if !is {
			t := e.asTerm(v, at)
			if len(t.Type.Dims) > 0 {
				e.fail("M121", at, "%s: in an index statement every axis is subscripted", typeText(t.Type))
			}
			el = element{t: t}
		}
		args[i] = el
		for _, a := range el.axes {
			if !hasAxis(union, a) {
				union = append(union, a)
			}
		}
	}
	if len(args) > 1 {
		union = layout(union, args)
	}
	terms := make([]*core.Term, len(args))
	for i, a := range args {
		terms[i] = e.spread(a, union)
	}
	t := core.Type{Elem: elem, Dims: extents(union), Labels: axisNames(union)}
	return element{e.term(core.Map{Code: code}, t, terms...), union}
}

// layout orders the axes of an elementwise result: as the operand that has them all, so that it is not transposed; where several or none have,
// in the order of the statement's indices.
func layout(union []*axis, args []element) []*axis {
	sort.SliceStable(union, func(i, j int) bool { return union[i].rank < union[j].rank })
	var whole []*axis
	for _, a := range args {
		if len(a.axes) != len(union) {
			continue
		}
		if slices.Equal(a.axes, union) {
			return union
		}
		if whole == nil {
			whole = a.axes
		}
	}
	if whole != nil {
		return slices.Clone(whole)
	}
	return union
}

func hasAxis(list []*axis, a *axis) bool { return axisAt(list, a) >= 0 }

func axisAt(list []*axis, a *axis) int {
	for i, b := range list {
		if a == b {
			return i
		}
	}
	return -1
}

func extents(axes []*axis) []size.Size {
	out := make([]size.Size, len(axes))
	for i, a := range axes {
		out[i] = a.extent
	}
	return out
}

func axisNames(axes []*axis) []string {
	out := make([]string, len(axes))
	for i, a := range axes {
		out[i] = a.label()
	}
	return out
}

// spread arranges an element over a list of axes that holds all of its own; an element whose axes are the last of the list, in order, needs nothing.
func (e *elab) spread(el element, axes []*axis) *core.Term {
	n := len(axes) - len(el.axes)
	same := true
	at := make([]int, len(el.axes))
	for i, a := range el.axes {
		at[i] = axisAt(axes, a)
		same = same && at[i] == n+i
	}
	if same {
		return el.t
	}
	return e.term(core.Arrange{At: at}, core.Type{Elem: el.t.Type.Elem, Range: el.t.Type.Range, Dims: extents(axes), Labels: axisNames(axes)}, el.t)
}

// fully is spread with every axis present, leading ones too.
func (e *elab) fully(el element, axes []*axis) *core.Term {
	if len(el.axes) == len(axes) {
		return e.spread(el, axes)
	}
	at := make([]int, len(el.axes))
	for i, a := range el.axes {
		at[i] = axisAt(axes, a)
	}
	t := core.Type{Elem: el.t.Type.Elem, Range: el.t.Type.Range, Dims: extents(axes), Labels: axisNames(axes)}
	if len(el.axes) == 0 {
		return e.term(core.Fill{}, t, el.t)
	}
	return e.term(core.Arrange{At: at}, t, el.t)
}

// balance brings two terms to one element type and, where one is a scalar, to one shape.
func (e *elab) balance(a, b *core.Term, at source.Span) (*core.Term, *core.Term) {
	var av, bv value = a, b
	elem, ok := e.meet(av, bv)
	if !ok {
		e.fail("M140", at, "%s and %s have different element types", typeText(a.Type), typeText(b.Type))
	}
	if elem != core.ID {
		a, b = e.convert(a, elem, at), e.convert(b, elem, at)
	}
	if len(a.Type.Dims) == 0 && len(b.Type.Dims) > 0 {
		a = e.term(core.Fill{}, of(a.Type.Elem, b.Type.Dims...), a)
	}
	if len(b.Type.Dims) == 0 && len(a.Type.Dims) > 0 {
		b = e.term(core.Fill{}, of(b.Type.Elem, a.Type.Dims...), b)
	}
	return a, b
}

func (e *elab) matmul(x *syntax.Binary, a, b *core.Term) value {
	ad, bd := a.Type.Dims, b.Type.Dims
	if len(ad) == 0 || len(bd) == 0 {
		e.fail("M103", x.OpAt, "`@` needs axes on both sides: %s @ %s", typeText(a.Type), typeText(b.Type))
	}
	l, r := ad[len(ad)-1], bd[0]
	bad := func() { e.widths(x, a, b, l, r) }
	switch size.Compare(l, r, e.facts) {
	case size.No:
		bad()
	case size.Unknown:
		if size.DifferentNames(l, r) || e.def != nil && e.unlike(l, r) {
			bad()
		}
		e.residual("==", l, r, "M101", "the sides of `@` must meet")
	}
	if !a.Type.Elem.IsFloat() || !b.Type.Elem.IsFloat() {
		e.fail("M140", x.OpAt, "`@` multiplies floats: %s @ %s", typeText(a.Type), typeText(b.Type))
	}
	a, b = e.floats(a, b, x.At)
	t := core.Type{Elem: a.Type.Elem}
	for i := 0; i < len(ad)-1; i++ {
		t.Dims, t.Labels = append(t.Dims, ad[i]), append(t.Labels, label(a.Type, i))
	}
	for i := 1; i < len(bd); i++ {
		t.Dims, t.Labels = append(t.Dims, bd[i]), append(t.Labels, label(b.Type, i))
	}
	return e.term(core.MatMul{}, t, a, b)
}

func (e *elab) floats(a, b *core.Term, at source.Span) (*core.Term, *core.Term) {
	elem := a.Type.Elem
	if width(b.Type.Elem) > width(elem) {
		elem = b.Type.Elem
	}
	return e.convert(a, elem, at), e.convert(b, elem, at)
}
