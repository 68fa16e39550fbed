// Package data reads the rows of an experiment and makes batches of them.
//
// Open reads the sources of a data block once, checks every value against its declared type, drops the rows that `discard` names, cuts the splits, fits
// the transforms on the train split alone, and evaluates the derived columns. The values of a column that travels to the device are kept in the device's
// form, so that a batch is a copy of rows. What was fitted is saved beside the weights (Fitted); opened with it, raw rows of another file become the
// same numbers.
//
//	set, err := data.Open(d, dirs, data.Options{})
//	loader, err := set.Loader(recipe.Rows{Split: "train", Batch: 64, Last: "drop"}, []string{"batch.x", "batch.y", "row"}, data.Order{Seed: 1, Shuffle: true})
//	defer loader.Close()
//	for {
//		batch, err := loader.Next()   // valid until the next call
//		if err == io.EOF { … }
//		step(batch.Tensors, out)
//	}
//
// Everything is a function of the files, the block and the seeds: neither the number of processors nor the speed of the consumer changes a batch.
package data

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"modelc/recipe"
)

// Options of Open.
type Options struct {
	// Fitted transforms of a saved run. Nothing is fitted then, and no split is cut: every row of the sources belongs to the split of its source, or to "all".
	Fitted *Fitted
	// Columns limits what is read to the given ones, named as for Loader, and what they need (a prediction needs no labels). Nil: all columns. With Fitted, a
	// discard that reads other columns is passed over.
	Columns []string
}

// Set is an opened data block. It does not change; its methods may be called by several goroutines.
type Set struct {
	block   *recipe.Data
	rows    int
	source  map[string]*values
	hash    []uint64
	where   func(row int) string
	folders []string // where the paths within rows begin
	stream  bool     // each row is the text of a split
	labels  []string
	splits  map[string][]int32
	order   []string // names of the splits
	fitted  *Fitted
	packed  map[string]*packed
	windows *grid // nil: a row is a row
	report  Report
	need    map[string]bool // nil: all
}

// Report counts what happened to the rows, for the report of a run.
type Report struct {
	Read      int         `json:"read"` // rows of the sources
	Splits    []Count     `json:"splits"`
	Discarded []Discarded `json:"discarded,omitempty"`
	Filled    []Filled    `json:"filled,omitempty"`
	Unused    int         `json:"unused,omitempty"` // rows that no split takes
}

// Count is the number of rows (or windows) of a split.
type Count struct {
	Split string `json:"split"`
	Rows  int    `json:"rows"`
}

// Discarded is the number of rows that a discard dropped; a row that several name counts for the first.
type Discarded struct {
	At   recipe.Place `json:"at"`
	Rows int          `json:"rows"`
}

// Filled is the number of missing values that a fill replaced.
type Filled struct {
	At     recipe.Place `json:"at"`
	Column string       `json:"column"`
	Values int          `json:"values"`
}

// Open reads a data block. Paths are relative to the folder of the file that names them, then searched in dirs.
func Open(d *recipe.Data, dirs []string, o Options) (*Set, error) {
	s := &Set{block: d, splits: map[string][]int32{}}
	if o.Columns != nil {
		s.need = map[string]bool{}
		for _, name := range o.Columns {
			if name == recipe.InRow {
				continue
			}
			name, _ = strings.CutPrefix(name, "batch.")
			name, _ = strings.CutSuffix(name, ".mask")
			c := s.column(name)
			if c == nil {
				return nil, fmt.Errorf("the data %s has no column `%s`", d.Name, name)
			}
			s.needs(c, s.need)
		}
		if o.Fitted == nil {
			for _, t := range d.Transforms {
				for _, x := range t.Inputs {
					s.needsExpr(x, s.need)
				}
			}
			for _, x := range d.Discard {
				s.needsExpr(x, s.need)
			}
		}
		if d.Split.Column != "" && o.Fitted == nil {
			s.need[d.Split.Column] = true
		}
	}
	origins, err := s.read(dirs, o.Fitted == nil)
	if err != nil {
		return nil, err
	}
	if s.windows, err = s.findWindows(); err != nil {
		return nil, err
	}
	split, whole := d.Split, "train"
	if o.Fitted != nil {
		split, whole = recipe.Split{}, "all"
	}
	if s.windows != nil && (split.By == "" || split.By == "hash") {
		split.By = "position" // rows that windows run over are a stream
	}
	if err := s.assemble(origins, split, whole); err != nil {
		return nil, err
	}
	return s, s.finish(o.Fitted)
}

// column returns the declaration of a column.
func (s *Set) column(name string) *recipe.Column {
	for _, c := range s.block.Columns {
		if c.Name == name {
			return c
		}
	}
	return nil
}

func (s *Set) needs(c *recipe.Column, seen map[string]bool) {
	if !seen[c.Name] {
		seen[c.Name] = true
		if c.From != nil {
			s.needsExpr(c.From, seen)
		}
	}
}

func (s *Set) needsExpr(x *recipe.Expr, seen map[string]bool) {
	if x.Op == "column" {
		if c := s.column(x.Name); c != nil {
			s.needs(c, seen)
		}
	}
	for _, a := range x.Args {
		s.needsExpr(a, seen)
	}
}

// reached reports whether all columns that x reads were read.
func (s *Set) reached(x *recipe.Expr) bool {
	need := map[string]bool{}
	s.needsExpr(x, need)
	for name := range need {
		if c := s.column(name); c != nil && c.From == nil && s.source[name] == nil {
			return false
		}
	}
	return true
}

func (s *Set) wants(name string) bool { return s.need == nil || s.need[name] }

// read reads all sources.
func (s *Set) read(dirs []string, cut bool) ([]*origin, error) {
	if len(s.block.Sources) == 0 {
		return nil, &Error{At: s.block.At, Text: fmt.Sprintf("the data %s has no source", s.block.Name)}
	}
	var want []*recipe.Column
	for _, c := range s.block.Columns {
		if c.From == nil && s.wants(c.Name) {
			want = append(want, c)
		}
	}
	var out []*origin
	for _, src := range s.block.Sources {
		r := &reader{source: src, dirs: append([]string{src.Base}, dirs...), want: want, cut: cut}
		o, err := r.read()
		if err != nil {
			return nil, err
		}
		if len(out) > 0 && !slices.Equal(o.labels, out[0].labels) {
			return nil, r.failf("%s has the folders %v, the first source %v: a label would mean two things", r.label(), o.labels, out[0].labels)
		}
		out = append(out, o)
		for _, f := range append([]string{o.folder}, r.dirs...) {
			if f != "" && !slices.Contains(s.folders, f) {
				s.folders = append(s.folders, f)
			}
		}
	}
	s.labels = out[0].labels
	return out, nil
}

// assemble puts the sources below each other, drops rows and cuts the splits.
func (s *Set) assemble(origins []*origin, split recipe.Split, whole string) error {
	for _, o := range origins {
		s.stream = s.stream || o.stream
	}
	var names []string // of each row's split, for streams
	if s.stream {
		var err error
		if origins, names, err = s.cutStreams(origins, split, whole); err != nil {
			return err
		}
	}
	// One table.
	starts := make([]int, 0, len(origins)+1)
	for _, o := range origins {
		starts = append(starts, s.rows)
		s.rows += o.rows
		s.hash = append(s.hash, o.hash...)
	}
	if s.rows > maxRows {
		return &Error{At: s.block.At, Text: fmt.Sprintf("%d rows, at most %d are possible", s.rows, maxRows)}
	}
	s.report.Read = s.rows
	s.where = func(row int) string {
		i := sort.SearchInts(starts, row+1) - 1
		return origins[i].where(row - starts[i])
	}
	s.source = map[string]*values{}
	for name := range origins[0].columns {
		var parts []*values
		for _, o := range origins {
			parts = append(parts, o.columns[name])
		}
		v, err := join(parts)
		if err != nil {
			return &Error{At: s.column(name).At, Column: name, Text: err.Error()}
		}
		s.source[name] = v
	}
	kept, err := s.discard()
	if err != nil {
		return err
	}
	if err := s.complete(); err != nil {
		return err
	}
	if kept == nil {
		kept = make([]int32, s.rows)
		for i := range kept {
			kept[i] = int32(i)
		}
	}
	return s.cutRows(origins, starts, kept, split, names, whole)
}

// discard drops the rows that a discard names; it returns the old numbers of those that stay, nil for all.
func (s *Set) discard() ([]int32, error) {
	if len(s.block.Discard) == 0 {
		return nil, nil
	}
	drop := make([]bool, s.rows)
	for _, x := range s.block.Discard {
		if !s.reached(x) {
			continue
		}
		e := s.evaluator(nil)
		v, err := e.eval(x)
		if err != nil {
			return nil, err
		}
		if v.kind != bytesKind || v.list || v.width() != 1 {
			return nil, &Error{At: x.At, Text: "discard needs a bool of each row"}
		}
		n := 0
		for row := range drop {
			if drop[row] {
				continue
			}
			from, _ := v.span(row)
			if v.isMissing(from) {
				return nil, &Error{At: x.At, Where: s.where(row), Text: "discard is neither true nor false: it reads a missing value; say missing(x) or …"}
			}
			if v.u8[from] != 0 {
				drop[row] = true
				n++
			}
		}
		s.report.Discarded = append(s.report.Discarded, Discarded{x.At, n})
	}
	kept := make([]int32, 0, s.rows)
	for row, d := range drop {
		if !d {
			kept = append(kept, int32(row))
		}
	}
	if len(kept) == 0 {
		return nil, &Error{At: s.block.Discard[0].At, Text: fmt.Sprintf("discard drops all %d rows", s.rows)}
	}
	if len(kept) == s.rows {
		return kept, nil
	}
	for name, v := range s.source {
		s.source[name] = v.take(kept)
	}
	where, hash := s.where, make([]uint64, len(kept))
	for i, r := range kept {
		hash[i] = s.hash[r]
	}
	s.where = func(row int) string { return where(int(kept[row])) }
	s.hash, s.rows = hash, len(kept)
	return kept, nil
}

// complete refuses missing values of columns that may have none.
func (s *Set) complete() error {
	for _, c := range s.block.Columns {
		v := s.source[c.Name]
		if v == nil || v.missing == nil || c.Type.Nullable {
			continue
		}
		first, n := -1, 0
		for row := range v.rows {
			if v.rowMissing(row) {
				if n++; first < 0 {
					first = row
				}
			}
		}
		if n > 0 {
			return &Error{At: c.At, Where: s.where(first), Column: c.Name, Text: fmt.Sprintf(
				"the value is missing (%d in all); declare %s? and fill it, or discard = missing(%s)", n, typeName(c.Type), c.Name)}
		}
		v.missing = nil
	}
	return nil
}

// finish fits what is to be fitted and makes the columns of the batches.
func (s *Set) finish(fitted *Fitted) error {
	if fitted == nil {
		var err error
		if fitted, err = s.fit(); err != nil {
			return err
		}
	}
	s.fitted = fitted
	return s.pack()
}

// Rows returns the number of rows, or windows, of a split; "" counts all.
func (s *Set) Rows(split string) int {
	if s.windows != nil {
		if split == "" {
			n := 0
			for _, name := range s.order {
				n += s.windows.count(name, 0)
			}
			return n
		}
		return s.windows.count(split, 0)
	}
	if split == "" {
		n := 0
		for _, name := range s.order {
			n += len(s.splits[name])
		}
		return n
	}
	return len(s.splits[split])
}

// Splits names the splits in order.
func (s *Set) Splits() []string { return slices.Clone(s.order) }

// Fitted returns what was fitted on the train split.
func (s *Set) Fitted() *Fitted { return s.fitted }

// Report returns the counts.
func (s *Set) Report() Report { return s.report }

// Classes returns the names of the values of an id column where it has any: the folders of pictures, the values of a Category; else nil.
func (s *Set) Classes(column string) []string {
	c := s.column(column)
	if c == nil {
		return nil
	}
	if c.From == nil {
		if column == "label" {
			return slices.Clone(s.labels)
		}
		return nil
	}
	if c.From.Op == "column" {
		return s.Classes(c.From.Name)
	}
	if name, ok := transformOf(c.From); ok {
		if t := s.fitted.Transforms[name]; t != nil && t.Kind == "Category" && len(t.Values) == 1 {
			return slices.Clone(t.Values[0])
		}
	}
	return nil
}
