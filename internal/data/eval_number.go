package data

import (
	"cmp"
	"fmt"
	"math"
	"math/bits"

	"modelc/recipe"
)

// binaryOp is an op on two numbers. int is nil where whole numbers are computed as floats too.
type binaryOp struct {
	float func(a, b float64) float64
	int   func(a, b int64) (int64, string)
}

const overflow = "the result is too large for a whole number of 64 bits"

var binaryOps = map[string]binaryOp{
	"+": {func(a, b float64) float64 { return a + b }, func(a, b int64) (int64, string) {
		c := a + b
		if (c > a) != (b > 0) && b != 0 {
			return 0, overflow
		}
		return c, ""
	}},
	"-": {func(a, b float64) float64 { return a - b }, func(a, b int64) (int64, string) {
		c := a - b
		if (c < a) != (b > 0) && b != 0 {
			return 0, overflow
		}
		return c, ""
	}},
	"*":  {func(a, b float64) float64 { return a * b }, times},
	"/":  {func(a, b float64) float64 { return a / b }, nil},
	"//": {func(a, b float64) float64 { return math.Floor(a / b) }, func(a, b int64) (int64, string) { q, _, msg := floorDivide(a, b); return q, msg }},
	"%": {func(a, b float64) float64 { return a - b*math.Floor(a/b) }, func(a, b int64) (int64, string) {
		_, r, msg := floorDivide(a, b)
		return r, msg
	}},
	"^": {math.Pow, func(a, b int64) (int64, string) {
		if b < 0 {
			return 0, fmt.Sprintf("%d ^ %d is no whole number; write float(x)", a, b)
		}
		out := int64(1)
		for ; b > 0; b >>= 1 {
			var msg string
			if b&1 == 1 {
				if out, msg = times(out, a); msg != "" {
					return 0, msg
				}
			}
			if b > 1 {
				if a, msg = times(a, a); msg != "" {
					return 0, msg
				}
			}
		}
		return out, ""
	}},
	"min": {math.Min, func(a, b int64) (int64, string) { return min(a, b), "" }},
	"max": {math.Max, func(a, b int64) (int64, string) { return max(a, b), "" }},
}

func times(a, b int64) (int64, string) {
	hi, lo := bits.Mul64(uint64(max(a, -a)), uint64(max(b, -b)))
	if a == math.MinInt64 || b == math.MinInt64 || hi != 0 || lo > math.MaxInt64 {
		return 0, overflow
	}
	return a * b, ""
}

func floorDivide(a, b int64) (q, r int64, msg string) {
	if b == 0 {
		return 0, 0, "a division of a whole number by zero"
	}
	if b == -1 {
		if a == math.MinInt64 {
			return 0, 0, overflow
		}
		return -a, 0, ""
	}
	q, r = a/b, a%b
	if r != 0 && (r < 0) != (b < 0) {
		q, r = q-1, r+b
	}
	return q, r, ""
}

func arithmetic(op binaryOp) func(*evaluator, *recipe.Expr, []*values) (*values, error) {
	return func(e *evaluator, x *recipe.Expr, a []*values) (*values, error) {
		if err := e.numbers(x, a); err != nil {
			return nil, err
		}
		l, r := a[0], a[1]
		if op.int != nil && l.kind != floatsKind && r.kind != floatsKind {
			out, err := e.zip(x, intsKind, l, r)
			if err != nil {
				return nil, err
			}
			return out, e.each(x, out, a, func(o int, at *[3]int) (msg string) {
				out.ints[o], msg = op.int(l.int(at[0]), r.int(at[1]))
				return msg
			})
		}
		out, err := e.zip(x, floatsKind, l, r)
		if err != nil {
			return nil, err
		}
		return out, e.each(x, out, a, func(o int, at *[3]int) string {
			out.floats[o] = op.float(l.float(at[0]), r.float(at[1]))
			return ""
		})
	}
}

// unaryOp is an op on one number. int is nil where a whole number becomes a float; an op that returns its argument keeps the kind.
type unaryOp struct {
	float func(float64) float64
	int   func(int64) (int64, string)
}

func same(a int64) (int64, string) { return a, "" }

func negate(a int64) (int64, string) {
	if a == math.MinInt64 {
		return 0, overflow
	}
	return -a, ""
}

var unaryOps = map[string]unaryOp{
	"neg": {func(a float64) float64 { return -a }, negate},
	"abs": {math.Abs, func(a int64) (int64, string) {
		if a < 0 {
			return negate(a)
		}
		return a, ""
	}},
	"floor": {math.Floor, same}, "ceil": {math.Ceil, same}, "round": {math.RoundToEven, same},
	"exp": {math.Exp, nil}, "log": {math.Log, nil}, "log1p": {math.Log1p, nil}, "sqrt": {math.Sqrt, nil},
	"sin": {math.Sin, nil}, "cos": {math.Cos, nil}, "tanh": {math.Tanh, nil},
}

func arithmetic1(op unaryOp) func(*evaluator, *recipe.Expr, []*values) (*values, error) {
	return func(e *evaluator, x *recipe.Expr, a []*values) (*values, error) {
		if err := e.numbers(x, a); err != nil {
			return nil, err
		}
		v := a[0]
		if v.kind != floatsKind && op.int != nil {
			out, err := e.zip(x, intsKind, v)
			if err != nil {
				return nil, err
			}
			return out, e.each(x, out, a, func(o int, at *[3]int) (msg string) {
				out.ints[o], msg = op.int(v.int(at[0]))
				return msg
			})
		}
		out, err := e.zip(x, floatsKind, v)
		if err != nil {
			return nil, err
		}
		return out, e.each(x, out, a, func(o int, at *[3]int) string {
			out.floats[o] = op.float(v.float(at[0]))
			return ""
		})
	}
}

func clamp(e *evaluator, x *recipe.Expr, a []*values) (*values, error) {
	low, err := functions["max"].eval(e, x, []*values{a[0], a[1]})
	if err != nil {
		return nil, err
	}
	return functions["min"].eval(e, x, []*values{low, a[2]})
}

func comparison(holds func(int) bool) func(*evaluator, *recipe.Expr, []*values) (*values, error) {
	return func(e *evaluator, x *recipe.Expr, a []*values) (*values, error) {
		l, r := a[0], a[1]
		if (l.kind == textsKind) != (r.kind == textsKind) {
			return nil, e.bad(x, -1, "`%s` compares a text with a number", x.Op)
		}
		out, err := e.zip(x, bytesKind, l, r)
		if err != nil {
			return nil, err
		}
		out.bool = true
		whole := l.kind != floatsKind && r.kind != floatsKind
		return out, e.each(x, out, a, func(o int, at *[3]int) string {
			var c int
			switch {
			case l.kind == textsKind:
				c = cmp.Compare(l.texts[at[0]], r.texts[at[1]])
			case whole:
				c = cmp.Compare(l.int(at[0]), r.int(at[1]))
			default:
				c = cmp.Compare(l.float(at[0]), r.float(at[1]))
			}
			if holds(c) {
				out.u8[o] = 1
			}
			return ""
		})
	}
}

// logic is or where one is true, and where one is false: what the result is as soon as one argument is known.
func logic(one bool) func(*evaluator, *recipe.Expr, []*values) (*values, error) {
	decides := uint8(0)
	if one {
		decides = 1
	}
	return func(e *evaluator, x *recipe.Expr, a []*values) (*values, error) {
		l, r := a[0], a[1]
		if l.kind != bytesKind || r.kind != bytesKind || l.list || r.list {
			return nil, e.bad(x, -1, "`%s` needs bools", x.Op)
		}
		out, err := e.zip(x, bytesKind, l, r)
		if err != nil {
			return nil, err
		}
		out.bool = true
		// The masks are combined here: a known argument may decide.
		bare := []*values{{}, {}}
		*bare[0], *bare[1] = *l, *r
		bare[0].missing, bare[1].missing = nil, nil
		return out, e.each(x, out, bare, func(o int, at *[3]int) string {
			lm, rm := l.isMissing(at[0]), r.isMissing(at[1])
			lv, rv := l.u8[at[0]], r.u8[at[1]]
			switch {
			case !lm && lv == decides, !rm && rv == decides:
				out.u8[o] = decides
			case lm || rm:
				out.missing[o] = true
			default:
				out.u8[o] = 1 - decides
			}
			return ""
		})
	}
}

func not(e *evaluator, x *recipe.Expr, a []*values) (*values, error) {
	if a[0].kind != bytesKind {
		return nil, e.bad(x, -1, "`not` needs a bool")
	}
	out := a[0].like(bytesKind)
	out.bool = true
	for i, b := range a[0].u8 {
		if b == 0 {
			out.u8[i] = 1
		}
	}
	return out, nil
}

// where takes the element of its second or third argument; the other one may be missing.
func where(e *evaluator, x *recipe.Expr, a []*values) (*values, error) {
	c := a[0]
	if c.kind != bytesKind {
		return nil, e.bad(x, -1, "`where` needs a bool")
	}
	k := max(a[1].kind, a[2].kind)
	if (a[1].kind == textsKind) != (a[2].kind == textsKind) {
		return nil, e.bad(x, -1, "`where` of a text and a number")
	}
	out, err := e.zip(x, k, c, a[1], a[2])
	if err != nil {
		return nil, err
	}
	if out.list && out.missing != nil {
		return nil, e.bad(x, -1, "`where` of lists that may be missing")
	}
	bare := []*values{{}, {}, {}}
	for i := range bare {
		*bare[i] = *a[i]
		bare[i].missing = nil
	}
	return out, e.each(x, out, bare, func(o int, at *[3]int) string {
		if c.isMissing(at[0]) {
			out.missing[o] = true
			return ""
		}
		v, i := a[1], at[1]
		if c.u8[at[0]] == 0 {
			v, i = a[2], at[2]
		}
		if v.isMissing(i) {
			out.missing[o] = true
			return ""
		}
		out.set(o, v, i)
		return ""
	})
}

// set puts element i of v, converted to the kind of out, at o.
func (out *values) set(o int, v *values, i int) {
	switch out.kind {
	case bytesKind:
		out.u8[o] = v.u8[i]
	case intsKind:
		out.ints[o] = v.int(i)
	case floatsKind:
		out.floats[o] = v.float(i)
	default:
		out.texts[o] = v.texts[i]
	}
}

func isMissing(e *evaluator, x *recipe.Expr, a []*values) (*values, error) {
	v := a[0]
	out := &values{kind: bytesKind, bool: true, rows: v.rows, dims: v.dims, constant: v.constant, window: v.window}
	n := v.count()
	if v.list {
		out.dims, n = nil, v.rows
	}
	out.u8 = make([]uint8, n)
	for i := range v.missing {
		if v.missing[i] {
			out.u8[i] = 1
		}
	}
	return out, nil
}

func fill(e *evaluator, x *recipe.Expr, a []*values) (*values, error) {
	v := a[0]
	if v.list {
		return nil, e.bad(x, -1, "fill of lists; fill(x, …) works on single values")
	}
	var with *values
	switch {
	case len(a) == 2:
		with = a[1]
	case x.Name == "":
		return nil, e.bad(x, -1, "fill has no value")
	default:
		t, err := e.transform(x, x.Name)
		if err != nil {
			return nil, err
		}
		if with, err = t.fillings(v); err != nil {
			return nil, e.bad(x, -1, "%v", err)
		}
	}
	if (with.kind == textsKind) != (v.kind == textsKind) {
		return nil, e.bad(x, -1, "fill of a text by a number, or of a number by a text")
	}
	k := v.kind
	if with.kind == floatsKind || k == bytesKind {
		k = max(k, with.kind)
	}
	// Without masks: the filling of a value that is there may be missing.
	bare, bareWith := *v, *with
	bare.missing, bareWith.missing = nil, nil
	out, err := e.zip(x, k, &bare, &bareWith)
	if err != nil {
		return nil, err
	}
	if !equal(out.dims, v.dims) {
		return nil, e.bad(x, -1, "fill of the sizes %v by %v", v.dims, with.dims)
	}
	out.bool = v.bool
	n := 0
	err = e.each(x, out, []*values{&bare, &bareWith}, func(o int, at *[3]int) string {
		switch {
		case !v.isMissing(at[0]):
			out.set(o, v, at[0])
		case with.isMissing(at[1]):
			return "the value is missing, and so is the one that fills it"
		default:
			n++
			out.set(o, with, at[1])
		}
		return ""
	})
	if err != nil {
		return nil, err
	}
	if e.record != nil && n > 0 {
		e.record(Filled{At: x.At, Column: e.name, Values: n})
	}
	return out, nil
}
