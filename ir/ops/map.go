package ops

import (
	"fmt"

	"modelc/ir"
	"modelc/ir/scalar"
)

// Map applies a scalar code to each element of its arguments, which all have the same shape: there is no broadcasting. Each code of package scalar
// is an op of its own in the text form.
type Map struct {
	Code scalar.Code `ir:"name"`
}

func (o Map) Name() string { return string(o.Code) }

// Infer requires equal shapes and element types (select: a bool first) in the code's domain.
func (o Map) Infer(c *ir.Instr) ([]ir.Type, error) {
	row := scalar.Lookup(o.Code)
	if row == nil {
		return nil, attribute(o, "a scalar code", fmt.Sprintf("%q", string(o.Code)))
	}
	if err := arity(o, c, row.Arity); err != nil {
		return nil, err
	}
	last := c.Args[row.Arity-1].Type
	for i, a := range c.Args {
		want := last.DType
		if o.Code == scalar.Select && i == 0 {
			want = ir.Bool
		}
		if a.Type.DType != want {
			return nil, argument(o, i, want.String(), a.Type.DType.String())
		}
		if a.Type.Shape == last.Shape {
			continue
		}
		if a.Type.Shape.Rank() != last.Shape.Rank() {
			return nil, argument(o, i, "the shape "+last.Shape.String(), a.Type.Shape.String())
		}
		for k := range last.Shape.Rank() {
			if a.Type.Shape.Dim(k) != last.Shape.Dim(k) {
				return nil, size(o, i, k, last.Shape.Dim(k), a.Type.Shape.Dim(k))
			}
		}
	}
	switch d := last.DType; {
	case d == ir.Invalid:
		return nil, argument(o, row.Arity-1, "a valid type", d.String())
	case row.Domain == scalar.Floats && !d.IsFloat():
		return nil, argument(o, row.Arity-1, "a floating-point type", d.String())
	case row.Domain == scalar.Numbers && !d.IsFloat() && !d.IsInt():
		return nil, argument(o, row.Arity-1, "numbers", d.String())
	case row.Domain == scalar.Bools && d != ir.Bool:
		return nil, argument(o, row.Arity-1, "bool", d.String())
	}
	if row.Truth {
		return []ir.Type{{DType: ir.Bool, Shape: last.Shape}}, nil
	}
	return []ir.Type{last}, nil
}

// Grad applies the derivative of the table.
func (o Map) Grad(b *ir.Builder, c *ir.Instr, dy []*ir.Value) []*ir.Value {
	out := make([]*ir.Value, len(c.Args))
	row := scalar.Lookup(o.Code)
	if dy[0] == nil || row.Grad == nil || !c.Results[0].Type.DType.IsFloat() {
		return out
	}
	for i, e := range row.Grad {
		if e.Leaf != scalar.Zero {
			out[i] = formula(b, c, dy[0], e)
		}
	}
	return out
}

// formula emits a derivative.
func formula(b *ir.Builder, c *ir.Instr, dy *ir.Value, e scalar.Expr) *ir.Value {
	switch e.Leaf {
	case scalar.Number:
		return Number(b, c.Results[0].Type, e.Value)
	case scalar.First:
		return c.Args[0]
	case scalar.Second:
		return c.Args[1]
	case scalar.Third:
		return c.Args[2]
	case scalar.Result:
		return c.Results[0]
	case scalar.Upstream:
		return dy
	}
	args := make([]*ir.Value, len(e.Args))
	for i, a := range e.Args {
		args[i] = formula(b, c, dy, a)
	}
	return b.Op(Map{e.Code}, args...)
}

// Eval applies the code; on integers exactly, wrapping around.
func (o Map) Eval(in, out []ir.Ref) {
	row := scalar.Lookup(o.Code)
	y := out[0].Data
	d := in[len(in)-1].Type.DType
	var b, c []float64
	if len(in) > 1 {
		b = in[1].Data
	}
	if len(in) > 2 {
		c = in[2].Data
	}
	for i, a := range in[0].Data {
		var v, w float64
		if b != nil {
			v = b[i]
		}
		if c != nil {
			w = c[i]
		}
		if d.IsInt() && row.Int != nil {
			y[i] = d.WrapInt(row.Int(int64(a), int64(v)))
		} else {
			y[i] = row.Float(a, v, w)
		}
	}
}

// Form returns a Map of the code.
func (o Map) Form(c *ir.Instr) ir.Form {
	return elementwise(c, string(o.Code))
}

func elementwise(c *ir.Instr, code string) ir.Form {
	s := c.Results[0].Type.Shape
	f := ir.Form{Kind: ir.Map, Space: s.Dims(), Code: code}
	for range c.Args {
		f.Reads = append(f.Reads, ir.Identity(s.Rank()))
	}
	return f
}
