package asm

import (
	"testing"

	"github.com/stretchr/testify/require"

	"modelc/ir/scalar"
)

// The words, uniform and normal numbers are those that package scalar defines: row r of a key is its stream r.
func TestRandomNumbersAreTheDefinedOnes(t *testing.T) {
	key := [2]uint32{0x89abcdef, 0x01234567}
	for _, row := range []uint64{0, 1, 5 << 33} {
		k := Key{Key: uint64(key[1])<<32 | uint64(key[0]), Stream: row}
		const n = 4096
		bits, uniform, normal := make([]uint32, n), make([]float32, n), make([]float32, n)
		start := uint64(1)<<34 - 2000
		k.Bits(bits, start)
		k.Uniform(uniform, start)
		k.Normal(normal, start)
		for i := range uint64(n) {
			w := scalar.Block(key, row, (start+i)/4)[(start+i)%4]
			require.Equal(t, w, bits[i])
			require.Equal(t, scalar.Uniform32(w), uniform[i])
			b := scalar.Block(key, row, 2*(start+i)/4)
			at := 2 * (start + i) % 4
			require.Equal(t, scalar.Normal32(b[at], b[at+1]), normal[i])
		}
	}
}
