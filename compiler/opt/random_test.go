package opt

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"modelc/compiler/grad"
	"modelc/ir"
	"modelc/ir/irtest"
	"modelc/ir/ops"
	"modelc/ir/scalar"
)

// generator makes random functions with many loops in loops: consts, carries and slices of both kinds of types, sums in carries, the same loop
// twice, values passed twice. irtest.Random has all ops, but few of those.
type generator struct {
	r *rand.Rand
	n int // functions made
}

var (
	unary  = []scalar.Code{scalar.Neg, scalar.Tanh, scalar.Sin, scalar.Sigmoid, scalar.Abs, scalar.Cos}
	binary = []scalar.Code{scalar.Add, scalar.Add, scalar.Sub, scalar.Mul, scalar.Mul, scalar.Max, scalar.Min}
)

func (g *generator) dims() []int64 {
	d := make([]int64, g.r.IntN(4))
	for i := range d {
		d[i] = 1 + g.r.Int64N(3)
	}
	return d
}

func pick[T any](g *generator, list []T) T { return list[g.r.IntN(len(list))] }

// function makes a function with a few parameters, one of them an integer, and results.
func (g *generator) function(depth, size int, params ...ir.Type) *ir.Func {
	g.n++
	b := ir.NewBuilder(fmt.Sprint("f", g.n))
	for _, t := range params {
		b.Param(t, "")
	}
	for range 1 + g.r.IntN(3) {
		b.Param(ir.Of(ir.F64, g.dims()...), "")
	}
	values := append([]*ir.Value(nil), b.Func.Params...)
	for range size {
		values = append(values, g.emit(b, values, depth)...)
	}
	var results []*ir.Value
	for range 1 + g.r.IntN(3) {
		results = append(results, pick(g, values))
	}
	if b.Err != nil {
		panic(b.Err)
	}
	return b.Return(results...)
}

// fit makes some value of the wanted type out of x.
func (g *generator) fit(b *ir.Builder, x *ir.Value, t ir.Type) *ir.Value {
	x = ops.Convert(b, x, t.DType)
	if x.Type == t {
		return x
	}
	if x.Type.Shape.Size() == t.Shape.Size() {
		return ops.ReshapeTo(b, x, t.Shape)
	}
	axes := make([]int, x.Type.Shape.Rank())
	for i := range axes {
		axes[i] = i
	}
	s := ops.Sum(b, x, axes...)
	if g.r.IntN(2) == 0 {
		s = ops.ReduceMax(b, x, axes...)
	}
	return ops.BroadcastTo(b, s, t.Shape)
}

func (g *generator) emit(b *ir.Builder, values []*ir.Value, depth int) []*ir.Value {
	x := pick(g, values)
	s := x.Type.Shape
	rank := s.Rank()
	one := func(v *ir.Value) []*ir.Value { return []*ir.Value{v} }
	if !x.Type.DType.IsFloat() && g.r.IntN(2) == 0 {
		x = ops.Convert(b, x, ir.F64)
	}
	isFloat := x.Type.DType.IsFloat()
	switch k := g.r.IntN(16); {
	case k == 0:
		return one(ops.Number(b, ir.Of(ir.F64, g.dims()...), float64(g.r.IntN(4)-1)))
	case k == 1 && isFloat:
		return one(b.Op(ops.Map{Code: pick(g, unary)}, x))
	case k <= 4:
		return one(b.Op(ops.Map{Code: pick(g, binary)}, x, g.fit(b, pick(g, values), x.Type)))
	case k == 5:
		y := g.fit(b, pick(g, values), x.Type)
		return one(ops.Select(b, ops.Gt(b, x, y), y, g.fit(b, pick(g, values), x.Type)))
	case k == 6 && rank < 4:
		at := g.r.IntN(rank + 1)
		d := append(append(append([]int64(nil), s.Dims()[:at]...), 1+g.r.Int64N(3)), s.Dims()[at:]...)
		var axes []int
		for i := range rank + 1 {
			if i != at {
				axes = append(axes, i)
			}
		}
		return one(ops.BroadcastTo(b, x, ir.MustShape(d...), axes...))
	case k == 7:
		return one(ops.TransposeBy(b, x, g.r.Perm(rank)...))
	case k == 8 && rank > 0:
		a := g.r.IntN(rank)
		lo := g.r.Int64N(s.Dim(a))
		return one(ops.SliceAxis(b, x, a, lo, lo+1+g.r.Int64N(s.Dim(a)-lo)))
	case k == 9 && rank > 0:
		return one(ops.PadAxis(b, x, g.r.IntN(rank), g.r.Int64N(2), g.r.Int64N(2), float64(g.r.IntN(2))))
	case k == 10 && rank > 0:
		if code := pick(g, []scalar.Code{scalar.Add, scalar.Add, scalar.Max}); code != scalar.Add || isFloat {
			return one(b.Op(ops.Reduce{Code: code, Axes: ir.NewAxes(g.r.IntN(rank))}, x))
		}
	case k == 11 && rank > 0 && rank < 3:
		w := g.fit(b, pick(g, values), ir.Of(x.Type.DType, s.Dim(rank-1), 2))
		return one(b.Op(ops.Dot{ContractA: ir.NewAxes(rank - 1), ContractB: ir.NewAxes(0)}, x, w))
	case k == 12:
		return one(b.Op(ops.Stop{}, x))
	case k == 13 && depth > 0:
		f := g.function(depth-1, 3)
		f.Whole = g.r.IntN(2) == 0
		return b.Call(f, g.arguments(b, f, values, 0, 0)...)
	case k >= 14 && depth > 0:
		return g.scan(b, values, depth)
	}
	return one(b.Op(ops.Reverse{}, x))
}

func (g *generator) arguments(b *ir.Builder, f *ir.Func, values []*ir.Value, stackedFrom int, length int64) []*ir.Value {
	var args []*ir.Value
	for i, p := range f.Params {
		t := p.Type
		if length > 0 && i >= stackedFrom {
			t, _ = stackedType(t, length)
		}
		args = append(args, g.fit(b, pick(g, values), t))
	}
	return args
}

// scan makes a loop: the first carries keep their types by force, the rest of the results are outs.
func (g *generator) scan(b *ir.Builder, values []*ir.Value, depth int) []*ir.Value {
	var types []ir.Type
	for range 1 + g.r.IntN(4) {
		t := ir.Of(pick(g, []ir.DType{ir.F64, ir.F64, ir.F64, ir.I32}), g.dims()...)
		if g.r.IntN(3) == 0 {
			t = ir.Of(ir.F64, 2, 3)
		}
		types = append(types, t)
	}
	f := g.function(depth-1, 2+g.r.IntN(6), types...)
	consts := g.r.IntN(len(f.Params))
	carries := g.r.IntN(len(f.Params) - consts)
	body, m := ir.Clone(f, f.Name)
	all := append([]*ir.Value(nil), body.Func.Params...)
	for _, c := range f.Body {
		for _, r := range c.Results {
			all = append(all, m.At(r))
		}
	}
	var results []*ir.Value
	for i := range carries {
		p := body.Func.Params[consts+i]
		next := g.fit(body, pick(g, all), p.Type)
		if p.Type.DType.IsFloat() && g.r.IntN(2) == 0 { // bounded, and a sum as gradients make them
			next = ops.Add(body, p, ops.Tanh(body, next))
		} else if p.Type.DType.IsFloat() && p.Type.Shape.Rank() == 2 { // a sum of products
			d := p.Type.Shape
			x, y := g.fit(body, pick(g, all), ir.Of(ir.F64, 2, d.Dim(0))), g.fit(body, pick(g, all), ir.Of(ir.F64, 2, d.Dim(1)))
			next = ops.Add(body, p, body.Op(ops.Dot{ContractA: ir.NewAxes(0), ContractB: ir.NewAxes(0)}, x, y))
			all = append(all, next)
		}
		results = append(results, next)
	}
	results = append(results, body.Func.Results...)
	f = body.Return(results...)
	if body.Err != nil {
		panic(body.Err)
	}
	length := 1 + g.r.Int64N(3)
	op := ir.Scan{Length: length, Consts: int32(consts), Carry: int32(carries), Over: int32(len(f.Params) - consts - carries), Reverse: g.r.IntN(2) == 0}
	args := g.arguments(b, f, values, consts+carries, length)
	out := b.Emit(op, []*ir.Func{f}, args...)
	if g.r.IntN(2) == 0 { // another loop over its slices
		twin, _ := ir.Clone(f, f.Name)
		if twin.Func.Results = append(twin.Func.Results, pick(g, twin.Func.Params)); carries > 0 && g.r.IntN(2) == 0 {
			k := g.r.IntN(carries)
			twin.Func.Results[k] = g.fit(twin, twin.Func.Params[consts+k], twin.Func.Params[consts+k].Type)
		}
		out = append(out, b.Emit(op, []*ir.Func{twin.Func}, args...)...)
	}
	return out
}

// random checks a random program and its gradient through all stages, and reports whether its numbers were of use.
func random(t *testing.T, seed uint64) bool {
	g := &generator{r: irtest.Rand(seed)}
	f := g.function(2, 4+g.r.IntN(20), ir.Of(ir.I32, 2))
	return stages(t, seed, module(f, grad.New().Backward(f)))
}

// randomOps does so with programs of all ops.
func randomOps(t *testing.T, seed uint64) bool {
	m := irtest.Random(irtest.Rand(seed), irtest.Options{Instructions: 25, Axis: 4, Float: ir.F64, Smooth: true})
	f := m.Entries[0].Func
	return stages(t, seed, module(f, grad.New().Backward(f)))
}

func stages(t *testing.T, seed uint64, m *ir.Module) bool {
	r := irtest.Rand(seed)
	require.NoError(t, ir.Verify(m))
	text := ir.Print(m)
	want := values(t, m)
	for _, out := range want {
		for _, r := range out {
			for _, v := range r.Data {
				if !(v < 1e9 && v > -1e9) {
					return false // what differs by rounding would differ by much
				}
			}
		}
	}
	keep := func(*ir.Instr) bool { return r.IntN(3) == 0 }
	stage := 0
	err := Run(m, Options{Verify: true, Keep: keep, After: func(name string, m *ir.Module) {
		stage++
		got := values(t, m)
		for i := range want {
			for k := range want[i] {
				require.NoError(t, irtest.Compare(want[i][k], got[i][k], irtest.Tolerance{Absolute: 1e-7, Relative: 1e-9}),
					"seed %d, stage %d, %s: entry %d, result %d\n%s", seed, stage, name, i, k, text)
			}
		}
	}})
	require.NoError(t, err, "seed %d\n%s", seed, text)
	return true
}

func TestRandomPrograms(t *testing.T) {
	for name, test := range map[string]func(*testing.T, uint64) bool{"loops": random, "ops": randomOps} {
		t.Run(name, func(t *testing.T) {
			useful := 0
			for seed := range uint64(300) {
				if test(t, seed) {
					useful++
				}
			}
			require.Greater(t, useful, 200)
		})
	}
}

func FuzzLoops(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { random(t, seed) })
}

func FuzzOps(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { randomOps(t, seed) })
}
