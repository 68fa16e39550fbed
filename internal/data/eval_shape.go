package data

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"modelc/internal/data/images"
	"modelc/recipe"
)

// constantInt returns the value of an argument that must be one whole number.
func (e *evaluator) constantInt(x *recipe.Expr, v *values, low, high int64) (int64, error) {
	if !v.constant || v.kind != intsKind || len(v.ints) != 1 || v.ints[0] < low || v.ints[0] > high {
		return 0, e.bad(x, -1, "`%s` needs a constant whole number of %d to %d", x.Op, low, high)
	}
	return v.ints[0], nil
}

func length(e *evaluator, x *recipe.Expr, a []*values) (*values, error) {
	v := a[0]
	out := &values{kind: intsKind, rows: v.rows, constant: v.constant, missing: v.missing}
	switch {
	case v.window != nil:
		return nil, e.bad(x, -1, "a window has a fixed length")
	case v.list:
		for row := range v.rows {
			out.ints = append(out.ints, int64(v.offset[row+1]-v.offset[row]))
		}
	case v.kind == textsKind && v.width() == 1:
		for _, t := range v.texts {
			out.ints = append(out.ints, int64(utf8.RuneCountInString(t)))
		}
	default:
		return nil, e.bad(x, -1, "`length` needs a text or a list")
	}
	return out, nil
}

func truncate(e *evaluator, x *recipe.Expr, a []*values) (*values, error) {
	v := a[0]
	n, err := e.constantInt(x, a[1], 0, math.MaxInt32)
	if err != nil {
		return nil, err
	}
	if !v.list && v.kind == textsKind {
		out := v.like(textsKind)
		for i, t := range v.texts {
			out.texts[i] = t
			k := int64(0)
			for at := range t {
				if k == n {
					out.texts[i] = t[:at]
					break
				}
				k++
			}
		}
		return out, nil
	}
	if !v.list || v.window != nil {
		return nil, e.bad(x, -1, "`truncate` needs a text or a list")
	}
	out := &values{kind: v.kind, bool: v.bool, rows: v.rows, dims: v.dims, list: true, missing: v.missing, offset: make([]int, 1, v.rows+1)}
	for row := range v.rows {
		out.offset = append(out.offset, out.offset[row]+min(int(n), v.offset[row+1]-v.offset[row]))
	}
	w := v.width()
	out.make(out.offset[v.rows] * w)
	for row := range v.rows {
		from, _ := v.span(row)
		begin, end := out.span(row)
		out.copy(begin, v, from, from+end-begin)
	}
	return out, nil
}

func split(e *evaluator, x *recipe.Expr, a []*values) (*values, error) {
	v := a[0]
	if v.kind != textsKind || v.list || v.width() != 1 || !a[1].constant || a[1].kind != textsKind || a[1].texts[0] == "" {
		return nil, e.bad(x, -1, "`split` needs a text and a constant separator")
	}
	out := &values{kind: textsKind, rows: v.rows, list: true, offset: make([]int, 1, v.rows+1), missing: v.missing, constant: v.constant}
	for _, t := range v.texts {
		if t = strings.TrimSpace(t); t != "" {
			for _, part := range strings.Split(t, a[1].texts[0]) {
				out.texts = append(out.texts, strings.TrimSpace(part))
			}
		}
		out.offset = append(out.offset, len(out.texts))
	}
	return out, nil
}

func gather(e *evaluator, x *recipe.Expr, a []*values) (*values, error) {
	return e.gather(x, a)
}

func (e *evaluator) gather(x *recipe.Expr, a []*values) (*values, error) {
	out := &values{kind: bytesKind, rows: 1, constant: true, bool: true}
	n, masked, text := 0, false, 0
	for _, v := range a {
		if v.list {
			return nil, e.bad(x, -1, "columns(…) gathers single values and vectors, not lists")
		}
		if !v.constant {
			if v.window != nil && !out.constant && (out.window == nil || *out.window != *v.window) {
				return nil, e.bad(x, -1, "columns(…) of different windows; gather the streams, then take windows")
			}
			out.rows, out.constant, out.window = v.rows, false, v.window
		}
		out.kind, out.bool = max(out.kind, v.kind), out.bool && v.bool
		n += v.width()
		masked = masked || v.missing != nil
		if v.kind == textsKind {
			text++
		}
	}
	if text != 0 && text != len(a) {
		return nil, e.bad(x, -1, "columns(…) of texts and numbers; encode the texts first")
	}
	out.dims = []int64{int64(n)}
	out.make(out.rows * n)
	if masked {
		out.missing = make([]bool, out.rows*n)
	}
	at := 0
	for _, v := range a {
		w := v.width()
		for row := range out.rows {
			from, to := v.span(row)
			for i := from; i < to; i++ {
				o := row*n + at + i - from
				if v.isMissing(i) {
					out.missing[o] = true
				} else {
					out.set(o, v, i)
				}
			}
		}
		at += w
	}
	return out, nil
}

func oneHot(e *evaluator, x *recipe.Expr, a []*values) (*values, error) {
	v := a[0]
	if len(x.Type.Dims) == 0 || v.kind == floatsKind || v.kind == textsKind || v.list {
		return nil, e.bad(x, -1, "`one_hot` needs numbers of classes and a size")
	}
	n := x.Type.Dims[len(x.Type.Dims)-1]
	out, err := e.hot(x, v, append(append([]int64(nil), v.dims...), n))
	if err != nil {
		return nil, err
	}
	out.window = v.window
	if v.missing != nil {
		out.missing = make([]bool, out.count())
	}
	for row := range v.rows {
		from, to := v.span(row)
		for i := from; i < to; i++ {
			if v.isMissing(i) {
				for j := range int(n) {
					out.missing[i*int(n)+j] = true
				}
				continue
			}
			k := v.int(i)
			if k < 0 || k >= n {
				return nil, e.bad(x, row, "the class %d is outside of 0 to %d", k, n-1)
			}
			out.one(i*int(n) + int(k))
		}
	}
	return out, nil
}

func multiHot(e *evaluator, x *recipe.Expr, a []*values) (*values, error) {
	v := a[0]
	if len(x.Type.Dims) != 1 || v.kind == floatsKind || v.kind == textsKind || v.constant {
		return nil, e.bad(x, -1, "`multi_hot` needs a list of numbers of classes and a size")
	}
	n := x.Type.Dims[0]
	out, err := e.hot(x, v, []int64{n})
	if err != nil {
		return nil, err
	}
	if v.missing != nil {
		out.missing = make([]bool, out.count())
	}
	for row := range v.rows {
		if v.rowMissing(row) {
			for j := range int(n) {
				out.missing[row*int(n)+j] = true
			}
			continue
		}
		from, to := v.span(row)
		for i := from; i < to; i++ {
			k := v.int(i)
			if k < 0 || k >= n {
				return nil, e.bad(x, row, "the class %d is outside of 0 to %d", k, n-1)
			}
			out.one(row*int(n) + int(k))
		}
	}
	return out, nil
}

// hot reserves zeros of the declared type.
func (e *evaluator) hot(x *recipe.Expr, v *values, dims []int64) (*values, error) {
	k, err := kindOf(x.Type)
	if err != nil || k == textsKind {
		return nil, e.bad(x, -1, "`%s` gives numbers", x.Op)
	}
	out := &values{kind: k, bool: x.Type.Elem == "bool", rows: v.rows, dims: dims, constant: v.constant}
	n := product(dims)
	if n < 0 || n > maxPictures/8/int64(max(1, v.rows)) {
		return nil, e.bad(x, -1, "%d rows of %d numbers are too large", v.rows, n)
	}
	out.make(v.rows * int(n))
	return out, nil
}

func (v *values) one(i int) {
	switch v.kind {
	case bytesKind:
		v.u8[i] = 1
	case intsKind:
		v.ints[i] = 1
	default:
		v.floats[i] = 1
	}
}

func reshape(e *evaluator, x *recipe.Expr, a []*values) (*values, error) {
	out := *a[0]
	if out.list || out.window != nil || product(x.Type.Dims) != product(out.dims) {
		return nil, e.bad(x, -1, "the sizes %v cannot become %v", out.dims, x.Type.Dims)
	}
	out.dims = x.Type.Dims
	return &out, nil
}

func windowsOf(e *evaluator, x *recipe.Expr, a []*values) (*values, error) {
	n, err := e.constantInt(x, a[1], 1, math.MaxInt32)
	if err != nil {
		return nil, err
	}
	out := *a[0]
	if out.window != nil || out.constant {
		return nil, e.bad(x, -1, "`windows` needs a stream")
	}
	w := &window{length: n, stride: n}
	option := func(name string, low int64, to *int64) error {
		if f, ok := x.Options[name]; ok {
			if f != math.Trunc(f) || f < float64(low) || f > math.MaxInt32 {
				return e.bad(x, -1, "`windows` with %s=%v; a whole number from %d on is needed", name, f, low)
			}
			*to = int64(f)
		}
		return nil
	}
	if err := option("stride", 1, &w.stride); err != nil {
		return nil, err
	}
	if err := option("offset", 0, &w.offset); err != nil {
		return nil, err
	}
	out.window = w
	return &out, nil
}

func (e *evaluator) pictures(x *recipe.Expr, paths *values, resize bool) (*values, error) {
	if paths.kind != textsKind || paths.list || paths.width() != 1 || paths.constant {
		return nil, e.bad(x, -1, "`image` needs a column of paths")
	}
	v, err := e.s.pictures(paths, x.Type.Dims, resize, func(row int, text string) error { return e.bad(x, row, "%s", text) })
	if err != nil {
		if _, ok := err.(*Error); !ok {
			err = e.bad(x, -1, "%v", err)
		}
		return nil, err
	}
	return v, nil
}

func resize(e *evaluator, x *recipe.Expr, a []*values) (*values, error) {
	v := a[0]
	h, err := e.constantInt(x, a[1], 1, 1<<14)
	if err != nil {
		return nil, err
	}
	w, err := e.constantInt(x, a[2], 1, 1<<14)
	if err != nil {
		return nil, err
	}
	if v.kind != bytesKind || v.list || len(v.dims) != 3 {
		return nil, e.bad(x, -1, "`resize` needs a picture: u8[channels, height, width]")
	}
	if v.dims[0]*h*w > maxPictures/int64(max(1, v.rows)) {
		return nil, e.bad(x, -1, "%d pictures of %d×%d pixels are too large", v.rows, h, w)
	}
	out := &values{kind: bytesKind, rows: v.rows, dims: []int64{v.dims[0], h, w}}
	out.make(v.rows * out.width())
	return out, parallel(v.rows, func(row int) error {
		from, to := v.span(row)
		begin, end := out.span(row)
		images.Resize(out.u8[begin:end], v.u8[from:to], int(v.dims[0]), int(v.dims[1]), int(v.dims[2]), int(h), int(w))
		return nil
	})
}

func gray(e *evaluator, x *recipe.Expr, a []*values) (*values, error) {
	v := a[0]
	if v.kind != bytesKind || v.list || len(v.dims) != 3 || v.dims[0] != 3 {
		return nil, e.bad(x, -1, "`gray` needs a picture of three channels: u8[3, height, width]")
	}
	out := &values{kind: bytesKind, rows: v.rows, dims: []int64{1, v.dims[1], v.dims[2]}}
	n := out.width()
	out.make(v.rows * n)
	for row := range v.rows {
		from, _ := v.span(row)
		for i := range n {
			out.u8[row*n+i] = images.Grey(v.u8[from+i], v.u8[from+n+i], v.u8[from+2*n+i])
		}
	}
	return out, nil
}

var stringToString = map[string]func(string) string{"lower": strings.ToLower, "upper": strings.ToUpper, "strip": strings.TrimSpace}

func texts1(op func(string) string) func(*evaluator, *recipe.Expr, []*values) (*values, error) {
	return func(e *evaluator, x *recipe.Expr, a []*values) (*values, error) {
		if a[0].kind != textsKind {
			return nil, e.bad(x, -1, "`%s` needs a text", x.Op)
		}
		out := a[0].like(textsKind)
		for i, t := range a[0].texts {
			out.texts[i] = op(t)
		}
		return out, nil
	}
}

var stringTests = map[string]func(s, part string) bool{"contains": strings.Contains, "starts_with": strings.HasPrefix, "ends_with": strings.HasSuffix}

func textTest(op func(s, part string) bool) func(*evaluator, *recipe.Expr, []*values) (*values, error) {
	return func(e *evaluator, x *recipe.Expr, a []*values) (*values, error) {
		if a[0].kind != textsKind || a[1].kind != textsKind {
			return nil, e.bad(x, -1, "`%s` needs texts", x.Op)
		}
		out, err := e.zip(x, bytesKind, a...)
		if err != nil {
			return nil, err
		}
		out.bool = true
		return out, e.each(x, out, a, func(o int, at *[3]int) string {
			if op(a[0].texts[at[0]], a[1].texts[at[1]]) {
				out.u8[o] = 1
			}
			return ""
		})
	}
}

func date(e *evaluator, x *recipe.Expr, a []*values) (*values, error) {
	if a[0].kind != textsKind {
		return nil, e.bad(x, -1, "`date` needs a text")
	}
	out, err := e.zip(x, floatsKind, a[0])
	if err != nil {
		return nil, err
	}
	return out, e.each(x, out, a, func(o int, at *[3]int) string {
		t, err := parseTime(a[0].texts[at[0]])
		if err != nil {
			return err.Error()
		}
		out.floats[o] = t
		return ""
	})
}

var calendar = map[string]func(time.Time) int{
	"year": time.Time.Year, "month": func(t time.Time) int { return int(t.Month()) }, "day": time.Time.Day,
	"hour": time.Time.Hour, "minute": time.Time.Minute,
	"weekday": func(t time.Time) int { return (int(t.Weekday()) + 6) % 7 },
}

func ofTime(op func(time.Time) int) func(*evaluator, *recipe.Expr, []*values) (*values, error) {
	return func(e *evaluator, x *recipe.Expr, a []*values) (*values, error) {
		if a[0].kind != floatsKind {
			return nil, e.bad(x, -1, "`%s` needs a time", x.Op)
		}
		out, err := e.zip(x, intsKind, a[0])
		if err != nil {
			return nil, err
		}
		return out, e.each(x, out, a, func(o int, at *[3]int) string {
			f := a[0].floats[at[0]]
			if !(math.Abs(f) < 1e15) {
				return fmt.Sprintf("%v is no time", f)
			}
			out.ints[o] = int64(op(time.Unix(int64(math.Floor(f)), 0).UTC()))
			return ""
		})
	}
}
