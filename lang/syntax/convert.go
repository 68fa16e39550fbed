package syntax

import (
	"strings"

	"github.com/alecthomas/participle/v2/lexer"

	"modelc/lang/source"
)

// From the grammar's structs to the tree of ast.go. The tree of an expression comes from the Pratt parser; here it gets its File and the
// members of its bodies.

func (p *parser) at(t lexer.Token) source.Span {
	return source.Span{File: p.file, Start: t.Pos.Offset, End: t.Pos.Column}
}

func (p *parser) over(toks []lexer.Token) source.Span {
	return p.at(toks[0]).To(p.at(toks[len(toks)-1]))
}

func (p *parser) convert(g *gMember, c chunk) *Member {
	m := &Member{At: p.over(c.toks[:len(c.toks)-1]), Doc: p.doc(c.first)}
	switch {
	case g.Block != nil:
		m.Block = p.block(g.Block, m.At)
	case g.Key != nil:
		m.Key = &Key{Kind: g.Key.Kind.Value, Expr: p.place(g.Key.Expr), At: m.At}
	case g.Slot != nil:
		s := g.Slot
		m.Slot = &Slot{Kind: s.Kind.Value, Name: s.Name.Value, NameAt: p.at(s.Name), Type: p.typ(s.Type), Init: p.place(s.Init), If: p.place(s.If), At: m.At}
	case g.Fn != nil:
		f := g.Fn
		m.Fn = &Fn{Name: f.Name.Value, NameAt: p.at(f.Name), Params: p.params(f.Params), Result: p.typ(f.Result), Expr: p.place(f.Expr), At: m.At}
		if len(f.Body) > 0 {
			m.Fn.Body = p.body(f.Body[0])
		}
	case g.Dim != nil:
		d := &Dim{Value: p.place(g.Dim.Value), At: m.At}
		for _, n := range g.Dim.Names {
			if n.Type != typeIdent { // a comma
				continue
			}
			d.Names = append(d.Names, n.Value)
			d.NamesAt = append(d.NamesAt, p.at(n))
		}
		m.Dim = d
	case g.Import != nil:
		path, _, _ := unquote(g.Import.Path.Value)
		m.Import = &Import{Path: path, At: m.At}
		if len(g.Import.As) > 0 {
			m.Import.As = g.Import.As[0].Value
		}
	default:
		s := g.Stmt
		m.Stmt = &Stmt{Left: p.place(s.Left), Type: p.typ(s.Type), Op: s.Op, Right: p.place(s.Right), At: m.At}
	}
	return m
}

func (p *parser) block(g *gBlock, at source.Span) *Block {
	b := &Block{Kind: g.Kind.Value, KindAt: p.at(g.Kind), Params: p.params(g.Params), At: at}
	if len(g.Name) > 0 {
		b.NameAt = p.over(g.Name)
		for _, t := range g.Name {
			b.Name += t.Value
		}
	}
	if len(g.Title) > 0 {
		b.NameAt = p.at(g.Title[0])
		b.Title, _, _ = unquote(g.Title[0].Value)
	}
	if len(g.Mod) > 0 {
		b.Mod = g.Mod[0].Value
		b.ModArg, _, _ = unquote(g.Mod[1].Value)
	}
	b.Body = p.body(g.Body)
	return b
}

func (p *parser) params(list []*gParam) (out []*Param) {
	for _, g := range list {
		out = append(out, &Param{Spread: g.Spread, Name: g.Name.Value, NameAt: p.at(g.Name), Type: p.typ(g.Type), Default: p.place(g.Default), At: p.over(g.Tokens)})
	}
	return out
}

func (p *parser) typ(g *gType) *Type {
	if g == nil {
		return nil
	}
	t := &Type{At: p.over(g.Tokens)}
	for _, a := range g.Alts {
		atom := &TypeAtom{Arg: p.place(a.Arg), List: p.typ(a.List), Null: a.Null, At: p.over(a.Tokens)}
		if len(a.Name) > 0 {
			atom.Name = a.Name[0].Value
		}
		for _, d := range a.Dims {
			atom.Dims = append(atom.Dims, p.place(d))
		}
		for _, e := range a.Tuple {
			atom.Tuple = append(atom.Tuple, p.typ(e))
		}
		t.Alts = append(t.Alts, atom)
	}
	return t
}

// body parses the group that a Body token stands for.
func (p *parser) body(t lexer.Token) *Body {
	b := &Body{At: p.at(t)}
	p.fill(b)
	return b
}

func (p *parser) fill(b *Body) {
	g := p.groups[b.At.Start]
	for _, c := range g.chunks {
		if m := p.member(c); m != nil {
			b.Members = append(b.Members, m)
		}
	}
}

// place sets the File of every span of an expression and parses its bodies.
func (p *parser) place(x Expr) Expr {
	if x == nil {
		return nil
	}
	Walk(x, func(n Node) bool {
		switch n := n.(type) {
		case *Name:
			n.At.File = p.file
		case *Number:
			n.At.File = p.file
		case *String:
			n.At.File = p.file
		case *Spread:
			n.At.File = p.file
		case *Unary:
			n.At.File = p.file
		case *Binary:
			n.At.File, n.OpAt.File = p.file, p.file
		case *Lambda:
			n.At.File = p.file
		case *Call:
			n.At.File = p.file
		case *Index:
			n.At.File = p.file
		case *Field:
			n.At.File, n.NameAt.File = p.file, p.file
		case *Group:
			n.At.File = p.file
		case *List:
			n.At.File = p.file
		case *If:
			n.At.File = p.file
		case *For:
			n.At.File = p.file
		case *Arg:
			n.At.File = p.file
			if n.Name != "" {
				n.NameAt.File = p.file
			}
		case *Body:
			n.At.File = p.file
			p.fill(n)
			return false
		}
		return true
	})
	return x
}

// doc is the block of comments directly above raw token i, without the marks.
func (p *parser) doc(i int) string {
	var lines []string
	for i--; i >= 0; i-- {
		if p.toks[i].Kind == Space && i > 0 {
			i--
		}
		if p.toks[i].Kind != Newline { // the member does not start its line
			break
		}
		j := i - 1
		if j < 0 || p.toks[j].Kind != Comment {
			break
		}
		k := j - 1
		if k >= 0 && p.toks[k].Kind == Space {
			k--
		}
		if k >= 0 && p.toks[k].Kind != Newline { // a comment behind another member
			break
		}
		text := strings.TrimRight(strings.TrimPrefix(p.toks[j].Text, "#"), " \t\r")
		lines = append(lines, strings.TrimPrefix(text, " "))
		i = k + 1
		if k < 0 {
			break
		}
	}
	for a, b := 0, len(lines)-1; a < b; a, b = a+1, b-1 {
		lines[a], lines[b] = lines[b], lines[a]
	}
	return strings.Join(lines, "\n")
}
