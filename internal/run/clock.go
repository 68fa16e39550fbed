package run

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"modelc/internal/checkpoint"
	"modelc/internal/report"
)

// due reports whether the clock ticks where the run stands (ruling 8): every so many steps or epochs, and at the end.
func (t *trainer) due() bool {
	s := &t.state
	if s.Count == 0 || s.Stopped {
		return false
	}
	every := t.t.Checkpoint
	switch {
	case s.Step >= t.total:
		return true
	case every.Steps > 0:
		return s.Step%every.Steps == 0
	case every.Epochs > 0:
		return s.EpochStep == 0 && s.Epoch%every.Epochs == 0
	case t.t.Epochs > 0:
		return s.EpochStep == 0
	}
	return s.Step%max(1, t.total/20) == 0
}

// tick measures, decides whether this is the best so far and whether to stop, and saves.
func (t *trainer) tick(ctx context.Context) error {
	if t.folder == nil { // a fold is measured at its end
		for i := range t.state.Sums {
			t.state.Sums[i] = 0
		}
		t.state.Count = 0
		return t.avg.tick(t.prog)
	}
	var m report.Metrics
	for i, n := range t.state.Names {
		m = append(m, report.Metric{Name: "train." + n, Value: float64(t.state.Sums[i]) / float64(t.state.Count)})
	}
	before := t.avg.held()
	if err := t.avg.tick(t.prog); err != nil {
		return err
	}
	if t.valid != nil {
		rows := *t.t.Valid
		if rows.Batch < 1 {
			rows.Batch = t.t.Rows.Batch
		}
		err := t.avg.with(t.prog, func() error {
			v, err := t.prog.measure(ctx, t.t.Metrics, t.valid, rows, t.scalars())
			if err != nil {
				return err
			}
			for _, x := range v.metrics {
				m = append(m, report.Metric{Name: "valid." + x.Name, Value: x.Value})
			}
			return nil
		})
		if err != nil {
			t.avg.put(before) // the tick is taken again when the run goes on
			return err
		}
	}
	best := false
	if k := t.t.Keep; k != nil {
		v, ok := m.Get(k.Metric)
		if !ok {
			return &Error{At: t.b.At, Text: fmt.Sprintf("keep names %s, which is not measured; there are %s", k.Metric, strings.Join(names(m), ", "))}
		}
		best = t.state.Best == "" || k.Highest && v > float64(t.state.BestValue) || !k.Highest && v < float64(t.state.BestValue) ||
			t.state.BestValue != t.state.BestValue && v == v
		if best {
			t.state.BestValue, t.state.BestStep, t.state.Waited = exact(v), t.state.Step, 0
			if err := t.saveWeights(); err != nil {
				return err
			}
		} else {
			t.state.Waited++
			t.state.Stopped = t.t.Patience > 0 && t.state.Waited >= t.t.Patience
		}
	}
	n, err := t.folder.record(t.state.Step, t.state.Epoch, m, best)
	if err != nil {
		return err
	}
	t.state.Logged += n
	for i := range t.state.Sums {
		t.state.Sums[i] = 0
	}
	t.state.Count = 0
	t.e.Emit(report.Tick{Block: t.b.Name, Step: t.state.Step, Steps: t.total, Epoch: t.state.Epoch, Metrics: m, Best: best})
	return t.save()
}

func names(m report.Metrics) []string {
	out := make([]string, len(m))
	for i, x := range m {
		out[i] = x.Name
	}
	return out
}

// saveWeights saves what the block has learned so far as the best; averaged weights stand for the others (ruling 7).
func (t *trainer) saveWeights() error {
	return t.avg.with(t.prog, func() error {
		tensors, err := t.prog.read(weightsOf(t.b.Name), t.b.Name)
		if err != nil {
			return err
		}
		t.state.Best, err = t.folder.store.SaveAside(&checkpoint.Snapshot{Step: t.state.Step, Epoch: t.state.Epoch, Hash: t.hash, Tensors: tensors})
		return err
	})
}

// save writes a checkpoint from which the run can go on.
func (t *trainer) save() error {
	tensors, err := t.prog.read(allOf(t.b.Name), t.b.Name)
	if err != nil {
		return err
	}
	tensors = append(tensors, t.avg.save()...)
	t.state.Recent = int64(len(t.avg.held()))
	state, err := json.Marshal(&t.state)
	if err != nil {
		return &Bug{err}
	}
	snap := &checkpoint.Snapshot{Step: t.state.Step, Epoch: t.state.Epoch, Hash: t.hash, State: state, Tensors: tensors}
	if t.state.Best != "" {
		snap.Uses = []string{t.state.Best}
	}
	if _, err := t.folder.store.Save(snap); err != nil {
		return err
	}
	t.saved = t.state.Step
	return nil
}

// interrupted saves where the run stands.
func (t *trainer) interrupted() error {
	if t.folder == nil {
		return ErrInterrupted
	}
	if t.saved != t.state.Step {
		if err := t.save(); err != nil {
			return err
		}
	}
	t.e.Emit(report.Note{Text: fmt.Sprintf("interrupted: step %d is saved in %s; go on with --resume", t.state.Step, t.folder)})
	return ErrInterrupted
}

// finish names the weights that other blocks read: those of keep, else the last.
func (t *trainer) finish() error {
	if t.state.Best == "" {
		t.state.BestStep = t.state.Step
		if err := t.saveWeights(); err != nil {
			return err
		}
		if err := t.save(); err != nil {
			return err
		}
	}
	f := t.folder
	f.info.Finished, f.info.Step, f.info.Weights = true, t.state.Step, t.state.Best
	if t.state.Stopped {
		f.info.Reason = "stop"
	}
	if err := f.json("run.json", &f.info); err != nil {
		return fmt.Errorf("the end of the run %s cannot be saved: %w", f, err)
	}
	return nil
}
