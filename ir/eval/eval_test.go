package eval_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"modelc/ir"
	"modelc/ir/eval"
	"modelc/ir/irtest"
	"modelc/ir/ops"
)

const scans = `module scans
data 0 f32[2] = x0000803f00000040
func @body(%k f32[], %h f32[], %x f32[]) -> (f32[], f32[]) {
  %0 = mul %h, %k : f32[]
  %1 = add %0, %x : f32[]
  return %1, %0
}
func @forward(%k f32[], %h f32[], %x f32[3]) -> (f32[], f32[3]) {
  %0, %1 = scan @body %k, %h, %x {length=3, consts=1, carry=1, over=1} : f32[], f32[3]
  return %0, %1
}
func @backward(%k f32[], %h f32[], %x f32[3]) -> (f32[], f32[3]) {
  %0, %1 = scan @body %k, %h, %x {length=3, consts=1, carry=1, over=1, reverse=true} : f32[], f32[3]
  return %0, %1
}
func @none(%k f32[], %h f32[], %x f32[0]) -> (f32[], f32[0]) {
  %0, %1 = scan @body %k, %h, %x {consts=1, carry=1, over=1} : f32[], f32[0]
  return %0, %1
}
func @twice(%k f32[], %h f32[], %x f32[3]) -> (f32[], f32[2]) {
  %0, %1 = call @forward %k, %h, %x : f32[], f32[3]
  %2, %3 = call @forward %k, %0, %x : f32[], f32[3]
  %4 = literal {type=f32[2]} : f32[2]
  return %2, %4
}
`

func TestScanAndCall(t *testing.T) {
	m, err := ir.Parse("scans", scans, ops.Registry)
	require.NoError(t, err)
	scalar, vector := ir.Of(ir.F32), ir.Of(ir.F32, 3)
	args := []ir.Ref{eval.Of(scalar, 10), eval.Of(scalar, 1), eval.Of(vector, 1, 2, 3)}
	run := func(i int, args ...ir.Ref) []ir.Ref {
		out, err := eval.Func(m, m.Funcs[i], args)
		require.NoError(t, err)
		return out
	}
	out := run(1, args...)
	assert.Equal(t, []float64{1123}, out[0].Data)
	assert.Equal(t, []float64{10, 110, 1120}, out[1].Data)
	out = run(2, args...)
	assert.Equal(t, []float64{1321}, out[0].Data)
	assert.Equal(t, []float64{1320, 130, 10}, out[1].Data, "outs keep their places")
	out = run(3, args[0], args[1], eval.New(ir.Of(ir.F32, 0)))
	assert.Equal(t, []float64{1}, out[0].Data)
	out = run(4, args...)
	assert.Equal(t, []float64{1123123}, out[0].Data)
	assert.Equal(t, []float64{1, 2}, out[1].Data)
	assert.Equal(t, []float64{1, 2, 3}, args[2].Data, "arguments are unchanged")

	_, err = eval.Func(m, m.Funcs[1], args[:2])
	assert.ErrorContains(t, err, "takes 3 arguments, got 2")
	_, err = eval.Func(m, m.Funcs[1], []ir.Ref{args[0], args[1], eval.New(ir.Of(ir.F32, 2))})
	assert.ErrorContains(t, err, "argument 2 is f32[3], got f32[2]")
	_, err = eval.Func(nil, m.Funcs[4], args)
	assert.ErrorContains(t, err, "literal 0 is not in the module")
}

func TestTooLargeIsAnError(t *testing.T) {
	b := ir.NewBuilder("f")
	f := b.Return(ops.Zeros(b, ir.Of(ir.Bool, 1<<20, 1<<20)))
	_, err := eval.Func(nil, f, nil)
	assert.ErrorContains(t, err, "too large for the interpreter")
}

// Each result is rounded to its type, so f32 sums by steps differ from float64 ones.
func TestResultsAreRounded(t *testing.T) {
	b := ir.NewBuilder("f")
	x, y := b.Param(ir.Of(ir.F32), ""), b.Param(ir.Of(ir.F32), "")
	sum := ops.Add(b, x, y)
	f := b.Return(ops.Sub(b, sum, x))
	out, err := eval.Func(nil, f, []ir.Ref{eval.Of(x.Type, 1<<24), eval.Of(y.Type, 1)})
	require.NoError(t, err)
	assert.Equal(t, []float64{0}, out[0].Data)
}

func TestEncodeAndDecode(t *testing.T) {
	r := irtest.Rand(1)
	for d := ir.Bool; d <= ir.F64; d++ {
		v := irtest.Fill(r, ir.Of(d, 40), -70000, 70000, 100)
		if d.IsFloat() {
			copy(v.Data, []float64{math.Inf(1), math.Inf(-1), math.NaN(), math.Copysign(0, -1), d.Round(1e-5), d.Round(3e-8), 1, d.Round(65504)})
		}
		if lo, hi := d.Range(); d.IsInt() {
			copy(v.Data, []float64{lo, hi})
		}
		bytes := make([]byte, v.Type.Bytes())
		eval.Encode(v, bytes)
		got := eval.Decode(v.Type, bytes)
		require.NoError(t, irtest.Compare(v, got, irtest.Tolerance{}), d.String())
		if d.IsFloat() {
			assert.True(t, math.Signbit(got.Data[3]))
		}
	}
	// every f16 pattern comes back
	for h := range 1 << 16 {
		in := []byte{byte(h), byte(h >> 8)}
		v := eval.Decode(ir.Of(ir.F16), in)
		if v.Data[0] != v.Data[0] {
			continue
		}
		out := make([]byte, 2)
		eval.Encode(v, out)
		require.Equal(t, in, out)
	}
}
