package asm

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// onEach runs f under every path of this processor.
func onEach(t *testing.T, f func(t *testing.T)) {
	before := Current()
	defer func() { require.NoError(t, Use(before)) }()
	for l := Go; l <= AVX512; l++ {
		t.Run(l.String(), func(t *testing.T) {
			if Use(l) != nil {
				t.Skipf("this processor lacks %v", l)
			}
			f(t)
		})
	}
}

// sameBits compares bit by bit; any NaN equals any other.
func sameBits(t *testing.T, want, got []float32, msg ...any) {
	t.Helper()
	for i, w := range want {
		if g := got[i]; math.Float32bits(w) != math.Float32bits(g) && !(w != w && g != g) {
			require.Failf(t, "bits differ", "element %d of %d: want %v (%#x), got %v (%#x): %v", i, len(want), w, math.Float32bits(w), g, math.Float32bits(g), msg)
		}
	}
}

var hard = []float32{0, float32(math.Copysign(0, -1)), 1, -1, 0.5, -0.5, 2, -2, 3, -3, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()),
	1e-45, -1e-45, 1e-39, -1e-39, 1.1754944e-38, math.MaxFloat32, -math.MaxFloat32, 88.5, 88.8, -87.5, -88.5, -103.5, -104, -110, 90, 1e10, -1e10,
	0.34657, -0.34658, 1.3333333, 0.6666667, 0.99999994, 1.0000001, 16777216, 16777217, -0.99999994, 1e-8, -1e-8, 9, 9.02, 4, 3.9, 2147483648, -2147483648, 2.5, 3.5, 1e30}

// samples are hard cases, then numbers of all magnitudes, then ordinary ones.
func samples(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		switch r.IntN(4) {
		case 0:
			x[i] = hard[r.IntN(len(hard))]
		case 1:
			x[i] = math.Float32frombits(r.Uint32())
		case 2:
			x[i] = float32(r.NormFloat64())
		default:
			x[i] = float32(r.NormFloat64() * 20)
		}
	}
	return x
}

// ulps is the distance of got from want in units of want's last place (that of the smallest normal, below it).
func ulps(want float64, got float32) float64 {
	w := float32(want)
	switch {
	case want != want:
		if got != got {
			return 0
		}
		return math.Inf(1)
	case math.IsInf(float64(w), 0) || math.IsInf(float64(got), 0) || got != got:
		if w == got {
			return 0
		}
		if math.Abs(want) > 3.402823e38 && math.Abs(float64(got)) > 3.402820e38 { // on the edge of overflow
			return 1
		}
		return math.Inf(1)
	}
	_, e := math.Frexp(want)
	return math.Abs(want-float64(got)) / math.Ldexp(1, max(e-24, -149))
}

var unaryCases = []struct {
	name  string
	f     func(dst, x []float32)
	ref   func(float64) float64
	limit float64
}{
	{"neg", Neg, func(x float64) float64 { return -x }, 0},
	{"abs", Abs, math.Abs, 0},
	{"sqrt", Sqrt, math.Sqrt, 0.5},
	{"rsqrt", Rsqrt, func(x float64) float64 { return 1 / math.Sqrt(x) }, 1.5},
	{"recip", Recip, func(x float64) float64 { return 1 / x }, 0.5},
	{"square", Square, func(x float64) float64 { return x * x }, 0.5},
	{"floor", Floor, math.Floor, 0},
	{"ceil", Ceil, math.Ceil, 0},
	{"round", Round, math.RoundToEven, 0},
	{"trunc", Trunc, math.Trunc, 0},
	{"relu", Relu, func(x float64) float64 { return max(x, 0) }, 0},
	{"not", Not, func(x float64) float64 { return b2f(x == 0) }, 0},
	{"sign", Sign, func(x float64) float64 {
		if x > 0 {
			return 1
		} else if x < 0 {
			return -1
		}
		return x
	}, 0},
	{"exp", Exp, math.Exp, 2},
	{"expm1", Expm1, math.Expm1, 3},
	{"log", Log, math.Log, 2},
	{"log1p", Log1p, math.Log1p, 3},
	{"tanh", Tanh, math.Tanh, 4},
	{"sigmoid", Sigmoid, func(x float64) float64 {
		if x < 0 {
			return math.Exp(x) / (1 + math.Exp(x))
		}
		return 1 / (1 + math.Exp(-x))
	}, 4},
	{"erf", Erf, math.Erf, 4},
}

func b2f(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func TestUnaryAgainstFloat64(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	x := append(append([]float32{}, hard...), samples(r, 40000)...)
	for i := range 40000 { // a sweep of the range where functions bend
		x = append(x, -20+40*float32(i)/40000)
	}
	for _, c := range unaryCases {
		t.Run(c.name, func(t *testing.T) {
			got := make([]float32, len(x))
			c.f(got, x)
			worst, at := 0.0, float32(0)
			for i, v := range x {
				if u := ulps(c.ref(float64(v)), got[i]); u > worst {
					worst, at = u, v
				}
			}
			t.Logf("%.2f ulp at %v", worst, at)
			require.LessOrEqualf(t, worst, c.limit, "at %v", at)
		})
	}
}

func TestPathsAgreeUnary(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	before := Current()
	defer func() { require.NoError(t, Use(before)) }()
	cases := unaryCases
	cases = append(cases, struct {
		name  string
		f     func(dst, x []float32)
		ref   func(float64) float64
		limit float64
	}{"sin", Sin, math.Sin, 0}, struct {
		name  string
		f     func(dst, x []float32)
		ref   func(float64) float64
		limit float64
	}{"cos", Cos, math.Cos, 0})
	for _, c := range cases {
		x := samples(r, 5000)
		want, got := make([]float32, len(x)), make([]float32, len(x))
		require.NoError(t, Use(Go))
		c.f(want, x)
		for l := AVX2; l <= best; l++ {
			require.NoError(t, Use(l))
			c.f(got, x)
			sameBits(t, want, got, c.name, l)
		}
	}
}
