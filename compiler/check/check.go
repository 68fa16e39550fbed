package check

import (
	"fmt"
	"sort"
	"strings"

	"modelc/compiler/core"
	"modelc/compiler/resolve"
	"modelc/lang/diag"
	"modelc/lang/source"
	"modelc/lang/syntax"
	"modelc/recipe"
)

// Options are what the command line adds to a file.
type Options struct {
	Set    []string // "name=value", for config
	Preset string
	Tests  bool // elaborate test blocks too
}

// Result is a checked file.
type Result struct {
	Program *core.Program
	Recipe  *recipe.Recipe
	Diags   diag.List
	Layers  []Layer // the instances of every train block, for summaries
}

// Layer is one instance in a summary.
type Layer struct {
	Block, Path, Decl string
	Slots             []*core.Slot // its own
}

// File checks a resolved file. It never fails: what it finds is in Diags, and the rest of the result serves what could be checked.
func File(u *resolve.Unit, o Options) *Result {
	e := newElab(u, o)
	e.configure()
	res := &Result{Program: e.prog, Recipe: e.plan}
	if e.diags.Failed() {
		res.Diags = e.diags
		return res
	}
	for _, m := range u.File.Members {
		if m.Block == nil {
			if m.Stmt != nil {
				if name, _, _ := resolve.Declared(m); name != "" {
					e.try(func() { e.lookup(name, e.rootOf(u)) })
				} else {
					e.report1("M207", m.At, "an expression has no place at the top of a file")
				}
			}
			if m.Key != nil || m.Slot != nil || m.Dim != nil {
				e.report1("M207", m.At, "this has no place at the top of a file")
			}
			continue
		}
		e.block(m)
	}
	defined := definitions(u, o, e.diags)
	e.unused(defined)
	for _, t := range e.trains {
		res.Layers = append(res.Layers, t.layers...)
	}
	sort.SliceStable(res.Layers, func(i, j int) bool { return res.Layers[i].Block < res.Layers[j].Block })
	res.Diags = append(e.diags, defined...)
	sort.SliceStable(res.Diags, func(i, j int) bool { return before(res.Diags[i].At, res.Diags[j].At) })
	if len(res.Diags) > maxDiags {
		res.Diags = worst(res.Diags)
	}
	return res
}

// before orders findings by their place in the main file; those without a place, or in another file, keep their order in front.
func before(a, b source.Span) bool {
	return a.Valid() && b.Valid() && a.File == b.File && a.Start < b.Start
}

// maxDiags is how many findings are worth reading at once.
const maxDiags = 20

// worst keeps the first findings, errors before warnings.
func worst(all diag.List) diag.List {
	var out diag.List
	for _, s := range []diag.Severity{diag.Error, diag.Warning} {
		for _, d := range all {
			if d.Severity == s && len(out) < maxDiags {
				out = append(out, d)
			}
		}
	}
	return out
}

// reset forgets the instances and states of the block before.
func (e *elab) reset() {
	e.slots, e.made, e.writes, e.caches, e.keep = nil, nil, nil, nil, nil
	e.reads = map[*core.Slot]*core.Term{}
	e.turns = map[*group]*turn{}
	e.group, e.moved, e.home, e.needs = nil, nil, nil, nil
	e.precision = core.F32
	e.fresh()
}

// fresh begins another pass over a block: states are as at the door again.
func (e *elab) fresh() {
	e.now = map[*core.Slot]*core.Term{}
	e.lastDraw = map[string]int{}
	e.writes = nil
	e.site, e.path, e.naming, e.live = nil, "", "", nil
}

func (e *elab) block(m *syntax.Member) {
	b := m.Block
	switch b.Kind {
	case "config", "preset", "layer", "model":
	case "data":
		e.try(func() { e.dataBlock(b) })
		e.phase = ""
	case "train":
		if !e.try(func() { e.trainBlock(b) }) && e.trains[b.Name] == nil {
			e.rootOf(e.unit).set(b.Name, poison{}, b.NameAt)
		}
	case "eval":
		e.try(func() { e.evalBlock(b) })
	case "crossval":
		e.try(func() { e.crossvalBlock(b) })
	case "predict":
		e.try(func() { e.predictBlock(b) })
	case "generate":
		e.try(func() { e.generateBlock(b) })
	case "test":
		if e.opts.Tests {
			e.try(func() { e.testBlock(b) })
		}
	case "tune", "export":
		e.report1("M412", b.KindAt, "`%s` blocks cannot be run by this version", b.Kind)
	default:
		kinds := []string{"layer", "model", "config", "preset", "data", "train", "eval", "crossval", "tune", "predict", "generate", "export", "test"}
		d := diag.Diagnostic{Code: "M401", At: b.KindAt, Title: fmt.Sprintf("`%s` is no kind of block", b.Kind)}
		if near := diag.Suggest(b.Kind, kinds); near != "" {
			d.Labels = []diag.Label{{At: b.KindAt, Text: "did you mean `" + near + "`?"}}
		} else {
			d.Notes = notes("note", "blocks are "+strings.Join(kinds, ", "))
		}
		e.report(d)
	}
	e.phase, e.training, e.building, e.live = "", false, false, nil
}

func place(s source.Span) recipe.Place {
	if !s.Valid() {
		return recipe.Place{}
	}
	p := s.Position()
	return recipe.Place{File: p.Name, Line: p.Line, Col: p.Column}
}

// columns lists the batch columns that terms read, in order of first use.
func columns(terms ...*core.Term) []string {
	var out []string
	seen := map[*core.Term]bool{}
	have := map[string]bool{}
	var visit func(t *core.Term)
	visit = func(t *core.Term) {
		if t == nil || seen[t] {
			return
		}
		seen[t] = true
		if in, is := t.Kind.(core.Input); is && strings.HasPrefix(in.Name, "batch.") && !have[in.Name] {
			have[in.Name] = true
			out = append(out, in.Name)
		}
		for _, a := range t.Args {
			visit(a)
		}
		if sc, is := t.Kind.(core.Scan); is {
			for _, n := range sc.Next {
				visit(n)
			}
			for _, n := range sc.Outs {
				visit(n)
			}
		}
	}
	for _, t := range terms {
		visit(t)
	}
	return out
}

func namedTerms(list []core.Named) []*core.Term {
	var out []*core.Term
	for _, n := range list {
		if n.Term != nil {
			out = append(out, n.Term)
		}
		if n.Host != nil {
			out = append(out, n.Host.Args...)
		}
	}
	return out
}
