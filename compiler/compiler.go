// Package compiler turns files of the language into checked programs, and those into modules that a device runs.
//
// It has two halves. Check serves everything, editors too: it parses, resolves and elaborates, never fails, and reports what it finds. Module is asked by the run, once
// per entry and set of sizes: it lowers the checked program to IR, differentiates, and runs the pass table. The package does no I/O: texts come in as bytes, and
// imports are read by a function that the caller gives.
package compiler

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"

	"modelc/compiler/check"
	"modelc/compiler/core"
	"modelc/compiler/lower"
	"modelc/compiler/opt"
	"modelc/compiler/resolve"
	"modelc/ir"
	"modelc/lang/diag"
	"modelc/lang/source"
	"modelc/lang/syntax"
	"modelc/recipe"
	"modelc/stdlib"
)

// Options say how a file is checked.
type Options struct {
	Set    []string                          // "name=value", for config
	Preset string                            // the preset that is applied before Set
	Read   func(path string) ([]byte, error) // reads an imported file; nil: files cannot be imported
	Tests  bool                              // elaborate test blocks
}

// Checked is a file that has been checked.
type Checked struct {
	Source *source.File
	File   *syntax.File
	unit   *resolve.Unit
	result *check.Result
	diags  diag.List
}

// Check parses and checks one file.
func Check(name string, text []byte, o Options) *Checked {
	c := &Checked{Source: source.NewFile(name, text)}
	c.File, c.diags = syntax.Parse(c.Source)
	if c.diags.Failed() {
		c.result = &check.Result{Program: &core.Program{}, Recipe: &recipe.Recipe{File: name}}
		return c
	}
	u, diags := resolve.File(c.File, resolve.Options{Read: o.Read})
	c.unit = u
	c.diags = append(c.diags, diags...)
	c.result = check.File(u, check.Options{Set: o.Set, Preset: o.Preset, Tests: o.Tests})
	c.diags = append(c.diags, c.result.Diags...)
	if c.diags.Failed() {
		return c
	}
	c.measure()
	c.hash()
	return c
}

// measure cuts the metrics of every block, so that a metric which mixes rows is found before a run, and fills in the recipe.
func (c *Checked) measure() {
	p := c.result.Program
	for _, b := range c.result.Recipe.Blocks {
		var at *recipe.Metrics
		switch {
		case b.Train != nil && len(b.Train.Metrics.Names) > 0:
			at = &b.Train.Metrics
			if b.Train.Valid == nil {
				unmeasured(p, at)
			}
		case b.Eval != nil:
			at = &b.Eval.Metrics
		default:
			continue
		}
		m, diags := lower.Metrics(p, at.Entry)
		c.diags = append(c.diags, diags...)
		m.Columns = at.Columns
		*at = m
	}
}

// unmeasured drops the losses that mix rows from the metrics of a train block without `valid`: they are for training (a contrast between rows), and nobody
// asks for their value over a split.
func unmeasured(p *core.Program, at *recipe.Metrics) {
	for _, t := range p.Trains {
		if at.Entry != t.Name+".valid" {
			continue
		}
		all := t.Valid
		var keep []core.Named
		for _, n := range all {
			t.Valid = []core.Named{n}
			if n.Name == recipe.OutLoss || strings.HasSuffix(n.Name, "."+recipe.OutLoss) {
				if _, diags := lower.Metrics(p, at.Entry); diags.Failed() {
					continue
				}
			}
			keep = append(keep, n)
		}
		t.Valid = keep
	}
}

// library is the hash of the library's text: a run made with another library is stale.
var library = sync.OnceValue(func() []byte {
	h := sha256.New()
	for _, f := range stdlib.Files() {
		fmt.Fprintf(h, "%q %q\n", f.Name, f.Text)
	}
	return h.Sum(nil)
})

// hash gives each block the hash of what it computes: its own text, that of all definitions and data of the file and of the files it imports, the library's, and the config, comments and
// white space of the file aside. Other blocks do not count: what one needs of them is in the hash of a run (recipe.Block.Needs).
func (c *Checked) hash() {
	r := c.result.Recipe
	common := sha256.New()
	common.Write(library())
	if err := json.NewEncoder(common).Encode(r.Config); err != nil {
		panic("compiler: " + err.Error())
	}
	seen := map[*resolve.Unit]bool{}
	var definitions func(u *resolve.Unit)
	definitions = func(u *resolve.Unit) {
		if seen[u] {
			return
		}
		seen[u] = true
		for _, m := range u.File.Members {
			if m.Block == nil || m.Block.Kind == "layer" || m.Block.Kind == "model" || m.Block.Kind == "data" || u != c.unit && m.Block.Kind == "config" {
				words(common, u.File, m)
			}
		}
		names := slices.Sorted(maps.Keys(u.Imports))
		for _, n := range names {
			fmt.Fprintf(common, "import %q\n", n)
			definitions(u.Imports[n])
		}
	}
	definitions(c.unit)
	sum := common.Sum(nil)
	own := map[recipe.Place]*syntax.Member{}
	for _, m := range c.File.Members {
		if m.Block != nil {
			p := m.Block.At.Position()
			own[recipe.Place{File: p.Name, Line: p.Line, Col: p.Column}] = m
		}
	}
	for _, b := range r.Blocks {
		h := sha256.New()
		h.Write(sum)
		words(h, c.File, own[b.At])
		b.Hash = hex.EncodeToString(h.Sum(nil)[:16])
	}
}

// words writes the tokens of a member that mean something, one a line: a newline ends a statement, so line ends count, once.
func words(w io.Writer, f *syntax.File, m *syntax.Member) {
	line := false
	for _, t := range f.Tokens {
		switch {
		case t.Start < m.At.Start || t.End > m.At.End || t.Kind == syntax.Space || t.Kind == syntax.Comment:
		case t.Kind == syntax.Newline:
			line = true
		default:
			if line {
				fmt.Fprintln(w)
			}
			fmt.Fprintf(w, "%q ", t.Text)
			line = false
		}
	}
	fmt.Fprintln(w)
}

// Diagnostics returns what has been found.
func (c *Checked) Diagnostics() diag.List { return c.diags }

// Recipe returns the plan of the experiment. It is complete when nothing failed.
func (c *Checked) Recipe() *recipe.Recipe { return c.result.Recipe }

// Program returns the checked program.
func (c *Checked) Program() *core.Program { return c.result.Program }

// Layers lists the instances of every train block.
func (c *Checked) Layers() []check.Layer { return c.result.Layers }

// Entries lists the names of the program's entries.
func (c *Checked) Entries() []string { return lower.Entries(c.result.Program) }

// States lists the states of all blocks.
func (c *Checked) States(s lower.Sizes) []*ir.State { return lower.States(c.result.Program, s) }

// Module lowers one entry for the given sizes and runs the pass table. keep reports which composites the device runs by itself; nil: none.
func (c *Checked) Module(entry string, s lower.Sizes, keep func(*ir.Instr) bool) (*ir.Module, diag.List) {
	m, diags := lower.Lower(c.result.Program, entry, s)
	if diags.Failed() {
		return nil, diags
	}
	if err := opt.Run(m, opt.Options{Keep: keep}); err != nil {
		panic("compiler: " + entry + ": " + err.Error())
	}
	return m, diags
}

// Stages lists what Dump takes: lower, then the passes by name.
func Stages() []string { return append([]string{"lower"}, opt.Stages()...) }

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// Dump prints the module of an entry after a stage; "" is the last.
func (c *Checked) Dump(entry, stage string, s lower.Sizes, keep func(*ir.Instr) bool) (string, diag.List, error) {
	if !contains(c.Entries(), entry) {
		return "", nil, fmt.Errorf("there is no entry %q; this file has %s", entry, strings.Join(c.Entries(), ", "))
	}
	if stage != "" && !contains(Stages(), stage) {
		return "", nil, fmt.Errorf("there is no stage %q; the stages are %s", stage, strings.Join(Stages(), ", "))
	}
	m, diags := lower.Lower(c.result.Program, entry, s)
	if diags.Failed() {
		return "", diags, nil
	}
	if stage != "lower" {
		text := ""
		o := opt.Options{Keep: keep, Verify: true, After: func(name string, m *ir.Module) {
			if name == stage {
				text = ir.Print(m)
			}
		}}
		if err := opt.Run(m, o); err != nil {
			return "", diags, err
		}
		if stage != "" {
			return text, diags, nil
		}
	}
	return ir.Print(m), diags, nil
}
