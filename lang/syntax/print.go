package syntax

import (
	"fmt"
	"strings"
)

// Print returns a node as source text on one line, in the white space of Format: what messages quote. Comments are not in the tree, so they
// are not in the text. For an expression as it was parsed the text parses back to the same tree; parentheses of the text are Group nodes,
// and are added only where a tree made by other means needs them.
func Print(n Node) string {
	p := &printer{}
	p.node(n)
	return p.String()
}

type printer struct{ strings.Builder }

func (p *printer) put(parts ...string) {
	for _, s := range parts {
		p.WriteString(s)
	}
}

func (p *printer) node(n Node) {
	switch n := n.(type) {
	case *File:
		p.members(n.Members)
	case *Member:
		p.member(n)
	case *Block:
		p.block(n)
	case *Body:
		p.body(n)
	case *Fn:
		p.put("fn ", n.Name)
		p.params(n.Params)
		if n.Result != nil {
			p.put(" -> ")
			p.typ(n.Result)
		}
		if n.Body != nil {
			p.put(" ")
			p.body(n.Body)
		} else {
			p.put(" = ")
			p.expr(n.Expr, 0)
		}
	case *Param:
		p.param(n)
	case *Slot:
		p.put(n.Kind, " ", n.Name, ": ")
		p.typ(n.Type)
		p.option(" = ", n.Init)
		p.option(" if ", n.If)
	case *Dim:
		p.put("dim ", strings.Join(n.Names, ", "))
		p.option(" = ", n.Value)
	case *Key:
		p.put(n.Kind, " ")
		p.expr(n.Expr, 0)
	case *Stmt:
		p.expr(n.Left, 0)
		if n.Type != nil {
			p.put(": ")
			p.typ(n.Type)
		}
		if n.Op != "" {
			p.option(" "+n.Op+" ", n.Right)
		}
	case *Import:
		p.put("import ", Quote(n.Path))
		if n.As != "" {
			p.put(" as ", n.As)
		}
	case *Type:
		p.typ(n)
	case *TypeAtom:
		p.atom(n)
	case *Arg:
		p.arg(n)
	case Expr:
		p.expr(n, 0)
	default:
		panic(fmt.Sprintf("syntax: Print does not know %T", n))
	}
}

func (p *printer) option(before string, x Expr) {
	if x != nil {
		p.put(before)
		p.expr(x, 0)
	}
}

func (p *printer) member(m *Member) {
	switch {
	case m.Block != nil:
		p.node(m.Block)
	case m.Stmt != nil:
		p.node(m.Stmt)
	case m.Key != nil:
		p.node(m.Key)
	case m.Slot != nil:
		p.node(m.Slot)
	case m.Fn != nil:
		p.node(m.Fn)
	case m.Dim != nil:
		p.node(m.Dim)
	case m.Import != nil:
		p.node(m.Import)
	}
}

func (p *printer) members(list []*Member) {
	for i, m := range list {
		if i > 0 {
			p.put(", ")
		}
		p.member(m)
	}
}

func (p *printer) body(b *Body) {
	if len(b.Members) == 0 {
		p.put("{ }")
		return
	}
	p.put("{ ")
	p.members(b.Members)
	p.put(" }")
}

func (p *printer) block(b *Block) {
	p.put(b.Kind)
	if b.Name != "" {
		p.put(" ", b.Name)
	} else if b.NameAt.Valid() {
		p.put(" ", Quote(b.Title))
	}
	if b.Mod != "" {
		p.put(" ", b.Mod, " ", Quote(b.ModArg))
	}
	if len(b.Params) > 0 {
		p.params(b.Params)
	}
	p.put(" ")
	p.body(b.Body)
}

func (p *printer) params(list []*Param) {
	p.put("(")
	for i, x := range list {
		if i > 0 {
			p.put(", ")
		}
		p.param(x)
	}
	p.put(")")
}

func (p *printer) param(x *Param) {
	if x.Spread {
		p.put("...")
	}
	p.put(x.Name)
	if x.Type != nil {
		p.put(": ")
		p.typ(x.Type)
	}
	p.option(" = ", x.Default)
}

func (p *printer) typ(t *Type) {
	for i, a := range t.Alts {
		if i > 0 {
			p.put(" | ")
		}
		p.atom(a)
	}
}

func (p *printer) atom(a *TypeAtom) {
	switch {
	case a.List != nil:
		p.put("[")
		p.typ(a.List)
		p.put("]")
	case a.Tuple != nil:
		p.put("(")
		for i, t := range a.Tuple {
			if i > 0 {
				p.put(", ")
			}
			p.typ(t)
		}
		p.put(")")
	default:
		p.put(a.Name)
		if a.Arg != nil {
			p.put("(")
			p.expr(a.Arg, 0)
			p.put(")")
		}
		if a.Dims != nil {
			p.put("[")
			p.list(a.Dims)
			p.put("]")
		}
	}
	if a.Null {
		p.put("?")
	}
}

func (p *printer) list(xs []Expr) {
	for i, x := range xs {
		if i > 0 {
			p.put(", ")
		}
		p.expr(x, 0)
	}
}

func (p *printer) args(xs []*Arg) {
	for i, a := range xs {
		if i > 0 {
			p.put(", ")
		}
		p.arg(a)
	}
}

func (p *printer) arg(a *Arg) {
	if a.Name != "" {
		p.put(a.Name, "=")
	}
	p.expr(a.X, 0)
	p.option(": ", a.Range)
}

// level is how tightly an expression holds together.
func level(x Expr) int {
	switch x := x.(type) {
	case *Binary:
		return levels[x.Op]
	case *Lambda:
		return levelLambda
	case *Unary:
		if x.Op == "not" {
			return levelNot
		}
		return levelMinus
	}
	return levelPostfix
}

// expr prints x where an expression of at least level low stands.
func (p *printer) expr(x Expr, low int) {
	if level(x) < low {
		p.put("(")
		defer p.put(")")
	}
	switch x := x.(type) {
	case *Name:
		p.put(x.Text)
	case *Number:
		p.put(x.Text)
	case *String:
		p.put(Quote(x.Value))
	case *Spread:
		p.put("...", x.Name)
	case *Unary:
		p.put(x.Op)
		if x.Op == "not" {
			p.put(" ")
		}
		p.expr(x.X, level(x))
	case *Binary:
		p.binary(x)
	case *Lambda:
		if len(x.Params) == 1 {
			p.put(x.Params[0].Text)
		} else {
			p.put("(")
			for i, n := range x.Params {
				if i > 0 {
					p.put(", ")
				}
				p.put(n.Text)
			}
			p.put(")")
		}
		p.option(" => ", x.Body)
	case *Call:
		p.expr(x.Fn, levelPostfix)
		p.put("(")
		p.args(x.Args)
		p.put(")")
	case *Index:
		p.expr(x.X, levelPostfix)
		p.put("[")
		p.args(x.Args)
		p.put("]")
	case *Field:
		p.expr(x.X, levelPostfix)
		p.put(".", x.Name)
	case *Group:
		p.put("(")
		p.args(x.Items)
		p.put(")")
	case *List:
		p.put("[")
		p.list(x.Items)
		if x.For != nil {
			p.put(" for ", x.For.Text, " in ")
			p.expr(x.In, 0)
		}
		p.put("]")
	case *If:
		p.conditional(x)
	case *For:
		p.loop(x)
	default:
		panic(fmt.Sprintf("syntax: Print does not know %T", x))
	}
}

func (p *printer) binary(x *Binary) {
	own := levels[x.Op]
	left, right := own, own+1
	switch own {
	case levelPower:
		left, right = own+1, own
	case levelCompare, levelRange:
		left = own + 1
	}
	p.expr(x.X, left)
	if own == levelPower || own == levelRange {
		p.put(x.Op)
	} else {
		p.put(" ", x.Op, " ")
	}
	if _, ok := x.Y.(*Unary); ok { // a sign may follow any operator
		right = 0
	}
	p.expr(x.Y, right)
}

func (p *printer) conditional(x *If) {
	p.put("if ")
	p.expr(x.Cond, 0)
	p.put(" ")
	p.body(x.Then)
	switch {
	case x.ElseIf != nil:
		p.put(" else ")
		p.conditional(x.ElseIf)
	case x.Else != nil:
		p.put(" else ")
		p.body(x.Else)
	}
}

func (p *printer) loop(x *For) {
	p.put("for ")
	if len(x.Names) == 1 {
		p.put(x.Names[0].Text)
	} else {
		p.put("(")
		for i, n := range x.Names {
			if i > 0 {
				p.put(", ")
			}
			p.put(n.Text)
		}
		p.put(")")
	}
	p.put(" in ")
	p.expr(x.In, 0)
	if x.Along != nil {
		p.put(" along ", x.Along.Text)
	}
	p.put(" ")
	p.body(x.Body)
}

// Quote writes a string literal of the language.
func Quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case hidden(r):
			fmt.Fprintf(&b, `\u{%x}`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
