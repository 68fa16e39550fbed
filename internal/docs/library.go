package docs

import (
	"fmt"
	"strings"

	"modelc/compiler/check"
	"modelc/lang/diag"
	"modelc/lang/source"
	"modelc/lang/syntax"
	"modelc/stdlib"
)

// entry is one declaration of the library.
type entry struct {
	name, signature, doc string
}

// chapter is one file of the library.
type chapter struct {
	title, intro string
	entries      []entry
}

// Library returns docs/library.md.
func Library() string {
	chapters := read()
	var p page
	p.f("# The library\n\n%s", generated)
	p.f("Every name that is in scope of every file. Layers, functions, optimizers, schedules, losses and metrics of the library are written in the language itself, in stdlib/;\n")
	p.f("a declaration of yours takes the place of one with the same name. The builtins at the end are what the language cannot say by itself.\n")
	p.f("[language.md](language.md) says how to read the signatures.\n\n")
	p.f("Shapes: `B` rows of a batch, `T` positions, `c` channels, `d` a width, `...s` any axes. A size that stands in several places is the same size everywhere.\n\n")
	link := linker("The library")
	for _, c := range chapters {
		head := link(c.title)
		var names []string
		for _, e := range c.entries {
			names = append(names, link(e.name))
		}
		p.f("- %s: %s\n", head, strings.Join(names, ", "))
	}
	p.f("- %s: %s\n", link("Builtins"), strings.Join(families(link), ", "))
	for _, c := range chapters {
		p.f("\n## %s\n\n%s\n", c.title, escape(c.intro))
		for _, e := range c.entries {
			p.f("\n### %s\n\n```text\n%s\n```\n", e.name, e.signature)
			if e.doc != "" {
				p.f("\n%s\n", escape(e.doc))
			}
		}
	}
	p.f("\n## Builtins\n\nAn axis in brackets is the name of an index, the name of a size, or `last`. Reducers and functions along an axis stand in index statements and outside of them;\n")
	p.f("a reducer without brackets goes over all axes. Every reducer but argmax and argmin takes `where=c`: what does not satisfy c is left out.\n")
	family := ""
	for _, b := range check.Builtins() {
		if b.Family != family {
			family = b.Family
			p.f("\n### %s\n\n| form | meaning |\n|---|---|\n", family)
		}
		p.f("| %s | %s |\n", code(b.Form), escape(b.Text))
	}
	return p.String()
}

// linker makes links to the headings of a page, asked for in the order in which they stand: of equal anchors the second ends in -1.
func linker(title string) func(string) string {
	seen := map[string]int{}
	link := func(name string) string {
		anchor := strings.ToLower(strings.ReplaceAll(name, " ", "-"))
		n := seen[anchor]
		seen[anchor]++
		if n > 0 {
			anchor = fmt.Sprintf("%s-%d", anchor, n)
		}
		return fmt.Sprintf("[%s](#%s)", name, anchor)
	}
	link(title)
	return link
}

func families(link func(string) string) []string {
	var out []string
	last := ""
	for _, b := range check.Builtins() {
		if b.Family != last {
			last = b.Family
			out = append(out, link(last))
		}
	}
	return out
}

// read parses the library. A failure is a bug of the build, as the library is part of the program.
func read() []chapter {
	var out []chapter
	for _, f := range stdlib.Files() {
		src := source.NewFile("std/"+f.Name, []byte(f.Text))
		file, diags := syntax.Parse(src)
		if diags.Failed() {
			panic("docs: the library does not parse: " + diag.Text(diags))
		}
		title := strings.TrimSuffix(f.Name, ".model")
		c := chapter{title: strings.ToUpper(title[:1]) + title[1:], intro: intro(f.Text)}
		for _, m := range file.Members {
			if e, ok := declared(f.Text, m); ok {
				c.entries = append(c.entries, e)
			}
		}
		out = append(out, c)
	}
	return out
}

// intro is the comment at the top of a file, up to the first line without one.
func intro(text string) string {
	var lines []string
	for _, line := range strings.Split(text, "\n") {
		rest, is := strings.CutPrefix(line, "#")
		if !is {
			break
		}
		lines = append(lines, strings.TrimSpace(rest))
	}
	return strings.Join(lines, "\n")
}

// declared is the signature of a function, or of a layer with its weights and its functions.
func declared(text string, m *syntax.Member) (entry, bool) {
	cut := func(from, to int) string { return strings.TrimSpace(text[from:to]) }
	function := func(f *syntax.Fn) string {
		switch {
		case f.Result != nil:
			return cut(f.At.Start, f.Result.At.End)
		case f.Body != nil:
			return cut(f.At.Start, f.Body.At.Start)
		}
		return strings.TrimSpace(strings.TrimSuffix(cut(f.At.Start, f.Expr.Span().Start), "="))
	}
	switch {
	case m.Fn != nil:
		return entry{name: m.Fn.Name, signature: function(m.Fn), doc: m.Doc}, true
	case m.Block != nil && (m.Block.Kind == "layer" || m.Block.Kind == "model"):
		lines := []string{cut(m.Block.At.Start, m.Block.Body.At.Start)}
		for _, s := range m.Block.Body.Members {
			switch {
			case s.Slot != nil, s.Key != nil && s.Key.Kind == "require":
				lines = append(lines, "  "+cut(s.At.Start, s.At.End))
			case s.Fn != nil:
				lines = append(lines, "  "+function(s.Fn))
			}
		}
		return entry{name: m.Block.Name, signature: strings.Join(lines, "\n"), doc: m.Doc}, true
	}
	return entry{}, false
}
