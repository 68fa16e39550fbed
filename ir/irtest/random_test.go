package irtest_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"modelc/ir"
	"modelc/ir/eval"
	"modelc/ir/irtest"
	"modelc/ir/ops"
)

func TestRandomModulesAreSoundAndVaried(t *testing.T) {
	seen := map[string]bool{}
	for seed := range uint64(300) {
		o := irtest.Options{Instructions: 5 + int(seed%26), Axis: 2 + int64(seed%7), Float: ir.F32, Smooth: seed%3 == 0, Flat: seed%4 == 0}
		m := irtest.Random(irtest.Rand(seed), o)
		require.NoError(t, ir.Verify(m), "seed %d", seed)
		text := ir.Print(m)
		require.Equal(t, text, ir.Print(irtest.Random(irtest.Rand(seed), o)), "the seed decides")
		again, err := ir.Parse("random", text, ops.Registry)
		require.NoError(t, err)
		require.Equal(t, text, ir.Print(again))
		for _, f := range m.Funcs {
			for _, c := range f.Body {
				seen[c.Op.Name()] = true
			}
		}
		f := m.Entries[0].Func
		out, err := eval.Func(m, f, irtest.Arguments(irtest.Rand(seed), f))
		require.NoError(t, err)
		other, err := eval.Func(again, again.Entries[0].Func, irtest.Arguments(irtest.Rand(seed), f))
		require.NoError(t, err)
		for i := range out {
			require.NoError(t, irtest.Compare(out[i], other[i], irtest.Tolerance{}))
			for _, v := range out[i].Data {
				require.Less(t, math.Abs(v), 1e7, "seed %d", seed)
			}
		}
	}
	for _, name := range []string{"call", "scan", "dot", "conv", "gather", "scatter_add", "sort", "pool_max", "dynamic_update", "random_normal", "reduce_max", "select"} {
		assert.True(t, seen[name], name)
	}
}

func TestCompare(t *testing.T) {
	typ := ir.Of(ir.F64, 2)
	a := eval.Of(typ, 1, math.NaN())
	assert.NoError(t, irtest.Compare(a, eval.Of(typ, 1.0000001, math.NaN()), irtest.Elementwise))
	assert.ErrorContains(t, irtest.Compare(a, eval.Of(typ, 1.1, math.NaN()), irtest.Elementwise), "element 0")
	assert.ErrorContains(t, irtest.Compare(a, eval.Of(typ, 1, 0), irtest.Elementwise), "element 1")
	assert.Error(t, irtest.Compare(eval.Of(typ, math.Inf(1), 0), eval.Of(typ, 1e300, 0), irtest.Elementwise))
	assert.Error(t, irtest.Compare(a, eval.Of(ir.Of(ir.F32, 2), 1, 2), irtest.Elementwise))
}

// A wrong gradient must be noticed.
func TestCheckGradientFindsFaults(t *testing.T) {
	typ := ir.Of(ir.F64, 3)
	square := func(args []ir.Ref) ([]ir.Ref, error) {
		y := eval.New(typ)
		for i, v := range args[0].Data {
			y.Data[i] = v * v
		}
		return []ir.Ref{y}, nil
	}
	gradient := func(factor float64) irtest.Differentiable {
		return func(args []ir.Ref) ([]ir.Ref, error) {
			g := eval.New(typ)
			for i, v := range args[0].Data {
				g.Data[i] = factor * v * args[1].Data[i]
			}
			return []ir.Ref{g}, nil
		}
	}
	args := []ir.Ref{eval.Of(typ, 1, -2, 3)}
	assert.NoError(t, irtest.CheckGradient(irtest.Rand(1), square, gradient(2), args))
	assert.ErrorContains(t, irtest.CheckGradient(irtest.Rand(1), square, gradient(2.01), args), "finite differences")
	zero := func([]ir.Ref) ([]ir.Ref, error) { return []ir.Ref{{}}, nil }
	assert.Error(t, irtest.CheckGradient(irtest.Rand(1), square, zero, args))
}
