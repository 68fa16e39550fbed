package reference

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"modelc/backend"
	"modelc/ir"
	"modelc/ir/eval"
	"modelc/ir/ops"
)

const program1 = `
module counter
param w f32[2]
func @step(%x f32[2], %w f32[2]) -> (f32[], bool[], f32[2]) {
  %s = div %x, %w : f32[2] ; a.model:3:7
  %n = add %w, %x : f32[2]
  %t = reduce_sum %s {axes=[0]} : f32[]
  %f = is_finite %t : bool[]
  return %t, %f, %n
}
entry step = @step(x) read(w) -> (total, ok) write(w)
`

func tensor(t ir.Type, v ...float64) backend.Tensor {
	b := backend.Tensor{Type: t, Bytes: make([]byte, t.Bytes())}
	if v != nil {
		eval.Encode(eval.Of(t, v...), b.Bytes)
	}
	return b
}

func values(t backend.Tensor) []float64 { return eval.Decode(t.Type, t.Bytes).Data }

func TestStepWritesStateUnlessTheGuardFails(t *testing.T) {
	m, err := ir.Parse("t", program1, ops.Registry)
	require.NoError(t, err)
	d := Device()
	defer d.Close()
	p, err := d.Open(m.State)
	require.NoError(t, err)
	call, err := p.Load(m, "step")
	require.NoError(t, err)

	pair := ir.Of(ir.F32, 2)
	total, w := tensor(ir.Of(ir.F32)), tensor(pair)
	require.NoError(t, p.Write("w", tensor(pair, 1, 2)))
	require.NoError(t, call([]backend.Tensor{tensor(pair, 3, 4)}, []backend.Tensor{total, {}}))
	assert.Equal(t, []float64{5}, values(total))
	require.NoError(t, p.Read("w", w))
	assert.Equal(t, []float64{4, 6}, values(w))

	require.NoError(t, p.Write("w", tensor(pair, 1, 0)))
	err = call([]backend.Tensor{tensor(pair, 3, 4)}, []backend.Tensor{{}, {}})
	var bad *backend.NotFinite
	require.ErrorAs(t, err, &bad)
	assert.Equal(t, "div", bad.Op)
	assert.Equal(t, "a.model", bad.Site.File)
	assert.Equal(t, 3, bad.Site.Line)
	require.NoError(t, p.Read("w", w))
	assert.Equal(t, []float64{1, 0}, values(w), "nothing was written")
	assert.EqualValues(t, 8, p.Usage().States)
}

func TestMisuseIsAnError(t *testing.T) {
	m, err := ir.Parse("t", program1, ops.Registry)
	require.NoError(t, err)
	p, err := Device().Open(m.State)
	require.NoError(t, err)
	_, err = p.Load(m, "none")
	assert.ErrorContains(t, err, `no entry "none"`)
	call, err := p.Load(m, "step")
	require.NoError(t, err)
	assert.ErrorContains(t, call(nil, nil), "takes 1 inputs")
	assert.ErrorContains(t, call([]backend.Tensor{tensor(ir.Of(ir.F32, 3))}, make([]backend.Tensor, 2)), "input x of step: want f32[2]")
	assert.ErrorContains(t, p.Write("v", tensor(ir.Of(ir.F32, 2))), "no state v")
	assert.ErrorContains(t, p.Read("w", tensor(ir.Of(ir.F64, 2))), "f32[2], not f64[2]")
	empty, err := Device().Open(nil)
	require.NoError(t, err)
	_, err = empty.Load(m, "step")
	assert.ErrorContains(t, err, "no state w")
}
