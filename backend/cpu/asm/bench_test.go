package asm

import (
	"math/rand/v2"
	"testing"
)

// Strips as the executor uses them: 1,024 floats in L1.
func BenchmarkPoint(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	x, y, dst := fill(r, 1024), fill(r, 1024), make([]float32, 1024)
	Abs(x, x)
	bench := func(name string, n int, f func(dst, x, y []float32)) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				f(dst[:n], x[:n], y[:n])
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds()/1e9, "Gelem/s")
		})
	}
	bench("add16", 16, Add)
	bench("add", 1024, Add)
	bench("max", 1024, Max)
	bench("mulScalar", 1024, func(dst, x, _ []float32) { MulScalar(dst, x, 1.5) })
	bench("fma", 1024, func(dst, x, y []float32) { FMA(dst, x, y, x) })
	bench("div", 1024, Div)
	bench("pow", 1024, Pow)
	bench("sum", 1024, func(dst, x, _ []float32) { dst[0] = Sum(x) })
	bench("dot", 1024, func(dst, x, y []float32) { dst[0] = Dot(x, y) })
	bench("maxOf", 1024, func(dst, x, _ []float32) { dst[0] = MaxOf(x) })
	bench("argmax", 1024, func(dst, x, _ []float32) { dst[0] = float32(ArgMax(x)) })
	bench("sin", 1024, func(dst, x, _ []float32) { Sin(dst, x) })
	bench("uniform", 1024, func(dst, _, _ []float32) { Key{1, 2}.Uniform(dst, 0) })
	bench("normal", 1024, func(dst, _, _ []float32) { Key{1, 2}.Normal(dst, 0) })
	for _, c := range unaryCases {
		bench(c.name, 1024, func(dst, x, _ []float32) { c.f(dst, x) })
	}
}

// The register tile alone, its panels in L1: what the machine can do.
func BenchmarkTile(b *testing.B) {
	g := kernelsFor(level)
	const k = 128
	a, p, c := make([]float32, k*g.mr), make([]float32, k*g.nr), make([]float32, g.mr*g.nr)
	for b.Loop() {
		g.tile(g.mr, &a[0], &p[0], &c[0], g.nr, k, g.nr, 0)
	}
	b.ReportMetric(2*float64(g.mr*g.nr*k)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
}
