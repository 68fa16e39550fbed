package data

import (
	"fmt"
	"slices"
	"strings"

	"modelc/recipe"
)

// cutStreams cuts the texts of the main source by position: each part becomes a row. It returns the split of each row.
func (s *Set) cutStreams(origins []*origin, split recipe.Split, whole string) ([]*origin, []string, error) {
	var out []*origin
	var names []string
	for _, o := range origins {
		if !o.stream {
			return nil, nil, &Error{At: s.block.At, Text: "a text as one stream stands beside a source of rows; they share no split"}
		}
		if o.split != "" || len(split.Parts) == 0 {
			name := o.split
			if name == "" {
				name = whole
			}
			out, names = append(out, o), append(names, name)
			continue
		}
		if split.By == "time" {
			return nil, nil, &Error{At: s.block.At, Text: "a text has no times to split by"}
		}
		for i, p := range split.Parts {
			part := &origin{rows: 1, columns: map[string]*values{}, where: o.where, folder: o.folder, stream: true}
			for name, v := range o.columns {
				text := cut(v.texts[0], split.Parts)[i]
				if strings.TrimSpace(text) == "" {
					return nil, nil, &Error{At: s.block.At, Where: o.where(0), Text: fmt.Sprintf("the split %s gets no text", p.Name)}
				}
				part.columns[name] = &values{kind: textsKind, rows: 1, texts: []string{text}}
			}
			part.hash = []uint64{mix(o.hash[0], uint64(i))}
			out, names = append(out, part), append(names, p.Name)
		}
	}
	return out, names, nil
}

// cutRows gives each kept row to its split. kept holds the numbers the rows had before the discard; starts, where the sources began.
func (s *Set) cutRows(origins []*origin, starts []int, kept []int32, split recipe.Split, names []string, whole string) error {
	add := func(name string, row int) {
		if _, ok := s.splits[name]; !ok {
			s.order = append(s.order, name)
		}
		s.splits[name] = append(s.splits[name], int32(row))
	}
	for _, p := range split.Parts {
		if _, ok := s.splits[p.Name]; !ok {
			s.order = append(s.order, p.Name)
			s.splits[p.Name] = nil
		}
	}
	var main []int
	src := 0
	for row, old := range kept {
		for src+1 < len(starts) && int(old) >= starts[src+1] {
			src++
		}
		switch {
		case names != nil:
			add(names[src], row)
		case origins[src].split != "":
			add(origins[src].split, row)
		case len(split.Parts) == 0:
			add(whole, row)
		default:
			main = append(main, row)
		}
	}
	if len(main) > 0 {
		if err := s.cutMain(main, split, add); err != nil {
			return err
		}
	}
	for _, name := range s.order {
		if len(s.splits[name]) == 0 {
			return &Error{At: s.block.At, Text: fmt.Sprintf("the split %s of %s gets none of the %d rows", name, s.block.Name, s.rows)}
		}
	}
	if v := s.source[split.Column]; split.By == "time" && v != nil && v.kind == floatsKind {
		// Windows and fits go along time, whatever the order of the file.
		for _, name := range s.order {
			slices.SortStableFunc(s.splits[name], func(a, b int32) int {
				x, y := v.float(int(a)), v.float(int(b))
				switch {
				case x < y:
					return -1
				case x > y:
					return 1
				}
				return 0
			})
		}
	}
	return nil
}

func (s *Set) cutMain(main []int, split recipe.Split, add func(string, int)) error {
	switch split.By {
	case "position":
		ends := shares(split.Parts, len(main))
		k := 0
		for i, row := range main {
			for k < len(ends) && i >= ends[k] {
				k++
			}
			if k == len(ends) {
				s.report.Unused++
				continue
			}
			add(split.Parts[k].Name, row)
		}
	case "time":
		v := s.source[split.Column]
		if v == nil || v.kind != floatsKind || len(split.Parts) != 2 {
			return &Error{At: s.block.At, Text: fmt.Sprintf("the split by time needs two parts and a column of times, not `%s`", split.Column)}
		}
		for _, row := range main {
			if v.rowMissing(row) {
				return &Error{At: s.block.At, Where: s.where(row), Column: split.Column, Text: "the time that decides the split is missing"}
			}
			if v.floats[row] < split.Before {
				add(split.Parts[0].Name, row)
			} else {
				add(split.Parts[1].Name, row)
			}
		}
	case "", "hash":
		ends := limits(split.Parts)
		for _, row := range main {
			u := unit(mix(s.hash[row], uint64(split.Seed)))
			k := 0
			for k < len(ends) && u >= ends[k] {
				k++
			}
			if k == len(ends) {
				s.report.Unused++
				continue
			}
			add(split.Parts[k].Name, row)
		}
	default:
		return &Error{At: s.block.At, Text: fmt.Sprintf("there is no split by %q", split.By)}
	}
	return nil
}

// Fold returns the set for one turn of a cross-validation: of n folds over all rows outside of the split "test", fold k (from 0) is the split "valid", the others are
// "train", and every transform is fitted anew. The folds depend on the rows' contents and the seed, not on their order. Rows of equal value of the column group,
// if it is given, stay together. The test split stays as it is, and is never read by a fit.
func (s *Set) Fold(k, n int, seed int64, group string) (*Set, error) {
	if s.stream || s.windows != nil {
		return nil, &Error{At: s.block.At, Text: fmt.Sprintf("crossval needs rows; %s gives windows of a stream", s.block.Name)}
	}
	var rows []int32
	for _, name := range s.order {
		if name != "test" {
			rows = append(rows, s.splits[name]...)
		}
	}
	if n < 2 || k < 0 || k >= n || n > len(rows) {
		return nil, &Error{At: s.block.At, Text: fmt.Sprintf("%d folds of %d rows are not possible", n, len(rows))}
	}
	type unitOf struct {
		key  uint64
		rows []int32
	}
	var units []unitOf
	keys := s.hash // equal rows stay together: one must not be tested on what it was trained on
	if group != "" {
		var err error
		if keys, err = s.groups(group); err != nil {
			return nil, err
		}
	}
	at := map[uint64]int{}
	for _, r := range rows {
		key := mix(keys[r], uint64(seed))
		i, ok := at[key]
		if !ok {
			i = len(units)
			at[key] = i
			units = append(units, unitOf{key: key})
		}
		units[i].rows = append(units[i].rows, r)
	}
	if len(units) < n {
		return nil, &Error{At: s.block.At, Column: group, Text: fmt.Sprintf("%d folds need as many different values, there are %d", n, len(units))}
	}
	slices.SortStableFunc(units, func(a, b unitOf) int {
		switch {
		case a.key < b.key:
			return -1
		case a.key > b.key:
			return 1
		}
		return 0
	})
	// Each unit goes to the smallest fold, the first of equals: without groups this deals them out in turn.
	sizes := make([]int, n)
	out := *s
	out.splits = map[string][]int32{}
	out.order = []string{"train", "valid"}
	for _, u := range units {
		f := 0
		for i := range sizes {
			if sizes[i] < sizes[f] {
				f = i
			}
		}
		sizes[f] += len(u.rows)
		name := "train"
		if f == k {
			name = "valid"
		}
		out.splits[name] = append(out.splits[name], u.rows...)
	}
	for _, name := range out.order {
		slices.Sort(out.splits[name])
	}
	if test, ok := s.splits["test"]; ok {
		out.splits["test"] = test
		out.order = append(out.order, "test")
	}
	out.report.Filled, out.report.Splits = nil, nil
	return &out, out.finish(nil)
}

// groups hashes each row's value of a column.
func (s *Set) groups(column string) ([]uint64, error) {
	c := s.column(column)
	if c == nil {
		return nil, &Error{At: s.block.At, Text: fmt.Sprintf("crossval groups by `%s`, which %s has not", column, s.block.Name)}
	}
	v, err := s.evaluator(s.fitted).eval(&recipe.Expr{Op: "column", Name: column, Type: c.Type, At: c.At})
	if err != nil {
		return nil, err
	}
	out := make([]uint64, s.rows)
	hashRows(out, v)
	return out, nil
}
