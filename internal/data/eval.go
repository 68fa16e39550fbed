package data

import (
	"fmt"
	"math"

	"modelc/recipe"
)

// evaluator computes expressions over all rows of a set at once.
type evaluator struct {
	s      *Set
	fitted *Fitted // what the transforms that it may call have learnt
	memo   map[string]*values
	busy   map[string]bool
	record func(Filled)            // nil: fills are not counted
	fit    func(name string) error // fits a transform that is not fitted yet; nil: all are
	name   string                  // the column that is computed, for messages
}

func (s *Set) evaluator(f *Fitted) *evaluator {
	return &evaluator{s: s, fitted: f, memo: map[string]*values{}, busy: map[string]bool{}}
}

// bad is an error of a row; row < 0: of no row.
func (e *evaluator) bad(x *recipe.Expr, row int, format string, args ...any) error {
	err := &Error{At: x.At, Column: e.name, Text: fmt.Sprintf(format, args...)}
	if row >= 0 && e.s.where != nil && row < e.s.rows {
		err.Where = e.s.where(row)
	}
	return err
}

// column returns the values of a column.
func (e *evaluator) column(name string, at recipe.Place) (*values, error) {
	if v := e.s.source[name]; v != nil {
		return v, nil
	}
	if v := e.memo[name]; v != nil {
		return v, nil
	}
	c := e.s.column(name)
	if c == nil {
		return nil, &Error{At: at, Text: fmt.Sprintf("the data %s has no column `%s`", e.s.block.Name, name)}
	}
	if c.From == nil {
		return nil, &Error{At: at, Column: name, Text: "the column was not read from the source"}
	}
	if e.busy[name] {
		return nil, &Error{At: c.At, Column: name, Text: "the column is computed from itself"}
	}
	e.busy[name] = true
	outer := e.name
	e.name = name
	from := c.From
	if from.Op == "image" {
		// The size of a picture that is not resized is that of the column.
		sized := *from
		sized.Type = c.Type
		from = &sized
	}
	v, err := e.eval(from)
	if err == nil {
		v, err = e.declared(c, v)
	}
	e.name = outer
	delete(e.busy, name)
	if err != nil {
		return nil, err
	}
	e.memo[name] = v
	return v, nil
}

// declared converts the result of a column's expression to the column's type.
func (e *evaluator) declared(c *recipe.Column, v *values) (*values, error) {
	at := &recipe.Expr{At: c.At, Type: c.Type}
	k, err := kindOf(c.Type)
	if err != nil {
		return nil, e.bad(at, -1, "%v", err)
	}
	if k == textsKind && v.kind == textsKind {
		return v, nil
	}
	if v.kind == textsKind || k == textsKind {
		return nil, e.bad(at, -1, "%s is declared, the expression gives %s", typeName(c.Type), map[bool]string{true: "text", false: "numbers"}[v.kind == textsKind])
	}
	if k == floatsKind && v.kind == floatsKind || k == intsKind && v.kind == intsKind && c.Type.Elem == "i64" {
		return v, nil
	}
	if k != floatsKind && v.kind == floatsKind {
		return nil, e.bad(at, -1, "%s is declared, the expression gives floating-point numbers", typeName(c.Type))
	}
	return e.convert(at, v)
}

// eval computes an expression.
func (e *evaluator) eval(x *recipe.Expr) (*values, error) {
	if x == nil {
		return nil, &Error{At: e.s.block.At, Column: e.name, Text: "an expression is missing in the recipe"}
	}
	switch x.Op {
	case "column":
		return e.column(x.Name, x.At)
	case "number":
		return number(x), nil
	case "text":
		return &values{kind: textsKind, rows: 1, texts: []string{x.Text}, constant: true}, nil
	}
	if x.Op == "resize" && len(x.Args) == 3 && x.Args[0].Op == "image" && len(x.Args[0].Args) == 1 {
		paths, err := e.eval(x.Args[0].Args[0])
		if err != nil {
			return nil, err
		}
		return e.pictures(x, paths, true)
	}
	args := make([]*values, len(x.Args))
	for i, a := range x.Args {
		var err error
		if args[i], err = e.eval(a); err != nil {
			return nil, err
		}
	}
	if name, ok := transformOf(x); ok {
		return e.encode(x, name, args)
	}
	f, ok := functions[x.Op]
	if !ok {
		return nil, e.bad(x, -1, "`%s` cannot be computed for a row of data", x.Op)
	}
	if len(args) < f.min || f.max >= 0 && len(args) > f.max {
		return nil, e.bad(x, -1, "`%s` got %d arguments", x.Op, len(args))
	}
	return f.eval(e, x, args)
}

type function struct {
	min, max int // arguments; max -1: any
	eval     func(e *evaluator, x *recipe.Expr, a []*values) (*values, error)
}

var functions map[string]function

func init() {
	functions = map[string]function{
		"and": {2, 2, logic(false)}, "or": {2, 2, logic(true)}, "not": {1, 1, not},
		"==": {2, 2, comparison(func(c int) bool { return c == 0 })}, "!=": {2, 2, comparison(func(c int) bool { return c != 0 })},
		"<": {2, 2, comparison(func(c int) bool { return c < 0 })}, "<=": {2, 2, comparison(func(c int) bool { return c <= 0 })},
		">": {2, 2, comparison(func(c int) bool { return c > 0 })}, ">=": {2, 2, comparison(func(c int) bool { return c >= 0 })},
		"missing": {1, 1, isMissing}, "fill": {1, 2, fill}, "where": {3, 3, where}, "clamp": {3, 3, clamp},
		"length": {1, 1, length}, "truncate": {2, 2, truncate}, "split": {2, 2, split},
		"gather": {1, -1, gather}, "one_hot": {1, 1, oneHot}, "multi_hot": {1, 1, multiHot},
		"cast":    {1, 1, func(e *evaluator, x *recipe.Expr, a []*values) (*values, error) { return e.convert(x, a[0]) }},
		"reshape": {1, 1, reshape}, "windows": {2, 2, windowsOf},
		"image":  {1, 1, func(e *evaluator, x *recipe.Expr, a []*values) (*values, error) { return e.pictures(x, a[0], false) }},
		"resize": {3, 3, resize}, "gray": {1, 1, gray}, "date": {1, 1, date},
	}
	for name, op := range binaryOps {
		functions[name] = function{2, 2, arithmetic(op)}
	}
	for name, op := range unaryOps {
		functions[name] = function{1, 1, arithmetic1(op)}
	}
	for name, op := range stringToString {
		functions[name] = function{1, 1, texts1(op)}
	}
	for name, op := range stringTests {
		functions[name] = function{2, 2, textTest(op)}
	}
	for name, op := range calendar {
		functions[name] = function{1, 1, ofTime(op)}
	}
}

func number(x *recipe.Expr) *values {
	v := &values{rows: 1, constant: true}
	switch k, err := kindOf(x.Type); {
	case x.Type.Elem == "bool" && err == nil:
		v.kind, v.bool, v.u8 = bytesKind, true, []uint8{0}
		if x.Number != 0 {
			v.u8[0] = 1
		}
	case err == nil && k == floatsKind || x.Number != math.Trunc(x.Number) || math.Abs(x.Number) > 1<<53:
		v.kind, v.floats = floatsKind, []float64{x.Number}
	default:
		v.kind, v.ints = intsKind, []int64{int64(x.Number)}
	}
	return v
}

// zip prepares an elementwise op: the result, of kind k, has the rows and axes of the largest argument and is missing where one of them is.
func (e *evaluator) zip(x *recipe.Expr, k kind, args ...*values) (*values, error) {
	big := args[0]
	for _, a := range args[1:] {
		if rank(a) > rank(big) {
			big = a
		}
	}
	out := &values{kind: k, rows: big.rows, dims: big.dims, list: big.list, offset: big.offset, constant: big.constant, window: big.window}
	masked := false
	for _, a := range args {
		masked = masked || a.missing != nil
		if a.window != nil && big.window != nil && *a.window != *big.window {
			return nil, e.bad(x, -1, "`%s` of two different windows", x.Op)
		}
		if a != big && a.window == nil && big.window != nil && !a.constant {
			return nil, e.bad(x, -1, "`%s` of a window and a value per row; compute on the stream, then take windows", x.Op)
		}
		if a.list && !a.constant {
			for row := 0; big != a && row < big.rows; row++ {
				if big.offset[row+1]-big.offset[row] != a.offset[row+1]-a.offset[row] {
					return nil, e.bad(x, row, "`%s` of lists of %d and %d elements", x.Op, big.offset[row+1]-big.offset[row], a.offset[row+1]-a.offset[row])
				}
			}
		}
		if n := len(a.dims); n > len(big.dims) || !equal(a.dims, big.dims[len(big.dims)-n:]) {
			return nil, e.bad(x, -1, "`%s` of the sizes %v and %v", x.Op, big.dims, a.dims)
		}
	}
	out.make(big.count())
	if masked {
		if out.list {
			out.missing = make([]bool, out.rows)
		} else {
			out.missing = make([]bool, out.count())
		}
	}
	return out, nil
}

// rank orders arguments by how much of the result they decide.
func rank(v *values) int {
	r := len(v.dims)
	if v.list {
		r += 1 << 8
	}
	if !v.constant {
		r += 1 << 16
	}
	if v.window != nil {
		r += 1 << 20
	}
	return r
}

// each calls f for every element of out that is not missing, with the places of the arguments' elements.
func (e *evaluator) each(x *recipe.Expr, out *values, args []*values, f func(o int, at *[3]int) string) error {
	var from, n, at [3]int
	for row := range out.rows {
		begin, end := out.span(row)
		if out.list && out.missing != nil {
			for _, a := range args {
				if a.rowMissing(row) {
					out.missing[row] = true
				}
			}
			if out.missing[row] {
				continue
			}
		}
		for i, a := range args {
			b, c := a.span(row)
			from[i], n[i] = b, max(1, c-b)
		}
		for o := begin; o < end; o++ {
			masked := false
			for i, a := range args {
				at[i] = from[i]
				if n[i] > 1 {
					at[i] += (o - begin) % n[i]
				}
				if a.missing != nil && !out.list {
					masked = masked || a.missing[at[i]]
				}
			}
			if masked {
				out.missing[o] = true
				continue
			}
			if msg := f(o, &at); msg != "" {
				return e.bad(x, row, "%s", msg)
			}
		}
	}
	return nil
}

func (e *evaluator) numbers(x *recipe.Expr, args []*values) error {
	for _, a := range args {
		if a.kind == textsKind {
			return e.bad(x, -1, "`%s` needs numbers, not text", x.Op)
		}
	}
	return nil
}

// convert changes the elements to x.Type.Elem and checks that they fit.
func (e *evaluator) convert(x *recipe.Expr, v *values) (*values, error) {
	t := x.Type
	k, err := kindOf(t)
	if err != nil {
		return nil, e.bad(x, -1, "%v", err)
	}
	out := v.like(k)
	out.bool = t.Elem == "bool"
	elem := recipe.Type{Elem: t.Elem, Range: t.Range}
	low, high := bounds(t)
	element := func(i int) string {
		switch {
		case v.kind == textsKind && k == textsKind:
			out.texts[i] = v.texts[i]
		case v.kind == textsKind:
			return out.parse(i, elem, v.texts[i])
		case k == textsKind && v.kind == floatsKind:
			out.texts[i] = fmt.Sprint(v.floats[i])
		case k == textsKind:
			out.texts[i] = fmt.Sprint(v.int(i))
		case k == floatsKind:
			out.floats[i] = v.float(i)
		default:
			n := int64(0)
			if v.kind == floatsKind {
				f := math.Trunc(v.floats[i])
				if !(math.Abs(f) < 1<<63) {
					return fmt.Sprintf("%v is no whole number", v.floats[i])
				}
				n = int64(f)
			} else {
				n = v.int(i)
			}
			if n < low || n > high {
				return fmt.Sprintf("%d is outside of %s, which holds %d to %d", n, typeName(elem), low, high)
			}
			if k == bytesKind {
				out.u8[i] = uint8(n)
			} else {
				out.ints[i] = n
			}
		}
		return ""
	}
	for row := range v.rows {
		from, to := v.span(row)
		if v.list && v.missing != nil && v.missing[row] {
			continue
		}
		for i := from; i < to; i++ {
			if v.missing != nil && !v.list && v.missing[i] {
				continue
			}
			if msg := element(i); msg != "" {
				return nil, e.bad(x, row, "%s", msg)
			}
		}
	}
	return out, nil
}
