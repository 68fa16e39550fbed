package syntax

import "strings"

// Kind is the class of a token.
type Kind int8

// The kinds of tokens. Space, Newline and Comment are kept beside the tree and never reach the grammar.
const (
	Space Kind = iota + 1
	Newline
	Comment
	Ident
	Keyword
	NumberLit
	StringLit
	Op
	Bad  // a character that no token starts with; reported by the lexer
	Term // `;`: reported by the lexer, taken as the end of a member
)

// Token is one piece of the text; the tokens of a file cover it without gaps.
type Token struct {
	Kind       Kind
	Text       string
	Start, End int
	means      string // what the grammar reads instead, where the text is a habit of another language ("**" means "^")
}

// value is what the grammar reads.
func (t *Token) value() string {
	if t.means != "" {
		return t.means
	}
	return t.Text
}

func (t *Token) trivia() bool { return t.Kind == Space || t.Kind == Newline || t.Kind == Comment }

// keywords are the reserved words. Block kinds are not among them: `data = Digits.test` is a legal line.
var keywords = map[string]bool{}

func init() {
	for _, k := range strings.Fields("import as fn param state dim require assert return yield for in along if else and or not") {
		keywords[k] = true
	}
}

// IsKeyword reports whether a word is reserved.
func IsKeyword(word string) bool { return keywords[word] }
