package pool

import (
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRunReachesEveryWorker(t *testing.T) {
	for _, n := range []int{1, 2, 3, 5} {
		p := New(n)
		require.GreaterOrEqual(t, runtime.GOMAXPROCS(0), n+1)
		for range 200 {
			hits := make([]atomic.Int32, n)
			p.Run(func(w, workers int) {
				if workers == n {
					hits[w].Add(1)
				}
			})
			for w := range hits {
				require.EqualValues(t, 1, hits[w].Load())
			}
		}
		p.Close()
		p.Close()
		require.Panics(t, func() { p.Run(func(int, int) {}) })
	}
}

// Plain writes before a barrier are seen after it: the race detector watches.
func TestBarrierOrdersWrites(t *testing.T) {
	const n, rounds = 3, 300
	p := New(n)
	defer p.Close()
	cells := make([]int, n)
	bad := atomic.Int32{}
	p.Run(func(w, workers int) {
		for r := range rounds {
			cells[w] = r
			p.Barrier()
			if cells[(w+1)%workers] != r {
				bad.Add(1)
			}
			p.Barrier()
		}
	})
	require.Zero(t, bad.Load())
}

func TestParkedWorkersWake(t *testing.T) {
	p := New(2)
	defer p.Close()
	for range 5 {
		time.Sleep(5 * spin)
		ran := atomic.Int32{}
		p.Run(func(w, _ int) {
			if w == 0 {
				time.Sleep(5 * spin) // worker 1 parks at the barrier, the caller at the end
			}
			p.Barrier()
			ran.Add(1)
		})
		require.EqualValues(t, 2, ran.Load())
	}
}

func TestPanicReachesCaller(t *testing.T) {
	p := New(3)
	defer p.Close()
	boom := errors.New("boom")
	for range 20 {
		func() {
			defer func() {
				failed, ok := recover().(*Panic)
				require.True(t, ok)
				require.Equal(t, 1, failed.Worker)
				require.ErrorIs(t, failed.Value.(error), boom)
				require.Contains(t, failed.Error(), "boom")
			}()
			p.Run(func(w, _ int) {
				if w == 1 {
					panic(boom)
				}
				p.Barrier() // never complete
			})
		}()
		sum := atomic.Int32{}
		p.Run(func(w, _ int) { p.Barrier(); sum.Add(int32(w)) })
		require.EqualValues(t, 3, sum.Load())
	}
}

func TestRunDoesNotAllocate(t *testing.T) {
	p := New(2)
	defer p.Close()
	f := func(int, int) { p.Barrier() }
	require.Zero(t, testing.AllocsPerRun(200, func() { p.Run(f) }))
}

func BenchmarkRun(b *testing.B) {
	p := New(2)
	defer p.Close()
	f := func(int, int) {}
	for b.Loop() {
		p.Run(f)
	}
}

func BenchmarkBarrier(b *testing.B) {
	p := New(2)
	defer p.Close()
	n := b.N
	b.ResetTimer()
	p.Run(func(int, int) {
		for range n {
			p.Barrier()
		}
	})
}
