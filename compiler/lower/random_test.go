package lower_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"modelc/compiler/core"
	"modelc/compiler/lower"
	"modelc/compiler/size"
	"modelc/ir"

	"github.com/stretchr/testify/require"
)

// subscript is one axis of a random factor: base + Σ coef·index + the value of a table over some indices.
type subscript struct {
	base        int
	axes, coefs []int
	table       string // an input of integers below top, or ""
	over        []int
	top         int
}

// statement is a random y[kept] = reduce[rest](Π factors), whose factors are read at random subscripts.
type statement struct {
	r       *rand.Rand
	space   []int
	reduced []int
	code    string
	m       *maker
	in      map[string]ir.Ref
}

func (s *statement) subscript() (subscript, int) {
	axis := s.r.IntN(len(s.space))
	n := s.space[axis]
	switch s.r.IntN(12) {
	case 0:
		return subscript{base: 1}, 3
	case 1:
		return subscript{base: 1, axes: []int{axis}, coefs: []int{2}}, 2*n + 1
	case 2:
		return subscript{base: n, axes: []int{axis}, coefs: []int{-1}}, n + 1
	case 3, 4:
		other := s.r.IntN(len(s.space))
		if other != axis {
			return subscript{axes: []int{axis, other}, coefs: []int{2, 1}}, 2*(n-1) + s.space[other] + s.r.IntN(2)
		}
	case 5, 6:
		t := subscript{table: fmt.Sprint("batch.t", len(s.in)), top: 3}
		var shape []int64
		for _, a := range s.r.Perm(len(s.space))[:s.r.IntN(3)] {
			t.over = append(t.over, a)
			shape = append(shape, int64(s.space[a]))
		}
		s.in[t.table] = randomInts(3, shape...)
		if s.r.IntN(2) == 0 {
			t.axes, t.coefs = []int{axis}, []int{1}
			return t, 2 + n
		}
		return t, 3
	}
	return subscript{axes: []int{axis}, coefs: []int{1}}, n
}

func (x subscript) at(point []int, in map[string]ir.Ref) int {
	n := x.base
	for i, a := range x.axes {
		n += x.coefs[i] * point[a]
	}
	if x.table != "" {
		flat := 0
		for i, a := range x.over {
			flat = flat*int(in[x.table].Type.Shape.Dim(i)) + point[a]
		}
		n += int(in[x.table].Data[flat])
	}
	return n
}

// factor makes a random access over the whole space, or over a part of it that is then arranged, and a function that reads it.
func (s *statement) factor() (*core.Term, func([]int) float64) {
	name := fmt.Sprint("batch.x", len(s.in))
	var subs []subscript
	var shape []int64
	for range s.r.IntN(4) {
		x, n := s.subscript()
		subs, shape = append(subs, x), append(shape, int64(n))
	}
	s.in[name] = random(shape...)
	var list []any
	for _, n := range shape {
		list = append(list, int(n))
	}
	args := []*core.Term{s.m.input(name, f32(list...))}
	var cs []core.Sub
	for _, x := range subs {
		c := core.Sub{Base: size.Of(int64(x.base))}
		for i, a := range x.axes {
			c.Axis, c.Coef = append(c.Axis, a), append(c.Coef, size.Of(int64(x.coefs[i])))
		}
		if x.table != "" {
			var d []any
			for _, a := range x.over {
				d = append(d, s.space[a])
			}
			args = append(args, s.m.input(x.table, ids(x.top, d...)))
			c.Values, c.Over = []int{len(args) - 1}, [][]int{x.over}
		}
		cs = append(cs, c)
	}
	t := s.m.access(f32(s.whole()...), cs, args...)
	return t, func(point []int) float64 {
		flat := 0
		for i, x := range subs {
			flat = flat*int(shape[i]) + x.at(point, s.in)
		}
		return s.in[name].Data[flat]
	}
}

func (s *statement) whole() []any {
	var out []any
	for _, n := range s.space {
		out = append(out, n)
	}
	return out
}

// run compares the lowered statement with the definition.
func (s *statement) run(t *testing.T) {
	for range 2 + s.r.IntN(4) {
		s.space = append(s.space, 1+s.r.IntN(3))
	}
	for a := range s.space {
		if s.r.IntN(2) == 0 {
			s.reduced = append(s.reduced, a)
		}
	}
	s.code = []string{"sum", "sum", "mean", "max"}[s.r.IntN(4)]
	product, read := s.factor()
	reads := []func([]int) float64{read}
	for range s.r.IntN(4) {
		f, read := s.factor()
		product = s.m.op("mul", product, f)
		reads = append(reads, read)
	}
	y := product
	if len(s.reduced) > 0 {
		y = s.m.reduce(s.code, product, s.reduced...)
	}
	got := compute(t, s.m.value(y), lower.Sizes{B: 1}, s.in)["y0"]
	want := map[string][]float64{}
	point := make([]int, len(s.space))
	var order []string
	var walk func(a int)
	walk = func(a int) {
		if a < len(s.space) {
			for i := range s.space[a] {
				point[a] = i
				walk(a + 1)
			}
			return
		}
		v := 1.0
		for _, r := range reads {
			v *= r(point)
		}
		key := ""
		for a, i := range point {
			if !contains(s.reduced, a) {
				key += fmt.Sprint(i, ",")
			}
		}
		if _, ok := want[key]; !ok {
			order = append(order, key)
		}
		want[key] = append(want[key], v)
	}
	walk(0)
	require.Len(t, got.Data, len(order))
	for i, k := range order {
		v := want[k][0]
		for _, x := range want[k][1:] {
			if s.code == "max" {
				v = max(v, x)
			} else {
				v += x
			}
		}
		if s.code == "mean" && len(s.reduced) > 0 {
			v /= float64(len(want[k]))
		}
		require.InDelta(t, v, got.Data[i], 1e-4*(1+float64(len(want[k]))))
	}
}

func contains(list []int, n int) bool {
	for _, x := range list {
		if x == n {
			return true
		}
	}
	return false
}

func TestRandomIndexStatements(t *testing.T) {
	for i := range uint64(1500) {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			s := &statement{r: rand.New(rand.NewPCG(i, 7)), m: newMaker(), in: map[string]ir.Ref{}}
			s.run(t)
		})
	}
}
