// Package plan turns one entry of a module into a list of steps over one arena.
//
// It goes in five stages. Flatten inlines calls, turns scans into nested regions, and folds views (broadcast, transpose, slice, reverse, most
// reshapes) into strides, so that a view costs nothing; what depends on no input or state is taken out, to run once. Group joins elementwise instructions and reductions into point programs (package kernel). Order
// sorts the groups, and decides which states and carries are overwritten in place. Memory gives each value a place: its state, its slice of a scan's stacked
// results, or a slot of the arena that is free while the value lives. What is left prints as text, one line per step.
//
// The plan knows no processor: a Target says how long a row may be for several folds of it to be fused.
package plan

import (
	"fmt"
	"math"

	"modelc/backend/kernel"
	"modelc/ir"
)

// Target is what a backend tells the plan about itself.
type Target struct {
	// RowBudget is the number of elements up to which a row stays near the processor, so that a fold and what is computed from it share a kernel.
	RowBudget int64
	// Operands bounds the operands of one kernel.
	Operands int
	// Single leaves every instruction in a kernel of its own, for a replay.
	Single bool
}

// Space says whose memory a buffer is.
type Space uint8

const (
	Arena Space = iota
	Input       // Index: the entry's input
	State       // Index: the program's state
	Data        // Index: the module's constant
	Count       // no memory: element i is i
	Kept        // made by the steps that run once
)

// Buffer is a stretch of memory.
type Buffer struct {
	ID     int
	Space  Space
	Index  int
	Bytes  int64
	Offset int64 // in the arena, or in the memory of what is kept

	region      *region // where it lives; nil: the entry
	first, last int
	merged      *Buffer // shares the memory of that buffer
}

// Home returns the buffer whose memory b shares, or b.
func (b *Buffer) Home() *Buffer {
	for b.merged != nil {
		b = b.merged
	}
	return b
}

// Place is where element 0 of an operand lies: Offset elements into Buf, plus Turn[d] for each turn of the scan at depth d that encloses the step.
type Place struct {
	Buf    *Buffer
	Offset int64
	Turn   []int64
}

// Operand is a strided tensor in memory. Strides count elements.
type Operand struct {
	Place
	Type   ir.Type
	Stride []int64
}

// Dense reports whether the operand is row-major without gaps.
func (o *Operand) Dense() bool { return isDense(o.Type.Shape.Dims(), o.Stride) }

// Step is one thing to do. Exactly one of Kernel, Instr, Scan and Check is set.
type Step struct {
	Kernel *kernel.Func // In then Out are its operands, in the order of Kernel.Args
	Instr  *ir.Instr    // an op with a kernel of its own
	Scan   *Scan
	Check  bool // stop here when the guard In[0] is false

	// After says that a kernel works point by point on what the product before it makes, so that it may take each part of that as soon as it is finished.
	// Memory is laid out for both at once.
	After bool

	In, Out []Operand
	Pos     ir.Pos
	// Finite lists for a kernel the instructions whose results it computes, for the report of a value that is not finite.
	Made []*ir.Instr
}

// Infinite reports whether a kernel reads an infinite constant.
func (s *Step) Infinite() bool {
	if s.Kernel == nil {
		return false
	}
	for _, n := range s.Kernel.Body {
		if n.Kind == kernel.Number && (math.IsInf(n.Value, 0) || math.IsNaN(n.Value)) {
			return true
		}
	}
	return false
}

// Scan repeats steps.
type Scan struct {
	Length  int64
	Depth   int
	Reverse bool
	Body    []*Step
}

// Program is a planned entry.
type Program struct {
	Entry   *ir.Entry
	Once    []*Step // run when the entry is loaded, before all calls
	Steps   []*Step
	Buffers []*Buffer
	Out     []Operand // the entry's outputs, dense
	Arena   int64     // bytes
	Kept    int64     // bytes
	Depth   int       // deepest nesting of scans
}

// SlotBytes is the alignment of arena slots; SpareBytes lie behind each.
const (
	SlotBytes  = 64
	SpareBytes = 64
)

// New plans an entry. states maps a state to its index in the program.
func New(m *ir.Module, e *ir.Entry, states map[string]int, t Target) (*Program, error) {
	f := &flattener{module: m, states: states, hoists: !t.Single}
	top, err := f.entry(e)
	if err != nil {
		return nil, err
	}
	g := &grouper{target: t}
	o := &orderer{flattener: f}
	p := &Program{Entry: e}
	if f.once != nil {
		if err := g.region(f.once); err != nil {
			return nil, err
		}
	}
	if err := g.region(top); err != nil {
		return nil, err
	}
	if f.once != nil {
		p.Once = o.region(f.once)
	}
	p.Steps = o.region(top)
	for i, name := range e.Out {
		v := f.outs[i]
		if v.root.place == nil {
			return nil, fmt.Errorf("plan: output %s has no place", name)
		}
		p.Out = append(p.Out, v.operand())
	}
	p.Depth = f.depth
	if !t.Single {
		follow(p.Steps)
	}
	p.layout(f.buffers)
	return p, nil
}

func isDense(dims, stride []int64) bool {
	n := int64(1)
	for i := len(dims) - 1; i >= 0; i-- {
		if dims[i] != 1 && stride[i] != n {
			return false
		}
		n *= dims[i]
	}
	return true
}

func denseStrides(dims []int64) []int64 {
	s := make([]int64, len(dims))
	n := int64(1)
	for i := len(dims) - 1; i >= 0; i-- {
		s[i] = n
		n *= dims[i]
	}
	return s
}
