// Package resolve finds the declaration a name stands for.
//
// A Unit is one file: its own declarations, the files it imports, and below both the library, whose files form one prelude. Declarations of the library are cut out of
// their texts by a cheap scan and parsed when a name first asks for them, so a file pays for what it uses. Names within a declaration (parameters, locals, indices) belong to
// compiler/check, which knows their scopes.
package resolve

import (
	"fmt"
	"path"
	"sort"
	"strings"
	"sync"

	"modelc/lang/diag"
	"modelc/lang/source"
	"modelc/lang/syntax"
	"modelc/stdlib"
)

// Decl is one file-level declaration.
type Decl struct {
	Name   string
	Kind   string // "fn", "layer", "model", "data", "train", …, "value" for a binding
	At     source.Span
	Unit   *Unit
	member *syntax.Member
	parse  func() (*syntax.Member, diag.List)
}

// Member returns the syntax of the declaration; nil when it does not parse (which is reported where the file was parsed, and is our bug in the library).
func (d *Decl) Member() *syntax.Member {
	if d.member == nil && d.parse != nil {
		m, diags := d.parse()
		if diags.Failed() {
			panic("resolve: the library does not parse: " + diag.Text(diags))
		}
		d.member, d.parse = m, nil
	}
	return d.member
}

// Unit is one file with what its names may mean.
type Unit struct {
	Source  *source.File
	File    *syntax.File
	own     map[string]*Decl
	order   []string
	Imports map[string]*Unit
	Used    map[string]bool // imports that a name went through
	above   *Unit           // the library, nil for the library itself
}

// Find returns what a name stands for: the file's own declaration, else the library's.
func (u *Unit) Find(name string) *Decl {
	if d := u.own[name]; d != nil {
		return d
	}
	if u.above != nil {
		return u.above.Find(name)
	}
	return nil
}

// Own reports whether the file itself declares a name.
func (u *Unit) Own(name string) bool { return u.own[name] != nil }

// Decls returns the file's own declarations in source order.
func (u *Unit) Decls() []*Decl {
	out := make([]*Decl, 0, len(u.order))
	for _, n := range u.order {
		out = append(out, u.own[n])
	}
	return out
}

// Names lists every name that Find knows, for suggestions.
func (u *Unit) Names() []string {
	var out []string
	for n := range u.own {
		out = append(out, n)
	}
	if u.above != nil {
		out = append(out, u.above.Names()...)
	}
	sort.Strings(out)
	return out
}

var library = sync.OnceValue(func() *Unit {
	u := &Unit{own: map[string]*Decl{}}
	for _, f := range stdlib.Files() {
		src := source.NewFile("std/"+f.Name, []byte(f.Text))
		decls, diags := syntax.Scan(src)
		if diags.Failed() {
			panic("resolve: the library does not parse: " + diag.Text(diags))
		}
		for _, d := range decls {
			if d.Name == "" {
				continue
			}
			if old := u.own[d.Name]; old != nil {
				panic(fmt.Sprintf("resolve: the library declares %s twice", d.Name))
			}
			u.own[d.Name] = &Decl{Name: d.Name, Kind: d.Kind, At: d.At, Unit: u, parse: func() (*syntax.Member, diag.List) { return syntax.ParseMember(d) }}
			u.order = append(u.order, d.Name)
		}
	}
	return u
})

// Library returns the unit of the standard library, parsed lazily and shared.
func Library() *Unit { return library() }

// Options say how imports are read.
type Options struct {
	// Read returns the text of an imported file, by its path; nil: imports of files are refused.
	Read func(path string) ([]byte, error)
}

// File resolves the file-level names of a parsed file.
func File(f *syntax.File, o Options) (*Unit, diag.List) {
	l := &loader{opts: o, units: map[string]*Unit{}}
	u := l.unit(f, nil)
	return u, l.diags
}

type loader struct {
	opts  Options
	units map[string]*Unit
	diags diag.List
}

func (l *loader) fail(code string, at source.Span, format string, args ...any) {
	l.diags = append(l.diags, diag.Diagnostic{Code: code, At: at, Title: fmt.Sprintf(format, args...)})
}

func (l *loader) unit(f *syntax.File, stack []string) *Unit {
	u := &Unit{Source: f.Source, File: f, own: map[string]*Decl{}, Imports: map[string]*Unit{}, Used: map[string]bool{}, above: Library()}
	for _, m := range f.Members {
		if m.Import != nil {
			l.load(u, m.Import, append(stack, path.Clean(f.Source.Name)))
			continue
		}
		name, kind, at := Declared(m)
		if name == "" {
			continue
		}
		if old := u.own[name]; old != nil {
			p := old.At.Position()
			l.diags = append(l.diags, diag.Diagnostic{Code: "M404", At: at, Title: fmt.Sprintf("`%s` is declared twice", name),
				Notes: []diag.Note{{Kind: "note", Text: fmt.Sprintf("first at line %d", p.Line)}}})
			continue
		}
		u.own[name] = &Decl{Name: name, Kind: kind, At: at, Unit: u, member: m}
		u.order = append(u.order, name)
	}
	return u
}

// Declared returns the name a file-level member declares, "" for none.
func Declared(m *syntax.Member) (name, kind string, at source.Span) {
	switch {
	case m.Fn != nil:
		return m.Fn.Name, "fn", m.Fn.NameAt
	case m.Block != nil && m.Block.Name != "":
		return m.Block.Name, m.Block.Kind, m.Block.NameAt
	case m.Stmt != nil && m.Stmt.Op == "=":
		switch l := m.Stmt.Left.(type) {
		case *syntax.Name:
			return l.Text, "value", l.At
		case *syntax.Index:
			if n, is := l.X.(*syntax.Name); is {
				return n.Text, "value", n.At
			}
		}
	}
	return "", "", source.Span{}
}

// load reads `import "./blocks.model" as blocks`.
func (l *loader) load(u *Unit, im *syntax.Import, stack []string) {
	name := im.As
	if name == "" {
		name = strings.TrimSuffix(path.Base(im.Path), ".model")
	}
	if u.Imports[name] != nil {
		l.fail("M404", im.At, "`%s` is imported twice", name)
		return
	}
	if !strings.HasPrefix(im.Path, "./") && !strings.HasPrefix(im.Path, "../") {
		l.fail("M410", im.At, "`%s`: files are imported by a relative path (\"./blocks.model\"); the library needs no import", im.Path)
		return
	}
	file := path.Join(path.Dir(u.Source.Name), im.Path)
	for _, s := range stack {
		if s == file {
			l.fail("M411", im.At, "the imports go round in a circle: %s", strings.Join(append(stack, file), " → "))
			return
		}
	}
	if done := l.units[file]; done != nil {
		u.Imports[name] = done
		return
	}
	if l.opts.Read == nil {
		l.fail("M410", im.At, "`%s` cannot be read here", im.Path)
		return
	}
	text, err := l.opts.Read(file)
	if err != nil {
		l.fail("M410", im.At, "`%s`: %v", im.Path, err)
		return
	}
	parsed, diags := syntax.Parse(source.NewFile(file, text))
	l.diags = append(l.diags, diags...)
	sub := l.unit(parsed, stack)
	l.units[file] = sub
	u.Imports[name] = sub
}
