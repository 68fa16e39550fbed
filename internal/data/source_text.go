package data

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"modelc/internal/data/files"
	"modelc/internal/data/table"
	"modelc/recipe"
)

// readText reads a file as UTF-8.
func readText(path string) (string, error) {
	f, err := files.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := f.All(table.MaxBytes)
	if err != nil {
		return "", err
	}
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	if len(b) == 0 {
		return "", fmt.Errorf("%s is empty", path)
	}
	text := string(b)
	if at, bad := notText(text); bad {
		return "", fmt.Errorf("%s:%d: no text in UTF-8: byte 0x%02x", path, 1+strings.Count(text[:at], "\n"), text[at])
	}
	return text, nil
}

// notText finds the first byte that is no UTF-8, or NUL.
func notText(s string) (int, bool) {
	if utf8.ValidString(s) {
		i := strings.IndexByte(s, 0)
		return i, i >= 0
	}
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 || r == 0 {
			return i, true
		}
		i += n
	}
	return 0, false
}

// text reads text files: as one stream, or line by line for each column.
func (r *reader) text() (*origin, error) {
	o := &origin{columns: map[string]*values{}}
	for _, c := range r.want {
		if c.Type.Elem != "text" || len(c.Type.Dims) > 0 || c.Type.List {
			return nil, &Error{At: c.At, Column: c.Name, Text: fmt.Sprintf("%s is declared; a text file gives text", typeName(c.Type))}
		}
	}
	if len(r.source.Fields) > 0 {
		return o, r.lines(o)
	}
	var all strings.Builder
	first := ""
	for i := range r.source.Paths {
		path, err := r.find(i)
		if err != nil {
			return nil, err
		}
		text, err := readText(path)
		if err != nil {
			return nil, err
		}
		all.WriteString(text)
		if first == "" {
			first = path
		}
	}
	if first == "" {
		return nil, fmt.Errorf("text names no file")
	}
	o.rows, o.stream, o.folder = 1, true, filepath.Dir(first)
	o.where = func(int) string { return first }
	o.hash = []uint64{hashText(0, all.String())}
	for _, c := range r.want {
		o.columns[c.Name] = &values{kind: textsKind, rows: 1, texts: []string{all.String()}}
	}
	return o, nil
}

func (r *reader) lines(o *origin) error {
	firstPath := ""
	names, columns, err := r.wanted(r.source.Fields)
	if err != nil {
		return err
	}
	for i, c := range columns {
		path, err := files.Find(r.source.Fields[names[i]], r.dirs)
		if err != nil {
			return err
		}
		text, err := readText(path)
		if err != nil {
			return err
		}
		lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		v := &values{kind: textsKind, rows: len(lines), texts: lines}
		for i := range lines {
			lines[i] = strings.TrimSuffix(lines[i], "\r")
			if lines[i] == "" {
				if v.missing == nil {
					v.missing = make([]bool, len(lines))
				}
				v.missing[i] = true
			}
		}
		if firstPath == "" {
			firstPath, o.rows, o.folder = path, len(lines), filepath.Dir(path)
		} else if len(lines) != o.rows {
			return fmt.Errorf("%s has %d lines, %s has %d: lines of equal number belong together", path, len(lines), firstPath, o.rows)
		}
		o.addHash(v)
		if c != nil {
			o.columns[c.Name] = v
		}
	}
	if firstPath == "" {
		return fmt.Errorf("the block declares no column of the source")
	}
	o.where = func(row int) string { return fmt.Sprintf("%s:%d", firstPath, row+1) }
	return nil
}

func keysOf(m map[string]string) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// cut cuts a text into parts by their shares of its characters.
func cut(text string, parts []recipe.Part) []string {
	n := utf8.RuneCountInString(text)
	ends := shares(parts, n)
	out := make([]string, len(parts))
	at, from, k := 0, 0, 0
	for i := range text {
		for k < len(ends) && at == ends[k] {
			out[k], from = text[from:i], i
			k++
		}
		at++
	}
	for ; k < len(ends); k++ {
		if ends[k] == n {
			out[k], from = text[from:], len(text)
		}
	}
	return out
}

// shares returns where each part of n things ends.
func shares(parts []recipe.Part, n int) []int {
	limits := limits(parts)
	out := make([]int, len(parts))
	for i, l := range limits {
		out[i] = min(n, int(l*float64(n)+0.5))
	}
	return out
}

// limits returns the upper end of each part within [0, 1]. A share of 0 takes the rest.
func limits(parts []recipe.Part) []float64 {
	named := 0.0
	rest := 0
	for _, p := range parts {
		named += p.Share
		if p.Share == 0 {
			rest++
		}
	}
	out := make([]float64, len(parts))
	sum := 0.0
	for i, p := range parts {
		share := p.Share
		if share == 0 {
			share = max(0, 1-named) / float64(rest)
		}
		sum += share
		out[i] = sum
		if sum > 1-1e-9 {
			out[i] = 1
		}
	}
	return out
}
