package syntax

import (
	"strings"

	"modelc/lang/diag"
	"modelc/lang/source"
)

// Format returns the text in canonical white space: two blanks of indentation per open bracket, one blank around operators and after commas,
// none inside brackets, at least two before a comment at the end of a line, no more than one empty line, one new line at the end. Line breaks
// stay the user's. No token but white space is touched, so no comment can be lost; only \r and blanks at the end of a comment go.
// A text with syntax errors is not formatted: it is returned as it is, with the errors.
func Format(f *source.File) (text string, diags diag.List) {
	file, diags := Parse(f)
	if diags.Failed() {
		return string(f.Text), diags
	}
	defer caught(f, &diags)
	w := &formatter{}
	for i := range file.Tokens {
		w.token(&file.Tokens[i])
	}
	return w.finish(), diags
}

// frame is an open bracket.
type frame struct {
	ch     byte
	indent int  // of the line it stands on, in levels
	typed  bool // a colon was seen since the last comma: what follows = is a default, not an argument
}

type formatter struct {
	out    strings.Builder
	stack  []frame
	prev   *Token // the last token that is no white space; nil at the start
	solid  *Token // the last one that is no comment either
	sign   bool   // prev is a sign or ..., which holds on to what follows
	lines  int    // new lines since prev
	spaces string // white space since prev, on its line
	level  int    // indentation of the current line
}

func (w *formatter) token(t *Token) {
	switch t.Kind {
	case Space:
		w.spaces = t.Text
		return
	case Newline:
		w.lines++
		w.spaces = ""
		return
	}
	var closed frame
	closes := t.Kind == Op && opener[t.Text] != 0
	if closes {
		closed = w.stack[len(w.stack)-1]
		w.stack = w.stack[:len(w.stack)-1]
	}
	switch {
	case w.prev == nil:
	case w.lines > 0:
		w.out.WriteString("\n")
		if w.lines > 1 {
			w.out.WriteString("\n")
		}
		if w.level = w.indent(t); closes {
			w.level = closed.indent
		}
		w.out.WriteString(strings.Repeat("  ", w.level))
	case t.Kind == Comment:
		w.out.WriteString(strings.Repeat(" ", max(2, strings.Count(w.spaces, " "))))
	case w.blank(t):
		w.out.WriteString(" ")
	}
	if t.Kind != Comment {
		w.sign = t.Kind == Op && (t.Text == "..." || t.Text == "-" && (w.lines > 0 && !w.inside() || !w.operand()))
	}
	w.out.WriteString(strings.TrimRight(t.Text, " \t\r"))
	w.prev, w.lines, w.spaces = t, 0, ""
	if t.Kind == Comment {
		return
	}
	w.solid = t
	if t.Kind != Op {
		return
	}
	switch t.Text {
	case "(", "[", "{":
		w.stack = append(w.stack, frame{ch: t.Text[0], indent: w.level})
	case ":", ",":
		if len(w.stack) > 0 {
			w.stack[len(w.stack)-1].typed = t.Text == ":"
		}
	}
}

func (w *formatter) finish() string {
	if w.prev == nil {
		return ""
	}
	return w.out.String() + "\n"
}

// inside reports whether a round or square bracket is open: there a new line means nothing.
func (w *formatter) inside() bool { return len(w.stack) > 0 && w.stack[len(w.stack)-1].ch != '{' }

// operand reports whether the token before ends an operand, so that a minus behind it is no sign.
func (w *formatter) operand() bool {
	if w.solid == nil {
		return false
	}
	switch w.solid.Kind {
	case Ident, NumberLit, StringLit:
		return true
	case Op:
		return opener[w.solid.Text] != 0 || w.solid.Text == "?" || w.solid.Text == "..."
	}
	return false
}

// indent is the depth of a line that starts with t: one more than the line of the innermost open bracket, and one more again where the line
// carries the one before on.
func (w *formatter) indent(t *Token) int {
	n := 0
	if len(w.stack) > 0 {
		n = w.stack[len(w.stack)-1].indent + 1
	}
	if w.inside() || w.solid == nil {
		return n
	}
	carried := t.Kind != Comment && continues[t.Text] && t.Text != "else" && opener[t.Text] == 0
	open := w.solid.Kind == Keyword || w.solid.Kind == Op && (levels[w.solid.Text] != 0 || w.solid.Text == "=" || w.solid.Text == "->" ||
		w.solid.Text == "<-" || w.solid.Text == ":" || w.solid.Text == ".")
	if carried || open {
		n++
	}
	return n
}

// blank decides about white space between two tokens of one line.
func (w *formatter) blank(t *Token) bool {
	p := w.prev
	pv, tv := "", ""
	if p.Kind == Op {
		pv = p.Text
	}
	if t.Kind == Op {
		tv = t.Text
	}
	switch {
	case pv == "{" || tv == "}":
		return true
	case tv == ")" || tv == "]" || tv == "," || tv == "?" || tv == ":":
		return false
	case w.sign && pv == "-":
		return false
	case pv == "..." && t.Kind == Ident:
		return false
	case pv == "." || tv == "." || pv == "(" || pv == "[":
		return false
	case pv == "^" || tv == "^" || pv == ".." || tv == "..":
		return pv == "..." || tv == "..."
	case tv == "=" || pv == "=":
		return !w.inside() || w.stack[len(w.stack)-1].typed
	case tv == "(" || tv == "[":
		return p.Kind != Ident && pv != ")" && pv != "]"
	}
	return true
}
