package data

import (
	"fmt"

	"modelc/recipe"
)

// fillings returns what stands for a missing value of each component of v.
func (t *Transform) fillings(v *values) (*values, error) {
	out := &values{rows: 1, constant: true}
	n := len(t.Value) + len(t.Text)
	if n != v.width() {
		return nil, fmt.Errorf("fill was fitted on %d components, this has %d", n, v.width())
	}
	if n > 1 || len(v.dims) > 0 {
		out.dims = v.dims
	}
	switch {
	case len(t.Text) > 0:
		out.kind, out.texts = textsKind, t.Text
	case t.Whole && v.kind != floatsKind:
		out.kind = intsKind
		for _, x := range t.Value {
			out.ints = append(out.ints, int64(x))
		}
		if v.kind == bytesKind {
			out.kind = bytesKind
			for _, x := range out.ints {
				out.u8 = append(out.u8, uint8(x))
			}
		}
	default:
		out.kind, out.floats = floatsKind, t.Value
	}
	return out, nil
}

// encode applies a fitted transform.
func (e *evaluator) encode(x *recipe.Expr, name string, args []*values) (*values, error) {
	t, err := e.transform(x, name)
	if err != nil {
		return nil, err
	}
	if len(args) == 0 {
		return nil, e.bad(x, -1, "`%s` is called on nothing", name)
	}
	v := args[0]
	if len(args) > 1 {
		if v, err = e.gather(x, args); err != nil {
			return nil, err
		}
	}
	switch t.Kind {
	case "Char", "BPE", "Words":
		return e.tokens(x, name, t, v)
	case "Category":
		return e.categories(x, name, t, v)
	}
	if v.kind == textsKind {
		return nil, e.bad(x, -1, "`%s` needs numbers", name)
	}
	shift := t.Mean
	if t.Kind == "MinMax" {
		shift = t.Min
	}
	if len(shift) != v.width() || len(shift) == 0 {
		return nil, e.bad(x, -1, "`%s` was fitted on %d components, this has %d", name, len(shift), v.width())
	}
	out := v.like(floatsKind)
	w := len(shift)
	for i := range out.floats {
		out.floats[i] = (v.float(i) - shift[i%w]) / t.Scale[i%w]
	}
	return out, nil
}

func (e *evaluator) categories(x *recipe.Expr, name string, t *Transform, v *values) (*values, error) {
	if len(t.Values) != v.width() && !v.list || v.width() == 0 {
		return nil, e.bad(x, -1, "`%s` was fitted on %d components, this has %d", name, len(t.Values), v.width())
	}
	out := v.like(intsKind)
	w := len(t.Values)
	for row := range v.rows {
		from, to := v.span(row)
		for i := from; i < to; i++ {
			if !v.list && v.isMissing(i) {
				continue
			}
			c := (i - from) % w
			k := v.key(i)
			id, ok := t.number[c][k]
			if !ok {
				if int64(len(t.Values[c])) >= t.Size {
					return nil, e.bad(x, row, "%.60q does not occur in the train split, and the %d values of `%s` leave no room for one unseen: Category(%d) does", k, t.Size, name, t.Size+1)
				}
				id = t.Size - 1
			}
			out.ints[i] = id
		}
	}
	return out, nil
}

func (e *evaluator) tokens(x *recipe.Expr, name string, t *Transform, v *values) (*values, error) {
	if v.kind != textsKind || v.list || v.width() != 1 {
		return nil, e.bad(x, -1, "`%s` needs a text", name)
	}
	out := &values{kind: intsKind, rows: v.rows, list: true, missing: v.missing, constant: v.constant, offset: make([]int, 1, v.rows+1)}
	begin, end := int64(t.Tokenizer.Begin()), int64(t.Tokenizer.End())
	total := 0
	for _, text := range v.texts {
		total += len(text)
	}
	if t.Kind == "Char" {
		out.ints = make([]int64, 0, total+2*v.rows)
	}
	for row, text := range v.texts {
		if !v.isMissing(row) {
			if x.Options["bos"] != 0 && begin >= 0 {
				out.ints = append(out.ints, begin)
			}
			var err error
			if out.ints, err = t.Tokenizer.Encode(out.ints, text); err != nil {
				return nil, e.bad(x, row, "`%s`: %v", name, err)
			}
			if x.Options["eos"] != 0 && end >= 0 {
				out.ints = append(out.ints, end)
			}
		}
		out.offset = append(out.offset, len(out.ints))
	}
	return out, nil
}
