package main

import (
	"encoding/binary"
	"io/fs"
	"math"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"modelc/backend"
	"modelc/backend/cpu"
	"modelc/backend/plan"
	"modelc/recipe"
)

// Every model file says what it should, and every entry of it lowers and plans at the batch of the workload that runs it.
func TestModelsAreGood(t *testing.T) {
	list, err := fs.Glob(models, "models/*.model")
	require.NoError(t, err)
	require.NotEmpty(t, list)
	for _, name := range list {
		file := strings.TrimSuffix(path.Base(name), ".model")
		t.Run(file, func(t *testing.T) {
			used := false
			for _, w := range workloads {
				if w.file != file {
					continue
				}
				used = true
				c, err := checked(w.file, w.set)
				require.NoError(t, err)
				assert.Empty(t, c.Diagnostics(), "not even a warning")
				assert.Contains(t, c.Entries(), w.entry)
				states := map[string]int{}
				for i, s := range c.States(w.sizes()) {
					states[s.Name] = i
				}
				for _, entry := range []string{"step.init", w.entry} {
					m, diags := c.Module(entry, w.sizes(), nil)
					require.False(t, diags.Failed(), "%v", diags)
					_, err := plan.New(m, m.Entry(entry), states, cpu.Target())
					require.NoError(t, err)
				}
			}
			assert.True(t, used, "no workload runs this file")
		})
	}
}

// Depth costs the program next to nothing: like blocks are one scan, so a deeper model is not a longer program.
func TestDepthIsAScan(t *testing.T) {
	length := func(blocks int) int {
		w := depth(blocks)
		c, err := checked(w.file, w.set)
		require.NoError(t, err)
		m, diags := c.Module(w.entry, w.sizes(), nil)
		require.False(t, diags.Failed())
		n := 0
		for _, f := range m.Funcs {
			n += len(f.Body)
		}
		return n
	}
	assert.Equal(t, length(12), length(96))
}

func TestWorkloadsHaveNamesOfTheirOwn(t *testing.T) {
	var names []string
	for _, w := range workloads {
		names = append(names, w.name)
		assert.NotEmpty(t, w.what, w.name)
		assert.NotEqual(t, w.name, w.family, "a name is no family: -only takes both")
		assert.Positive(t, w.calls, w.name)
	}
	slices.Sort(names)
	assert.Equal(t, len(names), len(slices.Compact(names)))
}

func TestChoose(t *testing.T) {
	all, err := choose("")
	require.NoError(t, err)
	assert.Len(t, all, len(workloads))
	some, err := choose("start,w3")
	require.NoError(t, err)
	require.Len(t, some, 2)
	assert.Equal(t, "w3", some[0].name)
	_, err = choose("w9")
	assert.ErrorContains(t, err, "w9")
}

// A batch holds ids of their columns' ranges, and the first step leaves finite weights and a finite loss.
func TestFirstStepIsFinite(t *testing.T) {
	w := train("w1", "w1", 8, 1, "")
	s, err := openEntry(w, 1)
	require.NoError(t, err)
	defer s.close()
	_, err = s.cost(2) // a guarded step is an error where it is not finite
	require.NoError(t, err)
}

// A token is decoded with the same rows in the cache every time, so that every call is the same work; its logits are finite and not all equal.
func TestDecodingStaysAtItsPlace(t *testing.T) {
	w := next("decode", 3)
	l, err := load(w, 1)
	require.NoError(t, err)
	defer l.close()
	logits := func() []float64 {
		require.NoError(t, l.step())
		x := make([]float64, 65)
		for i := range x {
			x[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(l.out[0].Bytes[4*i:])))
			require.False(t, math.IsNaN(x[i]))
		}
		return x
	}
	first := logits()
	assert.NotEqual(t, first[0], first[1])
	assert.Equal(t, first, logits())
	past := backend.Tensor{Type: l.past.Type, Bytes: make([]byte, 4)}
	require.NoError(t, l.program.Read(recipe.PastState("write"), past))
	assert.EqualValues(t, 4, binary.LittleEndian.Uint32(past.Bytes))
}

func TestProductIsRight(t *testing.T) {
	g := gemmShape{2, 5, 7, 9}
	s, args := productOf(g, 2)
	defer s.close()
	_, err := s.cost(1)
	require.NoError(t, err)
	for b := range g.batch {
		for i := range g.m {
			for j := range g.n {
				want := 0.0
				for k := range g.k {
					want += float64(args.A[(b*g.m+i)*g.k+k]) * float64(args.B[(b*g.k+k)*g.n+j])
				}
				assert.InDelta(t, want, args.C[(b*g.m+i)*g.n+j], 1e-4)
			}
		}
	}
	assert.Equal(t, 2.0*2*5*7*9, g.flops())
}

func TestRatioIsToTheFastestThatComputesInF32(t *testing.T) {
	r := &result{Ours: figures{Values: []float64{3, 1, 2}}, Peers: []*column{
		{Peer: "a", Name: "x", Precision: "f32", figures: figures{Values: []float64{8, 9, 7}}},
		{Peer: "a", Name: "y", Precision: "f32", figures: figures{Values: []float64{6, 5, 60}}},
		{Peer: "a", Name: "z", Precision: "bf16", figures: figures{Values: []float64{1, 1, 1}}},
		{Peer: "b", Name: "x", Precision: "f32", Failed: "failed it was not there"},
	}}
	r.conclude()
	assert.Equal(t, "a/y", r.Fastest)
	assert.Equal(t, 3.0, r.Ratio)
	assert.Equal(t, figures{Median: 2, Min: 1, Max: 3, Values: []float64{3, 1, 2}}, r.Ours)
}

func TestEveryPeerHasItsScript(t *testing.T) {
	for _, f := range families {
		text, err := scripts.ReadFile("peers/" + f + "_peer.py")
		require.NoError(t, err)
		assert.Contains(t, string(text), `"missing"`, "a peer that is not installed says so")
	}
}

func TestPeersNeedAPython(t *testing.T) {
	p, err := startPeers("", 1, nil)
	require.NoError(t, err)
	assert.Empty(t, p)
	_, err = startPeers("", 1, []string{"jax"})
	assert.ErrorContains(t, err, "install.sh")
	_, err = startPeers("python", 1, []string{"caffe"})
	assert.ErrorContains(t, err, "caffe")
}
