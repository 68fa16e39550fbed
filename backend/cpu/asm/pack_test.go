package asm

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPackColumns(t *testing.T) {
	onEach(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(3, 4))
		for range 300 {
			ascending := func(n, step int) []int {
				l := []int{r.IntN(5)}
				for len(l) < n {
					next := l[len(l)-1] + 1
					if r.IntN(6) < step {
						next += r.IntN(4)
					}
					l = append(l, next)
				}
				return l
			}
			rows, columns := ascending(1+r.IntN(9), 6), ascending(1+r.IntN(MaxColumns), r.IntN(7))
			src := make([]float32, rows[len(rows)-1]+columns[len(columns)-1]+1)
			for i := range src {
				src[i] = float32(i)
			}
			stride := len(columns) + r.IntN(3)
			dst := slices.Repeat([]float32{-1}, (len(rows)-1)*stride+len(columns))
			want := slices.Clone(dst)
			for k, a := range rows {
				for i, b := range columns {
					want[k*stride+i] = src[a+b]
				}
			}
			PackColumns(dst, stride, src, rows, columns)
			require.Equal(t, want, dst)
		}
	})
}
