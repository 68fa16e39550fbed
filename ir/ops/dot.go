package ops

import (
	"fmt"

	"modelc/ir"
)

// Precision is how exactly a product of f32 is computed.
type Precision string

const (
	Default Precision = ""       // the device's fastest way that is as exact as f32 arithmetic
	Strict  Precision = "strict" // f32 arithmetic with the same bits on every CPU
)

// Dot sums products over contracted axes: the result has the batch axes (in the order of BatchA), then the free axes of a, then those of b, each in their
// order. BatchA[i] of a goes with BatchB[i] of b, ContractA[i] with ContractB[i].
type Dot struct {
	BatchA, BatchB, ContractA, ContractB ir.Axes
	Precision                            Precision
}

func (Dot) Name() string { return "dot" }

// Infer requires equal sizes of paired axes.
func (o Dot) Infer(c *ir.Instr) ([]ir.Type, error) {
	if err := arity(o, c, 2); err != nil {
		return nil, err
	}
	a, b := c.Args[0].Type, c.Args[1].Type
	if !a.DType.IsFloat() && !a.DType.IsInt() {
		return nil, argument(o, 0, "numbers", a.DType.String())
	}
	if b.DType != a.DType {
		return nil, argument(o, 1, a.DType.String(), b.DType.String())
	}
	if o.Precision != Default && o.Precision != Strict {
		return nil, attribute(o, "a precision", fmt.Sprintf("%q", string(o.Precision)))
	}
	if err := disjoint(o, a.Shape.Rank(), o.BatchA, o.ContractA); err != nil {
		return nil, err
	}
	if err := disjoint(o, b.Shape.Rank(), o.BatchB, o.ContractB); err != nil {
		return nil, err
	}
	for _, p := range [][2]ir.Axes{{o.BatchA, o.BatchB}, {o.ContractA, o.ContractB}} {
		if p[0].Len() != p[1].Len() {
			return nil, attribute(o, fmt.Sprintf("%d axes of the second argument", p[0].Len()), fmt.Sprint(p[1].List()))
		}
		for i := range p[0].Len() {
			if want, got := a.Shape.Dim(p[0].At(i)), b.Shape.Dim(p[1].At(i)); want != got {
				return nil, size(o, 1, p[1].At(i), want, got)
			}
		}
	}
	dims := dimsAt(a.Shape, o.BatchA.List())
	dims = append(dims, dimsAt(a.Shape, complement(a.Shape.Rank(), o.BatchA, o.ContractA))...)
	dims = append(dims, dimsAt(b.Shape, complement(b.Shape.Rank(), o.BatchB, o.ContractB))...)
	return one(o, a.DType, dims...)
}

func disjoint(op ir.Op, rank int, p, q ir.Axes) error {
	if err := distinct(op, p, rank); err != nil {
		return err
	}
	if err := distinct(op, q, rank); err != nil {
		return err
	}
	for _, a := range q.List() {
		if p.Has(a) {
			return attribute(op, "axes in one role", fmt.Sprintf("axis %d in two", a))
		}
	}
	return nil
}

// Grad is two products: dy with b over b's free axes, and a with dy over a's free axes.
func (o Dot) Grad(g *ir.Builder, c *ir.Instr, dy []*ir.Value) []*ir.Value {
	a, b := c.Args[0], c.Args[1]
	if dy[0] == nil || !a.Type.DType.IsFloat() {
		return []*ir.Value{nil, nil}
	}
	nb := o.BatchA.Len()
	freeA := complement(a.Type.Shape.Rank(), o.BatchA, o.ContractA)
	freeB := complement(b.Type.Shape.Rank(), o.BatchB, o.ContractB)
	batch := ir.NewAxes(order(nb)...)
	run := func(from, n int) ir.Axes {
		l := order(n)
		for i := range l {
			l[i] += from
		}
		return ir.NewAxes(l...)
	}
	// [batch, free a, contracted axes in b's order]: place[i] is the axis of a that result axis i becomes.
	da := g.Op(Dot{batch, o.BatchB, run(nb+len(freeA), len(freeB)), ir.NewAxes(freeB...), o.Precision}, dy[0], b)
	place := append(o.BatchA.List(), freeA...)
	da = TransposeBy(g, da, inverse(append(place, partners(o.ContractB, o.ContractA)...))...)
	// [batch, contracted axes in a's order, free b]
	db := g.Op(Dot{o.BatchA, batch, ir.NewAxes(freeA...), run(nb, len(freeA)), o.Precision}, a, dy[0])
	place = append(o.BatchB.List(), partners(o.ContractA, o.ContractB)...)
	db = TransposeBy(g, db, inverse(append(place, freeB...))...)
	return []*ir.Value{da, db}
}

// partners returns, for the axes of p in increasing order, the axes of q they are paired with.
func partners(p, q ir.Axes) []int {
	var out []int
	for a := range ir.MaxRank {
		for i, v := range p.List() {
			if v == a {
				out = append(out, q.At(i))
			}
		}
	}
	return out
}

// Eval sums in the order of ContractA.
func (o Dot) Eval(in, out []ir.Ref) {
	sa, sb := in[0].Type.Shape, in[1].Type.Shape
	a, b, y := in[0].Data, in[1].Data, out[0].Data
	freeA, freeB := offsets(sa, complement(sa.Rank(), o.BatchA, o.ContractA)), offsets(sb, complement(sb.Rank(), o.BatchB, o.ContractB))
	sumA, sumB := offsets(sa, o.ContractA.List()), offsets(sb, o.ContractB.List())
	batchB := offsets(sb, o.BatchB.List())
	row := make([]float64, len(sumA))
	i := 0
	for n, ba := range offsets(sa, o.BatchA.List()) {
		for _, fa := range freeA {
			for k, off := range sumA {
				row[k] = a[ba+fa+off]
			}
			for _, fb := range freeB {
				acc := 0.0
				at := batchB[n] + fb
				for k, v := range row {
					acc += v * b[at+sumB[k]]
				}
				y[i] = acc
				i++
			}
		}
	}
}

// Form returns a Product over [batch, free a, free b | contracted].
func (o Dot) Form(c *ir.Instr) ir.Form {
	sa, sb := c.Args[0].Type.Shape, c.Args[1].Type.Shape
	f := ir.Form{Kind: ir.Product, Space: c.Results[0].Type.Shape.Dims(), Folds: o.ContractA.Len()}
	ra, rb := ir.Access{Axes: make([]ir.Affine, sa.Rank())}, ir.Access{Axes: make([]ir.Affine, sb.Rank())}
	at := 0
	for i := range o.BatchA.Len() {
		ra.Axes[o.BatchA.At(i)], rb.Axes[o.BatchB.At(i)] = ir.Along(at), ir.Along(at)
		at++
	}
	for _, k := range complement(sa.Rank(), o.BatchA, o.ContractA) {
		ra.Axes[k] = ir.Along(at)
		at++
	}
	for _, k := range complement(sb.Rank(), o.BatchB, o.ContractB) {
		rb.Axes[k] = ir.Along(at)
		at++
	}
	for i := range o.ContractA.Len() {
		ra.Axes[o.ContractA.At(i)], rb.Axes[o.ContractB.At(i)] = ir.Along(at), ir.Along(at)
		f.Space = append(f.Space, sa.Dim(o.ContractA.At(i)))
		at++
	}
	f.Reads = []ir.Access{ra, rb}
	return f
}
