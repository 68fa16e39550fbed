package ops_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"modelc/ir"
	"modelc/ir/eval"
	"modelc/ir/irtest"
	"modelc/ir/ops"
	"modelc/ir/scalar"
)

// points lists a space in row-major order.
func points(dims []int64) [][]int64 {
	out := [][]int64{{}}
	for _, d := range dims {
		var next [][]int64
		for _, p := range out {
			for i := range d {
				next = append(next, append(append([]int64(nil), p...), i))
			}
		}
		out = next
	}
	return out
}

// place computes an affine map at a point; ok is false between the elements.
func place(a ir.Affine, p []int64) (v int64, ok bool) {
	v = a.Base
	for i, axis := range a.Axis {
		v += a.Coef[i] * p[axis]
	}
	if a.Step > 1 {
		return v / a.Step, v%a.Step == 0
	}
	return v, true
}

// read reads an argument through an access at a point; inside is false where the place lies outside or between.
func read(t *testing.T, a ir.Access, arg ir.Ref, p []int64, index func() int64) (v float64, inside bool) {
	require.Len(t, a.Axes, arg.Type.Shape.Rank())
	at := int64(0)
	for k, f := range a.Axes {
		i, ok := place(f, p)
		if f.Step < 0 {
			i, ok = index(), true
		}
		n := arg.Type.Shape.Dim(k)
		if !ok || i < 0 || i >= n {
			require.True(t, a.Padded, "an access leaves its argument: axis %d of %v at %v", k, arg.Type, p)
			return a.Fill.Float(), false
		}
		at = at*n + i
	}
	return arg.Data[at], true
}

// byForm computes an op from its Form alone.
func byForm(t *testing.T, c *ir.Instr, in []ir.Ref) ([]float64, bool) {
	f := c.Op.Form(c)
	require.GreaterOrEqual(t, len(f.Space), f.Folds)
	outer, folds := f.Space[:len(f.Space)-f.Folds], f.Space[len(f.Space)-f.Folds:]
	if f.Kind != ir.Opaque {
		require.Equal(t, append([]int64{}, c.Results[0].Type.Shape.Dims()...), append([]int64{}, outer...), "the result's axes lead the space")
	}
	d := c.Results[0].Type.DType
	var out []float64
	fold := func(code scalar.Code, f func(p []int64) float64) {
		neutral, _ := scalar.Neutral(code)
		if lo, hi := d.Range(); !d.IsFloat() {
			neutral = max(lo, min(hi, neutral))
		}
		for _, p := range points(outer) {
			acc := neutral
			for _, q := range points(folds) {
				acc = scalar.Lookup(code).Float(acc, f(append(append([]int64(nil), p...), q...)), 0)
			}
			out = append(out, d.Round(acc))
		}
	}
	switch f.Kind {
	case ir.Map:
		for _, p := range points(outer) {
			var x [3]float64
			for i, a := range f.Reads {
				x[i], _ = read(t, a, in[i], p, nil)
			}
			switch f.Code {
			case "const":
				out = append(out, d.Round(f.Value.Float()))
			case "cast":
				if d == ir.Bool && x[0] != 0 {
					x[0] = 1
				}
				out = append(out, d.Round(x[0]))
			default:
				row := scalar.Lookup(scalar.Code(f.Code))
				if c.Args[0].Type.DType.IsInt() && row.Int != nil {
					out = append(out, d.WrapInt(row.Int(int64(x[0]), int64(x[1]))))
				} else {
					out = append(out, d.Round(row.Float(x[0], x[1], x[2])))
				}
			}
		}
	case ir.Reduce:
		if scalar.Lookup(scalar.Code(f.Code)) == nil {
			return nil, false // argmax and argmin
		}
		fold(scalar.Code(f.Code), func(p []int64) float64 {
			v, _ := read(t, f.Reads[0], in[0], p, nil)
			return v
		})
	case ir.Product:
		fold(scalar.Add, func(p []int64) float64 {
			v, _ := read(t, f.Reads[0], in[0], p, nil)
			w, _ := read(t, f.Reads[1], in[1], p, nil)
			return v * w
		})
	case ir.View:
		if f.Flat {
			out = append(out, in[0].Data...)
		}
		if len(f.Reads) == 0 {
			break
		}
		out = nil
		for _, p := range points(outer) {
			insides := 0
			var v float64
			for i, a := range f.Reads {
				w, inside := read(t, a, in[i], p, nil)
				if inside || len(f.Reads) == 1 {
					v = w
					insides++
				}
			}
			require.Equal(t, 1, insides, "a place lies in just one argument")
			out = append(out, v)
		}
		if f.Flat {
			require.Equal(t, in[0].Data, append([]float64{}, out...), "a flat view keeps the order")
		}
	case ir.Index:
		switch f.Code {
		case "iota":
			for _, p := range points(outer) {
				v, _ := place(f.Place, p)
				out = append(out, float64(v))
			}
		case "gather":
			for _, p := range points(outer) {
				v, _ := read(t, f.Reads[0], in[0], p, func() int64 {
					i, _ := read(t, f.Reads[1], in[1], p, nil)
					return int64(i)
				})
				out = append(out, v)
			}
		default:
			return nil, false
		}
	default:
		return nil, false
	}
	return out, true
}

func TestFormsAgreeWithEval(t *testing.T) {
	covered := map[ir.Kind]int{}
	examples(t, func(t *testing.T, row ops.Row, m *ir.Module) {
		f := m.Funcs[0]
		c := f.Body[0]
		in := arguments(3, row, f)
		want, err := eval.Func(m, f, in)
		require.NoError(t, err)
		got, ok := byForm(t, c, in)
		if !ok {
			return
		}
		covered[c.Op.Form(c).Kind]++
		tol := irtest.Tolerance{Absolute: 1e-12, Relative: 1e-12}
		if !want[0].Type.DType.IsFloat() {
			tol = irtest.Tolerance{}
		}
		require.NoError(t, irtest.Compare(want[0], ir.Ref{Type: want[0].Type, Data: got}, tol))
	})
	for _, kind := range []ir.Kind{ir.Map, ir.Reduce, ir.Product, ir.View, ir.Index} {
		assert.NotZero(t, covered[kind], "kind %d", kind)
	}
}
