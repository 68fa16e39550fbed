package data

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"modelc/internal/data/files"
	"modelc/internal/data/table"
	"modelc/recipe"
)

func readTable(r *reader) (*table.Table, error) {
	path, err := r.find(0)
	if err != nil {
		return nil, err
	}
	if d := r.source.Delimiter; len(d) > 1 {
		return nil, fmt.Errorf("the delimiter %q is not one character of ASCII", d)
	}
	f, err := files.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return table.Read(f, r.tableOptions())
}

// table reads one csv or tsv file, or several of like columns one after another, and joins others onto it.
func (r *reader) table() (*origin, error) {
	if len(r.source.Paths) > 1 {
		return nil, fmt.Errorf("one file is read by %s, %d are named", r.source.Kind, len(r.source.Paths))
	}
	t, err := readTable(r)
	if err != nil {
		return nil, err
	}
	var joined []*joinedTable
	for _, s := range r.source.Joined {
		inner := &reader{source: s, dirs: append([]string{s.Base}, r.dirs[1:]...)}
		right, err := readTable(inner)
		if err != nil {
			return nil, inner.fail(err)
		}
		j, err := match(t, joined, right)
		if err != nil {
			return nil, inner.fail(err)
		}
		j.reader = inner
		joined = append(joined, j)
	}
	return r.typed(t, joined)
}

// joinedTable is a table of which each row of the left one has at most one.
type joinedTable struct {
	*table.Table
	row    []int32 // of each left row; -1: none
	reader *reader
}

// match finds the row of right for each row of left by the columns they share.
func match(left *table.Table, before []*joinedTable, right *table.Table) (*joinedTable, error) {
	type key struct {
		from *joinedTable // nil: left
		l, r int
	}
	var keys []key
	for ri, h := range right.Header {
		if li := slices.Index(left.Header, h); li >= 0 {
			keys = append(keys, key{nil, li, ri})
			continue
		}
		for _, b := range before {
			if li := slices.Index(b.Header, h); li >= 0 {
				keys = append(keys, key{b, li, ri})
				break
			}
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%s shares no column with %s: join goes by columns of equal names", right.Path, left.Path)
	}
	index := make(map[string]int32, right.Rows())
	for i := range right.Rows() {
		k := ""
		for _, x := range keys {
			k += right.Field(i, x.r) + "\x00"
		}
		if other, ok := index[k]; ok {
			return nil, fmt.Errorf("%s:%d: the key %q stands already on line %d; the keys of a joined table are unique", right.Path, right.Line(i), strings.ReplaceAll(strings.TrimSuffix(k, "\x00"), "\x00", ", "), right.Line(int(other)))
		}
		index[k] = int32(i)
	}
	j := &joinedTable{Table: right, row: make([]int32, left.Rows())}
	for i := range j.row {
		k := ""
		for _, x := range keys {
			switch {
			case x.from == nil:
				k += left.Field(i, x.l)
			case x.from.row[i] >= 0:
				k += x.from.Field(int(x.from.row[i]), x.l)
			}
			k += "\x00"
		}
		j.row[i] = -1
		if n, ok := index[k]; ok {
			j.row[i] = n
		}
	}
	return j, nil
}

// typed turns the texts of a table into the declared columns.
func (r *reader) typed(t *table.Table, joined []*joinedTable) (*origin, error) {
	o := &origin{rows: t.Rows(), columns: map[string]*values{}, folder: filepath.Dir(t.Path)}
	o.where = func(row int) string { return fmt.Sprintf("%s:%d", t.Path, t.Line(row)) }
	for _, c := range r.want {
		from, place := (*joinedTable)(nil), -1
		place, err := t.Find(c.Name)
		if err != nil {
			return nil, err
		}
		for i := 0; place < 0 && i < len(joined); i++ {
			if place, err = joined[i].Find(c.Name); err != nil {
				return nil, err
			}
			from = joined[i]
		}
		if place < 0 {
			have := slices.Clone(t.Header)
			for _, j := range joined {
				have = append(have, j.Header...)
			}
			return nil, r.noColumn(c, have)
		}
		field := func(row int) string { return t.Field(row, place) }
		if from != nil {
			field = func(row int) string {
				if from.row[row] < 0 {
					return ""
				}
				return from.Field(int(from.row[row]), place)
			}
		}
		by := r
		if from != nil {
			by = from.reader
		}
		if o.columns[c.Name], err = by.parse(c, o.rows, field, o.where); err != nil {
			return nil, err
		}
	}
	o.hash = make([]uint64, o.rows)
	for i := range o.hash {
		h := uint64(0)
		for _, f := range t.Fields(i) {
			h = hashText(h, f)
		}
		o.hash[i] = h
	}
	return o, nil
}

// parse reads one column of texts.
func (r *reader) parse(c *recipe.Column, rows int, field func(int) string, where func(int) string) (*values, error) {
	t := c.Type
	k, err := kindOf(t)
	if err != nil {
		return nil, &Error{At: c.At, Column: c.Name, Text: err.Error()}
	}
	if product(t.Dims) != 1 && !t.List {
		return nil, &Error{At: c.At, Column: c.Name, Text: fmt.Sprintf("%s is declared; a field of a table is one value: gather several by columns(…)", typeName(t))}
	}
	v := &values{kind: k, bool: t.Elem == "bool", rows: rows, dims: t.Dims, list: t.List}
	separator := r.source.Separator
	if separator == "" {
		separator = "|"
	}
	if t.List {
		v.dims, v.offset = nil, make([]int, 1, rows+1)
	} else {
		v.make(rows)
	}
	for row := range rows {
		text := field(row)
		if isMissing := text == "" || slices.Contains(r.source.Missing, text); isMissing {
			if v.missing == nil {
				v.missing = make([]bool, rows)
			}
			v.missing[row] = true
			if t.List {
				v.offset = append(v.offset, v.offset[row])
			}
			continue
		}
		if !t.List {
			if msg := v.parse(row, t, text); msg != "" {
				return nil, &Error{At: c.At, Where: where(row), Column: c.Name, Text: msg}
			}
			continue
		}
		n := v.offset[row]
		for _, part := range strings.Split(text, separator) {
			v.grow()
			if msg := v.parse(n, t, strings.TrimSpace(part)); msg != "" {
				return nil, &Error{At: c.At, Where: where(row), Column: c.Name, Text: msg}
			}
			n++
		}
		v.offset = append(v.offset, n)
	}
	return v, nil
}

// grow adds one element.
func (v *values) grow() {
	switch v.kind {
	case bytesKind:
		v.u8 = append(v.u8, 0)
	case intsKind:
		v.ints = append(v.ints, 0)
	case floatsKind:
		v.floats = append(v.floats, 0)
	default:
		v.texts = append(v.texts, "")
	}
}

// parse sets element i from a text; it returns what is wrong.
func (v *values) parse(i int, t recipe.Type, text string) string {
	switch t.Elem {
	case "text":
		v.texts[i] = text
	case "time":
		x, err := parseTime(text)
		if err != nil {
			return err.Error()
		}
		v.floats[i] = x
	case "bool":
		switch strings.ToLower(text) {
		case "true", "1", "yes":
			v.u8[i] = 1
		case "false", "0", "no":
		default:
			return fmt.Sprintf("%.60q is no bool: true, false, yes, no, 1 or 0 is expected", text)
		}
	case "float", "f16", "bf16", "f32", "f64":
		x, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if err != nil || math.IsInf(x, 0) || math.IsNaN(x) || strings.ContainsAny(text, "xX_") {
			return fmt.Sprintf("%.60q is no finite number, which %s needs", text, typeName(recipe.Type{Elem: t.Elem}))
		}
		if t.Elem != "f64" && math.Abs(x) > math.MaxFloat32 {
			return fmt.Sprintf("%.60q is too large for %s", text, t.Elem)
		}
		v.floats[i] = x
	default:
		x, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
		low, high := bounds(t)
		if err != nil {
			// Tables often write whole numbers as 3.0.
			f, ferr := strconv.ParseFloat(strings.TrimSpace(text), 64)
			if ferr != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 || strings.ContainsAny(text, "xX_") {
				return fmt.Sprintf("%.60q is no whole number, which %s needs", text, typeName(recipe.Type{Elem: t.Elem, Range: t.Range}))
			}
			x = int64(f)
		}
		if x < low || x > high {
			return fmt.Sprintf("%d is outside of %s, which holds %d to %d", x, typeName(recipe.Type{Elem: t.Elem, Range: t.Range}), low, high)
		}
		if v.kind == bytesKind {
			v.u8[i] = uint8(x)
		} else {
			v.ints[i] = x
		}
	}
	return ""
}

var layouts = []string{"2006-01-02", "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02T15:04", "2006-01", time.RFC3339}

// parseTime reads an ISO 8601 date with or without a clock, in UTC where no zone is given, or seconds since 1970.
func parseTime(text string) (float64, error) {
	for _, l := range layouts {
		if x, err := time.Parse(l, strings.TrimSpace(text)); err == nil {
			return float64(x.Unix()) + float64(x.Nanosecond())/1e9, nil
		}
	}
	if x, err := strconv.ParseFloat(strings.TrimSpace(text), 64); err == nil && math.Abs(x) < 1e15 {
		return x, nil
	}
	return 0, fmt.Errorf("%.60q is no time: 2024-03-31, 2024-03-31 18:05:00 or seconds since 1970 are expected", text)
}
