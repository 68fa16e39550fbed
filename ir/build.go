package ir

// Builder appends instructions to a function. The first shape error is kept (Err) and later results get the type Invalid[], so that callers
// need no check per instruction. After compiler/check every such error is a bug of ours.
type Builder struct {
	Func *Func
	Pos  Pos // given to the instructions that are emitted
	Err  error
	next int32
}

// NewBuilder starts an empty function.
func NewBuilder(name string) *Builder { return &Builder{Func: &Func{Name: name}} }

// Extend returns a builder that appends to an existing function.
func Extend(f *Func) *Builder {
	b := &Builder{Func: f}
	for _, p := range f.Params {
		b.next = max(b.next, p.ID+1)
	}
	for _, c := range f.Body {
		for _, r := range c.Results {
			b.next = max(b.next, r.ID+1)
		}
	}
	return b
}

// Param appends a parameter.
func (b *Builder) Param(t Type, hint string) *Value {
	v := &Value{ID: b.next, Type: t, Hint: hint, Index: int32(len(b.Func.Params))}
	b.next++
	b.Func.Params = append(b.Func.Params, v)
	return v
}

// Emit appends an instruction and returns its results.
func (b *Builder) Emit(op Op, callees []*Func, args ...*Value) []*Value {
	c := &Instr{Op: op, Args: args, Callees: callees, Pos: b.Pos}
	types, err := op.Infer(c)
	if err != nil && b.Err == nil {
		b.Err = err
	}
	if err != nil {
		types = make([]Type, 1)
	}
	c.Results = make([]*Value, len(types))
	for i, t := range types {
		c.Results[i] = &Value{ID: b.next, Type: t, Def: c, Index: int32(i)}
		b.next++
	}
	b.Func.Body = append(b.Func.Body, c)
	return c.Results
}

// Op emits an instruction with one result.
func (b *Builder) Op(op Op, args ...*Value) *Value { return b.Emit(op, nil, args...)[0] }

// Call emits a call of f.
func (b *Builder) Call(f *Func, args ...*Value) []*Value { return b.Emit(Call{}, []*Func{f}, args...) }

// Return sets the results and ends the function.
func (b *Builder) Return(results ...*Value) *Func {
	b.Func.Results = results
	return b.Func
}
