package ir

import (
	"fmt"
	"strconv"
	"unicode/utf8"
)

// ParseError is a fault in the text form.
type ParseError struct {
	File      string
	Line, Col int
	Text      string
}

func (e *ParseError) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Col, e.Text)
}

type tokenKind uint8

const (
	tokenEnd     tokenKind = iota
	tokenWord              // a name or a number, bare
	tokenString            // "…", unquoted
	tokenValue             // %…
	tokenFunc              // @…
	tokenComment           // ; to the end of the line
	tokenMark              // ( ) { } [ ] , = : < ->
)

type token struct {
	kind      tokenKind
	text      string // of a value: name and ~n; of a comment: without the semicolon
	hint      string // of a value: its name without ~n; empty for a number
	line, col int
}

// lexer cuts the text into tokens. An error is kept, and then only ends follow.
type lexer struct {
	file, text string
	at         int
	line, head int // head: offset of the line's first byte
	err        error
}

func (l *lexer) fail(at int, format string, args ...any) token {
	if l.err == nil {
		l.err = &ParseError{l.file, l.line, at - l.head + 1, fmt.Sprintf(format, args...)}
	}
	l.at = len(l.text)
	return token{line: l.line, col: at - l.head + 1}
}

func (l *lexer) next() token {
	for l.at < len(l.text) && (l.text[l.at] == ' ' || l.text[l.at] == '\t' || l.text[l.at] == '\n' || l.text[l.at] == '\r') {
		if l.text[l.at] == '\n' {
			l.line, l.head = l.line+1, l.at+1
		}
		l.at++
	}
	start := l.at
	t := token{line: l.line, col: start - l.head + 1}
	if start == len(l.text) {
		return t
	}
	switch c := l.text[start]; {
	case c == ';':
		for l.at < len(l.text) && l.text[l.at] != '\n' {
			l.at++
		}
		t.kind, t.text = tokenComment, l.text[start+1:l.at]
	case c == '%' || c == '@':
		t.kind = tokenFunc
		l.at++
		quoted := l.at < len(l.text) && l.text[l.at] == '"'
		s, ok := l.word()
		if !ok || s == "" && !quoted {
			return l.fail(start, "a name is missing after %c", c)
		}
		t.text = s
		if c == '%' {
			t.kind, t.hint = tokenValue, s
			if !quoted && s[0] >= '0' && s[0] <= '9' {
				t.hint = ""
			}
			t.text = l.text[start+1 : l.at]
			if l.at < len(l.text) && l.text[l.at] == '~' {
				for l.at++; l.at < len(l.text) && l.text[l.at] >= '0' && l.text[l.at] <= '9'; l.at++ {
				}
				t.text = l.text[start+1 : l.at]
			}
		}
	case c == '"':
		s, ok := l.word()
		if !ok {
			return l.fail(start, "the string does not end, or has a wrong escape")
		}
		t.kind, t.text = tokenString, s
	case c == '-' && l.at+1 < len(l.text) && l.text[l.at+1] == '>':
		l.at += 2
		t.kind, t.text = tokenMark, "->"
	case nameByte(c) || c == '-' || c == '+':
		digit := c >= '0' && c <= '9' || c == '-' || c == '+'
		for l.at++; l.at < len(l.text); l.at++ {
			c := l.text[l.at]
			exponent := digit && (c == '-' || c == '+') && (l.text[l.at-1] == 'e' || l.text[l.at-1] == 'E')
			if !nameByte(c) && !exponent {
				break
			}
		}
		t.kind, t.text = tokenWord, l.text[start:l.at]
	case c == '(' || c == ')' || c == '{' || c == '}' || c == '[' || c == ']' || c == ',' || c == '=' || c == ':' || c == '<':
		l.at++
		t.kind, t.text = tokenMark, string(c)
	default:
		r, _ := utf8.DecodeRuneInString(l.text[start:])
		return l.fail(start, "%q has no meaning here", r)
	}
	return t
}

// word reads a bare or a quoted name.
func (l *lexer) word() (string, bool) {
	start := l.at
	if start < len(l.text) && l.text[start] == '"' {
		q, err := strconv.QuotedPrefix(l.text[start:])
		if err != nil {
			return "", false
		}
		s, err := strconv.Unquote(q)
		l.at += len(q)
		return s, err == nil
	}
	for l.at < len(l.text) && nameByte(l.text[l.at]) {
		l.at++
	}
	return l.text[start:l.at], true
}
