package ir

import "fmt"

// Call applies its callee to its arguments. A call of a Whole function may be claimed by a backend.
type Call struct{}

// Scan runs its callee Length times:
//
//	body(consts…, carry…, slices of over…) -> (carry…, out…)
//	scan(consts…, carry…, over…)           -> (carry…, outs stacked on a new leading axis…)
//
// Consts, Carry and Over count the arguments of each kind; Reverse runs from the last slice to the first (stacked outs keep their places).
// A body that needs its turn number takes an iota among over.
type Scan struct {
	Length              int64
	Consts, Carry, Over int32
	Reverse             bool
}

func (Call) Name() string { return "call" }
func (Scan) Name() string { return "scan" }

// Infer checks the arguments against the callee's parameters.
func (Call) Infer(c *Instr) ([]Type, error) {
	f := c.Callees[0]
	if len(f.Params) != len(c.Args) {
		return nil, &ShapeError{"call", -1, -1, fmt.Sprintf("%d arguments for @%s", len(f.Params), f.Name), fmt.Sprint(len(c.Args))}
	}
	for i, p := range f.Params {
		if p.Type != c.Args[i].Type {
			return nil, &ShapeError{"call", i, -1, p.Type.String(), c.Args[i].Type.String()}
		}
	}
	return resultTypes(f.Results), nil
}

// Infer checks consts and carries against the parameters of the body, slices against over, and that carries keep their types.
func (s Scan) Infer(c *Instr) ([]Type, error) {
	f := c.Callees[0]
	n := int(s.Consts + s.Carry + s.Over)
	if s.Length < 0 || s.Consts < 0 || s.Carry < 0 || s.Over < 0 || n != len(c.Args) || n != len(f.Params) || len(f.Results) < int(s.Carry) {
		return nil, &ShapeError{"scan", -1, -1, fmt.Sprintf("%d parameters in @%s", n, f.Name), fmt.Sprintf("%d arguments", len(c.Args))}
	}
	for i, a := range c.Args {
		want := f.Params[i].Type
		if i >= int(s.Consts+s.Carry) {
			t, err := stacked(want, s.Length)
			if err != nil {
				return nil, err
			}
			want = t
		}
		if a.Type != want {
			return nil, &ShapeError{"scan", i, -1, want.String(), a.Type.String()}
		}
	}
	out := make([]Type, len(f.Results))
	for i, r := range f.Results {
		out[i] = r.Type
		if i < int(s.Carry) {
			if want := f.Params[int(s.Consts)+i].Type; r.Type != want {
				return nil, &ShapeError{"scan", int(s.Consts) + i, -1, "a carry that keeps " + want.String(), r.Type.String()}
			}
			continue
		}
		t, err := stacked(r.Type, s.Length)
		if err != nil {
			return nil, err
		}
		out[i] = t
	}
	return out, nil
}

func stacked(t Type, n int64) (Type, error) {
	s, err := NewShape(append([]int64{n}, t.Shape.Dims()...)...)
	return Type{t.DType, s}, err
}

func resultTypes(v []*Value) []Type {
	out := make([]Type, len(v))
	for i := range v {
		out[i] = v[i].Type
	}
	return out
}

// The gradients of calls and scans are made by compiler/grad and their values by ir/eval, the only places that follow callees; asking
// the op itself is our bug.

func (Call) Grad(*Builder, *Instr, []*Value) []*Value { panic("ir: call has no gradient of its own") }
func (Scan) Grad(*Builder, *Instr, []*Value) []*Value { panic("ir: scan has no gradient of its own") }
func (Call) Eval(in, out []Ref)                       { panic("ir: call is evaluated by its interpreter") }
func (Scan) Eval(in, out []Ref)                       { panic("ir: scan is evaluated by its interpreter") }

// Form returns Opaque.
func (Call) Form(*Instr) Form { return Form{} }

// Form returns Opaque.
func (Scan) Form(*Instr) Form { return Form{} }

// structural marks the ops that have one callee.
func (Call) structural() {}
func (Scan) structural() {}
