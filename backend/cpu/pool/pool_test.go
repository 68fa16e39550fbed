package pool

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// doer makes a Doer of a function.
type doer func(from, to int)

func (d doer) Do(from, to int) { d(from, to) }

// Every unit is done once, phase by phase, on any number of workers; plain writes of a phase are seen in the next: the race detector watches.
func TestShareDoesEveryUnitOnce(t *testing.T) {
	const phases = 60
	for _, n := range []int{1, 2, 3, 5} {
		p := New(n)
		require.GreaterOrEqual(t, runtime.GOMAXPROCS(0), n+1)
		for run := range 30 {
			cells := make([]int, 17)
			bad := atomic.Int32{}
			p.Run(func(w, workers int) {
				for i := range phases {
					units := (i*7 + run) % 18
					p.Share(w, units, false, doer(func(lo, hi int) {
						for u := lo; u < hi; u++ {
							cells[u]++
						}
					}))
					p.Share(w, 3, true, doer(func(lo, hi int) {
						if lo != 0 || hi != 3 {
							bad.Add(1)
						}
						cells[(i*5)%17] += 100
					}))
				}
			})
			want := make([]int, 17)
			for i := range phases {
				for u := range (i*7 + run) % 18 {
					want[u]++
				}
				want[(i*5)%17] += 100
			}
			require.Equal(t, want, cells)
			require.Zero(t, bad.Load())
		}
		p.Close()
		p.Close()
		require.Panics(t, func() { p.Run(func(int, int) {}) })
	}
}

// A worker that does not get on holds up no one.
func TestLateWorkersAreNotAwaited(t *testing.T) {
	p := New(3)
	defer p.Close()
	for range 20 {
		through := make(chan struct{})
		var once sync.Once
		var units atomic.Int32
		p.Run(func(w, _ int) {
			if w == 0 {
				<-through
			}
			for i := range 50 {
				p.Share(w, 9, i%2 == 0, doer(func(lo, hi int) { units.Add(int32(hi - lo)) }))
			}
			once.Do(func() { close(through) })
		})
		require.EqualValues(t, 50*9, units.Load())
	}
}

func TestParkedWorkersWake(t *testing.T) {
	p := New(2)
	defer p.Close()
	for range 5 {
		time.Sleep(5 * spin)
		ran := atomic.Int32{}
		p.Run(func(w, _ int) {
			p.Share(w, 2, true, doer(func(int, int) { time.Sleep(5 * spin) })) // the other worker parks, and the caller
			p.Share(w, 2, false, doer(func(lo, hi int) { ran.Add(int32(hi - lo)) }))
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
				require.ErrorIs(t, failed.Value.(error), boom)
				require.Contains(t, failed.Error(), "boom")
			}()
			p.Run(func(w, _ int) {
				p.Share(w, 3, false, doer(func(lo, _ int) {
					if lo == 1 {
						panic(boom)
					}
				}))
				p.Share(w, 3, false, doer(func(int, int) {})) // never begins
			})
		}()
		sum := atomic.Int32{}
		p.Run(func(w, _ int) { p.Share(w, 3, false, doer(func(lo, hi int) { sum.Add(int32(hi - lo)) })) })
		require.EqualValues(t, 3, sum.Load())
	}
}

func TestRunDoesNotAllocate(t *testing.T) {
	p := New(2)
	defer p.Close()
	var d Doer = doer(func(int, int) {})
	f := func(w, _ int) { p.Share(w, 2, false, d) }
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

func BenchmarkShare(b *testing.B) {
	p := New(2)
	defer p.Close()
	n := b.N
	b.ResetTimer()
	var d Doer = doer(func(int, int) {})
	p.Run(func(w, _ int) {
		for range n {
			p.Share(w, 2, false, d)
		}
	})
}
