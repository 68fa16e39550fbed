package lower_test

import (
	"testing"

	"modelc/compiler/core"
	"modelc/compiler/lower"
	"modelc/compiler/size"
	"modelc/ir"
	"modelc/ir/eval"

	"github.com/stretchr/testify/require"
)

// decoder is a small language model: an embedding with learned positions, causal attention with cached keys and values, and a leaky sum along time.
type decoder struct {
	*maker
	table, places, wq, wk, wv, wo *core.Slot
	keys, values, sum             *core.Slot
	capacity                      *size.Sym
	stacked                       bool
}

func newDecoder(stacked bool) *decoder {
	d := &decoder{maker: newMaker(), capacity: size.NewSym("C"), stacked: stacked}
	param := func(name string, ty core.Type) *core.Slot {
		s := d.slot(core.Param, "net."+name, ty, d.draw("normal", "@normal", ty))
		return s
	}
	layer := func(s *core.Slot) *core.Slot {
		if stacked {
			for _, n := range []string{"0", "1"} {
				s.Parts = append(s.Parts, "net."+n+"."+s.Path)
			}
		}
		return s
	}
	d.table, d.places = param("table", f32(5, 4)), param("places", f32(16, 4))
	d.wq, d.wk, d.wv, d.wo = layer(param("wq", f32(4, 3))), layer(param("wk", f32(4, 3))), layer(param("wv", f32(4, 4))), param("wo", f32(4, 5))
	d.keys = layer(d.slot(core.Cache, "keys", f32(d.B, d.capacity, 3), nil))
	d.values = layer(d.slot(core.Cache, "values", f32(d.B, d.capacity, 4), nil))
	d.sum = d.slot(core.Cache, "sum", f32(d.B, 4), nil)
	return d
}

// logits builds the computation for a phase: "full", "begin" or "next"; keep is what it keeps besides caches.
func (d *decoder) logits(phase string) (*core.Term, []core.Write) {
	rows, all := size.FromSym(d.T), size.FromSym(d.T)
	if phase == "next" {
		rows, all = size.Of(1), size.FromSym(d.p.Past).Add(size.Of(1))
	}
	past := d.int(0)
	if phase == "next" {
		past = d.input("past", ints())
	}
	tokens := d.input("tokens", ids(5, d.B, rows))
	shift := by(1)
	shift.Axis, shift.Coef = []int{0}, []size.Size{size.Of(1)}
	e := d.access(f32(d.B, rows, 4), []core.Sub{by(1, 0, 1), at(2, 1)}, d.read(d.table), tokens)
	pos := d.access(f32(rows, 4), []core.Sub{shift, at(1, 1)}, d.read(d.places), past)
	x := d.op("add", e, pos)
	attend := func(x, wq, wk, wv *core.Term) *core.Term {
		q, k, v := d.matmul(x, wq), d.matmul(x, wk), d.matmul(x, wv)
		if phase != "full" {
			k = d.term(core.Cached{Slot: d.keys, Axis: 1}, f32(d.B, all, 3), k)
			v = d.term(core.Cached{Slot: d.values, Axis: 1}, f32(d.B, all, 4), v)
		}
		space := dims(d.B, rows, all, 3)
		s := d.reduce("sum", d.op("mul", d.arrange(q, space, 0, 1, 3), d.arrange(k, space, 0, 2, 3)), 3)
		i := d.op("add", d.term(core.Iota{}, ints(rows)), past)
		j := d.term(core.Iota{}, ints(all))
		ok := d.op("le", d.arrange(j, dims(rows, all), 1), d.arrange(i, dims(rows, all), 0))
		s = d.term(core.Map{Code: "select"}, f32(d.B, rows, all), ok, s, d.num(-1e9))
		p := d.term(core.Along{Code: "softmax", Axis: 2}, f32(d.B, rows, all), s)
		if phase == "next" { // what a reduction over the cache must leave out by itself
			count := d.reduce("sum", d.term(core.Fill{}, f32(d.B, all), d.num(1)), 1)
			x = d.op("add", x, d.arrange(count, dims(d.B, rows, 4), 0))
		} else {
			n := d.op("add", d.cast(core.F32, d.term(core.Iota{}, ints(rows))), d.num(1))
			x = d.op("add", x, d.arrange(n, dims(d.B, rows, 4), 1))
		}
		over := dims(d.B, rows, all, 4)
		o := d.reduce("sum", d.op("mul", d.arrange(p, over, 0, 1, 2), d.arrange(v, over, 0, 2, 3)), 2)
		return d.op("tanh", d.op("add", x, o))
	}
	if d.stacked {
		c := d.term(core.Var{}, f32(d.B, rows, 4))
		q, k, v := d.term(core.Var{}, f32(4, 3)), d.term(core.Var{}, f32(4, 3)), d.term(core.Var{}, f32(4, 4))
		next := attend(c, q, k, v)
		sc := d.term(core.Scan{Length: size.Of(2), Carry: []*core.Term{c}, Next: []*core.Term{next}, Over: []*core.Term{q, k, v}}, core.Type{}, x, d.read(d.wq), d.read(d.wk), d.read(d.wv))
		x = d.term(core.Part{Index: 0}, f32(d.B, rows, 4), sc)
	} else {
		x = attend(x, d.read(d.wq), d.read(d.wk), d.read(d.wv))
	}
	// A loop along the live axis: s <- 0.9 s + x[t].
	init := d.term(core.Fill{}, f32(d.B, 4), d.num(0))
	if phase == "next" {
		init = d.read(d.sum)
	}
	s, xt := d.term(core.Var{}, f32(d.B, 4)), d.term(core.Var{}, f32(d.B, 4))
	next := d.op("add", d.op("mul", d.num(0.9), s), xt)
	sc := d.term(core.Scan{Length: rows, Carry: []*core.Term{s}, Next: []*core.Term{next}, Over: []*core.Term{xt}, Outs: []*core.Term{next}}, core.Type{},
		init, d.arrange(x, dims(rows, d.B, 4), 1, 0, 2))
	final := d.term(core.Part{Index: 0}, f32(d.B, 4), sc)
	seq := d.arrange(d.term(core.Part{Index: 1}, f32(rows, d.B, 4), sc), dims(d.B, rows, 4), 1, 0, 2)
	return d.matmul(seq, d.read(d.wo)), []core.Write{{Slot: d.sum, Value: final}}
}

func TestGeneratingStepByStepEqualsTheWhole(t *testing.T) {
	for _, stacked := range []bool{false, true} {
		d := newDecoder(stacked)
		g := &core.Generate{Name: "chat", T: d.T, Capacity: d.capacity, Caches: []*core.Slot{d.keys, d.values, d.sum}, Columns: []string{"tokens"}}
		g.Full, _ = d.logits("full")
		g.Begin, g.BeginKeep = d.logits("begin")
		g.Next, g.NextKeep = d.logits("next")
		tr := &core.Train{Name: "fit", Slots: []*core.Slot{d.table, d.places, d.wq, d.wk, d.wv, d.wo}, Accumulate: 1}
		g.Train = tr
		d.p.Trains, d.p.Gens = []*core.Train{tr}, []*core.Generate{g}
		x := newMachine(t)
		x.run(lowered(t, d.p, "fit.init", lower.Sizes{}), map[string]ir.Ref{"seed": seed})

		const n, padded, total = 3, 4, 7 // true prompt, its padded length, all tokens
		tokens := randomInts(5, 2, total)
		column := func(from, to int64, pad int64) ir.Ref {
			r := eval.New(ir.Of(ir.I32, 2, pad))
			for b := range int64(2) {
				copy(r.Data[b*pad:], tokens.Data[b*total+from:b*total+to])
			}
			return r
		}
		full := x.run(lowered(t, d.p, "chat.full", lower.Sizes{B: 2, Tokens: total}), map[string]ir.Ref{"tokens": tokens})["logits"]
		require.Equal(t, ir.Of(ir.F32, 2, total, 5), full.Type)
		row := func(i int) []float64 {
			var out []float64
			for b := range 2 {
				out = append(out, full.Data[(b*total+i)*5:(b*total+i)*5+5]...)
			}
			return out
		}
		s := lower.Sizes{B: 2, Tokens: padded, Capacity: 8}
		begin := lowered(t, d.p, "chat.begin", s)
		got := x.run(begin, map[string]ir.Ref{"tokens": column(0, n, padded), "last": eval.Of(ir.Of(ir.I32), n-1)})["logits"]
		require.InDeltaSlice(t, row(n-1), got.Data, 1e-4, "stacked %v", stacked)
		require.Equal(t, float64(n), x.states["chat:past"].Data[0])
		for i := int64(n); i < total; i++ {
			next := lowered(t, d.p, "chat.next", s)
			require.Positive(t, count(next)["dynamic_update"])
			got := x.run(next, map[string]ir.Ref{"tokens": column(i, i+1, 1)})["logits"]
			require.InDeltaSlice(t, row(int(i)), got.Data, 1e-4, "token %d, stacked %v", i, stacked)
		}
		require.Equal(t, float64(total), x.states["chat:past"].Data[0])
		states := map[string]ir.Type{}
		for _, st := range lower.States(d.p, s) {
			states[st.Name] = st.Type
		}
		for n, r := range x.states {
			require.Equal(t, states[n], r.Type, n)
		}
	}
}

func TestRowsStillToComeMayNotTakePart(t *testing.T) {
	for name, use := range map[string]func(d *decoder, k *core.Term) *core.Term{
		"sort": func(d *decoder, k *core.Term) *core.Term { return d.term(core.Along{Code: "sort", Axis: 1}, k.Type, k) },
		"flip": func(d *decoder, k *core.Term) *core.Term { return d.term(core.Flip{Axes: []int{1}}, k.Type, k) },
		"concat": func(d *decoder, k *core.Term) *core.Term {
			n := size.FromSym(d.p.Past).Add(size.Of(1)).Mul(size.Of(2))
			return d.term(core.Concat{Axis: 1}, f32(d.B, n, 3), k, k)
		},
		"loop": func(d *decoder, k *core.Term) *core.Term {
			c, o := d.term(core.Var{}, f32(d.B, 3)), d.term(core.Var{}, f32(d.B, 3))
			n := size.FromSym(d.p.Past).Add(size.Of(1))
			sc := d.term(core.Scan{Length: n, Carry: []*core.Term{c}, Next: []*core.Term{d.op("add", c, o)}, Over: []*core.Term{o}}, core.Type{},
				d.term(core.Fill{}, f32(d.B, 3), d.num(0)), d.arrange(k, dims(n, d.B, 3), 1, 0, 2))
			return d.term(core.Part{Index: 0}, f32(d.B, 3), sc)
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDecoder(false)
			x := d.input("tokens", f32(d.B, 1, 3))
			k := d.term(core.Cached{Slot: d.keys, Axis: 1}, f32(d.B, size.FromSym(d.p.Past).Add(size.Of(1)), 3), x)
			y := use(d, k)
			sum := d.reduce("sum", y, axesFrom(1, len(y.Type.Dims))...)
			d.p.Gens = []*core.Generate{{Name: "chat", T: d.T, Capacity: d.capacity, Caches: []*core.Slot{d.keys}, Next: d.arrange(sum, dims(d.B, 1, 1), 0)}}
			_, l := lower.Lower(d.p, "chat.next", lower.Sizes{B: 2, Capacity: 8})
			require.Len(t, l, 1)
			require.Equal(t, "M285", l[0].Code)
		})
	}
}

func axesFrom(a, b int) []int {
	var out []int
	for ; a < b; a++ {
		out = append(out, a)
	}
	return out
}
