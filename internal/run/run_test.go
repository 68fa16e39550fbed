package run

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"modelc/internal/checkpoint"
	"modelc/internal/report"
	"modelc/recipe"
)

func TestTrainsAndMeasures(t *testing.T) {
	dir := t.TempDir()
	o, s := options(filepath.Join(dir, "runs"))
	c := newLine(t, dir)
	r, err := Run(context.Background(), c, o)
	require.NoError(t, err)
	loss, ok := r.Metrics.Get("check.loss")
	require.True(t, ok)
	assert.Less(t, loss, 0.05)
	area, ok := r.Metrics.Get("check.area")
	require.True(t, ok)
	assert.Greater(t, area, 0.95)
	require.Len(t, r.Runs, 1)
	assert.Equal(t, filepath.Join(dir, "runs", "line", "line", "1"), filepath.FromSlash(r.Runs[0].Folder))
	for _, name := range []string{"run.json", "recipe.json", "data.json", "metrics.jsonl", "source/line.model"} {
		assert.FileExists(t, filepath.Join(r.Runs[0].Folder, name))
	}
	// A second time nothing is stale, and the numbers are the same.
	again, err := Run(context.Background(), c, o)
	require.NoError(t, err)
	assert.Contains(t, s.notes(), "line is up to date")
	assert.Equal(t, r.Metrics, again.Metrics)
	// Another seed is another run.
	seed := int64(4)
	o.Seed = &seed
	other, err := Run(context.Background(), c, o)
	require.NoError(t, err)
	assert.NotEqual(t, r.Metrics, other.Metrics)
	assert.Equal(t, filepath.Join(dir, "runs", "line", "line", "2"), filepath.FromSlash(other.Runs[0].Folder))
}

// artifacts reads what a run leaves: its newest checkpoint, the weights it names, its metrics.
func artifacts(t *testing.T, folder string) (last, best *checkpoint.Snapshot, metrics string) {
	t.Helper()
	store := checkpoint.Open(checkpoint.OS, filepath.Join(folder, "checkpoints"))
	last, notes, err := store.Latest()
	require.NoError(t, err)
	require.Empty(t, notes)
	var i info
	require.NoError(t, readJSON(checkpoint.OS, filepath.Join(folder, "run.json"), &i))
	require.True(t, i.Finished)
	best, err = store.Read(i.Weights)
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(folder, "metrics.jsonl"))
	require.NoError(t, err)
	return last, best, string(text)
}

// TestResumedRunsEndWithTheSameBits stops a run at every step, once by an interrupt, once by a kill, and resumes it.
func TestResumedRunsEndWithTheSameBits(t *testing.T) {
	for _, average := range []*recipe.Average{nil, {Kind: "ema", Decay: 0.9}, {Kind: "last", Last: 3}} {
		dir := t.TempDir()
		c := newLine(t, dir)
		train := c.r.Blocks[0].Train
		train.Average = average
		train.Checkpoint = recipe.Every{Steps: 5}
		o, _ := options(filepath.Join(dir, "whole"))
		whole, err := Run(context.Background(), c, o)
		require.NoError(t, err)
		last, best, metrics := artifacts(t, whole.Runs[0].Folder)
		require.Greater(t, last.Step, int64(20))
		same := func(folder string, r report.Result) {
			l, b, m := artifacts(t, folder)
			assert.Equal(t, last.Tensors, l.Tensors)
			assert.Equal(t, best.Tensors, b.Tensors)
			assert.Equal(t, best.Step, b.Step)
			assert.Equal(t, metrics, m)
			assert.Equal(t, whole.Metrics, r.Metrics)
		}
		for stop := int64(1); stop < last.Step; stop += 3 {
			// Interrupted.
			o, s := options(filepath.Join(dir, "interrupted"+itoa(stop)))
			ctx, cancel := context.WithCancel(context.Background())
			o.stepped = func(n int64) {
				if n == stop {
					cancel()
				}
			}
			_, err := Run(ctx, c, o)
			require.ErrorIs(t, err, ErrInterrupted)
			require.Contains(t, s.notes(), "step "+itoa(stop)+" is saved")
			o.stepped, o.Resume = nil, true
			r, err := Run(context.Background(), c, o)
			require.NoError(t, err)
			same(r.Runs[0].Folder, r)
			// Killed: what is lost is computed again.
			o, _ = options(filepath.Join(dir, "killed"+itoa(stop)))
			runKilled(t, c, o, stop)
			o.Resume = true
			r, err = Run(context.Background(), c, o)
			require.NoError(t, err)
			folder := r.Runs[0].Folder
			same(folder, r)
			if stop >= 5 {
				assert.Equal(t, "1", filepath.Base(folder), "the same run goes on")
			}
			require.NoError(t, os.RemoveAll(filepath.Dir(filepath.Dir(filepath.Dir(folder)))))
		}
	}
}

func TestADamagedCheckpointFallsBack(t *testing.T) {
	dir := t.TempDir()
	c := newLine(t, dir)
	c.r.Blocks[0].Train.Checkpoint = recipe.Every{Steps: 5}
	o, _ := options(filepath.Join(dir, "whole"))
	whole, err := Run(context.Background(), c, o)
	require.NoError(t, err)
	o, s := options(filepath.Join(dir, "damaged"))
	runKilled(t, c, o, 17)
	checkpoints := filepath.Join(dir, "damaged", "line", "line", "1", "checkpoints")
	names, err := checkpoint.OS.List(checkpoints)
	require.NoError(t, err)
	for i := len(names) - 1; i >= 0; i-- {
		if filepath.Ext(names[i]) == ".safetensors" && names[i][0] != 'b' {
			path := filepath.Join(checkpoints, names[i])
			b, err := os.ReadFile(path)
			require.NoError(t, err)
			b[len(b)-3] ^= 4
			require.NoError(t, os.WriteFile(path, b, 0o666))
			break
		}
	}
	o.Resume = true
	r, err := Run(context.Background(), c, o)
	require.NoError(t, err)
	assert.Contains(t, s.notes(), "is not what was written; going on from the checkpoint before it, of step 10")
	assert.Equal(t, whole.Metrics, r.Metrics)
}

func TestResumeRefusesAnotherModel(t *testing.T) {
	dir := t.TempDir()
	c := newLine(t, dir)
	c.r.Blocks[0].Train.Checkpoint = recipe.Every{Steps: 5}
	o, _ := options(filepath.Join(dir, "runs"))
	runKilled(t, c, o, 7)
	c.r.Blocks[0].Hash = "changed"
	o.Resume = true
	_, err := Run(context.Background(), c, o)
	assert.ErrorContains(t, err, "have changed since")
	c.r.Blocks[0].Train.Average = &recipe.Average{Kind: "ema", Decay: 0.5} // more tensors
	_, err = Run(context.Background(), c, o)
	assert.ErrorContains(t, err, "missing in the file (2):\n    net.0.w:average f32[]")
}

func TestTwoWriters(t *testing.T) {
	dir := t.TempDir()
	c := newLine(t, dir)
	c.r.Blocks[0].Train.Checkpoint = recipe.Every{Steps: 5}
	o, _ := options(filepath.Join(dir, "runs"))
	tried := false
	o.stepped = func(n int64) {
		if n == 7 {
			p, _ := options(o.Out)
			p.Resume = true
			_, err := Run(context.Background(), c, p)
			assert.ErrorContains(t, err, "another modelc is writing it")
			tried = true
		}
	}
	_, err := Run(context.Background(), c, o)
	require.NoError(t, err)
	assert.True(t, tried)
}

func TestNotFiniteNamesOpAndLine(t *testing.T) {
	for _, v := range []float64{math.Inf(1), math.NaN()} {
		dir := t.TempDir()
		c := newLine(t, dir)
		c.broken, c.at = v, 12
		o, _ := options(filepath.Join(dir, "runs"))
		_, err := Run(context.Background(), c, o)
		var e *Error
		require.ErrorAs(t, err, &e)
		assert.Contains(t, e.Text, "step 13 of `line`")
		assert.Contains(t, e.Text, "no weight was changed, the checkpoint of step")
	}
}

func TestPatienceStops(t *testing.T) {
	dir := t.TempDir()
	c := newLine(t, dir)
	tr := c.r.Blocks[0].Train
	tr.Keep, tr.Patience, tr.Checkpoint = &recipe.Goal{Metric: "valid.loss", Highest: true}, 2, recipe.Every{Steps: 3}
	o, s := options(filepath.Join(dir, "runs"))
	r, err := Run(context.Background(), c, o)
	require.NoError(t, err)
	last, best, _ := artifacts(t, r.Runs[0].Folder)
	assert.Less(t, last.Step, int64(36))
	assert.Equal(t, last.Step-6, best.Step, "two ticks of three steps")
	assert.Equal(t, best.Step, r.Runs[0].Step)
	found := false
	for _, e := range s.events {
		if d, ok := e.(report.Done); ok && d.Block == "line" {
			found = true
			assert.Equal(t, "stopped after 2 ticks without a better valid.loss", d.Reason)
		}
	}
	assert.True(t, found)
	tr.Keep.Metric, c.r.Blocks[0].Hash = "valid.accuracy", "x"
	_, err = Run(context.Background(), c, o)
	assert.ErrorContains(t, err, "keep names valid.accuracy, which is not measured; there are train.loss, train.root, valid.loss")
}

func TestCrossvalRefitsAndReports(t *testing.T) {
	dir := t.TempDir()
	c := newLine(t, dir)
	c.r.Blocks = append(c.r.Blocks, &recipe.Block{Kind: "crossval", Name: "crossval", Crossval: &recipe.Crossval{Run: "line", Folds: 4, Report: []string{"loss"}}})
	o, s := options(filepath.Join(dir, "runs"))
	r, err := Run(context.Background(), c, o)
	require.NoError(t, err)
	mean, ok := r.Metrics.Get("crossval.loss")
	require.True(t, ok)
	deviation, ok := r.Metrics.Get("crossval.loss.deviation")
	require.True(t, ok)
	var folds []float64
	rows := int64(0)
	for _, e := range s.events {
		if f, ok := e.(report.Fold); ok {
			v, _ := f.Metrics.Get("loss")
			folds = append(folds, v)
			rows += f.Rows
		}
	}
	require.Len(t, folds, 4)
	m, d := meanAndDeviation(folds)
	assert.Equal(t, m, mean)
	assert.Equal(t, d, deviation)
	total := int64(0)
	for _, e := range s.events {
		if f, ok := e.(report.Data); ok {
			for _, x := range f.Splits {
				if x.Split != "test" {
					total += int64(x.Rows)
				}
			}
		}
	}
	assert.Equal(t, total, rows, "each row outside of test is measured once")
}

func TestPredictWritesCSV(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	c := newLine(t, dir)
	c.r.Blocks = append(c.r.Blocks, &recipe.Block{Kind: "predict", Name: "guess", Predict: &recipe.Predict{Run: "line", Rows: &recipe.Rows{Data: "Points", Split: "test"},
		Columns: []string{"batch.x"}, Outputs: []string{"p", "whole"}, File: "out/guess.csv"}})
	o, s := options("runs")
	_, err := Run(context.Background(), c, o)
	require.NoError(t, err)
	b, err := os.ReadFile("out/guess.csv")
	require.NoError(t, err)
	assert.Regexp(t, `^row,p,whole\n1,-?\d\.\d+(e-\d+)?,-?\d\n`, string(b))
	// Raw rows of another file, by what the run was fitted on, without training.
	require.NoError(t, os.WriteFile("new.csv", []byte("x,extra\n0.1,z\n0.2,z\n"), 0o666))
	c.r.Blocks[2].Predict.File = ""
	o.Finished, o.Only, o.Input = true, []string{"guess"}, "new.csv"
	_, err = Run(context.Background(), c, o)
	require.NoError(t, err)
	assert.Regexp(t, `^row,p,whole\n1,0\.\d+,0\n2,0\.\d+,0\n$`, s.text())
	// Data to which other transforms would be fitted are refused.
	saved, err := os.ReadFile("points.csv")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile("points.csv", []byte(strings.ReplaceAll(string(saved), ",e\n", ",a\n")), 0o666))
	o.Input = ""
	_, err = Run(context.Background(), c, o)
	assert.ErrorContains(t, err, "the data Points has changed since")
	require.NoError(t, os.WriteFile("points.csv", saved, 0o666))
	// Nothing is written outside.
	c.r.Blocks[2].Predict.File, o.Input = "../x.csv", ""
	_, err = Run(context.Background(), c, o)
	assert.ErrorContains(t, err, "leads out of the folder")
	o.Out = "elsewhere"
	_, err = Run(context.Background(), c, o)
	assert.ErrorContains(t, err, "there is no finished run of `line`")
}

func TestGenerates(t *testing.T) {
	dir := t.TempDir()
	c := newLine(t, dir)
	for _, g := range []recipe.Generate{{Prompt: "bc", Length: 40, Greedy: true}, {Prompt: "b", Length: 40, Temperature: 0.7, TopK: 3}, {Prompt: "abcdeabcdeabcde", Length: 5, Temperature: 1, TopP: 0.8}} {
		g.Run, g.Data, g.Tokens, g.Capacity = "line", "Points", "tok", 8
		c.r.Blocks = append(c.r.Blocks[:2], &recipe.Block{Kind: "generate", Name: "talk", At: recipe.Place{File: "line.model", Line: 20, Col: 1}, Generate: &g})
		o, s := options(filepath.Join(dir, "runs"))
		_, err := Run(context.Background(), c, o)
		require.NoError(t, err)
		text := s.text()
		assert.Len(t, text, len(g.Prompt)+int(g.Length))
		assert.Equal(t, g.Prompt, text[:len(g.Prompt)])
		p, full := options(o.Out)
		p.NoCache = true
		_, err = Run(context.Background(), c, p)
		require.NoError(t, err)
		assert.Equal(t, text, full.text(), "with caches and without")
	}
	c.leaks = true
	o, _ := options(filepath.Join(dir, "runs"))
	_, err := Run(context.Background(), c, o)
	var e *Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, "M230", e.Code)
	assert.Equal(t, 20, e.At.Line)
	prompt := "xyz"
	o.Prompt = &prompt
	_, err = Run(context.Background(), c, o)
	assert.ErrorContains(t, err, "the prompt: ")
}
