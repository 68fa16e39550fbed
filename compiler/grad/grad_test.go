package grad

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"modelc/ir"
	"modelc/ir/eval"
	"modelc/ir/irtest"
	"modelc/ir/ops"
)

// programs calls the test with the entry function of each program of testdata.
func programs(t *testing.T, test func(t *testing.T, m *ir.Module, f *ir.Func)) {
	files, err := filepath.Glob("testdata/*.ir")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".ir"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			m, err := ir.Parse(file, string(text), ops.Registry)
			require.NoError(t, err)
			require.NoError(t, ir.Verify(m))
			test(t, m, m.Entry("main").Func)
		})
	}
}

// verify checks a function with everything it calls.
func verify(t *testing.T, f *ir.Func) {
	t.Helper()
	e := &ir.Entry{Name: "main", Func: f}
	name := func(i int, prefix string) string { return prefix + string(rune('a'+i/26)) + string(rune('a'+i%26)) }
	for i := range f.Params {
		e.In = append(e.In, name(i, "in"))
	}
	for i := range f.Results {
		e.Out = append(e.Out, name(i, "out"))
	}
	m := &ir.Module{Name: "derived", Entries: []*ir.Entry{e}, Sites: []ir.Site{{}}}
	m.Collect()
	require.NoError(t, ir.Verify(m))
}

func arguments(seed uint64, f *ir.Func) []ir.Ref {
	r := irtest.Rand(seed)
	args := make([]ir.Ref, len(f.Params))
	for i, p := range f.Params {
		args[i] = irtest.Fill(r, p.Type, -1, 1, 5)
	}
	return args
}

// check compares @f.bwd with finite differences of f.
func check(t *testing.T, tr *Transform, f *ir.Func) {
	t.Helper()
	g := tr.Backward(f)
	verify(t, g)
	value := func(args []ir.Ref) ([]ir.Ref, error) { return eval.Func(nil, f, args) }
	gradient := func(args []ir.Ref) ([]ir.Ref, error) {
		x, dy := args[:len(f.Params)], args[len(f.Params):]
		y, err := value(x)
		if err != nil {
			return nil, err
		}
		in := append(append([]ir.Ref(nil), x...), y...)
		for _, d := range dy {
			if d.Type.DType.IsFloat() {
				in = append(in, d)
			}
		}
		out, err := eval.Func(nil, g, in)
		if err != nil {
			return nil, err
		}
		dx := make([]ir.Ref, len(x))
		for i, a := range x {
			if dx[i] = eval.New(a.Type); a.Type.DType.IsFloat() {
				dx[i], out = out[0], out[1:]
			}
		}
		return dx, nil
	}
	require.NoError(t, irtest.CheckGradient(irtest.Rand(7), value, gradient, arguments(1, f)))
}

func TestGradientsByFiniteDifferences(t *testing.T) {
	programs(t, func(t *testing.T, m *ir.Module, f *ir.Func) {
		before := ir.Print(m)
		check(t, New(), f)
		assert.Equal(t, before, ir.Print(m), "the function itself must stay as it was")
	})
}

func TestSecondOrderByFiniteDifferences(t *testing.T) {
	programs(t, func(t *testing.T, m *ir.Module, f *ir.Func) {
		tr := New()
		check(t, tr, tr.Backward(f))
	})
}

func TestThirdOrderByFiniteDifferences(t *testing.T) {
	programs(t, func(t *testing.T, m *ir.Module, f *ir.Func) {
		if m.Name != "rnn" && m.Name != "whole" {
			return
		}
		tr := New()
		check(t, tr, tr.Backward(tr.Backward(f)))
	})
}

func TestOfKeepsTheResults(t *testing.T) {
	programs(t, func(t *testing.T, m *ir.Module, f *ir.Func) {
		var wrt []int
		for i, p := range f.Params {
			if p.Type.DType.IsFloat() {
				wrt = append(wrt, i)
			}
		}
		g := New().Of(f, 0, wrt)
		verify(t, g)
		require.Equal(t, f.Name+".grad", g.Name)
		require.Len(t, g.Results, len(f.Results)+len(wrt))
		args := arguments(2, f)
		want, err := eval.Func(nil, f, args)
		require.NoError(t, err)
		got, err := eval.Func(nil, g, args)
		require.NoError(t, err)
		for i := range want {
			require.NoError(t, irtest.Compare(want[i], got[i], irtest.Tolerance{}))
		}
		for i, p := range wrt {
			require.Equal(t, f.Params[p].Type, g.Results[len(f.Results)+i].Type)
		}
	})
}

// TestIntermediate: the gradient by a value in the middle takes in all ways from it to the result, and another one's through it.
func TestIntermediate(t *testing.T) {
	b := ir.NewBuilder("f")
	x := b.Param(ir.Of(ir.F64), "x")
	y := ops.Mul(b, x, x) // y = x²
	z := ops.Mul(b, y, x) // z = x³
	e := ops.Add(b, ops.Mul(b, y, z), z)
	unused := ops.Exp(b, x)
	g := New().Reverse(b, []*ir.Value{e}, nil, []*ir.Value{y, z, x, unused})
	require.Nil(t, g[3], "e does not depend on it")
	f := b.Return(g[:3]...)
	require.NoError(t, b.Err)
	verify(t, f)
	out, err := eval.Func(nil, f, []ir.Ref{eval.Of(ir.Of(ir.F64), 2)})
	require.NoError(t, err)
	// x = 2, y = 4, z = yx = 8, e = yz + z: de/dz = y + 1; de/dy = z + (y + 1)x; de/dx = (z + (y + 1)x)·2x + (y + 1)y
	assert.Equal(t, []float64{18}, out[0].Data)
	assert.Equal(t, []float64{5}, out[1].Data)
	assert.Equal(t, []float64{18*4 + 5*4}, out[2].Data)
}

// TestOnlyWhatIsNeeded: nothing is emitted for values that do not depend on wrt, and loops carry only the gradients that are asked for.
func TestOnlyWhatIsNeeded(t *testing.T) {
	text, err := os.ReadFile("testdata/rnn.ir")
	require.NoError(t, err)
	m, err := ir.Parse("rnn.ir", string(text), ops.Registry)
	require.NoError(t, err)
	f := m.Entry("main").Func
	scan := func(wrt ...int) ir.Scan {
		g := New().Of(f, 1, wrt)
		var last ir.Scan
		for _, c := range g.Body {
			if s, ok := c.Op.(ir.Scan); ok {
				last = s
			}
		}
		require.True(t, last.Reverse)
		return last
	}
	// Overs: two stacked carries and x; no slices of gradients, since only the last state is differentiated.
	assert.Equal(t, ir.Scan{Length: 5, Consts: 3, Carry: 2, Over: 3, Reverse: true}, scan(1), "dh and dw")
	assert.Equal(t, ir.Scan{Length: 5, Consts: 3, Carry: 1, Over: 3, Reverse: true}, scan(4), "dh")
	assert.Equal(t, ir.Scan{Length: 5, Consts: 3, Carry: 4, Over: 3, Reverse: true}, scan(1, 2, 3), "dh, dw, du, db")

	count := len(f.Body)
	b, _ := ir.Clone(f, "g")
	g := New().Reverse(b, b.Func.Results[2:3], []*ir.Value{nil}, b.Func.Params[:1])
	assert.Nil(t, g[0])
	assert.Len(t, b.Func.Body, count)
}

// TestSharedScan: two reversals of one scan stack its carries once.
func TestSharedScan(t *testing.T) {
	text, err := os.ReadFile("testdata/rnn.ir")
	require.NoError(t, err)
	m, err := ir.Parse("rnn.ir", string(text), ops.Registry)
	require.NoError(t, err)
	b, _ := ir.Clone(m.Entry("main").Func, "g")
	tr := New()
	p, r := b.Func.Params, b.Func.Results
	g := tr.Reverse(b, r[1:2], nil, p[1:2])
	h := tr.Reverse(b, r[0:1], nil, p[2:3])
	for _, c := range b.Func.Body {
		if s, ok := c.Op.(ir.Scan); ok && !s.Reverse {
			assert.Len(t, c.Results, 4+1, "the state is stacked already, the counter becomes so")
		}
	}
	verify(t, b.Return(append(r, g[0], h[0])...))
}

// TestStop: straight-through, x + stop(round(x) - x), has the value of round and the gradient of x.
func TestStop(t *testing.T) {
	b := ir.NewBuilder("f")
	x := b.Param(ir.Of(ir.F64, 2), "x")
	q := ops.Add(b, x, b.Op(ops.Stop{}, ops.Sub(b, ops.Round(b, x), x)))
	g := New().Reverse(b, []*ir.Value{ops.Mul(b, q, q)}, nil, []*ir.Value{x})
	out, err := eval.Func(nil, b.Return(g...), []ir.Ref{eval.Of(ir.Of(ir.F64, 2), 0.75, -2.25)})
	require.NoError(t, err)
	assert.Equal(t, []float64{2, -4}, out[0].Data)
}

// TestEqualValuesShareTheirGradient: what is computed twice is reversed once, unless its gradient is asked for.
func TestEqualValuesShareTheirGradient(t *testing.T) {
	for _, apart := range []bool{false, true} {
		b := ir.NewBuilder("f")
		x := b.Param(ir.Of(ir.F64, 2), "x")
		y, z := ops.Exp(b, x), ops.Exp(b, x)
		e := ops.Mul(b, y, ops.Sin(b, z))
		wrt := []*ir.Value{x}
		if apart {
			wrt = append(wrt, y)
		}
		n := len(b.Func.Body)
		g := New().Reverse(b, []*ir.Value{e}, nil, wrt)
		products := 0
		for _, c := range b.Func.Body[n:] {
			if len(c.Args) == 2 && c.Op.Name() == "mul" && (c.Args[1] == y || c.Args[1] == z) {
				products++
			}
		}
		f := b.Return(g...)
		verify(t, f)
		out, err := eval.Func(nil, f, []ir.Ref{eval.Of(ir.Of(ir.F64, 2), 0.5, -1)})
		require.NoError(t, err)
		for i, v := range []float64{0.5, -1} {
			y := math.Exp(v)
			assert.InDelta(t, y*math.Sin(y)+y*y*math.Cos(y), out[0].Data[i], 1e-12)
			if apart {
				assert.InDelta(t, math.Sin(y), out[1].Data[i], 1e-12)
			}
		}
		// One product of e's own gradient and, in exp, one or two.
		assert.Equal(t, map[bool]int{false: 2, true: 3}[apart], products)
	}
}
