package lower_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"modelc/compiler/core"
	"modelc/compiler/lower"
	"modelc/compiler/opt"
	"modelc/compiler/size"
	"modelc/ir"
	"modelc/ir/eval"
	_ "modelc/ir/ops"

	"github.com/stretchr/testify/require"
)

// maker builds small checked programs by hand.
type maker struct {
	id int
	B  *size.Sym
	T  *size.Sym
	p  *core.Program
}

func newMaker() *maker {
	m := &maker{B: size.NewSym("B"), T: size.NewSym("T")}
	m.p = &core.Program{B: m.B, Past: size.NewSym("past")}
	return m
}

func (m *maker) term(kind core.Kind, ty core.Type, args ...*core.Term) *core.Term {
	m.id++
	return &core.Term{ID: m.id, Kind: kind, Type: ty, Args: args}
}

// dims turns ints, symbols and sizes into sizes.
func dims(list ...any) []size.Size {
	var out []size.Size
	for _, x := range list {
		switch x := x.(type) {
		case int:
			out = append(out, size.Of(int64(x)))
		case *size.Sym:
			out = append(out, size.FromSym(x))
		case size.Size:
			out = append(out, x)
		}
	}
	return out
}

func f32(list ...any) core.Type  { return core.Type{Elem: core.F32, Dims: dims(list...)} }
func ints(list ...any) core.Type { return core.Type{Elem: core.Int, Dims: dims(list...)} }
func bools(list ...any) core.Type {
	return core.Type{Elem: core.Bool, Dims: dims(list...)}
}
func ids(v int, list ...any) core.Type {
	return core.Type{Elem: core.ID, Range: size.Of(int64(v)), Dims: dims(list...)}
}

func (m *maker) input(name string, ty core.Type) *core.Term {
	return m.term(core.Input{Name: name}, ty)
}
func (m *maker) num(v float64) *core.Term { return m.term(core.Number{Value: v}, f32()) }
func (m *maker) int(v float64) *core.Term { return m.term(core.Number{Value: v}, ints()) }

// op is elementwise; the type is that of the argument with most axes.
func (m *maker) op(code string, args ...*core.Term) *core.Term {
	ty := args[len(args)-1].Type
	for _, a := range args {
		if len(a.Type.Dims) > len(ty.Dims) {
			ty.Dims = a.Type.Dims
		}
	}
	switch code {
	case "eq", "lt", "le", "gt", "and", "or":
		ty.Elem = core.Bool
	}
	return m.term(core.Map{Code: code}, ty, args...)
}

func (m *maker) cast(e core.Elem, x *core.Term) *core.Term {
	ty := x.Type
	ty.Elem = e
	return m.term(core.Cast{}, ty, x)
}

func (m *maker) arrange(x *core.Term, space []size.Size, at ...int) *core.Term {
	ty := x.Type
	ty.Dims = space
	return m.term(core.Arrange{At: at}, ty, x)
}

func (m *maker) reduce(code string, x *core.Term, axes ...int) *core.Term {
	ty := x.Type
	ty.Dims = nil
	for i, d := range x.Type.Dims {
		gone := false
		for _, a := range axes {
			gone = gone || a == i
		}
		if !gone {
			ty.Dims = append(ty.Dims, d)
		}
	}
	if code == "mean" && ty.Elem == core.Bool {
		ty.Elem = core.F32
	}
	if code == "argmax" {
		ty = core.Type{Elem: core.ID, Range: x.Type.Dims[axes[0]], Dims: ty.Dims}
	}
	return m.term(core.Reduce{Code: code, Axes: axes}, ty, x)
}

func (m *maker) matmul(a, b *core.Term) *core.Term {
	ty := a.Type
	ty.Dims = append(append([]size.Size{}, a.Type.Dims[:len(a.Type.Dims)-1]...), b.Type.Dims[1:]...)
	return m.term(core.MatMul{}, ty, a, b)
}

func (m *maker) slot(role core.Role, path string, ty core.Type, init *core.Term) *core.Slot {
	return &core.Slot{Path: path, Role: role, Type: ty, Init: init}
}

func (m *maker) read(s *core.Slot) *core.Term {
	ty := s.Type
	if n := s.Stacked(); n > 0 {
		ty.Dims = append(dims(n), ty.Dims...)
	}
	return m.term(core.Read{Slot: s}, ty)
}

// at is the subscript Σ coef·index.
func at(pairs ...int) core.Sub {
	var s core.Sub
	for i := 0; i < len(pairs); i += 2 {
		s.Axis = append(s.Axis, pairs[i])
		s.Coef = append(s.Coef, size.Of(int64(pairs[i+1])))
	}
	return s
}

// by is the subscript that is read from argument arg over the given indices.
func by(arg int, over ...int) core.Sub { return core.Sub{Values: []int{arg}, Over: [][]int{over}} }

func (m *maker) access(ty core.Type, subs []core.Sub, args ...*core.Term) *core.Term {
	return m.term(core.Access{Subs: subs}, ty, args...)
}

func (m *maker) draw(dist, path string, ty core.Type, args ...*core.Term) *core.Term {
	return m.term(core.Draw{Dist: dist, Path: path, Fixed: path[0] == '@'}, ty, args...)
}

// value makes the program's only predict block.
func (m *maker) value(x ...*core.Term) *core.Program {
	v := &core.Value{Name: "out"}
	for i, t := range x {
		v.Outputs = append(v.Outputs, core.Named{Name: fmt.Sprint("y", i), Term: t})
	}
	m.p.Values = []*core.Value{v}
	return m.p
}

// lowered makes a module, verified.
func lowered(t *testing.T, p *core.Program, entry string, s lower.Sizes) *ir.Module {
	t.Helper()
	m, l := lower.Lower(p, entry, s)
	for _, d := range l {
		t.Error(d.Code, d.Title, d.Notes)
	}
	require.NotNil(t, m)
	require.NoError(t, ir.Verify(m), ir.Print(m))
	return m
}

// machine runs entries over states, before and after the passes, which must agree.
type machine struct {
	t      *testing.T
	states map[string]ir.Ref
}

func (x *machine) run(m *ir.Module, in map[string]ir.Ref) map[string]ir.Ref {
	x.t.Helper()
	raw, rawStates := x.once(m, in)
	require.NoError(x.t, opt.Run(m, opt.Options{Verify: true}))
	out, states := x.once(m, in)
	for n, r := range raw {
		require.InDeltaSlice(x.t, r.Data, out[n].Data, 1e-4, n)
	}
	for n, r := range rawStates {
		require.InDeltaSlice(x.t, r.Data, states[n].Data, 1e-4, n)
	}
	for n, r := range states {
		x.states[n] = r
	}
	return out
}

func (x *machine) once(m *ir.Module, in map[string]ir.Ref) (out, states map[string]ir.Ref) {
	x.t.Helper()
	e := m.Entries[0]
	var args []ir.Ref
	for i, n := range e.In {
		r, ok := in[n]
		require.True(x.t, ok, "input %s of %s", n, e.Name)
		require.Equal(x.t, e.Func.Params[i].Type, r.Type, n)
		args = append(args, r)
	}
	for _, s := range e.Read {
		r, ok := x.states[s.Name]
		if !ok {
			r = eval.New(s.Type)
		}
		require.Equal(x.t, s.Type, r.Type, s.Name)
		args = append(args, r)
	}
	res, err := eval.Func(m, e.Func, args)
	require.NoError(x.t, err)
	out, states = map[string]ir.Ref{}, map[string]ir.Ref{}
	for i, n := range e.Out {
		out[n] = res[i]
	}
	for i, s := range e.Write {
		states[s.Name] = res[len(e.Out)+i]
	}
	return out, states
}

func newMachine(t *testing.T) *machine { return &machine{t, map[string]ir.Ref{}} }

// compute lowers and runs a predict block.
func compute(t *testing.T, p *core.Program, s lower.Sizes, in map[string]ir.Ref) map[string]ir.Ref {
	t.Helper()
	return newMachine(t).run(lowered(t, p, "out", s), in)
}

// count returns how many instructions with each op name a module has, loops and calls included.
func count(m *ir.Module) map[string]int {
	n := map[string]int{}
	for _, f := range m.Funcs {
		for _, c := range f.Body {
			n[c.Op.Name()]++
		}
	}
	return n
}

var dice = rand.New(rand.NewPCG(1, 2))

func random(dims ...int64) ir.Ref {
	r := eval.New(ir.Of(ir.F32, dims...))
	for i := range r.Data {
		r.Data[i] = float64(float32(dice.NormFloat64()))
	}
	return r
}

func randomInts(top int, dims ...int64) ir.Ref {
	r := eval.New(ir.Of(ir.I32, dims...))
	for i := range r.Data {
		r.Data[i] = float64(dice.IntN(top))
	}
	return r
}

var seed = eval.Of(ir.Of(ir.U32, 2), 42, 0)
