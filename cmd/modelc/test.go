package main

import (
	"context"
	"fmt"

	"modelc/compiler"
	"modelc/compiler/lower"
	"modelc/internal/run"
	"modelc/recipe"
	"modelc/stdlib"
)

type testCmd struct {
	Files   []string `arg:"" optional:"" help:"The .model files."`
	Library bool     `help:"Run the tests of the standard library."`
	Set     []string `sep:"none" placeholder:"NAME=VALUE" help:"Change a value of the files' config. May be given several times."`
	Preset  string   `placeholder:"NAME" help:"Apply a preset of the files."`
	deviceFlags
}

// Run is the verb.
func (c *testCmd) Run(s *streams) error {
	if len(c.Files) == 0 && !c.Library {
		return usageError{"a file is missing (or --library)"}
	}
	d, err := c.open()
	if err != nil {
		return err
	}
	defer d.Close()
	var checked []*compiler.Checked
	for _, f := range c.Files {
		k, err := s.mustCheck(fileFlags{f, c.Set, c.Preset}, true)
		if err != nil {
			return err
		}
		checked = append(checked, k)
	}
	if c.Library {
		for _, f := range stdlib.Tests() {
			k := compiler.Check("std/"+f.Name, []byte(f.Text), compiler.Options{Tests: true})
			if k.Diagnostics().Failed() {
				return k.Diagnostics()
			}
			checked = append(checked, k)
		}
	}
	passed, failed := 0, 0
	for _, k := range checked {
		results, err := run.Tests(context.Background(), newProgram(k), tests(k), d)
		if err != nil {
			return s.located(k, err)
		}
		for _, r := range results {
			if r.Failures == nil {
				passed++
				fmt.Fprintf(s.out, "ok    %s: %s\n", k.Source.Name, r.Test.Title)
				continue
			}
			failed++
			fmt.Fprintf(s.out, "FAIL  %s: %s\n", k.Source.Name, r.Test.Title)
			for _, f := range r.Failures {
				fmt.Fprintf(s.out, "      %s:%d:%d: %s\n", f.At.File, f.At.Line, f.At.Col, f.Text)
			}
		}
	}
	fmt.Fprintf(s.out, "%d passed, %d failed\n", passed, failed)
	if failed > 0 {
		return errShown
	}
	return nil
}

// tests lists the test blocks of a file. One that demands a diagnostic, and one whose assertions were decided while checking, has nothing to run.
func tests(c *compiler.Checked) []run.Test {
	var out []run.Test
	for i, t := range c.Program().Tests {
		x := run.Test{Title: t.Title}
		if len(t.Asserts) > 0 {
			x.Entry = lower.TestEntry(i)
			if len(t.Slots) > 0 {
				x.Init = x.Entry + ".init"
			}
		}
		for _, a := range t.Asserts {
			p := a.At.Position()
			x.Asserts = append(x.Asserts, a.Text)
			x.Places = append(x.Places, recipe.Place{File: p.Name, Line: p.Line, Col: p.Column})
		}
		out = append(out, x)
	}
	return out
}
