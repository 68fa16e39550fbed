package data

import (
	"encoding/binary"
	"math"
)

// The hash of a row decides its split, so it is fixed for ever and the same on every machine: 64-bit multiply and fold, and Steele's SplitMix64 finalizer at the end.
const hashPrime = 0x9e3779b97f4a7c15

func hashBytes(h uint64, b []byte) uint64 {
	h = (h ^ uint64(len(b))) * hashPrime
	for len(b) >= 8 {
		h = (h ^ binary.LittleEndian.Uint64(b)) * hashPrime
		h ^= h >> 29
		b = b[8:]
	}
	var last uint64
	for i, c := range b {
		last |= uint64(c) << (8 * i)
	}
	h = (h ^ last) * hashPrime
	return h ^ h>>32
}

func hashText(h uint64, s string) uint64 {
	h = (h ^ uint64(len(s))) * hashPrime
	for len(s) >= 8 {
		w := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 | uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
		h = (h ^ w) * hashPrime
		h ^= h >> 29
		s = s[8:]
	}
	var last uint64
	for i := range len(s) {
		last |= uint64(s[i]) << (8 * i)
	}
	h = (h ^ last) * hashPrime
	return h ^ h>>32
}

// mix spreads a hash with a seed over all 64 bits.
func mix(h, seed uint64) uint64 {
	h += (seed + 1) * hashPrime
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

// unit turns a hash into a number of [0, 1).
func unit(h uint64) float64 { return float64(h>>11) / (1 << 53) }

// addHash takes the values of one more column into the rows' hashes.
func (o *origin) addHash(v *values) {
	if o.hash == nil {
		o.hash = make([]uint64, v.rows)
	}
	hashRows(o.hash, v)
}

func hashRows(out []uint64, v *values) {
	var b [8]byte
	for row := range out {
		from, to := v.span(row)
		switch v.kind {
		case bytesKind:
			out[row] = hashBytes(out[row], v.u8[from:to])
		case textsKind:
			for _, s := range v.texts[from:to] {
				out[row] = hashText(out[row], s)
			}
		default:
			for i := from; i < to; i++ {
				x := uint64(0)
				if v.kind == intsKind {
					x = uint64(v.ints[i])
				} else {
					x = math.Float64bits(v.floats[i])
				}
				binary.LittleEndian.PutUint64(b[:], x)
				out[row] = hashBytes(out[row], b[:])
			}
		}
	}
}
