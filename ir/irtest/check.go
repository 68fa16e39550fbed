// Package irtest has what tests of the intermediate representation share: random values, random well-typed modules, comparison with a tolerance, and gradients
// checked by finite differences.
package irtest

import (
	"fmt"
	"math"
	"math/rand/v2"

	"modelc/ir"
	"modelc/ir/eval"
)

// Rand returns a source of random numbers that a test names by a seed.
func Rand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0x9E3779B97F4A7C15)) }

// Fill returns random elements of a type: floats uniform between low and high, bools, and integers from 0 up to below top.
func Fill(r *rand.Rand, t ir.Type, low, high float64, top int64) ir.Ref {
	v := eval.New(t)
	for i := range v.Data {
		switch {
		case t.DType == ir.Bool:
			v.Data[i] = float64(r.IntN(2))
		case t.DType.IsInt():
			v.Data[i] = float64(r.Int64N(max(top, 1)))
		default:
			v.Data[i] = t.DType.Round(low + (high-low)*r.Float64())
		}
	}
	return v
}

// Tolerance is how far two numbers may lie apart: Absolute + Relative·|want|.
type Tolerance struct{ Absolute, Relative float64 }

// The tolerances of the project: of gradients in float64, and of elementwise results in float32.
var (
	Gradients   = Tolerance{1e-5, 1e-3}
	Elementwise = Tolerance{1e-5, 1.3e-6}
)

// Compare reports the first element of got that is too far from want; NaN equals NaN and an infinity only itself.
func Compare(want, got ir.Ref, tol Tolerance) error {
	if want.Type != got.Type || len(want.Data) != len(got.Data) {
		return fmt.Errorf("want %v with %d elements, got %v with %d", want.Type, len(want.Data), got.Type, len(got.Data))
	}
	for i, w := range want.Data {
		if !tol.Holds(w, got.Data[i]) {
			return fmt.Errorf("element %d of %v: want %v, got %v", i, want.Type, w, got.Data[i])
		}
	}
	return nil
}

// Holds reports whether got is close enough to want.
func (tol Tolerance) Holds(want, got float64) bool {
	switch {
	case want == got || math.IsNaN(want) && math.IsNaN(got):
		return true
	case math.IsInf(want, 0) || math.IsInf(got, 0):
		return false
	}
	return math.Abs(want-got) <= tol.Absolute+tol.Relative*math.Abs(want)
}

// Differentiable is a function from values to values. Arguments and results that are not f64 are constants for differentiation.
type Differentiable func(args []ir.Ref) ([]ir.Ref, error)

// CheckGradient compares a gradient with central differences (step 1e-6) along random directions. The gradient takes the arguments followed by one upstream
// gradient per result, and returns one value per argument; a value without Data is zero. With up to 64 elements every partial derivative is checked too.
func CheckGradient(r *rand.Rand, f, gradient Differentiable, args []ir.Ref) error {
	const eps = 1e-6
	results, err := f(args)
	if err != nil {
		return err
	}
	dy := make([]ir.Ref, len(results))
	for i, y := range results {
		dy[i] = eval.New(y.Type)
		if y.Type.DType == ir.F64 {
			dy[i] = Fill(r, y.Type, -1, 1, 1)
		}
	}
	got, err := gradient(append(append([]ir.Ref(nil), args...), dy...))
	if err != nil {
		return err
	}
	if len(got) != len(args) {
		return fmt.Errorf("%d gradients for %d arguments", len(got), len(args))
	}
	var directions [][]ir.Ref
	elements := 0
	random := make([]ir.Ref, len(args))
	for i, a := range args {
		random[i] = eval.New(a.Type)
		if a.Type.DType == ir.F64 {
			random[i] = Fill(r, a.Type, -1, 1, 1)
			elements += len(a.Data)
		}
		if got[i].Data != nil && got[i].Type != a.Type {
			return fmt.Errorf("the gradient by argument %d is %v, not %v", i, got[i].Type, a.Type)
		}
	}
	directions = append(directions, random)
	if elements <= 64 {
		for i, a := range args {
			for k := range a.Data {
				if a.Type.DType == ir.F64 {
					d := make([]ir.Ref, len(args))
					for j := range d {
						d[j] = eval.New(args[j].Type)
					}
					d[i].Data[k] = 1
					directions = append(directions, d)
				}
			}
		}
	}
	for n, d := range directions {
		high, err := along(f, args, d, dy, eps)
		if err != nil {
			return err
		}
		low, err := along(f, args, d, dy, -eps)
		if err != nil {
			return err
		}
		sum := 0.0
		for i := range args {
			for k, g := range got[i].Data {
				sum += g * d[i].Data[k]
			}
		}
		if want := (high - low) / (2 * eps); !Gradients.Holds(want, sum) {
			return fmt.Errorf("direction %d: finite differences give %v, the gradient %v", n, want, sum)
		}
	}
	return nil
}

// along returns the sum of dy·f at the arguments moved by step along a direction.
func along(f Differentiable, args, direction, dy []ir.Ref, step float64) (float64, error) {
	moved := make([]ir.Ref, len(args))
	for i, a := range args {
		moved[i] = a
		if a.Type.DType == ir.F64 {
			moved[i] = ir.Ref{Type: a.Type, Data: append([]float64(nil), a.Data...)}
			for k := range a.Data {
				moved[i].Data[k] += step * direction[i].Data[k]
			}
		}
	}
	results, err := f(moved)
	if err != nil {
		return 0, err
	}
	sum := 0.0
	for i, y := range results {
		if y.Type.DType == ir.F64 {
			for k, v := range y.Data {
				if !math.IsInf(v, 0) { // the neutral element of max and min is constant
					sum += v * dy[i].Data[k]
				}
			}
		}
	}
	return sum, nil
}
