package cpu

import (
	"unsafe"

	"modelc/backend/cpu/asm"
	"modelc/backend/plan"
)

// A location is where an operand starts: bytes into a buffer, plus bytes for each turn of the enclosing scans.
type location struct {
	buf  int
	off  int64
	turn []int64
}

func locate(p *plan.Place, size int64) location {
	l := location{buf: p.Buf.ID, off: p.Offset * size}
	for _, t := range p.Turn {
		l.turn = append(l.turn, t*size)
	}
	return l
}

// A worker is what one thread knows while it walks through the steps.
type worker struct {
	id, of  int
	run     *call
	turn    []int64
	scratch []byte // registers of kernels, packed panels
	tile    tile
	gemm    asm.GemmArgs
	phase   *phase
	after   func(t *task) // of a profile: told when a task is done, and with nil when a call begins
}

// bytes returns how far into its buffer a location lies now.
func (w *worker) bytes(l *location) int64 {
	at := l.off
	for d, t := range l.turn {
		at += t * w.turn[d]
	}
	return at
}

func (w *worker) at(l *location) unsafe.Pointer {
	return unsafe.Add(w.run.bases[l.buf], w.bytes(l))
}

func floats(p unsafe.Pointer, n int) []float32 {
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*float32)(p), n)
}

func view[T any](p unsafe.Pointer, n int64) []T {
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*T)(p), n)
}

// A phase is work in units that may run in any order and on any worker. Between phases there is a barrier.
type phase struct {
	units int
	whole bool // too little work to share: one worker does it
	do    func(w *worker, from, to int)
}

// A task is a step that is ready to run: phases, or a scan, or the guard.
type task struct {
	step   *plan.Step
	phases []phase
	body   []*task
	check  *location
	taken  bool // the step after it is done with it
}

// walk runs the tasks; every worker walks the same list. It stops where the guard fails.
func (w *worker) walk(tasks []*task) {
	for _, t := range tasks {
		switch {
		case t.check != nil:
			// A worker that is late must not look for itself: the guard's memory may be in other use.
			w.share(&t.phases[0])
			if w.run.failed.Load() {
				return
			}
		case t.step.Scan != nil:
			s := t.step.Scan
			for i := range s.Length {
				w.turn[s.Depth] = i
				if s.Reverse {
					w.turn[s.Depth] = s.Length - 1 - i
				}
				w.walk(t.body)
			}
			w.turn[s.Depth] = 0
		default:
			for i := range t.phases {
				w.share(&t.phases[i])
			}
			if w.after != nil {
				w.after(t)
			}
		}
	}
}

func (w *worker) share(p *phase) {
	w.phase = p
	w.run.device.pool.Share(w.id, p.units, p.whole, w)
}

// Do does units of the present phase.
func (w *worker) Do(from, to int) { w.phase.do(w, from, to) }
