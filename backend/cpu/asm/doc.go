// Package asm holds the leaf routines of the CPU backend: everything that touches numbers in bulk and knows
// nothing of programs, buffers or threads. It imports nothing of ours.
//
//   - Point primitives (point_amd64.go): one operation over contiguous slices, dst[i] = f(x[i], y[i], ...). The executor
//     runs a fused program as a register machine over strips of 512 to 1,024 floats that stay in L1.
//   - Reductions of a contiguous slice (reduce.go): Sum, Dot, MaxOf, MinOf, ArgMax.
//   - Random numbers (random.go): Philox 4x32-10 and what is drawn from it.
//   - Matrix products (gemm.go): packed panels, register tiles, hooks for packing and for the epilogue.
//   - Processor state (control.go): flush-to-zero, and the pause of a spinning loop.
//
// Every routine exists three times: AVX-512, AVX2 with FMA, and Go, chosen once at start by what the processor has
// (Level). All three give the same bits: the Go twin does the same sequence of roundings, and sums have a fixed
// order that depends on lengths alone. Only NaNs differ, in their payload. The environment variable MODELC_CPU
// (go, avx2, avx512) asks for a lower path; Use does so in tests.
//
// Slices: len(dst) counts; an input that is shorter panics. dst may be one of the inputs, the very same slice, but must
// not overlap one otherwise. Nothing past a slice's end is read or written. Nothing allocates.
//
// Denormals: routines keep them, unless the calling thread flushes them (FlushDenormals).
//
// The assembly, the Go twins and the wrappers are printed by the programs in gen from one description each.
package asm

//go:generate go run ./gen
