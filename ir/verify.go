package ir

import (
	"fmt"
	"reflect"
)

// DataOp is an op that refers to a large constant of its module.
type DataOp interface {
	Op
	DataIndex() (int32, Type)
}

// Verify checks every invariant of a module that passes and backends rely on:
//
//   - functions, states and entries have names of their own; callees stand before their callers in Funcs, so nothing is recursive;
//   - functions are closed and in SSA form: an argument is a parameter or an earlier result of the same function, each value is defined once, IDs are unique;
//   - the result types are those that the op infers, and every op has the callees it needs;
//   - large constants have the length of their type, and references to them its type;
//   - an entry names all of its function's parameters and results, with the states' types, and reads or writes a state at most once.
//
// The error names the function and the instruction.
func Verify(m *Module) error {
	for i, s := range m.Sites {
		if s.Up < 0 || s.Up != 0 && int(s.Up) >= i {
			return fmt.Errorf("site %d is called from %d, which is not an earlier one", i, s.Up)
		}
	}
	for i, d := range m.Data {
		if d.Type.DType == Invalid || int64(len(d.Bytes)) != d.Type.Bytes() {
			return fmt.Errorf("data %d has %d bytes, its type %v takes %d", i, len(d.Bytes), d.Type, d.Type.Bytes())
		}
	}
	states := map[string]*State{}
	for _, s := range m.State {
		switch {
		case s.Name == "" || states[s.Name] != nil:
			return fmt.Errorf("state %q: the name is empty or taken", s.Name)
		case s.Type.DType == Invalid || int(s.Type.DType) >= len(dtypes):
			return fmt.Errorf("state %s has no type", s.Name)
		case int(s.Role) >= len(roles):
			return fmt.Errorf("state %s has no role", s.Name)
		case s.Parts != nil && !stackedParts(s):
			return fmt.Errorf("state %s of type %v has %d parts", s.Name, s.Type, len(s.Parts))
		}
		states[s.Name] = s
	}
	known := make(map[*Func]bool, len(m.Funcs))
	names := make(map[string]bool, len(m.Funcs))
	for _, f := range m.Funcs {
		if f.Name == "" || names[f.Name] {
			return fmt.Errorf("function %q: the name is empty or taken", f.Name)
		}
		if err := verifyFunc(f, m, known); err != nil {
			return fmt.Errorf("@%s: %w", f.Name, err)
		}
		known[f], names[f.Name] = true, true
	}
	entries := map[string]bool{}
	for _, e := range m.Entries {
		if e.Name == "" || entries[e.Name] {
			return fmt.Errorf("entry %q: the name is empty or taken", e.Name)
		}
		entries[e.Name] = true
		if err := verifyEntry(e, states, known); err != nil {
			return fmt.Errorf("entry %s: %w", e.Name, err)
		}
	}
	return nil
}

// stackedParts reports whether the number of parts is the product of some leading axes.
func stackedParts(s *State) bool {
	n := int64(1)
	for _, d := range s.Type.Shape.Dims() {
		if n *= d; n == int64(len(s.Parts)) {
			return true
		}
	}
	return false
}

// VerifyFunc checks one function by itself; references to constants, sites and other functions are not followed.
func VerifyFunc(f *Func) error {
	if err := verifyFunc(f, nil, nil); err != nil {
		return fmt.Errorf("@%s: %w", f.Name, err)
	}
	return nil
}

func verifyFunc(f *Func, m *Module, known map[*Func]bool) error {
	defined := make(map[*Value]bool, len(f.Params)+len(f.Body))
	ids := make(map[int32]bool, len(f.Params)+len(f.Body))
	define := func(v *Value, def *Instr, index int) error {
		switch {
		case v == nil:
			return fmt.Errorf("value %d is missing", index)
		case defined[v]:
			return fmt.Errorf("%%%d is defined twice", v.ID)
		case ids[v.ID]:
			return fmt.Errorf("the number %%%d is used twice", v.ID)
		case v.Def != def || int(v.Index) != index:
			return fmt.Errorf("%%%d does not know where it is defined", v.ID)
		case v.Type.DType == Invalid || int(v.Type.DType) >= len(dtypes):
			return fmt.Errorf("%%%d has no type", v.ID)
		}
		defined[v], ids[v.ID] = true, true
		return nil
	}
	for i, p := range f.Params {
		if err := define(p, nil, i); err != nil {
			return fmt.Errorf("parameter %d: %w", i, err)
		}
	}
	seen := make(map[*Instr]bool, len(f.Body))
	for n, c := range f.Body {
		if c == nil || c.Op == nil || seen[c] {
			return fmt.Errorf("instruction %d is missing or there twice", n)
		}
		seen[c] = true
		if err := verifyInstr(c, m, known, defined); err != nil {
			return fmt.Errorf("instruction %d, %s: %w", n, c.Op.Name(), err)
		}
		for i, r := range c.Results {
			if err := define(r, c, i); err != nil {
				return fmt.Errorf("instruction %d, %s: result %d: %w", n, c.Op.Name(), i, err)
			}
		}
	}
	for i, r := range f.Results {
		if !defined[r] {
			return fmt.Errorf("result %d is not defined in the function", i)
		}
	}
	return nil
}

func verifyInstr(c *Instr, m *Module, known map[*Func]bool, defined map[*Value]bool) error {
	if !reflect.TypeOf(c.Op).Comparable() {
		return fmt.Errorf("the op is not comparable")
	}
	for i, a := range c.Args {
		if !defined[a] {
			return fmt.Errorf("argument %d is not defined before", i)
		}
	}
	callees := 0
	if _, ok := c.Op.(interface{ structural() }); ok {
		callees = 1
	}
	if len(c.Callees) != callees {
		return fmt.Errorf("%d callees, want %d", len(c.Callees), callees)
	}
	for _, f := range c.Callees {
		if f == nil || m != nil && !known[f] {
			return fmt.Errorf("the callee is not an earlier function of the module")
		}
	}
	types, err := c.Op.Infer(c)
	if err != nil {
		return err
	}
	if len(types) != len(c.Results) {
		return fmt.Errorf("%d results, want %d", len(c.Results), len(types))
	}
	for i, t := range types {
		if c.Results[i] == nil || c.Results[i].Type != t {
			return fmt.Errorf("result %d is not of the type %v that the op infers", i, t)
		}
	}
	if m == nil {
		return nil
	}
	if c.Pos < 0 || c.Pos != 0 && int(c.Pos) >= len(m.Sites) {
		return fmt.Errorf("the place %d is not in the module", c.Pos)
	}
	if d, ok := c.Op.(DataOp); ok {
		i, t := d.DataIndex()
		if i < 0 || int(i) >= len(m.Data) || m.Data[i].Type != t {
			return fmt.Errorf("data %d of type %v is not in the module", i, t)
		}
	}
	return nil
}

func verifyEntry(e *Entry, states map[string]*State, known map[*Func]bool) error {
	if e.Func == nil || !known[e.Func] {
		return fmt.Errorf("its function is not in the module")
	}
	check := func(what string, names []string, bound []*State, values []*Value) error {
		if len(names)+len(bound) != len(values) {
			return fmt.Errorf("%d names and %d states for %d %s", len(names), len(bound), len(values), what)
		}
		seen := map[string]bool{}
		for _, n := range names {
			if n == "" || seen[n] {
				return fmt.Errorf("the name %q among the %s is empty or taken", n, what)
			}
			seen[n] = true
		}
		used := map[*State]bool{}
		for i, s := range bound {
			switch v := values[len(names)+i]; {
			case s == nil || states[s.Name] != s:
				return fmt.Errorf("state %d among the %s is not in the module", i, what)
			case used[s]:
				return fmt.Errorf("state %s is twice among the %s", s.Name, what)
			case s.Type != v.Type:
				return fmt.Errorf("state %s is %v, but %v among the %s", s.Name, s.Type, v.Type, what)
			}
			used[s] = true
		}
		return nil
	}
	if err := check("parameters", e.In, e.Read, e.Func.Params); err != nil {
		return err
	}
	return check("results", e.Out, e.Write, e.Func.Results)
}
