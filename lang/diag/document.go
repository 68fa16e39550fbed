package diag

import (
	"fmt"
	"strings"
)

// Document is the table of codes as a page of the documentation, in Markdown.
func Document() string {
	var b strings.Builder
	b.WriteString("# Diagnostics\n\nWhat each code means, with a text that gives it. `modelc explain CODE` shows the same.\n")
	b.WriteString("This page is made from the table in `lang/diag`: `go test ./lang/diag -update`.\n")
	chapters := map[string]string{"0": "The text", "1": "Sizes, indices, element types", "2": "Layers, weights, state, loops", "3": "Data", "4": "Names, configuration, settings", "5": "Tests and metrics"}
	chapter := ""
	for _, e := range Codes {
		if c := e.Code[1:2]; c != chapter {
			chapter = c
			fmt.Fprintf(&b, "\n## M%s: %s\n", c, chapters[c])
		}
		fmt.Fprintf(&b, "\n### %s: %s\n\n%s\n", e.Code, e.Title, e.Explanation)
		if e.Example != "" {
			b.WriteString("\n```model\n" + strings.TrimRight(cleanLines(e.Example), "\n") + "\n```\n")
		}
		if e.Fix != "" {
			fmt.Fprintf(&b, "\nFix: %s\n", e.Fix)
		}
	}
	return b.String()
}

// cleanLines replaces what no page shows.
func cleanLines(s string) string {
	lines := strings.Split(strings.ToValidUTF8(s, "\ufffd"), "\n")
	for i, l := range lines {
		lines[i] = clean(l)
	}
	return strings.Join(lines, "\n")
}
