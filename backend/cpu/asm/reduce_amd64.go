package asm

import "math"

//go:noescape
func sumAVX512(lanes *[16]float32, x *float32, n int)

//go:noescape
func sumAVX2(lanes *[16]float32, x *float32, n int)

//go:noescape
func dotAVX512(lanes *[16]float32, x, y *float32, n int)

//go:noescape
func dotAVX2(lanes *[16]float32, x, y *float32, n int)

// maxOfAVX512 and its like leave each lane's largest (smallest) number and return whether there was a NaN.

//go:noescape
func maxOfAVX512(lanes *[16]float32, x *float32, n int) (nan int)

//go:noescape
func minOfAVX512(lanes *[16]float32, x *float32, n int) (nan int)

func sumOne(x []float32) float32 {
	if len(x) == 0 {
		return 0
	}
	var l [16]float32
	switch level {
	case AVX512:
		sumAVX512(&l, &x[0], len(x))
	case AVX2:
		sumAVX2(&l, &x[0], len(x))
	default:
		return sumGo(x)
	}
	return foldLanes(&l)
}

func dotOne(x, y []float32) float32 {
	if len(x) == 0 {
		return 0
	}
	var l [16]float32
	switch level {
	case AVX512:
		dotAVX512(&l, &x[0], &y[0], len(x))
	case AVX2:
		dotAVX2(&l, &x[0], &y[0], len(x))
	default:
		return dotGo(x, y)
	}
	return foldLanes(&l)
}

func maxOf(x []float32) float32 {
	if level != AVX512 || len(x) == 0 {
		return maxOfGo(x)
	}
	var l [16]float32
	if maxOfAVX512(&l, &x[0], len(x)) != 0 {
		return float32(math.NaN())
	}
	m := l[0]
	for _, v := range l {
		m = max2(v, m)
	}
	return m + 0
}

func minOf(x []float32) float32 {
	if level != AVX512 || len(x) == 0 {
		return minOfGo(x)
	}
	var l [16]float32
	if minOfAVX512(&l, &x[0], len(x)) != 0 {
		return float32(math.NaN())
	}
	m := l[0]
	for _, v := range l {
		m = min2(v, m)
	}
	return m + 0
}
