package syntax

import (
	"fmt"
	"strings"

	"github.com/alecthomas/participle/v2/lexer"

	"modelc/lang/diag"
)

// habitOperator is an operator of another language; the grammar reads what it means, so that one habit hides no second error.
type habitOperator struct{ text, means, title, fix string }

// habitOperators are tried before the operators, the longest first.
var habitOperators = []habitOperator{
	{"===", "==", "equality is written `==`", "x == y"},
	{"!==", "!=", "inequality is written `!=`", "x != y"},
	{"**=", "=", "`**=` is not of this language: bindings are written in full", "x = x ^ 2"},
	{"//=", "=", "`//=` is not of this language: bindings are written in full", "x = x // 2"},
	{"**", "^", "a power is written `^`", "x ^ 2"},
	{"+=", "=", "`+=` is not of this language: bindings are written in full", "x = x + 1, or for a state s <- s + 1"},
	{"-=", "=", "`-=` is not of this language: bindings are written in full", "x = x - 1, or for a state s <- s - 1"},
	{"*=", "=", "`*=` is not of this language: bindings are written in full", "x = x * 2"},
	{"/=", "=", "`/=` is not of this language: bindings are written in full", "x = x / 2"},
	{"%=", "=", "`%=` is not of this language: bindings are written in full", "x = x % 2"},
	{"^=", "=", "`^=` is not of this language: bindings are written in full", "x = x ^ 2"},
	{":=", "=", "a name is bound by `=`", "x = 1"},
	{"++", "+", "`++` is not of this language", "x = x + 1"},
	{"&&", "and", "`&&` is written `and`", "a and b"},
	{"||", "or", "`||` is written `or`", "a or b"},
	{"<>", "!=", "inequality is written `!=`", "x != y"},
	{"/*", "//", "a comment begins with #", "# a comment, to the end of the line"},
	{"&", "and", "`&` is written `and`", "a and b"},
	{";", ";", "`;` is not needed: a new line ends a line, a comma separates two on one line", "a = 1, b = 2"},
	{"~", "not", "`~` is written `not`", "not x"},
}

// stateArrow speaks about x<-1, which reads as the state write x <- 1.
func stateArrow(t *lexer.Token) *problem {
	return complain(t, "M040", "`<-` writes a state; it is no comparison", note("fix", "with a blank: x < -1"))
}

// habitAfter speaks about a token that cannot follow an expression, where it is known from other languages.
func habitAfter(t *lexer.Token) *problem {
	switch {
	case operatorOf(t) == "if":
		return complain(t, "M044", "the condition stands first", note("fix", "if c { a } else { b }"))
	case operatorOf(t) == "?":
		return complain(t, "M044", "there is no `c ? a : b`", note("fix", "if c { a } else { b }; on tensors where(c, a, b)"))
	case operatorOf(t) == "<-":
		return stateArrow(t)
	case operatorOf(t) == "|":
		return complain(t, "M040", "`|` is written `or`", note("fix", "a or b"))
	case t.Type == typeIdent && t.Value == "is":
		return complain(t, "M040", "`is` is written `==`", note("fix", "a == b"))
	}
	return nil
}

// noExpression speaks about a token where an expression should start.
func noExpression(t *lexer.Token) *problem {
	switch op := operatorOf(t); op {
	case "+":
		return complain(t, "M040", "a number needs no `+` in front")
	case "//":
		return complain(t, "M045", "a comment begins with #", note("fix", "# a comment, to the end of the line"))
	case "*", "^":
		return complain(t, "M020", fmt.Sprintf("an expression is missing before `%s`", op))
	case "dim":
		return complain(t, "M047", "`dim` is a reserved word: axes are named in brackets", note("fix", "softmax[last](x), sum[T](x), concat[c](x, y)"))
	case "=":
		return complain(t, "M020", "an expression is missing before `=`", note("fix", "equality is ==, a binding is name = expression"))
	case ")", "]", ",":
		return complain(t, "M020", fmt.Sprintf("an expression is missing before `%s`", op))
	}
	switch {
	case t.EOF():
		return complain(t, "M020", "an expression is missing at the end of the line")
	case t.Type == typeBody:
		return complain(t, "M020", "an expression is missing before `{`", note("fix", "a value in braces needs if or for: if c { a } else { b }"))
	case t.Type == typeKeyword:
		return complain(t, "M020", fmt.Sprintf("`%s` is a reserved word; an expression is missing before it", t.Value))
	}
	return complain(t, "M020", fmt.Sprintf("%s cannot start an expression", shown(t)))
}

// habitName speaks about names that other languages have for what is written otherwise here. The name has just been read.
func (p *pratt) habitName(t *lexer.Token) *problem {
	n := p.l.Peek()
	switch t.Value {
	case "None":
		return complain(t, "M041", "there is no `None`: what may be absent is a choice of the configuration, or a column of type T?",
			note("fix", "param b: float[out] = zeros if bias; in data, missing(x)"))
	case "True", "False":
		return complain(t, "M041", fmt.Sprintf("`%s` is written `%s`", t.Value, strings.ToLower(t.Value)))
	case "lambda":
		if n.Type == typeIdent {
			return complain(t, "M041", "a function without a name is written with `=>`", note("fix", "x => x + 1"))
		}
	case "await", "new":
		if n.Type == typeIdent {
			return complain(t, "M041", fmt.Sprintf("`%s` is not needed: a call makes the value", t.Value), note("fix", n.Value+"(...)"))
		}
	}
	if n.Type == typeString && n.Pos.Offset == t.Pos.Column {
		return complain(t, "M042", fmt.Sprintf("a string has no prefix `%s`", t.Value))
	}
	return nil
}

// habitCall speaks about calls that are written otherwise here; open is the bracket behind x.
func (p *pratt) habitCall(x Expr, open *lexer.Token) *problem {
	n, ok := x.(*Name)
	if !ok || open.Value != "(" {
		return nil
	}
	if n.Text == "range" {
		return &problem{code: "M041", start: n.At.Start, end: n.At.End, title: "a range is written with two dots",
			notes: []diag.Note{note("fix", "0..3 holds 0, 1, 2")}}
	}
	return nil
}

// habitNamed speaks about `dim=-1` and `axis=-1`; t is the name, its = has just been read.
func (p *pratt) habitNamed(t *lexer.Token) *problem {
	n := p.l.Peek()
	axis := t.Value == "dim" || (t.Value == "axis" || t.Value == "dims" || t.Value == "axes" || t.Value == "keepdim" || t.Value == "keepdims") &&
		(n.Type == typeNumber || operatorOf(n) == "-" || operatorOf(n) == "(" || n.Value == "True" || n.Value == "true")
	switch {
	case axis:
		return complain(t, "M047", fmt.Sprintf("there is no `%s=`: axes are named, in brackets behind the function", t.Value),
			note("fix", "softmax[last](x), sum[T](x), concat[c](x, y)"))
	case t.Type == typeKeyword:
		return complain(t, "M022", fmt.Sprintf("`%s` is a reserved word and cannot name an argument", t.Value))
	}
	return nil
}

func habitSlice(colon *lexer.Token) *problem {
	return complain(colon, "M043", "a part of an axis is written with two dots",
		note("fix", "x[0..n, ...]: every axis is listed, `...` is all of the rest; x[i: n] gives index i the size n"))
}

// memberHabits are words that start a line in other languages.
var memberHabits = map[string]struct{ title, fix string }{
	"def":      {"a function is written `fn`", "fn f(x: float[B, d]) -> float[B, d] { ... }"},
	"func":     {"a function is written `fn`", "fn f(x: float[B, d]) -> float[B, d] { ... }"},
	"function": {"a function is written `fn`", "fn f(x: float[B, d]) -> float[B, d] { ... }"},
	"class":    {"what owns weights is a `layer` or a `model`", "layer Block(heads: int) { ... }"},
	"struct":   {"what owns weights is a `layer` or a `model`", "layer Block(heads: int) { ... }"},
	"while":    {"there is no `while`: every loop has an end that is known before it runs", "for i in 0..n { ... }, with x = where(done, x, f(x))"},
	"let":      {"a name is bound by `=` alone", "x = 1"},
	"var":      {"a name is bound by `=` alone", "x = 1"},
	"const":    {"a name is bound by `=` alone", "x = 1"},
	"val":      {"a name is bound by `=` alone", "x = 1"},
	"from":     {"a file is imported whole and its names are used with the name of the file", `import "vision"`},
	"elif":     {"`elif` is written `else if`", "if a { ... } else if b { ... } else { ... }"},
	"try":      {"there are no exceptions: a condition is stated by `require`", "require d % heads == 0"},
	"raise":    {"there are no exceptions: a condition is stated by `require`", "require d % heads == 0"},
	"throw":    {"there are no exceptions: a condition is stated by `require`", "require d % heads == 0"},
	"with":     {"there is no `with`: gradients flow only into what an update names, modes are decided by the block", "stop_gradient(x)"},
	"global":   {"a name of the file is seen everywhere in it", "x = 1 at the top of the file"},
	"del":      {"nothing is deleted: a name ends with its block", "leave the line out"},
	"pass":     {"an empty body is `{ }`", "leave the line out"},
	"break":    {"there is no `break`: every loop runs to its end", "x = where(done, x, f(x))"},
	"continue": {"there is no `continue`: every turn runs to its end", "if c { ... }"},
	"print":    {"nothing is printed while a model runs: name it as a metric", "metrics { norm = mean(x) }"},
	"async":    {"there is no `async`", "leave the word out"},
}
