package check

import (
	"fmt"
	"strings"

	"modelc/compiler/size"
	"modelc/lang/diag"
	"modelc/lang/source"
	"modelc/lang/syntax"
)

// requireFails says which requirement does not hold, with the values of what is in it, where each comes from, and what would do.
func (e *elab) requireFails(x syntax.Expr, b *syntax.Binary, l, r size.Size, s *scope, at source.Span) {
	d := diag.Diagnostic{Code: "M201", At: at, Title: syntax.Print(x) + " is required"}
	if b != nil {
		d.Title += fmt.Sprintf(", and %s is %s", valued(b.X, s), l)
		if _, isNum := b.Y.(*syntax.Number); !isNum {
			d.Title += fmt.Sprintf(", %s is %s", valued(b.Y, s), r)
		}
	}
	in := s.instance()
	moved := in != nil && e.user(in.at)
	if moved {
		d.At = in.at
	}
	seen := map[string]bool{}
	var here []string
	syntax.Walk(x, func(n syntax.Node) bool {
		nm, is := n.(*syntax.Name)
		if !is || seen[nm.Text] {
			return true
		}
		seen[nm.Text] = true
		bd, home := s.find(nm.Text)
		if bd == nil || !isConst(bd.v) {
			return true
		}
		value := strings.TrimPrefix(describe(bd.v), "the number ")
		text := nm.Text + " = " + value
		switch {
		case bd.why == configWhy:
			here = append(here, fmt.Sprintf("%s  (config, %s; --set %s)", text, spot(bd.at), nm.Text))
		case bd.from.Valid() && e.user(bd.from):
			d.Labels = append(d.Labels, diag.Label{At: bd.from, Text: fmt.Sprintf("%s from %s", text, bd.given)})
		case bd.why != "":
			here = append(here, text+"  (it "+bd.why+")")
		default:
			if home != nil && home.inst == in && in != nil {
				text = e.argument(in, nm.Text, text)
			}
			here = append(here, text)
		}
		return true
	})
	if moved {
		d.Labels = append([]diag.Label{{At: in.at, Text: strings.Join(here, ", ")}}, d.Labels...)
		p := at.Position()
		d.Notes = append(d.Notes, diag.Note{Kind: "why", Text: fmt.Sprintf("%s requires it, %s:%d", in.decl.Name, p.Name, p.Line)})
	} else {
		for _, h := range here {
			d.Notes = append(d.Notes, diag.Note{Kind: "note", Text: h})
		}
	}
	if b != nil && b.Op == "==" {
		if m, is := b.X.(*syntax.Binary); is && m.Op == "%" {
			if fix := divisors(m, s); fix != "" {
				d.Notes = append(d.Notes, diag.Note{Kind: "fix", Text: fix})
			}
		}
	}
	e.failWith(d)
}

// argument adds, to the value of a constructor's parameter, the config value that was given for it.
func (e *elab) argument(in *instance, name, text string) string {
	pos := 0
	for _, a := range in.args {
		param := a.name
		if param == "" && pos < len(in.block.Params) {
			param = in.block.Params[pos].Name
			pos++
		}
		if param != name {
			continue
		}
		if b := e.rootOf(e.unit).names[short(a.at)]; b != nil && b.why == configWhy {
			return fmt.Sprintf("%s  (config, %s; --set %s)", text, spot(b.at), short(a.at))
		}
	}
	return text
}

// valued prints an expression with the values of its names.
func valued(x syntax.Expr, s *scope) string {
	switch x := x.(type) {
	case *syntax.Name:
		if b, _ := s.find(x.Text); b != nil {
			if v, is := b.v.(sizeVal); is {
				return v.s.String()
			}
			if v, is := b.v.(floatVal); is {
				return fmt.Sprint(float64(v))
			}
		}
	case *syntax.Binary:
		return valued(x.X, s) + " " + x.Op + " " + valued(x.Y, s)
	case *syntax.Group:
		if len(x.Items) == 1 {
			return "(" + valued(x.Items[0].X, s) + ")"
		}
	}
	return syntax.Print(x)
}

// divisors proposes values that make a % b == 0 hold.
func divisors(m *syntax.Binary, s *scope) string {
	value := func(x syntax.Expr) (string, int64) {
		n, is := x.(*syntax.Name)
		if !is {
			return "", 0
		}
		if b, _ := s.find(n.Text); b != nil {
			if v, is := b.v.(sizeVal); is {
				if c, ok := v.s.Const(); ok {
					return n.Text, c
				}
			}
		}
		return "", 0
	}
	an, a := value(m.X)
	bn, b := value(m.Y)
	if an == "" || bn == "" || b < 1 || a < 1 {
		return ""
	}
	// The three divisors of a that are nearest to b.
	var near []int64
	for step := int64(1); step < 1<<16 && len(near) < 3 && (step < b || b+step <= a); step++ {
		for _, k := range []int64{b - step, b + step} {
			if k >= 1 && k <= a && a%k == 0 && len(near) < 3 {
				near = append(near, k)
			}
		}
	}
	out := fmt.Sprintf("%s = %d or %d with %d %s", an, a/b*b, (a/b+1)*b, b, bn)
	if a < b {
		out = fmt.Sprintf("%s = %d with %d %s", an, b, b, bn)
	}
	if len(near) > 0 {
		out += fmt.Sprintf(";  or %s = %s with %s = %d", bn, alternatives(near), an, a)
	}
	return out
}

func alternatives(list []int64) string {
	for i := range list {
		for j := i; j > 0 && list[j] < list[j-1]; j-- {
			list[j], list[j-1] = list[j-1], list[j]
		}
	}
	out := ""
	for i, n := range list {
		switch {
		case i == 0:
		case i == len(list)-1:
			out += " or "
		default:
			out += ", "
		}
		out += fmt.Sprint(n)
	}
	return out
}
