package data

import (
	"fmt"
	"strings"

	"modelc/recipe"
)

// Error is what is wrong with a file or a row. It is the user's.
type Error struct {
	At     recipe.Place // in the model
	Where  string       // "adult.csv:17", "train-labels.gz, record 3", "cats/7.jpg"; "" where no row is to blame
	Column string
	Text   string
}

func (e *Error) Error() string {
	var b strings.Builder
	if e.Where != "" {
		b.WriteString(e.Where)
		b.WriteString(": ")
	}
	if e.Column != "" {
		fmt.Fprintf(&b, "column `%s`: ", e.Column)
	}
	b.WriteString(e.Text)
	if e.At.File != "" {
		fmt.Fprintf(&b, " (%s:%d:%d)", e.At.File, e.At.Line, e.At.Col)
	}
	return b.String()
}
