package data

import (
	"fmt"

	"modelc/recipe"
)

// kind is how the elements of a column are stored.
type kind uint8

const (
	bytesKind kind = iota // u8 and bool
	intsKind
	floatsKind
	textsKind
)

// values are one value per row. A row has fixed axes (dims), or is a list: its elements lie between two offsets.
type values struct {
	kind   kind
	bool   bool // bytesKind that holds 0 and 1
	rows   int
	dims   []int64 // of a row; of a list's elements
	list   bool
	offset []int // list: rows+1, in elements of dims
	u8     []uint8
	ints   []int64
	floats []float64
	texts  []string

	missing  []bool  // per element; of a list, per row; nil: none is missing
	constant bool    // one row that stands for all
	window   *window // rows are those of the stream
}

// window makes rows out of a stream.
type window struct {
	length, offset, stride int64
}

// width returns the elements of a row, or of one element of a list.
func (v *values) width() int { return int(product(v.dims)) }

func product(dims []int64) int64 {
	n := int64(1)
	for _, d := range dims {
		n *= d
	}
	return n
}

// count returns the number of elements.
func (v *values) count() int {
	switch v.kind {
	case bytesKind:
		return len(v.u8)
	case intsKind:
		return len(v.ints)
	case floatsKind:
		return len(v.floats)
	}
	return len(v.texts)
}

// span returns the elements of a row.
func (v *values) span(row int) (from, to int) {
	w := v.width()
	if v.constant {
		row = 0
	}
	if v.list {
		return v.offset[row] * w, v.offset[row+1] * w
	}
	return row * w, (row + 1) * w
}

// float returns an element as a number.
func (v *values) float(i int) float64 {
	switch v.kind {
	case bytesKind:
		return float64(v.u8[i])
	case intsKind:
		return float64(v.ints[i])
	}
	return v.floats[i]
}

// int returns an element of whole numbers.
func (v *values) int(i int) int64 {
	if v.kind == bytesKind {
		return int64(v.u8[i])
	}
	return v.ints[i]
}

// isMissing reports whether an element (of a list: a row) is missing.
func (v *values) isMissing(i int) bool {
	if v.missing == nil {
		return false
	}
	if v.constant && !v.list {
		i %= len(v.missing)
	}
	return v.missing[i]
}

// rowMissing reports whether any element of a row is missing.
func (v *values) rowMissing(row int) bool {
	if v.missing == nil {
		return false
	}
	if v.list {
		return v.missing[row]
	}
	from, to := v.span(row)
	for i := from; i < to; i++ {
		if v.missing[i] {
			return true
		}
	}
	return false
}

// make reserves n elements.
func (v *values) make(n int) {
	switch v.kind {
	case bytesKind:
		v.u8 = make([]uint8, n)
	case intsKind:
		v.ints = make([]int64, n)
	case floatsKind:
		v.floats = make([]float64, n)
	default:
		v.texts = make([]string, n)
	}
}

// like returns values of another kind with the rows and axes of v.
func (v *values) like(k kind) *values {
	out := &values{kind: k, rows: v.rows, dims: v.dims, list: v.list, offset: v.offset, missing: v.missing, constant: v.constant, window: v.window}
	out.make(v.count())
	return out
}

// take returns the given rows in order.
func (v *values) take(rows []int32) *values {
	if v.constant {
		return v
	}
	out := &values{kind: v.kind, bool: v.bool, rows: len(rows), dims: v.dims, list: v.list, window: v.window}
	w := v.width()
	n := len(rows) * w
	if v.list {
		out.offset = make([]int, 1, len(rows)+1)
		n = 0
		for _, r := range rows {
			n += v.offset[r+1] - v.offset[r]
			out.offset = append(out.offset, n)
		}
		n *= w
	}
	out.make(n)
	if v.missing != nil {
		if v.list {
			out.missing = make([]bool, len(rows))
		} else {
			out.missing = make([]bool, n)
		}
	}
	at := 0
	for i, r := range rows {
		from, to := v.span(int(r))
		out.copy(at, v, from, to)
		if v.missing != nil {
			if v.list {
				out.missing[i] = v.missing[r]
			} else {
				copy(out.missing[at:], v.missing[from:to])
			}
		}
		at += to - from
	}
	return out
}

// copy copies elements of v, of the same kind, to place at.
func (out *values) copy(at int, v *values, from, to int) {
	switch v.kind {
	case bytesKind:
		copy(out.u8[at:], v.u8[from:to])
	case intsKind:
		copy(out.ints[at:], v.ints[from:to])
	case floatsKind:
		copy(out.floats[at:], v.floats[from:to])
	default:
		copy(out.texts[at:], v.texts[from:to])
	}
}

// join puts the rows of several values below each other. They have the same kind and axes.
func join(parts []*values) (*values, error) {
	if len(parts) == 1 {
		return parts[0], nil
	}
	first := parts[0]
	out := &values{kind: first.kind, bool: first.bool, dims: first.dims, list: first.list}
	n, anyMissing := 0, false
	for _, p := range parts {
		if p.kind != first.kind || p.list != first.list || !equal(p.dims, first.dims) {
			return nil, fmt.Errorf("its sources give different types")
		}
		n += p.count()
		out.rows += p.rows
		anyMissing = anyMissing || p.missing != nil
	}
	out.make(n)
	if out.list {
		out.offset = make([]int, 1, out.rows+1)
	}
	at, row := 0, 0
	if anyMissing {
		out.missing = make([]bool, n)
		if out.list {
			out.missing = make([]bool, out.rows)
		}
	}
	for _, p := range parts {
		out.copy(at, p, 0, p.count())
		if out.list {
			base := out.offset[row]
			for _, o := range p.offset[1:] {
				out.offset = append(out.offset, base+o)
			}
			copy(out.missing[min(row, len(out.missing)):], p.missing)
		} else {
			copy(out.missing[min(at, len(out.missing)):], p.missing)
		}
		at += p.count()
		row += p.rows
	}
	return out, nil
}

func equal(a, b []int64) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// kindOf returns how a type is stored.
func kindOf(t recipe.Type) (kind, error) {
	switch t.Elem {
	case "u8", "bool":
		return bytesKind, nil
	case "id", "i8", "i32", "i64", "int":
		return intsKind, nil
	case "float", "f16", "bf16", "f32", "f64", "time":
		return floatsKind, nil
	case "text":
		return textsKind, nil
	}
	return 0, fmt.Errorf("a column cannot be %s", typeName(t))
}

// bounds returns the range of an integer type, the last included.
func bounds(t recipe.Type) (low, high int64) {
	switch t.Elem {
	case "u8":
		return 0, 255
	case "bool":
		return 0, 1
	case "id":
		return 0, t.Range - 1
	case "i8":
		return -128, 127
	case "i32":
		return -1 << 31, 1<<31 - 1
	}
	return -1 << 63, 1<<63 - 1
}

// typeName prints a type as the language writes it.
func typeName(t recipe.Type) string {
	s := t.Elem
	switch s {
	case "id":
		s = fmt.Sprintf("id(%d)", t.Range)
	case "i64":
		s = "int"
	}
	if len(t.Dims) > 0 {
		s += "["
		for i, d := range t.Dims {
			if i > 0 {
				s += ", "
			}
			if d < 0 {
				s += fmt.Sprintf("<= %d", -d)
			} else {
				s += fmt.Sprint(d)
			}
		}
		s += "]"
	}
	if t.List {
		s = "[" + s + "]"
	}
	if t.Nullable {
		s += "?"
	}
	return s
}
