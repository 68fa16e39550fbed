package ir_test

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"modelc/ir"
	"modelc/ir/ops"
)

// sample uses every part of the text form.
const sample = `module "a net"

param blocks.w f32[2,3] {parts=["blocks.0.w","blocks.1.w"]}
counter step i64[]
data 0 f32[2] = x0000803f00000040

whole func @layer(%x f32[3], %w f32[3]) -> (f32[3]) {
  %y = mul %x, %w : f32[3] ; net.model:3:9 in blocks < main.model:7:1
  %y~3 = tanh %y : f32[3] ; "my net.model":4:2
  return %y~3
}

func @body(%0 f32[3], %1 f32[3]) -> (f32[3], f32[]) {
  %2 = call @layer %0, %1 : f32[3]
  %3 = reduce_sum %2 {axes=[0]} : f32[]
  return %2, %3
}

func @main(%"the input" f32[3], %w f32[2,3], %step i64[]) -> (f32[3], f32[2], i64[]) {
  %3 = literal {type=f32[2]} : f32[2]
  %h, %losses = scan @body %"the input", %w {length=2, carry=1, over=1} : f32[3], f32[2]
  %6 = add %losses, %3 : f32[2]
  %7 = const {type=i64[], value=1} : i64[]
  %8 = add %step, %7 : i64[]
  %9 = const {type=f32[3], value=-inf} : f32[3]
  %10 = dot %h, %9 {contract_a=[0], contract_b=[0], precision="strict"} : f32[]
  return %h, %6, %8
}

entry train = @main(x) read(blocks.w, step) -> (h, losses) write(step)
`

func TestPrintAndParse(t *testing.T) {
	m, err := ir.Parse("sample", sample, ops.Registry)
	require.NoError(t, err)
	assert.Equal(t, sample, ir.Print(m))
	assert.Equal(t, "blocks", m.Site(m.Funcs[0].Body[0].Pos).Path)
	up := m.Site(m.Funcs[0].Body[0].Pos).Up
	assert.Equal(t, ir.Site{File: "main.model", Line: 7, Col: 1}, m.Site(up))
	assert.Equal(t, []byte{0, 0, 0x80, 0x3f, 0, 0, 0, 0x40}, m.Data[0].Bytes)
	assert.Equal(t, ir.Counter, m.State[1].Role)
}

func TestScalarsKeepTheirBits(t *testing.T) {
	for _, v := range []float64{math.Copysign(0, -1), math.NaN(), math.Float64frombits(0xFFF8000000000123), math.Inf(1), math.Inf(-1), 5e-324, math.MaxFloat64, 0.1, 1e-5, -3} {
		b := ir.NewBuilder("f")
		b.Return(b.Op(ops.Const{Type: ir.Of(ir.F64), Value: ir.Num(v)}))
		m := &ir.Module{Name: "m", Funcs: []*ir.Func{b.Func}}
		again, err := ir.Parse("t", ir.Print(m), ops.Registry)
		require.NoError(t, err, "%v", v)
		assert.Equal(t, b.Func.Body[0].Op, again.Funcs[0].Body[0].Op)
	}
}

func TestParseErrors(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{`module "a net"`, `modul x`, "t:1:7: the text does not begin with module"},
		{"tanh %y :", "tanhh %y :", `t:9:10: there is no op "tanhh"`},
		{"mul %x, %w", "mul %x, %v", "t:8:16: a value that is defined before"},
		{"mul %x, %w :", "mul %x :", "mul: want 2 arguments, got 1"},
		{"%y~3 = tanh", "%y = tanh", "%y is defined twice"},
		{"tanh %y : f32[3]", "tanh %y : f32[4]", "tanh gives f32[3] here, not f32[4]"},
		{"{axes=[0]}", "{axis=[0]}", `no attribute "axis"`},
		{"{axes=[0]}", "{axes=[0], axes=[0]}", `no attribute "axes" left`},
		{"{axes=[0]}", "{axes=[99]}", "99 is no axis"},
		{"{axes=[0]}", "{axes=[0,0,0,0,0,0,0,0,0,0,0,0,0]}", "at most 12"},
		{"call @layer", "call @main", "@main is not known"},
		{"call @layer", "call", "call has 0 functions"},
		{"reduce_sum %2", "reduce_sum @layer %2", "reduce_sum has 1 functions"},
		{"-> (f32[3], f32[]) {", "-> (f32[3]) {", "returns 2 values, its head has 1"},
		{"x0000803f00000040", "x0000803f", "want x and 8 hexadecimal bytes"},
		{"read(blocks.w, step)", "read(blocks.w, steps)", `the state "steps" is not known`},
		{"write(step)", "write(blocks.w)", "state blocks.w is f32[2,3], but i64[] among the results"},
		{"entry train = @main(x)", "entry train = @main(x, y)", "2 names and 2 states for 3 parameters"},
		{"f32[2,3] {parts", "f32[2,-3] {parts", "negative size"},
		{"f32[2,3] {parts", "f33[2,3] {parts", "a type is missing"},
		{`"blocks.1.w"]`, `"blocks.1.w]`, "the string does not end"},
		{"counter step", "counters step", `"counters" begins nothing`},
		{"entry train", "€ train", "'€' has no meaning here"},
		{"value=1}", "value=x}", `"x" is not a ir.Scalar`},
		{"func @body", "func @layer", "@layer is there twice"},
		{"{type=f32[2]}", "{type=f32[2], data=3}", "data 3 of type f32[2] is not in the module"},
	} {
		require.Contains(t, sample, c.from)
		_, err := ir.Parse("t", strings.Replace(sample, c.from, c.to, 1), ops.Registry)
		require.Error(t, err, c.to)
		assert.Contains(t, err.Error(), c.want)
		var at *ir.ParseError
		assert.ErrorAs(t, err, &at)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(sample)
	for _, row := range ops.Table {
		for _, line := range append(row.Good, row.Bad...) {
			f.Add(ops.Example(line))
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, err := ir.Parse("fuzz", text, ops.Registry)
		if err != nil {
			return
		}
		printed := ir.Print(m)
		again, err := ir.Parse("printed", printed, ops.Registry)
		require.NoError(t, err, printed)
		require.Equal(t, printed, ir.Print(again))
	})
}
