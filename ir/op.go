package ir

import "fmt"

// Op is an operation: a small comparable struct that is its own attributes and answers everything the compiler asks. Nothing else in the
// compiler knows ops by name; the exceptions are the structural ops of this package (Call, Scan), which have callees.
//
// Every attribute compares by ==, so common-subexpression elimination, printing and parsing need no help from an op. Attributes are exported
// fields of these types only: bool, the sized ints, DType, Type, Shape, Axes, Ints, Scalar, string, and named string or int types. A field with the
// tag ir:"name" is part of the op's name and not printed beside it.
type Op interface {
	// Name returns the mnemonic of the text form.
	Name() string
	// Infer returns the result types; c has Op, Args and Callees set. It is the only shape rule. An error is a *ShapeError where a size is at fault.
	Infer(c *Instr) ([]Type, error)
	// Grad returns one value per argument: the gradient of a scalar by that argument, given dy, that by each result. A nil in dy is zero; a nil
	// returned is zero. Ops without a gradient embed NoGrad.
	Grad(b *Builder, c *Instr, dy []*Value) []*Value
	// Eval computes the results: slow, obvious, in float64. It is the definition of the op.
	Eval(in, out []Ref)
	// Form describes how results are read from arguments, as data: for fusion, views, layout, costs, independence along an axis.
	Form(c *Instr) Form
}

// Ref is a dense tensor of float64 in row-major order, whatever its element type. The interpreter rounds results to their element type.
type Ref struct {
	Type Type
	Data []float64
}

// NoGrad is embedded by ops whose results are constants for differentiation.
type NoGrad struct{}

// Constant marks the ops whose results are constants for differentiation, so that nothing before them is differentiated either.
func (NoGrad) Constant() {}

// Grad returns zeros.
func (NoGrad) Grad(_ *Builder, c *Instr, _ []*Value) []*Value { return make([]*Value, len(c.Args)) }

// ShapeError is a size that does not fit: of argument Arg (-1: the attributes), at Axis (-1: the rank or the element type).
type ShapeError struct {
	Op        string
	Arg, Axis int
	Want, Got string
}

func (e *ShapeError) Error() string {
	switch {
	case e.Arg < 0:
		return fmt.Sprintf("%s: want %s, got %s", e.Op, e.Want, e.Got)
	case e.Axis < 0:
		return fmt.Sprintf("%s: argument %d: want %s, got %s", e.Op, e.Arg, e.Want, e.Got)
	}
	return fmt.Sprintf("%s: argument %d, axis %d: want %s, got %s", e.Op, e.Arg, e.Axis, e.Want, e.Got)
}
