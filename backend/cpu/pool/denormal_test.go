package pool

import (
	"fmt"
	"math"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"modelc/backend/cpu/asm"
)

// Workers flush denormals, even under garbage collection and between calls; the caller's thread keeps them.
func TestWorkersFlushDenormals(t *testing.T) {
	if asm.Best() == asm.Go {
		t.Skip("no control over denormals on this processor")
	}
	tiny := []float32{math.SmallestNonzeroFloat32}
	p := New(2)
	defer p.Close()
	kept := atomic.Int32{}
	for range 300 {
		p.Run(func(w, _ int) {
			x := make([]float32, 1<<10)
			asm.AddScalar(x[:1], tiny, 0)
			if x[0] != 0 {
				kept.Add(1)
			}
			if w == 0 {
				runtime.Gosched()
			}
		})
		x := make([]float32, 1)
		asm.AddScalar(x, tiny, 0)
		require.Equal(t, tiny[0], x[0])
	}
	require.Zero(t, kept.Load())
}

func BenchmarkGemm(b *testing.B) {
	for _, c := range []struct {
		batch, m, n, k int
		ta, tb         bool
	}{{1, 1024, 1024, 1024, false, false}, {1, 64, 512, 784, false, false}, {48, 256, 256, 64, false, true}, {48, 256, 64, 256, false, false}, {1, 3072, 1536, 384, false, false}, {1, 384, 1536, 3072, true, false}, {1, 256, 256, 256, false, false}} {
		for workers := 1; workers <= 2; workers++ {
			b.Run(fmt.Sprintf("%dx(%dx%dx%d)%v%v/%d", c.batch, c.m, c.k, c.n, c.ta, c.tb, workers), func(b *testing.B) {
				p := asm.Product{Batch: c.batch, M: c.m, N: c.n, K: c.k, A: asm.Strides{Batch: c.m * c.k, Row: c.k, Col: 1},
					B: asm.Strides{Batch: c.k * c.n, Row: c.n, Col: 1}, C: asm.Strides{Batch: c.m * c.n, Row: c.n, Col: 1}}
				if c.ta {
					p.A.Row, p.A.Col = 1, c.m
				}
				if c.tb {
					p.B.Row, p.B.Col = 1, c.k
				}
				args := &asm.GemmArgs{A: make([]float32, c.batch*c.m*c.k), B: make([]float32, c.batch*c.k*c.n), C: make([]float32, c.batch*c.m*c.n)}
				asm.Fill(args.A, 1.25)
				asm.Fill(args.B, 0.75)
				g := asm.NewGemm(p, false)
				scratch := make([][]float32, workers)
				for w := range scratch {
					scratch[w] = make([]float32, g.Scratch())
				}
				pool := New(workers)
				defer pool.Close()
				n, tiles := b.N, g.Tiles()
				b.ResetTimer()
				pool.Run(func(w, workers int) {
					do := doer(func(lo, hi int) { g.Run(w, lo, hi, args, scratch[w]) })
					for range n {
						pool.Share(w, tiles, false, do)
					}
				})
				b.ReportMetric(2*float64(c.batch*c.m*c.n*c.k)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}
