package kernel

import (
	"fmt"

	"modelc/ir"
	"modelc/ir/scalar"
)

// Interpret runs a Func by its definition, point by point in float64 with each value rounded to its type: what every schedule of it must equal up to the order of its
// sums. memory holds the elements of each operand, and base its place in them; those of a Count operand are ignored but for its base.
func Interpret(f *Func, memory [][]float64, base []int64) error {
	if len(memory) != len(f.Args) || len(base) != len(f.Args) {
		return fmt.Errorf("kernel: %d operands, got %d", len(f.Args), len(memory))
	}
	dims := append(append([]int64(nil), f.Outer...), f.Inner...)
	rows, width := f.Rows(), f.Width()
	// The values of a row: one per point.
	values := make([][]float64, len(f.Body))
	for i := range values {
		values[i] = make([]float64, max(width, 1))
	}
	place := func(arg int32, row, point int64) int64 {
		at := base[arg]
		s := f.Args[arg].Stride
		for i := len(dims) - 1; i >= 0; i-- {
			c := &point
			if i < len(f.Outer) {
				c = &row
			}
			at += *c % dims[i] * s[i]
			*c /= dims[i]
		}
		return at
	}
	for i, n := range f.Body {
		if n.Kind == FoldColumn {
			v, _ := scalar.Neutral(n.Code)
			for row := range rows {
				for p := range width {
					memory[n.Arg][place(n.Arg, row, p)] = v
				}
			}
			if rows == 0 {
				return fmt.Errorf("kernel: node %d folds no rows; there is no place to write", i)
			}
		}
	}
	for row := range rows {
		for i, n := range f.Body {
			in := func(k int, p int64) float64 {
				x := n.In[k]
				if f.Body[x].Level != Point {
					p = 0
				}
				return values[x][p]
			}
			points := int64(1)
			if n.Level == Point {
				points = width
			}
			if n.Kind == FoldRow {
				acc, _ := scalar.Neutral(n.Code)
				fold := scalar.Lookup(n.Code)
				for p := range width {
					acc = fold.Float(acc, in(0, p), 0)
				}
				values[i][0] = n.Type.Round(acc)
				continue
			}
			for p := range points {
				switch n.Kind {
				case Load:
					at := place(n.Arg, row, p)
					values[i][p] = float64(at)
					if !f.Args[n.Arg].Count {
						values[i][p] = memory[n.Arg][at]
					}
				case Number:
					values[i][p] = n.Type.Round(n.Value)
				case Op:
					var x [3]float64
					for k := range n.In {
						x[k] = in(k, p)
					}
					values[i][p] = n.Type.Round(scalar.Lookup(n.Code).Float(x[0], x[1], x[2]))
				case Cast:
					values[i][p] = n.Type.Round(saturated(in(0, p), f.Body[n.In[0]].Type, n.Type))
				case Spread:
					values[i][p] = in(0, p)
				case Store:
					memory[n.Arg][place(n.Arg, row, p)] = in(0, p)
				case FoldColumn:
					at := place(n.Arg, row, p)
					memory[n.Arg][at] = scalar.Lookup(n.Code).Float(memory[n.Arg][at], in(0, p), 0)
				default:
					return fmt.Errorf("kernel: node %d has the unknown kind %d", i, n.Kind)
				}
			}
		}
	}
	for _, n := range f.Body {
		if n.Kind == FoldColumn {
			for at, v := range memory[n.Arg] {
				memory[n.Arg][at] = n.Type.Round(v)
			}
		}
	}
	return nil
}

// saturated is a float on its way to an integer type: at the ends of the range it stays there, and NaN is 0.
func saturated(v float64, from, to ir.DType) float64 {
	if !from.IsFloat() || !to.IsInt() {
		return v
	}
	lo, hi := to.Range()
	switch {
	case v != v:
		return 0
	case v < lo:
		return lo
	case v > hi:
		return hi
	}
	return v
}
