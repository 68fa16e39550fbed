package asm

import "math"

//go:noescape
func sumAVX512(x *float32, n int) float32

//go:noescape
func sumAVX2(x *float32, n int) float32

//go:noescape
func dotAVX512(x, y *float32, n int) float32

//go:noescape
func dotAVX2(x, y *float32, n int) float32

// dot4AVX512 computes the products of x with four slices that lie stride apart, each as dotAVX512 does.
//
//go:noescape
func dot4AVX512(sums *[4]float32, x, y *float32, stride, n int)

// maxOfAVX512 and its like pass over NaNs; nan tells, by a bit other than 0, that there was one.

//go:noescape
func maxOfAVX512(x *float32, n int) (largest float32, nan int)

//go:noescape
func minOfAVX512(x *float32, n int) (smallest float32, nan int)

func sumOne(x []float32) float32 {
	if len(x) == 0 {
		return 0
	}
	switch level {
	case AVX512:
		return sumAVX512(&x[0], len(x))
	case AVX2:
		return sumAVX2(&x[0], len(x))
	}
	return sumGo(x)
}

func dotOne(x, y []float32) float32 {
	if len(x) == 0 {
		return 0
	}
	switch level {
	case AVX512:
		return dotAVX512(&x[0], &y[0], len(x))
	case AVX2:
		return dotAVX2(&x[0], &y[0], len(x))
	}
	return dotGo(x, y)
}

func maxOf(x []float32) float32 {
	if level != AVX512 || len(x) == 0 {
		return maxOfGo(x)
	}
	m, nan := maxOfAVX512(&x[0], len(x))
	if nan != 0 {
		return float32(math.NaN())
	}
	return m + 0
}

func minOf(x []float32) float32 {
	if level != AVX512 || len(x) == 0 {
		return minOfGo(x)
	}
	m, nan := minOfAVX512(&x[0], len(x))
	if nan != 0 {
		return float32(math.NaN())
	}
	return m + 0
}

// dot4 writes Dot(x, y[i*stride:]) to sums[i].
func dot4(sums *[4]float32, x, y []float32, stride int) {
	if n := len(x); level == AVX512 && 0 < n && n <= sumChunk {
		_ = y[3*stride+n-1]
		dot4AVX512(sums, &x[0], &y[0], stride, n)
		return
	}
	dot4Go(sums, x, y, stride)
}
