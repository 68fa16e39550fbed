package syntax

import (
	"fmt"

	"github.com/alecthomas/participle/v2/lexer"
)

// habitMember speaks about a member that is written as in another language; nil where it is not.
func habitMember(toks []lexer.Token) *problem {
	first, second := &toks[0], &toks[1]
	if first.Type == typeIdent {
		h, ok := memberHabits[first.Value]
		bare := second.EOF() || second.Type == typeIdent || second.Type == typeString || operatorOf(second) == "not" || operatorOf(second) == ":"
		if ok && (bare || second.Type == typeBody || second.Type == typeNumber || first.Value == "while" || first.Value == "print" && operatorOf(second) == "(") {
			return complain(first, "M041", h.title, note("fix", h.fix))
		}
	}
	if operatorOf(first) == "//" {
		return noExpression(first)
	}
	if operatorOf(first) == "@" {
		return complain(first, "M041", "there are no decorators", note("fix", "leave the line out"))
	}
	for i := 1; i+2 < len(toks); i++ { // x = 1  // words of a comment
		if operatorOf(&toks[i]) == "//" && toks[i+1].Type == typeIdent && (toks[i+2].Type == typeIdent || toks[i+2].Type == typeKeyword) {
			return complain(&toks[i], "M045", "a comment begins with #", note("fix", "# a comment, to the end of the line"))
		}
	}
	return nil
}

// unexpected makes a sentence of the kind of the member, the token before and the token i that does not fit.
func unexpected(toks []lexer.Token, i int) *problem {
	t := &toks[i]
	prev := t
	if i > 0 {
		prev = &toks[i-1]
	}
	first := &toks[0]
	header := first.Type == typeIdent && len(toks) > 2 && (toks[1].Type == typeIdent || toks[1].Type == typeString)
	if err := habitAfter(t); err != nil && !header {
		return err
	}
	switch keyword := operatorOf(first); {
	case operatorOf(t) == ":" && (i+1 < len(toks) && toks[i+1].EOF() || header && operatorOf(prev) == ")"):
		return complain(t, "M046", "a body stands in braces, not behind a colon", note("fix", "{ ... }"))
	case keyword == "import":
		if i == 1 {
			return complain(t, "M026", "the path of an import stands in quotes", note("fix", `import "vision", import "./blocks.model" as blocks`))
		}
		return complain(t, "M026", fmt.Sprintf("%s cannot follow here", shown(t)), note("fix", `import "path" as name`))
	case keyword == "fn":
		return unexpectedFn(toks, i)
	case keyword == "param" || keyword == "state":
		switch {
		case i == 1:
			return wantName(t, fmt.Sprintf("after `%s`", keyword))
		case i == 2:
			return complain(t, "M024", fmt.Sprintf("`%s %s` needs a type", keyword, toks[1].Value), note("fix", keyword+" "+toks[1].Value+": float[d] = zeros"))
		}
	case keyword == "dim":
		if operatorOf(prev) == "dim" || operatorOf(prev) == "," {
			return wantName(t, "after `"+prev.Value+"`")
		}
	case header:
		return unexpectedHeader(toks, i)
	}
	if operatorOf(prev) == ":" || operatorOf(prev) == "->" {
		return complain(t, "M024", fmt.Sprintf("a type is missing after `%s`; %s stands there", prev.Value, shown(t)), note("fix", "float[B, d], id(10)[B], int, bool, text"))
	}
	if t.EOF() {
		return complain(t, "M020", "the line ends too early")
	}
	if t.Type == typeBody {
		return complain(t, "M023", "`{` does not fit here", note("fix", "a block is  kind Name { ... };  a value in braces needs if or for"))
	}
	if operatorOf(t) == "else" {
		return complain(t, "M020", "`else` without its `if`", note("fix", "if c { a } else { b }: the else stands behind the closing brace"))
	}
	if op := operatorOf(t); op != "" && levels[op] == 0 {
		return complain(t, "M021", fmt.Sprintf("%s does not fit after %s", shown(t), shown(prev)))
	}
	return complain(t, "M021", fmt.Sprintf("%s cannot follow %s: two on one line need a comma between them", shown(t), shown(prev)),
		note("fix", "a comma, or a new line"))
}

func wantName(t *lexer.Token, where string) *problem {
	if t.Type == typeKeyword {
		return complain(t, "M022", fmt.Sprintf("`%s` is a reserved word and cannot be a name", t.Value), note("fix", "choose another name, as "+t.Value+"_"))
	}
	return complain(t, "M022", fmt.Sprintf("a name is missing %s; %s stands there", where, shown(t)))
}

func unexpectedFn(toks []lexer.Token, i int) *problem {
	t, prev := &toks[i], &toks[i-1]
	depth := 0
	for _, u := range toks[:i] {
		switch operatorOf(&u) {
		case "(", "[":
			depth++
		case ")", "]":
			depth--
		}
	}
	switch {
	case i == 1:
		return wantName(t, "after `fn`")
	case i == 2:
		return complain(t, "M025", fmt.Sprintf("the parameters of `%s` stand in parentheses", toks[1].Value), note("fix", "fn "+toks[1].Value+"(x: float[B, d]) -> float[B, d] = x"))
	case operatorOf(prev) == ":" || operatorOf(prev) == "->":
		return complain(t, "M024", fmt.Sprintf("a type is missing after `%s`; %s stands there", prev.Value, shown(t)), note("fix", "float[B, d], id(10)[B], int, bool, text"))
	case depth == 0 && operatorOf(t) == ":":
		return complain(t, "M025", "the type of the result stands behind `->`", note("fix", "fn f(x: int) -> int = x"))
	case depth == 0:
		return complain(t, "M025", fmt.Sprintf("`fn %s` needs `= expression` or a body in braces; %s stands there", toks[1].Value, shown(t)))
	case operatorOf(prev) == "(" || operatorOf(prev) == ",":
		return wantName(t, "in the parameters")
	}
	return complain(t, "M021", fmt.Sprintf("%s cannot follow %s in the parameters", shown(t), shown(prev)), note("fix", "name: type = value, and a comma between two"))
}

func unexpectedHeader(toks []lexer.Token, i int) *problem {
	t, prev := &toks[i], &toks[i-1]
	kind := toks[0].Value
	depth := 0
	for _, u := range toks[:i] {
		switch operatorOf(&u) {
		case "(", "[":
			depth++
		case ")", "]":
			depth--
		}
	}
	switch {
	case depth > 0 && (operatorOf(prev) == "(" || operatorOf(prev) == ","):
		return wantName(t, "in the parameters")
	case operatorOf(prev) == ":":
		return complain(t, "M024", fmt.Sprintf("a type is missing after `:`; %s stands there", shown(t)), note("fix", "int, float, bool, layer, init"))
	case depth > 0:
		return complain(t, "M021", fmt.Sprintf("%s cannot follow %s in the parameters", shown(t), shown(prev)), note("fix", "name: type = value, and a comma between two"))
	case blockKinds[kind]:
		return complain(t, "M023", fmt.Sprintf("`%s %s` needs a body in braces; %s stands there", kind, clip(toks[1].Value), shown(t)), note("fix", kind+" "+clip(toks[1].Value)+" { ... }"))
	}
	return complain(&toks[1], "M021", fmt.Sprintf("%s cannot follow %s: two on one line need a comma between them", shown(&toks[1]), shown(&toks[0])),
		note("fix", "a comma, or a new line; `"+kind+"` is no kind of block"))
}
