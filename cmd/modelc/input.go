package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"modelc/compiler"
	"modelc/lang/diag"
	"modelc/lang/source"
	"modelc/lang/syntax"
	"modelc/recipe"
)

// fileFlags name a program.
type fileFlags struct {
	File   string   `arg:"" help:"The .model file; - is the standard input."`
	Set    []string `sep:"none" placeholder:"NAME=VALUE" help:"Change a value of the file's config. May be given several times."`
	Preset string   `placeholder:"NAME" help:"Apply a preset of the file."`
}

// readText reads a file of the language: a regular file of at most one mebibyte.
func (s *streams) readText(path string) ([]byte, error) {
	if path == "-" {
		return limited(s.in, "the standard input")
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, plain(path, err)
	}
	switch {
	case info.IsDir():
		return nil, fmt.Errorf("%s is a folder; a .model file is needed", path)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, plain(path, err)
	}
	defer f.Close()
	text, err := limited(f, path)
	if err != nil {
		return nil, err
	}
	return text, nil
}

func limited(r io.Reader, name string) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, syntax.MaxBytes+1))
	if err != nil {
		return nil, plain(name, err)
	}
	if len(text) > syntax.MaxBytes {
		return nil, fmt.Errorf("%s is longer than 1 MiB; data belongs into data files", name)
	}
	return text, nil
}

// plain says what a file's error is in words.
func plain(path string, err error) error {
	var p *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: there is no such file", path)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s may not be read", path)
	case errors.As(err, &p):
		return fmt.Errorf("%s: %w", path, p.Err)
	}
	return fmt.Errorf("%s: %w", path, err)
}

// check reads and checks the file of a command.
func (s *streams) check(f fileFlags, tests bool) (*compiler.Checked, error) {
	text, err := s.readText(f.File)
	if err != nil {
		return nil, err
	}
	for _, set := range f.Set {
		if name, _, ok := strings.Cut(set, "="); !ok || strings.TrimSpace(name) == "" {
			return nil, usageError{fmt.Sprintf("--set %s: NAME=VALUE is needed", set)}
		}
	}
	name := f.File
	if name == "-" {
		name = "stdin.model"
	}
	return compiler.Check(name, text, compiler.Options{Set: f.Set, Preset: f.Preset, Tests: tests, Read: s.imports(name)}), nil
}

// imports reads the files that a file imports. They lie below the folder of the file, whatever links say.
func (s *streams) imports(name string) func(string) ([]byte, error) {
	dir := filepath.Dir(name)
	return func(path string) ([]byte, error) {
		rel := path
		if r, err := filepath.Rel(dir, path); err == nil && strings.HasPrefix(filepath.Clean(path), filepath.Clean(dir)+string(filepath.Separator)) {
			rel = r
		}
		if !filepath.IsLocal(filepath.FromSlash(rel)) {
			return nil, fmt.Errorf("%s leads out of the folder of %s", path, name)
		}
		root, err := os.OpenRoot(dir)
		if err != nil {
			return nil, plain(dir, err)
		}
		defer root.Close()
		info, err := root.Stat(filepath.FromSlash(rel))
		if err != nil {
			return nil, plain(path, err)
		}
		if !info.Mode().IsRegular() {
			return nil, fmt.Errorf("%s is no regular file", path)
		}
		file, err := root.Open(filepath.FromSlash(rel))
		if err != nil {
			return nil, plain(path, err)
		}
		defer file.Close()
		return limited(file, path)
	}
}

// mustCheck is check for commands that go on only with a good file; warnings are shown.
func (s *streams) mustCheck(f fileFlags, tests bool) (*compiler.Checked, error) {
	c, err := s.check(f, tests)
	if err != nil {
		return nil, err
	}
	if d := c.Diagnostics(); len(d) > 0 {
		s.show(d)
		if d.Failed() {
			return nil, errShown
		}
	}
	return c, nil
}

// show renders diagnostics on stderr.
func (s *streams) show(list diag.List) {
	_ = diag.Render(s.err, list, diag.Options{Color: color(s.err)}) // nothing is left to tell it to
}

// spanAt is the place of a recipe in the text, where it lies in it.
func spanAt(f *source.File, at recipe.Place) source.Span {
	if f == nil || at.File != f.Name || at.Line < 1 || at.Line > f.Lines() {
		return source.Span{}
	}
	start := f.LineStart(at.Line)
	line := f.Line(at.Line)
	col := 1
	for i := range line {
		if col == at.Col {
			return source.Span{File: f, Start: start + i, End: start + i + wordLength(line[i:])}
		}
		col++
	}
	return source.Span{File: f, Start: start, End: start + len(line)}
}

// wordLength is the length of the name at the start of a text, at least 1.
func wordLength(s string) int {
	for i, r := range s {
		if r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r < 0x80 {
			return max(1, i)
		}
	}
	return max(1, len(s))
}

// terminal reports whether a stream is one.
func terminal(w io.Writer) bool {
	if k, ok := w.(*sticky); ok {
		w = k.Writer
	}
	f, ok := w.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}

func color(w io.Writer) bool { return terminal(w) && os.Getenv("NO_COLOR") == "" }
