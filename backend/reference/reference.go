// Package reference is a device made of the interpreter (ir/eval): slow, exact, and the measure of all other devices. It computes in float64 and rounds every
// result to its element type; 64-bit integers are exact up to 2^53 in magnitude.
package reference

import (
	"fmt"
	"math"
	"sync"

	"modelc/backend"
	"modelc/ir"
	"modelc/ir/eval"
)

// Device returns the reference device.
func Device() backend.Device { return device{} }

type device struct{}

func (device) Name() string        { return "reference" }
func (device) Keep(*ir.Instr) bool { return false }
func (device) Close() error        { return nil }

// Open reserves the states, zeroed.
func (device) Open(states []*ir.State) (backend.Program, error) {
	p := &program{states: map[string]*ir.Ref{}}
	for _, s := range states {
		if p.states[s.Name] != nil {
			return nil, fmt.Errorf("the state %s is there twice", s.Name)
		}
		r := eval.New(s.Type)
		p.states[s.Name] = &r
	}
	return p, nil
}

type program struct {
	mu     sync.Mutex
	states map[string]*ir.Ref
}

// Load verifies the module and binds the states of one entry.
func (p *program) Load(m *ir.Module, entry string) (backend.Call, error) {
	if err := ir.Verify(m); err != nil {
		return nil, err
	}
	e := m.Entry(entry)
	if e == nil {
		return nil, fmt.Errorf("the module %s has no entry %q", m.Name, entry)
	}
	for _, s := range append(append([]*ir.State(nil), e.Read...), e.Write...) {
		if _, err := p.state(s.Name, s.Type); err != nil {
			return nil, err
		}
	}
	return func(in, out []backend.Tensor) error {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.call(m, e, in, out)
	}, nil
}

func (p *program) state(name string, t ir.Type) (*ir.Ref, error) {
	r := p.states[name]
	if r == nil {
		return nil, fmt.Errorf("the program has no state %s", name)
	}
	if r.Type != t {
		return nil, fmt.Errorf("the state %s is %v, not %v", name, r.Type, t)
	}
	return r, nil
}

func (p *program) call(m *ir.Module, e *ir.Entry, in, out []backend.Tensor) error {
	if len(in) != len(e.In) || len(out) != len(e.Out) {
		return fmt.Errorf("%s takes %d inputs and gives %d outputs, got %d and %d", e.Name, len(e.In), len(e.Out), len(in), len(out))
	}
	args := make([]ir.Ref, len(e.Func.Params))
	for i, t := range in {
		if err := fits(t, e.Func.Params[i].Type); err != nil {
			return fmt.Errorf("input %s of %s: %w", e.In[i], e.Name, err)
		}
		args[i] = eval.Decode(t.Type, t.Bytes)
	}
	for i, t := range out {
		if t.Bytes != nil {
			if err := fits(t, e.Func.Results[i].Type); err != nil {
				return fmt.Errorf("output %s of %s: %w", e.Out[i], e.Name, err)
			}
		}
	}
	for i, s := range e.Read {
		args[len(in)+i] = *p.states[s.Name]
	}
	results, err := eval.Func(m, e.Func, args)
	if err != nil {
		return err
	}
	for i, t := range out {
		if t.Bytes != nil {
			eval.Encode(results[i], t.Bytes)
		}
	}
	for i, name := range e.Out {
		if name == "ok" && results[i].Type == ir.Of(ir.Bool) && results[i].Data[0] == 0 {
			return firstNotFinite(m, e.Func, args)
		}
	}
	for i, s := range e.Write {
		*p.states[s.Name] = results[len(out)+i] // results are never changed in place, so sharing one is safe
	}
	return nil
}

func fits(t backend.Tensor, want ir.Type) error {
	if t.Type != want || int64(len(t.Bytes)) != want.Bytes() {
		return fmt.Errorf("want %v, got %v with %d bytes", want, t.Type, len(t.Bytes))
	}
	return nil
}

// firstNotFinite replays a step and returns the first instruction that made a value that is not finite out of finite ones; else the first that made a NaN.
func firstNotFinite(m *ir.Module, f *ir.Func, args []ir.Ref) error {
	var made, other *ir.Instr
	it := eval.Interpreter{Module: m, Watch: func(_ *ir.Func, c *ir.Instr, in, out []ir.Ref) {
		switch {
		case made != nil || len(in) == 0:
		case !every(in, isFinite) || every(out, isFinite):
			if other == nil && every(in, isNumber) && !every(out, isNumber) {
				other = c
			}
		default:
			made = c
		}
	}}
	if _, err := it.Run(f, args); err != nil {
		return err
	}
	if made == nil {
		made = other
	}
	if made == nil {
		return &backend.NotFinite{}
	}
	return &backend.NotFinite{Op: made.Op.Name(), Site: m.Site(made.Pos)}
}

func isNumber(v float64) bool { return !math.IsNaN(v) }
func isFinite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func every(refs []ir.Ref, holds func(float64) bool) bool {
	for _, r := range refs {
		for _, v := range r.Data {
			if !holds(v) {
				return false
			}
		}
	}
	return true
}

// Read copies a state out.
func (p *program) Read(state string, dst backend.Tensor) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	r, err := p.state(state, dst.Type)
	if err != nil {
		return err
	}
	if err := fits(dst, r.Type); err != nil {
		return fmt.Errorf("state %s: %w", state, err)
	}
	eval.Encode(*r, dst.Bytes)
	return nil
}

// Write copies a state in.
func (p *program) Write(state string, src backend.Tensor) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	r, err := p.state(state, src.Type)
	if err != nil {
		return err
	}
	if err := fits(src, r.Type); err != nil {
		return fmt.Errorf("state %s: %w", state, err)
	}
	*r = eval.Decode(src.Type, src.Bytes)
	return nil
}

// Usage counts the states at the size of their types; the interpreter frees each value after its last use, so it has no arena.
func (p *program) Usage() backend.Usage {
	var u backend.Usage
	for _, r := range p.states {
		u.States += r.Type.Bytes()
	}
	return u
}

func (p *program) Close() error { return nil }
