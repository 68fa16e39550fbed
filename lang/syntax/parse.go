// Package syntax reads the text of a .model file: a lexer by hand, a layout pass that cuts the tokens into members, a participle grammar for
// one member, a Pratt parser for expressions, and the tree they make (ast.go).
//
// Every syntax error of a text is found at once: members are cut out of the token stream by brackets and new lines before any of them is
// parsed, at every level of nesting, so an error ends with its member. A bracket that is never closed is found by indentation, at the place
// where it was opened. Messages are sentences about the user's text; what is a habit of another language is answered with our form.
//
// Nothing here panics or recurses without bound: brackets nest at most MaxNesting deep, operators MaxDepth, a text has at most MaxBytes.
package syntax

import (
	"errors"
	"fmt"
	"sort"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"

	"modelc/lang/diag"
	"modelc/lang/source"
)

// MaxDiagnostics is how many findings one text gives at most.
const MaxDiagnostics = 20

// parser holds one text cut into chunks; it parses them on demand.
type parser struct {
	file   *source.File
	toks   []Token
	groups map[int]*group
	root   *group
	diags  diag.List
	broken []source.Span // where the lexer or the layout complained already
}

func newParser(f *source.File) *parser {
	toks, diags := Lex(f)
	l := &layout{file: f, toks: toks}
	p := &parser{file: f, toks: toks, root: l.build(), groups: l.groups, diags: append(diags, l.diags...)}
	for i := range p.diags {
		p.broken = append(p.broken, p.diags[i].At)
	}
	sort.Slice(p.broken, func(i, j int) bool { return p.broken[i].Start < p.broken[j].Start })
	return p
}

// Parse reads a text. The File is never nil: members with errors are left out of it, at the innermost level that holds the error.
func Parse(f *source.File) (file *File, diags diag.List) {
	file = &File{Source: f}
	defer caught(f, &diags)
	p := newParser(f)
	file.Tokens = p.toks
	for _, c := range p.root.chunks {
		if m := p.member(c); m != nil {
			file.Members = append(file.Members, m)
		}
	}
	checkForm(p, file)
	return file, settle(p.diags)
}

// caught turns a panic, which is a bug of ours, into a diagnostic.
func caught(f *source.File, diags *diag.List) {
	if r := recover(); r != nil {
		*diags = append(*diags, diag.Diagnostic{Code: "M099", At: source.Span{File: f}, Title: fmt.Sprintf("the parser failed on this text: %v", r),
			Notes: []diag.Note{note("why", "this is a bug of modelc, not of the text")}})
	}
}

// settle sorts the findings by place, drops a second one at the same place and keeps the first MaxDiagnostics.
func settle(list diag.List) diag.List {
	sort.SliceStable(list, func(i, j int) bool { return list[i].At.Start < list[j].At.Start })
	out := list[:0]
	for _, d := range list {
		if n := len(out); n > 0 && out[n-1].At.Start == d.At.Start && out[n-1].At.End == d.At.End {
			continue
		}
		out = append(out, d)
	}
	if len(out) > MaxDiagnostics {
		rest := len(out) - MaxDiagnostics
		out = out[:MaxDiagnostics]
		out[MaxDiagnostics-1].Notes = append(out[MaxDiagnostics-1].Notes, note("note", fmt.Sprintf("%d further errors are not shown", rest)))
	}
	return out
}

// Decl is a declaration at the top of a file, cut out but not parsed: a library is read declaration by declaration, on first use.
type Decl struct {
	Kind string // "layer", "fn", "import", …; "" for a binding
	Name string // "" where it has none
	Doc  string
	At   source.Span

	parser *parser
	chunk  chunk
}

// Scan cuts a text into its declarations. It finds what the lexer and the brackets say about the text, and nothing else.
func Scan(f *source.File) (decls []Decl, diags diag.List) {
	defer caught(f, &diags)
	p := newParser(f)
	for _, c := range p.root.chunks {
		d := Decl{At: p.over(c.toks[:len(c.toks)-1]), Doc: p.doc(c.first), parser: p, chunk: c}
		first := c.toks[0]
		switch {
		case first.Type == typeKeyword:
			d.Kind = first.Value
			if c.toks[1].Type == typeIdent {
				d.Name = c.toks[1].Value
			}
		case first.Type == typeIdent && c.toks[1].Type == typeBody:
			d.Kind = first.Value
		case first.Type == typeIdent && (c.toks[1].Type == typeIdent || c.toks[1].Type == typeString):
			d.Kind = first.Value
			if c.toks[1].Type == typeIdent {
				d.Name = c.toks[1].Value
			}
		case first.Type == typeIdent:
			d.Name = first.Value
		}
		decls = append(decls, d)
	}
	return decls, settle(p.diags)
}

// ParseMember parses a declaration that Scan has cut out; the Member is nil where it has an error.
func ParseMember(d Decl) (m *Member, diags diag.List) {
	defer caught(d.At.File, &diags)
	p := *d.parser
	p.diags = nil
	m = p.member(d.chunk)
	if m != nil {
		checkForm(&p, &File{Source: p.file, Members: []*Member{m}})
	}
	return m, settle(p.diags)
}

// member parses one chunk; it reports and returns nil where the chunk has an error outside its bodies.
func (p *parser) member(c chunk) *Member {
	if len(p.diags) >= collected { // noise: nobody reads further
		return nil
	}
	g, err := parseMember(c)
	if err == nil && (g.Block == nil || blockKinds[g.Block.Kind.Value] || habitMember(c.toks) == nil) {
		return p.convert(g, c)
	}
	if !p.damaged(c) {
		p.diags = append(p.diags, p.explain(c, err))
	}
	for _, t := range c.toks { // errors within the bodies are worth telling too
		if t.Type == typeBody {
			p.body(t)
		}
	}
	return nil
}

// damaged reports whether the lexer or the layout has complained about the chunk, outside its bodies: then no second complaint is made.
func (p *parser) damaged(c chunk) bool {
	from := c.toks[0].Pos.Offset
	to := c.toks[len(c.toks)-1].Pos.Column
	k := sort.Search(len(p.broken), func(k int) bool { return p.broken[k].Start >= from })
	for ; k < len(p.broken) && p.broken[k].Start <= to; k++ {
		within := false
		for _, t := range c.toks {
			if t.Type == typeBody && t.Pos.Offset < p.broken[k].Start && p.broken[k].Start < t.Pos.Column-1 {
				within = true
				break
			}
		}
		if !within {
			return true
		}
	}
	return false
}

// explain makes the diagnostic of a parse error.
func (p *parser) explain(c chunk, err error) diag.Diagnostic {
	said := habitMember(c.toks)
	var own *problem
	if said == nil && errors.As(err, &own) {
		said = own
	}
	if said == nil {
		said = unexpected(c.toks, offender(c.toks, err))
	}
	start, end := said.start, said.end
	if start == end && start > 0 { // the end of a line: point at the last token
		end = start
		start--
	}
	return diag.Diagnostic{Code: said.code, At: source.Span{File: p.file, Start: start, End: end}, Title: said.title, Notes: said.notes}
}

// offender is the index of the token that participle did not expect.
func offender(toks []lexer.Token, err error) int {
	var perr participle.Error
	if errors.As(err, &perr) {
		at := perr.Position().Offset
		var un *participle.UnexpectedTokenError
		if errors.As(err, &un) {
			at = un.Unexpected.Pos.Offset
			if un.Unexpected.EOF() {
				return len(toks) - 1
			}
		}
		for i := range toks {
			if toks[i].Pos.Offset >= at {
				return i
			}
		}
	}
	return len(toks) - 1
}
