package opt

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"modelc/compiler/grad"
	"modelc/ir"
	"modelc/ir/eval"
	"modelc/ir/irtest"
	"modelc/ir/ops"
)

// reordered is the tolerance of results in f64 whose sums a pass takes in another order.
var reordered = irtest.Tolerance{Absolute: 1e-11, Relative: 1e-11}

// entry binds names to all parameters and results of a function.
func entry(name string, f *ir.Func) *ir.Entry {
	e := &ir.Entry{Name: name, Func: f}
	for i := range f.Params {
		e.In = append(e.In, fmt.Sprint("x", i))
	}
	for i := range f.Results {
		e.Out = append(e.Out, fmt.Sprint("y", i))
	}
	return e
}

// module returns a module of entries over functions.
func module(funcs ...*ir.Func) *ir.Module {
	m := &ir.Module{Name: "test", Sites: []ir.Site{{}}}
	for i, f := range funcs {
		m.Entries = append(m.Entries, entry(fmt.Sprint("entry", i), f))
	}
	m.Collect()
	return m
}

func parse(t *testing.T, file string) *ir.Module {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	m, err := ir.Parse(file, string(text), ops.Registry)
	require.NoError(t, err)
	require.NoError(t, ir.Verify(m))
	return m
}

// programs calls the test with modules: each program of the gradient's tests with its first and second backward functions as entries.
func programs(t *testing.T, test func(t *testing.T, m *ir.Module)) {
	files, err := filepath.Glob("../grad/testdata/*.ir")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".ir"), func(t *testing.T) {
			m := parse(t, file)
			tr := grad.New()
			f := m.Entry("main").Func
			m.Entries = append(m.Entries, entry("bwd", tr.Backward(f)), entry("bwd2", tr.Backward(tr.Backward(f))))
			m.Collect()
			test(t, m)
		})
	}
}

func arguments(seed uint64, f *ir.Func) []ir.Ref {
	r := irtest.Rand(seed)
	args := make([]ir.Ref, len(f.Params))
	for i, p := range f.Params {
		args[i] = irtest.Fill(r, p.Type, -1, 1, 3)
	}
	return args
}

// values evaluates all entries of a module.
func values(t *testing.T, m *ir.Module) [][]ir.Ref {
	t.Helper()
	var all [][]ir.Ref
	for i, e := range m.Entries {
		out, err := eval.Func(m, e.Func, arguments(uint64(i), e.Func))
		require.NoError(t, err)
		all = append(all, out)
	}
	return all
}

func requireSame(t *testing.T, want, got [][]ir.Ref, tol irtest.Tolerance, what string) {
	t.Helper()
	for i := range want {
		require.Len(t, got[i], len(want[i]))
		for k := range want[i] {
			require.NoError(t, irtest.Compare(want[i][k], got[i][k], tol), "%s: entry %d, result %d", what, i, k)
		}
	}
}

func TestEveryStageKeepsTheValues(t *testing.T) {
	programs(t, func(t *testing.T, m *ir.Module) {
		want := values(t, m)
		stage := 0
		require.NoError(t, Run(m, Options{Verify: true, After: func(name string, m *ir.Module) {
			stage++
			requireSame(t, want, values(t, m), reordered, fmt.Sprintf("stage %d, %s", stage, name))
			again, err := ir.Parse("again", ir.Print(m), ops.Registry)
			require.NoError(t, err, "stage %d, %s", stage, name)
			require.NoError(t, ir.Verify(again))
		}}))
		assert.Equal(t, len(Passes), stage)
	})
}

// TestEveryPassAlone runs each pass on the modules as they are, twice.
func TestEveryPassAlone(t *testing.T) {
	for _, p := range Passes {
		t.Run(p.Name, func(t *testing.T) {
			programs(t, func(t *testing.T, m *ir.Module) {
				want := values(t, m)
				for range 2 {
					p.Run(m, Options{})
					m.Collect()
					require.NoError(t, ir.Verify(m))
					requireSame(t, want, values(t, m), reordered, p.Name)
				}
			})
		})
	}
}

func TestTable(t *testing.T) {
	for _, p := range Passes {
		assert.NotEmpty(t, p.Why, p.Name)
	}
	m := module()
	assert.ErrorContains(t, Run(m, Options{Until: "nonsense"}), `there is no stage "nonsense"; the stages are inline, expand, `)
	var seen []string
	assert.Contains(t, Stages(), "cse.2")
	require.NoError(t, Run(m, Options{Until: "fold", After: func(name string, _ *ir.Module) { seen = append(seen, name) }}))
	assert.Equal(t, []string{"inline", "expand", "fold"}, seen)
}

// TestRules checks each rule on its example: it applies, and the values stay.
func TestRules(t *testing.T) {
	for _, list := range [][]rule{mapRules, viewRules, productRules} {
		for _, r := range list {
			t.Run(r.name, func(t *testing.T) {
				b := ir.NewBuilder("example")
				m := module(b.Return(r.example(b)))
				require.NoError(t, b.Err)
				require.NoError(t, ir.Verify(m))
				want := values(t, m)
				applied := false
				for _, f := range m.Funcs {
					rewrite(f, func(b *ir.Builder, c *ir.Instr) []*ir.Value {
						for _, known := range rulesFor[c.Op.Name()] {
							if known.name != r.name {
								continue
							}
							if v := r.apply(b, c); v != nil {
								applied = true
								return []*ir.Value{v}
							}
						}
						return nil
					})
				}
				assert.True(t, applied, "the rule does not apply to its example")
				require.NoError(t, ir.Verify(m))
				requireSame(t, want, values(t, m), irtest.Tolerance{Absolute: 0, Relative: 2e-7}, r.name)
			})
		}
	}
}

// TestRulesSparesNaN: what is not sound for infinities and NaN is not simplified.
func TestRulesSpareNaN(t *testing.T) {
	b := ir.NewBuilder("f")
	x := b.Param(ir.Of(ir.F32), "x")
	zero := ops.Zeros(b, x.Type)
	m := module(b.Return(ops.Mul(b, x, zero), ops.Sub(b, x, x), ops.Div(b, x, x), ops.Div(b, zero, x)))
	require.NoError(t, Run(m, Options{Verify: true}))
	nan, err := eval.Func(m, m.Entries[0].Func, []ir.Ref{{Type: x.Type, Data: []float64{nan()}}})
	require.NoError(t, err)
	for i, v := range nan {
		assert.NotEqual(t, v.Data[0], v.Data[0], "result %d is not NaN", i)
	}
}

func nan() float64 { zero := 0.0; return zero / zero }

// count returns how many instructions with the mnemonic a function has, callees not included.
func count(f *ir.Func, name string) int {
	n := 0
	for _, c := range f.Body {
		if c.Op.Name() == name {
			n++
		}
	}
	return n
}

// loopsOf returns the bodies of the scans of a function, in order.
func loopsOf(f *ir.Func) (bodies []*ir.Func, instrs []*ir.Instr) {
	for _, c := range f.Body {
		if _, ok := c.Op.(ir.Scan); ok {
			bodies, instrs = append(bodies, c.Callees[0]), append(instrs, c)
		}
	}
	return bodies, instrs
}

// train returns a module with the gradient of result 0 of a program by some parameters.
func train(t *testing.T, name string, loss int, wrt ...int) *ir.Module {
	m := parse(t, "../grad/testdata/"+name+".ir")
	return module(grad.New().Of(m.Entry("main").Func, loss, wrt))
}

// TestKeep: a stack of layers computes its products once forward; backward only those of the gradients.
func TestKeep(t *testing.T) {
	m := train(t, "layers", 0, 0, 1, 2, 3)
	want := values(t, m)
	require.NoError(t, Run(m, Options{Verify: true}))
	requireSame(t, want, values(t, m), reordered, "keep")
	bodies, _ := loopsOf(m.Entries[0].Func)
	require.Len(t, bodies, 2)
	assert.Equal(t, 2, count(bodies[0], "dot"))
	assert.Equal(t, 4, count(bodies[1], "dot"), ir.Print(m))
	assert.LessOrEqual(t, len(bodies[0].Results), 1+1+4)
}

// TestHoist: of an LSTM-like cell, the products with inputs leave the forward loop, those that sum up weight gradients leave the backward loop.
func TestHoist(t *testing.T) {
	m := train(t, "rnn", 0, 0, 1, 2, 3, 4)
	want := values(t, m)
	require.NoError(t, Run(m, Options{Verify: true}))
	requireSame(t, want, values(t, m), reordered, "hoist")
	f := m.Entries[0].Func
	bodies, instrs := loopsOf(f)
	require.Len(t, bodies, 2)
	assert.Equal(t, 1, count(bodies[0], "dot"), "h·w; x·u is computed before the loop\n%s", ir.Print(m))
	assert.Equal(t, 1, count(bodies[1], "dot"), "dz·wᵀ; the rest is computed after the loop\n%s", ir.Print(m))
	assert.Equal(t, 4, count(f, "dot"), "x·u, dz·uᵀ, dw and du")
	assert.Equal(t, int32(1), instrs[1].Op.(ir.Scan).Carry, "only the gradient of the state is carried")
}

// TestNestedKeep: the inner loop is not run again backward.
func TestNestedKeep(t *testing.T) {
	m := train(t, "nested", 0, 0, 1, 2)
	want := values(t, m)
	require.NoError(t, Run(m, Options{Verify: true}))
	requireSame(t, want, values(t, m), reordered, "nested")
	bodies, _ := loopsOf(m.Entries[0].Func)
	require.Len(t, bodies, 2)
	inner, _ := loopsOf(bodies[1])
	assert.Len(t, inner, 1, "only the reversed loop\n%s", ir.Print(m))
}

// TestExpand: an unclaimed composite is computed once, forward and backward together; a claimed one is two calls.
func TestExpand(t *testing.T) {
	m := train(t, "whole", 1, 0, 1)
	want := values(t, m)
	require.NoError(t, Run(m, Options{Verify: true}))
	requireSame(t, want, values(t, m), reordered, "expand")
	f := m.Entries[0].Func
	assert.Equal(t, 0, count(f, "call"))
	assert.Equal(t, 2, count(f, "exp"), ir.Print(m))

	m = train(t, "whole", 1, 0, 1)
	require.NoError(t, Run(m, Options{Verify: true, Keep: func(c *ir.Instr) bool { return strings.HasPrefix(c.Callees[0].Name, "softmax") }}))
	requireSame(t, want, values(t, m), reordered, "claimed")
	f = m.Entries[0].Func
	assert.Equal(t, 4, count(f, "call"), ir.Print(m))
	assert.Equal(t, 0, count(f, "exp"))
}

// TestDeadLoopParts: a loop keeps only what its used results need.
func TestDeadLoopParts(t *testing.T) {
	m := parse(t, "../grad/testdata/rnn.ir")
	f := m.Entry("main").Func
	f.Results = f.Results[2:3] // the counter
	m = module(f)
	require.NoError(t, Run(m, Options{Verify: true}))
	_, instrs := loopsOf(m.Entries[0].Func)
	require.Len(t, instrs, 1)
	assert.Equal(t, ir.Scan{Length: 5, Carry: 1}, instrs[0].Op)
}

// TestFold: numbers stay numbers whatever their shape, small tables become literals, large ones are left alone.
func TestFold(t *testing.T) {
	b := ir.NewBuilder("f")
	x := b.Param(ir.Of(ir.F32, 1000, 1000), "x")
	c := ops.BroadcastTo(b, ops.Exp(b, ops.Ones(b, ir.Of(ir.F32))), x.Type.Shape)
	small := b.Op(ops.Iota{Type: ir.Of(ir.I32, 8)})
	large := b.Op(ops.Iota{Type: ir.Of(ir.I32, 5000)})
	m := module(b.Return(ops.Add(b, x, c), ops.Mul(b, small, small), ops.Mul(b, large, large), ops.Sum(b, c, 0, 1)))
	require.NoError(t, b.Err)
	require.NoError(t, Run(m, Options{Verify: true}))
	f := m.Entries[0].Func
	assert.Equal(t, 0, count(f, "exp")+count(f, "broadcast")+count(f, "reduce_sum"))
	assert.Equal(t, 1, count(f, "literal"))
	assert.Equal(t, 1, count(f, "mul"))
	require.Len(t, m.Data, 1)
	assert.Equal(t, []float64{0, 1, 4, 9, 16, 25, 36, 49}, eval.Decode(m.Data[0].Type, m.Data[0].Bytes).Data)
}

// block appends a block of a transformer on x f32[batch,time,64] with weights that param supplies.
func block(b *ir.Builder, x *ir.Value, param func(dims ...int64) *ir.Value) *ir.Value {
	linear := func(x, w *ir.Value) *ir.Value {
		return b.Op(ops.Dot{ContractA: ir.NewAxes(2), ContractB: ir.NewAxes(0)}, x, w)
	}
	norm := func(x *ir.Value) *ir.Value {
		s := x.Type.Shape
		n := ops.Number(b, ir.Of(ir.F32, s.Dim(0), s.Dim(1)), 1/float64(s.Dim(2)))
		m := ops.Mul(b, ops.Sum(b, ops.Mul(b, x, x), 2), n)
		r := ops.Rsqrt(b, ops.Add(b, m, ops.Number(b, m.Type, 1e-5)))
		return ops.Mul(b, ops.Mul(b, x, ops.BroadcastTo(b, r, s, 0, 1)), ops.BroadcastTo(b, param(s.Dim(2)), s, 2))
	}
	h := norm(x)
	q, k, v := linear(h, param(64, 64)), linear(h, param(64, 64)), linear(h, param(64, 64))
	s := b.Op(ops.Dot{BatchA: ir.NewAxes(0), BatchB: ir.NewAxes(0), ContractA: ir.NewAxes(2), ContractB: ir.NewAxes(2)}, q, k)
	mx := ops.BroadcastTo(b, b.Op(ops.Stop{}, ops.ReduceMax(b, s, 2)), s.Type.Shape, 0, 1)
	e := ops.Exp(b, ops.Sub(b, s, mx))
	p := ops.Div(b, e, ops.BroadcastTo(b, ops.Sum(b, e, 2), s.Type.Shape, 0, 1))
	a := b.Op(ops.Dot{BatchA: ir.NewAxes(0), BatchB: ir.NewAxes(0), ContractA: ir.NewAxes(2), ContractB: ir.NewAxes(1)}, p, v)
	x = ops.Add(b, x, linear(a, param(64, 64)))
	f := linear(norm(x), param(64, 256))
	return ops.Add(b, x, linear(ops.Mul(b, f, ops.Sigmoid(b, f)), param(256, 64)))
}

// deep makes the training function of a transformer, written out layer by layer or as a loop.
func deep(layers int64, rolled bool) *ir.Func {
	b := ir.NewBuilder("deep")
	x := b.Param(ir.Of(ir.F32, 8, 32, 64), "x")
	var wrt []*ir.Value
	param := func(dims ...int64) *ir.Value {
		v := b.Param(ir.Of(ir.F32, dims...), "w")
		wrt = append(wrt, v)
		return v
	}
	if rolled {
		body := ir.NewBuilder("block")
		args := []*ir.Value{x}
		y := block(body, body.Param(x.Type, "x"), func(dims ...int64) *ir.Value {
			args = append(args, param(append([]int64{layers}, dims...)...))
			return body.Param(ir.Of(ir.F32, dims...), "w")
		})
		x = b.Emit(ir.Scan{Length: layers, Carry: 1, Over: int32(len(args) - 1)}, []*ir.Func{body.Return(y)}, args...)[0]
	} else {
		for range layers {
			x = block(b, x, param)
		}
	}
	loss := ops.Sum(b, ops.Mul(b, x, x), 0, 1, 2)
	g := grad.New().Reverse(b, []*ir.Value{loss}, nil, wrt)
	f := b.Return(append([]*ir.Value{loss}, g...)...)
	if b.Err != nil {
		panic(b.Err)
	}
	return f
}

// TestKeepInATransformer: backward computes no product of the forward block again, and stores little beside their results.
func TestKeepInATransformer(t *testing.T) {
	m := module(deep(2, true))
	want := values(t, m)
	require.NoError(t, Run(m, Options{Verify: true}))
	requireSame(t, want, values(t, m), irtest.Tolerance{Absolute: 1e-2, Relative: 1e-4}, "keep")
	bodies, _ := loopsOf(m.Entries[0].Func)
	require.Len(t, bodies, 2)
	assert.Equal(t, 8, count(bodies[0], "dot"))
	assert.Equal(t, 16, count(bodies[1], "dot"), ir.Print(m))
	bytes := int64(0)
	for _, r := range bodies[0].Results[1:] {
		bytes += r.Type.Bytes()
	}
	// x, q, k, v, a, the input of the second norm, the scores once, and f; two statistics of norms.
	row := int64(8 * 32 * 4)
	assert.LessOrEqual(t, bytes, row*(7*64+32+256+4), ir.Print(m))
}

func BenchmarkRun(b *testing.B) {
	for _, rolled := range []bool{false, true} {
		b.Run(map[bool]string{false: "unrolled", true: "rolled"}[rolled], func(b *testing.B) {
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				b.StopTimer()
				m := module(deep(12, rolled))
				n = 0
				for _, f := range m.Funcs {
					n += len(f.Body)
				}
				b.StartTimer()
				if err := Run(m, Options{}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n), "instructions")
		})
	}
}

// TestTwinLoops: two loops over the same arguments become one if their carries are equal in every turn, whatever else they stack.
func TestTwinLoops(t *testing.T) {
	v := ir.Of(ir.F64, 2)
	body := func(factor float64, alsoBefore bool) *ir.Func {
		b := ir.NewBuilder("body")
		h, x := b.Param(v, "h"), b.Param(v, "x")
		next := ops.Tanh(b, ops.Add(b, h, ops.Mul(b, x, ops.Number(b, v, factor))))
		if alsoBefore {
			return b.Return(next, h)
		}
		return b.Return(next)
	}
	twins := func(factor float64) *ir.Module {
		b := ir.NewBuilder("f")
		h, x := b.Param(v, "h"), b.Param(ir.Of(ir.F64, 3, 2), "x")
		s := ir.Scan{Length: 3, Carry: 1, Over: 1}
		p := b.Emit(s, []*ir.Func{body(2, false)}, h, x)
		q := b.Emit(s, []*ir.Func{body(factor, true)}, h, x)
		return module(b.Return(p[0], q[0], q[1]))
	}
	for factor, want := range map[float64]int{2: 1, 3: 2} {
		m := twins(factor)
		before := values(t, m)
		require.NoError(t, Run(m, Options{Verify: true}))
		requireSame(t, before, values(t, m), irtest.Tolerance{}, "twins")
		assert.Equal(t, want, count(m.Entries[0].Func, "scan"))
	}
}

// TestDeepNesting: time stays polynomial in the depth of loops in loops, through the gradient and all passes.
func TestDeepNesting(t *testing.T) {
	v := ir.Of(ir.F64, 2)
	b := ir.NewBuilder("innermost")
	p, q := b.Param(v, "p"), b.Param(v, "q")
	f := b.Return(ops.Tanh(b, ops.Add(b, p, q)), ops.Mul(b, p, q))
	for range 24 {
		b := ir.NewBuilder("level")
		p, q := b.Param(v, "p"), b.Param(v, "q")
		r := b.Emit(ir.Scan{Length: 2, Carry: 2}, []*ir.Func{f}, p, q)
		f = b.Return(ops.Sin(b, r[1]), r[0])
	}
	m := module(grad.New().Of(f, 0, []int{0, 1}))
	require.NoError(t, Run(m, Options{Verify: true}))
}
