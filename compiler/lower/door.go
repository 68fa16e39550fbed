package lower

import (
	"slices"
	"strings"

	"modelc/compiler/core"
	"modelc/ir"
	"modelc/ir/ops"
	"modelc/recipe"
)

// door is what an entry reads and writes.
type door struct {
	inputs map[string]*ir.Value
	order  []string
	reads  map[*ir.State]*ir.Value
	states []*ir.State // read, in order of first use
	now    map[*ir.State]*ir.Value
	writes []*ir.State // in order of first write
}

// input returns the input of an entry with the given name.
func (f *frame) input(name string, t ir.Type) *ir.Value {
	if f.cutInput != nil {
		if v := f.cutInput(name, t); v != nil {
			return v
		}
	}
	if f.door == nil {
		return f.capture(f.up.input(name, t))
	}
	v, ok := f.door.inputs[name]
	if !ok {
		v = f.b.Param(t, strings.ReplaceAll(name, ".", "_"))
		f.door.inputs[name] = v
		f.door.order = append(f.door.order, name)
	}
	return v
}

// read returns the present value of a state.
func (f *frame) read(s *ir.State) *ir.Value {
	if v, ok := f.threaded[s]; ok {
		return v
	}
	if f.door == nil {
		return f.capture(f.up.read(s))
	}
	if v, ok := f.door.now[s]; ok {
		return v
	}
	v := f.b.Param(s.Type, "")
	f.door.reads[s], f.door.now[s] = v, v
	f.door.states = append(f.door.states, s)
	return v
}

// write gives a state a new value, from here on and after the call.
func (f *frame) write(s *ir.State, v *ir.Value) {
	if v.Type != s.Type {
		panic("lower: state " + s.Name + " is " + s.Type.String() + ", not " + v.Type.String())
	}
	if !slices.Contains(f.door.writes, s) {
		f.door.writes = append(f.door.writes, s)
	}
	f.door.now[s] = v
}

// output is a named result of an entry.
type output struct {
	name  string
	value *ir.Value
}

// inputOrder orders the inputs of an entry: columns first (in order of use), then the others in the order of the convention.
var inputOrder = []string{recipe.InTokens, recipe.InLast, recipe.InSeed, recipe.InTotalSteps, recipe.InEpoch, recipe.InRow, recipe.InFirst}

// close ends the entry and puts it into the module.
func (f *frame) close(name string, outs []output) {
	d := f.door
	rank := func(n string) int { return slices.Index(inputOrder, n) }
	slices.SortStableFunc(d.order, func(a, b string) int { return rank(a) - rank(b) })
	e := &ir.Entry{Name: name, In: d.order, Read: d.states, Write: d.writes}
	var params, results []*ir.Value
	for _, n := range d.order {
		params = append(params, d.inputs[n])
	}
	for _, s := range d.states {
		params = append(params, d.reads[s])
	}
	for _, o := range outs {
		e.Out = append(e.Out, o.name)
		results = append(results, o.value)
	}
	for _, s := range d.writes {
		results = append(results, d.now[s])
	}
	e.Func = f.seal(params, results)
	f.mod.Entries = append(f.mod.Entries, e)
	f.gather(e.Func, map[*ir.Func]bool{})
	for _, s := range d.states {
		f.mod.State = append(f.mod.State, s)
	}
	for _, s := range d.writes {
		if !slices.Contains(f.mod.State, s) {
			f.mod.State = append(f.mod.State, s)
		}
	}
}

// isColumn reports whether an input is a column of the batch.
func isColumn(name string) bool { return strings.HasPrefix(name, "batch.") }

// scalarInt is the type of phase scalars.
var scalarInt = ir.Of(ir.I32)

// outside is the value of an Input term.
func (f *frame) outside(t *core.Term, name string) *ir.Value {
	var v *ir.Value
	switch name {
	case "step":
		if f.block == "" {
			v = f.int32(0)
		} else {
			v = f.read(f.counter(recipe.StepState(f.block)))
		}
	case "past":
		v = f.past()
	case recipe.InTotalSteps, recipe.InEpoch:
		v = f.input(name, scalarInt)
	default:
		return f.input(name, f.kind(t))
	}
	return f.cast(v, dtype(t.Type.Elem))
}

// past is the number of rows before this call while generating.
func (f *frame) past() *ir.Value {
	if f.phase != next {
		return f.int32(0)
	}
	return f.read(f.counter(recipe.PastState(f.gen.Name)))
}

// values lowers an entry that only computes: its outputs are the given terms.
func (p *program) values(name string, list []core.Named) {
	f := p.root(name)
	var outs []output
	for _, n := range list {
		f.prepare(n.Term)
		outs = append(outs, output{n.Name, f.term(n.Term)})
	}
	f.close(name, outs)
}

// test lowers the asserts of a test block.
func (p *program) test(name string, t *core.Test) {
	f := p.root(name)
	var outs []output
	for i, a := range t.Asserts {
		f.prepare(a.Cond)
		n := "." + itoa(i)
		outs = append(outs, output{"assert" + n, f.term(a.Cond)})
		if a.Left != nil && a.Right != nil {
			outs = append(outs, output{"left" + n, f.term(a.Left)}, output{"right" + n, f.term(a.Right)})
		}
	}
	f.close(name, outs)
}

// init lowers the entry that gives every slot its first value, and the step counter of a train block 0. A stacked slot gets one value per part, drawn under the part's path, so that weights do not depend
// on which layers were stacked.
func (p *program) init(name, block string, slots []*core.Slot) {
	p.block = ""
	f := p.root(name)
	for _, s := range slots {
		st := p.state(s)
		var v *ir.Value
		switch {
		case s.Init == nil:
			v = f.number(st.Type, 0)
		case s.Stacked() == 0:
			v = f.initial(s, s.Path)
		case !depends(isDraw)(s.Init):
			v = f.trailing(f.initial(s, s.Path), st.Type.Shape.Dims())
		default:
			parts := make([]*ir.Value, s.Stacked())
			for i, path := range s.Parts {
				parts[i] = f.initial(s, path)
			}
			v = f.stack(0, parts...)
		}
		f.write(st, v)
	}
	if block != "" {
		f.write(p.counter(recipe.StepState(block)), f.int32(0))
	}
	f.close(name, nil)
}

func isDraw(t *core.Term) bool {
	switch t.Kind.(type) {
	case core.Draw, core.Orthogonal:
		return true
	}
	return false
}

// initial lowers the first value of one layer's slot: draws under "@…" are made under the given path.
func (f *frame) initial(s *core.Slot, path string) *ir.Value {
	c := &frame{program: f.program, b: f.b, up: f, memo: map[*core.Term][]*ir.Value{}, value: f.value, inline: true, holder: path}
	v := c.term(s.Init)
	return f.trailing(f.cast(v, dtype(s.Type.Elem)), f.typeOf(s.Type, f.value, nil).Shape.Dims())
}

// keyType is the type of a seed and of a key.
var keyType = ops.KeyType
