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
