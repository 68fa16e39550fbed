// Package pool runs one function on all workers at once (single program, multiple data).
//
// Workers are goroutines locked to their own OS threads, which flush denormal floats and live as long as the pool. Between
// calls a worker spins for about 50 µs and then parks, so that a training loop pays a fraction of a microsecond per call and
// an idle process pays nothing. Work is divided by the function itself, from its worker number; inside, Barrier
// keeps the workers in step. Nothing allocates after New.
//
// GOMAXPROCS should be workers + 1, which New sees to: spinning workers would starve the rest of the program.
package pool

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"modelc/backend/cpu/asm"
)

// A Pool is a fixed set of workers. Run may be called by one goroutine at a time.
type Pool struct {
	workers int
	job     func(worker, workers int)
	start   gate // opened by Run, awaited by workers
	finish  gate // opened by the last worker, awaited by Run
	step    gate // opened by the last worker to reach a barrier
	left    atomic.Int32
	arrived atomic.Int32
	broken  atomic.Bool // a worker panicked: barriers let everyone go
	closing atomic.Bool

	mu     sync.Mutex
	failed *Panic
	gone   sync.WaitGroup
}

// A Panic is what Run panics with when a worker did.
type Panic struct {
	Worker int
	Value  any
	Stack  []byte
}

func (p *Panic) Error() string {
	return "pool: worker panicked: " + text(p.Value) + "\n" + string(p.Stack)
}

func text(v any) string {
	switch v := v.(type) {
	case error:
		return v.Error()
	case string:
		return v
	}
	return "value of another type"
}

// abandoned unwinds a worker that waits at a barrier which a panicked worker will never reach.
type abandoned struct{}

// New starts workers. It raises GOMAXPROCS to workers + 1 where it is lower.
func New(workers int) *Pool {
	if workers < 1 {
		panic("pool: needs a worker")
	}
	if runtime.GOMAXPROCS(0) < workers+1 {
		runtime.GOMAXPROCS(workers + 1)
	}
	p := &Pool{workers: workers}
	p.gone.Add(workers)
	for w := range workers {
		go p.work(w)
	}
	return p
}

// Workers returns the number of workers.
func (p *Pool) Workers() int { return p.workers }

// Run calls f(worker, workers) on every worker and returns when all have returned. If one panics, Run panics with a
// *Panic (of the lowest such worker), after all have stopped; the pool stays usable. f must not call Run.
func (p *Pool) Run(f func(worker, workers int)) {
	if p.closing.Load() {
		panic("pool: Run after Close")
	}
	p.job = f
	p.left.Store(int32(p.workers))
	done := p.finish.now()
	p.start.open()
	p.finish.park(done) // a spinning caller would take a core from the workers
	p.job = nil
	if p.broken.Load() {
		failed := p.failed
		p.failed = nil
		p.arrived.Store(0)
		p.broken.Store(false)
		panic(failed)
	}
}

// Barrier blocks until all workers have called it. Only f of Run may call it, and all workers must, equally often.
func (p *Pool) Barrier() {
	if p.workers == 1 {
		return
	}
	g := p.step.now()
	if p.broken.Load() {
		panic(abandoned{})
	}
	if p.arrived.Add(1) == int32(p.workers) {
		p.arrived.Store(0)
		p.step.open()
		return
	}
	p.step.wait(g)
	if p.broken.Load() {
		panic(abandoned{})
	}
}

// Close stops the workers and waits for them. The pool cannot be used afterwards; a second Close does nothing.
func (p *Pool) Close() {
	if p.closing.Swap(true) {
		return
	}
	p.start.open()
	p.gone.Wait()
}

func (p *Pool) work(w int) {
	runtime.LockOSThread() // never unlocked: the thread's denormal mode ends with it
	defer p.gone.Done()
	asm.FlushDenormals()
	for seen := uint32(0); ; seen++ {
		p.start.wait(seen)
		if p.closing.Load() {
			return
		}
		p.call(w)
		if p.left.Add(-1) == 0 {
			p.finish.open()
		}
	}
}

func (p *Pool) call(w int) {
	defer func() {
		if v := recover(); v != nil {
			p.fail(w, v)
		}
	}()
	p.job(w, p.workers)
}

func (p *Pool) fail(w int, v any) {
	if _, ok := v.(abandoned); !ok {
		buf := make([]byte, 16<<10)
		buf = buf[:runtime.Stack(buf, false)]
		p.mu.Lock()
		if p.failed == nil || w < p.failed.Worker {
			p.failed = &Panic{w, v, buf}
		}
		p.mu.Unlock()
	}
	p.broken.Store(true)
	p.step.open()
}

// spin is how long a waiter polls before it parks.
const spin = 50 * time.Microsecond

// A gate is a generation counter to wait on. Opening it lets all waiters of the present generation pass.
type gate struct {
	_        [64]byte // a cache line of its own
	turn     atomic.Uint32
	sleeping atomic.Int32 // waiters that sleep or are about to
	sleeper
	_ [64]byte
}

func (g *gate) now() uint32 { return g.turn.Load() }

func (g *gate) open() {
	g.turn.Add(1)
	if g.sleeping.Load() != 0 {
		g.wake(&g.turn)
	}
}

// wait returns once the gate's generation is no longer seen: it spins, then parks.
func (g *gate) wait(seen uint32) {
	if !g.poll(seen) {
		g.park(seen)
	}
}

// park is wait without spinning. Either open sees the sleeper, or the sleeper the new generation.
func (g *gate) park(seen uint32) {
	g.sleeping.Add(1)
	for g.turn.Load() == seen {
		g.sleep(&g.turn, seen)
	}
	g.sleeping.Add(-1)
}

// poll watches for a new generation, at first closely, then giving the core away between looks: the workers may
// share their cores with whoever is to open the gate.
func (g *gate) poll(seen uint32) bool {
	for range 100 {
		if g.turn.Load() != seen {
			return true
		}
		asm.Pause()
	}
	for begin := time.Now(); time.Since(begin) < spin; {
		for range 10 {
			if g.turn.Load() != seen {
				return true
			}
			asm.Pause()
		}
		yield()
	}
	return false
}
