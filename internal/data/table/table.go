// Package table reads delimited text: csv and tsv. A table keeps its fields as slices of one text, so that a field costs no copy. Quoting is that of
// RFC 4180: a field in double quotes may hold delimiters, line ends and doubled quotes; in a tsv a quote is an ordinary character.
package table

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"modelc/internal/data/files"
)

// Caps on what is read.
const (
	MaxBytes   = int64(2) << 30 // of a file
	MaxField   = 16 << 20       // bytes of one field
	MaxColumns = 1 << 16
	MaxFields  = 1 << 27 // of a table
)

// Options say how a file is read.
type Options struct {
	Delimiter byte
	Plain     bool     // a quote is an ordinary character
	Trim      bool     // cut blanks around fields
	Columns   []string // names for a file without a header
}

// Table is a file in memory.
type Table struct {
	Path   string
	Header []string
	fields []string // row after row
	lines  []int32  // line of each row
}

// Rows returns the number of rows.
func (t *Table) Rows() int { return len(t.lines) }

// Field returns the text of a row's column.
func (t *Table) Field(row, column int) string { return t.fields[row*len(t.Header)+column] }

// Fields returns the texts of a row.
func (t *Table) Fields(row int) []string {
	n := len(t.Header)
	return t.fields[row*n : (row+1)*n]
}

// Line returns the line on which a row begins, from 1.
func (t *Table) Line(row int) int { return int(t.lines[row]) }

// Find returns the place of a named column, -1 if there is none. A header matches when it is the name, or becomes it by putting `_` for every rune that
// cannot stand in an identifier: education_num finds education-num. Two such headers are an error, and so is a name that stands twice.
func (t *Table) Find(name string) (int, error) { return find(t.Path, t.Header, name) }

func find(path string, header []string, name string) (int, error) {
	exact, like := -1, -1
	for i, h := range header {
		if h == name {
			if exact >= 0 {
				return 0, fmt.Errorf("%s: the header has the column `%s` twice, as columns %d and %d", path, name, exact+1, i+1)
			}
			exact = i
		}
	}
	if exact >= 0 {
		return exact, nil
	}
	for i, h := range header {
		if Identifier(h) == name {
			if like >= 0 {
				return 0, fmt.Errorf("%s: `%s` may be the column %q or the column %q", path, name, header[like], h)
			}
			like = i
		}
	}
	return like, nil
}

// Identifier returns the header as a name of the language.
func Identifier(header string) string {
	first := true
	return strings.Map(func(r rune) rune {
		ok := r == '_' || unicode.IsLetter(r) || !first && (unicode.IsDigit(r) || unicode.Is(unicode.Mn, r))
		first = false
		if ok {
			return r
		}
		return '_'
	}, header)
}

// Head reads the header alone.
func Head(r *files.Reader, o Options) ([]string, error) {
	if o.Columns != nil {
		return o.Columns, nil
	}
	// A header fits here, or the whole file is read.
	b := make([]byte, 0, 1<<16)
	for len(b) < cap(b) {
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err != nil {
			break
		}
	}
	if i := bytes.IndexByte(b, '\n'); i >= 0 && bytes.IndexByte(b[:i], '"') < 0 {
		t, err := parse(r.Path, b[:i+1], o)
		if err != nil {
			return nil, err
		}
		return t.Header, nil
	}
	rest, err := r.All(MaxBytes)
	if err != nil {
		return nil, err
	}
	t, err := parse(r.Path, append(b, rest...), o)
	if err != nil {
		return nil, err
	}
	return t.Header, nil
}

// Read reads a whole file.
func Read(r *files.Reader, o Options) (*Table, error) {
	b, err := r.All(MaxBytes)
	if err != nil {
		return nil, err
	}
	return parse(r.Path, b, o)
}

// Parse reads a table from memory.
func Parse(name string, text []byte, o Options) (*Table, error) { return parse(name, text, o) }

func parse(path string, b []byte, o Options) (*Table, error) {
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	if len(b) >= 2 && (b[0] == 0xff && b[1] == 0xfe || b[0] == 0xfe && b[1] == 0xff) {
		return nil, fmt.Errorf("%s is UTF-16; tables are read as UTF-8", path)
	}
	if len(b) == 0 {
		return nil, fmt.Errorf("%s is empty", path)
	}
	p := parser{path: path, text: string(b), o: o, line: 1}
	t := &Table{Path: path, Header: o.Columns}
	if o.Columns == nil {
		header, _, err := p.record(nil)
		if err != nil {
			return nil, err
		}
		if len(header) == 0 || len(header) == 1 && strings.TrimSpace(header[0]) == "" {
			return nil, fmt.Errorf("%s:1: the line that names the columns is empty", path)
		}
		for i := range header {
			header[i] = strings.TrimSpace(header[i])
		}
		t.Header = header
	}
	width := len(t.Header)
	// One guess of the number of fields from the first lines saves growing; it is bounded by the bytes there are.
	t.fields = make([]string, 0, min(len(b)/max(2, 4*width)*width, 1<<24))
	for {
		before := len(t.fields)
		fields, line, err := p.record(t.fields)
		if err != nil {
			return nil, err
		}
		if fields == nil {
			break
		}
		t.fields = fields
		n := len(fields) - before
		if n == 1 && fields[before] == "" && width > 1 {
			t.fields = fields[:before] // an empty line
			continue
		}
		if n != width {
			what := "the header has"
			if o.Columns != nil {
				what = "`columns` names"
			}
			return nil, fmt.Errorf("%s:%d: the row has %d fields, %s %d", path, line, n, what, width)
		}
		if len(fields) > MaxFields {
			return nil, fmt.Errorf("%s:%d: more than %d fields, the most that can be read", path, line, MaxFields)
		}
		t.lines = append(t.lines, int32(line))
	}
	return t, nil
}

type parser struct {
	path string
	text string
	at   int
	line int
	o    Options
}

// record appends the fields of the next record; nil at the end.
func (p *parser) record(out []string) ([]string, int, error) {
	if p.at >= len(p.text) {
		return nil, 0, nil
	}
	start, first := len(out), p.line
	for {
		field, more, err := p.field()
		if err != nil {
			return nil, 0, err
		}
		if len(out)-start >= MaxColumns {
			return nil, 0, fmt.Errorf("%s:%d: more than %d columns", p.path, first, MaxColumns)
		}
		out = append(out, field)
		if !more {
			return out, first, nil
		}
	}
}

// field reads one field with the delimiter or line end behind it; more tells whether the record goes on.
func (p *parser) field() (field string, more bool, err error) {
	rest := p.text[p.at:]
	if !p.o.Plain {
		k := 0
		if p.o.Trim {
			for k < len(rest) && (rest[k] == ' ' || rest[k] == '\t') && rest[k] != p.o.Delimiter {
				k++
			}
		}
		if k < len(rest) && rest[k] == '"' {
			p.at += k
			return p.quoted()
		}
	}
	end := 0
	for end < len(rest) && rest[end] != p.o.Delimiter && rest[end] != '\n' {
		end++
	}
	if end > MaxField {
		return "", false, fmt.Errorf("%s:%d: a field of %d bytes; at most %d are possible", p.path, p.line, end, MaxField)
	}
	field = rest[:end]
	p.at += end
	more = p.step()
	if !more {
		field = strings.TrimSuffix(field, "\r")
	}
	return p.finish(field, more)
}

// step passes the delimiter or line end; it tells whether it was a delimiter.
func (p *parser) step() bool {
	if p.at >= len(p.text) {
		return false
	}
	c := p.text[p.at]
	p.at++
	if c == '\n' {
		p.line++
		return false
	}
	return true
}

func (p *parser) finish(field string, more bool) (string, bool, error) {
	if !valid(field) {
		line := p.line
		if !more && p.at > 0 && p.text[p.at-1] == '\n' {
			line--
		}
		return "", false, fmt.Errorf("%s:%d: the field %.40q is no text in UTF-8", p.path, line, field)
	}
	if p.o.Trim {
		field = strings.Trim(field, " \t")
	}
	return field, more, nil
}

// valid reports UTF-8 without NUL: what a binary file is not.
func valid(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c >= utf8.RuneSelf {
			return utf8.ValidString(s[i:]) && strings.IndexByte(s[i:], 0) < 0
		} else if c == 0 {
			return false
		}
	}
	return true
}

func (p *parser) quoted() (string, bool, error) {
	opened := p.line
	rest := p.text[p.at+1:]
	var joined []byte
	used := 0
	for {
		i := strings.IndexByte(rest, '"')
		if i < 0 || used+i > MaxField {
			if i >= 0 {
				return "", false, fmt.Errorf("%s:%d: a field of more than %d bytes", p.path, opened, MaxField)
			}
			return "", false, fmt.Errorf("%s:%d: the quote that is opened here is not closed", p.path, opened)
		}
		used += i + 1
		p.line += strings.Count(rest[:i], "\n")
		if i+1 < len(rest) && rest[i+1] == '"' {
			joined = append(joined, rest[:i+1]...)
			rest = rest[i+2:]
			continue
		}
		field := rest[:i]
		if joined != nil {
			field = string(append(joined, field...))
		}
		rest = rest[i+1:]
		if p.o.Trim {
			rest = strings.TrimLeft(rest, " ")
		}
		rest = strings.TrimPrefix(rest, "\r")
		if rest != "" && rest[0] != p.o.Delimiter && rest[0] != '\n' {
			return "", false, fmt.Errorf("%s:%d: %.10q stands behind a closing quote, where a delimiter or the end of the line must be", p.path, p.line, rest)
		}
		p.at = len(p.text) - len(rest)
		more := p.step()
		return p.finish(field, more)
	}
}
