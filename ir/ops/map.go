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
