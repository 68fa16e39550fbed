package check

import (
	"fmt"
	"strings"

	"modelc/lang/diag"
	"modelc/lang/source"
	"modelc/lang/syntax"
)

// unused reports bindings of train blocks that nothing reads, imports that nothing names (M403), and config values that stand nowhere else (M409).
func (e *elab) unused(defined diag.List) {
	if !e.diags.Failed() && !defined.Failed() {
		e.unusedConfig() // beside an error, a value may only seem to be unused
	}
	for _, n := range sortedTrains(e.trains) {
		e.try(func() { e.unusedIn(e.trains[n], true) })
	}
	for _, m := range e.unit.File.Members {
		if m.Import == nil {
			continue
		}
		name := m.Import.As
		if name == "" {
			name = importName(m.Import.Path)
		}
		if !e.unit.Used[name] && e.unit.Imports[name] != nil {
			e.report(diag.Diagnostic{Code: "M403", At: m.Import.At, Title: fmt.Sprintf("the import `%s` is never used", name)})
		}
	}
}

// unusedConfig goes by the text alone: a value is used where its name stands outside of config and preset.
func (e *elab) unusedConfig() {
	names := map[string]*syntax.Name{}
	var order []string
	var outside []source.Span
	for _, m := range e.unit.File.Members {
		if m.Block == nil || m.Block.Kind != "config" && m.Block.Kind != "preset" {
			continue
		}
		for _, c := range m.Block.Body.Members {
			if c.Stmt == nil || c.Stmt.Op != "=" {
				continue
			}
			if n, is := c.Stmt.Left.(*syntax.Name); is {
				outside = append(outside, n.At)
				if m.Block.Kind == "config" {
					names[n.Text] = n
					order = append(order, n.Text)
				}
			}
		}
	}
	if len(names) == 0 {
		return
	}
	skip := map[int]bool{}
	for _, s := range outside {
		skip[s.Start] = true
	}
	for _, t := range e.unit.File.Tokens {
		if !skip[t.Start] && names[t.Text] != nil {
			delete(names, t.Text)
		}
	}
	for _, n := range order {
		if names[n] != nil {
			e.report(diag.Diagnostic{Severity: diag.Warning, Code: "M409", At: names[n].At, Title: fmt.Sprintf("nothing reads the config value `%s`: --set %s=… would change nothing", n, n)})
		}
	}
}

func importName(path string) string {
	path = strings.TrimSuffix(path, ".model")
	return path[strings.LastIndexAny(path, `/`)+1:]
}

func sortedTrains(m map[string]*trainVal) []string {
	names := map[string]bool{}
	for n := range m {
		names[n] = true
	}
	return sortedNames(names)
}

// unusedIn reports a block's unused bindings when final; other blocks further down may still use them.
func (e *elab) unusedIn(t *trainVal, final bool) {
	if !final {
		return
	}
	for _, n := range t.bindings {
		b := t.train.names[n.Text]
		if b == nil || b.used || n.Text == "_" {
			continue
		}
		d := diag.Diagnostic{Code: "M403", At: n.At, Title: fmt.Sprintf("`%s` is bound and never used", n.Text)}
		if near := diag.Suggest(n.Text, trainSettings); near != "" {
			d.Labels = []diag.Label{{At: n.At, Text: "did you mean the setting `" + near + "`?"}}
			if t.plan.Steps == 0 && t.plan.Epochs == 0 {
				d.Notes = notes("note", "without `steps` or `epochs` this run would never end")
			}
		}
		e.report(d)
	}
}
