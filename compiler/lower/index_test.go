package lower_test

import (
	"math"
	"testing"

	"modelc/compiler/core"
	"modelc/compiler/lower"
	"modelc/compiler/size"
	"modelc/ir"
	"modelc/ir/eval"

	"github.com/stretchr/testify/require"
)

// The sums of index notation become products of matrices, convolutions, poolings, gathers and scatters; each is compared with plain loops.

func TestContractionOfThreeFactorsIsTwoDots(t *testing.T) {
	m := newMaker()
	// y[b, o] = sum[i, j](x[b, i] * w[i, j, o] * z[b, j])
	space := dims(m.B, 4, 3, 2) // b i j o
	x, w, z := m.input("batch.x", f32(m.B, 4)), m.input("batch.w", f32(4, 3, 2)), m.input("batch.z", f32(m.B, 3))
	xw := m.op("mul", m.arrange(x, space, 0, 1), m.arrange(w, space, 1, 2, 3))
	y := m.reduce("sum", m.op("mul", xw, m.arrange(z, space, 0, 2)), 1, 2)
	in := map[string]ir.Ref{"batch.x": random(5, 4), "batch.w": random(4, 3, 2), "batch.z": random(5, 3)}
	mod := lowered(t, m.value(y), "out", lower.Sizes{B: 5})
	n := count(mod)
	require.Equal(t, 2, n["dot"], ir.Print(mod))
	require.Zero(t, n["broadcast"])
	got := newMachine(t).run(mod, in)["y0"]
	for b := range 5 {
		for o := range 2 {
			s := 0.0
			for i := range 4 {
				for j := range 3 {
					s += in["batch.x"].Data[b*4+i] * in["batch.w"].Data[(i*3+j)*2+o] * in["batch.z"].Data[b*3+j]
				}
			}
			require.InDelta(t, s, got.Data[b*2+o], 1e-5)
		}
	}
}

func TestBatchedContractionWithScalarFactor(t *testing.T) {
	m := newMaker()
	// s[b, h, i, j] = sum[c](q[b, h, i, c] * k[b, j, h, c] * 0.5)
	space := dims(m.B, 2, 3, 4, 5)
	q, k := m.input("batch.q", f32(m.B, 2, 3, 5)), m.input("batch.k", f32(m.B, 4, 2, 5))
	qk := m.op("mul", m.arrange(q, space, 0, 1, 2, 4), m.arrange(k, space, 0, 3, 1, 4))
	s := m.reduce("sum", m.op("mul", qk, m.num(0.5)), 4)
	mod := lowered(t, m.value(s), "out", lower.Sizes{B: 2})
	require.Equal(t, 1, count(mod)["dot"], ir.Print(mod))
	in := map[string]ir.Ref{"batch.q": random(2, 2, 3, 5), "batch.k": random(2, 4, 2, 5)}
	got := newMachine(t).run(mod, in)["y0"]
	for b := range 2 {
		for h := range 2 {
			for i := range 3 {
				for j := range 4 {
					want := 0.0
					for c := range 5 {
						want += in["batch.q"].Data[((b*2+h)*3+i)*5+c] * in["batch.k"].Data[((b*4+j)*2+h)*5+c] * 0.5
					}
					require.InDelta(t, want, got.Data[((b*2+h)*3+i)*4+j], 1e-5)
				}
			}
		}
	}
}

// conv2d is y[n, o, i, j] = Σ x[n, k, i·s + u·d - p, j·s + v·d - p] · w[o, k, u, v].
func conv2d(x, w ir.Ref, s, d, p int) ir.Ref {
	dim := func(r ir.Ref, a int) int { return int(r.Type.Shape.Dim(a)) }
	n, c, h, wd, o, k := dim(x, 0), dim(x, 1), dim(x, 2), dim(x, 3), dim(w, 0), dim(w, 2)
	span := func(n int) int { return (n+2*p-d*(k-1)-1)/s + 1 }
	y := eval.New(ir.Of(ir.F32, int64(n), int64(o), int64(span(h)), int64(span(wd))))
	for a := range n {
		for b := range o {
			for i := range span(h) {
				for j := range span(wd) {
					sum := 0.0
					for e := range c {
						for u := range k {
							for v := range k {
								r, q := i*s+u*d-p, j*s+v*d-p
								if r >= 0 && r < h && q >= 0 && q < wd {
									sum += x.Data[((a*c+e)*h+r)*wd+q] * w.Data[((b*c+e)*k+u)*k+v]
								}
							}
						}
					}
					y.Data[((a*o+b)*span(h)+i)*span(wd)+j] = sum
				}
			}
		}
	}
	return y
}

func sizes(list ...int) []size.Size {
	var out []size.Size
	for _, n := range list {
		out = append(out, size.Of(int64(n)))
	}
	return out
}

func TestSumOverWindowsTimesKernelIsAConvolution(t *testing.T) {
	for _, c := range []struct{ stride, dilation, pad int }{{1, 1, 1}, {2, 1, 1}, {1, 2, 2}, {2, 1, 0}} {
		m := newMaker()
		const h = 8
		span := (h+2*c.pad-2*c.dilation-1)/c.stride + 1
		x, w := m.input("batch.x", f32(m.B, 2, h, h)), m.input("batch.w", f32(3, 2, 3, 3))
		p := m.term(core.Border{Lo: sizes(0, 0, c.pad, c.pad), Hi: sizes(0, 0, c.pad, c.pad)}, f32(m.B, 2, h+2*c.pad, h+2*c.pad), x, m.num(0))
		// Indices n o i j k u v; the access runs along n k i u j v, as the checker writes it.
		own := f32(m.B, 2, span, 3, span, 3)
		a := m.access(own, []core.Sub{at(0, 1), at(1, 1), at(2, c.stride, 3, c.dilation), at(4, c.stride, 5, c.dilation)}, p)
		space := dims(m.B, 2, span, 3, span, 3, 3)
		y := m.reduce("sum", m.op("mul", m.arrange(a, space, 0, 1, 2, 3, 4, 5), m.arrange(w, space, 6, 1, 3, 5)), 1, 3, 5)
		y = m.arrange(y, dims(m.B, 3, span, span), 0, 2, 3, 1)
		mod := lowered(t, m.value(y), "out", lower.Sizes{B: 2})
		n := count(mod)
		require.Equal(t, 1, n["conv"], ir.Print(mod))
		require.Zero(t, n["pad"]+n["gather"]+n["dot"])
		in := map[string]ir.Ref{"batch.x": random(2, 2, h, h), "batch.w": random(3, 2, 3, 3)}
		got := newMachine(t).run(mod, in)["y0"]
		require.InDeltaSlice(t, conv2d(in["batch.x"], in["batch.w"], c.stride, c.dilation, c.pad).Data, got.Data, 1e-4)
	}
}

func TestDepthwiseConvolutionIsGrouped(t *testing.T) {
	m := newMaker()
	x, w := m.input("batch.x", f32(m.B, 3, 7)), m.input("batch.w", f32(3, 3))
	space := dims(m.B, 3, 5, 3) // n k i u
	a := m.access(f32(m.B, 3, 5, 3), []core.Sub{at(0, 1), at(1, 1), at(2, 1, 3, 1)}, x)
	y := m.reduce("sum", m.op("mul", a, m.arrange(w, space, 1, 3)), 3)
	mod := lowered(t, m.value(y), "out", lower.Sizes{B: 2})
	require.Equal(t, 1, count(mod)["conv"], ir.Print(mod))
	in := map[string]ir.Ref{"batch.x": random(2, 3, 7), "batch.w": random(3, 3)}
	got := newMachine(t).run(mod, in)["y0"]
	for n := range 2 {
		for k := range 3 {
			for i := range 5 {
				want := 0.0
				for u := range 3 {
					want += in["batch.x"].Data[(n*3+k)*7+i+u] * in["batch.w"].Data[k*3+u]
				}
				require.InDelta(t, want, got.Data[(n*3+k)*5+i], 1e-5)
			}
		}
	}
}

func TestTransposedConvolutionReadsDilatedInputAndTurnedKernel(t *testing.T) {
	m := newMaker()
	// p = border(dilate(x, 2), 1); y[n, o, i] = sum[k, u](p[n, k, i + u] * w[k, o, 2 - u])
	x, w := m.input("batch.x", f32(m.B, 2, 4)), m.input("batch.w", f32(2, 3, 3))
	d := m.term(core.Dilate{Factor: sizes(1, 1, 2)}, f32(m.B, 2, 7), x)
	p := m.term(core.Border{Lo: sizes(0, 0, 1), Hi: sizes(0, 0, 1)}, f32(m.B, 2, 9), d, m.num(0))
	space := dims(m.B, 2, 3, 7, 3) // n k o i u
	a := m.access(f32(m.B, 2, 7, 3), []core.Sub{at(0, 1), at(1, 1), at(2, 1, 3, 1)}, p)
	turned := at(2, -1)
	turned.Base = size.Of(2)
	b := m.access(f32(2, 3, 3), []core.Sub{at(0, 1), at(1, 1), turned}, w)
	y := m.reduce("sum", m.op("mul", m.arrange(a, space, 0, 1, 3, 4), m.arrange(b, space, 1, 2, 4)), 1, 4)
	mod := lowered(t, m.value(y), "out", lower.Sizes{B: 2})
	n := count(mod)
	require.Equal(t, 1, n["conv"], ir.Print(mod))
	require.Zero(t, n["pad"])
	in := map[string]ir.Ref{"batch.x": random(2, 2, 4), "batch.w": random(2, 3, 3)}
	got := newMachine(t).run(mod, in)["y0"]
	for n := range 2 {
		for o := range 3 {
			for i := range 7 {
				want := 0.0
				for k := range 2 {
					for u := range 3 {
						if q := i + u - 1; q >= 0 && q < 7 && q%2 == 0 {
							want += in["batch.x"].Data[(n*2+k)*4+q/2] * in["batch.w"].Data[(k*3+o)*3+2-u]
						}
					}
				}
				require.InDelta(t, want, got.Data[(n*3+o)*7+i], 1e-5)
			}
		}
	}
}

func TestFoldsOverWindowsArePoolings(t *testing.T) {
	m := newMaker()
	x := m.input("batch.x", f32(m.B, 2, 6))
	p := m.term(core.Border{Lo: sizes(0, 0, 1), Hi: sizes(0, 0, 1)}, f32(m.B, 2, 8), x, m.num(math.Inf(-1)))
	win := func(src *core.Term, places, stride int) *core.Term {
		return m.access(f32(m.B, 2, places, 3), []core.Sub{at(0, 1), at(1, 1), at(2, stride, 3, 1)}, src)
	}
	mx := m.reduce("max", win(p, 3, 2), 3)
	mean := m.reduce("mean", win(x, 2, 3), 3)
	mn := m.reduce("min", win(x, 4, 1), 3)
	mod := lowered(t, m.value(mx, mean, mn), "out", lower.Sizes{B: 2})
	n := count(mod)
	require.Equal(t, 2, n["pool_max"], ir.Print(mod))
	require.Equal(t, 1, n["window_sum"])
	require.Zero(t, n["pad"]+n["gather"])
	in := map[string]ir.Ref{"batch.x": random(2, 2, 6)}
	got := newMachine(t).run(mod, in)
	at := func(r, i int) float64 { return in["batch.x"].Data[r*6+i] }
	for r := range 4 {
		for i := range 3 {
			want := math.Inf(-1)
			for u := range 3 {
				if q := i*2 + u - 1; q >= 0 && q < 6 {
					want = math.Max(want, at(r, q))
				}
			}
			require.Equal(t, want, got["y0"].Data[r*3+i])
		}
		for i := range 2 {
			require.InDelta(t, (at(r, 3*i)+at(r, 3*i+1)+at(r, 3*i+2))/3, got["y1"].Data[r*2+i], 1e-6)
		}
		for i := range 4 {
			require.Equal(t, math.Min(at(r, i), math.Min(at(r, i+1), at(r, i+2))), got["y2"].Data[r*4+i])
		}
	}
}

func TestGathers(t *testing.T) {
	m := newMaker()
	table, y := m.input("batch.table", f32(7, 4)), m.input("batch.y", ids(7, m.B, 3))
	z, c := m.input("batch.z", f32(m.B, 5)), m.input("batch.c", ids(5, m.B))
	e := m.access(f32(m.B, 3, 4), []core.Sub{by(1, 0, 1), at(2, 1)}, table, y)                            // e[b, t, a] = table[y[b, t], a]
	hit := m.access(f32(m.B), []core.Sub{at(0, 1), by(1, 0)}, z, c)                                       // hit[b] = z[b, c[b]]
	both := m.access(f32(m.B), []core.Sub{by(1, 0), by(2, 0)}, table, c, m.input("batch.d", ids(4, m.B))) // table[c[b], d[b]]
	diag := m.access(f32(4), []core.Sub{at(0, 1), at(0, 1)}, table)                                       // table[i, i]
	shift := by(1)
	shift.Axis, shift.Coef = []int{0}, []size.Size{size.Of(1)}
	block := m.access(f32(3, 4), []core.Sub{shift, at(1, 1)}, table, m.input("batch.o", ints())) // table[i + o, a]
	odd := m.access(f32(3, 2), []core.Sub{{Base: size.Of(1), Axis: []int{0}, Coef: sizes(2)}, {Base: size.Of(3), Axis: []int{1}, Coef: sizes(-2)}}, table)
	mod := lowered(t, m.value(e, hit, both, diag, block, odd), "out", lower.Sizes{B: 2})
	n := count(mod)
	require.Equal(t, 3, n["gather"], ir.Print(mod))
	require.Equal(t, 1, n["dynamic_slice"])
	in := map[string]ir.Ref{"batch.table": random(7, 4), "batch.y": randomInts(7, 2, 3), "batch.z": random(2, 5), "batch.c": randomInts(5, 2),
		"batch.d": randomInts(4, 2), "batch.o": eval.Of(ir.Of(ir.I32), 2)}
	got := newMachine(t).run(mod, in)
	tab := func(i, j int) float64 { return in["batch.table"].Data[i*4+j] }
	for i, id := range in["batch.y"].Data {
		for a := range 4 {
			require.Equal(t, tab(int(id), a), got["y0"].Data[i*4+a])
		}
	}
	for b := range 2 {
		c, d := int(in["batch.c"].Data[b]), int(in["batch.d"].Data[b])
		require.Equal(t, in["batch.z"].Data[b*5+c], got["y1"].Data[b])
		require.Equal(t, tab(c, d), got["y2"].Data[b])
	}
	for i := range 4 {
		require.Equal(t, tab(i, i), got["y3"].Data[i])
	}
	for i := range 3 {
		for a := range 4 {
			require.Equal(t, tab(i+2, a), got["y4"].Data[i*4+a])
		}
		for j := range 2 {
			require.Equal(t, tab(1+2*i, 3-2*j), got["y5"].Data[i*2+j])
		}
	}
}

func TestCompoundAxesAreViews(t *testing.T) {
	m := newMaker()
	x := m.input("batch.x", f32(m.B, 6))
	// q[b, h, c] = x[b, (h, c)], h: 2;  u[b, c] = x[b, (1, c: 3)]
	split := core.Sub{Parts: []core.Sub{at(1, 1), at(2, 1)}, Extents: sizes(2, 3)}
	q := m.access(f32(m.B, 2, 3), []core.Sub{at(0, 1), split}, x)
	back := m.term(core.Merge{Groups: []int{1, 2}}, f32(m.B, 6), m.arrange(q, dims(m.B, 3, 2), 0, 2, 1))
	half := core.Sub{Parts: []core.Sub{{Base: size.Of(1)}, at(1, 1)}, Extents: sizes(2, 3)}
	u := m.access(f32(m.B, 3), []core.Sub{at(0, 1), half}, x)
	mod := lowered(t, m.value(back, u), "out", lower.Sizes{B: 2})
	require.Zero(t, count(mod)["gather"])
	in := map[string]ir.Ref{"batch.x": random(2, 6)}
	got := newMachine(t).run(mod, in)
	for b := range 2 {
		for c := range 3 {
			require.Equal(t, in["batch.x"].Data[b*6+3+c], got["y1"].Data[b*3+c])
			for h := range 2 {
				require.Equal(t, in["batch.x"].Data[b*6+h*3+c], got["y0"].Data[b*6+c*2+h])
			}
		}
	}
}

func TestComparisonInASumIsAScatter(t *testing.T) {
	m := newMaker()
	// y[b, n, c] = sum[e](where(dst[b, e] == n, x[b, e, c], 0)), n: 4
	space := dims(m.B, 4, 3, 6) // b n c e
	x, dst := m.input("batch.x", f32(m.B, 6, 3)), m.input("batch.dst", ids(4, m.B, 6))
	n := m.cast(core.ID, m.term(core.Iota{}, ints(4)))
	cond := m.op("eq", m.arrange(dst, dims(4, m.B, 6), 1, 2), m.arrange(n, dims(4, m.B, 6), 0))
	where := m.term(core.Map{Code: "select"}, f32(m.B, 4, 3, 6), m.arrange(cond, space, 1, 0, 3), m.arrange(x, space, 0, 3, 2), m.term(core.Fill{}, f32(m.B, 4, 3, 6), m.num(0)))
	y := m.reduce("sum", where, 3)
	mod := lowered(t, m.value(y), "out", lower.Sizes{B: 2})
	require.Equal(t, 1, count(mod)["scatter_add"], ir.Print(mod))
	in := map[string]ir.Ref{"batch.x": random(2, 6, 3), "batch.dst": randomInts(4, 2, 6)}
	got := newMachine(t).run(mod, in)["y0"]
	want := make([]float64, 2*4*3)
	for b := range 2 {
		for e := range 6 {
			for c := range 3 {
				want[(b*4+int(in["batch.dst"].Data[b*6+e]))*3+c] += in["batch.x"].Data[(b*6+e)*3+c]
			}
		}
	}
	require.InDeltaSlice(t, want, got.Data, 1e-5)
}

func TestSoftmaxOfARowOfMinusInfinityIsZero(t *testing.T) {
	m := newMaker()
	x := m.input("batch.x", f32(m.B, 3))
	s := m.term(core.Along{Code: "softmax", Axis: 1}, f32(m.B, 3), x)
	l := m.reduce("logsumexp", x, 1)
	g := m.term(core.Derivative{}, f32(m.B, 3), m.reduce("sum", m.op("mul", s, s), 0, 1), x)
	h := m.term(core.Derivative{}, f32(m.B, 3), m.reduce("sum", m.op("max", l, m.num(-9)), 0), x)
	inf := math.Inf(-1)
	got := compute(t, m.value(s, l, g, h), lower.Sizes{B: 3}, map[string]ir.Ref{"batch.x": eval.Of(ir.Of(ir.F32, 3, 3), inf, inf, inf, 0, inf, 0, 900, 900, 900)})
	third := 1.0 / 3
	require.InDeltaSlice(t, []float64{0, 0, 0, .5, 0, .5, third, third, third}, got["y0"].Data, 1e-6)
	require.Equal(t, inf, got["y1"].Data[0])
	require.InDelta(t, math.Log(2), got["y1"].Data[1], 1e-6)
	require.InDelta(t, 900+math.Log(3), got["y1"].Data[2], 1e-3)
	require.InDeltaSlice(t, make([]float64, 9), got["y2"].Data, 1e-6)
	require.InDeltaSlice(t, []float64{0, 0, 0, .5, 0, .5, third, third, third}, got["y3"].Data, 1e-4)
}

func TestStatistics(t *testing.T) {
	m := newMaker()
	x, keep := m.input("batch.x", f32(m.B, 4)), m.input("batch.keep", bools(m.B, 4))
	masked := func(code string) *core.Term {
		return m.term(core.Reduce{Code: code, Axes: []int{1}}, f32(m.B), x, keep)
	}
	many := m.reduce("mean", keep, 1)
	arg := m.reduce("argmax", x, 1)
	cum := m.term(core.Along{Code: "cumsum", Axis: 1}, f32(m.B, 4), x)
	sort := m.term(core.Along{Code: "argsort", Axis: 1}, ids(4, m.B, 4), x)
	top := m.term(core.TopK{Axis: 1, K: size.Of(2)}, core.Type{}, x)
	who := m.term(core.Part{Index: 1}, ids(4, m.B, 2), top)
	p := m.value(masked("mean"), masked("var"), masked("max"), masked("sum"), many, arg, cum, sort, who, masked("logsumexp"))
	got := compute(t, p, lower.Sizes{B: 1}, map[string]ir.Ref{"batch.x": eval.Of(ir.Of(ir.F32, 1, 4), 3, 9, 5, 4), "batch.keep": eval.Of(ir.Of(ir.Bool, 1, 4), 1, 0, 1, 1)})
	require.InDelta(t, 4, got["y0"].Data[0], 1e-6)
	require.InDelta(t, 2.0/3, got["y1"].Data[0], 1e-6)
	require.Equal(t, 5.0, got["y2"].Data[0])
	require.Equal(t, 12.0, got["y3"].Data[0])
	require.InDelta(t, 0.75, got["y4"].Data[0], 1e-6)
	require.Equal(t, 1.0, got["y5"].Data[0])
	require.Equal(t, []float64{3, 12, 17, 21}, got["y6"].Data)
	require.Equal(t, []float64{0, 3, 2, 1}, got["y7"].Data)
	require.Equal(t, []float64{1, 2}, got["y8"].Data)
	require.InDelta(t, math.Log(math.Exp(3)+math.Exp(5)+math.Exp(4)), got["y9"].Data[0], 1e-5)
}
