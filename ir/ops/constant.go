package ops

import (
	"modelc/ir"
)

// Const is a value with one number everywhere.
type Const struct {
	Type  ir.Type
	Value ir.Scalar
}

func (Const) Name() string { return "const" }

// Infer requires that the type holds the number: integers exactly; floats round.
func (o Const) Infer(c *ir.Instr) ([]ir.Type, error) {
	if err := arity(o, c, 0); err != nil {
		return nil, err
	}
	if o.Type.DType == ir.Invalid {
		return nil, attribute(o, "a type", "none")
	}
	if !representable(o.Type.DType, o.Value.Float()) {
		return nil, attribute(o, "a value of type "+o.Type.DType.String(), formatFloat(o.Value.Float()))
	}
	return []ir.Type{o.Type}, nil
}

// Literal is the constant Module.Data[Data], which has the same type.
type Literal struct {
	Type ir.Type
	Data int32
}

func (Literal) Name() string { return "literal" }

// DataIndex returns the index into Module.Data and the type expected there.
func (o Literal) DataIndex() (int32, ir.Type) { return o.Data, o.Type }

// Infer returns the type.
func (o Literal) Infer(c *ir.Instr) ([]ir.Type, error) {
	if err := arity(o, c, 0); err != nil {
		return nil, err
	}
	if o.Type.DType == ir.Invalid || o.Data < 0 {
		return nil, attribute(o, "a type and an index", "none")
	}
	return []ir.Type{o.Type}, nil
}

// Iota counts 0, 1, 2, … along an axis.
type Iota struct {
	Type ir.Type
	Axis int64
}

func (Iota) Name() string { return "iota" }

// Infer requires a type of numbers that holds the last one.
func (o Iota) Infer(c *ir.Instr) ([]ir.Type, error) {
	if err := arity(o, c, 0); err != nil {
		return nil, err
	}
	d := o.Type.DType
	if !d.IsFloat() && !d.IsInt() {
		return nil, attribute(o, "numbers", d.String())
	}
	if err := axis(o, o.Axis, o.Type.Shape.Rank()); err != nil {
		return nil, err
	}
	if n := o.Type.Shape.Dim(int(o.Axis)); n > 0 && !representable(d, float64(n-1)) {
		return nil, attribute(o, "a type that holds the last number", d.String())
	}
	return []ir.Type{o.Type}, nil
}

// Cast converts the element type. Floats round to nearest; a float becomes an integer by truncation toward zero, saturating at the ends of the range, and
// NaN becomes 0; integers wrap around; a bool is 0 or 1, and all but 0 becomes true.
type Cast struct{ To ir.DType }

func (Cast) Name() string { return "cast" }

// Infer requires a valid type.
func (o Cast) Infer(c *ir.Instr) ([]ir.Type, error) {
	if err := arity(o, c, 1); err != nil {
		return nil, err
	}
	if o.To == ir.Invalid || o.To > ir.F64 {
		return nil, attribute(o, "a type", "none")
	}
	return []ir.Type{{DType: o.To, Shape: c.Args[0].Type.Shape}}, nil
}

// Stop is the identity, and a constant for differentiation.
type Stop struct{ ir.NoGrad }

func (Stop) Name() string { return "stop" }

// Infer returns the argument's type.
func (o Stop) Infer(c *ir.Instr) ([]ir.Type, error) {
	if err := arity(o, c, 1); err != nil {
		return nil, err
	}
	return []ir.Type{c.Args[0].Type}, nil
}
