// Package pool runs one function on several workers at once (single program, multiple data).
//
// Workers are goroutines locked to their own OS threads, which flush denormal floats and live as long as the pool. Between
// calls a worker spins for about 50 µs and then parks, so that a training loop pays a fraction of a microsecond per call and
// an idle process pays nothing. Nothing allocates after New.
//
// The function goes through a list of phases, the same on every worker, with Share. A phase is units of work, of which each worker has a fixed range, and it is
// over when all its units are done, not when all workers have come by: the range of a worker whose thread has lost its core to another program is taken by
// those that run. So a busy machine costs what it takes away and hardly more, where a barrier would wait for the slowest thread at every phase.
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
	start   gate          // opened by Run, awaited by workers
	finish  gate          // opened by the last worker, awaited by Run
	step    gate          // opened when a phase is over
	entry   atomic.Uint64 // turn of start << 32 | open | workers inside
	broken  atomic.Bool   // a worker panicked: no one waits any more
	closing atomic.Bool

	crowded atomic.Int32 // phases for which workers take their ranges piece by piece, since lately one was late
	done    word         // units of the present phase
	claimed []word       // by worker: units of its range that are handed out
	phase   []word       // by worker: the number of its last phase; only the worker uses it

	mu     sync.Mutex
	failed *Panic
	gone   sync.WaitGroup
}

// open in Pool.entry: workers may still come in.
const open = 1 << 31

// A word counts units of a phase: number of the phase << 32 | count. Older numbers mean that nothing has happened yet in the present phase.
type word struct {
	_ [56]byte
	atomic.Uint64
	_ [64]byte
}

// A Doer does units of a phase.
type Doer interface {
	Do(from, to int)
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

// abandoned unwinds a worker that waits for a unit that a panicked worker has.
type abandoned struct{}

// New starts workers. It raises GOMAXPROCS to workers + 1 where it is lower.
func New(workers int) *Pool {
	if workers < 1 {
		panic("pool: needs a worker")
	}
	if runtime.GOMAXPROCS(0) < workers+1 {
		runtime.GOMAXPROCS(workers + 1)
	}
	p := &Pool{workers: workers, claimed: make([]word, workers), phase: make([]word, workers)}
	p.gone.Add(workers)
	for w := range workers {
		go p.work(w)
	}
	return p
}

// Workers returns the number of workers.
func (p *Pool) Workers() int { return p.workers }

// Run calls f(worker, workers) on workers as they come and returns when all that came have returned. What is to be done once or by all belongs into phases (Share):
// a worker that comes when another has returned is left out. If one panics, Run panics with a *Panic (of the lowest such worker), after all have stopped; the
// pool stays usable. f must not call Run.
func (p *Pool) Run(f func(worker, workers int)) {
	if p.closing.Load() {
		panic("pool: Run after Close")
	}
	p.job = f
	p.done.Store(0)
	for i := range p.claimed {
		p.claimed[i].Store(0)
		p.phase[i].Store(0)
	}
	done := p.finish.now()
	p.entry.Store(uint64(p.start.now()+1)<<32 | open)
	p.start.open()
	p.finish.park(done) // a spinning caller would take a core from the workers
	p.job = nil
	if p.broken.Load() {
		failed := p.failed
		p.failed = nil
		p.broken.Store(false)
		panic(failed)
	}
}

// Share does the next phase together with the other workers: d.Do on parts of [0, units), each unit once, by any worker; whole: all units at once. It returns when
// all are done. Only f of Run may call it; all workers must call it with the same phases in the same order.
func (p *Pool) Share(worker, units int, whole bool, d Doer) {
	if p.broken.Load() {
		panic(abandoned{})
	}
	if units == 0 {
		return
	}
	if p.workers == 1 {
		d.Do(0, units)
		return
	}
	number := p.phase[worker].Load() + 1
	p.phase[worker].Store(number)
	pieces := 1
	if n := p.crowded.Load(); n > 0 {
		pieces = 4
		p.crowded.Store(n - 1)
	}
	for p.take(worker, number, units, whole, pieces, d) {
	}
	for range patience {
		if p.over(number, units) {
			return
		}
		asm.Pause()
	}
	for other := range p.workers {
		for other != worker && p.take(other, number, units, whole, 2, d) {
			p.crowded.Store(1 << 10)
		}
	}
	for {
		seen := p.step.now()
		if p.over(number, units) {
			return
		}
		p.step.wait(seen, false)
		if p.broken.Load() {
			panic(abandoned{})
		}
	}
}

// patience is how often a worker that is done with its own units looks for the end of the phase before it takes those of others.
const patience = 60

// take does a part of a worker's range, of which pieces are made; it reports false if nothing of the range is left.
func (p *Pool) take(owner int, number uint64, units int, whole bool, pieces int, d Doer) bool {
	lo, hi := units*owner/p.workers, units*(owner+1)/p.workers
	if whole {
		lo, hi, pieces = 0, units, 1
		if owner != 0 {
			return false
		}
	}
	w := &p.claimed[owner]
	for {
		old := w.Load()
		next := 0
		switch {
		case old>>32 > number:
			return false
		case old>>32 == number:
			next = int(uint32(old))
		}
		n := hi - lo - next
		if n == 0 {
			return false
		}
		if pieces > 1 {
			n = min(n, (hi-lo+pieces-1)/pieces)
		}
		if !w.CompareAndSwap(old, number<<32|uint64(next+n)) {
			continue
		}
		d.Do(lo+next, lo+next+n)
		p.finished(number, n, units)
		return true
	}
}

func (p *Pool) finished(number uint64, n, units int) {
	for {
		old := p.done.Load()
		now := number<<32 | uint64(n)
		if old>>32 == number {
			now = old + uint64(n)
		}
		if p.done.CompareAndSwap(old, now) {
			if int(uint32(now)) == units {
				p.step.open()
			}
			return
		}
	}
}

func (p *Pool) over(number uint64, units int) bool {
	v := p.done.Load()
	return v>>32 > number || v>>32 == number && int(uint32(v)) == units
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
	for seen := uint32(0); ; {
		p.start.wait(seen, true)
		if p.closing.Load() {
			return
		}
		var inside bool
		if seen, inside = p.enter(); inside {
			p.call(w)
			p.leave()
		}
	}
}

// enter counts the worker in if the job is still open; turn is the job's.
func (p *Pool) enter() (turn uint32, inside bool) {
	for {
		e := p.entry.Load()
		if e&open == 0 {
			return uint32(e >> 32), false
		}
		if p.entry.CompareAndSwap(e, e+1) {
			return uint32(e >> 32), true
		}
	}
}

// leave closes the job, which is done if one worker is, and counts the worker out.
func (p *Pool) leave() {
	for {
		e := p.entry.Load()
		left := e&^open - 1
		if !p.entry.CompareAndSwap(e, left) {
			continue
		}
		if uint32(left) == 0 {
			p.finish.open()
		}
		return
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

// wait returns once the gate's generation is no longer seen: it spins, then parks. polite: the core goes to other threads between looks.
func (g *gate) wait(seen uint32, polite bool) {
	if !g.poll(seen, polite) {
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

// poll watches for a new generation. Between calls it is polite, since the workers may share their cores with whoever is to make the next call; within one it
// is not: a program that gives its core away while another wants it gets it back after milliseconds.
func (g *gate) poll(seen uint32, polite bool) bool {
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
		if polite {
			yield()
		}
	}
	return false
}
