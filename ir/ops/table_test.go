package ops_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"modelc/ir"
	"modelc/ir/eval"
	"modelc/ir/irtest"
	"modelc/ir/ops"
)

// examples calls f with the function of every good example.
func examples(t *testing.T, f func(t *testing.T, row ops.Row, m *ir.Module)) {
	for _, row := range ops.Table {
		for _, line := range row.Good {
			t.Run(line, func(t *testing.T) {
				m, err := ir.Parse("example", ops.Example(line), ops.Registry)
				require.NoError(t, err)
				f(t, row, m)
			})
		}
	}
}

// arguments fills the parameters of an example; integers stay small, so that they are indices too.
func arguments(seed uint64, row ops.Row, f *ir.Func) []ir.Ref {
	r := irtest.Rand(seed)
	low, high := row.Low, row.High
	if low == 0 && high == 0 {
		low, high = -2, 2
	}
	var args []ir.Ref
	for _, p := range f.Params {
		args = append(args, irtest.Fill(r, p.Type, low, high, 3))
	}
	return args
}

func TestEveryRowHasExamples(t *testing.T) {
	for _, row := range ops.Table {
		assert.NotEmpty(t, row.Bad, row.Op.Name())
		if row.Op.Name() != "literal" {
			assert.NotEmpty(t, row.Good, row.Op.Name())
		}
		assert.Equal(t, row.Op, ops.Registry[row.Op.Name()], "two rows of one name")
	}
}

// Every type of the package that has the methods of an op stands in the table.
func TestEveryOpHasARow(t *testing.T) {
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	rows := map[string]bool{}
	for _, row := range ops.Table {
		rows[reflect.TypeOf(row.Op).Name()] = true
	}
	found := 0
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv != nil && f.Name.Name == "Infer" {
				found++
				op := f.Recv.List[0].Type.(*ast.Ident).Name
				assert.True(t, rows[op], "%s has no row", op)
			}
		}
	}
	assert.Greater(t, found, 30)
}

func TestBadExamples(t *testing.T) {
	for _, row := range ops.Table {
		for _, line := range row.Bad {
			t.Run(line, func(t *testing.T) {
				_, err := ir.Parse("example", ops.Example(line), ops.Registry)
				_, want, _ := strings.Cut(line, " ! ")
				require.Error(t, err)
				assert.Contains(t, err.Error(), want)
				assert.Contains(t, err.Error(), "example:3:", "the place in the text")
				assert.Contains(t, err.Error(), row.Op.Name()+": ")
			})
		}
	}
}

func TestExamplesPrintAndParse(t *testing.T) {
	examples(t, func(t *testing.T, _ ops.Row, m *ir.Module) {
		text := ir.Print(m)
		again, err := ir.Parse("printed", text, ops.Registry)
		require.NoError(t, err, text)
		assert.Equal(t, text, ir.Print(again))
		assert.Equal(t, m.Funcs[0].Body[0].Op, again.Funcs[0].Body[0].Op)
		require.NoError(t, ir.Verify(again))
	})
}

func TestExamplesEvaluate(t *testing.T) {
	examples(t, func(t *testing.T, row ops.Row, m *ir.Module) {
		f := m.Funcs[0]
		args := arguments(1, row, f)
		var before []ir.Ref
		for _, a := range args {
			before = append(before, ir.Ref{Type: a.Type, Data: append([]float64{}, a.Data...)})
		}
		out, err := eval.Func(m, f, args)
		require.NoError(t, err)
		for i, r := range f.Results {
			assert.Equal(t, r.Type, out[i].Type)
			for _, v := range out[i].Data {
				require.True(t, v != v || r.Type.DType.Round(v) == v, "%v is no %v", v, r.Type.DType)
			}
		}
		for i, a := range args {
			assert.Equal(t, before[i].Data, append([]float64{}, a.Data...), "the argument is unchanged")
		}
	})
}

// reverse appends the gradient of one op to its own function: (args, dy) -> gradients, zeros where the op gives none.
func reverse(f *ir.Func) *ir.Func {
	b := ir.NewBuilder("gradient")
	values := map[*ir.Value]*ir.Value{}
	for _, p := range f.Params {
		values[p] = b.Param(p.Type, "")
	}
	upstream := map[*ir.Value]*ir.Value{}
	flow := func(v, g *ir.Value) {
		if upstream[v] != nil {
			g = ops.Add(b, upstream[v], g)
		}
		upstream[v] = g
	}
	for _, r := range f.Results {
		if g := b.Param(r.Type, ""); r.Type.DType.IsFloat() {
			flow(r, g)
		}
	}
	var body []*ir.Instr
	for _, c := range f.Body {
		var args []*ir.Value
		for _, a := range c.Args {
			args = append(args, values[a])
		}
		results := b.Emit(c.Op, nil, args...)
		for i, r := range c.Results {
			values[r] = results[i]
		}
		body = append(body, b.Func.Body[len(b.Func.Body)-1])
	}
	for n := len(body) - 1; n >= 0; n-- {
		old := f.Body[n]
		dy := make([]*ir.Value, len(old.Results))
		any := false
		for i, r := range old.Results {
			dy[i] = upstream[r]
			any = any || dy[i] != nil
		}
		if !any {
			continue
		}
		for i, g := range old.Op.Grad(b, body[n], dy) {
			if g != nil {
				flow(old.Args[i], g)
			}
		}
	}
	var out []*ir.Value
	for _, p := range f.Params {
		g := upstream[p]
		if g == nil {
			g = ops.Zeros(b, p.Type)
		}
		out = append(out, g)
	}
	if b.Err != nil {
		panic(b.Err)
	}
	return b.Return(out...)
}

// constant reports whether the op is declared to have no gradient.
func constant(op ir.Op) bool {
	v := reflect.ValueOf(op)
	return v.FieldByName("NoGrad").IsValid()
}

func isDouble(f *ir.Func) bool {
	for _, v := range append(append([]*ir.Value(nil), f.Params...), f.Results...) {
		if v.Type.DType == ir.F64 {
			return true
		}
	}
	return false
}

func run(f *ir.Func) irtest.Differentiable {
	return func(args []ir.Ref) ([]ir.Ref, error) { return eval.Func(nil, f, args) }
}

func TestGradients(t *testing.T) {
	examples(t, func(t *testing.T, row ops.Row, m *ir.Module) {
		f := m.Funcs[0]
		if !isDouble(f) || constant(row.Op) {
			return
		}
		g := reverse(f)
		require.NoError(t, ir.VerifyFunc(g))
		for seed := range uint64(3) {
			require.NoError(t, irtest.CheckGradient(irtest.Rand(seed), run(f), run(g), arguments(seed, row, f)), "%s", ir.PrintFunc(nil, g))
		}
	})
}

// The gradient of the gradient, by all arguments and the upstream gradient.
func TestSecondGradients(t *testing.T) {
	examples(t, func(t *testing.T, row ops.Row, m *ir.Module) {
		f := m.Funcs[0]
		if !isDouble(f) || constant(row.Op) {
			return
		}
		g := reverse(f)
		h := reverse(g)
		require.NoError(t, ir.VerifyFunc(h))
		args := arguments(7, row, f)
		for _, r := range f.Results {
			args = append(args, irtest.Fill(irtest.Rand(8), r.Type, -1, 1, 3))
		}
		require.NoError(t, irtest.CheckGradient(irtest.Rand(9), run(g), run(h), args), "%s", ir.PrintFunc(nil, h))
	})
}

// Chains of ops: what one op's gradient gives is what the next one's takes.
func TestGradientsOfRandomFunctions(t *testing.T) {
	for seed := range uint64(60) {
		m := irtest.Random(irtest.Rand(seed), irtest.Options{Instructions: 12, Axis: 4, Float: ir.F64, Smooth: true, Flat: true})
		f := m.Entries[0].Func
		g := reverse(f)
		require.NoError(t, ir.VerifyFunc(g))
		require.NoError(t, irtest.CheckGradient(irtest.Rand(seed), run(f), run(g), irtest.Arguments(irtest.Rand(seed), f)), "seed %d\n%s", seed, ir.Print(m))
	}
}
