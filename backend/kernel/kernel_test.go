package kernel

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"modelc/ir"
	"modelc/ir/scalar"
)

// centred is y = x - mean(x) over rows of 4, with the column sums of y·y.
func centred() *Func {
	return &Func{Outer: []int64{3}, Inner: []int64{4},
		Args: []Arg{{Type: ir.F32, Stride: []int64{1, 3}}, {Type: ir.F32, Stride: []int64{4, 1}, Out: true}, {Type: ir.F32, Stride: []int64{0, 1}, Out: true}},
		Body: []Node{
			{Kind: Load, Level: Point, Type: ir.F32, Arg: 0},
			{Kind: FoldRow, Level: Row, Code: scalar.Add, Type: ir.F32, In: []int32{0}},
			{Kind: Number, Level: Uniform, Type: ir.F32, Value: 0.25},
			{Kind: Op, Level: Row, Code: scalar.Mul, Type: ir.F32, In: []int32{1, 2}},
			{Kind: Op, Level: Point, Code: scalar.Sub, Type: ir.F32, In: []int32{0, 3}},
			{Kind: Store, Level: Point, Type: ir.F32, Arg: 1, In: []int32{4}},
			{Kind: Op, Level: Point, Code: scalar.Mul, Type: ir.F32, In: []int32{4, 4}},
			{Kind: FoldColumn, Level: Point, Code: scalar.Add, Type: ir.F32, Arg: 2, In: []int32{6}},
		}}
}

func TestInterpret(t *testing.T) {
	f := centred()
	// x is stored turned: row r is elements r, r+3, r+6, r+9.
	x := []float64{1, 0, 2, 2, 0, 2, 3, 0, 2, 6, 4, 2}
	y, sums := make([]float64, 12), make([]float64, 4)
	require.NoError(t, Interpret(f, [][]float64{x, y, sums}, []int64{0, 0, 0}))
	assert.Equal(t, []float64{-2, -1, 0, 3, -1, -1, -1, 3, 0, 0, 0, 0}, y)
	assert.Equal(t, []float64{5, 2, 1, 18}, sums)
	assert.Error(t, Interpret(f, nil, nil))
}

func TestFacts(t *testing.T) {
	f := centred()
	row, column := f.Folds()
	assert.True(t, row)
	assert.True(t, column)
	assert.EqualValues(t, 3, f.Rows())
	assert.EqualValues(t, 4, f.Width())
	assert.Equal(t, `for [3] row [4]
      r0 = load #0[1 3] : f32
    r1 = fold add r0 : f32
  r2 = 0.25 : f32
    r3 = mul r1, r2 : f32
      r4 = sub r0, r3 : f32
      store #1, r4
      r6 = mul r4, r4 : f32
      fold add #2, r6`, f.String())
}
