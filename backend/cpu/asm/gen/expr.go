package main

import (
	"fmt"
	"math"
)

// A target is the machine a routine is printed for.
type target int

const (
	avx512 target = iota
	avx2
	golang
)

// A kind is the natural type of a value: what the Go twin declares it as. Vector registers hold floats and bits alike.
type kind int

const (
	float kind = iota // float32
	bits              // uint32
	mask              // bool; a K register under AVX-512, a vector of ones and zeros under AVX2
)

// A node is one value of a routine's body, in the order of computation (SSA).
type node struct {
	op   string
	kind kind
	args []*node
	imm  int    // shift count, rounding mode, comparison predicate
	bits uint32 // of a constant
	name string // of an input

	last   int // index of the last node that reads it
	reg    int // assigned register, -1: none (a constant in memory)
	hasReg bool
}

// A builder collects the body of one routine. Routines are Go functions that run once per target, so a step
// that one target does better (scale) may be built of different nodes, as long as the bits agree.
type builder struct {
	target target
	nodes  []*node // without inputs and constants
	inputs []*node
	consts []*node
	result *node
}

func (b *builder) add(op string, k kind, imm int, args ...*node) *node {
	n := &node{op: op, kind: k, args: args, imm: imm, reg: -1}
	b.nodes = append(b.nodes, n)
	return n
}

func (b *builder) input(name string, k kind) *node {
	n := &node{op: "input", kind: k, name: name, reg: -1}
	b.inputs = append(b.inputs, n)
	return n
}

func (b *builder) constant(u uint32, k kind) *node {
	for _, c := range b.consts {
		if c.bits == u && c.kind == k {
			return c
		}
	}
	n := &node{op: "const", kind: k, bits: u, reg: -1}
	b.consts = append(b.consts, n)
	return n
}

func (b *builder) f(x float64) *node { return b.constant(math.Float32bits(float32(x)), float) }
func (b *builder) u(x uint32) *node  { return b.constant(x, bits) }

func (b *builder) addf(x, y *node) *node    { return b.add("add", float, 0, x, y) }
func (b *builder) sub(x, y *node) *node     { return b.add("sub", float, 0, x, y) }
func (b *builder) mul(x, y *node) *node     { return b.add("mul", float, 0, x, y) }
func (b *builder) div(x, y *node) *node     { return b.add("div", float, 0, x, y) }
func (b *builder) min(x, y *node) *node     { return b.add("min", float, 0, x, y) } // y if either is NaN
func (b *builder) max(x, y *node) *node     { return b.add("max", float, 0, x, y) } // y if either is NaN
func (b *builder) sqrt(x *node) *node       { return b.add("sqrt", float, 0, x) }
func (b *builder) fma(x, y, z *node) *node  { return b.add("fma", float, 0, x, y, z) }  // x*y + z
func (b *builder) fnma(x, y, z *node) *node { return b.add("fnma", float, 0, x, y, z) } // z - x*y
func (b *builder) and(x, y *node) *node     { return b.add("and", bits, 0, x, y) }
func (b *builder) or(x, y *node) *node      { return b.add("or", bits, 0, x, y) }
func (b *builder) xor(x, y *node) *node     { return b.add("xor", bits, 0, x, y) }
func (b *builder) iadd(x, y *node) *node    { return b.add("iadd", bits, 0, x, y) }
func (b *builder) isub(x, y *node) *node    { return b.add("isub", bits, 0, x, y) }
func (b *builder) shl(x *node, n int) *node { return b.add("shl", bits, n, x) }
func (b *builder) shr(x *node, n int) *node { return b.add("shr", bits, n, x) }
func (b *builder) sar(x *node, n int) *node { return b.add("sar", bits, n, x) }
func (b *builder) f2i(x *node) *node        { return b.add("f2i", bits, 0, x) } // to nearest even; 0x80000000 beyond int32
func (b *builder) f2t(x *node) *node        { return b.add("f2t", bits, 0, x) } // toward zero; 0x80000000 beyond int32
func (b *builder) i2f(x *node) *node        { return b.add("i2f", float, 0, x) }
func (b *builder) asf(x *node) *node        { return b.add("asf", float, 0, x) } // the same bits, as a float

// Rounding modes as the immediate of VROUNDPS, with the inexact exception suppressed.
const (
	nearest = 8
	floor   = 9
	ceil    = 10
	trunc   = 11
)

func (b *builder) round(x *node, mode int) *node { return b.add("round", float, mode, x) }

// Predicates as the immediate of VCMPPS.
const (
	eq    = 0
	unord = 3
	neq   = 4
	lt    = 17
	le    = 18
	ge    = 29
	gt    = 30
)

func (b *builder) cmp(pred int, x, y *node) *node { return b.add("cmp", mask, pred, x, y) }
func (b *builder) ieq(x, y *node) *node           { return b.add("ieq", mask, 0, x, y) }
func (b *builder) mand(x, y *node) *node          { return b.add("mand", mask, 0, x, y) }
func (b *builder) mor(x, y *node) *node           { return b.add("mor", mask, 0, x, y) }

// blend is x where m holds, y elsewhere.
func (b *builder) blend(m, x, y *node) *node {
	k := x.kind
	return b.add("blend", k, 0, m, x, y)
}

// scale is p * 2^n for an integral float n in [-252, 254], rounded once.
func (b *builder) scale(p, n *node) *node {
	if b.target == avx512 {
		return b.add("scalef", float, 0, p, n)
	}
	i := b.f2i(n)
	h := b.sar(i, 1)
	bias := b.u(127)
	s1 := b.shl(b.iadd(h, bias), 23)
	s2 := b.shl(b.iadd(b.isub(i, h), bias), 23)
	return b.mul(b.mul(p, b.asf(s1)), b.asf(s2))
}

// poly is Horner's rule over c, lowest power first.
func (b *builder) poly(x *node, c []float64) *node {
	p := b.f(c[len(c)-1])
	for i := len(c) - 2; i >= 0; i-- {
		p = b.fma(p, x, b.f(c[i]))
	}
	return p
}

// finish drops dead nodes and computes last uses.
func (b *builder) finish(result *node) {
	live := map[*node]bool{result: true}
	for i := len(b.nodes) - 1; i >= 0; i-- {
		if n := b.nodes[i]; live[n] {
			for _, a := range n.args {
				live[a] = true
			}
		}
	}
	kept := b.nodes[:0]
	for _, n := range b.nodes {
		if live[n] {
			kept = append(kept, n)
		}
	}
	b.nodes = kept
	for i, n := range b.nodes {
		for _, a := range n.args {
			a.last = i
		}
	}
	result.last = len(b.nodes)
	var consts []*node
	for _, c := range b.consts {
		if live[c] {
			consts = append(consts, c)
		}
	}
	b.consts = consts
	b.result = result
}

// fit returns the coefficients, lowest power first, of the polynomial of degree n that equals f at the n+1 Chebyshev
// nodes of [lo, hi]: within a factor of about two of the best possible, which one more degree buys back.
func fit(f func(float64) float64, lo, hi float64, n int) []float64 {
	x, d := make([]float64, n+1), make([]float64, n+1)
	for i := range x {
		x[i] = (lo+hi)/2 + (hi-lo)/2*math.Cos(math.Pi*(float64(i)+0.5)/float64(n+1))
		d[i] = f(x[i])
	}
	for j := 1; j <= n; j++ { // divided differences
		for i := n; i >= j; i-- {
			d[i] = (d[i] - d[i-1]) / (x[i] - x[i-j])
		}
	}
	c := make([]float64, n+1) // Newton form to powers
	for i := n; i >= 0; i-- {
		for j := n; j > 0; j-- {
			c[j] = c[j-1] - x[i]*c[j]
		}
		c[0] = d[i] - x[i]*c[0]
	}
	return c
}

func must(ok bool, format string, args ...any) {
	if !ok {
		panic(fmt.Sprintf(format, args...))
	}
}
