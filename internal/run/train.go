package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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

// trainer is one training run.
type trainer struct {
	e       *experiment
	b       *recipe.Block
	t       *recipe.Train
	seed    int64
	set     *data.Set // nil: the block draws no rows
	valid   *data.Set // nil: no validation
	prog    *program
	avg     *averager
	folder  *folder // nil: a fold of a crossval, of which nothing is kept
	hash    string
	state   loopState
	columns []string
	total   int64 // planned steps
	epoch   int64 // steps of an epoch; 0: it draws no rows
	entries []string
	saved   int64 // step of the newest checkpoint, -1: none
}

// emitEvery is the time between two reports of progress.
const emitEvery = 100 * time.Millisecond

// train gives the weights of a block: those of a finished run if it is not stale, else of a run that goes on or begins.
func (e *experiment) train(ctx context.Context, b *recipe.Block) (*weights, error) {
	if w, ok := e.trained[b.Name]; ok {
		return w, nil
	}
	for _, n := range b.Needs {
		if e.trained[n] == nil {
			return nil, &Bug{fmt.Errorf("%s needs %s, which has not run", b.Name, n)}
		}
	}
	runs, err := e.runs(b.Name)
	if err != nil {
		return nil, err
	}
	if e.Finished {
		return e.finished(b, runs)
	}
	set := &opened{}
	if b.Train.Rows.Data != "" {
		if set, err = e.data(b.Train.Rows.Data); err != nil {
			return nil, err
		}
	}
	seed := e.seed(b.Train.Seed)
	hash, err := e.hash(b, set, seed)
	if err != nil {
		return nil, err
	}
	for _, f := range runs {
		if !f.info.Finished || f.info.Hash != hash {
			continue
		}
		w, err := e.load(b, f)
		if err != nil {
			e.Emit(report.Note{Text: fmt.Sprintf("%s is not used: %v", f, err)})
			continue
		}
		e.Emit(report.Note{Text: fmt.Sprintf("%s is up to date: %s, step %d", b.Name, f, w.step)})
		e.keep(w)
		return w, nil
	}
	t := &trainer{e: e, b: b, t: b.Train, seed: seed, set: set.set, hash: hash, saved: -1}
	if b.Train.Valid != nil {
		v, err := e.data(b.Train.Valid.Data)
		if err != nil {
			return nil, err
		}
		t.valid = v.set
	}
	if err := t.open(); err != nil {
		return nil, err
	}
	defer t.prog.Close()
	defer func() {
		if t.folder != nil {
			t.folder.Close()
		}
	}()
	if e.Resume {
		if err := t.resume(runs); err != nil {
			return nil, err
		}
	}
	if t.folder == nil {
		about := info{Version: infoVersion, Program: e.Version, File: e.recipe.File, Block: b.Name, Source: b.Hash, Hash: hash, Seed: seed,
			Device: e.Device.Name(), Started: e.Now().UTC()}
		fitted := &data.Fitted{}
		if set.set != nil {
			counts := set.set.Report()
			about.Data, fitted = &counts, set.set.Fitted()
		}
		t.folder, err = e.newFolder(b, about, fitted)
		if err != nil {
			return nil, err
		}
		if err := t.begin(); err != nil {
			return nil, err
		}
	}
	if err := t.loop(ctx); err != nil {
		return nil, err
	}
	if err := t.finish(); err != nil {
		return nil, err
	}
	w, err := e.load(b, t.folder)
	if err != nil {
		return nil, err
	}
	e.keep(w)
	return w, nil
}

// keep makes a run's weights those of its block.
func (e *experiment) keep(w *weights) {
	e.trained[w.block.Name] = w
	e.result.Runs = append(e.result.Runs, report.Run{Block: w.block.Name, Folder: w.folder.String(), Step: w.step})
}

// finished gives the newest finished run without looking at the data.
func (e *experiment) finished(b *recipe.Block, runs []*folder) (*weights, error) {
	for _, f := range runs {
		if !f.info.Finished {
			continue
		}
		w, err := e.load(b, f)
		if err != nil {
			e.Emit(report.Note{Text: fmt.Sprintf("%s is not used: %v", f, err)})
			continue
		}
		if f.info.Source != b.Hash {
			e.Emit(report.Note{Text: fmt.Sprintf("%s was trained by another version of `%s` or its config", f, b.Name)})
		}
		e.keep(w)
		return w, nil
	}
	return nil, &Error{At: b.At, Text: fmt.Sprintf("there is no finished run of `%s` in %s; train it first: modelc run %s", b.Name, e.blockDir(b.Name), e.recipe.File)}
}

// hash is that of a run: whatever it hangs on.
func (e *experiment) hash(b *recipe.Block, set *opened, seed int64) (string, error) {
	parts := []string{b.Hash, set.hash, itoa(seed)}
	if b.Train.Valid != nil {
		v, err := e.data(b.Train.Valid.Data)
		if err != nil {
			return "", err
		}
		parts = append(parts, v.hash)
	}
	for _, n := range b.Needs {
		parts = append(parts, n, e.trained[n].hash)
	}
	return hashOf(parts...), nil
}

// open makes the program of the block and what the loop needs to know.
func (t *trainer) open() error {
	if t.set != nil {
		loader, err := t.set.Loader(t.rows(), nil, data.Order{Seed: t.seed, Epochs: 1})
		if err != nil {
			return err
		}
		t.epoch = loader.Steps()
		loader.Close()
		if t.epoch < 1 {
			return &Error{At: t.b.At, Text: fmt.Sprintf("the split %s of %s has %d rows, too few for one batch of %d", t.t.Rows.Split, t.t.Rows.Data, t.set.Rows(t.t.Rows.Split), t.t.Rows.Batch)}
		}
	}
	t.total = t.t.Steps
	if t.t.Epochs > 0 {
		t.total = t.t.Epochs * t.epoch
	}
	if t.total < 1 {
		return &Error{At: t.b.At, Text: fmt.Sprintf("`%s` has neither steps nor epochs", t.b.Name)}
	}
	if t.set != nil {
		t.columns = append(slices.Clone(t.t.Columns), recipe.InRow)
	}
	t.entries = []string{t.b.Name + ".step"}
	if t.t.Every != nil {
		t.entries = nil
	}
	all, err := t.e.c.States(Sizes{B: max(1, t.t.Rows.Batch)})
	if err != nil {
		return err
	}
	var states []*ir.State
	for _, s := range all {
		own := of(s, t.b.Name) && s.Role != ir.Cache
		if own || t.e.learned(s) {
			states = append(states, s)
		}
	}
	if t.avg, states, err = newAverager(t.t.Average, t.b.Name, states); err != nil {
		return err
	}
	if t.prog, err = t.e.open(states); err != nil {
		return err
	}
	return t.e.fillLearned(t.prog, t.b.Name)
}

// learned reports whether a state is a weight of a block that has been trained.
func (e *experiment) learned(s *ir.State) bool {
	for name := range e.trained {
		if of(s, name) && isWeight(s) {
			return true
		}
	}
	return false
}

// fillLearned writes the weights of all trained blocks but one into a program.
func (e *experiment) fillLearned(p *program, but string) error {
	for name, w := range e.trained {
		if name == but {
			continue
		}
		if err := p.write(weightsOf(name), name, w.tensors); err != nil {
			return fmt.Errorf("%s: %w", w.folder, err)
		}
	}
	return nil
}

func (t *trainer) rows() recipe.Rows {
	r := t.t.Rows
	if r.Last == "" {
		r.Last = "drop"
	}
	return r
}

// begin gives every state its first value.
func (t *trainer) begin() error {
	c, err := t.prog.load(t.b.Name+".init", Sizes{B: max(1, t.t.Rows.Batch)}, nil)
	if err != nil {
		return err
	}
	if err := c.scalars(t.scalars()); err != nil {
		return err
	}
	if err := c.do(); err != nil {
		return err
	}
	return t.avg.begin(t.prog, true)
}

func (t *trainer) scalars() scalars {
	return scalars{seed: t.seed, totalSteps: t.total, epoch: t.state.Epoch}
}

// resume takes up the newest run that has not finished. Where there is none, a new one begins.
func (t *trainer) resume(runs []*folder) error {
	for _, f := range runs {
		if f.info.Finished {
			break // what was left open before it was given up
		}
		snap, notes, err := f.store.Latest()
		if errors.Is(err, checkpoint.ErrNone) { // it ended before the first checkpoint, and begins again
			if f.info.Hash != t.hash {
				continue
			}
			if err := f.acquire(); err != nil {
				return err
			}
			t.folder = f
			if err := f.reopen(0); err != nil {
				return fmt.Errorf("%s cannot be resumed: %w", f, err)
			}
			return t.begin()
		}
		if err != nil {
			return err
		}
		if f.info.Hash != t.hash {
			if err := t.fill(snap); err != nil {
				return fmt.Errorf("%s cannot be resumed: %w", f, err)
			}
			return &Error{At: t.b.At, Text: fmt.Sprintf("%s cannot be resumed: the block, its config, its seed or its data have changed since; without --resume a new run begins", f)}
		}
		if err := f.acquire(); err != nil {
			return err
		}
		for _, n := range notes {
			t.e.Emit(report.Note{Text: fmt.Sprintf("%s; going on from the checkpoint before it, of step %d", n, snap.Step)})
		}
		t.folder, t.saved = f, snap.Step
		err = json.Unmarshal(snap.State, &t.state)
		if err == nil {
			err = t.fill(snap)
		}
		if err == nil {
			err = f.reopen(t.state.Logged)
		}
		if err == nil {
			err = t.avg.begin(t.prog, false)
		}
		if err != nil {
			return fmt.Errorf("%s cannot be resumed: %w", f, err)
		}
		return nil
	}
	return nil
}

// fill writes the tensors of a checkpoint into the states.
func (t *trainer) fill(snap *checkpoint.Snapshot) error {
	tensors, err := t.avg.restore(t.state.Recent, snap.Tensors)
	if err != nil {
		return err
	}
	return t.prog.write(allOf(t.b.Name), t.b.Name, tensors)
}

// loop trains to the end. Each turn begins with what is due at the place where the run stands, so a run that is resumed there does just that.
func (t *trainer) loop(ctx context.Context) error {
	if t.folder != nil { // the folds of a crossval are told of as such
		t.e.Emit(t.startEvent())
	}
	start := t.e.Now()
	batches, err := t.batches()
	if err != nil {
		return err
	}
	defer batches.Close()
	var emitted time.Time
	for {
		if t.due() {
			if err := t.tick(ctx); err != nil {
				if errors.Is(err, ErrInterrupted) {
					return t.interrupted()
				}
				return err
			}
		}
		if t.state.Step >= t.total || t.state.Stopped {
			break
		}
		if ctx.Err() != nil {
			return t.interrupted()
		}
		b, err := batches.Next()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = &Bug{errors.New("the data ended before the steps did")}
			}
			return err
		}
		loss, err := t.step(b)
		if err != nil {
			return err
		}
		if now := t.e.Now(); now.Sub(emitted) >= emitEvery {
			emitted = now
			t.e.Emit(report.Step{Block: t.b.Name, Step: t.state.Step, Steps: t.total, Epoch: t.state.Epoch, Loss: loss})
		}
		if t.e.stepped != nil {
			t.e.stepped(t.state.Step)
		}
	}
	if t.folder == nil {
		return nil
	}
	reason := ""
	if t.state.Stopped {
		reason = fmt.Sprintf("stopped after %d ticks without a better %s", t.t.Patience, t.t.Keep.Metric)
	}
	t.e.Emit(report.Done{Block: t.b.Name, Step: t.state.Step, Seconds: t.e.Now().Sub(start).Seconds(), Reason: reason})
	return nil
}

// batches are what the steps from here on are taken with.
type batches interface {
	Next() (*data.Batch, error)
	Close()
}

// rowless are the batches of a block that draws no rows: a step is given its seed and the scalars of its phase alone.
type rowless struct{ batch data.Batch }

func (r *rowless) Next() (*data.Batch, error) { return &r.batch, nil }

func (*rowless) Close() {}

func (t *trainer) batches() (batches, error) {
	if t.set == nil {
		return &rowless{data.Batch{Rows: 1}}, nil
	}
	return t.set.Loader(t.rows(), t.columns, data.Order{Seed: t.seed, Shuffle: true, Epoch: t.state.Epoch, Step: t.state.EpochStep})
}

func (t *trainer) startEvent() report.Start {
	ev := report.Start{Kind: "train", Block: t.b.Name, Device: t.e.Device.Name(), Steps: t.total, Seed: t.seed, Resumed: t.state.Step}
	if t.set != nil {
		ev.Rows = int64(t.set.Rows(t.t.Rows.Split))
	}
	if t.folder != nil {
		ev.Folder = t.folder.String()
	}
	for _, s := range t.prog.states {
		if of(s, t.b.Name) && s.Role == ir.Param {
			ev.Parameters += s.Type.Shape.Size()
		}
	}
	return ev
}

// stepEntry names the entry of a step: which updates take part in it.
func (t *trainer) stepEntry() string {
	if t.t.Every == nil {
		return t.entries[0]
	}
	set := make([]byte, len(t.t.Every))
	for i, k := range t.t.Every {
		set[i] = '0'
		if t.state.Step%max(1, k) == 0 {
			set[i] = '1'
		}
	}
	for _, e := range t.entries { // made once for each set
		if strings.HasSuffix(e, "."+string(set)) {
			return e
		}
	}
	e := t.b.Name + ".step." + string(set)
	t.entries = append(t.entries, e)
	return e
}

// step takes one step and returns its loss.
func (t *trainer) step(b *data.Batch) (float64, error) {
	c, err := t.prog.forBatch(t.stepEntry(), b, t.columns)
	if err != nil {
		return 0, err
	}
	if t.state.Names == nil {
		for _, n := range c.entry.Out {
			if n != recipe.OutOK {
				t.state.Names = append(t.state.Names, n)
			}
		}
		t.state.Sums = make([]exact, len(t.state.Names))
	}
	if err := c.scalars(t.scalars()); err != nil {
		return 0, err
	}
	c.batch(b)
	if err := c.do(); err != nil {
		return 0, t.notFinite(err)
	}
	if err := t.avg.step(); err != nil {
		return 0, err
	}
	loss, k := 0.0, 0
	for i, n := range c.entry.Out {
		if n == recipe.OutOK {
			continue
		}
		v := element(c.out[i].Type.DType, c.out[i].Bytes)
		if n == recipe.OutLoss || k == 0 { // of several updates, the first one's
			loss = v
		}
		if k == len(t.state.Names) || t.state.Names[k] != n {
			return 0, &Bug{fmt.Errorf("%s gives the metric %s, the steps before it gave %v", c.entry.Name, n, t.state.Names)}
		}
		t.state.Sums[k] += exact(v)
		k++
	}
	t.state.Count++
	t.state.Step++
	if t.state.EpochStep++; t.state.EpochStep == t.epoch {
		t.state.Epoch, t.state.EpochStep = t.state.Epoch+1, 0
	}
	return loss, nil
}

// notFinite says where a step went wrong.
func (t *trainer) notFinite(err error) error {
	var nf *backend.NotFinite
	if !errors.As(err, &nf) {
		return err
	}
	at := recipe.Place{File: nf.Site.File, Line: nf.Site.Line, Col: nf.Site.Col}
	what := "the loss or a gradient is not finite"
	if nf.Op != "" {
		what = nf.Op + " gives a value that is not finite"
		if nf.Site.Path != "" {
			what += " in " + nf.Site.Path
		}
	}
	if at.File == "" {
		at = t.b.At
	}
	saved := "nothing was saved yet"
	if t.saved >= 0 && t.folder != nil {
		saved = fmt.Sprintf("the checkpoint of step %d is in %s", t.saved, t.folder)
	}
	return &Error{At: at, Text: fmt.Sprintf("step %d of `%s` (epoch %d): %s; no weight was changed, %s", t.state.Step+1, t.b.Name, t.state.Epoch, what, saved)}
}
