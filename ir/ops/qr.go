package ops

import (
	"fmt"
	"math"

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

// Eval reflects the columns away one by one (Householder, 1958), applies the reflections to the unit vectors from the last to the first, and turns the columns
// whose diagonal entry of R is negative.
func (QR) Eval(in, out []ir.Ref) {
	s := in[0].Type.Shape
	r := s.Rank()
	m, n := int(s.Dim(r-2)), int(s.Dim(r-1))
	for k := range int(span(s, 0, r-2)) {
		orthonormal(in[0].Data[k*m*n:][:m*n], out[0].Data[k*m*n:][:m*n], m, n)
	}
}

func orthonormal(a, q []float64, m, n int) {
	a = append([]float64(nil), a...)
	reflectors := make([][]float64, n)
	signs := make([]float64, n)
	for j := range n {
		v := make([]float64, m)
		norm := 0.0
		for i := j; i < m; i++ {
			v[i] = a[i*n+j]
			norm = math.Hypot(norm, v[i])
		}
		// The reflection sends the column to -sign(v[j])·norm, which avoids cancellation.
		signs[j] = -1
		if v[j] < 0 {
			signs[j] = 1
		}
		v[j] -= signs[j] * norm
		length := 0.0
		for i := j; i < m; i++ {
			length = math.Hypot(length, v[i])
		}
		if length == 0 { // a zero column needs no reflection
			signs[j] = 1
			continue
		}
		for i := j; i < m; i++ {
			v[i] /= length
		}
		reflectors[j] = v
		for c := j; c < n; c++ {
			reflect(a, v, m, n, j, c)
		}
	}
	clear(q)
	for j := range n {
		q[j*n+j] = 1
	}
	for j := n - 1; j >= 0; j-- {
		if reflectors[j] != nil {
			for c := range n {
				reflect(q, reflectors[j], m, n, j, c)
			}
		}
	}
	for j, sign := range signs {
		for i := range m {
			q[i*n+j] *= sign
		}
	}
}

// reflect replaces column c by its mirror image in the plane across the unit vector v, whose entries before j are 0.
func reflect(a, v []float64, m, n, j, c int) {
	dot := 0.0
	for i := j; i < m; i++ {
		dot += v[i] * a[i*n+c]
	}
	for i := j; i < m; i++ {
		a[i*n+c] -= 2 * dot * v[i]
	}
}

// Form returns Opaque.
func (QR) Form(c *ir.Instr) ir.Form { return ir.Form{Space: c.Results[0].Type.Shape.Dims()} }
