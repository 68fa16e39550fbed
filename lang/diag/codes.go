package diag

import (
	"fmt"
	"slices"
	"strings"
)

// Entry documents one code. Explanations are for the person who got the message: what is meant, and why it is an error.
type Entry struct {
	Code        string
	Title       string
	Explanation string
	Example     string // a .model text that gives this code; "" where only a very large text does
	Fix         string
}

// Codes is every code, in order. M0xx: the text itself. M1xx: sizes and indices. M2xx: layers, weights, state. M3xx: data and columns.
// M4xx: configuration and settings. M6xx: what is found while running.
var Codes = slices.Concat(syntaxCodes, shapeCodes, layerCodes, dataCodes, configCodes, runCodes)

// Lookup finds the entry of a code.
func Lookup(code string) (Entry, bool) {
	for _, e := range Codes {
		if strings.EqualFold(e.Code, code) {
			return e, true
		}
	}
	return Entry{}, false
}

// Explain is the documentation of a code as text; false where there is no such code.
func Explain(code string) (string, bool) {
	e, ok := Lookup(code)
	if !ok {
		return "", false
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n\n%s\n", e.Code, e.Title, e.Explanation)
	if e.Example != "" {
		b.WriteString("\nExample:\n\n")
		for _, line := range strings.Split(strings.TrimRight(e.Example, "\n"), "\n") {
			b.WriteString(strings.TrimRight("    "+clean(strings.ToValidUTF8(line, "\ufffd")), " ") + "\n")
		}
	}
	if e.Fix != "" {
		fmt.Fprintf(&b, "\nFix: %s\n", e.Fix)
	}
	return b.String(), true
}
