package check

import (
	"strings"

	"modelc/compiler/core"
	"modelc/compiler/size"
)

func of(elem core.Elem, dims ...size.Size) core.Type { return core.Type{Elem: elem, Dims: dims} }

// typeText prints a type as the language writes it.
func typeText(t core.Type) string {
	var b strings.Builder
	b.WriteString(t.Elem.String())
	if t.Elem == core.F32 || t.Elem == core.Float {
		b.Reset()
		b.WriteString("float")
	}
	if t.Elem == core.ID {
		b.WriteString("(" + t.Range.String() + ")")
	}
	if len(t.Dims) > 0 {
		b.WriteByte('[')
		for i, d := range t.Dims {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(d.String())
		}
		b.WriteByte(']')
	}
	return b.String()
}

var elemNames = map[string]core.Elem{
	"f16": core.F16, "bf16": core.BF16, "f32": core.F32, "f64": core.F64, "u8": core.U8, "i8": core.I8, "i32": core.I32, "i64": core.I64, "bool": core.Bool,
}

// width orders the float types for promotion.
func width(e core.Elem) int {
	switch e {
	case core.F16, core.BF16:
		return 1
	case core.Float:
		return 2
	case core.F32:
		return 3
	case core.F64:
		return 4
	}
	return 0
}

func sameDims(a, b []size.Size) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if size.Compare(a[i], b[i], nil) != size.Equal {
			return false
		}
	}
	return true
}

// label returns the label of an axis.
func label(t core.Type, axis int) string {
	if axis < len(t.Labels) {
		return t.Labels[axis]
	}
	return ""
}

// A label is "index/size": the index that the axis had in the statement that made it, and the size name it was declared with or got its extent from; either may be
// empty. While a function runs, axes of its caller that it does not name carry the caller's label behind a mask, so that they are not seen there and come back
// with the result.
func joinLabel(index, size string) string {
	if index == "" && size == "" {
		return ""
	}
	return index + "/" + size
}

func indexLabel(l string) string {
	if strings.HasPrefix(l, "^") {
		return ""
	}
	l, _, _ = strings.Cut(l, "/")
	return l
}

func sizeLabel(l string) string {
	if strings.HasPrefix(l, "^") {
		return ""
	}
	_, l, _ = strings.Cut(l, "/")
	return l
}

// shownLabel is a label for messages.
func shownLabel(l string) string {
	if i := indexLabel(l); i != "" {
		return i
	}
	return sizeLabel(l)
}

func mask(l string) string {
	if l == "" {
		return ""
	}
	return "^" + l
}

func unmask(l string) string {
	if strings.HasPrefix(l, "^") {
		return l[1:]
	}
	return ""
}

// sameLabels keeps the labels that both lists have.
func sameLabels(a, b []string) []string {
	out := make([]string, len(a))
	for i := range a {
		if i < len(b) && a[i] == b[i] {
			out[i] = a[i]
		}
	}
	return out
}

func withLabels(t core.Type, labels []string) core.Type {
	t.Labels = labels
	return t
}

func dropAxes(t core.Type, axes []int) core.Type {
	gone := map[int]bool{}
	for _, a := range axes {
		gone[a] = true
	}
	out := core.Type{Elem: t.Elem, Range: t.Range}
	for i, d := range t.Dims {
		if !gone[i] {
			out.Dims = append(out.Dims, d)
			out.Labels = append(out.Labels, label(t, i))
		}
	}
	return out
}
