// Package cpu is the backend for the processor.
//
// A program keeps its states and one arena in anonymous memory. Load plans an entry (package plan), turns every step into a task, that is closures with all
// choices made, runs those that depend on no input or state, and a Call only walks the tasks: all workers of a pool walk the same list, each takes its range of a task's units, or those of a worker that is
// late, and a task is over when its units are. Fused kernels run tile by tile on the vector primitives of package asm; products run on its packed GEMM; the other ops have kernels here, a file
// per family.
//
// Units are cut by shape alone and every sum has a fixed order, so results do not depend on the number of workers. A Call allocates nothing.
package cpu

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"modelc/backend"
	"modelc/backend/cpu/pool"
	"modelc/backend/plan"
	"modelc/ir"
)

const maxThreads = 1024

// Options of the device.
type Options struct {
	Threads int // workers; 0: GOMAXPROCS as it is when New is called
}

type device struct {
	threads int
	pool    *pool.Pool
	mu      sync.Mutex // one call at a time
}

// New starts the workers of a CPU device.
func New(o Options) (backend.Device, error) {
	if o.Threads < 0 || o.Threads > maxThreads {
		return nil, fmt.Errorf("cpu: %d threads, want 1 to %d", o.Threads, maxThreads)
	}
	n := o.Threads
	if n == 0 {
		n = min(runtime.GOMAXPROCS(0), maxThreads)
	}
	return &device{threads: n, pool: pool.New(n)}, nil
}

func (d *device) Name() string { return "cpu" }

// Keep reports false: the plan's groups cover the composites.
func (d *device) Keep(*ir.Instr) bool { return false }

func (d *device) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.pool != nil {
		d.pool.Close()
		d.pool = nil
	}
	return nil
}

type program struct {
	device *device
	index  map[string]int
	states []stateSlot
	memory []byte // of the states
	arena  []byte
	extra  int64 // scratch of workers
	calls  []*call
	closed bool
}

type stateSlot struct {
	typ    ir.Type
	offset int64
}

// memoryError says what does not fit.
func memoryError(what string, need int64) error {
	if free := available(); free >= 0 && need > free {
		return &backend.OutOfMemory{What: what, Need: need, Free: free}
	}
	return nil
}

func (d *device) Open(states []*ir.State) (backend.Program, error) {
	p := &program{device: d, index: map[string]int{}}
	var total int64
	for _, s := range states {
		if _, ok := p.index[s.Name]; ok {
			return nil, fmt.Errorf("cpu: two states are named %s", s.Name)
		}
		p.index[s.Name] = len(p.states)
		p.states = append(p.states, stateSlot{s.Type, total})
		total += (s.Type.Bytes() + plan.SpareBytes + plan.SlotBytes - 1) / plan.SlotBytes * plan.SlotBytes
	}
	if err := memoryError("the states", total); err != nil {
		return nil, err
	}
	m, err := allocate(max(total, plan.SlotBytes))
	if err != nil {
		return nil, fmt.Errorf("cpu: memory for the states: %w", err)
	}
	p.memory = m
	return p, nil
}

func (p *program) state(name string, t backend.Tensor) ([]byte, error) {
	if p.closed {
		return nil, errors.New("cpu: the program is closed")
	}
	i, ok := p.index[name]
	if !ok {
		return nil, fmt.Errorf("cpu: there is no state %s", name)
	}
	s := p.states[i]
	if t.Type != s.typ || int64(len(t.Bytes)) != s.typ.Bytes() {
		return nil, fmt.Errorf("cpu: state %s is %v, the tensor is %v with %d bytes", name, s.typ, t.Type, len(t.Bytes))
	}
	return p.memory[s.offset:][:s.typ.Bytes()], nil
}

func (p *program) Read(name string, dst backend.Tensor) error {
	p.device.mu.Lock()
	defer p.device.mu.Unlock()
	b, err := p.state(name, dst)
	copy(dst.Bytes, b)
	return err
}

func (p *program) Write(name string, src backend.Tensor) error {
	p.device.mu.Lock()
	defer p.device.mu.Unlock()
	b, err := p.state(name, src)
	copy(b, src.Bytes)
	return err
}

func (p *program) Usage() backend.Usage {
	var u backend.Usage
	for _, s := range p.states {
		u.States += s.typ.Bytes()
	}
	u.Arena = int64(len(p.arena)) + p.extra
	return u
}

func (p *program) Close() error {
	p.device.mu.Lock()
	defer p.device.mu.Unlock()
	if p.closed {
		return nil
	}
	p.closed = true
	err := release(p.memory)
	if p.arena != nil {
		err = errors.Join(err, release(p.arena))
	}
	p.memory, p.arena, p.calls = nil, nil, nil
	return err
}

// rowBudget is the longest row that is kept whole: 64 KB of f32, so that a handful of rows stays in L2.
const rowBudget = 16 << 10

// Target is what the plans for this device are made for.
func Target() plan.Target { return plan.Target{RowBudget: rowBudget, Operands: 48} }

func (p *program) Load(m *ir.Module, entry string) (backend.Call, error) {
	p.device.mu.Lock()
	defer p.device.mu.Unlock()
	if p.closed {
		return nil, errors.New("cpu: the program is closed")
	}
	e := m.Entry(entry)
	if e == nil {
		return nil, fmt.Errorf("cpu: the module has no entry %s", entry)
	}
	for _, list := range [][]*ir.State{e.Read, e.Write} {
		for _, s := range list {
			i, ok := p.index[s.Name]
			if !ok {
				return nil, fmt.Errorf("cpu: entry %s uses the state %s, which the program does not have", entry, s.Name)
			}
			if p.states[i].typ != s.Type {
				return nil, fmt.Errorf("cpu: state %s is %v, entry %s wants %v", s.Name, p.states[i].typ, entry, s.Type)
			}
		}
	}
	pl, err := plan.New(m, e, p.index, Target())
	if err != nil {
		return nil, err
	}
	c, err := compile(p, m, pl)
	if err != nil {
		return nil, err
	}
	if err := p.reserve(c); err != nil {
		return nil, err
	}
	p.calls = append(p.calls, c)
	p.extra += int64(len(c.kept))
	c.bind()
	if len(c.once) > 0 {
		p.device.pool.Run(func(id, _ int) { c.workers[id].walk(c.once) })
	}
	return c.call, nil
}

// reserve makes the arena as large as the largest entry needs.
func (p *program) reserve(c *call) error {
	if err := memoryError(fmt.Sprintf("the intermediate values of entry %s", c.plan.Entry.Name), max(c.arena-int64(len(p.arena)), 0)+c.scratch*int64(p.device.threads)); err != nil {
		return err
	}
	for i := range c.workers {
		c.workers[i].scratch = make([]byte, c.scratch)
		p.extra += c.scratch
	}
	if c.arena <= int64(len(p.arena)) {
		return nil
	}
	a, err := allocate(c.arena)
	if err != nil {
		return fmt.Errorf("cpu: memory for the intermediate values: %w", err)
	}
	if p.arena != nil {
		if err := release(p.arena); err != nil {
			return err
		}
	}
	p.arena = a
	for _, old := range p.calls {
		old.bind()
	}
	return nil
}

// A call is a loaded entry.
type call struct {
	device  *device
	program *program
	module  *ir.Module
	plan    *plan.Program
	once    []*task // run at load
	kept    []byte  // what they make
	tasks   []*task
	bases   []unsafe.Pointer // by buffer
	workers []*worker
	arena   int64 // bytes, with the tasks' own scratch
	scratch int64 // bytes per worker
	inputs  [][]*plan.Buffer
	failed  atomic.Bool // the guard
	job     func(id, of int)
}

// bind points the buffers at the program's memory.
func (c *call) bind() { c.bindTo(c.program.arena) }

func (c *call) bindTo(arena []byte) {
	for _, b := range c.plan.Buffers {
		switch b.Space {
		case plan.Arena:
			c.bases[b.ID] = unsafe.Pointer(&arena[b.Offset])
		case plan.Kept:
			c.bases[b.ID] = unsafe.Pointer(&c.kept[b.Offset])
		case plan.State:
			c.bases[b.ID] = unsafe.Pointer(&c.program.memory[c.program.states[b.Index].offset])
		case plan.Data:
			if d := c.module.Data[b.Index].Bytes; len(d) > 0 {
				c.bases[b.ID] = unsafe.Pointer(&d[0])
			}
		}
	}
}

func (c *call) call(in, out []backend.Tensor) error {
	c.device.mu.Lock()
	defer c.device.mu.Unlock()
	if c.program.closed {
		return errors.New("cpu: the program is closed")
	}
	e := c.plan.Entry
	if len(in) != len(e.In) || len(out) != len(e.Out) {
		return fmt.Errorf("cpu: entry %s takes %d values and gives %d, got %d and %d", e.Name, len(e.In), len(e.Out), len(in), len(out))
	}
	for i := range in {
		t := e.Func.Params[i].Type
		if in[i].Type != t || int64(len(in[i].Bytes)) != t.Bytes() {
			return fmt.Errorf("cpu: input %s of entry %s is %v, got %v with %d bytes", e.In[i], e.Name, t, in[i].Type, len(in[i].Bytes))
		}
	}
	for i := range out {
		t := c.plan.Out[i].Type
		if out[i].Bytes != nil && (out[i].Type != t || int64(len(out[i].Bytes)) != t.Bytes()) {
			return fmt.Errorf("cpu: output %s of entry %s is %v, got %v with %d bytes", e.Out[i], e.Name, t, out[i].Type, len(out[i].Bytes))
		}
	}
	for i, buffers := range c.inputs {
		for _, b := range buffers {
			if len(in[i].Bytes) > 0 {
				c.bases[b.ID] = unsafe.Pointer(&in[i].Bytes[0])
			}
		}
	}
	c.failed.Store(false)
	c.device.pool.Run(c.job)
	runtime.KeepAlive(in)
	for i := range out {
		if len(out[i].Bytes) > 0 {
			p := &c.plan.Out[i]
			copy(out[i].Bytes, unsafe.Slice((*byte)(unsafe.Add(c.bases[p.Buf.ID], p.Offset*p.Type.DType.Size())), len(out[i].Bytes)))
		}
	}
	if c.failed.Load() {
		return c.notFinite()
	}
	return nil
}

func (c *call) work(id, of int) {
	w := c.workers[id]
	if w.after != nil {
		w.after(nil)
	}
	w.walk(c.tasks)
}
