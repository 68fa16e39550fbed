package asm

import "math"

// trigLimit bounds the arguments whose reduction by pi/2 in three floats keeps sin and cos within 2 ulp of the larger of
// the two; n times the first part must stay close to exact.
const trigLimit = 1 << 15

// Sin writes sin(x[i]) within 2 ulp, beyond |x[i]| = 2^15 by float64 and slower; NaN for NaN and infinities.
func Sin(dst, x []float32) { trig(dst, x, sinReduced, math.Sin) }

// Cos writes cos(x[i]), as Sin does.
func Cos(dst, x []float32) { trig(dst, x, cosReduced, math.Cos) }

func trig(dst, x []float32, reduced func(dst, x []float32), exact func(float64) float64) {
	x = x[:len(dst)]
	for len(x) > 0 {
		n := min(len(x), 1024)
		if max(MaxOf(x[:n]), -MinOf(x[:n])) <= trigLimit {
			reduced(dst[:n], x[:n])
		} else { // large arguments, or a NaN
			for i, v := range x[:n] {
				dst[i] = float32(exact(float64(v)))
			}
		}
		dst, x = dst[n:], x[n:]
	}
}
