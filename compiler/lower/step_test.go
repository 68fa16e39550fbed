package lower_test

import (
	"fmt"
	"math"
	"testing"

	"modelc/compiler/core"
	"modelc/compiler/lower"
	"modelc/compiler/size"
	"modelc/ir"
	"modelc/ir/eval"

	"github.com/stretchr/testify/require"
)

// sgd is w - rate·g.
func (m *maker) sgd(s *core.Slot, rate float64) *core.Move {
	g := m.term(core.Gradient{}, s.Type)
	w := m.term(core.Read{Slot: s}, s.Type)
	return &core.Move{Slot: s, Grad: g, Next: m.op("sub", w, m.op("mul", m.num(rate), g))}
}

// momentum is m <- 0.5 m + g; w - rate·m.
func (m *maker) momentum(s, state *core.Slot, rate float64) *core.Move {
	g := m.term(core.Gradient{}, s.Type)
	w, old := m.term(core.Read{Slot: s}, s.Type), m.term(core.Read{Slot: state}, s.Type)
	next := m.op("add", m.op("mul", m.num(0.5), old), g)
	return &core.Move{Slot: s, Grad: g, Next: m.op("sub", w, m.op("mul", m.num(rate), next)), Writes: []core.Write{{Slot: state, Value: next}}}
}

// regression is a train block: loss = mean((x w + b - y)²).
func (m *maker) regression() (*core.Train, *core.Slot, *core.Slot) {
	w := m.slot(core.Param, "net.w", f32(3, 2), m.op("mul", m.num(0.5), m.draw("normal", "@normal", f32(3, 2))))
	b := m.slot(core.Param, "net.b", f32(2), m.term(core.Fill{}, f32(2), m.num(0)))
	x, y := m.input("batch.x", f32(m.B, 3)), m.input("batch.y", f32(m.B, 2))
	p := m.op("add", m.matmul(x, m.read(w)), m.read(b))
	d := m.op("sub", p, y)
	loss := m.reduce("mean", m.op("mul", d, d), 0, 1)
	t := &core.Train{Name: "fit", Slots: []*core.Slot{w, b}, Accumulate: 1,
		Updates: []*core.Update{{Loss: loss, Moves: []*core.Move{m.sgd(w, 0.1), m.sgd(b, 0.1)}, Every: 1}},
		Metrics: []core.Named{{Name: "loss", Term: loss}}, Valid: []core.Named{{Name: "loss", Term: loss}}}
	m.p.Trains = append(m.p.Trains, t)
	return t, w, b
}

func TestStepOfARegression(t *testing.T) {
	m := newMaker()
	m.regression()
	require.Equal(t, []string{"fit.init", "fit.step", "fit.valid", "fit.valid.finish"}, lower.Entries(m.p))
	x := newMachine(t)
	x.run(lowered(t, m.p, "fit.init", lower.Sizes{}), map[string]ir.Ref{"seed": seed})
	w := append([]float64{}, x.states["fit.net.w"].Data...)
	require.NotEqual(t, w[0], w[1])
	require.Equal(t, []float64{0, 0}, x.states["fit.net.b"].Data)
	in := map[string]ir.Ref{"batch.x": random(4, 3), "batch.y": random(4, 2)}
	mod := lowered(t, m.p, "fit.step", lower.Sizes{B: 4})
	require.Equal(t, []string{"batch.x", "batch.y"}, mod.Entries[0].In)
	require.Equal(t, []string{"loss", "ok"}, mod.Entries[0].Out)
	got := x.run(mod, in)
	loss, dw, db := 0.0, make([]float64, 6), make([]float64, 2)
	for b := range 4 {
		for o := range 2 {
			d := -in["batch.y"].Data[b*2+o]
			for i := range 3 {
				d += in["batch.x"].Data[b*3+i] * w[i*2+o]
			}
			loss += d * d / 8
			db[o] += 2 * d / 8
			for i := range 3 {
				dw[i*2+o] += 2 * d / 8 * in["batch.x"].Data[b*3+i]
			}
		}
	}
	require.InDelta(t, loss, got["loss"].Data[0], 1e-5)
	require.Equal(t, 1.0, got["ok"].Data[0])
	for i := range dw {
		require.InDelta(t, w[i]-0.1*dw[i], x.states["fit.net.w"].Data[i], 1e-5)
	}
	for i := range db {
		require.InDelta(t, -0.1*db[i], x.states["fit.net.b"].Data[i], 1e-5)
	}
	require.Equal(t, 1.0, x.states["fit:step"].Data[0])

	in["batch.x"].Data[0] = math.Inf(1)
	require.Equal(t, 0.0, x.run(mod, in)["ok"].Data[0])
}

func TestClipIsTheGlobalNorm(t *testing.T) {
	m := newMaker()
	tr, _, _ := m.regression()
	tr.Updates[0].Clip = m.num(0.01)
	x := newMachine(t)
	x.states["fit.net.w"], x.states["fit.net.b"] = random(3, 2), random(2)
	before := append(append([]float64{}, x.states["fit.net.w"].Data...), x.states["fit.net.b"].Data...)
	x.run(lowered(t, m.p, "fit.step", lower.Sizes{B: 4}), map[string]ir.Ref{"batch.x": random(4, 3), "batch.y": random(4, 2)})
	after := append(append([]float64{}, x.states["fit.net.w"].Data...), x.states["fit.net.b"].Data...)
	norm := 0.0
	for i := range before {
		norm += (before[i] - after[i]) * (before[i] - after[i])
	}
	require.InDelta(t, 0.1*0.01, math.Sqrt(norm), 1e-6)
}

// noisy adds noise per row to the regression, and a running mean of it.
func (m *maker) noisy(accumulate int) {
	tr, w, _ := m.regression()
	tr.Accumulate = accumulate
	x := m.input("batch.x", f32(m.B, 3))
	n := m.draw("normal", "net/normal#0", f32(m.B, 2))
	s := m.slot(core.Stat, "net.mu", f32(2), m.term(core.Fill{}, f32(2), m.num(0)))
	pairs := m.draw("uniform", "net/uniform#0", f32(size.FromSym(m.B).Mul(size.Of(2)))) // two per row
	two := m.access(f32(m.B, 2), []core.Sub{{Parts: []core.Sub{at(0, 1), at(1, 1)}, Extents: dims(m.B, 2)}}, pairs)
	mix := m.op("mul", m.op("add", m.matmul(x, m.read(w)), n), two)
	tr.Updates[0].Loss = m.reduce("mean", m.op("mul", mix, mix), 0, 1)
	tr.Metrics = []core.Named{{Name: "loss", Term: tr.Updates[0].Loss}, {Name: "first", Term: m.reduce("mean", n, 0, 1)}}
	tr.Slots = append(tr.Slots, s)
	tr.Writes = []core.Write{{Slot: s, Value: m.op("add", m.read(s), m.reduce("sum", n, 0))}}
}

func TestSlicesOfABatchDrawAndAverageAsTheWhole(t *testing.T) {
	in := map[string]ir.Ref{"batch.x": random(6, 3), "seed": seed}
	w, b := random(3, 2), random(2)
	var out []map[string]ir.Ref
	var states []map[string]ir.Ref
	for _, k := range []int{1, 3} {
		m := newMaker()
		m.noisy(k)
		x := newMachine(t)
		x.states["fit.net.w"], x.states["fit.net.b"], x.states["fit.net.mu"] = w, b, eval.New(ir.Of(ir.F32, 2))
		mod := lowered(t, m.p, "fit.step", lower.Sizes{B: 6})
		require.Equal(t, []string{"batch.x", "seed"}, mod.Entries[0].In)
		out = append(out, x.run(mod, in))
		states = append(states, x.states)
	}
	for _, n := range []string{"loss", "first"} {
		require.InDelta(t, out[0][n].Data[0], out[1][n].Data[0], 1e-5)
	}
	for _, n := range []string{"fit.net.w", "fit.net.b", "fit.net.mu"} {
		require.InDeltaSlice(t, states[0][n].Data, states[1][n].Data, 1e-5, n)
	}
	m := newMaker()
	m.noisy(4)
	_, l := lower.Lower(m.p, "fit.step", lower.Sizes{B: 6})
	require.True(t, l.Failed())
	require.Equal(t, "M287", l[0].Code)
}

func TestSlicesDrawApartWhereTheBatchIsAnInnerAxis(t *testing.T) {
	m := newMaker()
	tr, w, _ := m.regression()
	n := m.draw("uniform", "net/uniform#0", f32(2, m.B))
	tr.Accumulate = 2
	tr.Updates[0].Loss = m.op("mul", m.reduce("sum", m.read(w), 0, 1), m.reduce("sum", n, 0, 1))
	tr.Metrics = []core.Named{{Name: "noise", Term: m.reduce("sum", m.op("mul", n, n), 0, 1)}, {Name: "once", Term: m.op("mul", m.reduce("sum", n, 0, 1), m.reduce("sum", n, 0, 1))}}
	x := newMachine(t)
	mod := lowered(t, m.p, "fit.step", lower.Sizes{B: 2})
	require.Equal(t, 1, count(mod)["fold"]-1, ir.Print(mod)) // one for the step, one for the slice
	x.run(mod, map[string]ir.Ref{"seed": seed})
}

func TestUpdatesRunInOrderAndSeeMovedWeights(t *testing.T) {
	m := newMaker()
	a := m.slot(core.Param, "a", f32(), m.num(2))
	b := m.slot(core.Param, "b", f32(), m.num(3))
	n := m.draw("normal", "noise#0", f32())
	prod := m.op("mul", m.op("mul", m.read(a), m.read(b)), n) // both losses; read anew after a has moved, with the same noise
	first := &core.Update{Name: "a", Loss: prod, Moves: []*core.Move{m.sgd(a, 1)}, Every: 2}
	second := &core.Update{Name: "b", Loss: prod, Moves: []*core.Move{m.sgd(b, 1)}, Every: 1}
	tr := &core.Train{Name: "gan", Slots: []*core.Slot{a, b}, Updates: []*core.Update{first, second}, Accumulate: 1, Metrics: []core.Named{{Name: "loss", Term: prod}, {Name: "noise", Term: n}}}
	m.p.Trains = []*core.Train{tr}
	require.Equal(t, []string{"gan.init", "gan.step.11", "gan.step.01"}, lower.Entries(m.p))
	x := newMachine(t)
	x.run(lowered(t, m.p, "gan.init", lower.Sizes{}), map[string]ir.Ref{"seed": seed})
	out := x.run(lowered(t, m.p, "gan.step.11", lower.Sizes{}), map[string]ir.Ref{"seed": seed})
	noise := out["noise"].Data[0]
	require.InDelta(t, 6*noise, out["loss"].Data[0], 1e-5)
	a1 := 2 - 3*noise
	require.InDelta(t, a1, x.states["gan.a"].Data[0], 1e-5)
	require.InDelta(t, 3-a1*noise, x.states["gan.b"].Data[0], 1e-5)
	was := x.states["gan.a"].Data[0]
	out = x.run(lowered(t, m.p, "gan.step.01", lower.Sizes{}), map[string]ir.Ref{"seed": seed})
	require.NotEqual(t, noise, out["noise"].Data[0], "another step draws anew")
	require.Equal(t, was, x.states["gan.a"].Data[0])
	require.Equal(t, 2.0, x.states["gan:step"].Data[0])
}

// tower is h = tanh(h w_i) three times, rolled into a scan over stacked weights or written out, and trained with a momentum or one that needs whole layers.
func (m *maker) tower(rolled, whole bool) {
	init := func() *core.Term { return m.draw("normal", "@normal", f32(2, 2)) }
	x := m.input("batch.x", f32(m.B, 2))
	tr := &core.Train{Name: "fit", Accumulate: 1}
	up := &core.Update{Every: 1}
	move := func(w, s *core.Slot) {
		mv := m.momentum(w, s, 0.1)
		if whole { // divided by the norm of the layer's own gradient
			n := m.op("sqrt", m.reduce("sum", m.op("mul", mv.Grad, mv.Grad), 0, 1))
			mv.Next = m.op("sub", mv.Next, m.op("div", mv.Grad, n))
		}
		up.Moves = append(up.Moves, mv)
		tr.Slots = append(tr.Slots, w, s)
	}
	h := x
	if rolled {
		w := m.slot(core.Param, "net.w", f32(2, 2), init())
		s := m.slot(core.Moment, "net.w:m", f32(2, 2), m.term(core.Fill{}, f32(2, 2), m.num(0)))
		for i := range 3 {
			w.Parts, s.Parts = append(w.Parts, fmt.Sprintf("net.%d.w", i)), append(s.Parts, fmt.Sprintf("net.%d.w:m", i))
		}
		c, o := m.term(core.Var{}, f32(m.B, 2)), m.term(core.Var{}, f32(2, 2))
		next := m.op("tanh", m.matmul(c, o))
		sc := m.term(core.Scan{Length: size.Of(3), Carry: []*core.Term{c}, Next: []*core.Term{next}, Over: []*core.Term{o}}, core.Type{}, h, m.read(w))
		h = m.term(core.Part{Index: 0}, f32(m.B, 2), sc)
		move(w, s)
	} else {
		for i := range 3 {
			w := m.slot(core.Param, fmt.Sprintf("net.%d.w", i), f32(2, 2), init())
			s := m.slot(core.Moment, fmt.Sprintf("net.%d.w:m", i), f32(2, 2), nil)
			h = m.op("tanh", m.matmul(h, m.read(w)))
			move(w, s)
		}
	}
	up.Loss = m.reduce("sum", h, 0, 1)
	tr.Updates, tr.Metrics = []*core.Update{up}, []core.Named{{Name: "loss", Term: up.Loss}}
	m.p.Trains = []*core.Train{tr}
}

func TestStackedLayersTrainLikeWrittenOut(t *testing.T) {
	in := map[string]ir.Ref{"batch.x": random(4, 2)}
	for _, whole := range []bool{false, true} {
		var x [2]*machine
		for i, rolled := range []bool{true, false} {
			m := newMaker()
			m.tower(rolled, whole)
			x[i] = newMachine(t)
			x[i].run(lowered(t, m.p, "fit.init", lower.Sizes{}), map[string]ir.Ref{"seed": seed})
			mod := lowered(t, m.p, "fit.step", lower.Sizes{B: 4})
			if rolled && !whole {
				require.Equal(t, 2, count(mod)["scan"], "forward and backward; the optimizer works on the stack: %s", ir.Print(mod))
			}
			for range 2 {
				x[i].run(lowered(t, m.p, "fit.step", lower.Sizes{B: 4}), in)
			}
		}
		for i := range 3 {
			for _, n := range []string{"w", "w:m"} {
				require.InDeltaSlice(t, x[1].states[fmt.Sprintf("fit.net.%d.%s", i, n)].Data, x[0].states["fit.net."+n].Data[i*4:i*4+4], 1e-5, "layer %d %s", i, n)
			}
		}
	}
}

func TestLoopAlongTimeWithDrawsAndCounter(t *testing.T) {
	m := newMaker()
	// h <- 0.5 h + x[t] + noise_t + t, yields h
	x := m.input("batch.x", f32(m.T, m.B))
	outer := m.draw("uniform", "outside#0", f32(m.B))
	h, xt, i := m.term(core.Var{}, f32(m.B)), m.term(core.Var{}, f32(m.B)), m.term(core.Var{}, ints())
	n := m.draw("uniform", "inside#0", f32(m.B))
	next := m.op("add", m.op("add", m.op("add", m.op("add", m.op("mul", m.num(0.5), h), xt), n), m.cast(core.F32, i)), outer)
	sc := m.term(core.Scan{Length: size.FromSym(m.T), Carry: []*core.Term{h}, Next: []*core.Term{next}, Over: []*core.Term{xt}, Outs: []*core.Term{next, n}, Counter: i, Reverse: true},
		core.Type{}, m.term(core.Fill{}, f32(m.B), m.num(1)), x)
	mod := lowered(t, m.value(m.term(core.Part{Index: 0}, f32(m.B), sc), m.term(core.Part{Index: 1}, f32(m.T, m.B), sc), m.term(core.Part{Index: 2}, f32(m.T, m.B), sc), outer), "out",
		lower.Sizes{B: 2, Lengths: map[string]int64{"T": 3}})
	in := map[string]ir.Ref{"batch.x": random(3, 2), "seed": seed}
	got := newMachine(t).run(mod, in)
	noise := got["y2"].Data
	require.NotEqual(t, noise[0], noise[2], "a draw inside is made anew in each turn")
	state := []float64{1, 1}
	for k := 2; k >= 0; k-- {
		for b := range 2 {
			state[b] = 0.5*state[b] + in["batch.x"].Data[k*2+b] + noise[k*2+b] + float64(k) + got["y3"].Data[b]
			require.InDelta(t, state[b], got["y1"].Data[k*2+b], 1e-5)
		}
	}
	require.InDeltaSlice(t, state, got["y0"].Data, 1e-5)
}

func TestDrawsPerRowFollowTheRow(t *testing.T) {
	m := newMaker()
	d := m.term(core.Draw{Dist: "uniform", Path: "augment#0", Rows: true}, f32(m.B, 3))
	mod := lowered(t, m.value(d), "out", lower.Sizes{B: 4})
	in := map[string]ir.Ref{"seed": seed, "epoch": eval.Of(ir.Of(ir.I32), 2), "row": eval.Of(ir.Of(ir.I32, 4), 7, 3, 9, 7)}
	a := newMachine(t).run(mod, in)["y0"].Data
	require.Equal(t, a[0:3], a[9:12])
	require.NotEqual(t, a[0:3], a[3:6])
	in["row"] = eval.Of(ir.Of(ir.I32, 4), 9, 7, 3, 1)
	b := newMachine(t).run(mod, in)["y0"].Data
	require.Equal(t, a[0:3], b[3:6])
	require.Equal(t, a[6:9], b[0:3])
	in["epoch"] = eval.Of(ir.Of(ir.I32), 3)
	require.NotEqual(t, b, newMachine(t).run(mod, in)["y0"].Data)
}

func TestDistributions(t *testing.T) {
	m := newMaker()
	big := f32(m.B, 100)
	p := m.value(m.draw("bernoulli", "b#0", big, m.num(0.25)), m.draw("truncated_normal", "t#0", big), m.draw("random_id", "i#0", ids(7, m.B, 100)),
		m.term(core.Orthogonal{Path: "@o"}, f32(3, 5)))
	got := compute(t, p, lower.Sizes{B: 50}, map[string]ir.Ref{"seed": seed})
	mean := func(x []float64) float64 {
		s := 0.0
		for _, v := range x {
			s += v
		}
		return s / float64(len(x))
	}
	require.InDelta(t, 0.25, mean(got["y0"].Data), 0.03)
	for _, v := range got["y1"].Data {
		require.LessOrEqual(t, math.Abs(v), 2.0)
	}
	require.InDelta(t, 0, mean(got["y1"].Data), 0.05)
	require.InDelta(t, 3, mean(got["y2"].Data), 0.15)
	q := got["y3"].Data
	for i := range 3 {
		for j := range 3 {
			s := 0.0
			for k := range 5 {
				s += q[i*5+k] * q[j*5+k]
			}
			want := 0.0
			if i == j {
				want = 1
			}
			require.InDelta(t, want, s, 1e-5)
		}
	}
}

func TestGradientPenaltyIsAGradientOfAGradient(t *testing.T) {
	m := newMaker()
	// loss = mean((d/dx sum(w x³))²) = mean(9 w² x⁴);  dloss/dw = mean(18 w x⁴)
	w := m.slot(core.Param, "w", f32(), m.num(2))
	x := m.input("batch.x", f32(m.B))
	e := m.reduce("sum", m.op("mul", m.read(w), m.op("mul", x, m.op("mul", x, x))), 0)
	g := m.term(core.Derivative{}, f32(m.B), e, x)
	loss := m.reduce("mean", m.op("mul", g, g), 0)
	m.p.Trains = []*core.Train{{Name: "fit", Slots: []*core.Slot{w}, Accumulate: 1, Updates: []*core.Update{{Loss: loss, Moves: []*core.Move{m.sgd(w, 1)}, Every: 1}},
		Metrics: []core.Named{{Name: "loss", Term: loss}}}}
	k := newMachine(t)
	k.states["fit.w"] = eval.Of(ir.Of(ir.F32), 2)
	out := k.run(lowered(t, m.p, "fit.step", lower.Sizes{B: 2}), map[string]ir.Ref{"batch.x": eval.Of(ir.Of(ir.F32, 2), 1, 0.5)})
	x4 := (1 + 0.0625) / 2
	require.InDelta(t, 36*x4, out["loss"].Data[0], 1e-5)
	require.InDelta(t, 2-36*x4, k.states["fit.w"].Data[0], 1e-5)
}
