package ops_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"modelc/ir"
	"modelc/ir/eval"
	"modelc/ir/irtest"
	"modelc/ir/ops"
	"modelc/ir/scalar"
)

var nan, inf = math.NaN(), math.Inf(1)

// apply evaluates an example on given elements.
func apply(t *testing.T, line string, args ...[]float64) [][]float64 {
	t.Helper()
	m, err := ir.Parse("example", ops.Example(line), ops.Registry)
	require.NoError(t, err)
	f := m.Funcs[0]
	var in []ir.Ref
	for i, p := range f.Params {
		in = append(in, eval.Of(p.Type, args[i]...))
	}
	out, err := eval.Func(m, f, in)
	require.NoError(t, err)
	var data [][]float64
	for _, r := range out {
		data = append(data, r.Data)
	}
	return data
}

// Small results written down by hand: the meaning of every op that the forms do not define.
func TestMeanings(t *testing.T) {
	type values = []float64
	for _, c := range []struct {
		line string
		in   []values
		want []values
	}{
		{"cast f32[6] {to=i8} -> i8[6]", []values{{-1.9, 1.9, 300, -300, nan, inf}}, []values{{-1, 1, 127, -128, 0, 127}}},
		{"cast f32[3] {to=bool} -> bool[3]", []values{{0, nan, 0.25}}, []values{{0, 1, 1}}},
		{"cast i32[3] {to=u8} -> u8[3]", []values{{-1, 256, 7}}, []values{{255, 0, 7}}},
		{"cast f64[2] {to=bf16} -> bf16[2]", []values{{1.00390625, 3.0e38}}, []values{{1, 0x1.C4p127}}},
		{"cast f64[3] {to=f16} -> f16[3]", []values{{65519, 65520, 0x1p-25}}, []values{{65504, inf, 0}}},
		{"mul i32[2], i32[2] -> i32[2]", []values{{65536, 123456789}, {65536, 987654321}}, []values{{0, -67153019}}},
		{"add u8[1], u8[1] -> u8[1]", []values{{255}, {2}}, []values{{1}}},
		{"floordiv i32[3], i32[3] -> i32[3]", []values{{-7, 7, 1}, {2, -2, 0}}, []values{{-4, -4, 0}}},
		{"rem i32[3], i32[3] -> i32[3]", []values{{-7, 7, 1}, {2, -2, 0}}, []values{{1, -1, 0}}},
		{"round f32[4] -> f32[4]", []values{{0.5, 1.5, 2.5, -0.5}}, []values{{0, 2, 2, math.Copysign(0, -1)}}},
		{"reduce_max f32[0] {axes=[0]} -> f32[]", []values{{}}, []values{{-inf}}},
		{"reduce_max i32[0] {axes=[0]} -> i32[]", []values{{}}, []values{{math.MinInt32}}},
		{"reduce_prod f32[0] {axes=[0]} -> f32[]", []values{{}}, []values{{1}}},
		{"reduce_all bool[0] {axes=[0]} -> bool[]", []values{{}}, []values{{1}}},
		{"reduce_max f32[2] {axes=[0]} -> f32[]", []values{{1, nan}}, []values{{nan}}},
		{"argmax f32[4] -> i32[]", []values{{1, 3, 3, 2}}, []values{{1}}},
		{"argmin f32[4] -> i32[]", []values{{1, nan, 0, nan}}, []values{{1}}},
		{"argmax f32[2,2] -> i32[2]", []values{{1, 5, 2, 4}}, []values{{1, 0}}},
		{"conv f64[1,1,4], f64[1,1,3] {stride=[1], dilate_x=[1], dilate_w=[1], pad_lo=[1], pad_hi=[0]} -> f64[1,1,3]", []values{{1, 2, 3, 4}, {10, 100, 1000}}, []values{{2100, 3210, 4320}}},
		{"conv f64[1,1,4], f64[1,1,3] {stride=[1], dilate_x=[1], dilate_w=[1], pad_lo=[0], pad_hi=[0], flip=true} -> f64[1,1,2]", []values{{1, 2, 3, 4}, {10, 100, 1000}}, []values{{1230, 2340}}},
		{"conv f64[1,1,2], f64[1,1,2] {stride=[1], dilate_x=[3], dilate_w=[1], pad_lo=[0], pad_hi=[0]} -> f64[1,1,3]", []values{{1, 2}, {1, 10}}, []values{{1, 0, 20}}},
		{"pool_max f64[5] {size=[3], stride=[2], pad_lo=[1], pad_hi=[1]} -> f64[3], i32[3]", []values{{4, 4, 1, 7, 2}}, []values{{4, 7, 7}, {0, 3, 3}}},
		{"pool_max f64[2,2,2] {size=[2,2], stride=[1,1], pad_lo=[0,0], pad_hi=[0,0]} -> f64[2,1,1], i32[2,1,1]", []values{{1, 2, 3, 0, 1, 5, 5, nan}}, []values{{3, nan}, {2, 3}}},
		{"window_max i32[2] {size=[2], stride=[1], pad_lo=[1], pad_hi=[0]} -> i32[2]", []values{{-5, -7}}, []values{{-5, -5}}},
		{"gather f64[3], i32[4] -> f64[4]", []values{{10, 20, 30}, {2, 0, -1, 3}}, []values{{30, 10, 0, 0}}},
		{"gather f64[2,3], i32[2,1] {axis=1, batch=1} -> f64[2,1]", []values{{1, 2, 3, 4, 5, 6}, {2, 0}}, []values{{3, 4}}},
		{"scatter_add f64[4], i32[4] {size=2} -> f64[2]", []values{{1, 2, 3, 4}, {1, 1, 5, -1}}, []values{{0, 3}}},
		{"scatter_max f64[3], i32[3] {size=3} -> f64[3]", []values{{1, 2, -3}, {0, 0, 2}}, []values{{2, -inf, -3}}},
		{"scatter_min i32[1], i32[1] {size=2} -> i32[2]", []values{{4}, {0}}, []values{{4, math.MaxInt32}}},
		{"dynamic_slice f64[4], i32[] {sizes=[2]} -> f64[2]", []values{{1, 2, 3, 4}, {9}}, []values{{3, 4}}},
		{"dynamic_slice f64[4], i32[] {sizes=[2]} -> f64[2]", []values{{1, 2, 3, 4}, {-9}}, []values{{1, 2}}},
		{"dynamic_update f64[4], f64[2], i32[] -> f64[4]", []values{{1, 2, 3, 4}, {8, 9}, {3}}, []values{{1, 2, 8, 9}}},
		{"sort f64[5] -> f64[5], i32[5]", []values{{2, nan, 1, 2, 0}}, []values{{0, 1, 2, 2, nan}, {4, 2, 0, 3, 1}}},
		{"sort f64[4] {descending=true} -> f64[4], i32[4]", []values{{2, nan, 2, 3}}, []values{{nan, 3, 2, 2}, {1, 3, 0, 2}}},
		{"top_k f64[2,3] {axis=1, k=2} -> f64[2,2], i32[2,2]", []values{{1, 3, 3, 6, 5, 4}}, []values{{3, 3, 6, 5}, {1, 2, 0, 1}}},
		{"cumulative_sum f64[3] {reverse=true} -> f64[3]", []values{{1, 2, 3}}, []values{{6, 5, 3}}},
		{"cumulative_max f64[4] -> f64[4]", []values{{1, 3, 2, 4}}, []values{{1, 3, 3, 4}}},
		{"cumulative_prod f64[2,2] -> f64[2,2]", []values{{1, 2, 3, 4}}, []values{{1, 2, 3, 8}}},
		{"qr f64[2,2] -> f64[2,2]", []values{{0, -2, 3, 5}}, []values{{0, -1, 1, 0}}},
		{"iota {type=i32[2,3], axis=1} -> i32[2,3]", nil, []values{{0, 1, 2, 0, 1, 2}}},
	} {
		t.Run(c.line, func(t *testing.T) {
			got := apply(t, c.line, c.in...)
			require.Len(t, got, len(c.want))
			for i, want := range c.want {
				require.Len(t, got[i], len(want))
				for k, w := range want {
					assert.True(t, w == got[i][k] || w != w && got[i][k] != got[i][k] || math.Abs(w-got[i][k]) < 1e-12, "result %d: want %v, got %v", i, want, got[i])
				}
			}
		})
	}
}

// gradientOf evaluates the gradients of an example for an upstream gradient of ones.
func gradientOf(t *testing.T, line string, args ...[]float64) [][]float64 {
	t.Helper()
	m, err := ir.Parse("example", ops.Example(line), ops.Registry)
	require.NoError(t, err)
	f := m.Funcs[0]
	g := reverse(f)
	var in []ir.Ref
	for i, p := range f.Params {
		in = append(in, eval.Of(p.Type, args[i]...))
	}
	for _, r := range f.Results {
		one := eval.New(r.Type)
		for i := range one.Data {
			one.Data[i] = 1
		}
		in = append(in, one)
	}
	out, err := eval.Func(m, g, in)
	require.NoError(t, err)
	var data [][]float64
	for _, r := range out {
		data = append(data, r.Data)
	}
	return data
}

func TestGradientsAtTiesAndZeros(t *testing.T) {
	type values = []float64
	for _, c := range []struct {
		name, line string
		in         []values
		want       []values
	}{
		{"relu at 0", "max f64[3], f64[3] -> f64[3]", []values{{-1, 0, 1}, {0, 0, 0}}, []values{{0, 0, 1}, {1, 1, 0}}},
		{"min gives a tie to the second", "min f64[1], f64[1] -> f64[1]", []values{{2}, {2}}, []values{{0}, {1}}},
		{"abs at 0", "abs f64[2] -> f64[2]", []values{{0, -3}}, []values{{0, -1}}},
		{"reduce_max shares evenly", "reduce_max f64[3] {axes=[0]} -> f64[]", []values{{2, 1, 2}}, []values{{0.5, 0, 0.5}}},
		{"scatter_max shares evenly", "scatter_max f64[3], i32[3] {size=1} -> f64[1]", []values{{2, 2, 1}, {0, 0, 0}}, []values{{0.5, 0.5, 0}, {0, 0, 0}}},
		{"pool_max takes the first", "window_max f64[3] {size=[3], stride=[1], pad_lo=[0], pad_hi=[0]} -> f64[1]", []values{{2, 2, 1}}, []values{{1, 0, 0}}},
		{"cumulative_max takes the first", "cumulative_max f64[3] -> f64[3]", []values{{2, 2, 1}}, []values{{3, 0, 0}}},
		{"product with one zero", "reduce_prod f64[3] {axes=[0]} -> f64[]", []values{{2, 0, 3}}, []values{{0, 6, 0}}},
		{"product with two zeros", "reduce_prod f64[3] {axes=[0]} -> f64[]", []values{{0, 0, 3}}, []values{{0, 0, 0}}},
		{"cumulative product with a zero", "cumulative_prod f64[3] -> f64[3]", []values{{2, 0, 3}}, []values{{1, 2 + 6, 0}}},
		{"x^2 at 0", "pow f64[1], f64[1] -> f64[1]", []values{{0}, {2}}, []values{{0}, {0}}},
		{"x^0 at 0", "pow f64[1], f64[1] -> f64[1]", []values{{0}, {0}}, []values{{0}, {0}}},
		{"a repeated index adds up", "gather f64[2], i32[3] -> f64[3]", []values{{1, 2}, {1, 1, 7}}, []values{{0, 2}, {0, 0, 0}}},
		{"stop", "stop f64[1] -> f64[1]", []values{{1}}, []values{{0}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, c.want, gradientOf(t, c.line, c.in...))
		})
	}
}

func TestOrthogonalFactor(t *testing.T) {
	r := irtest.Rand(4)
	for _, n := range [][2]int64{{1, 1}, {5, 3}, {17, 17}, {33, 1}, {3, 2}} {
		typ := ir.Of(ir.F64, n[0], n[1])
		a := irtest.Fill(r, typ, -1, 1, 1)
		if n == [2]int64{3, 2} {
			a = eval.New(typ) // no column to reflect: still orthonormal
		}
		q := eval.New(typ)
		ops.QR{}.Eval([]ir.Ref{a}, []ir.Ref{q})
		for i := range n[1] {
			for j := range n[1] {
				dot, upper := 0.0, 0.0
				for k := range n[0] {
					dot += q.Data[k*n[1]+i] * q.Data[k*n[1]+j]
					upper += q.Data[k*n[1]+i] * a.Data[k*n[1]+j]
				}
				want := 0.0
				if i == j {
					want = 1
					assert.GreaterOrEqual(t, upper, -1e-14, "the diagonal of R")
				}
				if i > j {
					assert.InDelta(t, 0, upper, 1e-12, "R is upper triangular")
				}
				assert.InDelta(t, want, dot, 1e-12, "columns %d and %d of %v", i, j, n)
			}
		}
	}
}

// However a batch is cut, its rows draw the same numbers; and folding a number is the same at compile time and at run time.
func TestRandomNumbersDoNotDependOnTheSplit(t *testing.T) {
	key := []float64{11, 22}
	for _, op := range []string{"random_bits u32[2], i32[] {shape=[%]} -> u32[%]", "random_uniform u32[2], i32[] {type=f32[%]} -> f32[%]",
		"random_normal u32[2], i32[] {type=f32[%]} -> f32[%]", "random_normal u32[2], i32[] {type=f64[%]} -> f64[%]", "random_int u32[2], i32[] {type=i32[%], bound=100} -> i32[%]"} {
		draw := func(shape string, first float64) []float64 {
			return apply(t, replace(op, shape), key, []float64{first})[0]
		}
		whole := draw("5,3", 7)
		assert.Equal(t, whole[:6], draw("2,3", 7))
		assert.Equal(t, whole[6:], draw("3,3", 9))
		assert.NotEqual(t, whole[:3], whole[3:6])
		numbered := apply(t, replace(strings.Replace(op, "i32[]", "i32[4]", 1), "4,3"), key, []float64{11, 7, 7, 8})[0]
		assert.Equal(t, slices.Concat(whole[12:], whole[:3], whole[:6]), numbered, "rows in any order")
	}
	assert.Equal(t, apply(t, "fold u32[2], i32[] -> u32[2]", key, []float64{5}), apply(t, "fold_const u32[2] {data=5} -> u32[2]", key))
	assert.Equal(t, apply(t, "fold u32[2], i32[] -> u32[2]", key, []float64{-1}), apply(t, "fold_const u32[2] {data=18446744073709551615} -> u32[2]", key))
	u := apply(t, "random_uniform u32[2] {type=bf16[1000]} -> bf16[1000]", key)[0]
	w := scalar.Block([2]uint32{11, 22}, 1, 2)
	assert.Equal(t, float64(scalar.Normal32(w[2], w[3])), apply(t, "random_normal u32[2] {type=f32[2,7]} -> f32[2,7]", key)[0][7+5])
	for _, v := range u {
		require.True(t, v >= 0 && v < 1)
	}
}

func replace(line, shape string) string {
	out := ""
	for _, r := range line {
		if r == '%' {
			out += shape
		} else {
			out += string(r)
		}
	}
	return out
}

func TestConvolveSplitsGroups(t *testing.T) {
	b := ir.NewBuilder("f")
	x, w := b.Param(ir.Of(ir.F64, 2, 4, 5), "x"), b.Param(ir.Of(ir.F64, 6, 2, 3), "w")
	f := b.Return(ops.Convolve(b, x, w, []int64{2}, []int64{1}, []int64{1}, []int64{1}, 2))
	require.NoError(t, b.Err)
	require.NoError(t, ir.VerifyFunc(f))
	require.Equal(t, ir.Of(ir.F64, 2, 6, 3), f.Results[0].Type)
	r := irtest.Rand(1)
	args := []ir.Ref{irtest.Fill(r, x.Type, -1, 1, 1), irtest.Fill(r, w.Type, -1, 1, 1)}
	got, err := eval.Func(nil, f, args)
	require.NoError(t, err)
	for n := range 2 {
		for o := range 6 {
			for p := range 3 {
				sum := 0.0
				for c := range 2 {
					for k := range 3 {
						if i := 2*p + k - 1; i >= 0 && i < 5 {
							sum += args[0].Data[(n*4+o/3*2+c)*5+i] * args[1].Data[(o*2+c)*3+k]
						}
					}
				}
				assert.InDelta(t, sum, got[0].Data[(n*6+o)*3+p], 1e-12)
			}
		}
	}
	require.NoError(t, irtest.CheckGradient(r, run(f), run(reverse(f)), args))

	bad := ir.NewBuilder("f")
	ops.Convolve(bad, bad.Param(x.Type, ""), bad.Param(w.Type, ""), []int64{2}, []int64{1}, []int64{1}, []int64{1}, 3)
	require.ErrorContains(t, bad.Err, "channels that divide by the groups")
}
