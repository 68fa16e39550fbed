package check

import (
	"fmt"
	"strconv"
	"strings"

	"modelc/compiler/resolve"
	"modelc/compiler/size"
	"modelc/lang/diag"
	"modelc/lang/syntax"
	"modelc/recipe"
)

// configure evaluates config: defaults, then the preset, then --set, each checked against the declared type, then every require.
func (e *elab) configure() {
	root := e.rootOf(e.unit)
	var fields []*syntax.Member
	var requires []*syntax.Key
	types := map[string]*syntax.Type{}
	var names []string
	for _, m := range e.unit.File.Members {
		if m.Block == nil || m.Block.Kind != "config" {
			continue
		}
		for _, c := range m.Block.Body.Members {
			switch {
			case c.Key != nil && c.Key.Kind == "require":
				requires = append(requires, c.Key)
			case c.Stmt != nil && c.Stmt.Op == "=":
				n, is := c.Stmt.Left.(*syntax.Name)
				if !is {
					e.report1("M207", c.At, "a config value has a name: `lr: float = 1e-3`")
					continue
				}
				if types[n.Text] != nil || contains(names, n.Text) {
					e.report1("M404", n.At, "`%s` is declared twice in config", n.Text)
					continue
				}
				names = append(names, n.Text)
				types[n.Text] = c.Stmt.Type
				fields = append(fields, c)
			default:
				e.report1("M207", c.At, "config holds values and `require` lines")
			}
		}
	}
	over := map[string]func() value{}
	if e.opts.Preset != "" {
		e.preset(names, over)
	}
	for _, s := range e.opts.Set {
		name, text, ok := strings.Cut(s, "=")
		if !ok {
			e.report(diag.Diagnostic{Code: "M402", Title: fmt.Sprintf("--set %s: write name=value", s)})
			continue
		}
		name = strings.TrimSpace(name)
		if in, rest, is := strings.Cut(name, "."); is && e.unit.Imports[in] != nil && configField(e.unit.Imports[in], rest) != nil {
			u := e.unit.Imports[in]
			if e.imported[u] == nil {
				e.imported[u] = map[string]func(*syntax.Type) value{}
			}
			e.imported[u][rest] = func(t *syntax.Type) value { return e.setValue(s, text, t) }
			continue
		}
		if !contains(names, name) {
			d := diag.Diagnostic{Code: "M402", Title: fmt.Sprintf("--set %s: config has no `%s`", s, name)}
			if len(names) > 0 {
				d.Notes = notes("note", "config of "+e.unit.Source.Name+": "+strings.Join(names, ", "))
			}
			if near := diag.Suggest(name, names); near != "" {
				d.Notes = append(d.Notes, diag.Note{Kind: "fix", Text: "--set " + near + "=" + text})
			}
			e.report(d)
			continue
		}
		over[name] = func() value { return e.setValue(s, text, types[name]) }
	}
	scope := newScope(root)
	for _, m := range fields {
		n := m.Stmt.Left.(*syntax.Name)
		ok := e.try(func() {
			e.at(m.At)
			var v value
			if f := over[n.Text]; f != nil {
				v = f()
			} else {
				if isInt(types[n.Text]) {
					e.sizes++
					defer func() { e.sizes-- }()
				}
				v = e.evalArg(&syntax.Param{Type: types[n.Text]}, m.Stmt.Right, root)
			}
			if types[n.Text] != nil {
				v = e.typed(v, types[n.Text], scope, m.Stmt.Right.Span())
			}
			if !isConst(v) {
				e.fail("M413", m.Stmt.Right.Span(), "a config value is a constant, this is %s", describe(v))
			}
			b := root.set(n.Text, v, n.At)
			b.why, b.alts = configWhy, enumNames(types[n.Text])
			e.plan.Config = append(e.plan.Config, recipe.Setting{Name: n.Text, Type: typeName(types[n.Text]), Value: plain(v)})
		})
		if !ok {
			root.set(n.Text, poison{}, n.At)
		}
	}
	for _, k := range requires {
		e.try(func() {
			e.at(k.At)
			e.require(k, root)
		})
	}
}

// importedConfig binds the config of an imported file to its own defaults, or what --set file.name=… says (ruling 38).
func (e *elab) importedConfig(u *resolve.Unit, s *scope) {
	for _, m := range u.File.Members {
		if m.Block == nil || m.Block.Kind != "config" {
			continue
		}
		for _, c := range m.Block.Body.Members {
			if c.Stmt == nil || c.Stmt.Op != "=" {
				continue
			}
			n, is := c.Stmt.Left.(*syntax.Name)
			if !is || s.names[n.Text] != nil {
				continue
			}
			st := c.Stmt
			s.names[n.Text] = &binding{at: n.At, why: configWhy, lazy: func() value {
				defer e.enterFile()()
				e.at(st.At)
				var v value
				if f := e.imported[u][n.Text]; f != nil {
					v = f(st.Type)
				} else {
					v = e.evalArg(&syntax.Param{Type: st.Type}, st.Right, s)
				}
				if st.Type != nil {
					v = e.typed(v, st.Type, newScope(s), st.Right.Span())
				}
				if !isConst(v) {
					e.fail("M413", st.Right.Span(), "a config value is a constant, this is %s", describe(v))
				}
				return v
			}}
		}
	}
}

// configField finds a config value of a file.
func configField(u *resolve.Unit, name string) *syntax.Name {
	for _, m := range u.File.Members {
		if m.Block == nil || m.Block.Kind != "config" {
			continue
		}
		for _, c := range m.Block.Body.Members {
			if c.Stmt != nil && c.Stmt.Op == "=" {
				if n, is := c.Stmt.Left.(*syntax.Name); is && n.Text == name {
					return n
				}
			}
		}
	}
	return nil
}

func isInt(t *syntax.Type) bool { return t != nil && len(t.Alts) == 1 && t.Alts[0].Name == "int" }

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func typeName(t *syntax.Type) string {
	if t == nil {
		return ""
	}
	return syntax.Print(t)
}

// plain is a constant as JSON holds it.
func plain(v value) any {
	switch v := v.(type) {
	case sizeVal:
		n, _ := v.s.Const()
		return n
	case floatVal:
		return float64(v)
	case boolVal:
		return bool(v)
	case textVal:
		return string(v)
	}
	return nil
}

// preset reads `preset NAME { … }`.
func (e *elab) preset(names []string, over map[string]func() value) {
	var have []string
	for _, m := range e.unit.File.Members {
		if m.Block == nil || m.Block.Kind != "preset" {
			continue
		}
		have = append(have, m.Block.Name)
		if m.Block.Name != e.opts.Preset {
			continue
		}
		for _, c := range m.Block.Body.Members {
			n, is := (*syntax.Name)(nil), false
			if c.Stmt != nil && c.Stmt.Op == "=" {
				n, is = c.Stmt.Left.(*syntax.Name)
			}
			if !is {
				e.report1("M207", c.At, "a preset gives config values: `d = 128`")
				continue
			}
			if !contains(names, n.Text) {
				d := diag.Diagnostic{Code: "M402", At: n.At, Title: fmt.Sprintf("config has no `%s`", n.Text)}
				if near := diag.Suggest(n.Text, names); near != "" {
					d.Labels = []diag.Label{{At: n.At, Text: "did you mean `" + near + "`?"}}
				}
				e.report(d)
				continue
			}
			x := c.Stmt.Right
			over[n.Text] = func() value { return e.eval(x, e.rootOf(e.unit)) }
		}
		return
	}
	d := diag.Diagnostic{Code: "M402", Title: fmt.Sprintf("--preset %s: the file has no such preset", e.opts.Preset)}
	if len(have) > 0 {
		d.Notes = notes("note", "presets of "+e.unit.Source.Name+": "+strings.Join(have, ", "))
	}
	if near := diag.Suggest(e.opts.Preset, have); near != "" {
		d.Notes = append(d.Notes, diag.Note{Kind: "fix", Text: "--preset " + near})
	}
	e.report(d)
}

// setValue reads the value of --set as the declared type asks for.
func (e *elab) setValue(arg, text string, t *syntax.Type) value {
	bad := func(what string) {
		panicAfter(func() {
			e.report(diag.Diagnostic{Code: "M402", Title: fmt.Sprintf("--set %s: %s is expected", arg, what)})
		})
	}
	text = strings.TrimSpace(text)
	kind := ""
	if t != nil && len(t.Alts) == 1 {
		kind = t.Alts[0].Name
	}
	clean := strings.ReplaceAll(text, "_", "")
	switch {
	case t != nil && isEnum(t):
		var names []string
		for _, a := range t.Alts {
			names = append(names, a.Name)
		}
		if !contains(names, text) {
			bad(strings.Join(names, " or "))
		}
		return textVal(text)
	case kind == "text":
		return textVal(text)
	case kind == "bool":
		if b, err := strconv.ParseBool(text); err == nil && (text == "true" || text == "false") {
			return boolVal(b)
		}
		bad("true or false")
	case kind == "int":
		if n, err := strconv.ParseInt(clean, 10, 64); err == nil {
			return sizeVal{size.Of(n)}
		}
		bad("an integer")
	case kind == "" && (text == "true" || text == "false"):
		return boolVal(text == "true")
	}
	if n, err := strconv.ParseInt(clean, 10, 64); err == nil {
		return sizeVal{size.Of(n)}
	}
	if f, err := strconv.ParseFloat(clean, 64); err == nil && f == f && f < 1e308 && f > -1e308 {
		return floatVal(f)
	}
	if kind == "" {
		return textVal(text)
	}
	bad("a number")
	return nil
}

func panicAfter(f func()) {
	f()
	panic(stop{})
}
