package syntax

import (
	"strings"

	"modelc/lang/diag"
)

// blockKinds are the words that start a block. They are not reserved: data = Digits.test is a legal line.
var blockKinds = map[string]bool{}

func init() {
	for _, k := range strings.Fields("layer model config preset data split augment train update metrics eval crossval tune space predict generate score export test") {
		blockKinds[k] = true
	}
}

// checkForm checks what the grammar leaves open: what may stand left of = and <-, and values that go nowhere.
func checkForm(p *parser, file *File) {
	for _, m := range file.Members {
		p.form(m, false)
	}
}

// form checks one member; value says whether a bare expression is the value of the body it stands in.
func (p *parser) form(m *Member, value bool) {
	if s := m.Stmt; s != nil {
		p.statement(s, value)
		return
	}
	Walk(m, func(n Node) bool {
		switch n := n.(type) {
		case *If:
			p.formIf(n, true)
			return false
		case *Body: // of a block, a function or a loop
			for _, m := range n.Members {
				p.form(m, false)
			}
			return false
		}
		return true
	})
}

func (p *parser) expression(x Expr) {
	if x != nil {
		p.form(&Member{Key: &Key{Expr: x}}, false)
	}
}

func (p *parser) statement(s *Stmt, value bool) {
	if s.Op == "" && s.Type == nil {
		switch x := s.Left.(type) {
		case *If:
			p.formIf(x, value)
			return
		case *For:
			p.expression(x)
			return
		}
		p.expression(s.Left)
		if !value {
			p.nowhere(s)
		}
		return
	}
	if !target(s.Left) {
		title := "only a name, a name with indices or names in parentheses can stand left of `" + s.Op + "`"
		if s.Op == "" {
			title = "only a name can have a type"
		}
		p.say("M027", s.Left, title, note("fix", "y = ..., y[b, i] = ..., (a, b) = ..., x: float[B, d] = ..."))
	}
	p.expression(s.Left)
	p.expression(s.Right)
}

func (p *parser) nowhere(s *Stmt) {
	if n, ok := s.Left.(*Name); ok {
		if h, ok := memberHabits[n.Text]; ok {
			p.say("M041", s, h.title, note("fix", h.fix))
			return
		}
	}
	for _, b := range p.broken { // the lexer has spoken about this line
		if s.At.Start <= b.Start && b.Start <= s.At.End {
			return
		}
	}
	fix := note("fix", "name it: y = ...;  or hand it out: return ...")
	if u, ok := s.Left.(*Unary); ok && u.Op == "-" {
		fix = note("fix", "if the line before was to go on, put the `-` at its end")
	}
	p.say("M028", s, "this value goes nowhere", fix)
}

func (p *parser) say(code string, n Node, title string, notes ...diag.Note) {
	if len(p.diags) < collected {
		p.diags = append(p.diags, diag.Diagnostic{Code: code, At: n.Span(), Title: title, Notes: notes})
	}
}

// formIf checks an if; value says whether the last line of its bodies is its value.
func (p *parser) formIf(x *If, value bool) {
	p.expression(x.Cond)
	for _, b := range []*Body{x.Then, x.Else} {
		if b == nil {
			continue
		}
		for i, m := range b.Members {
			p.form(m, value && i == len(b.Members)-1)
		}
	}
	if x.ElseIf != nil {
		p.formIf(x.ElseIf, value)
	}
}

// target reports whether an expression can stand left of = or <-.
func target(x Expr) bool {
	switch x := x.(type) {
	case *Name:
		return true
	case *Index:
		_, ok := x.X.(*Name)
		return ok
	case *Group:
		for _, a := range x.Items {
			if _, ok := a.X.(*Name); !ok || a.Name != "" || a.Range != nil {
				return false
			}
		}
		return len(x.Items) > 1
	}
	return false
}
