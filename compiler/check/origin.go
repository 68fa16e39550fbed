package check

import (
	"fmt"
	"strings"

	"modelc/lang/diag"
	"modelc/lang/syntax"
	"modelc/recipe"
)

var sourceKinds = map[string]string{"csv": "csv", "tsv": "tsv", "idx": "idx", "images": "images", "text": "text", "npy": "npy", "dataset": "dataset", "join": "join"}

// source reads csv("…", columns=[…], missing=["?"]) and its like.
func (e *elab) source(d *dataVal, x syntax.Expr, split string) recipe.Source {
	call, is := x.(*syntax.Call)
	name := ""
	if is {
		if n, is := call.Fn.(*syntax.Name); is {
			name = n.Text
		}
	}
	if sourceKinds[name] == "" {
		var known []string
		for k := range sourceKinds {
			known = append(known, k)
		}
		dg := diag.Diagnostic{Code: "M313", At: x.Span(), Title: "a source is csv, tsv, idx, images, text, npy, dataset or join"}
		if near := diag.Suggest(name, known); near != "" {
			dg.Labels = []diag.Label{{At: x.Span(), Text: "did you mean `" + near + "`?"}}
		}
		e.failWith(dg)
	}
	s := recipe.Source{Kind: name, Split: split, At: place(x.Span())}
	if f := x.Span().File; f != nil {
		s.Base = folder(f.Name)
	}
	text := func(a *syntax.Arg) string {
		v, is := e.eval(a.X, e.rootOf(e.unit)).(textVal)
		if !is {
			e.fail("M313", a.At, "a text is needed here: \"…\"")
		}
		return string(v)
	}
	texts := func(a *syntax.Arg) []string {
		l, is := a.X.(*syntax.List)
		if !is {
			return []string{text(a)}
		}
		var out []string
		for _, it := range l.Items {
			switch it := it.(type) {
			case *syntax.Name:
				out = append(out, it.Text)
			case *syntax.String:
				out = append(out, it.Value)
			default:
				e.fail("M313", it.Span(), "a list of names or texts is needed here")
			}
		}
		return out
	}
	given := map[string]bool{}
	for _, a := range call.Args {
		if a.Name != "" && given[a.Name] {
			e.fail("M203", a.At, "`%s` is given twice", a.Name)
		}
		given[a.Name] = true
		table := name == "csv" || name == "tsv"
		switch {
		case name == "join" && a.Name == "":
			part := e.source(d, a.X, split)
			if part.Kind != "csv" && part.Kind != "tsv" || part.Joined != nil {
				e.fail("M313", a.At, "join takes the tables of csv(…) and tsv(…)")
			}
			s.Joined = append(s.Joined, part)
		case name == "join":
			e.failWith(diag.Diagnostic{Code: "M203", At: a.At, Title: fmt.Sprintf("join has no argument `%s`; give it to each csv", a.Name),
				Notes: notes("fix", fmt.Sprintf("join(csv(\"a.csv\", %s=…), csv(\"b.csv\", %s=…))", a.Name, a.Name))})
		case a.Name == "":
			s.Paths = append(s.Paths, texts(a)...)
		case a.Name == "columns" && table:
			s.Columns = texts(a)
		case a.Name == "missing" && table:
			s.Missing = texts(a)
		case a.Name == "delimiter" && name == "csv":
			s.Delimiter = text(a)
			if len(s.Delimiter) != 1 || strings.ContainsAny(s.Delimiter, "\"\r\n") || s.Delimiter[0] >= 0x80 {
				e.fail("M313", a.At, "the delimiter is one character of ASCII, neither a quote nor a line end: delimiter=\";\"")
			}
		case a.Name == "separator" && table:
			if s.Separator = text(a); s.Separator == "" {
				e.fail("M313", a.At, "the separator stands between the parts of a list: separator=\"|\"")
			}
		case a.Name == "trim" && table:
			b, is := e.eval(a.X, e.rootOf(e.unit)).(boolVal)
			if !is {
				e.fail("M313", a.At, "trim is true or false")
			}
			s.Trim = bool(b)
		case a.Name == "size" && name == "images":
			v := e.eval(a.X, e.rootOf(e.unit))
			if t, is := v.(tupleVal); is && len(t) == 2 {
				h, hok := number(t[0])
				w, wok := number(t[1])
				if hok && wok && h >= 1 && w >= 1 {
					s.Size = [2]int{int(h), int(w)}
					continue
				}
			} else if n, ok := number(v); ok && n >= 1 {
				s.Size = [2]int{int(n), int(n)}
				continue
			}
			e.fail("M313", a.At, "size=(height, width)")
		case name == "idx" || name == "npy" || name == "text":
			if s.Fields == nil {
				s.Fields = map[string]string{}
			}
			s.Fields[a.Name] = text(a)
		default:
			e.fail("M203", a.At, "%s has no argument `%s`", name, a.Name)
		}
	}
	e.whole(s, call)
	if name == "join" {
		first := s.Joined[0]
		first.Joined, first.Split, first.At = s.Joined[1:], split, s.At
		return first
	}
	return s
}

// whole checks that a source names what its kind reads.
func (e *elab) whole(s recipe.Source, call *syntax.Call) {
	for _, p := range s.Paths {
		if p == "" {
			e.fail("M313", call.At, "the name of a file is empty")
		}
	}
	for _, p := range s.Fields {
		if p == "" {
			e.fail("M313", call.At, "the name of a file is empty")
		}
	}
	switch {
	case s.Kind == "join":
		if len(s.Joined) < 2 {
			e.fail("M313", call.At, "join puts tables together: join(csv(\"a.csv\"), csv(\"b.csv\"))")
		}
	case len(s.Paths) == 0 && len(s.Fields) == 0:
		e.fail("M313", call.At, "%s names no file", s.Kind)
	case len(s.Paths) > 0 && len(s.Fields) > 0:
		e.fail("M313", call.At, "%s names its files all by column or all without", s.Kind)
	case len(s.Paths) > 1 && (s.Kind == "csv" || s.Kind == "tsv"):
		e.failWith(diag.Diagnostic{Code: "M313", At: call.At, Title: fmt.Sprintf("%s reads one file, %d are named", s.Kind, len(s.Paths)),
			Notes: notes("fix", "join(…) matches the rows of several tables;   test = csv(…)   adds a split")})
	case len(s.Paths) > 1 && s.Kind == "dataset":
		e.fail("M313", call.At, "dataset names one built-in set")
	}
}

func folder(file string) string {
	if i := strings.LastIndexAny(file, `/\`); i >= 0 {
		return file[:i]
	}
	return "."
}

// splitBlock is split { train = 0.9, valid = 0.1 } or split { train = before(date("…")), valid = rest }.
func (e *elab) splitBlock(d *dataVal, b *syntax.Block) {
	if d.plan.Split.Parts != nil {
		e.fail("M404", b.At, "the data is split twice")
	}
	sp := recipe.Split{By: "hash"}
	total := 0.0
	given := map[string]bool{}
	rest := false
	for _, m := range b.Body.Members {
		n, is := (*syntax.Name)(nil), false
		if m.Stmt != nil && m.Stmt.Op == "=" {
			n, is = m.Stmt.Left.(*syntax.Name)
		}
		if !is {
			e.fail("M207", m.At, "split names its parts: train = 0.9, valid = 0.1")
		}
		if given[n.Text] {
			e.fail("M404", n.At, "`%s` is set twice", n.Text)
		}
		given[n.Text] = true
		if r, is := m.Stmt.Right.(*syntax.Name); is && r.Text == "rest" {
			if rest {
				e.fail("M314", m.Stmt.Right.Span(), "one part takes the rest")
			}
			rest = true
			sp.Parts = append(sp.Parts, recipe.Part{Name: n.Text})
			d.splits[n.Text] = true
			continue
		}
		if c, is := m.Stmt.Right.(*syntax.Call); is {
			if f, is := c.Fn.(*syntax.Name); is && f.Text == "before" {
				e.splitByTime(d, &sp, c, n.Text)
				continue
			}
		}
		v, ok := number(e.eval(m.Stmt.Right, e.rootOf(e.unit)))
		if !ok {
			e.fail("M314", m.Stmt.Right.Span(), "the share of a part is a number between 0 and 1, or `rest`")
		}
		if n.Text == "seed" {
			sp.Seed = int64(v)
			continue
		}
		if v <= 0 || v > 1 {
			e.fail("M314", m.Stmt.Right.Span(), "the share of a part is a number between 0 and 1, this is %v", v)
		}
		total += v
		sp.Parts = append(sp.Parts, recipe.Part{Name: n.Text, Share: v})
		d.splits[n.Text] = true
	}
	if sp.By == "time" && (len(sp.Parts) != 2 || !rest) {
		e.fail("M314", b.At, "a split by time has two parts: one before(…) and the rest")
	}
	if total > 1+1e-9 {
		e.fail("M314", b.At, "the parts of the split make %v, at most 1 is possible", total)
	}
	d.plan.Split = sp
}

func (e *elab) splitByTime(d *dataVal, sp *recipe.Split, c *syntax.Call, name string) {
	if len(c.Args) != 1 {
		e.fail("M314", c.At, "before(date(\"2000-11-20\"))")
	}
	call, is := c.Args[0].X.(*syntax.Call)
	if is {
		if f, is := call.Fn.(*syntax.Name); is && f.Text == "date" && len(call.Args) == 1 {
			if s, is := call.Args[0].X.(*syntax.String); is {
				t, ok := parseDate(s.Value)
				if !ok {
					e.fail("M314", s.At, "%q is no date: write 2000-11-20", s.Value)
				}
				sp.By, sp.Before = "time", t
				for _, n := range d.order {
					if d.columns[n].plan.Type.Elem == "time" {
						sp.Column = n
					}
				}
				if sp.Column == "" && !hasTime(d.unit) {
					e.fail("M314", c.At, "a split by time needs a column of type time")
				}
				if sp.Column == "" {
					sp.Column = timeColumn(d.unit)
				}
				sp.Parts = append([]recipe.Part{{Name: name}}, sp.Parts...) // what lies before is the first part
				d.splits[name] = true
				return
			}
		}
	}
	e.fail("M314", c.At, "before(date(\"2000-11-20\"))")
}

func hasTime(b *syntax.Block) bool { return timeColumn(b) != "" }

func timeColumn(b *syntax.Block) string {
	for _, m := range b.Body.Members {
		if m.Stmt != nil && m.Stmt.Type != nil && m.Stmt.Type.Alts[0].Name == "time" {
			if n, is := m.Stmt.Left.(*syntax.Name); is {
				return n.Text
			}
		}
	}
	return ""
}
