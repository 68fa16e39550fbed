package cpu

import (
	"fmt"
	"unsafe"

	"modelc/backend/plan"
	"modelc/ir"
	"modelc/ir/ops"
)

// compiler turns the steps of a plan into tasks.
type compiler struct {
	module  *ir.Module
	plan    *plan.Program
	call    *call
	shared  int        // the number of the buffer that tasks use as scratch between their phases
	extra   int64      // its bytes
	stage   int64      // bytes of it that the present step's converted operands take
	scratch int64      // bytes of each worker
	after   *plan.Step // a kernel that may work on the parts of the present product
	taken   bool       // it does
	nodes   int
	args    int
}

func compile(p *program, m *ir.Module, pl *plan.Program) (*call, error) {
	b := &compiler{module: m, plan: pl}
	for _, x := range pl.Buffers {
		b.shared = max(b.shared, x.ID+1)
	}
	c := &call{device: p.device, program: p, module: m, plan: pl}
	b.call = c
	var err error
	if c.once, err = b.tasks(pl.Once); err != nil {
		return nil, err
	}
	tasks, err := b.tasks(pl.Steps)
	if err != nil {
		return nil, err
	}
	c.tasks = tasks
	// Tasks do not overlap, so one stretch behind the plan's arena serves all.
	scratch := &plan.Buffer{ID: b.shared, Offset: pl.Arena, Bytes: b.extra}
	pl.Buffers = append(pl.Buffers, scratch)
	c.arena = pl.Arena + b.extra + plan.SlotBytes
	c.scratch = b.scratch + 64
	c.kept = make([]byte, pl.Kept)
	c.bases = make([]unsafe.Pointer, b.shared+1)
	c.inputs = make([][]*plan.Buffer, len(pl.Entry.In))
	for _, x := range pl.Buffers {
		if x.Space == plan.Input {
			c.inputs[x.Index] = append(c.inputs[x.Index], x)
		}
	}
	for i := range p.device.threads {
		w := &worker{id: i, of: p.device.threads, run: c, turn: make([]int64, pl.Depth)}
		w.tile.f = make([][]float32, b.nodes)
		w.tile.d = make([][]float64, b.nodes)
		w.tile.i = make([][]int64, b.nodes)
		w.tile.held = make([]unsafe.Pointer, b.nodes)
		w.tile.arg = make([]unsafe.Pointer, b.args)
		w.tile.count = make([]int64, b.args)
		c.workers = append(c.workers, w)
	}
	c.job = c.work
	return c, nil
}

// need notes what a task wants of each worker.
func (b *compiler) need(scratch int64, nodes, args int) {
	b.scratch = max(b.scratch, scratch)
	b.nodes = max(b.nodes, nodes)
	b.args = max(b.args, args)
}

// partials returns scratch that all workers see.
func (b *compiler) partials(bytes int64) location {
	b.extra = max(b.extra, bytes)
	return location{buf: b.shared}
}

func (b *compiler) tasks(steps []*plan.Step) ([]*task, error) {
	var out []*task
	for i, s := range steps {
		b.after = nil
		if i+1 < len(steps) && steps[i+1].After {
			b.after = steps[i+1]
		}
		if s.After && out[i-1].taken {
			out = append(out, &task{step: s})
			continue
		}
		t, err := b.task(s)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

func (b *compiler) task(s *plan.Step) (*task, error) {
	switch {
	case s.Check:
		at := locate(&s.In[0].Place, 1)
		look := func(w *worker, _, _ int) {
			if *(*byte)(w.at(&at)) == 0 {
				w.run.failed.Store(true)
			}
		}
		return &task{step: s, check: &at, phases: []phase{{1, true, look}}}, nil
	case s.Scan != nil:
		body, err := b.tasks(s.Scan.Body)
		return &task{step: s, body: body}, err
	case s.Kernel != nil:
		t, err := b.compileKernel(s)
		if err != nil {
			return nil, b.at(s, err)
		}
		return t, nil
	}
	phases, err := b.instr(s)
	if err != nil {
		return nil, b.at(s, err)
	}
	t := &task{step: s, phases: phases, taken: b.taken}
	b.taken = false
	return t, nil
}

// at adds the place in the source.
func (b *compiler) at(s *plan.Step, err error) error {
	if p := b.module.Site(s.Pos); p.File != "" {
		return fmt.Errorf("%s:%d:%d: %w", p.File, p.Line, p.Col, err)
	}
	return err
}

// instr chooses the kernel of an op that has one of its own.
func (b *compiler) instr(s *plan.Step) ([]phase, error) {
	switch o := s.Instr.Op.(type) {
	case ops.Dot:
		return b.dot(s, o)
	case ops.Conv:
		return b.conv(s, o)
	case ops.Pad:
		return b.pad(s, o)
	case ops.Concat:
		return b.concat(s, o)
	case ops.DynamicSlice:
		return b.dynamicSlice(s)
	case ops.DynamicUpdate:
		return b.dynamicUpdate(s)
	case ops.Gather:
		return b.gather(s, o)
	case ops.Scatter:
		return b.scatter(s, o)
	case ops.ArgReduce:
		return b.argReduce(s, o)
	case ops.Sort:
		return b.sort(s, o.Axis, s.In[0].Type.Shape.Dim(int(o.Axis)), o.Descending)
	case ops.TopK:
		return b.sort(s, o.Axis, o.K, true)
	case ops.Cumulative:
		return b.cumulative(s, o)
	case ops.Window:
		return b.window(s, o)
	case ops.PoolMax:
		return b.poolMax(s, o)
	case ops.Key, ops.Fold, ops.FoldConst:
		return b.key(s)
	case ops.Bits, ops.Uniform, ops.Normal, ops.RandomInt:
		return b.random(s)
	case ops.QR:
		return b.qr(s)
	}
	return nil, fmt.Errorf("cpu: no kernel for op %s", s.Instr.Op.Name())
}

// number is the element types that kernels compute with directly; f16 and bf16 are staged as f32.
type number interface {
	uint8 | int8 | int32 | uint32 | int64 | uint64 | float32 | float64
}

// staged gives an op operands without half-precision types: those are converted to f32 scratch before, and the results from it after.
func (b *compiler) staged(s *plan.Step, make func(in, out []location, typ ir.DType) ([]phase, error)) ([]phase, error) {
	half := func(d ir.DType) bool { return d == ir.F16 || d == ir.BF16 }
	var in, out []location
	var before, after []phase
	var bytes int64
	typ := s.In[0].Type.DType
	convert := func(list []operand, to *[]location, back bool) {
		for i := range list {
			o := list[i]
			at := locate(&o.Place, o.Type.DType.Size())
			if half(o.Type.DType) {
				n := o.Type.Shape.Size()
				stage := location{buf: b.shared, off: bytes}
				bytes += (n*4 + 63) &^ 63
				d, mem := o.Type.DType, at
				p := phase{units: 1, whole: true, do: func(w *worker, _, _ int) {
					if back {
						storeRun(w.at(&mem), 1, d, w.at(&stage), n)
					} else {
						load32(view[float32](w.at(&stage), n), w.at(&mem), 1, d)
					}
				}}
				if back {
					after = append(after, p)
				} else {
					before = append(before, p)
				}
				at = stage
			}
			*to = append(*to, at)
		}
	}
	convert(s.In, &in, false)
	convert(s.Out, &out, true)
	if half(typ) {
		typ = ir.F32
	}
	b.partials(bytes)
	b.stage = bytes
	p, err := make(in, out, typ)
	return append(append(before, p...), after...), err
}

type operand = plan.Operand

// small reports whether an amount of work, in simple operations, is not worth sharing.
func small(work int64) bool { return work < 20000 }

// split returns the sizes before, at, and after an axis.
func split(t ir.Type, axis int64) (pre, n, post int64) {
	pre, post = 1, 1
	for i, d := range t.Shape.Dims() {
		switch {
		case int64(i) < axis:
			pre *= d
		case int64(i) == axis:
			n = d
		default:
			post *= d
		}
	}
	return pre, n, post
}

func locations(list []operand) []location {
	var out []location
	for i := range list {
		out = append(out, locate(&list[i].Place, list[i].Type.DType.Size()))
	}
	return out
}
