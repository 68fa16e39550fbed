package asm

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMaxPairs(t *testing.T) {
	onEach(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(5, 6))
		for n := range 60 {
			r0, r1 := make([]float32, 2*n), make([]float32, 2*n)
			for i := range r0 {
				r0[i], r1[i] = float32(r.IntN(4)-2), float32(r.IntN(4)-2)
			}
			bad := -1
			if n > 0 && r.IntN(3) == 0 {
				bad = r.IntN(n)
				r1[2*bad+r.IntN(2)] = float32(math.NaN())
			}
			y, at := make([]float32, n), make([]int32, n)
			done := MaxPairs(y, at, r0, r1, 100, 1000)
			switch {
			case Current() != AVX512:
				require.Zero(t, done)
			case bad < 0:
				require.Equal(t, n, done)
			default:
				require.Equal(t, bad/16*16, done)
			}
			for j := range done {
				best, place := r0[2*j], 100+2*j
				for i, v := range []float32{r0[2*j+1], r1[2*j], r1[2*j+1]} {
					if v > best {
						best, place = v, 100+2*j+[]int{1, 1000, 1001}[i]
					}
				}
				require.Equal(t, best, y[j])
				require.EqualValues(t, place, at[j])
			}
		}
	})
}
