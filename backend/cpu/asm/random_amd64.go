package asm

// The vector forms write n vectors (4 or 2 blocks) from the counter on; keys holds the rounds' (k0, 0, k1, 0).

//go:noescape
func philoxAVX512(dst *uint32, counter *[4]uint32, keys *[4 * rounds]uint32, n int)

//go:noescape
func philoxAVX2(dst *uint32, counter *[4]uint32, keys *[4 * rounds]uint32, n int)

// blocks fills dst, a whole number of blocks, from block n on.
func (k Key) blocks(dst []uint32, n uint64) {
	per := vectorWords[level]
	if vectors := len(dst) / max(per, 1); per > 0 && vectors > 0 {
		var keys [4 * rounds]uint32
		k0, k1 := uint32(k.Key), uint32(k.Key>>32)
		for r := range rounds {
			keys[4*r], keys[4*r+2] = k0, k1
			k0 += philoxW0
			k1 += philoxW1
		}
		counter := [4]uint32{uint32(n), uint32(n >> 32), uint32(k.Stream), uint32(k.Stream >> 32)}
		if level == AVX512 {
			philoxAVX512(&dst[0], &counter, &keys, vectors)
		} else {
			philoxAVX2(&dst[0], &counter, &keys, vectors)
		}
		dst, n = dst[vectors*per:], n+uint64(vectors*per/4)
	}
	k.blocksGo(dst, n)
}

// vectorWords is how many words a vector holds.
var vectorWords = [...]int{Go: 0, AVX2: 8, AVX512: 16}
