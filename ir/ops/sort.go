package ops

import (
	"fmt"
	"sort"

	"modelc/ir"
	"modelc/ir/scalar"
)

// Sort orders the elements along an axis: values, and the places (i32) they came from. It is stable; NaN come last (descending: first).
type Sort struct {
	Axis       int64
	Descending bool
}

func (Sort) Name() string { return "sort" }

// Infer requires numbers.
func (o Sort) Infer(c *ir.Instr) ([]ir.Type, error) {
	t, err := sortable(o, c, o.Axis)
	if err != nil {
		return nil, err
	}
	return []ir.Type{t, {DType: ir.I32, Shape: t.Shape}}, nil
}

func sortable(op ir.Op, c *ir.Instr, a int64) (ir.Type, error) {
	if err := arity(op, c, 1); err != nil {
		return ir.Type{}, err
	}
	t := c.Args[0].Type
	if !t.DType.IsFloat() && !t.DType.IsInt() {
		return t, argument(op, 0, "numbers", t.DType.String())
	}
	if err := axis(op, a, t.Shape.Rank()); err != nil {
		return t, err
	}
	if t.Shape.Dim(int(a)) == 0 {
		return t, nil
	}
	return t, places(op, 0, int(a), t.Shape.Dim(int(a)))
}

// TopK is the K greatest elements along an axis in descending order: values, and the places (i32) they came from; of equals the first come first.
type TopK struct{ Axis, K int64 }

func (TopK) Name() string { return "top_k" }

// Infer requires at least K elements.
func (o TopK) Infer(c *ir.Instr) ([]ir.Type, error) {
	t, err := sortable(o, c, o.Axis)
	if err != nil {
		return nil, err
	}
	dims := t.Shape.Dims()
	if o.K < 0 || o.K > dims[o.Axis] {
		return nil, &ir.ShapeError{Op: o.Name(), Arg: 0, Axis: int(o.Axis), Want: fmt.Sprintf("at least %d", o.K), Got: fmt.Sprint(dims[o.Axis])}
	}
	dims[o.Axis] = o.K
	v, err := checked(o, t.DType, dims...)
	return []ir.Type{v, {DType: ir.I32, Shape: v.Shape}}, err
}

// Grad puts dy at the places that the values came from.
func (o Sort) Grad(b *ir.Builder, c *ir.Instr, dy []*ir.Value) []*ir.Value {
	return []*ir.Value{returned(b, c, dy[0], int(o.Axis))}
}

// Grad puts dy at the places that the values came from.
func (o TopK) Grad(b *ir.Builder, c *ir.Instr, dy []*ir.Value) []*ir.Value {
	return []*ir.Value{returned(b, c, dy[0], int(o.Axis))}
}

// returned scatters dy along an axis to the places in the second result, with all other axes as batch.
func returned(b *ir.Builder, c *ir.Instr, dy *ir.Value, axis int) *ir.Value {
	t := c.Args[0].Type
	if dy == nil || !t.DType.IsFloat() {
		return nil
	}
	last := t.Shape.Rank() - 1
	perm := append(append(order(axis), order(last + 1)[axis+1:]...), axis)
	g := b.Op(Scatter{Code: scalar.Add, Axis: int64(last), Batch: int64(last), Size: t.Shape.Dim(axis)},
		TransposeBy(b, dy, perm...), TransposeBy(b, c.Results[1], perm...))
	return TransposeBy(b, g, inverse(perm)...)
}

// ordered writes the sorted values and places of each line, as many as the results hold.
func ordered(in, out []ir.Ref, axis int, descending bool) {
	outer, n, inner := lines(in[0].Type.Shape, axis)
	keep := out[0].Type.Shape.Dim(axis)
	code := scalar.Min
	if descending {
		code = scalar.Max
	}
	places := make([]int64, n)
	for i := range outer {
		for j := range inner {
			at := func(k int64) float64 { return in[0].Data[(i*n+k)*inner+j] }
			for k := range places {
				places[k] = int64(k)
			}
			sort.SliceStable(places, func(p, q int) bool {
				v, w := at(places[p]), at(places[q])
				if !descending && (v != v || w != w) {
					return w != w && v == v // NaN last
				}
				return beyond(code, v, w)
			})
			for k := range keep {
				to := (i*keep+k)*inner + j
				out[0].Data[to], out[1].Data[to] = at(places[k]), float64(places[k])
			}
		}
	}
}

// Eval sorts each line.
func (o Sort) Eval(in, out []ir.Ref) { ordered(in, out, int(o.Axis), o.Descending) }

// Eval sorts each line and keeps its head.
func (o TopK) Eval(in, out []ir.Ref) { ordered(in, out, int(o.Axis), true) }

// Form returns Opaque.
func (o Sort) Form(c *ir.Instr) ir.Form { return ir.Form{Space: c.Results[0].Type.Shape.Dims()} }

// Form returns Opaque.
func (o TopK) Form(c *ir.Instr) ir.Form { return ir.Form{Space: c.Results[0].Type.Shape.Dims()} }
