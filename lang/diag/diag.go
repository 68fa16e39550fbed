// Package diag holds diagnostics as data and the one renderer that shows them.
//
// A stage that refuses something says so as a Diagnostic: a stable code, the place, one title, labels on both parties, notes and one repair. Only this
// package lays out text; stages never print. The renderer writes the full form (the user's lines with carets and labels), the concise form
// (file:line:col: error CODE: title) and JSON.
package diag

import "modelc/lang/source"

// Severity says whether a diagnostic stops the compilation.
type Severity uint8

const (
	Error Severity = iota
	Warning
)

// Diagnostic is one finding. Title is a sentence fragment without a full stop; it names both parties as the user spelled them.
type Diagnostic struct {
	Severity Severity
	Code     string // "M101"; every code has an entry in the code table, with an example
	At       source.Span
	Title    string
	Labels   []Label // further marks under the user's lines; the first may stand at At
	Notes    []Note  // why, note, fix, path, in this order
}

// Label is a mark under a part of a line. Text may be empty: a bare caret.
type Label struct {
	At   source.Span
	Text string
}

// Note is a line below the source: Kind is "why", "note", "path" or "fix".
type Note struct {
	Kind string
	Text string
}

// List collects diagnostics; it is what a stage returns.
type List []Diagnostic

// Failed reports whether the list holds an error.
func (l List) Failed() bool {
	for i := range l {
		if l[i].Severity == Error {
			return true
		}
	}
	return false
}
