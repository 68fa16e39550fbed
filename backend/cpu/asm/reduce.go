package asm

import "math"

// Sums run in chunks of sumChunk elements over sumLanes virtual lanes: lane l adds x[l], x[l+16], ... in order, the lanes
// of a chunk meet as a tree (l with l+8, then l+4, l+2, l+1), and chunk sums meet as a binary tree that the number
// of chunks alone fixes. So the paths agree bit by bit, and the error grows with the logarithm of the length.
const (
	sumLanes = 16
	sumChunk = 4096
)

// Sum returns the sum of x, 0 if x is empty.
func Sum(x []float32) float32 {
	if len(x) <= sumChunk {
		return sumOne(x)
	}
	h := half(len(x))
	return Sum(x[:h]) + Sum(x[h:])
}

// Dot returns the sum of x[i]*y[i], i < len(x), each product added with one rounding.
func Dot(x, y []float32) float32 {
	y = y[:len(x)]
	if len(x) <= sumChunk {
		return dotOne(x, y)
	}
	h := half(len(x))
	return Dot(x[:h], y[:h]) + Dot(x[h:], y[h:])
}

// half is the first part of a long sum: whole chunks, at least half of them.
func half(n int) int {
	chunks := (n + sumChunk - 1) / sumChunk
	return (chunks + 1) / 2 * sumChunk
}

// MaxOf returns the largest element of x: NaN if there is one, -Inf if x is empty.
func MaxOf(x []float32) float32 { return maxOf(x) }

// MinOf returns the smallest element of x: NaN if there is one, +Inf if x is empty.
func MinOf(x []float32) float32 { return minOf(x) }

// ArgMax returns the first index of the largest element, or of the first NaN if there is one; -1 if x is empty.
func ArgMax(x []float32) int {
	m := maxOf(x)
	if m != m {
		for i, v := range x {
			if v != v {
				return i
			}
		}
	}
	return index(x, m)
}

// ArgMin returns the first index of the smallest element, or of the first NaN if there is one; -1 if x is empty.
func ArgMin(x []float32) int {
	m := minOf(x)
	if m != m {
		for i, v := range x {
			if v != v {
				return i
			}
		}
	}
	return index(x, m)
}

func index(x []float32, m float32) int {
	for i, v := range x {
		if v == m {
			return i
		}
	}
	return -1
}

func foldLanes(l *[sumLanes]float32) float32 {
	for w := sumLanes / 2; w > 0; w /= 2 {
		for i := range w {
			l[i] = l[i] + l[i+w]
		}
	}
	return l[0]
}

func sumGo(x []float32) float32 {
	var l [sumLanes]float32
	for len(x) >= sumLanes {
		for i, v := range x[:sumLanes] {
			l[i] += v
		}
		x = x[sumLanes:]
	}
	for i, v := range x {
		l[i] += v
	}
	return foldLanes(&l)
}

func dotGo(x, y []float32) float32 {
	var l [sumLanes]float32
	for i, v := range x {
		l[i%sumLanes] = fma32(v, y[i], l[i%sumLanes])
	}
	return foldLanes(&l)
}

func maxOfGo(x []float32) float32 {
	m := float32(math.Inf(-1))
	for _, v := range x {
		if v > m || v != v {
			m = v
		}
		if m != m {
			return m
		}
	}
	return m + 0 // one zero, whichever path met it
}

func minOfGo(x []float32) float32 {
	m := float32(math.Inf(1))
	for _, v := range x {
		if v < m || v != v {
			m = v
		}
		if m != m {
			return m
		}
	}
	return m + 0 // one zero, whichever path met it
}

func dot4Go(sums *[4]float32, x, y []float32, stride int) {
	for i := range sums {
		sums[i] = Dot(x, y[i*stride:])
	}
}
