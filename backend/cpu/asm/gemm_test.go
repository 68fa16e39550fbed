package asm

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func fill(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// layout gives strides and the slice length for matrices of rows x cols, rows apart by pad more than needed.
func layout(batch, rows, cols int, turned bool, pad int) (Strides, int) {
	s := Strides{Row: cols + pad, Col: 1}
	s.Batch = rows * s.Row
	if turned {
		s = Strides{Row: 1, Col: rows + pad}
		s.Batch = cols * s.Col
	}
	return s, batch * s.Batch
}

func runAll(g *Gemm, args *GemmArgs, workers int) {
	n := g.Tiles()
	for w := range workers {
		g.Run(w, n*w/workers, n*(w+1)/workers, args, make([]float32, g.Scratch()))
	}
}

// checkGemm compares sampled elements of c with float64: within 4 sqrt(K) eps sum |a b|.
func checkGemm(t *testing.T, r *rand.Rand, p Product, a, b, before, c []float32, msg string) {
	t.Helper()
	const eps = 1.0 / (1 << 24)
	one := func(q, i, j int) {
		sum, abs := 0.0, 0.0
		for k := range p.K {
			v := float64(a[q*p.A.Batch+i*p.A.Row+k*p.A.Col]) * float64(b[q*p.B.Batch+k*p.B.Row+j*p.B.Col])
			sum += v
			abs += math.Abs(v)
		}
		at := q*p.C.Batch + i*p.C.Row + j
		if p.Accumulate {
			sum += float64(before[at])
			abs += math.Abs(float64(before[at]))
		}
		require.InDeltaf(t, sum, c[at], 4*math.Sqrt(float64(p.K)+1)*eps*abs+1e-30, "%s: element %d,%d,%d of %+v", msg, q, i, j, p)
	}
	for q := range p.Batch {
		if p.M*p.N <= 400 {
			for i := range p.M {
				for j := range p.N {
					one(q, i, j)
				}
			}
			continue
		}
		for range 200 {
			one(q, r.IntN(p.M), r.IntN(p.N))
		}
		one(q, p.M-1, p.N-1)
	}
}

var gemmSizes = [][3]int{{1, 1, 1}, {1, 5, 3}, {2, 64, 33}, {3, 65, 40}, {4, 100, 17}, {5, 7, 9}, {14, 32, 16}, {15, 33, 17}, {13, 31, 15}, {28, 64, 320}, {29, 65, 321},
	{64, 70, 100}, {100, 1, 50}, {70, 3, 65}, {225, 40, 20}, {300, 97, 33}, {230, 530, 12}, {40, 600, 7}, {9, 9, 0}, {33, 257, 129}, {6, 16, 8}, {7, 17, 650}}

func TestGemm(t *testing.T) {
	onEach(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(5, 6))
		for i, size := range gemmSizes {
			m, n, k := size[0], size[1], size[2]
			if level == Go && m*n*k > 2_000_000 {
				continue
			}
			for mode := range 8 {
				turnA, turnB, accumulate := mode&1 != 0, mode&2 != 0, mode&4 != 0
				batch := 1 + (i+mode)%2
				p := Product{Batch: batch, M: m, N: n, K: k, Accumulate: accumulate}
				var la, lb, lc int
				p.A, la = layout(batch, m, k, turnA, i%3)
				p.B, lb = layout(batch, k, n, turnB, i%2)
				p.C, lc = layout(batch, m, n, false, i%4)
				a, b, c := fill(r, la+1), fill(r, lb+1), fill(r, lc+1)
				before := append([]float32{}, c...)
				args := &GemmArgs{A: a, B: b, C: c}
				runAll(NewGemm(p, false), args, 1+mode%3)
				checkGemm(t, r, p, a, b, before, c, fmt.Sprint(turnA, turnB))
				for q := range batch { // what lies between the rows is untouched
					for i := range m {
						for j := n; j < p.C.Row; j++ {
							at := q*p.C.Batch + i*p.C.Row + j
							require.Equal(t, before[at], c[at])
						}
					}
				}
			}
		}
	})
}

// The number of workers and the path change no bit.
func TestGemmBitsAreFixed(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	before := Current()
	defer func() { require.NoError(t, Use(before)) }()
	for _, size := range [][3]int{{3, 130, 50}, {40, 150, 400}, {3, 5, 700}, {300, 70, 33}} {
		p := Product{Batch: 2, M: size[0], N: size[1], K: size[2]}
		var la, lb, lc int
		p.A, la = layout(2, p.M, p.K, false, 0)
		p.B, lb = layout(2, p.K, p.N, size[1] == 5, 0)
		p.C, lc = layout(2, p.M, p.N, false, 0)
		a, b := fill(r, la), fill(r, lb)
		var want []float32
		for l := Go; l <= best; l++ {
			require.NoError(t, Use(l))
			for _, workers := range []int{1, 2, 3, 7} {
				c := make([]float32, lc)
				runAll(NewGemm(p, false), &GemmArgs{A: a, B: b, C: c}, workers)
				if want == nil {
					want = c
				}
				sameBits(t, want, c, l, workers, size)
				if l == Go {
					break
				}
			}
		}
	}
}

func TestGemmHooks(t *testing.T) {
	onEach(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(9, 10))
		for _, size := range [][3]int{{3, 70, 40}, {50, 90, 330}, {240, 66, 20}} {
			p := Product{Batch: 2, M: size[0], N: size[1], K: size[2]}
			var la, lb, lc int
			p.A, la = layout(2, p.M, p.K, false, 0)
			p.B, lb = layout(2, p.K, p.N, true, 0)
			p.C, lc = layout(2, p.M, p.N, false, 0)
			a, b := fill(r, la), fill(r, lb)
			want, got := make([]float32, lc), make([]float32, lc)
			runAll(NewGemm(p, true), &GemmArgs{A: a, B: b, C: want}, 1)
			col, row := fill(r, p.N), fill(r, p.M)
			seen := make([]int, lc)
			args := &GemmArgs{C: got, ColumnBias: col, RowBias: row, Relu: true,
				PackA: func(_, batch, k0, k1, lo, hi int, dst []float32, stride int) {
					at := make([]int, hi-lo)
					for i := range at {
						at[i] = batch*p.A.Batch + (lo+i)*p.A.Row + k0
					}
					PackRows(dst, stride, a, at, k1-k0)
				},
				PackB: func(_, batch, k0, k1, lo, hi int, dst []float32, stride int) {
					for k := k0; k < k1; k++ {
						for n := lo; n < hi; n++ {
							dst[(k-k0)*stride+n-lo] = b[batch*p.B.Batch+k*p.B.Row+n*p.B.Col]
						}
					}
				},
				Epilogue: func(worker, batch, row, column int, c []float32) {
					for j := range c {
						seen[batch*p.C.Batch+row*p.C.Row+column+j]++
						c[j] *= 2
					}
				},
			}
			runAll(NewGemm(p, true), args, 3)
			for i := range want {
				m, n := i/p.N%p.M, i%p.N
				require.Equal(t, 1, seen[i])
				require.Equal(t, 2*max(want[i]+col[n]+row[m], 0), got[i])
			}
		}
	})
}

func BenchmarkGemm(b *testing.B) {
	for _, c := range []struct {
		batch, m, n, k int
		ta, tb         bool
	}{{1, 1024, 1024, 1024, false, false}, {1, 64, 512, 784, false, false}, {1, 784, 512, 64, true, false}, {1, 64, 784, 512, false, true}, {48, 256, 256, 64, false, true}, {48, 256, 64, 256, false, false}, {1, 3072, 384, 384, false, false}, {1, 1, 512, 784, false, false}, {1, 1, 512, 784, false, true}, {1, 4, 1536, 384, false, true}} {
		b.Run(fmt.Sprintf("%dx(%dx%dx%d)%v%v", c.batch, c.m, c.k, c.n, c.ta, c.tb), func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 1))
			p := Product{Batch: c.batch, M: c.m, N: c.n, K: c.k}
			var la, lb, lc int
			p.A, la = layout(c.batch, c.m, c.k, c.ta, 0)
			p.B, lb = layout(c.batch, c.k, c.n, c.tb, 0)
			p.C, lc = layout(c.batch, c.m, c.n, false, 0)
			args := &GemmArgs{A: fill(r, la), B: fill(r, lb), C: make([]float32, lc)}
			g := NewGemm(p, false)
			scratch := make([]float32, g.Scratch())
			for b.Loop() {
				g.Run(0, 0, g.Tiles(), args, scratch)
			}
			b.ReportMetric(2*float64(c.batch*c.m*c.n*c.k)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
	}
}

func TestGemmDoesNotAllocate(t *testing.T) {
	r := rand.New(rand.NewPCG(41, 42))
	for _, size := range [][3]int{{64, 64, 64}, {300, 64, 64}, {2, 64, 64}} {
		for _, turned := range []bool{false, true} {
			p := Product{Batch: 1, M: size[0], N: size[1], K: size[2]}
			p.A, _ = layout(1, p.M, p.K, false, 0)
			p.B, _ = layout(1, p.K, p.N, turned, 0)
			p.C, _ = layout(1, p.M, p.N, false, 0)
			args := &GemmArgs{A: fill(r, p.M*p.K), B: fill(r, p.K*p.N), C: make([]float32, p.M*p.N), ColumnBias: fill(r, p.N), Relu: true}
			g := NewGemm(p, false)
			scratch := make([]float32, g.Scratch())
			require.Zero(t, testing.AllocsPerRun(20, func() { g.Run(0, 0, g.Tiles(), args, scratch) }), size)
			require.Panics(t, func() {
				short := *args
				short.B = short.B[:len(short.B)-1]
				g.Run(0, 0, g.Tiles(), &short, scratch)
			})
		}
	}
}
