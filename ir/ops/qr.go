package ops

import (
	"fmt"

	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack/lapack64"

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

// Eval factors by Householder reflections (LAPACK's geqrf and orgqr, in gonum) and turns the columns whose diagonal entry of R is negative.
func (QR) Eval(in, out []ir.Ref) {
	s := in[0].Type.Shape
	r := s.Rank()
	m, n := int(s.Dim(r-2)), int(s.Dim(r-1))
	if m == 0 || n == 0 {
		return
	}
	for k := range int(span(s, 0, r-2)) {
		orthonormal(in[0].Data[k*m*n:][:m*n], out[0].Data[k*m*n:][:m*n], m, n)
	}
}

func orthonormal(a, q []float64, m, n int) {
	copy(q, a)
	g := blas64.General{Rows: m, Cols: n, Stride: n, Data: q}
	tau := make([]float64, n)
	work := make([]float64, 1)
	lapack64.Geqrf(g, tau, work, -1) // -1 asks for the size of work
	work = make([]float64, max(int(work[0]), n))
	lapack64.Geqrf(g, tau, work, len(work))
	negative := make([]bool, n)
	for j := range n {
		negative[j] = q[j*n+j] < 0
	}
	lapack64.Orgqr(g, tau, work, len(work))
	for j := range n {
		if negative[j] {
			for i := range m {
				q[i*n+j] = -q[i*n+j]
			}
		}
	}
}

// Form returns Opaque.
func (QR) Form(c *ir.Instr) ir.Form { return ir.Form{Space: c.Results[0].Type.Shape.Dims()} }
