package lower_test

import (
	"math"
	"slices"
	"testing"

	"modelc/compiler/core"
	"modelc/compiler/lower"
	"modelc/compiler/size"
	"modelc/ir"
	"modelc/ir/eval"

	"github.com/stretchr/testify/require"
)

// merged runs a metrics entry over batches, merges its partials as the run loop does, and finishes.
func merged(t *testing.T, p *core.Program, entry string, batches []map[string]ir.Ref, rows []int64) map[string]float64 {
	t.Helper()
	info, l := lower.Metrics(p, entry)
	require.False(t, l.Failed(), "%v", l)
	total := map[string]ir.Ref{}
	x := newMachine(t)
	for i, in := range batches {
		out := x.run(lowered(t, p, entry, lower.Sizes{B: rows[i]}), in)
		for _, q := range info.Partials {
			r := out[q.Name]
			old, ok := total[q.Name]
			if !ok {
				total[q.Name] = eval.Of(r.Type, slices.Clone(r.Data)...) // equal outputs share their data
				continue
			}
			for j, v := range r.Data {
				switch q.Merge {
				case "sum":
					old.Data[j] += v
				case "max":
					old.Data[j] = math.Max(old.Data[j], v)
				case "min":
					old.Data[j] = math.Min(old.Data[j], v)
				case "logsumexp":
					m := math.Max(old.Data[j], v)
					old.Data[j] = m + math.Log(math.Exp(old.Data[j]-m)+math.Exp(v-m))
				default:
					t.Fatal(q.Merge)
				}
			}
		}
	}
	mod := lowered(t, p, entry+".finish", lower.Sizes{})
	require.Equal(t, info.Names, mod.Entries[0].Out)
	for i, q := range info.Partials {
		require.Equal(t, q.Name, mod.Entries[0].In[i])
	}
	out := map[string]float64{}
	for n, r := range x.run(mod, total) {
		out[n] = r.Data[0]
	}
	return out
}

func TestMetricsAreExactOverASplit(t *testing.T) {
	m := newMaker()
	x, y := m.input("batch.x", f32(m.B, 3)), m.input("batch.y", ids(3, m.B))
	hit := m.op("eq", m.reduce("argmax", x, 1), y)
	first := m.access(f32(m.B), []core.Sub{at(0, 1), {}}, x)
	masked := m.term(core.Reduce{Code: "mean", Axes: []int{0}}, f32(), first, hit)
	said := m.cast(core.F32, hit)
	n := m.term(core.SizeOf{Size: size.FromSym(m.B)}, f32())
	list := []core.Named{
		{Name: "loss", Term: m.op("exp", m.reduce("mean", x, 0, 1))},
		{Name: "accuracy", Term: m.reduce("mean", hit, 0)},
		{Name: "masked", Term: masked},
		{Name: "spread", Term: m.reduce("var", first, 0)},
		{Name: "most", Term: m.reduce("max", x, 0, 1)},
		{Name: "least", Term: m.reduce("min", x, 0, 1)},
		{Name: "lse", Term: m.reduce("logsumexp", first, 0)},
		{Name: "rate", Term: m.op("div", m.reduce("sum", said, 0), n)},
		{Name: "rows", Term: m.op("sqrt", m.op("add", m.reduce("mean", m.op("mul", x, x), 0, 1), m.num(1)))},
		{Name: "any", Term: m.cast(core.F32, m.reduce("any", hit, 0))},
	}
	m.p.Evals = []*core.Eval{{Name: "test", Metrics: list}}
	all := map[string]ir.Ref{"batch.x": random(5, 3), "batch.y": randomInts(3, 5)}
	part := func(a, b int64) map[string]ir.Ref {
		return map[string]ir.Ref{
			"batch.x": eval.Of(ir.Of(ir.F32, b-a, 3), all["batch.x"].Data[a*3:b*3]...),
			"batch.y": eval.Of(ir.Of(ir.I32, b-a), all["batch.y"].Data[a:b]...)}
	}
	info, _ := lower.Metrics(m.p, "test")
	require.Equal(t, []string{"batch.x", "batch.y"}, info.Columns)
	whole := merged(t, m.p, "test", []map[string]ir.Ref{all}, []int64{5})
	cut := merged(t, m.p, "test", []map[string]ir.Ref{part(0, 2), part(2, 4), part(4, 5)}, []int64{2, 2, 1})
	for n, v := range whole {
		require.InDelta(t, v, cut[n], 1e-4, n)
	}
	sum := 0.0
	for _, v := range all["batch.x"].Data {
		sum += v
	}
	require.InDelta(t, math.Exp(sum/15), cut["loss"], 1e-5)
	hits := 0.0
	for b := range 5 {
		best := 0
		for k := range 3 {
			if all["batch.x"].Data[b*3+k] > all["batch.x"].Data[b*3+best] {
				best = k
			}
		}
		if best == int(all["batch.y"].Data[b]) {
			hits++
		}
	}
	require.InDelta(t, hits/5, cut["accuracy"], 1e-6)
	require.InDelta(t, hits/5, cut["rate"], 1e-6)
}

func TestMixingOfRowsIsRefused(t *testing.T) {
	for name, make := range map[string]func(*maker, *core.Term) *core.Term{
		"centred": func(m *maker, x *core.Term) *core.Term {
			d := m.op("sub", x, m.reduce("mean", x, 0))
			return m.reduce("mean", m.op("mul", d, d), 0)
		},
		"pairs": func(m *maker, x *core.Term) *core.Term {
			space := dims(m.B, m.B)
			return m.reduce("mean", m.op("mul", m.arrange(x, space, 0), m.arrange(x, space, 1)), 0, 1)
		},
		"softmax": func(m *maker, x *core.Term) *core.Term {
			return m.reduce("max", m.term(core.Along{Code: "softmax", Axis: 0}, f32(m.B), x), 0)
		},
		"row":  func(m *maker, x *core.Term) *core.Term { return m.access(f32(), []core.Sub{{}}, x) },
		"prod": func(m *maker, x *core.Term) *core.Term { return m.reduce("prod", x, 0) },
		"rows": func(m *maker, x *core.Term) *core.Term { return x },
	} {
		t.Run(name, func(t *testing.T) {
			m := newMaker()
			m.p.Evals = []*core.Eval{{Name: "test", Metrics: []core.Named{{Name: "bad", Term: make(m, m.input("batch.x", f32(m.B)))}}}}
			_, l := lower.Metrics(m.p, "test")
			require.Len(t, l, 1)
			require.Equal(t, "M570", l[0].Code)
			_, l = lower.Lower(m.p, "test", lower.Sizes{B: 2})
			require.True(t, l.Failed())
		})
	}
}

func TestHostMetricsGetTheirArgumentsPerRow(t *testing.T) {
	m := newMaker()
	x, y := m.input("batch.x", f32(m.B)), m.input("batch.y", bools(m.B))
	list := []core.Named{{Name: "loss", Term: m.reduce("mean", x, 0)}, {Name: "auc", Host: &core.HostMetric{Kind: "auc", Args: []*core.Term{m.op("exp", x), y}}}}
	m.p.Evals = []*core.Eval{{Name: "test", Metrics: list}}
	info, _ := lower.Metrics(m.p, "test")
	require.Equal(t, []string{"loss"}, info.Names)
	require.Equal(t, []string{"auc.0", "auc.1"}, info.Host[0].Args)
	mod := lowered(t, m.p, "test", lower.Sizes{B: 3})
	require.Equal(t, []string{"loss.sum", "loss.count", "auc.0", "auc.1"}, mod.Entries[0].Out)
	require.Equal(t, []string{"loss"}, lowered(t, m.p, "test.finish", lower.Sizes{}).Entries[0].Out)
}

func TestConditionsOnSizesAreChecked(t *testing.T) {
	m := newMaker()
	p := m.value(m.input("batch.x", f32(m.B, m.T)))
	p.Checks = []core.Check{{Op: "%==0", A: size.FromSym(m.T), B: size.Of(4), Code: "M201", Text: "T % 4 == 0 is required"}}
	_, l := lower.Lower(p, "out", lower.Sizes{B: 1, Lengths: map[string]int64{"T": 6}})
	require.True(t, l.Failed())
	require.Equal(t, "M201", l[0].Code)
	require.Contains(t, l[0].Notes[0].Text, "T is 6")
	_, l = lower.Lower(p, "out", lower.Sizes{B: 1, Lengths: map[string]int64{"T": 8}})
	require.Empty(t, l)
	_, l = lower.Lower(p, "out", lower.Sizes{B: 1})
	require.Equal(t, "M280", l[0].Code, "a size without a value")
	_, l = lower.Lower(p, "nothing", lower.Sizes{})
	require.Equal(t, "M290", l[0].Code)
	_, l = lower.Lower(p, "out", lower.Sizes{B: 1 << 40, Lengths: map[string]int64{"T": 1 << 40}})
	require.True(t, l.Failed())
	require.Equal(t, "M281", l[0].Code)
}

func TestHostileSizesAreErrorsOfTheUser(t *testing.T) {
	m := newMaker()
	x := m.input("batch.x", f32(m.B, 2))
	zeros := core.Sub{}
	for range 13 {
		zeros.Parts, zeros.Extents = append(zeros.Parts, core.Sub{}), append(zeros.Extents, size.Of(1))
	}
	zeros.Parts[12], zeros.Extents[12] = at(1, 1), size.Of(2)
	flat := m.input("batch.flat", f32(m.B, m.B))
	long := m.input("batch.long", core.Type{Elem: core.I64, Dims: dims(m.B)})
	for name, c := range map[string]struct {
		y *core.Term
		b int64
	}{
		"too many factors of an axis": {m.access(f32(m.B, 2), []core.Sub{at(0, 1), zeros}, x), 2},
		"too long to count":           {m.term(core.Iota{}, ints(m.B)), 1 << 33},
		"too many places":             {m.access(f32(m.B), []core.Sub{by(1, 0), by(1, 0)}, flat, long), 1 << 17},
		"an empty axis":               {m.reduce("argmax", m.input("batch.none", f32(m.B, 0)), 1), 2},
		"more than there are":         {m.term(core.Part{Index: 0}, f32(m.B, 3), m.term(core.TopK{Axis: 1, K: size.Of(3)}, core.Type{}, x)), 2},
		"a size beyond i32":           {m.term(core.SizeOf{Size: size.FromSym(m.B)}, ints()), 1 << 40},
	} {
		t.Run(name, func(t *testing.T) {
			_, l := lower.Lower(m.value(c.y), "out", lower.Sizes{B: c.b})
			require.Len(t, l, 1)
			require.Equal(t, "M281", l[0].Code)
		})
	}
}

func TestDepthIsNoLimit(t *testing.T) {
	m := newMaker()
	x := m.input("batch.x", f32(m.B))
	y := x
	for range 50_000 {
		y = m.op("add", y, x)
	}
	mod := lowered(t, m.value(y), "out", lower.Sizes{B: 1})
	require.Len(t, mod.Entries[0].Func.Body, 50_000)
	m.p.Evals = []*core.Eval{{Name: "test", Metrics: []core.Named{{Name: "deep", Term: m.reduce("mean", y, 0)}}}}
	lowered(t, m.p, "test", lower.Sizes{B: 1})
}
