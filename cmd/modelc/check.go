package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"modelc/backend/cpu"
	"modelc/backend/plan"
	"modelc/compiler"
	"modelc/compiler/lower"
	"modelc/internal/checkpoint"
	"modelc/internal/run"
	"modelc/lang/diag"
	"modelc/lang/source"
	"modelc/lang/syntax"
)

type checkCmd struct {
	fileFlags
	Output string `enum:"full,concise,json" default:"full" help:"The form of messages: full, concise (one line each) or json."`
}

// Run is the verb. Messages are its result, so they go to stdout.
func (c *checkCmd) Run(s *streams) error {
	checked, err := s.check(c.fileFlags, true)
	if err != nil {
		return err
	}
	list := checked.Diagnostics()
	_ = diag.Render(s.out, list, diag.Options{Format: diag.Format(c.Output), Color: color(s.out)}) // the stream remembers an error
	if list.Failed() {
		return errShown
	}
	if c.Output == "full" {
		n := 0
		for _, x := range parameters(checked) {
			n += int(x)
		}
		fmt.Fprintf(s.out, "%s is good: %s\n", checked.Source.Name, describe(checked, n))
	}
	return nil
}

// describe counts what a file has.
func describe(c *compiler.Checked, parameters int) string {
	var kinds []string
	counts := map[string]int{}
	for _, b := range c.Recipe().Blocks {
		if counts[b.Kind] == 0 {
			kinds = append(kinds, b.Kind)
		}
		counts[b.Kind]++
	}
	var parts []string
	for _, k := range kinds {
		parts = append(parts, fmt.Sprintf("%d %s", counts[k], k))
	}
	if n := len(c.Program().Tests); n > 0 {
		parts = append(parts, fmt.Sprintf("%d test", n))
	}
	if parameters > 0 {
		parts = append(parts, fmt.Sprintf("%d parameters", parameters))
	}
	if parts == nil {
		return "it declares, and runs nothing"
	}
	return strings.Join(parts, ", ")
}

type fmtCmd struct {
	Files []string `arg:"" help:"The .model files; - is the standard input."`
	Write bool     `short:"w" help:"Rewrite files that are not in canonical form."`
	Diff  bool     `short:"d" help:"Print what would change."`
	Check bool     `help:"List files that are not in canonical form; exit code 1 if there are any."`
}

// Run is the verb.
func (c *fmtCmd) Run(s *streams) error {
	failed := false
	for _, path := range c.Files {
		if path == "-" && c.Write {
			return usageError{"-w cannot rewrite the standard input"}
		}
		text, err := s.readText(path)
		if err != nil {
			return err
		}
		out, diags := syntax.Format(source.NewFile(path, text))
		if diags.Failed() {
			s.show(diags)
			failed = true
			continue
		}
		changed := out != string(text)
		switch {
		case c.Diff:
			if changed {
				fmt.Fprintf(s.out, "%s", diff.Diff(path, text, path+" (formatted)", []byte(out)))
			}
			failed = failed || changed && c.Check
		case c.Check:
			if changed {
				fmt.Fprintln(s.out, path)
				failed = true
			}
		case !c.Write:
			fmt.Fprint(s.out, out)
		}
		if c.Write && changed {
			if err := rewrite(path, out); err != nil {
				return fmt.Errorf("%s cannot be written: %w", path, err)
			}
		}
	}
	if failed {
		return errShown
	}
	return nil
}

// rewrite replaces the contents of a file, through a link too, and keeps its mode.
func rewrite(path, text string) error {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(real)
	if err != nil {
		return err
	}
	err = checkpoint.WriteFile(checkpoint.OS, real, func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	})
	if err != nil {
		return err
	}
	return os.Chmod(real, info.Mode().Perm())
}

type irCmd struct {
	fileFlags
	Entry    string `placeholder:"NAME" help:"The entry, such as classify.step; the first step if not given."`
	After    string `placeholder:"STAGE" help:"Print what stands after this stage, or the plan of the cpu: the last pass if not given."`
	List     bool   `help:"List entries and stages."`
	Batch    int64  `placeholder:"N" help:"Rows of a batch, instead of the file's."`
	Length   int64  `default:"16" placeholder:"N" help:"The padded length of columns that are lists."`
	Tokens   int64  `default:"8" placeholder:"N" help:"Positions of the prompt of a generate block."`
	Capacity int64  `default:"64" placeholder:"N" help:"Rows of the caches of a generate block."`
}

// Run is the verb.
func (c *irCmd) Run(s *streams) error {
	checked, err := s.mustCheck(c.fileFlags, true)
	if err != nil {
		return err
	}
	entries := checked.Entries()
	if c.List {
		fmt.Fprintf(s.out, "entries: %s\nstages: %s\n", strings.Join(entries, ", "), strings.Join(append(compiler.Stages(), planStage), ", "))
		return nil
	}
	entry := c.Entry
	for _, e := range entries {
		if entry == "" && strings.HasSuffix(e, ".step") {
			entry = e
		}
	}
	if entry == "" && len(entries) > 0 {
		entry = entries[0]
	}
	sizes := lower.Sizes{B: c.Batch, Tokens: c.Tokens, Capacity: c.Capacity, Lengths: map[string]int64{}}
	if sizes.B == 0 {
		sizes.B = batchOf(checked, entry)
	}
	for _, name := range newProgram(checked).lengths {
		sizes.Lengths[name] = c.Length
	}
	if c.After == planStage {
		if !slices.Contains(entries, entry) {
			return usageError{fmt.Sprintf("there is no entry %q; this file has %s", entry, strings.Join(entries, ", "))}
		}
		text, err := planOf(checked, entry, sizes)
		if err == nil {
			fmt.Fprint(s.out, text)
		}
		return err
	}
	text, diags, err := checked.Dump(entry, c.After, sizes, nil)
	if err != nil {
		return usageError{err.Error()}
	}
	if diags.Failed() {
		return diags
	}
	fmt.Fprint(s.out, text)
	return nil
}

// planStage is the stage behind the passes: what the cpu does, step by step.
const planStage = "plan"

// planOf prints the plan of an entry for the cpu.
func planOf(c *compiler.Checked, entry string, sizes lower.Sizes) (string, error) {
	m, diags := c.Module(entry, sizes, nil)
	if diags.Failed() {
		return "", diags
	}
	states := map[string]int{}
	for i, st := range c.States(sizes) {
		states[st.Name] = i
	}
	p, err := plan.New(m, m.Entry(entry), states, cpu.Target())
	if err != nil {
		return "", &run.Bug{Err: err}
	}
	return plan.Print(p), nil
}

// batchOf is the batch size of the block that an entry belongs to; 1 where it has none.
func batchOf(c *compiler.Checked, entry string) int64 {
	n := int64(1)
	for _, b := range c.Recipe().Blocks {
		switch {
		case b.Train != nil && strings.HasPrefix(entry, b.Name+"."):
			n = b.Train.Rows.Batch
		case b.Eval != nil && strings.HasPrefix(entry, b.Eval.Metrics.Entry):
			n = b.Eval.Rows.Batch
		case b.Predict != nil && entry == b.Name && b.Predict.Rows != nil:
			n = b.Predict.Rows.Batch
		}
	}
	return max(1, n)
}

type explainCmd struct {
	Code string `arg:"" help:"A code, such as M101."`
}

// Run is the verb.
func (c *explainCmd) Run(s *streams) error {
	text, ok := diag.Explain(c.Code)
	if !ok {
		var codes []string
		for _, e := range diag.Codes {
			codes = append(codes, e.Code)
		}
		hint := ""
		if near := diag.Suggest(strings.ToUpper(c.Code), codes); near != "" {
			hint = "; did you mean " + near + "?"
		}
		return fmt.Errorf("there is no code %s%s", c.Code, hint)
	}
	fmt.Fprint(s.out, text)
	return nil
}

type versionCmd struct{}

// Run is the verb.
func (versionCmd) Run(s *streams) error {
	fmt.Fprintln(s.out, "modelc "+version())
	return nil
}
