package ops

import (
	"fmt"

	"modelc/ir"
)

// QR is the orthonormal factor Q of the last two axes [m, n], m ≥ n: Q has orthonormal columns, and QᵀA is upper triangular with a diagonal that is not
// negative, which makes Q unique. It serves orthogonal initialisation and has no gradient.
type QR struct{ ir.NoGrad }

func (QR) Name() string { return "qr" }

// Infer requires a floating-point matrix that is not wider than tall.
func (o QR) Infer(c *ir.Instr) ([]ir.Type, error) {
	if err := arity(o, c, 1); err != nil {
		return nil, err
	}
	t := c.Args[0].Type
	if !t.DType.IsFloat() {
		return nil, argument(o, 0, "a floating-point type", t.DType.String())
	}
	r := t.Shape.Rank()
	if r < 2 {
		return nil, argument(o, 0, "at least 2 axes", t.Shape.String())
	}
	if m, n := t.Shape.Dim(r-2), t.Shape.Dim(r-1); m < n {
		return nil, &ir.ShapeError{Op: "qr", Arg: 0, Axis: r - 2, Want: fmt.Sprintf("at least %d", n), Got: fmt.Sprint(m)}
	}
	return []ir.Type{t}, nil
}
