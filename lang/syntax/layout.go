package syntax

import (
	"fmt"

	"github.com/alecthomas/participle/v2/lexer"

	"modelc/lang/diag"
	"modelc/lang/source"
)

// MaxNesting is how deep brackets may stand in each other.
const MaxNesting = 200

// chunk is one member as tokens of the grammar: trivia is gone, and each { … } is one Body token that stands for a group. Members are cut
// out before they are parsed, so an error in one hides no error in another, and a body is never parsed twice.
type chunk struct {
	toks  []lexer.Token
	first int // index of the first token in the raw tokens
	last  int // index of the last one
}

// group is the inside of one { … }.
type group struct {
	chunks []chunk
	open   bool // never closed in the text
}

// The token types that the grammar sees.
const (
	typeIdent lexer.TokenType = -(iota + 2)
	typeKeyword
	typeNumber
	typeString
	typeOp
	typeBody
	typeBad
)

var grammarType = [...]lexer.TokenType{Ident: typeIdent, Keyword: typeKeyword, NumberLit: typeNumber, StringLit: typeString, Op: typeOp, Bad: typeBad}

// bracket waits for its closer.
type bracket struct {
	ch     byte
	raw    int
	indent int // display column of the line it stands on
}

var opener = map[string]byte{")": '(', "]": '[', "}": '{'}
var closer = map[byte]string{'(': ")", '[': "]", '{': "}"}

// continues lists what, at the start of a line, carries the line before on. A minus does not: it may be a sign.
var continues = map[string]bool{"|>": true, ".": true, "else": true, "and": true, "or": true, "+": true, "*": true, ")": true, "]": true, "@": true, "^": true}

// layout turns raw tokens into groups of chunks.
type layout struct {
	file   *source.File
	toks   []Token
	groups map[int]*group // by the byte offset of the {
	diags  diag.List

	unclosed map[int]bool // raw indices of brackets that are never closed
	braces   bool         // a brace is missing: indentation decides
	stack    []bracket
	open     []*builder
	ended    int     // byte offset behind the last token that counts
	indent   int     // column of the line of the current token
	next     []int32 // per token, the next one that is no trivia
}

// builder collects the chunks of one group.
type builder struct {
	group *group
	cur   chunk
	start int // byte offset of the {
}

func (l *layout) report(code string, start, end int, title string, notes ...diag.Note) {
	if len(l.diags) < collected {
		l.diags = append(l.diags, diag.Diagnostic{Code: code, At: source.Span{File: l.file, Start: start, End: end}, Title: title, Notes: notes})
	}
}

// match finds the brackets that are never closed, and refuses a nesting that is too deep.
func (l *layout) match() bool {
	var stack []bracket
	l.unclosed = map[int]bool{}
	for i := range l.toks {
		t := &l.toks[i]
		if t.Kind != Op {
			continue
		}
		v := t.value()
		switch v {
		case "(", "[", "{":
			if len(stack) >= MaxNesting {
				l.report("M012", t.Start, t.End, fmt.Sprintf("brackets stand more than %d deep in each other", MaxNesting),
					note("fix", "give the inner parts names of their own"))
				return false
			}
			stack = append(stack, bracket{ch: v[0], raw: i})
		case ")", "]", "}":
			k := partner(stack, opener[v])
			if k < 0 {
				l.braces = l.braces || v == "}"
				continue
			}
			for _, b := range stack[k+1:] {
				l.unclosed[b.raw] = true
			}
			stack = stack[:k]
		}
	}
	for _, b := range stack {
		l.unclosed[b.raw] = true
		l.braces = l.braces || b.ch == '{'
	}
	return true
}

// partner is the index of the bracket that a closer closes, or -1. No round or square bracket is looked for beyond a brace.
func partner(stack []bracket, ch byte) int {
	for k := len(stack) - 1; k >= 0; k-- {
		if stack[k].ch == ch {
			return k
		}
		if stack[k].ch == '{' {
			return -1
		}
	}
	return -1
}

// build makes the groups; the outermost is the file.
func (l *layout) build() *group {
	root := &group{}
	l.groups = map[int]*group{}
	l.open = []*builder{{group: root}}
	if !l.match() {
		return root
	}
	ends, first := false, true // whether a new line ends the member; whether the token is the first of its line
	l.indent = 0
	for i := range l.toks {
		t := &l.toks[i]
		switch {
		case t.Kind == Newline:
			first = true
			j := l.solid(i + 1)
			l.dedent(j)
			if ends && len(l.open) > 0 && !l.inner() && (j >= len(l.toks) || !continues[l.toks[j].value()]) {
				l.flush(-1)
				ends = false
			}
		case t.trivia():
		default:
			if first {
				l.indent = l.column(i)
				first = false
				if l.braces && t.value() == "}" {
					l.misplaced()
				}
			}
			ends = l.take(i)
		}
	}
	for len(l.stack) > 0 {
		l.closeTop(len(l.file.Text), true)
	}
	l.flush(-1)
	return root
}

// solid is the index of the next token that is no trivia, from i on.
func (l *layout) solid(i int) int {
	if l.next == nil { // one pass from the end: a file of comments must not cost its square
		l.next = make([]int32, len(l.toks)+1)
		l.next[len(l.toks)] = int32(len(l.toks))
		for k := len(l.toks) - 1; k >= 0; k-- {
			l.next[k] = int32(k)
			if l.toks[k].trivia() {
				l.next[k] = l.next[k+1]
			}
		}
	}
	return int(l.next[i])
}

func (l *layout) column(i int) int {
	return l.toks[i].Start - l.file.LineStart(l.file.LineOf(l.toks[i].Start))
}

// inner reports whether a round or square bracket is open within the current group.
func (l *layout) inner() bool { return len(l.stack) > 0 && l.stack[len(l.stack)-1].ch != '{' }

// dedent closes, before the token j that starts a line, the brackets that are never closed and stand at or right of it.
func (l *layout) dedent(j int) {
	if len(l.unclosed) == 0 || j >= len(l.toks) || opener[l.toks[j].value()] != 0 {
		return
	}
	column := l.column(j)
	for len(l.stack) > 0 {
		low := -1 // the outermost bracket to close
		for k := len(l.stack) - 1; k >= 0; k-- {
			b := l.stack[k]
			if column > b.indent {
				break
			}
			if b.ch == '{' {
				if l.braces {
					low = k
				}
				break
			}
			if l.unclosed[b.raw] {
				low = k
			}
		}
		if low < 0 {
			return
		}
		for len(l.stack) > low {
			b := l.stack[len(l.stack)-1]
			l.closeTop(l.ended, l.unclosed[b.raw] || b.ch == '{')
		}
	}
}

// misplaced closes the braces that stand right of a } that starts a line: the } is for an outer one.
func (l *layout) misplaced() {
	for len(l.stack) > 1 && l.indent < l.stack[len(l.stack)-1].indent {
		l.closeTop(l.ended, true)
	}
}

// closeTop closes the innermost bracket where the text does not.
func (l *layout) closeTop(at int, report bool) {
	b := l.stack[len(l.stack)-1]
	if report {
		t := &l.toks[b.raw]
		l.report("M010", t.Start, t.End, fmt.Sprintf("`%s` is never closed", t.Text))
	}
	if b.ch == '{' {
		l.open[len(l.open)-1].group.open = true
		l.closeGroup(at, b.raw)
		return
	}
	l.stack = l.stack[:len(l.stack)-1]
	l.add(lexer.Token{Type: typeOp, Value: closer[b.ch], Pos: lexer.Position{Offset: l.ended, Column: l.ended}}, b.raw)
}

// add appends a token to the current chunk. A position's Offset is where the token starts and its Column the offset where it ends.
func (l *layout) add(t lexer.Token, raw int) {
	b := l.open[len(l.open)-1]
	if len(b.cur.toks) == 0 {
		b.cur.first = raw
	}
	b.cur.toks = append(b.cur.toks, t)
	b.cur.last = raw
}

// take adds raw token i to the current chunk; it returns whether a new line behind it ends the member.
func (l *layout) take(i int) bool {
	t := &l.toks[i]
	v := t.value()
	if t.Kind == Term {
		if !l.inner() {
			l.flush(-1)
		}
		return false
	}
	defer func() { l.ended = t.End }()
	tok := lexer.Token{Type: grammarType[t.Kind], Value: v, Pos: lexer.Position{Offset: t.Start, Column: t.End}}
	if t.Kind != Op {
		l.add(tok, i)
		return t.Kind != Keyword
	}
	switch v {
	case "(", "[":
		l.stack = append(l.stack, bracket{v[0], i, l.indent})
	case "{":
		l.stack = append(l.stack, bracket{'{', i, l.indent})
		l.open = append(l.open, &builder{group: &group{}, start: t.Start})
		return false
	case ")", "]", "}":
		k := partner(l.stack, opener[v])
		if v == "}" {
			for k = len(l.stack) - 1; k >= 0 && l.stack[k].ch != '{'; k-- {
			}
		}
		if k < 0 {
			l.report("M011", t.Start, t.End, fmt.Sprintf("`%s` closes nothing", t.Text))
			return true
		}
		for len(l.stack) > k+1 {
			l.closeTop(l.ended, true)
		}
		if v == "}" {
			l.closeGroup(t.End, i)
			return true
		}
		l.stack = l.stack[:k]
		l.add(tok, i)
		return true
	case ",":
		if !l.inner() && !l.dims(i) {
			l.flush(t.Start)
			return false
		}
	}
	l.add(tok, i)
	return v == "?" || v == "..."
}

// dims reports whether the comma at raw token i goes on with a list of sizes: dim a, b.
func (l *layout) dims(i int) bool {
	cur := l.open[len(l.open)-1].cur.toks
	if len(cur) == 0 || cur[0].Type != typeKeyword || cur[0].Value != "dim" || len(cur)%2 != 0 {
		return false
	}
	j := l.solid(i + 1)
	if j >= len(l.toks) || l.toks[j].Kind != Ident {
		return false
	}
	k := l.solid(j + 1) // `dim d, w = Dense(d)` is two members
	return k >= len(l.toks) || l.toks[k].value() != "=" && l.toks[k].value() != ":" && l.toks[k].value() != "<-"
}

// flush ends the current chunk; comma is the offset of the comma that does it, or -1.
func (l *layout) flush(comma int) {
	b := l.open[len(l.open)-1]
	if len(b.cur.toks) == 0 {
		if comma >= 0 {
			l.report("M021", comma, comma+1, "nothing stands before this comma", note("fix", "a comma separates two members on one line"))
		}
		return
	}
	end := b.cur.toks[len(b.cur.toks)-1].Pos.Column
	b.cur.toks = append(b.cur.toks, lexer.Token{Type: lexer.EOF, Pos: lexer.Position{Offset: end, Column: end}})
	b.group.chunks = append(b.group.chunks, b.cur)
	b.cur = chunk{}
}

// closeGroup ends the innermost group at byte offset end and leaves one Body token for it.
func (l *layout) closeGroup(end, raw int) {
	l.flush(-1)
	b := l.open[len(l.open)-1]
	l.open = l.open[:len(l.open)-1]
	l.stack = l.stack[:len(l.stack)-1]
	end = max(end, b.start+1)
	l.groups[b.start] = b.group
	first := raw
	if cur := &l.open[len(l.open)-1].cur; len(cur.toks) == 0 {
		for first > 0 && l.toks[first].Start > b.start {
			first--
		}
	}
	l.add(lexer.Token{Type: typeBody, Value: "{ }", Pos: lexer.Position{Offset: b.start, Column: end}}, first)
	l.open[len(l.open)-1].cur.last = raw
	l.ended = end
}
