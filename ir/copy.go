package ir

import "fmt"

// Renaming holds, while instructions are copied from one function to another, the value that stands for each value of the first.
type Renaming struct{ to []*Value }

// NewRenaming returns an empty renaming for the values of f.
func NewRenaming(f *Func) *Renaming { return &Renaming{make([]*Value, f.bound())} }

// bound returns a number above all value IDs of a function.
func (f *Func) bound() int32 {
	n := int32(0)
	for _, p := range f.Params {
		n = max(n, p.ID+1)
	}
	for _, c := range f.Body {
		for _, r := range c.Results {
			n = max(n, r.ID+1)
		}
	}
	return n
}

// Bound returns a number above all value IDs of the function, for tables that are indexed by them.
func (f *Func) Bound() int { return int(f.bound()) }

// Set says that to stands for v.
func (m *Renaming) Set(v, to *Value) { m.to[v.ID] = to }

// At returns the value that stands for v, or nil.
func (m *Renaming) At(v *Value) *Value { return m.to[v.ID] }

// All returns the values that stand for a list of values.
func (m *Renaming) All(list []*Value) []*Value {
	out := make([]*Value, len(list))
	for i, v := range list {
		if out[i] = m.to[v.ID]; out[i] == nil {
			panic(fmt.Sprintf("ir: value %%%d %s has no copy", v.ID, v.Hint))
		}
	}
	return out
}

// Copy appends a copy of an instruction of another function, whose arguments m knows, and lets m know its results. It keeps the types and the
// position, and infers nothing.
func (b *Builder) Copy(c *Instr, m *Renaming) *Instr {
	d := &Instr{Op: c.Op, Args: m.All(c.Args), Callees: c.Callees, Pos: c.Pos, Results: make([]*Value, len(c.Results))}
	for i, r := range c.Results {
		d.Results[i] = &Value{ID: b.next, Type: r.Type, Hint: r.Hint, Def: d, Index: int32(i)}
		b.next++
		m.Set(r, d.Results[i])
	}
	b.Func.Body = append(b.Func.Body, d)
	return d
}

// Inline appends a copy of the body of f with arguments in the place of its parameters, and returns what stands for its results.
func (b *Builder) Inline(f *Func, args ...*Value) []*Value { return b.inline(f, args).All(f.Results) }

func (b *Builder) inline(f *Func, args []*Value) *Renaming {
	if len(args) != len(f.Params) {
		panic(fmt.Sprintf("ir: %d arguments for @%s, which has %d parameters", len(args), f.Name, len(f.Params)))
	}
	m := NewRenaming(f)
	for i, p := range f.Params {
		m.Set(p, args[i])
	}
	for _, c := range f.Body {
		b.Copy(c, m)
	}
	return m
}

// Clone returns a builder that holds a copy of f under another name, its results included, and what stands for each value.
func Clone(f *Func, name string) (*Builder, *Renaming) {
	b := NewBuilder(name)
	b.Func.Whole = f.Whole
	for _, p := range f.Params {
		b.Param(p.Type, p.Hint)
	}
	m := b.inline(f, b.Func.Params)
	b.Func.Results = m.All(f.Results)
	return b, m
}

// Extra gives an instruction, whose op or callee has changed, results of further types; it returns the new ones.
func (b *Builder) Extra(c *Instr, types ...Type) []*Value {
	n := len(c.Results)
	for _, t := range types {
		c.Results = append(c.Results, &Value{ID: b.next, Type: t, Def: c, Index: int32(len(c.Results))})
		b.next++
	}
	return c.Results[n:]
}

// Value returns a fresh value for an instruction that a pass builds by hand.
func (b *Builder) Value(t Type, hint string) *Value {
	b.next++
	return &Value{ID: b.next - 1, Type: t, Hint: hint}
}

// Collect rebuilds the list of functions: those that the entries reach, callees before callers, each under a name of its own (a name that two
// functions share gets .2, .3, … in the order of the list). Passes that make or drop functions need no other care.
func (m *Module) Collect() {
	m.Funcs = m.Funcs[:0:0]
	seen := map[*Func]bool{}
	var visit func(f *Func)
	visit = func(f *Func) {
		if seen[f] {
			return
		}
		seen[f] = true
		for _, c := range f.Body {
			for _, g := range c.Callees {
				visit(g)
			}
		}
		m.Funcs = append(m.Funcs, f)
	}
	for _, e := range m.Entries {
		visit(e.Func)
	}
	taken := make(map[string]bool, len(m.Funcs))
	for _, e := range m.Entries {
		taken[e.Func.Name] = true
	}
	entry := make(map[*Func]bool, len(m.Entries))
	for _, e := range m.Entries {
		entry[e.Func] = true
	}
	next := map[string]int{}
	for _, f := range m.Funcs {
		if entry[f] {
			continue
		}
		name := f.Name
		for taken[f.Name] {
			n := max(next[name]+1, 2)
			next[name] = n
			f.Name = fmt.Sprintf("%s.%d", name, n)
		}
		taken[f.Name] = true
	}
}
