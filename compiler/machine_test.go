package compiler_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"modelc/backend"
	"modelc/backend/reference"
	"modelc/compiler"
	"modelc/compiler/lower"
	"modelc/ir"
	"modelc/ir/eval"
	"modelc/lang/diag"
	"modelc/recipe"
)

// machine runs the entries of a checked file on a device, the reference unless another is named. Values are row-major float64, whatever their type.
type machine struct {
	t     *testing.T
	c     *compiler.Checked
	sizes lower.Sizes
	prog  backend.Program
	state map[string]*ir.State
	calls map[string]*loaded
	keep  func(*ir.Instr) bool
	raw   bool // without the pass table
}

type loaded struct {
	entry *ir.Entry
	call  backend.Call
}

// checked checks a text and demands that nothing is wrong with it.
func checked(t *testing.T, text string, o compiler.Options) *compiler.Checked {
	t.Helper()
	c := compiler.Check(t.Name()+".model", []byte(text), o)
	require.False(t, c.Diagnostics().Failed(), "%s\n%s", diag.Text(c.Diagnostics()), text)
	return c
}

func newMachine(t *testing.T, c *compiler.Checked, s lower.Sizes) *machine {
	t.Helper()
	return machineOn(t, c, s, reference.Device())
}

func machineOn(t *testing.T, c *compiler.Checked, s lower.Sizes, d backend.Device) *machine {
	t.Helper()
	m := &machine{t: t, c: c, sizes: s, keep: d.Keep, state: map[string]*ir.State{}, calls: map[string]*loaded{}}
	states := c.States(s)
	for _, st := range states {
		m.state[st.Name] = st
	}
	prog, err := d.Open(states)
	require.NoError(t, err)
	m.prog = prog
	return m
}

// load lowers an entry once.
func (m *machine) load(entry string) *loaded {
	m.t.Helper()
	if l := m.calls[entry]; l != nil {
		return l
	}
	var mod *ir.Module
	var diags diag.List
	if m.raw {
		mod, diags = lower.Lower(m.c.Program(), entry, m.sizes)
	} else {
		mod, diags = m.c.Module(entry, m.sizes, m.keep)
	}
	require.False(m.t, diags.Failed(), "%s: %s", entry, diag.Text(diags))
	require.NoError(m.t, ir.Verify(mod), entry)
	call, err := m.prog.Load(mod, entry)
	require.NoError(m.t, err, entry)
	l := &loaded{mod.Entry(entry), call}
	m.calls[entry] = l
	return l
}

// call runs an entry. Inputs that in does not hold are those of the loop: seed 42, epoch 0, rows counted from 0.
func (m *machine) call(entry string, in map[string][]float64) map[string][]float64 {
	m.t.Helper()
	out, err := m.try(entry, in)
	require.NoError(m.t, err, entry)
	return out
}

func (m *machine) try(entry string, in map[string][]float64) (map[string][]float64, error) {
	m.t.Helper()
	l := m.load(entry)
	var args, results []backend.Tensor
	for i, name := range l.entry.In {
		t := l.entry.Func.Params[i].Type
		data, ok := in[name]
		if !ok {
			switch name {
			case recipe.InSeed:
				data = []float64{42, 0}
			case recipe.InEpoch, recipe.InFirst:
				data = []float64{0}
			case recipe.InTotalSteps:
				data = []float64{100}
			case recipe.InRow:
				data = counting(int(t.Shape.Size()))
			}
		}
		require.EqualValues(m.t, t.Shape.Size(), len(data), "%s: input %s is %v", entry, name, t)
		args = append(args, tensor(t, data))
	}
	for i := range l.entry.Out {
		results = append(results, tensor(l.entry.Func.Results[i].Type, nil))
	}
	if err := l.call(args, results); err != nil {
		return nil, err
	}
	out := map[string][]float64{}
	for i, name := range l.entry.Out {
		out[name] = eval.Decode(results[i].Type, results[i].Bytes).Data
	}
	return out, nil
}

func tensor(t ir.Type, data []float64) backend.Tensor {
	r := eval.New(t)
	copy(r.Data, data)
	b := make([]byte, t.Bytes())
	eval.Encode(r, b)
	return backend.Tensor{Type: t, Bytes: b}
}

// read returns a tensor of a checkpoint: a state, or a part of a stacked one.
func (m *machine) read(name string) []float64 {
	m.t.Helper()
	st, part := m.find(name)
	x := tensor(st.Type, nil)
	require.NoError(m.t, m.prog.Read(st.Name, x))
	data := eval.Decode(x.Type, x.Bytes).Data
	if part < 0 {
		return data
	}
	n := len(data) / len(st.Parts)
	return data[part*n : (part+1)*n]
}

func (m *machine) write(name string, data []float64) {
	m.t.Helper()
	st, part := m.find(name)
	if part >= 0 {
		x := tensor(st.Type, nil)
		require.NoError(m.t, m.prog.Read(st.Name, x))
		all := eval.Decode(x.Type, x.Bytes).Data
		n := len(all) / len(st.Parts)
		require.Len(m.t, data, n, name)
		copy(all[part*n:], data)
		data = all
	}
	require.EqualValues(m.t, st.Type.Shape.Size(), len(data), "%s is %v", name, st.Type)
	require.NoError(m.t, m.prog.Write(st.Name, tensor(st.Type, data)))
}

// find returns the state that holds a tensor of a checkpoint, and which part of it, -1 if it is all.
func (m *machine) find(name string) (*ir.State, int) {
	m.t.Helper()
	if st := m.state[name]; st != nil && st.Parts == nil {
		return st, -1
	}
	for _, st := range m.state {
		for i, p := range st.Parts {
			if p == name {
				return st, i
			}
		}
	}
	var have []string
	for n := range m.state {
		have = append(have, n)
	}
	require.Failf(m.t, "no such state", "%s; there are %v", name, have)
	return nil, 0
}

func counting(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = float64(i)
	}
	return out
}
