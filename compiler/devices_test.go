package compiler_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"modelc/backend"
	"modelc/backend/cpu"
	"modelc/backend/reference"
	"modelc/compiler"
	"modelc/compiler/lower"
	"modelc/ir"
	"modelc/ir/eval"
	"modelc/lang/diag"
	"modelc/recipe"
)

// The first training steps of every example agree between the CPU and the interpreter: same seed, same batches, same losses.
func TestExamplesTrainAlikeOnBothDevices(t *testing.T) {
	files, err := filepath.Glob("../examples/*.model")
	require.NoError(t, err)
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".model"), func(t *testing.T) {
			text, err := os.ReadFile(f)
			require.NoError(t, err)
			c := compiler.Check(f, text, compiler.Options{Preset: "tiny"})
			require.False(t, c.Diagnostics().Failed(), diag.Text(c.Diagnostics()))
			fast, err := cpu.New(cpu.Options{Threads: 2})
			require.NoError(t, err)
			defer fast.Close()
			name := c.Program().Trains[0].Name
			want := losses(t, c, name, reference.Device())
			got := losses(t, c, name, fast)
			for i := range want {
				require.InEpsilon(t, want[i], got[i], 2e-4, "step %d: %v and %v", i, want, got)
			}
			require.NotEqual(t, want[0], want[len(want)-1])
		})
	}
}

// losses runs a few steps on random batches of four rows.
func losses(t *testing.T, c *compiler.Checked, block string, d backend.Device) []float64 {
	t.Helper()
	p, err := d.Open(c.States(lower.Sizes{}))
	require.NoError(t, err)
	defer p.Close()
	rng := rand.New(rand.NewPCG(7, 7))
	var out []float64
	for _, entry := range []string{block + ".init", block + ".step"} {
		m, diags := c.Module(entry, lower.Sizes{B: 4, Lengths: lengths(c)}, d.Keep)
		require.False(t, diags.Failed(), diag.Text(diags))
		call, err := p.Load(m, entry)
		require.NoError(t, err)
		e := m.Entry(entry)
		turns := 1
		if strings.HasSuffix(entry, ".step") {
			turns = 4
		}
		for range turns {
			results := make([]backend.Tensor, len(e.Out))
			for i := range e.Out {
				if i == 0 { // the loss, or that of the first update
					results[i] = backend.Tensor{Type: e.Func.Results[i].Type, Bytes: make([]byte, e.Func.Results[i].Type.Bytes())}
				}
			}
			require.NoError(t, call(randomInputs(e, rng), results))
			for i := range e.Out {
				if i == 0 && turns > 1 {
					out = append(out, eval.Decode(results[i].Type, results[i].Bytes).Data[0])
				}
			}
		}
	}
	return out
}

func randomInputs(e *ir.Entry, rng *rand.Rand) []backend.Tensor {
	var in []backend.Tensor
	for i, name := range e.In {
		typ := e.Func.Params[i].Type
		r := ir.Ref{Type: typ, Data: make([]float64, typ.Shape.Size())}
		for j := range r.Data {
			switch {
			case name == recipe.InTotalSteps:
				r.Data[j] = 100
			case name == recipe.InRow:
				r.Data[j] = float64(j)
			case name == recipe.InSeed || name == recipe.InEpoch || name == recipe.InFirst:
				r.Data[j] = 0
			case typ.DType == ir.U8:
				r.Data[j] = float64(rng.IntN(256))
			case typ.DType == ir.Bool, typ.DType.IsInt():
				r.Data[j] = float64(rng.IntN(2))
			default:
				r.Data[j] = rng.NormFloat64()
			}
		}
		bytes := make([]byte, typ.Bytes())
		eval.Encode(r, bytes)
		in = append(in, backend.Tensor{Type: typ, Bytes: bytes})
	}
	return in
}
