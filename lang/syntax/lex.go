package syntax

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"modelc/lang/diag"
	"modelc/lang/source"
)

// MaxBytes is the length of the longest text that is read.
const MaxBytes = 1 << 20

// collected is how many diagnostics are gathered before the first twenty are picked: a text of noise must not cost memory.
const collected = 200

// lexer cuts a text into tokens. It never fails: what it cannot read is reported and kept as a Bad token.
type textLexer struct {
	file  *source.File
	text  string
	toks  []Token
	at    int
	diags diag.List
}

// Lex cuts a text into tokens that cover it without gaps. Text beyond MaxBytes and text that is not UTF-8 give no tokens.
func Lex(f *source.File) ([]Token, diag.List) {
	l := &textLexer{file: f}
	if len(f.Text) > MaxBytes {
		l.report("M003", 0, 0, fmt.Sprintf("the text has %d bytes; the limit is %d", len(f.Text), MaxBytes),
			note("fix", "cut the file and join the parts with import"))
		return nil, l.diags
	}
	if !utf8.Valid(f.Text) {
		at := 0
		for at < len(f.Text) {
			r, n := utf8.DecodeRune(f.Text[at:])
			if r == utf8.RuneError && n <= 1 {
				break
			}
			at += n
		}
		l.report("M001", at, at+1, fmt.Sprintf("byte 0x%02x is not UTF-8", f.Text[at]), note("fix", "save the file as UTF-8"))
		return nil, l.diags
	}
	l.text = string(f.Text)
	l.toks = make([]Token, 0, len(l.text)/3+8)
	if strings.HasPrefix(l.text, "\ufeff") {
		l.emit(Space, len("\ufeff"))
	}
	for l.at < len(l.text) {
		l.next()
	}
	return l.toks, l.diags
}

func note(kind, text string) diag.Note { return diag.Note{Kind: kind, Text: text} }

func (l *textLexer) report(code string, start, end int, title string, notes ...diag.Note) {
	if len(l.diags) < collected {
		l.diags = append(l.diags, diag.Diagnostic{Code: code, At: source.Span{File: l.file, Start: start, End: end}, Title: title, Notes: notes})
	}
}

func (l *textLexer) emit(k Kind, n int) *Token {
	l.toks = append(l.toks, Token{Kind: k, Text: l.text[l.at : l.at+n], Start: l.at, End: l.at + n})
	l.at += n
	return &l.toks[len(l.toks)-1]
}

// operators are tried in this order, the longest first.
var operators = []string{"...", "..", "->", "<-", "=>", "==", "!=", "<=", ">=", "|>", "//"}

func (l *textLexer) next() {
	rest := l.text[l.at:]
	switch c := rest[0]; {
	case c == '\n':
		l.emit(Newline, 1)
	case c == ' ' || c == '\t' || c == '\r':
		n := 1
		for n < len(rest) && (rest[n] == ' ' || rest[n] == '\t' || rest[n] == '\r') {
			n++
		}
		l.emit(Space, n)
	case c == '#':
		n := strings.IndexByte(rest, '\n')
		if n < 0 {
			n = len(rest)
		}
		if l.forbidden(rest[:n]) {
			l.emit(Comment, n)
			return
		}
		l.emit(Comment, n)
	case c == '"':
		l.stringLit(rest)
	case c >= '0' && c <= '9':
		l.number(rest)
	case c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
		l.word(rest)
	case c < utf8.RuneSelf:
		l.operator(rest)
	default:
		r, _ := utf8.DecodeRuneInString(rest)
		if unicode.IsLetter(r) {
			l.word(rest)
			return
		}
		l.foreign(rest, r)
	}
}

func wordRune(r rune) bool {
	return r == '_' || unicode.IsLetter(r) || unicode.Is(unicode.M, r) || unicode.Is(unicode.Nd, r)
}

func wordLength(s string) int {
	for i, r := range s {
		if !wordRune(r) {
			return i
		}
	}
	return len(s)
}

func (l *textLexer) word(rest string) {
	n := wordLength(rest)
	k := Ident
	if keywords[rest[:n]] {
		k = Keyword
	}
	l.emit(k, n)
}

func digits(s string) int {
	n := 0
	for n < len(s) && (s[n] >= '0' && s[n] <= '9' || s[n] == '_') {
		n++
	}
	return n
}

func (l *textLexer) number(rest string) {
	n := digits(rest)
	if n+1 < len(rest) && rest[n] == '.' && rest[n+1] >= '0' && rest[n+1] <= '9' {
		n += 1 + digits(rest[n+1:])
	}
	if n < len(rest) && (rest[n] == 'e' || rest[n] == 'E') {
		m := n + 1
		if m < len(rest) && (rest[m] == '+' || rest[m] == '-') {
			m++
		}
		if d := digits(rest[m:]); d > 0 {
			n = m + d
		}
	}
	tail := wordLength(rest[n:])
	text := rest[:n+tail]
	switch {
	case tail > 0:
		l.report("M007", l.at, l.at+n+tail, fmt.Sprintf("`%s` is neither a number nor a name", clip(text)),
			note("fix", "numbers look like 12, 1_000, 0.5 or 2.5e-3; a name starts with a letter"))
	case strings.HasSuffix(text, "_") || strings.Contains(text, "__") || strings.Contains(text, "_.") || strings.Contains(text, "_e") || strings.Contains(text, "_E"):
		l.report("M007", l.at, l.at+n, fmt.Sprintf("`%s` has a `_` that is not between two digits", clip(text)))
	}
	l.emit(NumberLit, n+tail)
}

// stringLit reads "…", and '…' and """…""" with a sentence about our form.
func (l *textLexer) stringLit(rest string) {
	quote := rest[0]
	start := l.at
	if strings.HasPrefix(rest, `"""`) || strings.HasPrefix(rest, `'''`) {
		n := strings.Index(rest[3:], rest[:3])
		if n < 0 {
			n = len(rest) - 6
		}
		n = min(n+6, len(rest))
		l.report("M042", start, start+3, fmt.Sprintf("a string over several lines in %s is not of this language", rest[:3]),
			note("fix", `documentation stands in # comments above the declaration; \n is a new line in a string`))
		l.emit(StringLit, n).means = `""`
		return
	}
	n, closed := 1, false
	for n < len(rest) && rest[n] != '\n' {
		if rest[n] == quote {
			n++
			closed = true
			break
		}
		if rest[n] == '\\' && n+1 < len(rest) && rest[n+1] != '\n' {
			n++
			if rest[n] >= utf8.RuneSelf {
				_, size := utf8.DecodeRuneInString(rest[n:])
				n += size - 1
			}
		}
		n++
	}
	text := rest[:n]
	if quote == '\'' {
		title := "strings stand in double quotes"
		if !closed {
			title = "`'` is not of this language"
		}
		fix := note("fix", "write "+clip(strconv.Quote(strings.Trim(text, "'"))))
		l.report("M042", start, start+n, title, fix)
		l.emit(StringLit, n).means = `""`
		return
	}
	if !closed {
		l.report("M005", start, start+1, "this string is not closed on its line", note("fix", `put a " where it ends; \n stands for a new line`))
	} else if _, at, bad := unquote(text); bad != "" {
		l.report("M006", start+at, start+at+len(bad), fmt.Sprintf("`%s` is no escape", clip(bad)),
			note("fix", `the escapes are \" \\ \n \t and \u{4e2d}`))
	}
	l.forbidden(text)
	l.emit(StringLit, n)
}

// unquote decodes a string literal; where an escape is wrong, bad is its text and at its offset.
func unquote(text string) (value string, at int, bad string) {
	s := strings.TrimPrefix(text, `"`)
	if strings.HasSuffix(s, `"`) {
		s = s[:len(s)-1]
	}
	if !strings.Contains(s, `\`) {
		return s, 0, ""
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		i++
		if i >= len(s) {
			return b.String(), i, `\`
		}
		switch s[i] {
		case '"', '\\':
			b.WriteByte(s[i])
		case 'n':
			b.WriteByte('\n')
		case 't':
			b.WriteByte('\t')
		case 'u':
			end := strings.IndexByte(s[i:], '}')
			if i+1 < len(s) && s[i+1] == '{' && end > 2 && end <= 8 {
				if v, err := strconv.ParseUint(s[i+2:i+end], 16, 32); err == nil && v > 0 && v <= unicode.MaxRune && utf8.ValidRune(rune(v)) {
					b.WriteRune(rune(v))
					i += end
					continue
				}
				return b.String(), i, s[i-1 : i+end+1]
			}
			return b.String(), i, s[i-1 : i+1]
		default:
			_, n := utf8.DecodeRuneInString(s[i:])
			return b.String(), i, s[i-1 : i+n]
		}
	}
	return b.String(), 0, ""
}

// operator reads an operator or a bracket, and the operators of other languages with a sentence about ours.
func (l *textLexer) operator(rest string) {
	for _, h := range habitOperators {
		if !strings.HasPrefix(rest, h.text) {
			continue
		}
		l.report("M040", l.at, l.at+len(h.text), h.title, note("fix", h.fix))
		k := Op
		if h.means == ";" {
			k = Term
		} else if keywords[h.means] {
			k = Keyword
		}
		l.emit(k, len(h.text)).means = h.means
		return
	}
	for _, op := range operators {
		if strings.HasPrefix(rest, op) {
			l.emit(Op, len(op))
			return
		}
	}
	switch c := rest[0]; {
	case strings.IndexByte("+-*/%@^<>=|?:,.(){}[]", c) >= 0:
		l.emit(Op, 1)
	case c == '\'':
		l.stringLit(rest)
	case c == '!':
		l.report("M040", l.at, l.at+1, "`!` is written `not`", note("fix", "not x"))
		l.emit(Keyword, 1).means = "not"
	case c == '\\':
		l.report("M040", l.at, l.at+1, "`\\` does not continue a line", note("fix", "a line goes on after an operator, after a comma and inside ( ) and [ ]"))
		l.emit(Space, 1)
	case c < ' ' || c == 0x7f:
		l.forbidden(rest[:1])
		l.emit(Bad, 1)
	default:
		l.report("M004", l.at, l.at+1, fmt.Sprintf("`%c` has no meaning here", c))
		l.emit(Bad, 1)
	}
}

// forbidden reports control characters, among them those that reorder the text on the screen.
func (l *textLexer) forbidden(s string) bool {
	for i, r := range s {
		switch {
		case r == 0:
			l.report("M002", l.at+i, l.at+i+1, "a NUL byte in the text", note("why", "this is no text file, or it was damaged"))
		case hidden(r) && r != '\r' && r != '\t':
			l.report("M002", l.at+i, l.at+i+utf8.RuneLen(r), fmt.Sprintf("the control character U+%04X is not allowed", r),
				note("why", "it is not seen on the screen, or changes the order in which the text is seen"))
		default:
			continue
		}
		return true
	}
	return false
}

// hidden reports whether a character is not seen on the screen, or changes the order in which others are seen.
func hidden(r rune) bool {
	return r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

// foreign reads a character outside ASCII that no name starts with: full-width punctuation is read as what it looks like.
func (l *textLexer) foreign(rest string, r rune) {
	n := utf8.RuneLen(r)
	if l.forbidden(rest[:n]) {
		l.emit(Bad, n)
		return
	}
	if unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) {
		l.report("M004", l.at, l.at+n, fmt.Sprintf("a blank of another kind, U+%04X", r), note("fix", "write an ordinary blank"))
		l.emit(Space, n)
		return
	}
	if ascii, ok := lookalikes[r]; ok {
		l.report("M004", l.at, l.at+n, fmt.Sprintf("`%c` is not `%s`", r, ascii), note("fix", "write "+ascii))
		if ascii == `"` {
			m := strings.IndexAny(rest[n:], "\n\"“”＂")
			if m >= 0 && rest[n+m] != '\n' {
				_, size := utf8.DecodeRuneInString(rest[n+m:])
				l.emit(StringLit, n+m+size).means = `""`
				return
			}
			l.emit(Bad, n)
			return
		}
		k := Op
		switch ascii {
		case ";":
			k = Term
		case "#":
			m := strings.IndexByte(rest, '\n')
			if m < 0 {
				m = len(rest)
			}
			l.emit(Comment, m)
			return
		}
		l.emit(k, n).means = ascii
		return
	}
	l.report("M004", l.at, l.at+n, fmt.Sprintf("`%c` (U+%04X) has no meaning here", r, r))
	l.emit(Bad, n)
}

// lookalikes maps characters of other keyboards to ours.
var lookalikes = map[rune]string{
	'（': "(", '）': ")", '［': "[", '］': "]", '【': "[", '】': "]", '｛': "{", '｝': "}", '，': ",", '、': ",", '：': ":", '；': ";",
	'＝': "=", '＋': "+", '－': "-", '−': "-", '–': "-", '—': "-", '×': "*", '＊': "*", '·': "*", '÷': "/", '／': "/", '＜': "<", '＞': ">",
	'≤': "<=", '≥': ">=", '≠': "!=", '→': "->", '←': "<-", '⇒': "=>", '…': "...", '。': ".", '．': ".", '＃': "#",
	'“': `"`, '”': `"`, '＂': `"`, '‘': `"`, '’': `"`, '「': `"`, '」': `"`,
}

// clip shortens a piece of the user's text for a message.
func clip(s string) string {
	s, _, cut := strings.Cut(s, "\n")
	r := []rune(s)
	if len(r) > 40 {
		return string(r[:37]) + "..."
	}
	if cut {
		return s + " ..."
	}
	return s
}
