package data

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"modelc/internal/data/catalogue"
	"modelc/internal/data/files"
	"modelc/internal/data/idx"
	"modelc/internal/data/npy"
	"modelc/internal/data/table"
	"modelc/recipe"
)

// maxRows bounds the rows of a data block: their numbers travel as i32.
const maxRows = 1<<31 - 1

// origin is what one source gave.
type origin struct {
	split   string
	rows    int
	columns map[string]*values // by name of the column
	hash    []uint64           // of each row's contents
	where   func(row int) string
	folder  string   // where paths within the rows begin
	labels  []string // images: the names of the folders
	stream  bool     // one row that is a whole text
}

// reader reads one source.
type reader struct {
	source recipe.Source
	dirs   []string
	want   []*recipe.Column // columns of the source
	cut    bool             // the rows are cut into splits by what they hold, wanted or not
}

// wanted returns the columns to read from files that hold one each, sorted by name so that their order in the block does not matter; nil stands for a column
// that is read for the rows' hash alone.
func (r *reader) wanted(fields map[string]string) ([]string, []*recipe.Column, error) {
	by := map[string]*recipe.Column{}
	for _, c := range r.want {
		if _, ok := fields[c.Name]; !ok {
			return nil, nil, r.noColumn(c, keysOf(fields))
		}
		by[c.Name] = c
	}
	var names []string
	for _, name := range keysOf(fields) {
		if r.cut || by[name] != nil {
			names = append(names, name)
		}
	}
	columns := make([]*recipe.Column, len(names))
	for i, name := range names {
		columns[i] = by[name]
	}
	return names, columns, nil
}

// Header returns the names of the columns that a source has, as names of the language: for patterns as columns("num_*") and for "did you mean".
func Header(s recipe.Source, dirs []string) ([]string, error) {
	r := &reader{source: s, dirs: append([]string{s.Base}, dirs...)}
	switch s.Kind {
	case "csv", "tsv":
		if s.Columns != nil {
			return s.Columns, nil
		}
		path, err := r.find(0)
		if err != nil {
			return nil, err
		}
		f, err := files.Open(path)
		if err != nil {
			return nil, r.fail(err)
		}
		defer f.Close()
		names, err := table.Head(f, r.tableOptions())
		if err != nil {
			return nil, r.fail(err)
		}
		for i, n := range names {
			names[i] = table.Identifier(n)
		}
		for _, j := range s.Joined {
			more, err := Header(j, dirs)
			if err != nil {
				return nil, err
			}
			for _, n := range more {
				if !slices.Contains(names, n) {
					names = append(names, n)
				}
			}
		}
		return names, nil
	case "images":
		return []string{"image", "label"}, nil
	case "dataset":
		switch strings.Join(s.Paths, ",") {
		case "iris":
			return []string{"sepal_length", "sepal_width", "petal_length", "petal_width", "species"}, nil
		case "digits":
			return []string{"image", "label"}, nil
		}
		return nil, r.unknownSet()
	}
	names := make([]string, 0, len(s.Fields))
	for n := range s.Fields {
		names = append(names, n)
	}
	slices.Sort(names)
	return names, nil
}

func (r *reader) fail(err error) error {
	if e, ok := err.(*Error); ok {
		return e
	}
	return &Error{At: r.source.At, Text: err.Error()}
}

func (r *reader) failf(format string, args ...any) error {
	return &Error{At: r.source.At, Text: fmt.Sprintf(format, args...)}
}

func (r *reader) find(i int) (string, error) {
	if i >= len(r.source.Paths) {
		return "", r.failf("the source %s names no file", r.source.Kind)
	}
	path, err := files.Find(r.source.Paths[i], r.dirs)
	if err != nil {
		return "", r.fail(err)
	}
	return path, nil
}

func (r *reader) tableOptions() table.Options {
	o := table.Options{Delimiter: ',', Trim: r.source.Trim, Columns: r.source.Columns}
	if r.source.Kind == "tsv" {
		o.Delimiter, o.Plain = '\t', true
	}
	if d := r.source.Delimiter; d != "" {
		o.Delimiter = d[0]
	}
	return o
}

// read reads the source with its columns checked and typed.
func (r *reader) read() (*origin, error) {
	var o *origin
	var err error
	switch r.source.Kind {
	case "csv", "tsv":
		o, err = r.table()
	case "idx":
		o, err = r.arrays(func(f *files.Reader) (*values, error) {
			a, err := idx.Read(f)
			if err != nil {
				return nil, err
			}
			return &values{kind: bytesKind, rows: int(a.Dims[0]), dims: a.Dims[1:], u8: a.Bytes}, nil
		})
	case "npy":
		o, err = r.arrays(func(f *files.Reader) (*values, error) {
			a, err := npy.Read(f)
			if err != nil {
				return nil, err
			}
			v := &values{rows: int(a.Dims[0]), dims: a.Dims[1:]}
			switch {
			case a.U8 != nil:
				v.kind, v.bool, v.u8 = bytesKind, strings.HasSuffix(a.Type, "b1"), a.U8
			case a.Ints != nil:
				v.kind, v.ints = intsKind, a.Ints
			default:
				v.kind, v.floats = floatsKind, a.Floats
			}
			return v, nil
		})
	case "images":
		o, err = r.images()
	case "text":
		o, err = r.text()
	case "dataset":
		o, err = r.dataset()
	default:
		return nil, r.failf("there is no source `%s`; there are csv, tsv, idx, images, text, npy and dataset", r.source.Kind)
	}
	if err != nil {
		return nil, r.fail(err)
	}
	if o.rows == 0 {
		return nil, r.failf("%s has no rows", r.label())
	}
	if o.rows > maxRows {
		return nil, r.failf("%s has %d rows, at most %d are possible", r.label(), o.rows, maxRows)
	}
	o.split = r.source.Split
	return o, nil
}

// label names the source in a message.
func (r *reader) label() string {
	if len(r.source.Paths) > 0 {
		return r.source.Paths[0]
	}
	for _, p := range r.source.Fields {
		return p
	}
	return "the source " + r.source.Kind
}

func (r *reader) unknownSet() error {
	return r.failf("there is no data set %q; there are %s", strings.Join(r.source.Paths, ","), strings.Join(catalogue.Names(), ", "))
}

// arrays reads one array file for each column.
func (r *reader) arrays(read func(*files.Reader) (*values, error)) (*origin, error) {
	o := &origin{columns: map[string]*values{}}
	fields := r.source.Fields
	if fields == nil && len(r.source.Paths) == 1 && len(r.want) == 1 {
		fields = map[string]string{r.want[0].Name: r.source.Paths[0]}
	}
	firstPath := ""
	names, columns, err := r.wanted(fields)
	if err != nil {
		return nil, err
	}
	for i, c := range columns {
		path, err := files.Find(fields[names[i]], r.dirs)
		if err != nil {
			return nil, err
		}
		f, err := files.Open(path)
		if err != nil {
			return nil, err
		}
		raw, err := read(f)
		f.Close()
		if err != nil {
			return nil, err
		}
		if firstPath == "" {
			firstPath, o.rows, o.folder = path, raw.rows, filepath.Dir(path)
		} else if raw.rows != o.rows {
			return nil, fmt.Errorf("%s has %d records, %s has %d", path, raw.rows, firstPath, o.rows)
		}
		o.addHash(raw)
		if c == nil {
			continue
		}
		where := func(row int) string { return fmt.Sprintf("%s, record %d", path, row+1) }
		v, err := fit(c, raw, where)
		if err != nil {
			return nil, err
		}
		o.columns[c.Name] = v
	}
	if firstPath == "" {
		return nil, fmt.Errorf("the block declares no column of the source")
	}
	o.where = func(row int) string { return fmt.Sprintf("%s, record %d", firstPath, row+1) }
	return o, nil
}

// fit gives raw numbers the declared type of a column. Axes of size 1 that the file leaves out are those of the declaration.
func fit(c *recipe.Column, raw *values, where func(int) string) (*values, error) {
	bad := func(row int, format string, args ...any) error {
		e := &Error{At: c.At, Column: c.Name, Text: fmt.Sprintf(format, args...)}
		if row >= 0 {
			e.Where = where(row)
		}
		return e
	}
	if c.Type.List || c.Type.Elem == "text" || c.Type.Elem == "time" {
		return nil, bad(-1, "%s is declared, the file has numbers", typeName(c.Type))
	}
	if !equal(drop1(raw.dims), drop1(c.Type.Dims)) {
		return nil, bad(-1, "%s is declared, a record of %s has the sizes %v", typeName(c.Type), strings.Split(where(0), ", record")[0], raw.dims)
	}
	out := *raw
	out.dims = c.Type.Dims
	k, err := kindOf(c.Type)
	if err != nil {
		return nil, bad(-1, "%v", err)
	}
	w := max(1, raw.width())
	switch {
	case k == floatsKind:
		if raw.kind != floatsKind {
			out.floats = make([]float64, raw.count())
			for i := range out.floats {
				out.floats[i] = raw.float(i)
			}
		}
		out.kind, out.u8, out.ints = floatsKind, nil, nil
		for i, x := range out.floats {
			if x-x != 0 {
				return nil, bad(i/w, "%v is no finite number", x)
			}
		}
	case raw.kind == floatsKind:
		return nil, bad(-1, "%s is declared, the file has floating-point numbers", typeName(c.Type))
	default:
		low, high := bounds(c.Type)
		if raw.kind == bytesKind && low == 0 && high < 255 || raw.kind == intsKind {
			for i := range raw.count() {
				if x := raw.int(i); x < low || x > high {
					return nil, bad(i/w, "%d is outside of %s, which holds %d to %d", x, typeName(c.Type), low, high)
				}
			}
		}
		if k == intsKind && raw.kind == bytesKind {
			out.ints = make([]int64, len(raw.u8))
			for i, x := range raw.u8 {
				out.ints[i] = int64(x)
			}
			out.u8 = nil
		} else if k == bytesKind && raw.kind == intsKind {
			out.u8 = make([]uint8, len(raw.ints))
			for i, x := range raw.ints {
				out.u8[i] = uint8(x)
			}
			out.ints = nil
		}
		out.kind, out.bool = k, c.Type.Elem == "bool"
	}
	return &out, nil
}

func drop1(dims []int64) []int64 {
	out := make([]int64, 0, len(dims))
	for _, d := range dims {
		if d != 1 {
			out = append(out, d)
		}
	}
	return out
}

// dataset reads an embedded set. A folder of --data is not searched: the set is part of the program.
func (r *reader) dataset() (*origin, error) {
	switch strings.Join(r.source.Paths, ",") {
	case "iris":
		t, err := catalogue.Iris()
		if err != nil {
			return nil, err
		}
		return r.typed(t, nil)
	case "digits":
		pixels, labels, err := catalogue.Digits()
		if err != nil {
			return nil, err
		}
		o := &origin{rows: len(labels), columns: map[string]*values{}}
		o.where = func(row int) string { return fmt.Sprintf("dataset digits, record %d", row+1) }
		for _, c := range r.want {
			raw := &values{kind: bytesKind, rows: o.rows, u8: labels}
			switch c.Name {
			case "image":
				raw.dims, raw.u8 = []int64{8, 8}, pixels
			case "label":
			default:
				return nil, r.noColumn(c, []string{"image", "label"})
			}
			if o.columns[c.Name], err = fit(c, raw, o.where); err != nil {
				return nil, err
			}
		}
		o.hash = make([]uint64, o.rows)
		for i := range o.hash {
			o.hash[i] = hashBytes(hashBytes(0, pixels[64*i:64*i+64]), labels[i:i+1])
		}
		return o, nil
	}
	return nil, r.unknownSet()
}

func (r *reader) noColumn(c *recipe.Column, have []string) error {
	shown := have
	if len(shown) > 20 {
		shown = append(slices.Clone(shown[:20]), "…")
	}
	return &Error{At: c.At, Column: c.Name, Text: fmt.Sprintf("%s has no such column; it has %s", r.label(), strings.Join(shown, ", "))}
}

// root opens a folder below which a path may lead and not out of.
func root(dir string) (*os.Root, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s is a file; a folder is needed", dir)
	}
	return os.OpenRoot(dir)
}
