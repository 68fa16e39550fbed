// Package backendtest is the conformance suite that every backend's tests call: each op by its examples, random modules, scans, states and the guard, all against
// the reference interpreter; and the same bits for any number of threads.
package backendtest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"modelc/backend"
	"modelc/ir"
	"modelc/ir/eval"
	"modelc/ir/irtest"
	"modelc/ir/ops"
)

// Run checks a backend; open makes a device with so many threads.
func Run(t *testing.T, open func(t *testing.T, threads int) backend.Device) {
	d := open(t, 2)
	t.Run("ops", func(t *testing.T) { testOps(t, d) })
	t.Run("shapes", func(t *testing.T) { testShapes(t, d) })
	t.Run("products", func(t *testing.T) { testProducts(t, d) })
	t.Run("random", func(t *testing.T) { testRandom(t, d) })
	t.Run("states", func(t *testing.T) { testStates(t, d) })
	t.Run("guard", func(t *testing.T) { testGuard(t, d) })
	t.Run("misuse", func(t *testing.T) { testMisuse(t, d) })
	t.Run("threads", func(t *testing.T) { testThreads(t, open) })
}

// Entry makes an entry without states of a function.
func Entry(f *ir.Func) *ir.Entry {
	e := &ir.Entry{Name: "main", Func: f}
	for i := range f.Params {
		e.In = append(e.In, fmt.Sprintf("p%d", i))
	}
	for i := range f.Results {
		e.Out = append(e.Out, fmt.Sprintf("r%d", i))
	}
	return e
}

// Call runs the entry main of a module once, in a program of its own.
func Call(d backend.Device, m *ir.Module, args []ir.Ref) ([]ir.Ref, error) {
	p, err := d.Open(m.State)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	call, err := p.Load(m, "main")
	if err != nil {
		return nil, err
	}
	e := m.Entry("main")
	return Do(call, e, args)
}

// Do calls a loaded entry with references as its values.
func Do(call backend.Call, e *ir.Entry, args []ir.Ref) ([]ir.Ref, error) {
	in, out := make([]backend.Tensor, len(args)), make([]backend.Tensor, len(e.Out))
	for i, a := range args {
		in[i] = Tensor(a)
	}
	for i := range out {
		typ := e.Func.Results[i].Type
		out[i] = backend.Tensor{Type: typ, Bytes: make([]byte, typ.Bytes())}
	}
	err := call(in, out)
	var results []ir.Ref
	for _, o := range out {
		results = append(results, eval.Decode(o.Type, o.Bytes))
	}
	return results, err
}

// Tensor encodes a reference.
func Tensor(r ir.Ref) backend.Tensor {
	t := backend.Tensor{Type: r.Type, Bytes: make([]byte, r.Type.Bytes())}
	eval.Encode(r, t.Bytes)
	return t
}

func testOps(t *testing.T, d backend.Device) {
	for _, row := range ops.Table {
		for i, line := range row.Good {
			variants := []string{line}
			if strings.Contains(line, "f64") {
				variants = append(variants, strings.ReplaceAll(line, "f64", "f32"), strings.ReplaceAll(line, "f64", "bf16"), strings.ReplaceAll(line, "f64", "f16"))
			} else if strings.Contains(line, "f32") {
				variants = append(variants, strings.ReplaceAll(line, "f32", "f64"))
			}
			for _, v := range variants {
				m, err := ir.Parse("example", ops.Example(v), ops.Registry)
				if err != nil {
					continue // the op does not take this type
				}
				t.Run(fmt.Sprintf("%s/%d", row.Op.Name(), i), func(t *testing.T) { compare(t, d, m, row, v) })
			}
		}
	}
}

func compare(t *testing.T, d backend.Device, m *ir.Module, row ops.Row, line string) {
	f := m.Funcs[0]
	m.Entries = []*ir.Entry{Entry(f)}
	for _, c := range f.Body {
		if l, ok := c.Op.(ops.Literal); ok {
			for int(l.Data) >= len(m.Data) {
				m.Data = append(m.Data, ir.Data{Type: l.Type, Bytes: Tensor(irtest.Fill(irtest.Rand(3), l.Type, -1, 1, 9)).Bytes})
			}
		}
	}
	low, high := row.Low, row.High
	if low == high {
		low, high = -2, 2
	}
	for seed := range uint64(3) {
		r := irtest.Rand(seed)
		var args []ir.Ref
		for _, p := range f.Params {
			args = append(args, irtest.Fill(r, p.Type, low, high, 3))
		}
		want, err := eval.Func(m, f, args)
		require.NoError(t, err, line)
		got, err := Call(d, m, args)
		require.NoError(t, err, line)
		for i := range want {
			tol := tolerance(f.Results[i].Type.DType)
			if row.Op.Name() == "dot" || row.Op.Name() == "conv" {
				tol = irtest.Tolerance{Absolute: tol.Absolute * 30, Relative: tol.Relative * 4}
			}
			require.NoError(t, irtest.Compare(want[i], got[i], tol), "%s, result %d", line, i)
		}
	}
}

func tolerance(d ir.DType) irtest.Tolerance {
	switch d {
	case ir.F64:
		return irtest.Tolerance{Absolute: 1e-12, Relative: 1e-12}
	case ir.BF16:
		return irtest.Tolerance{Absolute: 1e-2, Relative: 1.6e-2}
	case ir.F16:
		return irtest.Tolerance{Absolute: 1e-3, Relative: 2e-3}
	}
	return irtest.Elementwise
}

func testRandom(t *testing.T, d backend.Device) {
	n := uint64(150)
	if testing.Short() {
		n = 30
	}
	for seed := range n {
		for _, typ := range []ir.DType{ir.F64, ir.F32} {
			r := irtest.Rand(seed)
			m := irtest.Random(r, irtest.Options{Instructions: 5 + int(seed%30), Axis: 2 + int64(seed%9), Float: typ, Smooth: typ == ir.F32})
			checkRandom(t, d, m, r, fmt.Sprintf("seed %d of %v", seed, typ))
		}
	}
}

func checkRandom(t *testing.T, d backend.Device, m *ir.Module, r *rand.Rand, name string) {
	f := m.Entry("main").Func
	args := irtest.Arguments(r, f)
	want, err := eval.Func(m, f, args)
	require.NoError(t, err, name)
	got, err := Call(d, m, args)
	require.NoError(t, err, "%s\n%s", name, text(m))
	for i := range want {
		tol := irtest.Tolerance{Absolute: 1e-9, Relative: 1e-9}
		if want[i].Type.DType != ir.F64 {
			tol = irtest.Tolerance{Absolute: 2e-4 * (1 + greatest(want[i])), Relative: 1e-4}
		}
		require.NoError(t, irtest.Compare(want[i], got[i], tol), "%s, result %d\n%s", name, i, text(m))
	}
}

func greatest(r ir.Ref) float64 {
	m := 0.0
	for _, v := range r.Data {
		if !math.IsInf(v, 0) {
			m = math.Max(m, math.Abs(v))
		}
	}
	return m
}

func text(m *ir.Module) string { return ir.Print(m) }

// training is a module with a step that is guarded: p' = p - rate·x, m' = p (the old one), n' = n + 1; the scan adds p to a carry three times.
func training() *ir.Module {
	v := ir.Of(ir.F32, 5)
	p, q := &ir.State{Name: "p", Type: v}, &ir.State{Name: "q", Type: v, Role: ir.Moment}
	n := &ir.State{Name: "n", Type: ir.Of(ir.I32), Role: ir.Counter}
	body := ir.NewBuilder("body")
	k, acc, x := body.Param(v, "k"), body.Param(v, "acc"), body.Param(v, "x")
	sum := ops.Add(body, ops.Mul(body, acc, x), k)
	body.Return(sum, ops.Exp(body, ops.Neg(body, sum)))

	b := ir.NewBuilder("step")
	in, sp, sq, sn := b.Param(v, "x"), b.Param(v, "p"), b.Param(v, "q"), b.Param(n.Type, "n")
	rows := ops.BroadcastTo(b, in, ir.MustShape(3, 5), 1)
	r := b.Emit(ir.Scan{Length: 3, Consts: 1, Carry: 1, Over: 1, Reverse: true}, []*ir.Func{body.Func}, sp, sq, rows)
	logs := ops.Log(b, in)
	loss := ops.Sum(b, logs, 0)
	ok := ops.IsFinite(b, loss)
	next := ops.Sub(b, sp, ops.Mul(b, ops.Number(b, v, 0.5), logs))
	one := ops.Number(b, n.Type, 1)
	f := b.Return(loss, ok, r[1], sq, next, ops.Add(b, sp, r[0]), ops.Add(b, sn, one))
	return &ir.Module{Name: "training", Sites: []ir.Site{{}}, State: []*ir.State{p, q, n}, Funcs: []*ir.Func{body.Func, f},
		Entries: []*ir.Entry{{Name: "main", Func: f, In: []string{"x"}, Out: []string{"loss", "ok", "stack", "old"}, Read: []*ir.State{p, q, n}, Write: []*ir.State{p, q, n}}}}
}

func testStates(t *testing.T, d backend.Device) {
	m := training()
	e := m.Entry("main")
	p, err := d.Open(m.State)
	require.NoError(t, err)
	defer p.Close()
	call, err := p.Load(m, "main")
	require.NoError(t, err)
	again, err := p.Load(m, "main") // a second entry shares states and arena
	require.NoError(t, err)
	states := []ir.Ref{eval.Of(m.State[0].Type, 1, 2, 3, 4, 5), eval.Of(m.State[1].Type, 5, 4, 3, 2, 1), eval.Of(m.State[2].Type, 7)}
	for i, s := range states {
		require.NoError(t, p.Write(m.State[i].Name, Tensor(s)))
	}
	for step := range 4 {
		x := eval.Of(ir.Of(ir.F32, 5), 1, 1.5, 2, 0.5, 0.25)
		want, err := eval.Func(m, e.Func, append([]ir.Ref{x}, states...))
		require.NoError(t, err)
		c := call
		if step%2 == 1 {
			c = again
		}
		got, err := Do(c, e, []ir.Ref{x})
		require.NoError(t, err)
		for i := range got {
			require.NoError(t, irtest.Compare(want[i], got[i], irtest.Tolerance{Absolute: 1e-5, Relative: 1e-5}), "step %d, %s", step, e.Out[i])
		}
		states = want[len(e.Out):]
		for i, s := range states {
			require.NoError(t, irtest.Compare(s, read(t, p, m.State[i]), irtest.Tolerance{Absolute: 1e-5, Relative: 1e-5}), "step %d, state %s", step, m.State[i].Name)
		}
	}
	assert.Positive(t, p.Usage().States)
	assert.Positive(t, p.Usage().Arena)
}

func read(t *testing.T, p backend.Program, s *ir.State) ir.Ref {
	dst := backend.Tensor{Type: s.Type, Bytes: make([]byte, s.Type.Bytes())}
	require.NoError(t, p.Read(s.Name, dst))
	return eval.Decode(s.Type, dst.Bytes)
}

func testGuard(t *testing.T, d backend.Device) {
	m := training()
	m.Sites = append(m.Sites, ir.Site{File: "net.model", Line: 7, Col: 3})
	e := m.Entry("main")
	for _, c := range e.Func.Body {
		if c.Op.Name() == "log" {
			c.Pos = 1
		}
	}
	p, err := d.Open(m.State)
	require.NoError(t, err)
	defer p.Close()
	call, err := p.Load(m, "main")
	require.NoError(t, err)
	before := eval.Of(m.State[0].Type, 1, 2, 3, 4, 5)
	require.NoError(t, p.Write("p", Tensor(before)))
	_, err = Do(call, e, []ir.Ref{eval.Of(ir.Of(ir.F32, 5), 1, 0, 2, 3, 4)})
	var bad *backend.NotFinite
	require.ErrorAs(t, err, &bad)
	assert.Equal(t, "log", bad.Op)
	assert.Equal(t, "net.model", bad.Site.File)
	assert.Equal(t, 7, bad.Site.Line)
	for i, want := range []ir.Ref{before, eval.New(m.State[1].Type), eval.New(m.State[2].Type)} {
		assert.Equal(t, want.Data, read(t, p, m.State[i]).Data, m.State[i].Name)
	}
	_, err = Do(call, e, []ir.Ref{eval.Of(ir.Of(ir.F32, 5), 1, 1, 2, 3, 4)})
	require.NoError(t, err, "the program stays usable")
	assert.Equal(t, []float64{1}, read(t, p, m.State[2]).Data)
}

func testMisuse(t *testing.T, d backend.Device) {
	m := training()
	p, err := d.Open(m.State)
	require.NoError(t, err)
	call, err := p.Load(m, "main")
	require.NoError(t, err)
	assert.Error(t, call(nil, nil), "too few values")
	_, err = Do(call, m.Entry("main"), []ir.Ref{eval.New(ir.Of(ir.F32, 6))})
	assert.Error(t, err, "a wrong shape")
	_, err = p.Load(m, "other")
	assert.Error(t, err, "no such entry")
	assert.Error(t, p.Write("p", Tensor(eval.New(ir.Of(ir.F32, 6)))))
	assert.Error(t, p.Read("r", Tensor(eval.New(ir.Of(ir.F32, 6)))))
	require.NoError(t, p.Close())
	require.NoError(t, p.Close())
	_, err = Do(call, m.Entry("main"), []ir.Ref{eval.New(ir.Of(ir.F32, 5))})
	assert.Error(t, err, "a closed program")
}

// testThreads requires the same bits from 1, 2 and 3 threads.
func testThreads(t *testing.T, open func(t *testing.T, threads int) backend.Device) {
	devices := []backend.Device{open(t, 1), open(t, 2), open(t, 3)}
	check := func(m *ir.Module, args []ir.Ref, name string) {
		want, err := Call(devices[0], m, args)
		require.NoError(t, err, name)
		for i, d := range devices[1:] {
			got, err := Call(d, m, args)
			require.NoError(t, err, name)
			for k := range want {
				for j, v := range want[k].Data {
					require.Equal(t, math.Float64bits(v), math.Float64bits(got[k].Data[j]), "%s: %d threads, result %d, element %d", name, i+2, k, j)
				}
			}
		}
	}
	for seed := range uint64(15) {
		r := irtest.Rand(1000 + seed)
		m := irtest.Random(r, irtest.Options{Instructions: 20, Axis: 9, Float: ir.F32})
		check(m, irtest.Arguments(r, m.Entry("main").Func), fmt.Sprint("seed ", seed))
	}
	// Large enough to be shared: a layer, its softmax, and sums along both axes.
	b := ir.NewBuilder("main")
	x, w := b.Param(ir.Of(ir.F32, 300, 130), "x"), b.Param(ir.Of(ir.F32, 130, 200), "w")
	y := ops.MatMul(b, x, w)
	e := ops.Exp(b, ops.Sub(b, y, ops.BroadcastTo(b, ops.ReduceMax(b, y, 1), y.Type.Shape, 0)))
	s := ops.Div(b, e, ops.BroadcastTo(b, ops.Sum(b, e, 1), y.Type.Shape, 0))
	f := b.Return(s, ops.Sum(b, ops.Mul(b, s, y), 0), ops.Sum(b, ops.Mul(b, y, y), 0, 1), ops.Sum(b, y, 1))
	m := &ir.Module{Name: "large", Sites: []ir.Site{{}}, Funcs: []*ir.Func{f}, Entries: []*ir.Entry{Entry(f)}}
	r := irtest.Rand(5)
	args := []ir.Ref{irtest.Fill(r, x.Type, -1, 1, 3), irtest.Fill(r, w.Type, -1, 1, 3)}
	check(m, args, "large")
	want, err := eval.Func(m, f, args)
	require.NoError(t, err)
	got, err := Call(devices[1], m, args)
	require.NoError(t, err)
	for i := range want {
		require.NoError(t, irtest.Compare(want[i], got[i], irtest.Tolerance{Absolute: 1e-4, Relative: 1e-4}), "result %d", i)
	}
}
