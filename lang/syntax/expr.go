package syntax

import (
	"fmt"
	"strings"

	"github.com/alecthomas/participle/v2/lexer"

	"modelc/lang/diag"
	"modelc/lang/source"
)

// MaxDepth is how deep an expression may nest by operators: it bounds the recursion of everything that walks the tree.
const MaxDepth = 250

// The levels of the binary operators, the loosest first. A unary minus stands between * and ^, `not` between `and` and the comparisons.
const (
	levelLambda = iota + 1
	levelPipe
	levelOr
	levelAnd
	levelNot
	levelCompare
	levelRange
	levelSum
	levelProduct
	levelMinus
	levelPower
	levelPostfix
)

var levels = map[string]int{
	"=>": levelLambda, "|>": levelPipe, "or": levelOr, "and": levelAnd,
	"==": levelCompare, "!=": levelCompare, "<": levelCompare, "<=": levelCompare, ">": levelCompare, ">=": levelCompare,
	"..": levelRange, "+": levelSum, "-": levelSum, "*": levelProduct, "/": levelProduct, "//": levelProduct, "%": levelProduct, "@": levelProduct,
	"^": levelPower,
}

// problem is a syntax error as the expression parser finds it; it satisfies participle.Error, so participle hands it through unchanged.
type problem struct {
	code       string
	start, end int
	title      string
	notes      []diag.Note
}

func (p *problem) Error() string            { return p.title }
func (p *problem) Message() string          { return p.title }
func (p *problem) Position() lexer.Position { return lexer.Position{Offset: p.start, Column: p.end} }

func complain(t *lexer.Token, code, title string, notes ...diag.Note) *problem {
	return &problem{code: code, start: t.Pos.Offset, end: t.Pos.Column, title: title, notes: notes}
}

// pratt reads one expression by operator precedence. Its spans have no File yet: participle gives no way to hand one in, so
// convert.go sets them.
type pratt struct {
	l     *lexer.PeekingLexer
	depth int
}

func parseExpr(l *lexer.PeekingLexer) (Expr, error) {
	x, err := (&pratt{l: l}).expr(levelLambda)
	if err != nil {
		return nil, err
	}
	return x, nil
}

func at(t *lexer.Token) source.Span { return source.Span{Start: t.Pos.Offset, End: t.Pos.Column} }

func join(a, b source.Span) source.Span {
	return source.Span{Start: min(a.Start, b.Start), End: max(a.End, b.End)}
}

// operatorOf is the operator a token is, or "".
func operatorOf(t *lexer.Token) string {
	if t.Type == typeOp || t.Type == typeKeyword {
		return t.Value
	}
	return ""
}

func (p *pratt) is(op string) bool { return operatorOf(p.l.Peek()) == op }

func (p *pratt) deeper() *problem {
	p.depth++
	if p.depth > MaxDepth {
		return complain(p.l.Peek(), "M013", fmt.Sprintf("this expression nests more than %d operators", MaxDepth),
			note("fix", "give a part of it a name, on a line of its own"))
	}
	return nil
}

func (p *pratt) expr(low int) (Expr, *problem) {
	depth := p.depth
	defer func() { p.depth = depth }()
	if err := p.deeper(); err != nil {
		return nil, err
	}
	left, err := p.unary()
	if err != nil {
		return nil, err
	}
	for {
		t := p.l.Peek()
		level := levels[operatorOf(t)]
		if level == 0 || level < low {
			return left, nil
		}
		if err := p.deeper(); err != nil {
			return nil, err
		}
		if b, ok := left.(*Binary); ok && levels[b.Op] == level && (level == levelCompare || level == levelRange) {
			if level == levelRange {
				return nil, complain(t, "M029", "a range has two ends, not three", note("fix", "0..10"))
			}
			return nil, complain(t, "M029", "comparisons do not chain", note("fix", fmt.Sprintf("%s %s %s and %s %s ...",
				clip(Print(b.X)), b.Op, clip(Print(b.Y)), clip(Print(b.Y)), t.Value)))
		}
		p.l.Next()
		next := level + 1
		if level == levelPower || level == levelLambda {
			next = level
		}
		if err := p.operand(t); err != nil {
			return nil, err
		}
		right, err := p.expr(next)
		if err != nil {
			return nil, err
		}
		if level == levelLambda {
			if left, err = lambda(left, right, t); err != nil {
				return nil, err
			}
			continue
		}
		left = &Binary{Op: t.Value, OpAt: at(t), X: left, Y: right, At: join(left.Span(), right.Span())}
	}
}

// operand speaks about what follows the operator op where it cannot be an operand.
func (p *pratt) operand(op *lexer.Token) *problem {
	t := p.l.Peek()
	if t.EOF() {
		return complain(op, "M020", fmt.Sprintf("nothing follows `%s`", op.Value))
	}
	if op.Value == "//" && t.Type == typeOp && t.Value == "//" {
		return complain(op, "M045", "a comment begins with #")
	}
	return nil
}

func lambda(left, body Expr, arrow *lexer.Token) (Expr, *problem) {
	f := &Lambda{Body: body, At: join(left.Span(), body.Span())}
	switch x := left.(type) {
	case *Name:
		f.Params = []*Name{x}
		return f, nil
	case *Group:
		for _, a := range x.Items {
			n, ok := a.X.(*Name)
			if !ok || a.Name != "" || a.Range != nil {
				return nil, &problem{code: "M030", start: a.At.Start, end: a.At.End, title: "left of `=>` stand names", notes: []diag.Note{note("fix", "(x, y) => x + y")}}
			}
			f.Params = append(f.Params, n)
		}
		return f, nil
	}
	return nil, complain(arrow, "M030", "left of `=>` stand names", note("fix", "x => x + 1, or (x, y) => x + y"))
}

func (p *pratt) unary() (Expr, *problem) {
	t := p.l.Peek()
	level := 0
	switch operatorOf(t) {
	case "-":
		level = levelMinus
	case "not":
		level = levelNot
	default:
		return p.postfix()
	}
	p.l.Next()
	if err := p.operand(t); err != nil {
		return nil, err
	}
	x, err := p.expr(level)
	if err != nil {
		return nil, err
	}
	return &Unary{Op: t.Value, X: x, At: join(at(t), x.Span())}, nil
}

func (p *pratt) postfix() (Expr, *problem) {
	x, err := p.primary()
	for err == nil {
		t := p.l.Peek()
		switch operatorOf(t) {
		case "(", "[":
			if err := p.deeper(); err != nil {
				return nil, err
			}
			p.l.Next()
			end := opposite(t.Value)
			if err := p.habitCall(x, t); err != nil {
				return nil, err
			}
			args, last, err := p.args(end, end == "]")
			if err != nil {
				return nil, err
			}
			if end == ")" {
				x = &Call{Fn: x, Args: args, At: join(x.Span(), last)}
			} else if len(args) == 0 {
				return nil, complain(t, "M020", "the brackets are empty", note("fix", "x[i, j]; all axes of the rest are x[0, ...]"))
			} else {
				x = &Index{X: x, Args: args, At: join(x.Span(), last)}
			}
		case ".":
			if err := p.deeper(); err != nil {
				return nil, err
			}
			p.l.Next()
			n, err := p.name("after the dot")
			if err != nil {
				return nil, err
			}
			x = &Field{X: x, Name: n.Text, NameAt: n.At, At: join(x.Span(), n.At)}
		default:
			return x, nil
		}
	}
	return nil, err
}

func opposite(open string) string {
	if open == "(" {
		return ")"
	}
	return "]"
}

// args reads arguments, subscripts or items up to the closer end.
func (p *pratt) args(end string, subscript bool) (list []*Arg, last source.Span, err *problem) {
	for !p.is(end) {
		a, err := p.arg(subscript)
		if err != nil {
			return nil, last, err
		}
		list = append(list, a)
		if p.is(",") {
			p.l.Next()
		} else if !p.is(end) {
			return nil, last, p.between(end)
		}
	}
	return list, at(p.l.Next()), nil
}

// between speaks about a token that stands where a comma or a closer should.
func (p *pratt) between(end string) *problem {
	t := p.l.Peek()
	if err := habitAfter(t); err != nil {
		return err
	}
	if t.EOF() {
		return complain(t, "M010", fmt.Sprintf("`%s` is missing", end))
	}
	return complain(t, "M021", fmt.Sprintf("%s stands where a comma or `%s` should", shown(t), end))
}

func (p *pratt) arg(subscript bool) (*Arg, *problem) {
	a := &Arg{}
	t := p.l.Peek()
	if t.Type == typeIdent || t.Type == typeKeyword {
		c := p.l.MakeCheckpoint()
		p.l.Next()
		if p.is("=") {
			p.l.Next()
			if err := p.habitNamed(t); err != nil {
				return nil, err
			}
			a.Name, a.NameAt, a.At = t.Value, at(t), at(t)
		} else {
			p.l.LoadCheckpoint(c)
		}
	}
	if subscript && p.is(":") {
		return nil, habitSlice(p.l.Peek())
	}
	x, err := p.expr(levelLambda)
	if err != nil {
		return nil, err
	}
	a.X = x
	a.At = spanned(a.At, x.Span())
	if p.is(":") {
		colon := p.l.Next()
		if _, ok := x.(*Number); ok && subscript || p.is(",") || p.is("]") {
			return nil, habitSlice(colon)
		}
		if a.Range, err = p.expr(levelLambda); err != nil {
			return nil, err
		}
		a.At = join(a.At, a.Range.Span())
	}
	return a, nil
}

func spanned(a, b source.Span) source.Span {
	if a.End == 0 {
		return b
	}
	return join(a, b)
}

func (p *pratt) name(where string) (*Name, *problem) {
	t := p.l.Peek()
	if t.Type != typeIdent {
		if t.Type == typeKeyword {
			return nil, complain(t, "M022", fmt.Sprintf("`%s` is a reserved word and cannot be a name", t.Value), note("fix", "choose another name, as "+t.Value+"_"))
		}
		return nil, complain(t, "M022", fmt.Sprintf("a name is missing %s; %s stands there", where, shown(t)))
	}
	p.l.Next()
	return &Name{Text: t.Value, At: at(t)}, nil
}

func (p *pratt) primary() (Expr, *problem) {
	t := p.l.Peek()
	switch t.Type {
	case typeIdent:
		p.l.Next()
		if err := p.habitName(t); err != nil {
			return nil, err
		}
		return &Name{Text: t.Value, At: at(t)}, nil
	case typeNumber:
		p.l.Next()
		return &Number{Text: t.Value, At: at(t)}, nil
	case typeString:
		p.l.Next()
		value, _, _ := unquote(t.Value)
		return &String{Value: value, At: at(t)}, nil
	}
	switch operatorOf(t) {
	case "(":
		p.l.Next()
		items, last, err := p.args(")", false)
		if err != nil {
			return nil, err
		}
		if len(items) == 0 && !p.is("=>") {
			return nil, complain(t, "M020", "the parentheses are empty")
		}
		for _, a := range items {
			if a.Name != "" {
				return nil, &problem{code: "M020", start: a.At.Start, end: a.At.End, title: fmt.Sprintf("`%s=` names an argument, but this is no call", a.Name)}
			}
		}
		return &Group{Items: items, At: join(at(t), last)}, nil
	case "[":
		p.l.Next()
		return p.list(t)
	case "...":
		p.l.Next()
		s := &Spread{At: at(t)}
		if n := p.l.Peek(); n.Type == typeIdent && n.Pos.Offset == t.Pos.Column {
			s.Name, s.At = n.Value, join(at(t), at(n))
			p.l.Next()
		}
		return s, nil
	case "if":
		return p.conditional()
	case "for":
		return p.loop()
	}
	return nil, noExpression(t)
}

func (p *pratt) list(open *lexer.Token) (Expr, *problem) {
	l := &List{}
	for !p.is("]") {
		x, err := p.expr(levelLambda)
		if err != nil {
			return nil, err
		}
		l.Items = append(l.Items, x)
		switch {
		case p.is(","):
			p.l.Next()
		case p.is("for") && len(l.Items) == 1:
			p.l.Next()
			if l.For, err = p.name("after `for`"); err != nil {
				return nil, err
			}
			if err = p.word("in", "after `for "+l.For.Text+"`"); err != nil {
				return nil, err
			}
			if l.In, err = p.expr(levelLambda); err != nil {
				return nil, err
			}
			if p.is("if") {
				return nil, complain(p.l.Peek(), "M044", "a list that is made by `for` takes every turn; there is no `if` behind it",
					note("fix", "[if i == 0 { a } else { b } for i in 0..3]"))
			}
			if !p.is("]") {
				return nil, p.between("]")
			}
		case !p.is("]"):
			return nil, p.between("]")
		}
	}
	l.At = join(at(open), at(p.l.Next()))
	return l, nil
}

func (p *pratt) word(word, where string) *problem {
	if !p.is(word) {
		return complain(p.l.Peek(), "M022", fmt.Sprintf("`%s` is missing %s; %s stands there", word, where, shown(p.l.Peek())))
	}
	p.l.Next()
	return nil
}

// body reads the token that stands for { … }.
func (p *pratt) body(where string) (*Body, *problem) {
	t := p.l.Peek()
	if t.Type != typeBody {
		if operatorOf(t) == ":" {
			return nil, complain(t, "M046", "a body stands in braces, not behind a colon", note("fix", where+" { ... }"))
		}
		if operatorOf(t) == "<-" {
			return nil, stateArrow(t)
		}
		if operatorOf(t) == "=" {
			return nil, complain(t, "M040", "`=` binds a name; equality is `==`", note("fix", "if a == b { ... }"))
		}
		return nil, complain(t, "M023", fmt.Sprintf("`{` is missing; %s stands there", shown(t)), note("fix", where+" { ... }"))
	}
	p.l.Next()
	return &Body{At: at(t)}, nil
}

func (p *pratt) conditional() (Expr, *problem) {
	var first, last *If
	for {
		if err := p.deeper(); err != nil {
			return nil, err
		}
		t := p.l.Next() // if
		cond, err := p.expr(levelLambda)
		if err != nil {
			return nil, err
		}
		then, err := p.body("if c")
		if err != nil {
			return nil, err
		}
		x := &If{Cond: cond, Then: then, At: join(at(t), then.At)}
		if first == nil {
			first = x
		} else {
			last.ElseIf = x
		}
		last = x
		if !p.is("else") {
			break
		}
		p.l.Next()
		if p.is("if") {
			continue
		}
		if last.Else, err = p.body("else"); err != nil {
			return nil, err
		}
		break
	}
	end := last.At
	if last.Else != nil {
		end = last.Else.At
	}
	for x := first; x != nil; x = x.ElseIf {
		x.At = join(x.At, end)
	}
	return first, nil
}

func (p *pratt) loop() (Expr, *problem) {
	t := p.l.Next() // for
	f := &For{}
	many := p.is("(")
	if many {
		p.l.Next()
	}
	for {
		n, err := p.name("after `for`")
		if err != nil {
			return nil, err
		}
		f.Names = append(f.Names, n)
		if !p.is(",") {
			break
		}
		if !many {
			return nil, complain(p.l.Peek(), "M022", "several names of a loop stand in parentheses", note("fix", "for (a, b) in (x, y) along T { ... }"))
		}
		p.l.Next()
	}
	if many {
		if err := p.word(")", "behind the names of the loop"); err != nil {
			return nil, err
		}
	}
	err := p.word("in", "after the names of the loop")
	if err != nil {
		return nil, err
	}
	if f.In, err = p.expr(levelLambda); err != nil {
		return nil, err
	}
	if p.is("along") {
		p.l.Next()
		if f.Along, err = p.name("after `along`"); err != nil {
			return nil, err
		}
	}
	if f.Body, err = p.body("for x in xs"); err != nil {
		return nil, err
	}
	f.At = join(at(t), f.Body.At)
	return f, nil
}

// shown is a token as a message quotes it.
func shown(t *lexer.Token) string {
	switch {
	case t.EOF():
		return "the end of the line"
	case t.Type == typeBody:
		return "`{`"
	}
	return "`" + clip(strings.TrimSpace(t.Value)) + "`"
}
