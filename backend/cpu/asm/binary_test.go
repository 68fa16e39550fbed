package asm

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

type binaryCase struct {
	name   string
	vv     func(dst, x, y []float32)
	vs, sv func(dst, x []float32, s float32) // sv: s on the left
	ref    func(x, y float64) float64
	limit  float64
}

func isTrue(f func(x, y float64) bool) func(x, y float64) float64 {
	return func(x, y float64) float64 { return b2f(f(x, y)) }
}

var binaryCases = []binaryCase{
	{"add", Add, AddScalar, nil, func(x, y float64) float64 { return x + y }, 0.5},
	{"sub", Sub, SubScalar, ScalarSub, func(x, y float64) float64 { return x - y }, 0.5},
	{"mul", Mul, MulScalar, nil, func(x, y float64) float64 { return x * y }, 0.5},
	{"div", Div, DivScalar, ScalarDiv, func(x, y float64) float64 { return x / y }, 0.5},
	{"max", Max, MaxScalar, nil, math.Max, 0},
	{"min", Min, MinScalar, nil, math.Min, 0},
	{"eq", Eq, EqScalar, nil, isTrue(func(x, y float64) bool { return x == y }), 0},
	{"ne", Ne, NeScalar, nil, isTrue(func(x, y float64) bool { return x != y }), 0},
	{"lt", Lt, LtScalar, nil, isTrue(func(x, y float64) bool { return x < y }), 0},
	{"le", Le, LeScalar, nil, isTrue(func(x, y float64) bool { return x <= y }), 0},
	{"gt", Gt, GtScalar, nil, isTrue(func(x, y float64) bool { return x > y }), 0},
	{"ge", Ge, GeScalar, nil, isTrue(func(x, y float64) bool { return x >= y }), 0},
	{"pow", Pow, PowScalar, ScalarPow, func(x, y float64) float64 {
		if math.IsNaN(x) && y != 0 || math.IsNaN(y) && x != 1 {
			return math.NaN()
		}
		if x == -1 && math.IsInf(y, 0) {
			return 1
		}
		return math.Pow(x, y)
	}, 4},
}

// nanFirst corrects a reference for max and min, in which NaN wins over everything (math.Max lets +Inf win).
func nanFirst(name string, x, y, ref float64) float64 {
	if (name == "max" || name == "min") && (math.IsNaN(x) || math.IsNaN(y)) {
		return math.NaN()
	}
	return ref
}

func TestBinaryAgainstFloat64(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	var x, y []float32
	for _, a := range hard {
		for _, b := range hard {
			x, y = append(x, a), append(y, b)
		}
	}
	x, y = append(x, samples(r, 20000)...), append(y, samples(r, 20000)...)
	for range 20000 { // where powers are finite
		x, y = append(x, float32(math.Exp(r.NormFloat64()*3))), append(y, float32(r.NormFloat64()*8))
	}
	for _, c := range binaryCases {
		t.Run(c.name, func(t *testing.T) {
			got := make([]float32, len(x))
			c.vv(got, x, y)
			worst := 0.0
			for i := range x {
				a, b := float64(x[i]), float64(y[i])
				u := ulps(nanFirst(c.name, a, b, c.ref(a, b)), got[i])
				require.LessOrEqualf(t, u, c.limit, "%s(%v, %v) = %v", c.name, x[i], y[i], got[i])
				worst = max(worst, u)
			}
			t.Logf("%.2f ulp", worst)
			one := make([]float32, 1)
			for i := 0; i < len(x); i += 7 {
				c.vs(one, x[i:i+1], y[i])
				sameBits(t, got[i:i+1], one, c.name, "scalar")
				if c.sv != nil {
					c.sv(one, y[i:i+1], x[i])
					sameBits(t, got[i:i+1], one, c.name, "scalar on the left")
				}
			}
		})
	}
}

func TestPathsAgreeBinary(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	before := Current()
	defer func() { require.NoError(t, Use(before)) }()
	x, y, z := samples(r, 5000), samples(r, 5000), samples(r, 5000)
	cases := []func(dst []float32){
		func(dst []float32) { FMA(dst, x, y, z) },
		func(dst []float32) { FMAScalar(dst, x, y, 1.7) },
		func(dst []float32) { Select(dst, x, y, z) },
		func(dst []float32) { SelectScalar(dst, x, y, 3) },
		func(dst []float32) { ScalarSelect(dst, x, y, 3) },
		func(dst []float32) { Fill(dst, 3) },
	}
	for _, c := range binaryCases {
		cases = append(cases, func(dst []float32) { c.vv(dst, x, y) }, func(dst []float32) { c.vs(dst, x, 1.3) })
		if c.sv != nil {
			cases = append(cases, func(dst []float32) { c.sv(dst, x, 1.3) })
		}
	}
	for i, f := range cases {
		want, got := make([]float32, len(x)), make([]float32, len(x))
		require.NoError(t, Use(Go))
		f(want)
		for l := AVX2; l <= best; l++ {
			require.NoError(t, Use(l))
			f(got)
			sameBits(t, want, got, i, l)
		}
	}
}

// fma32 against exact arithmetic: the processor's own fused operation.
func TestFMAIsExact(t *testing.T) {
	if best == Go {
		t.Skip("this processor has no fused multiply-add in reach")
	}
	r := rand.New(rand.NewPCG(15, 16))
	const n = 200000
	x, y, z, got := make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n)
	for i := range x {
		x[i], y[i] = float32(r.NormFloat64()), float32(r.NormFloat64())
		switch i % 4 {
		case 0: // cancelling
			z[i] = -x[i] * y[i]
		case 1: // half-way cases: few bits
			x[i], y[i] = float32(r.IntN(4096)+1), float32(r.IntN(8192)+1)
			z[i] = float32(math.Ldexp(float64(r.IntN(3)-1), r.IntN(60)-30)) + float32(r.IntN(2))*1e-20
		case 2: // denormal results
			x[i] *= 1e-20
			y[i] *= 1e-20
			z[i] = math.Float32frombits(r.Uint32() & 0x807fffff)
		default:
			z[i] = float32(r.NormFloat64())
		}
	}
	FMA(got, x, y, z)
	want := make([]float32, n)
	fmaGo(want, x, y, z)
	sameBits(t, want, got)
}

func TestSelectAndFill(t *testing.T) {
	onEach(t, func(t *testing.T) {
		dst := make([]float32, 4)
		mask := []float32{0, 1, float32(math.NaN()), float32(math.Copysign(0, -1))}
		Select(dst, mask, []float32{1, 2, 3, 4}, []float32{5, 6, 7, 8})
		require.Equal(t, []float32{5, 2, 3, 8}, dst)
		SelectScalar(dst, mask, []float32{1, 2, 3, 4}, 9)
		require.Equal(t, []float32{9, 2, 3, 9}, dst)
		ScalarSelect(dst, mask, []float32{1, 2, 3, 4}, 9)
		require.Equal(t, []float32{1, 9, 9, 4}, dst)
		FMAScalar(dst, []float32{1, 2, 3, 4}, []float32{1, 1, 1, 1}, 2)
		require.Equal(t, []float32{3, 5, 7, 9}, dst)
		Fill(dst[:3], 2)
		require.Equal(t, []float32{2, 2, 2, 9}, dst)
		require.Panics(t, func() { Add(dst, dst, dst[:3:3]) })
	})
}

func TestTrig(t *testing.T) {
	r := rand.New(rand.NewPCG(17, 18))
	x := append([]float32{}, hard...)
	for range 50000 {
		x = append(x, float32(r.NormFloat64()*4), float32(r.NormFloat64()*5000))
	}
	for i := range x {
		v := float64(x[i])
		one := make([]float32, 1)
		for _, c := range []struct {
			f   func(dst, x []float32)
			ref func(float64) float64
		}{{Sin, math.Sin}, {Cos, math.Cos}} {
			c.f(one, x[i:i+1])
			if w := c.ref(v); w != w {
				require.True(t, one[0] != one[0])
			} else if math.Abs(v) < 10 {
				require.LessOrEqualf(t, ulps(w, one[0]), 4.0, "at %v", v)
			} else {
				require.InDeltaf(t, w, one[0], 1.2e-7, "at %v", v)
			}
		}
	}
}
