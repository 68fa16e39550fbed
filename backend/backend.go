// Package backend is the cut between the compiler and a machine.
//
// A device takes whole programs and owns all memory; the host sees states by name only. Kernel choice and the memory plan are made once, in Load, never
// per call: a training step allocates nothing. What a device has no kernel for is an error of Load that names the op and its source line; there is
// no silent fallback.
package backend

import (
	"fmt"

	"modelc/ir"
)

// Device is a machine that runs programs.
type Device interface {
	Name() string
	// Keep reports whether the device claims a call of a Whole function: runs it as one kernel instead of its body.
	Keep(*ir.Instr) bool
	// Open reserves the states of a program, zeroed. States outlive the modules that are loaded into the program.
	Open([]*ir.State) (Program, error)
	Close() error
}

// Program is a set of states and the modules that work on them.
type Program interface {
	// Load compiles one entry of a module for the device. Modules loaded into one program share its states (by name and type) and its scratch memory.
	Load(m *ir.Module, entry string) (Call, error)
	Read(state string, dst Tensor) error
	Write(state string, src Tensor) error
	Usage() Usage
	Close() error
}

// Call runs an entry: in in the order of Entry.In, out in the order of Entry.Out. A nil Bytes in out: not wanted. When the step's guard fails no state has
// changed and the error is a *NotFinite.
type Call func(in, out []Tensor) error

// Tensor is a dense little-endian row-major value in host memory.
type Tensor struct {
	Type  ir.Type
	Bytes []byte
}

// Usage is what a program takes, in bytes.
type Usage struct {
	States int64 // all states
	Arena  int64 // scratch of the largest loaded entry
	Packed int64 // copies of weights in a kernel's layout
}

// NotFinite reports that a guarded entry (one with an output named "ok") found its guard false: nothing was written.
type NotFinite struct {
	Op   string  // the first instruction with a result that is not finite
	Site ir.Site // its place
}

func (e *NotFinite) Error() string {
	if e.Op == "" {
		return "the loss or a gradient is not finite"
	}
	return fmt.Sprintf("%s gives a value that is not finite (%s:%d:%d)", e.Op, e.Site.File, e.Site.Line, e.Site.Col)
}

// OutOfMemory reports that a device has less memory left than was asked of it. It is returned before anything is reserved.
type OutOfMemory struct {
	What       string // "the states", "the step"
	Need, Free int64  // bytes
}

func (e *OutOfMemory) Error() string {
	return fmt.Sprintf("%s need %s, the machine has %s left", e.What, memory(e.Need), memory(e.Free))
}

func memory(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
}
