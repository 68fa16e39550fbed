package asm

import "math/bits"

// A Key names an unending sequence of 32-bit words: Philox 4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random
// numbers: as easy as 1, 2, 3", 2011) under the key words (low and high half of Key), with the block number in the low
// two words of the counter and Stream in the high two. Word i of the sequence is word i%4 of block i/4, so any part can
// be drawn by itself, in any order, on any thread.
type Key struct {
	Key    uint64
	Stream uint64
}

const (
	philoxM0 = 0xD2511F53
	philoxM1 = 0xCD9E8D57
	philoxW0 = 0x9E3779B9
	philoxW1 = 0xBB67AE85
	rounds   = 10
)

// Bits writes words start, start+1, ... of k's sequence.
func (k Key) Bits(dst []uint32, start uint64) {
	block := start / 4
	if r := int(start % 4); r != 0 && len(dst) > 0 {
		w := k.block(block)
		n := copy(dst, w[r:])
		dst, block = dst[n:], block+1
	}
	if n := len(dst) / 4; n > 0 {
		k.blocks(dst[:4*n], block)
		dst, block = dst[4*n:], block+uint64(n)
	}
	if len(dst) > 0 {
		w := k.block(block)
		copy(dst, w[:])
	}
}

func (k Key) block(n uint64) [4]uint32 {
	c := [4]uint32{uint32(n), uint32(n >> 32), uint32(k.Stream), uint32(k.Stream >> 32)}
	k0, k1 := uint32(k.Key), uint32(k.Key>>32)
	for range rounds {
		h0, l0 := bits.Mul32(philoxM0, c[0])
		h1, l1 := bits.Mul32(philoxM1, c[2])
		c = [4]uint32{h1 ^ c[1] ^ k0, l1, h0 ^ c[3] ^ k1, l0}
		k0 += philoxW0
		k1 += philoxW1
	}
	return c
}

func (k Key) blocksGo(dst []uint32, n uint64) {
	for ; len(dst) >= 4; dst = dst[4:] {
		w := k.block(n)
		copy(dst, w[:])
		n++
	}
}

// Uniform writes numbers of [0, 1): element i of the sequence is the upper 24 bits of word i.
func (k Key) Uniform(dst []float32, start uint64) {
	var w [256]uint32
	for len(dst) > 0 {
		n := min(len(dst), len(w))
		k.Bits(w[:n], start)
		UniformFromBits(dst[:n], w[:n])
		dst, start = dst[n:], start+uint64(n)
	}
}

// Normal writes standard normal numbers: element i of the sequence is made of words 2i and 2i+1 by NormalFromBits.
func (k Key) Normal(dst []float32, start uint64) {
	var w [512]uint32
	var a, b [256]uint32
	for len(dst) > 0 {
		n := min(len(dst), len(a))
		k.Bits(w[:2*n], 2*start)
		for i := range n {
			a[i], b[i] = w[2*i], w[2*i+1]
		}
		NormalFromBits(dst[:n], a[:n], b[:n])
		dst, start = dst[n:], start+uint64(n)
	}
}
