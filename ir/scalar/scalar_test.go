package scalar

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The known answers of the generator's authors.
func TestPhiloxKnownAnswers(t *testing.T) {
	assert.Equal(t, [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}, Philox([2]uint32{}, [4]uint32{}))
	m := uint32(math.MaxUint32)
	assert.Equal(t, [4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}, Philox([2]uint32{m, m}, [4]uint32{m, m, m, m}))
	assert.Equal(t, [4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1},
		Philox([2]uint32{0xa4093822, 0x299f31d0}, [4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}))
}

func TestLog32IsClose(t *testing.T) {
	for m := uint32(1); m <= 1<<24; m = m + m/97 + 1 {
		x := float32(m) / (1 << 24)
		want := math.Log(float64(x))
		require.InDelta(t, want, float64(Log32(x)), 1.5e-7*math.Max(math.Abs(want), 1e-30), "x = %v", x)
	}
	assert.Zero(t, Log32(1))
}

func TestCosTurn32IsClose(t *testing.T) {
	for k := uint32(0); k < 1<<24; k += 1021 {
		require.InDelta(t, math.Cos(2*math.Pi*float64(k)/(1<<24)), float64(CosTurn32(k)), 1.2e-7)
	}
}

func TestNormalMoments(t *testing.T) {
	for name, draw := range map[string]func(w [4]uint32) []float64{
		"32": func(w [4]uint32) []float64 {
			return []float64{float64(Normal32(w[0], w[1])), float64(Normal32(w[2], w[3]))}
		},
		"64": func(w [4]uint32) []float64 { return []float64{Normal64(w)} },
	} {
		var n, sum, square, fourth float64
		for b := range uint64(50000) {
			for _, v := range draw(Block([2]uint32{7, 9}, 3, b)) {
				n, sum, square, fourth = n+1, sum+v, square+v*v, fourth+v*v*v*v
			}
		}
		assert.InDelta(t, 0, sum/n, 0.015, name)
		assert.InDelta(t, 1, square/n, 0.02, name)
		assert.InDelta(t, 3, fourth/n, 0.15, name)
	}
	assert.Zero(t, Normal32(math.MaxUint32, 0), "u = 1 gives the radius 0")
	assert.InDelta(t, math.Sqrt(2*24*math.Ln2), float64(Normal32(0, 0)), 1e-6, "the least u gives the largest radius")
}

// Every derivative of the table against central differences, at places away from kinks.
func TestDerivatives(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const eps = 1e-6
	for _, row := range Rows() {
		if row.Grad == nil {
			continue
		}
		require.Len(t, row.Grad, row.Arity, string(row.Code))
		for range 50 {
			var x [3]float64
			for i := range x {
				x[i] = 0.2 + 1.5*r.Float64()
			}
			if row.Code == Rem {
				x[0] = x[1] * (0.3 + math.Floor(3*r.Float64()))
			}
			if row.Code == Select {
				x[0] = float64(r.IntN(2))
			}
			y := row.Float(x[0], x[1], x[2])
			for i, g := range row.Grad {
				if g.Leaf == Zero {
					continue
				}
				hi, lo := x, x
				hi[i] += eps
				lo[i] -= eps
				want := (row.Float(hi[0], hi[1], hi[2]) - row.Float(lo[0], lo[1], lo[2])) / (2 * eps)
				require.InDelta(t, 2.5*want, g.Eval(x, y, 2.5), 1e-5+1e-4*math.Abs(want), "%s by argument %d at %v", row.Code, i, x)
			}
		}
	}
}

func TestTieRules(t *testing.T) {
	for _, code := range []Code{Max, Min} {
		row := Lookup(code)
		x := [3]float64{0, 0, 0}
		assert.Zero(t, row.Grad[0].Eval(x, 0, 1), "%s: nothing to the first argument at a tie", code)
		assert.Equal(t, 1.0, row.Grad[1].Eval(x, 0, 1), "%s: all to the second argument at a tie", code)
	}
	assert.Zero(t, Lookup(Abs).Grad[0].Eval([3]float64{}, 0, 1))
	assert.Zero(t, Lookup(Pow).Grad[0].Eval([3]float64{0, 0}, 1, 1), "x^0 is constant, also at 0")
	assert.Zero(t, Lookup(Pow).Grad[1].Eval([3]float64{0, 2}, 0, 1))
}

func TestIntegers(t *testing.T) {
	assert.EqualValues(t, -2, intFloorDiv(-3, 2))
	assert.EqualValues(t, 1, intRem(-3, 2))
	assert.EqualValues(t, -1, intRem(3, -2))
	assert.EqualValues(t, 0, intFloorDiv(3, 0))
	assert.EqualValues(t, 0, intRem(math.MinInt64, -1))
	assert.EqualValues(t, 81, intPow(3, 4))
	assert.EqualValues(t, 0, intPow(3, -1))
	assert.EqualValues(t, -1, intPow(-1, -3))
	assert.Equal(t, 1.5, rem(-2.5, 4))
	assert.Equal(t, -2.5, rem(1.5, -4))
}

func FuzzIntegersDoNotPanic(f *testing.F) {
	f.Add(int64(math.MinInt64), int64(-1))
	f.Add(int64(0), int64(0))
	f.Fuzz(func(t *testing.T, a, b int64) {
		for _, row := range Rows() {
			if row.Int != nil {
				row.Int(a, b)
			}
		}
	})
}
