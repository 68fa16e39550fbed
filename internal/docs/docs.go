// Package docs writes the pages of docs/ that follow from the code: the library's reference out of the doc comments and signatures of stdlib and the table of
// builtins, and the list of the IR's ops out of the op table. `go generate ./internal/docs` writes them; a test fails when they are stale, and checks every
// program that the hand-written reference shows.
package docs

//go:generate go run ./gen

import (
	"fmt"
	"strings"
)

const generated = "<!-- Written by internal/docs; go generate ./internal/docs -->\n\n"

// escape keeps Markdown from reading marks into plain text; what stands between backquotes is left alone.
func escape(s string) string {
	parts := strings.Split(s, "`")
	for i := 0; i < len(parts); i += 2 {
		parts[i] = strings.NewReplacer("*", `\*`, "_", `\_`, "<", "&lt;", "[", `\[`, "|", `\|`).Replace(parts[i])
	}
	return strings.Join(parts, "`")
}

// code shows a piece of text as code within a table.
func code(s string) string { return "`" + strings.ReplaceAll(s, "|", `\|`) + "`" }

type page struct{ strings.Builder }

func (p *page) f(format string, args ...any) { fmt.Fprintf(p, format, args...) }

// Block is a fenced block of a page.
type Block struct {
	Info string // what stands behind the fence: "model", "model part", …
	Text string
	Line int // of the first line of Text, from 1
}

// Blocks cuts the fenced blocks out of a page.
func Blocks(markdown string) []Block {
	var out []Block
	var open *Block
	for i, line := range strings.Split(markdown, "\n") {
		info, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && open == nil:
			open = &Block{Info: strings.TrimSpace(info), Line: i + 2}
		case fence:
			out = append(out, *open)
			open = nil
		case open != nil:
			open.Text += line + "\n"
		}
	}
	return out
}
