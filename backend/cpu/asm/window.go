package asm

// MaxPairs takes the greatest of each window of 2 by 2 elements of two rows, two columns apart, as far as vector instructions can: it returns how many it did, and
// stops before 16 windows that hold a NaN. at gets the places: from is that of r0[0], and r1[0] lies width after it. Of equals the first in the order of places
// wins.
func MaxPairs(y []float32, at []int32, r0, r1 []float32, from, width int) int {
	at, r0, r1 = at[:len(y)], r0[:2*len(y)], r1[:2*len(y)]
	return maxPairs(y, at, r0, r1, from, width)
}
