package asm

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReductions(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	before := Current()
	defer func() { require.NoError(t, Use(before)) }()
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, n := range append(upTo(80), 255, 256, 257, 4095, 4096, 4097, 8192, 12289, 50000) {
		x, y := fill(r, n), fill(r, n)
		sum, dot, abs := 0.0, 0.0, 0.0
		for i := range x {
			sum += float64(x[i])
			dot += float64(x[i]) * float64(y[i])
			abs += math.Abs(float64(x[i])) + math.Abs(float64(x[i])*float64(y[i]))
		}
		require.NoError(t, Use(Go))
		want := []float32{Sum(x), Dot(x, y), MaxOf(x), MinOf(x)}
		require.InDelta(t, sum, want[0], 1e-6*abs)
		require.InDelta(t, dot, want[1], 1e-6*abs)
		for l := Go; l <= best; l++ {
			require.NoError(t, Use(l))
			sameBits(t, want, []float32{Sum(x), Dot(x, y), MaxOf(x), MinOf(x)}, n, l)
			if n == 0 {
				require.Equal(t, []float32{0, 0, -inf, inf}, want)
				require.Equal(t, -1, ArgMax(x))
				require.Equal(t, -1, ArgMin(x))
				continue
			}
			hi, lo := 0, 0
			for i, v := range x {
				if v > x[hi] {
					hi = i
				}
				if v < x[lo] {
					lo = i
				}
			}
			require.Equal(t, []float32{x[hi], x[lo]}, []float32{MaxOf(x), MinOf(x)})
			require.Equal(t, []int{hi, lo}, []int{ArgMax(x), ArgMin(x)})
			at := r.IntN(n)
			z := append([]float32{}, x...)
			z[at] = nan
			require.True(t, math.IsNaN(float64(MaxOf(z))) && math.IsNaN(float64(MinOf(z))) && math.IsNaN(float64(Sum(z))))
			require.Equal(t, []int{at, at}, []int{ArgMax(z), ArgMin(z)})
			if n > 1 {
				z[at] = -inf
				require.Equal(t, -inf, MinOf(z))
				require.Equal(t, at, ArgMin(z))
			}
		}
	}
}

func upTo(n int) (s []int) {
	for i := range n {
		s = append(s, i)
	}
	return
}

func TestConversions(t *testing.T) {
	onEach(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(23, 24))
		for _, n := range upTo(70) {
			x := samples(r, n)
			f, i, h, b := make([]float32, n), make([]int32, n), make([]uint16, n), make([]byte, n)
			F32ToI32(i, x)
			F32ToBF16(h, x)
			F32ToBool(b, x)
			for q, v := range x {
				w := math.Trunc(float64(v))
				switch {
				case v != v:
					w = 0
				case w > math.MaxInt32:
					w = math.MaxInt32
				case w < math.MinInt32:
					w = math.MinInt32
				}
				require.Equal(t, int32(w), i[q], v)
				require.Equal(t, b2f(v != 0), float64(b[q]), v)
				bits := math.Float32bits(v)
				down, up := bits&^0xffff, bits&^0xffff+0x10000
				switch {
				case v != v:
					require.EqualValues(t, 0x7fc0, h[q])
				case bits&0xffff < 0x8000 || bits&0xffff == 0x8000 && down>>16&1 == 0:
					require.EqualValues(t, down>>16, h[q], v)
				default:
					require.EqualValues(t, up>>16, h[q], v)
				}
			}
			BF16ToF32(f, h)
			for q := range h {
				require.Equal(t, uint32(h[q])<<16, math.Float32bits(f[q]))
			}
			for q := range b {
				b[q], i[q] = byte(r.Uint32()), int32(r.Uint32())
			}
			U8ToF32(f, b)
			for q := range b {
				require.Equal(t, float32(b[q]), f[q])
			}
			I32ToF32(f, i)
			for q := range i {
				require.Equal(t, float32(i[q]), f[q])
			}
			d := make([]float64, n)
			F32ToF64(d, x)
			F64ToF32(f, d)
			sameBits(t, x, f)
		}
	})
}

// The known answers of the authors' Random123 distribution for zero, all-ones and pi-digit inputs.
func TestPhiloxKnownAnswers(t *testing.T) {
	for _, c := range []struct {
		key, stream, block uint64
		want               [4]uint32
	}{
		{0, 0, 0, [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{^uint64(0), ^uint64(0), ^uint64(0), [4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{0x299f31d0_a4093822, 0x03707344_13198a2e, 0x85a308d3_243f6a88, [4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
	} {
		require.Equal(t, c.want, Key{c.key, c.stream}.block(c.block))
	}
}

func TestRandomPathsAgree(t *testing.T) {
	before := Current()
	defer func() { require.NoError(t, Use(before)) }()
	k := Key{0x0123456789abcdef, 77}
	start := uint64(1)<<34 - 100 // blocks cross 2^32
	require.NoError(t, Use(Go))
	const n = 5000
	bits, uniform, normal := make([]uint32, n), make([]float32, n), make([]float32, n)
	k.Bits(bits, start)
	k.Uniform(uniform, start)
	k.Normal(normal, start)
	var mean, square, um float64
	for i := range normal {
		mean += float64(normal[i]) / n
		square += float64(normal[i]) * float64(normal[i]) / n
		um += float64(uniform[i]) / n
		require.True(t, uniform[i] >= 0 && uniform[i] < 1)
		require.Equal(t, float32(bits[i]>>8)/(1<<24), uniform[i])
	}
	require.InDelta(t, 0, mean, 0.06)
	require.InDelta(t, 1, square, 0.1)
	require.InDelta(t, 0.5, um, 0.02)
	for l := Go; l <= best; l++ {
		require.NoError(t, Use(l))
		for _, part := range [][2]int{{0, n}, {1, 3}, {3, 40}, {17, 1000}, {5, 6}, {8, 8}, {2500, n}} {
			lo, hi := part[0], part[1]
			b, f := make([]uint32, hi-lo), make([]float32, hi-lo)
			k.Bits(b, start+uint64(lo))
			require.Equal(t, bits[lo:hi], b)
			k.Uniform(f, start+uint64(lo))
			sameBits(t, uniform[lo:hi], f)
			k.Normal(f, start+uint64(lo))
			sameBits(t, normal[lo:hi], f)
		}
	}
}

// Box and Muller in float64, and the hardest words.
func TestNormalFromBits(t *testing.T) {
	r := rand.New(rand.NewPCG(25, 26))
	a, b := []uint32{0, ^uint32(0), 255, 256, ^uint32(0) - 256}, []uint32{0, 1 << 30, 1 << 31, 3 << 30, ^uint32(0)}
	for range 20000 {
		a, b = append(a, r.Uint32()), append(b, r.Uint32())
	}
	got := make([]float32, len(a))
	NormalFromBits(got, a, b)
	for i := range a {
		u, v := float64(a[i]>>8+1)/(1<<24), float64(b[i]>>8)/(1<<24)
		require.InDelta(t, math.Sqrt(-2*math.Log(u))*math.Cos(2*math.Pi*v), got[i], 2e-6)
	}
}
