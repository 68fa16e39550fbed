package run

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"modelc/backend/cpu"
	"modelc/internal/data"
)

// TestAStepAllocatesNothing takes steps of the loop on the CPU: what a step makes would be made a million times.
func TestAStepAllocatesNothing(t *testing.T) {
	dir := t.TempDir()
	c := newLine(t, dir)
	d, err := cpu.New(cpu.Options{Threads: 1})
	require.NoError(t, err)
	defer d.Close()
	o, _ := options(filepath.Join(dir, "runs"))
	o.Device = d
	e := newExperiment(c, o)
	set, err := e.data("Points")
	require.NoError(t, err)
	b := c.r.Blocks[0]
	b.Train.Epochs = 1000
	tr := &trainer{e: e, b: b, t: b.Train, seed: 3, set: set.set, saved: -1}
	require.NoError(t, tr.open())
	defer tr.prog.Close()
	require.NoError(t, tr.begin())
	l, err := set.set.Loader(tr.rows(), tr.columns, data.Order{Seed: 3, Shuffle: true})
	require.NoError(t, err)
	defer l.Close()
	step := func() {
		batch, err := l.Next()
		if err == nil {
			_, err = tr.step(batch)
		}
		if err != nil {
			t.Error(err)
		}
	}
	for range 20 {
		step()
	}
	assert.Zero(t, testing.AllocsPerRun(200, step))
}

// The two devices train to the same numbers, but for rounding.
func TestDevicesAgree(t *testing.T) {
	dir := t.TempDir()
	c := newLine(t, dir)
	o, _ := options(filepath.Join(dir, "reference"))
	want, err := Run(context.Background(), c, o)
	require.NoError(t, err)
	d, err := cpu.New(cpu.Options{Threads: 2})
	require.NoError(t, err)
	defer d.Close()
	o, _ = options(filepath.Join(dir, "cpu"))
	o.Device = d
	got, err := Run(context.Background(), c, o)
	require.NoError(t, err)
	for i, m := range want.Metrics {
		assert.Equal(t, m.Name, got.Metrics[i].Name)
		assert.InEpsilon(t, m.Value, got.Metrics[i].Value, 1e-3)
	}
}
