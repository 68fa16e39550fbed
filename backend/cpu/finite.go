package cpu

import (
	"math"
	"unsafe"

	"modelc/backend"
	"modelc/backend/plan"
	"modelc/ir"
)

// notFinite runs the entry again, instruction by instruction, up to its guard, and names the first instruction that makes a value that is not finite out of
// finite ones; failing that, the first whose result is not finite.
func (c *call) notFinite() error {
	t := Target()
	t.Single = true
	failure := &backend.NotFinite{}
	pl, err := plan.New(c.module, c.plan.Entry, c.program.index, t)
	if err != nil {
		return failure
	}
	slow, err := compile(c.program, c.module, pl)
	if err != nil || memoryError("the replay", slow.arena+slow.scratch) != nil {
		return failure
	}
	arena, err := allocate(slow.arena)
	if err != nil {
		return failure
	}
	defer release(arena)
	slow.bindTo(arena)
	for i, buffers := range slow.inputs {
		for _, b := range buffers {
			slow.bases[b.ID] = c.bases[c.inputs[i][0].ID]
		}
	}
	for _, w := range slow.workers {
		w.scratch = make([]byte, slow.scratch)
	}
	r := &replay{call: slow}
	slow.device.pool.Run(func(id, _ int) {
		w := slow.workers[id]
		w.share(&phase{1, true, func(w *worker, _, _ int) { r.walk(w, slow.tasks) }})
	})
	at := r.origin
	if at == nil {
		at = r.first
	}
	if at != nil {
		failure.Op, failure.Site = at.Op.Name(), c.module.Site(at.Pos)
	}
	return failure
}

type replay struct {
	call          *call
	origin, first *ir.Instr
}

// walk is the workers' walk with a look at every result; one worker does all work. It reports false to stop.
func (r *replay) walk(w *worker, tasks []*task) bool {
	for _, t := range tasks {
		switch {
		case t.check != nil:
			return false
		case t.step.Scan != nil:
			s := t.step.Scan
			for i := range s.Length {
				w.turn[s.Depth] = i
				if s.Reverse {
					w.turn[s.Depth] = s.Length - 1 - i
				}
				if !r.walk(w, t.body) {
					return false
				}
			}
			w.turn[s.Depth] = 0
			continue
		}
		sound := r.finite(w, t.step.In)
		for i := range t.phases {
			t.phases[i].do(w, 0, t.phases[i].units)
		}
		if len(t.step.Made) == 0 || r.finite(w, t.step.Out) {
			continue
		}
		at := t.step.Made[len(t.step.Made)-1]
		if sound && !t.step.Infinite() {
			r.origin = at
			return false
		}
		if r.first == nil {
			r.first = at
		}
	}
	return true
}

func (r *replay) finite(w *worker, list []plan.Operand) bool {
	for i := range list {
		o := &list[i]
		if !o.Type.DType.IsFloat() || o.Type.Shape.Size() == 0 {
			continue
		}
		l := locate(&o.Place, o.Type.DType.Size())
		p := w.at(&l)
		dims, stride := o.Type.Shape.Dims(), o.Stride
		if len(dims) == 0 {
			dims, stride = []int64{1}, []int64{0}
		}
		ok := true
		last := len(dims) - 1
		var x [1]float32
		var y [1]float64
		walkRuns(dims, stride, func(_ int, off int64) {
			for j := range dims[last] {
				q := unsafe.Add(p, (off+j*stride[last])*o.Type.DType.Size())
				if o.Type.DType == ir.F64 {
					load64(y[:], q, 1, ir.F64)
				} else {
					load32(x[:], q, 1, o.Type.DType)
					y[0] = float64(x[0])
				}
				ok = ok && !math.IsNaN(y[0]) && !math.IsInf(y[0], 0)
			}
		})
		if !ok {
			return false
		}
	}
	return true
}
