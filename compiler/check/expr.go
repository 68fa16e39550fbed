package check

import (
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"

	"modelc/compiler/core"
	"modelc/compiler/size"
	"modelc/lang/diag"
	"modelc/lang/source"
	"modelc/lang/syntax"
)

func sortedNames(m map[string]bool) []string {
	out := make([]string, 0, len(m))
	for n := range m {
		out = append(out, n)
	}
	sort.Strings(out)
	return out
}

// eval evaluates an expression.
func (e *elab) eval(x syntax.Expr, s *scope) value {
	e.at(x.Span())
	switch x := x.(type) {
	case *syntax.Name:
		return e.name(x, s)
	case *syntax.Number:
		return e.literal(x)
	case *syntax.String:
		return textVal(x.Value)
	case *syntax.Unary:
		return e.unary(x, s)
	case *syntax.Binary:
		return e.binary(x, s)
	case *syntax.Lambda:
		return lambdaVal{x, s}
	case *syntax.Call:
		return e.call(x, s)
	case *syntax.Index:
		return e.index(x, s)
	case *syntax.Field:
		return e.field(x, s)
	case *syntax.Group:
		if len(x.Items) == 1 && x.Items[0].Range == nil {
			return e.eval(x.Items[0].X, s)
		}
		var t tupleVal
		for _, it := range x.Items {
			t = append(t, e.eval(it.X, s))
		}
		return t
	case *syntax.List:
		return e.list(x, s)
	case *syntax.If:
		return e.ifValue(x, s)
	case *syntax.For:
		return e.loop(x, s)
	case *syntax.Spread:
		if x.Name != "" {
			if b := e.lookup(x.Name, s); b != nil {
				if p, is := b.v.(packVal); is {
					return p
				}
			}
		}
		e.fail("M107", x.At, "`...` stands in types and subscripts only")
	}
	panic(fmt.Sprintf("check: unknown expression %T", x))
}

func (e *elab) literal(x *syntax.Number) value {
	text := strings.ReplaceAll(x.Text, "_", "")
	if !strings.ContainsAny(text, ".eE") {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			e.fail("M105", x.At, "%s does not fit in 64 bits", x.Text)
		}
		return sizeVal{size.Of(n)}
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(f, 0) {
		e.fail("M105", x.At, "%s does not fit in 64 bits", x.Text)
	}
	return floatVal(f)
}

func (e *elab) name(x *syntax.Name, s *scope) value {
	if ix := s.indexes(); ix != nil {
		if a := ix.find(x.Text); a != nil {
			return e.indexValue(a, x.At)
		}
	}
	if v, is := e.phaseName(x, s); is {
		return v
	}
	b := e.lookup(x.Text, s)
	if b == nil {
		e.unknown(x.Text, x.At, s)
	}
	if b.v == nil {
		if in := s.instance(); in != nil {
			e.fail("M211", x.At, "`%s` is not fixed yet: a `dim` is solved by the first call of the layer, or by an annotation in its body", x.Text)
		}
		e.fail("M211", x.At, "`%s` is not fixed yet", x.Text)
	}
	v := b.v
	if r, is := v.(slotRef); is {
		v = e.read(r, x.At)
	}
	if c, is := v.(columnRef); is {
		v = c.value(e, x)
	}
	if ix := s.indexes(); ix != nil {
		if t, is := v.(*core.Term); is {
			if len(t.Type.Dims) > 0 && !ix.whole {
				e.failWith(diag.Diagnostic{Code: "M121", At: x.At, Title: fmt.Sprintf("`%s` is %s: in an index statement every axis is subscripted", x.Text, typeText(t.Type)),
					Notes: notes("fix", x.Text+"["+strings.Repeat("…, ", max(len(t.Type.Dims)-1, 0))+"…]")})
			}
		}
	}
	return v
}

// phaseName evaluates training, past, step, total_steps, epoch unless something in scope has the name.
func (e *elab) phaseName(x *syntax.Name, s *scope) (value, bool) {
	switch x.Text {
	case "training", "past", "step", "total_steps", "epoch":
	default:
		return nil, false
	}
	if b, _ := s.find(x.Text); b != nil {
		return nil, false
	}
	switch x.Text {
	case "training":
		return boolVal(e.training), true
	case "past":
		if e.phase == "generate.next" && e.sizes > 0 {
			return sizeVal{size.FromSym(e.prog.Past)}, true
		}
		if e.phase == "generate.next" {
			return e.term(core.Input{Name: "past"}, of(core.Int)), true
		}
		return sizeVal{}, true
	}
	if e.phase == "" {
		e.fail("M231", x.At, "`%s` is known in a train block only", x.Text)
	}
	return e.term(core.Input{Name: x.Text}, of(core.Int)), true
}

func (e *elab) unary(x *syntax.Unary, s *scope) value {
	v := e.eval(x.X, s)
	e.at(x.At)
	if x.Op == "not" {
		switch v := v.(type) {
		case boolVal:
			return !v
		case *core.Term, element:
			if elemOf(v) != core.Bool {
				e.fail("M103", x.X.Span(), "`not` needs bool, this is %s", describe(v))
			}
			return e.mapValues("not", core.Bool, x.At, v)
		}
		e.fail("M103", x.X.Span(), "`not` needs bool, this is %s", describe(v))
	}
	switch v := v.(type) {
	case sizeVal:
		return sizeVal{v.s.Neg()}
	case floatVal:
		return -v
	case *core.Term, element:
		el := elemOf(v)
		if el == core.Bool || el == core.U8 {
			e.fail("M103", x.X.Span(), "%s cannot be negated", describe(v))
		}
		return e.mapValues("neg", arithmetic(el), x.At, v)
	}
	e.fail("M103", x.X.Span(), "%s cannot be negated", describe(v))
	return nil
}

func elemOf(v value) core.Elem {
	switch v := v.(type) {
	case *core.Term:
		return v.Type.Elem
	case element:
		return v.t.Type.Elem
	case sizeVal:
		return core.Int
	case boolVal:
		return core.Bool
	}
	return core.None
}

// arithmetic returns the element type that arithmetic on one gives: an id leaves its range.
func arithmetic(e core.Elem) core.Elem {
	if e == core.ID {
		return core.I32
	}
	return e
}

func (e *elab) binary(x *syntax.Binary, s *scope) value {
	switch x.Op {
	case "|>":
		v := e.eval(x.X, s)
		f := e.function(x.Y, s)
		return e.apply(f, []value{v}, nil, x.At)
	case "..":
		e.fail("M107", x.At, "a range stands in `for … in`, in a subscript or behind an index")
	case "and", "or":
		l := e.eval(x.X, s)
		if c, is := l.(boolVal); is {
			if bool(c) == (x.Op == "or") {
				return c
			}
			r := e.eval(x.Y, s)
			e.needBool(r, x.Y)
			return r
		}
		r := e.eval(x.Y, s)
		e.needBool(l, x.X)
		e.needBool(r, x.Y)
		if c, is := r.(boolVal); is {
			if bool(c) == (x.Op == "or") {
				return c
			}
			return l
		}
		return e.mapValues(x.Op, core.Bool, x.At, l, r)
	}
	if x.Op == "==" || x.Op == "!=" {
		if v := e.enumCompare(x, x.X, x.Y, s); v != nil {
			return v
		}
		if v := e.enumCompare(x, x.Y, x.X, s); v != nil {
			return v
		}
	}
	l := e.eval(x.X, s)
	r := e.eval(x.Y, s)
	e.at(x.At)
	return e.operate(x, l, r)
}

// enumCompare is `mode == pre`, where mode is declared pre | post: the names of an enum are known beside a value of it. nil: it is something else.
func (e *elab) enumCompare(x *syntax.Binary, value, name syntax.Expr, s *scope) value {
	v, is := value.(*syntax.Name)
	n, also := name.(*syntax.Name)
	if !is || !also {
		return nil
	}
	b, _ := s.find(v.Text)
	if b == nil || b.alts == nil {
		return nil
	}
	if other, _ := s.find(n.Text); other != nil {
		return nil
	}
	t, is := e.lookup(v.Text, s).v.(textVal)
	if !is {
		return nil
	}
	if !contains(b.alts, n.Text) {
		d := diag.Diagnostic{Code: "M203", At: n.At, Title: fmt.Sprintf("`%s` is none of %s, which is what `%s` can be", n.Text, strings.Join(b.alts, " | "), v.Text)}
		if near := diag.Suggest(n.Text, b.alts); near != "" {
			d.Labels = []diag.Label{{At: n.At, Text: "did you mean `" + near + "`?"}}
		}
		e.failWith(d)
	}
	return boolVal((string(t) == n.Text) == (x.Op == "=="))
}

func (e *elab) needBool(v value, x syntax.Expr) {
	if _, is := v.(boolVal); !is && elemOf(v) != core.Bool {
		e.fail("M103", x.Span(), "a condition is bool, this is %s", describe(v))
	}
}

var opCodes = map[string]string{"+": "add", "-": "sub", "*": "mul", "/": "div", "//": "floordiv", "%": "rem", "^": "pow", "==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}

func (e *elab) operate(x *syntax.Binary, l, r value) value {
	if x.Op == "@" {
		return e.matmul(x, e.asTerm(l, x.X.Span()), e.asTerm(r, x.Y.Span()))
	}
	ls, lsize := l.(sizeVal)
	rs, rsize := r.(sizeVal)
	if lsize && rsize {
		if v := e.sizeOperate(x, ls.s, rs.s); v != nil {
			return v
		}
	}
	if v := foldConst(x.Op, l, r); v != nil {
		return v
	}
	code := opCodes[x.Op]
	for _, side := range []struct {
		v value
		x syntax.Expr
	}{{l, x.X}, {r, x.Y}} {
		switch side.v.(type) {
		case sizeVal, floatVal, boolVal, *core.Term, element:
		default:
			e.fail("M103", side.x.Span(), "`%s` needs numbers, this is %s", x.Op, describe(side.v))
		}
	}
	elem := e.common(x, l, r)
	switch x.Op {
	case "==", "!=", "<", "<=", ">", ">=":
		return e.mapMixed(code, core.Bool, elem, x, l, r)
	case "/":
		if !elem.IsFloat() {
			if elem == core.Int || elem == core.ID || elem == core.Bool {
				if elem == core.Bool {
					e.fail("M103", x.At, "bool is no number: sum and mean count it, or write float(x)")
				}
				elem = e.float()
			} else {
				e.fail("M140", x.At, "%s / %s divides integers: write float(x) / …, or // to round down", describe(l), describe(r))
			}
		}
	}
	if elem == core.Bool {
		e.fail("M103", x.At, "bool is no number: sum and mean count it, or write float(x)")
	}
	out := e.mapMixed(code, arithmetic(elem), elem, x, l, r)
	// e % n stays below n.
	if x.Op == "%" && rsize && !arithmetic(elem).IsFloat() {
		return e.ranged(out, rs.s)
	}
	if elem == core.Int || elem == core.ID {
		return e.interval(x.Op, out, l, r)
	}
	return out
}

// float is the element type of `float` here: in a layer, and in a function it calls, the model's precision; in what stands outside of layers (losses, schedules) bf16
// has no place (ruling 46).
func (e *elab) float() core.Elem {
	if e.precision != core.None && (e.precision != core.BF16 || e.path != "") {
		return e.precision
	}
	return core.F32
}

// wide is an element type that a text names. Under precision = f64, which is for comparisons, f32 is f64 too: where a layer says f32 it asks for more than bf16.
func (e *elab) wide(elem core.Elem) core.Elem {
	if elem == core.F32 && e.precision == core.F64 {
		return core.F64
	}
	return elem
}

// ranged gives an integer tensor the range 0..n: stored integers become ids, those that the compiler knows stay such (ruling 44).
func (e *elab) ranged(v value, n size.Size) value {
	set := func(t *core.Term) *core.Term {
		to := t.Type
		to.Range = n
		if to.Elem != core.Int {
			to.Elem = core.ID
		}
		return retyped(t, to)
	}
	switch v := v.(type) {
	case *core.Term:
		return set(v)
	case element:
		v.t = set(v.t)
		return v
	}
	return v
}

// interval keeps a bound on sums of index values: i + j for i in 0..n, j in 0..m is below n + m - 1.
func (e *elab) interval(op string, out value, l, r value) value {
	if op != "+" {
		return out
	}
	a, aok := bound(l)
	b, bok := bound(r)
	if !aok || !bok {
		return out
	}
	n := a.Add(b).Sub(size.Of(1))
	set := func(t *core.Term) *core.Term {
		c := *t
		c.Type.Range = n
		return &c
	}
	switch v := out.(type) {
	case *core.Term:
		return set(v)
	case element:
		v.t = set(v.t)
		return v
	}
	return out
}

// bound returns n such that 0 <= v < n, when the type says so.
func bound(v value) (size.Size, bool) {
	var t *core.Term
	switch v := v.(type) {
	case sizeVal:
		if n, ok := v.s.Const(); ok && n < 0 {
			return size.Size{}, false
		}
		return v.s.Add(size.Of(1)), true
	case *core.Term:
		t = v
	case element:
		t = v.t
	default:
		return size.Size{}, false
	}
	if (t.Type.Elem == core.ID || t.Type.Elem == core.Int) && !t.Type.Range.IsZero() {
		return t.Type.Range, true
	}
	return size.Size{}, false
}

func (e *elab) sizeOperate(x *syntax.Binary, a, b size.Size) value {
	zero := func() {
		if b.IsZero() {
			e.fail("M106", x.At, "`%s` divides by zero", syntax.Print(x))
		}
	}
	var out size.Size
	switch x.Op {
	case "+":
		out = a.Add(b)
	case "-":
		out = a.Sub(b)
	case "*":
		out = a.Mul(b)
	case "//":
		zero()
		out = a.FloorDiv(b)
	case "%":
		zero()
		out = a.Mod(b)
	case "/":
		zero()
		if e.sizes == 0 {
			return nil
		}
		q, ok := a.ExactDiv(b)
		if !ok {
			e.fail("M108", x.At, "%s is not divisible by %s: in sizes `/` is exact (`//` rounds down)", a, b)
		}
		out = q
	case "^":
		n, ok := b.Const()
		if !ok {
			e.wait()
		}
		if c, known := a.Const(); ok && n > 64 && e.sizes > 0 && !(known && c >= -1 && c <= 1) {
			e.fail("M106", x.At, "`%s` does not fit in 64 bits", syntax.Print(x))
		}
		if !ok || n < 0 || n > 64 {
			return nil
		}
		out = a.Pow(int(n))
	default:
		switch t := compareSizes(x.Op, a, b, e.facts); t {
		case size.Yes:
			return boolVal(true)
		case size.No:
			return boolVal(false)
		}
		if e.def != nil {
			return boolVal(e.decide(x.Op, a, b))
		}
		return nil
	}
	if err := out.Err(); err != nil {
		e.fail("M106", x.At, "`%s`: %v", syntax.Print(x), err)
	}
	return sizeVal{out}
}

func compareSizes(op string, a, b size.Size, facts *size.Facts) size.Tri {
	not := func(t size.Tri) size.Tri {
		switch t {
		case size.Yes:
			return size.No
		case size.No:
			return size.Yes
		}
		return t
	}
	switch op {
	case "==":
		return size.Compare(a, b, facts)
	case "!=":
		return not(size.Compare(a, b, facts))
	case "<":
		return a.Less(b, facts)
	case "<=":
		return a.LessEq(b, facts)
	case ">":
		return b.Less(a, facts)
	default:
		return b.LessEq(a, facts)
	}
}

func foldConst(op string, l, r value) value {
	if a, is := l.(textVal); is {
		if b, is := r.(textVal); is && (op == "==" || op == "!=") {
			return boolVal((a == b) == (op == "=="))
		}
		return nil
	}
	if a, is := l.(boolVal); is {
		if b, is := r.(boolVal); is && (op == "==" || op == "!=") {
			return boolVal((a == b) == (op == "=="))
		}
		return nil
	}
	a, aok := number(l)
	b, bok := number(r)
	if !aok || !bok {
		return nil
	}
	switch op {
	case "+":
		return floatVal(a + b)
	case "-":
		return floatVal(a - b)
	case "*":
		return floatVal(a * b)
	case "/":
		return floatVal(a / b)
	case "//":
		return floatVal(math.Floor(a / b))
	case "%":
		return floatVal(a - b*math.Floor(a/b))
	case "^":
		return floatVal(math.Pow(a, b))
	case "==":
		return boolVal(a == b)
	case "!=":
		return boolVal(a != b)
	case "<":
		return boolVal(a < b)
	case "<=":
		return boolVal(a <= b)
	case ">":
		return boolVal(a > b)
	case ">=":
		return boolVal(a >= b)
	}
	return nil
}

// sizeOf evaluates an expression in which `/` is exact, to a size.
func (e *elab) sizeOf(x syntax.Expr, s *scope) size.Size {
	e.sizes++
	defer func() { e.sizes-- }()
	v := e.eval(x, s)
	if n, is := v.(sizeVal); is {
		return n.s
	}
	e.notSize(v, x.Span())
	return size.Size{}
}

func (e *elab) notSize(v value, at source.Span) {
	e.fail("M109", at, "a size is an integer that is known before the run; this is %s", describe(v))
}
