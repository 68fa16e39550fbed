package ir_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"modelc/ir"
	"modelc/ir/ops"
)

// Each corruption of a sound module must be found.
func TestVerifyFindsCorruption(t *testing.T) {
	layer, body, main := 0, 1, 2
	for name, corrupt := range map[string]func(m *ir.Module){
		"a caller before its callee":     func(m *ir.Module) { m.Funcs[layer], m.Funcs[body] = m.Funcs[body], m.Funcs[layer] },
		"a callee outside the module":    func(m *ir.Module) { m.Funcs = m.Funcs[body:] },
		"recursion":                      func(m *ir.Module) { m.Funcs[body].Body[0].Callees[0] = m.Funcs[body] },
		"a missing callee":               func(m *ir.Module) { m.Funcs[body].Body[0].Callees = nil },
		"a callee of an ordinary op":     func(m *ir.Module) { m.Funcs[body].Body[1].Callees = m.Funcs[:1] },
		"a use before its definition":    func(m *ir.Module) { b := m.Funcs[body].Body; b[0], b[1] = b[1], b[0] },
		"a value of another function":    func(m *ir.Module) { m.Funcs[body].Body[0].Args[0] = m.Funcs[layer].Params[0] },
		"an instruction twice":           func(m *ir.Module) { f := m.Funcs[layer]; f.Body = append(f.Body, f.Body[0]) },
		"an instruction that is missing": func(m *ir.Module) { m.Funcs[layer].Body[1] = nil },
		"no op":                          func(m *ir.Module) { m.Funcs[layer].Body[1].Op = nil },
		"a number used twice":            func(m *ir.Module) { m.Funcs[layer].Body[0].Results[0].ID = 0 },
		"a wrong definition":             func(m *ir.Module) { m.Funcs[layer].Body[0].Results[0].Def = m.Funcs[layer].Body[1] },
		"a wrong index":                  func(m *ir.Module) { m.Funcs[main].Body[1].Results[0].Index = 1 },
		"a parameter with a definition":  func(m *ir.Module) { m.Funcs[layer].Params[0].Def = m.Funcs[layer].Body[0] },
		"a result type that is not so":   func(m *ir.Module) { m.Funcs[layer].Body[0].Results[0].Type.DType = ir.F64 },
		"a result too many":              func(m *ir.Module) { c := m.Funcs[layer].Body[0]; c.Results = append(c.Results, &ir.Value{ID: 99}) },
		"an argument too few":            func(m *ir.Module) { c := m.Funcs[layer].Body[0]; c.Args = c.Args[:1] },
		"an argument that is nil":        func(m *ir.Module) { m.Funcs[layer].Body[0].Args[0] = nil },
		"wrong attributes":               func(m *ir.Module) { m.Funcs[body].Body[1].Op = ops.Reduce{Code: "add", Axes: ir.NewAxes(1)} },
		"an op that is not comparable":   func(m *ir.Module) { m.Funcs[layer].Body[1].Op = slicedOp{m.Funcs[layer].Body[1].Op, nil} },
		"a scan of another length":       func(m *ir.Module) { c := m.Funcs[main].Body[1]; s := c.Op.(ir.Scan); s.Length = 3; c.Op = s },
		"a scan of negative length":      func(m *ir.Module) { c := m.Funcs[main].Body[1]; s := c.Op.(ir.Scan); s.Length = -1; c.Op = s },
		"a scan with other counts":       func(m *ir.Module) { c := m.Funcs[main].Body[1]; s := c.Op.(ir.Scan); s.Carry, s.Over = 3, -1; c.Op = s },
		"a scan with counts that overflow": func(m *ir.Module) {
			c := m.Funcs[main].Body[1]
			s := c.Op.(ir.Scan)
			s.Carry, s.Over = math.MaxInt32, math.MaxInt32
			c.Op = s
		},
		"a result that is not defined":     func(m *ir.Module) { m.Funcs[layer].Results[0] = m.Funcs[body].Params[0] },
		"a result that is nil":             func(m *ir.Module) { m.Funcs[layer].Results[0] = nil },
		"a place that is not there":        func(m *ir.Module) { m.Funcs[layer].Body[0].Pos = 99 },
		"a site that calls itself":         func(m *ir.Module) { m.Sites[1].Up = 1 },
		"two functions of one name":        func(m *ir.Module) { m.Funcs[layer].Name = "body" },
		"two states of one name":           func(m *ir.Module) { m.State[0].Name = "step" },
		"a state without type":             func(m *ir.Module) { m.State[0].Type.DType = ir.Invalid },
		"a role that is none":              func(m *ir.Module) { m.State[0].Role = 99 },
		"parts that do not fit":            func(m *ir.Module) { m.State[0].Parts = m.State[0].Parts[:1] },
		"data that are too short":          func(m *ir.Module) { m.Data[0].Bytes = m.Data[0].Bytes[1:] },
		"data that are missing":            func(m *ir.Module) { m.Data = nil },
		"data of another type":             func(m *ir.Module) { m.Data[0].Type = ir.Of(ir.I32, 2) },
		"an entry of a foreign function":   func(m *ir.Module) { m.Entries[0].Func = &ir.Func{Name: "main"} },
		"an entry without a name":          func(m *ir.Module) { m.Entries[0].Name = "" },
		"an entry twice":                   func(m *ir.Module) { m.Entries = append(m.Entries, m.Entries[0]) },
		"an input name too many":           func(m *ir.Module) { m.Entries[0].In = append(m.Entries[0].In, "z") },
		"an output name twice":             func(m *ir.Module) { m.Entries[0].Out[1] = "h" },
		"a state that is not the module's": func(m *ir.Module) { s := *m.State[1]; m.Entries[0].Read[1] = &s },
		"a state of another type":          func(m *ir.Module) { m.Entries[0].Write[0] = m.State[0] },
		"a state read twice":               func(m *ir.Module) { m.Entries[0].Read[0] = m.State[1] },
	} {
		t.Run(name, func(t *testing.T) {
			m, err := ir.Parse("sample", sample, ops.Registry)
			require.NoError(t, err)
			require.NoError(t, ir.Verify(m))
			corrupt(m)
			assert.Error(t, ir.Verify(m))
		})
	}
}

// slicedOp is an op that cannot be compared.
type slicedOp struct {
	ir.Op
	list []int
}

func TestRound(t *testing.T) {
	for _, c := range []struct {
		d        ir.DType
		in, want float64
	}{
		{ir.F16, 1 + 0x1p-11, 1}, {ir.F16, 1 + 0x3p-11, 1 + 0x1p-9}, {ir.F16, 65519.99, 65504}, {ir.F16, 65520, math.Inf(1)}, {ir.F16, 0x1p-24, 0x1p-24}, {ir.F16, 0x1p-25, 0}, {ir.F16, 0x1.8p-25, 0x1p-24},
		{ir.BF16, 1 + 0x1p-8, 1}, {ir.BF16, 1 + 0x3p-8, 1 + 0x1p-6}, {ir.BF16, math.MaxFloat32, math.Inf(1)}, {ir.BF16, 0x1p-133, 0x1p-133}, {ir.BF16, 0x1p-134, 0},
		{ir.F32, 1 + 0x1p-24, 1}, {ir.F32, 1e40, math.Inf(1)}, {ir.I8, 130, -126}, {ir.I8, -1.5, -1}, {ir.U8, -1, 255}, {ir.U32, 1 << 32, 0}, {ir.I32, 1 << 31, -1 << 31}, {ir.I32, math.NaN(), 0}, {ir.Bool, 3, 1},
	} {
		assert.Equal(t, c.want, c.d.Round(c.in), "%v as %v", c.in, c.d)
	}
	assert.True(t, math.IsNaN(ir.BF16.Round(math.NaN())))
	assert.Equal(t, math.Inf(-1), ir.F16.Round(math.Inf(-1)))
}
