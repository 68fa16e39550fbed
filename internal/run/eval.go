package run

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"modelc/internal/data"
	"modelc/internal/report"
	"modelc/ir"
	"modelc/recipe"
)

// reader opens a program that reads what trained blocks have learned, for blocks that train nothing. Caches of the block of the given name are part of it.
func (e *experiment) reader(s Sizes, block string) (*program, error) {
	all, err := e.c.States(s)
	if err != nil {
		return nil, err
	}
	var states []*ir.State
	for _, x := range all {
		if e.learned(x) || x.Role == ir.Counter || x.Role == ir.Cache && of(x, block) {
			states = append(states, x)
		}
	}
	p, err := e.open(states)
	if err != nil {
		return nil, err
	}
	if err := e.fillLearned(p, ""); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// dataOf opens the data of a block and batches that fall back to those of the training.
func (e *experiment) dataOf(rows recipe.Rows, run string) (*data.Set, recipe.Rows, error) {
	o, err := e.data(rows.Data)
	if err != nil {
		return nil, rows, err
	}
	if b := e.block(run); rows.Batch < 1 && b != nil {
		rows.Batch = b.Train.Rows.Batch
	}
	if err := e.sameFit(o, rows.Data, run); err != nil {
		return nil, rows, err
	}
	if n := o.set.Rows(rows.Split); n < 1 {
		return nil, rows, &Error{Text: fmt.Sprintf("the split %q of %s has no rows; it has the splits %v", rows.Split, rows.Data, o.set.Splits())}
	}
	return o.set, rows, nil
}

// sameFit refuses data to which other transforms would be fitted than those that the weights were trained with. A run that has just been found up to date has the same; one
// that is read as it is (Options.Finished) may not.
func (e *experiment) sameFit(o *opened, name, run string) error {
	w := e.trained[run]
	if !e.Finished || w == nil || w.block.Train.Rows.Data != name {
		return nil
	}
	now, err := json.Marshal(o.set.Fitted())
	if err != nil {
		return &Bug{err}
	}
	then, err := json.Marshal(w.fitted)
	if err != nil {
		return &Bug{err}
	}
	if !bytes.Equal(now, then) {
		return &Error{At: w.block.At, Text: fmt.Sprintf("the data %s has changed since %s was trained, and what is fitted to it with it; train again, or give the rows by --input", name, w.folder)}
	}
	return nil
}

// eval measures a split.
func (e *experiment) eval(ctx context.Context, b *recipe.Block) error {
	set, rows, err := e.dataOf(b.Eval.Rows, b.Eval.Run)
	if err != nil {
		return err
	}
	e.Emit(report.Start{Kind: b.Kind, Block: b.Name, Rows: int64(set.Rows(rows.Split)), Seed: e.seedOf(b.Eval.Run)})
	p, err := e.reader(Sizes{B: rows.Batch}, b.Name)
	if err != nil {
		return err
	}
	defer p.Close()
	m, err := p.measure(ctx, b.Eval.Metrics, set, rows, scalars{seed: e.seedOf(b.Eval.Run)})
	if err != nil {
		return err
	}
	prefix := e.prefix(b)
	e.metrics(prefix, m.metrics)
	for _, t := range m.tables {
		t.Title = prefix + "." + t.Title
		e.Emit(t)
	}
	return nil
}

// seedOf is the seed of a train block's run.
func (e *experiment) seedOf(run string) int64 {
	if w := e.trained[run]; w != nil {
		return w.folder.info.Seed
	}
	if b := e.block(run); b != nil {
		return e.seed(b.Train.Seed)
	}
	return e.seed(0)
}

// crossval trains a block once for each fold, with every transform fitted anew on the other folds, and measures it on that fold (ruling 60). A fold must not choose its own
// weights, so keep, stop and valid of the block have no part in it: each run goes to its planned end.
func (e *experiment) crossval(ctx context.Context, b *recipe.Block) error {
	run := e.block(b.Crossval.Run)
	if run == nil {
		return &Error{At: b.At, Text: fmt.Sprintf("there is no train block `%s`", b.Crossval.Run)}
	}
	o, err := e.data(run.Train.Rows.Data)
	if err != nil {
		return err
	}
	seed := e.seed(run.Train.Seed)
	e.Emit(report.Start{Kind: b.Kind, Block: b.Name, Seed: seed})
	one := *run.Train
	one.Keep, one.Patience, one.Valid = nil, 0, nil
	folds := map[string][]float64{}
	var order []string
	for k := range b.Crossval.Folds {
		set, err := o.set.Fold(int(k), int(b.Crossval.Folds), seed, b.Crossval.Group)
		if err != nil {
			return err
		}
		m, err := e.fold(ctx, run, &one, set, seed)
		if err != nil {
			return err
		}
		var shown report.Metrics
		for _, x := range m.metrics {
			if b.Crossval.Report != nil && !slices.Contains(b.Crossval.Report, x.Name) {
				continue
			}
			if folds[x.Name] == nil {
				order = append(order, x.Name)
			}
			folds[x.Name] = append(folds[x.Name], x.Value)
			shown = append(shown, x)
		}
		e.Emit(report.Fold{Block: b.Name, Fold: k + 1, Folds: b.Crossval.Folds, Rows: m.rows, Metrics: shown})
	}
	for _, name := range b.Crossval.Report {
		if folds[name] == nil {
			return &Error{At: b.At, Text: fmt.Sprintf("report names %s, which `%s` does not measure", name, run.Name)}
		}
	}
	var out report.Metrics
	for _, name := range order {
		mean, deviation := meanAndDeviation(folds[name])
		out = append(out, report.Metric{Name: name, Value: mean}, report.Metric{Name: name + ".deviation", Value: deviation})
	}
	e.metrics(e.prefix(b), out)
	return nil
}

// fold trains on one fold's rows and measures the rows left out.
func (e *experiment) fold(ctx context.Context, run *recipe.Block, train *recipe.Train, set *data.Set, seed int64) (*measured, error) {
	t := &trainer{e: e, b: run, t: train, seed: seed, set: set, saved: -1}
	t.t.Rows.Split = "train"
	if err := t.open(); err != nil {
		return nil, err
	}
	defer t.prog.Close()
	if err := t.begin(); err != nil {
		return nil, err
	}
	if err := t.loop(ctx); err != nil {
		return nil, err
	}
	var m *measured
	err := t.avg.with(t.prog, func() (err error) {
		rows := recipe.Rows{Data: train.Rows.Data, Split: "valid", Batch: train.Rows.Batch}
		m, err = t.prog.measure(ctx, train.Metrics, set, rows, t.scalars())
		return err
	})
	return m, err
}

// meanAndDeviation are the mean and the standard deviation of a sample.
func meanAndDeviation(x []float64) (mean, deviation float64) {
	for _, v := range x {
		mean += v
	}
	mean /= float64(len(x))
	if len(x) < 2 {
		return mean, 0
	}
	for _, v := range x {
		deviation += (v - mean) * (v - mean)
	}
	return mean, math.Sqrt(deviation / float64(len(x)-1))
}
