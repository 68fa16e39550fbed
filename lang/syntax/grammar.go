package syntax

import (
	"io"
	"sync"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"
)

// The grammar of one member, for participle. Bodies are single tokens here (see layout), expressions are read by the Pratt parser in
// expr.go; convert.go makes the tree of ast.go from these.

type gMember struct {
	Tokens []lexer.Token
	Block  *gBlock  `parser:"  (?= Ident ( Ident | String | Body ) ) @@"`
	Stmt   *gStmt   `parser:"| (?! 'require' | 'assert' | 'return' | 'yield' | 'param' | 'state' | 'fn' | 'dim' | 'import' ) @@"`
	Key    *gKey    `parser:"| (?= 'require' | 'assert' | 'return' | 'yield' ) @@"`
	Slot   *gSlot   `parser:"| (?= 'param' | 'state' ) @@"`
	Fn     *gFn     `parser:"| (?= 'fn' ) @@"`
	Dim    *gDim    `parser:"| (?= 'dim' ) @@"`
	Import *gImport `parser:"| @@"`
}

type gImport struct {
	Path lexer.Token   `parser:"'import' @String"`
	As   []lexer.Token `parser:"( 'as' @Ident )?"`
}

type gBlock struct {
	Kind   lexer.Token   `parser:"@Ident"`
	Name   []lexer.Token `parser:"( @( Ident ( '.' Ident )* )"`
	Title  []lexer.Token `parser:"| @String )?"`
	Mod    []lexer.Token `parser:"@( Ident String )?"`
	Params []*gParam     `parser:"( '(' ( @@ ( ',' @@ )* ','? )? ')' )?"`
	Body   lexer.Token   `parser:"@Body"`
}

type gFn struct {
	Name   lexer.Token   `parser:"'fn' @Ident"`
	Params []*gParam     `parser:"'(' ( @@ ( ',' @@ )* ','? )? ')'"`
	Result *gType        `parser:"( '->' @@ )?"`
	Expr   Expr          `parser:"( '=' @@"`
	Body   []lexer.Token `parser:"| @Body )"`
}

type gParam struct {
	Tokens  []lexer.Token
	Spread  bool        `parser:"@'...'?"`
	Name    lexer.Token `parser:"@Ident"`
	Type    *gType      `parser:"( ':' @@ )?"`
	Default Expr        `parser:"( '=' @@ )?"`
}

type gSlot struct {
	Kind lexer.Token `parser:"@( 'param' | 'state' )"`
	Name lexer.Token `parser:"@Ident"`
	Type *gType      `parser:"':' @@"`
	Init Expr        `parser:"( '=' @@ )?"`
	If   Expr        `parser:"( 'if' @@ )?"`
}

type gDim struct {
	Names []lexer.Token `parser:"'dim' @( Ident ( ',' Ident )* )"`
	Value Expr          `parser:"( '=' @@ )?"`
}

type gKey struct {
	Kind lexer.Token `parser:"@( 'require' | 'assert' | 'return' | 'yield' )"`
	Expr Expr        `parser:"@@"`
}

type gStmt struct {
	Left  Expr   `parser:"@@"`
	Type  *gType `parser:"( ':' @@ )?"`
	Op    string `parser:"( @( '=' | '<-' )"`
	Right Expr   `parser:"@@ )?"`
}

type gType struct {
	Tokens []lexer.Token
	Alts   []*gAtom `parser:"@@ ( '|' @@ )*"`
}

type gAtom struct {
	Tokens []lexer.Token
	Name   []lexer.Token `parser:"( @Ident"`
	Arg    Expr          `parser:"  ( '(' @@ ')' )?"`
	Dims   []Expr        `parser:"  ( '[' @@ ( ',' @@ )* ','? ']' )?"`
	List   *gType        `parser:"| '[' @@ ']'"`
	Tuple  []*gType      `parser:"| '(' @@ ( ',' @@ )* ','? ')' )"`
	Null   bool          `parser:"@'?'?"`
}

// tokenFeed hands the tokens of a chunk to participle; it is also the lexer definition, of which only the symbols are used.
type tokenFeed struct {
	toks []lexer.Token
	at   int
}

func (f *tokenFeed) Symbols() map[string]lexer.TokenType {
	return map[string]lexer.TokenType{"EOF": lexer.EOF, "Ident": typeIdent, "Keyword": typeKeyword, "Number": typeNumber,
		"String": typeString, "Op": typeOp, "Body": typeBody, "Bad": typeBad}
}

func (f *tokenFeed) Lex(string, io.Reader) (lexer.Lexer, error) { return f, nil }

func (f *tokenFeed) Next() (lexer.Token, error) {
	t := f.toks[f.at]
	if f.at < len(f.toks)-1 {
		f.at++
	}
	return t, nil
}

// memberParser is built once, at first use: building costs half a millisecond.
var memberParser = sync.OnceValue(func() *participle.Parser[gMember] {
	return participle.MustBuild[gMember](participle.Lexer(&tokenFeed{}), participle.ParseTypeWith(parseExpr), participle.UseLookahead(2))
})

// Grammar is the grammar of a member in EBNF, as participle has read it; expressions are one production of their own.
func Grammar() string { return memberParser().String() }

func parseMember(c chunk) (*gMember, error) {
	lex, err := lexer.Upgrade(&tokenFeed{toks: c.toks})
	if err != nil {
		return nil, err
	}
	return memberParser().ParseFromLexer(lex)
}
