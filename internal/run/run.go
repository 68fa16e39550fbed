// Package run carries out an experiment: it trains, measures, predicts and generates as the recipe says.
//
// The compiler tells it what to do (Compiled): a recipe as plain data, and modules of IR, each specialised to the sizes of a batch. A device runs them
// (package backend), package data gives the batches, package checkpoint keeps the weights. Train blocks that are stale run first, in order of
// dependence; then the other blocks, in order of the source. A train block is stale when no finished run has its hash, which covers the block, its
// config, its data and its seed.
//
// A run lives in a folder OUT/FILE/BLOCK/N with its source, its recipe, what was fitted to its data, its metrics as JSON lines and its checkpoints. A run
// that was interrupted or killed goes on from its last checkpoint and ends with the same bits as one that was not: the checkpoint holds the states of
// the device, the place in the data and everything the loop counts, and nothing else has a memory.
package run

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"modelc/backend"
	"modelc/internal/checkpoint"
	"modelc/internal/data"
	"modelc/internal/report"
	"modelc/ir"
	"modelc/recipe"
)

// Sizes are what a module is specialised to.
type Sizes struct {
	B        int64            // rows of a batch
	Lengths  map[string]int64 // padded length of each batch column that is a list ("batch.x")
	Tokens   int64            // generating: positions of the padded tokens
	Capacity int64            // generating: rows of the caches
}

// Source is a text of the program, for the run folder.
type Source struct {
	Name string
	Text []byte
}

// Compiled is a checked program.
type Compiled interface {
	Recipe() *recipe.Recipe
	Sources() []Source
	// States lists the states of the program: weights, statistics, moments, counters; and, where B and Capacity are set, the caches of generate blocks.
	States(s Sizes) ([]*ir.State, error)
	// Module gives the module that holds an entry, specialised and optimised for a device.
	Module(entry string, s Sizes, d backend.Device) (*ir.Module, error)
}

// Options say how to run.
type Options struct {
	Out      string // folder of the runs; "" is "runs"
	DataDirs []string
	Device   backend.Device
	Seed     *int64 // instead of the seeds of the file
	Resume   bool   // go on with the newest run that has not finished
	Only     []string
	Kinds    []string           // kinds of blocks beside train to run; nil: all
	Emit     func(report.Event) // never nil
	FS       checkpoint.FS      // nil: the machine's
	Version  string             // of the program, for the run folder
	Prompt   *string            // generate: instead of the file's prompt
	Length   int64              // generate: instead of the file's length; 0: the file's
	NoCache  bool               // generate by NAME.full, without caches
	Input    string             // predict: rows from this file instead of the block's data
	Finished bool               // use only finished runs: never train
	Now      func() time.Time   // nil: time.Now
	stepped  func(step int64)   // for tests: after every step
}

// ErrInterrupted is returned when the context ended: what was reached is saved.
var ErrInterrupted = errors.New("interrupted")

// Bug is an error that no input can be blamed for.
type Bug struct{ Err error }

func (b *Bug) Error() string { return b.Err.Error() }
func (b *Bug) Unwrap() error { return b.Err }

// Error is an error at a place of the model.
type Error struct {
	At   recipe.Place
	Code string // "" where the error has none
	Text string
}

func (e *Error) Error() string {
	if e.At.File == "" {
		return e.Text
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.At.File, e.At.Line, e.At.Col, e.Text)
}

// experiment is one call of Run.
type experiment struct {
	Options
	c       Compiled
	recipe  *recipe.Recipe
	sets    map[string]*opened
	trained map[string]*weights
	result  report.Result
	// How many blocks have reported under a name.
	prefixes map[string]int
	started  time.Time
}

// opened is a data block that was read.
type opened struct {
	set  *data.Set
	hash string
}

// Run carries out the blocks of a program and returns what was measured. The error is the user's, a *Bug, or ErrInterrupted.
func Run(ctx context.Context, c Compiled, o Options) (report.Result, error) {
	e := newExperiment(c, o)
	order, err := e.order()
	if err != nil {
		return e.result, err
	}
	for _, b := range order {
		if _, err := e.train(ctx, b); err != nil {
			return e.result, err
		}
	}
	for _, b := range e.recipe.Blocks {
		if !e.selected(b) {
			continue
		}
		var err error
		start := e.Now()
		switch {
		case b.Eval != nil:
			err = e.eval(ctx, b)
		case b.Crossval != nil:
			err = e.crossval(ctx, b)
		case b.Predict != nil:
			err = e.predict(ctx, b)
		case b.Generate != nil:
			err = e.generate(ctx, b)
		default:
			continue
		}
		if err != nil {
			return e.result, err
		}
		e.Emit(report.Done{Block: b.Name, Seconds: e.Now().Sub(start).Seconds()})
	}
	e.result.Seconds = e.Now().Sub(e.started).Seconds()
	return e.result, nil
}

func newExperiment(c Compiled, o Options) *experiment {
	if o.Out == "" {
		o.Out = "runs"
	}
	if o.FS == nil {
		o.FS = checkpoint.OS
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	r := c.Recipe()
	return &experiment{Options: o, c: c, recipe: r, sets: map[string]*opened{}, trained: map[string]*weights{}, started: o.Now(), prefixes: map[string]int{},
		result: report.Result{File: r.File, Metrics: report.Metrics{}}}
}

// selected reports whether a block that is no train block runs.
func (e *experiment) selected(b *recipe.Block) bool {
	if b.Train != nil || e.Kinds != nil && !slices.Contains(e.Kinds, b.Kind) {
		return false
	}
	return e.Only == nil || slices.Contains(e.Only, b.Name)
}

// order returns the train blocks that are needed, each after those it needs.
func (e *experiment) order() ([]*recipe.Block, error) {
	var out []*recipe.Block
	state := map[string]int{} // 1: being visited, 2: done
	var visit func(name string, at recipe.Place) error
	visit = func(name string, at recipe.Place) error {
		b := e.block(name)
		if b == nil {
			return &Error{At: at, Text: fmt.Sprintf("there is no train block `%s`", name)}
		}
		switch state[name] {
		case 1:
			return &Error{At: b.At, Text: fmt.Sprintf("the train block `%s` needs itself", name)}
		case 2:
			return nil
		}
		state[name] = 1
		for _, n := range b.Needs {
			if err := visit(n, b.At); err != nil {
				return err
			}
		}
		state[name] = 2
		out = append(out, b)
		return nil
	}
	everything := e.Only == nil && e.Kinds == nil
	for _, b := range e.recipe.Blocks {
		switch {
		case b.Train != nil && (everything || slices.Contains(e.Only, b.Name)):
			if err := visit(b.Name, b.At); err != nil {
				return nil, err
			}
		case e.selected(b):
			needs := b.Needs
			if b.Crossval == nil { // which trains its run itself
				needs = append(slices.Clone(needs), runOf(b)...)
			}
			for _, n := range needs {
				if err := visit(n, b.At); err != nil {
					return nil, err
				}
			}
		}
	}
	for _, name := range e.Only {
		if !slices.ContainsFunc(e.recipe.Blocks, func(b *recipe.Block) bool { return b.Name == name }) {
			return nil, &Error{Text: fmt.Sprintf("%s has no block `%s`", e.recipe.File, name)}
		}
	}
	return out, nil
}

// runOf names the train block of whose weights a block makes use.
func runOf(b *recipe.Block) []string {
	name := ""
	switch {
	case b.Eval != nil:
		name = b.Eval.Run
	case b.Crossval != nil:
		name = b.Crossval.Run
	case b.Predict != nil:
		name = b.Predict.Run
	case b.Generate != nil:
		name = b.Generate.Run
	}
	if name == "" {
		return nil
	}
	return []string{name}
}

// block finds a train block: blocks of other kinds may be called like one.
func (e *experiment) block(name string) *recipe.Block {
	for _, b := range e.recipe.Blocks {
		if b.Train != nil && b.Name == name {
			return b
		}
	}
	return nil
}

// seed returns the seed of a block.
func (e *experiment) seed(own int64) int64 {
	if e.Seed != nil {
		return *e.Seed
	}
	return own
}

// data opens a data block once.
func (e *experiment) data(name string) (*opened, error) {
	if o, ok := e.sets[name]; ok {
		return o, nil
	}
	d := e.dataBlock(name)
	if d == nil {
		return nil, &Bug{fmt.Errorf("the recipe has no data block %q", name)}
	}
	set, err := data.Open(d, e.DataDirs, data.Options{})
	if err != nil {
		return nil, err
	}
	e.tell(name, set)
	o := &opened{set, set.Hash()}
	e.sets[name] = o
	return o, nil
}

func (e *experiment) dataBlock(name string) *recipe.Data {
	for _, d := range e.recipe.Data {
		if d.Name == name {
			return d
		}
	}
	return nil
}

// tell reports what reading gave.
func (e *experiment) tell(name string, set *data.Set) {
	r := set.Report()
	ev := report.Data{Name: name, Read: r.Read, Unused: r.Unused}
	for _, c := range r.Splits {
		ev.Splits = append(ev.Splits, report.Count{Split: c.Split, Rows: c.Rows})
	}
	for _, d := range r.Discarded {
		ev.Discarded += d.Rows
	}
	for _, f := range r.Filled {
		ev.Filled += f.Values
	}
	e.Emit(ev)
}

// metrics adds measured numbers to the result, under a prefix.
func (e *experiment) metrics(prefix string, m report.Metrics) {
	for _, x := range m {
		e.result.Metrics = append(e.result.Metrics, report.Metric{Name: prefix + "." + x.Name, Value: x.Value})
	}
}

// prefix is the name under which a block's metrics are reported: its own, which is that of its data's split where the file gives it none, with a number where a block
// before it has the same.
func (e *experiment) prefix(b *recipe.Block) string {
	e.prefixes[b.Name]++
	if n := e.prefixes[b.Name]; n > 1 {
		return b.Name + "." + itoa(int64(n))
	}
	return b.Name
}

// fileName is the name of the folder of a file's runs.
func fileName(file string) string {
	base := strings.TrimSuffix(filepath.Base(file), ".model")
	if base == "" || base == "." || base == ".." || base == string(filepath.Separator) || base == "-" {
		return "model"
	}
	return base
}

func hashOf(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s\n", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil))
}
