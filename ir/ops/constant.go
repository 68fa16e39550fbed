package ops

import (
	"math"

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

// Grad has no arguments to give to.
func (Const) Grad(*ir.Builder, *ir.Instr, []*ir.Value) []*ir.Value { return nil }

// Grad has no arguments to give to.
func (Literal) Grad(*ir.Builder, *ir.Instr, []*ir.Value) []*ir.Value { return nil }

// Grad has no arguments to give to.
func (Iota) Grad(*ir.Builder, *ir.Instr, []*ir.Value) []*ir.Value { return nil }

// Grad casts back; it is zero unless both types are floating-point.
func (o Cast) Grad(b *ir.Builder, c *ir.Instr, dy []*ir.Value) []*ir.Value {
	from := c.Args[0].Type.DType
	if dy[0] == nil || !from.IsFloat() || !o.To.IsFloat() {
		return []*ir.Value{nil}
	}
	return []*ir.Value{Convert(b, dy[0], from)}
}

// Eval fills.
func (o Const) Eval(_, out []ir.Ref) {
	for i := range out[0].Data {
		out[0].Data[i] = o.Value.Float()
	}
}

// Eval is the interpreter's, which knows the module; asking the op is our bug.
func (Literal) Eval(_, _ []ir.Ref) {
	panic("ops: a literal is read from its module by the interpreter")
}

// Eval counts.
func (o Iota) Eval(_, out []ir.Ref) {
	_, n, inner := lines(o.Type.Shape, int(o.Axis))
	for i := range out[0].Data {
		out[0].Data[i] = float64(int64(i) / inner % n)
	}
}

// Eval converts; the interpreter's rounding completes it.
func (o Cast) Eval(in, out []ir.Ref) {
	lo, hi := o.To.Range()
	saturate := in[0].Type.DType.IsFloat() && o.To.IsInt()
	for i, v := range in[0].Data {
		switch {
		case o.To == ir.Bool:
			if v != 0 { // NaN is true
				v = 1
			}
		case saturate && v != v:
			v = 0
		case saturate:
			v = math.Max(lo, math.Min(hi, math.Trunc(v)))
		}
		out[0].Data[i] = v
	}
}

// Eval copies.
func (Stop) Eval(in, out []ir.Ref) { copy(out[0].Data, in[0].Data) }

// Form returns a Map with the code "const".
func (o Const) Form(c *ir.Instr) ir.Form {
	return ir.Form{Kind: ir.Map, Space: o.Type.Shape.Dims(), Code: "const", Value: o.Value}
}

// Form returns Opaque.
func (o Literal) Form(c *ir.Instr) ir.Form { return ir.Form{Space: o.Type.Shape.Dims()} }

// Form returns an Index with the code "iota".
func (o Iota) Form(c *ir.Instr) ir.Form {
	return ir.Form{Kind: ir.Index, Space: o.Type.Shape.Dims(), Code: "iota", Place: ir.Along(int(o.Axis))}
}

// Form returns a Map with the code "cast"; the element types are those of argument and result.
func (o Cast) Form(c *ir.Instr) ir.Form { return elementwise(c, "cast") }

// Form returns the identical View.
func (Stop) Form(c *ir.Instr) ir.Form {
	s := c.Results[0].Type.Shape
	return ir.Form{Kind: ir.View, Space: s.Dims(), Reads: []ir.Access{ir.Identity(s.Rank())}, Flat: true}
}
