package backendtest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"modelc/backend"
	"modelc/ir"
	"modelc/ir/eval"
	"modelc/ir/irtest"
	"modelc/ir/ops"
	"modelc/ir/scalar"
)

// builder makes a function of two arguments of one shape.
type builder func(b *ir.Builder, x, y *ir.Value) []*ir.Value

// spread repeats v along the axes of t that are not listed.
func spread(b *ir.Builder, v *ir.Value, t ir.Type, axes ...int) *ir.Value {
	return ops.BroadcastTo(b, v, t.Shape, axes...)
}

// programs are the forms that kernels are made of: chains, folds along rows and columns and both, views of all kinds between them.
var programs = []struct {
	name  string
	build builder
}{
	{"chain", func(b *ir.Builder, x, y *ir.Value) []*ir.Value {
		z := ops.Mul(b, ops.Add(b, x, y), ops.Sub(b, x, ops.Number(b, y.Type, 0.5)))
		return []*ir.Value{z, ops.Select(b, ops.Gt(b, x, y), z, ops.Neg(b, z)), ops.Lt(b, z, x)}
	}},
	{"softmax", func(b *ir.Builder, x, y *ir.Value) []*ir.Value {
		r := x.Type.Shape.Rank() - 1
		keep := upTo(r)
		e := ops.Exp(b, ops.Sub(b, x, spread(b, ops.ReduceMax(b, x, r), x.Type, keep...)))
		p := ops.Div(b, e, spread(b, ops.Sum(b, e, r), x.Type, keep...))
		return []*ir.Value{p, ops.Sum(b, ops.Mul(b, p, y), r)}
	}},
	{"columns", func(b *ir.Builder, x, y *ir.Value) []*ir.Value {
		lead := upTo(x.Type.Shape.Rank() - 1)
		z := ops.Mul(b, x, y)
		return []*ir.Value{ops.Sum(b, z, lead...), ops.ReduceMax(b, x, lead...), z, ops.Sum(b, x, 0), ops.ReduceMin(b, z, 0)}
	}},
	{"norm", func(b *ir.Builder, x, y *ir.Value) []*ir.Value {
		r := x.Type.Shape.Rank() - 1
		keep := upTo(r)
		n := 1 / float64(max(x.Type.Shape.Dim(r), 1))
		row := ops.Sum(b, x, r)
		mean := ops.Mul(b, row, ops.Number(b, row.Type, n))
		d := ops.Sub(b, x, spread(b, mean, x.Type, keep...))
		variance := ops.Sum(b, ops.Mul(b, d, d), r)
		std := ops.Sqrt(b, ops.Add(b, variance, ops.Number(b, row.Type, 1)))
		z := ops.Div(b, d, spread(b, std, x.Type, keep...))
		return []*ir.Value{z, ops.Sum(b, ops.Mul(b, z, y), keep...), ops.Sum(b, y, keep...)}
	}},
	{"whole", func(b *ir.Builder, x, y *ir.Value) []*ir.Value {
		all := upTo(x.Type.Shape.Rank())
		s := ops.Sum(b, ops.Mul(b, x, y), all...)
		return []*ir.Value{s, ops.Mul(b, x, spread(b, ops.Sqrt(b, ops.Abs(b, s)), x.Type)), ops.ReduceMax(b, x, all...), ops.Prod(b, ops.Select(b, ops.Gt(b, x, y), ops.Ones(b, x.Type), ops.Number(b, x.Type, -1)), all...)}
	}},
	{"turned", func(b *ir.Builder, x, y *ir.Value) []*ir.Value {
		r := x.Type.Shape.Rank()
		perm := make([]int, r)
		for i := range perm {
			perm[i] = r - 1 - i
		}
		t := ops.TransposeBy(b, x, perm...)
		back := b.Op(ops.Reverse{Axes: ir.NewAxes(0)}, ops.Mul(b, t, t))
		return []*ir.Value{back, ops.Add(b, ops.TransposeBy(b, back, perm...), y), ops.Sum(b, t, r-1), ops.Sum(b, t, 0)}
	}},
	{"middle", func(b *ir.Builder, x, y *ir.Value) []*ir.Value {
		if x.Type.Shape.Rank() < 3 {
			return []*ir.Value{x}
		}
		s := ops.Sum(b, ops.Mul(b, x, y), 1)
		e := ops.ReduceMax(b, x, 0, 2)
		return []*ir.Value{s, ops.Add(b, y, spread(b, e, y.Type, 1)), ops.Sum(b, x, 0, 2)}
	}},
	{"indices", func(b *ir.Builder, x, y *ir.Value) []*ir.Value {
		r := x.Type.Shape.Rank()
		i := b.Op(ops.Iota{Type: ir.Type{DType: ir.I32, Shape: x.Type.Shape}, Axis: int64(r - 1)})
		j := b.Op(ops.Iota{Type: ir.Type{DType: ir.I32, Shape: x.Type.Shape}, Axis: 0})
		m := ops.Le(b, i, j)
		f := ops.Convert(b, ops.Sub(b, i, ops.Mul(b, j, j)), x.Type.DType)
		return []*ir.Value{ops.Select(b, m, x, ops.Number(b, x.Type, 0)), ops.Mul(b, f, y), ops.Any(b, m, r-1), ops.Sum(b, i, 0), b.Op(ops.ArgReduce{Code: scalar.Max, Axis: int64(r - 1)}, x)}
	}},
	{"types", func(b *ir.Builder, x, y *ir.Value) []*ir.Value {
		h := ops.Convert(b, x, ir.BF16)
		u := ops.Convert(b, ops.Mul(b, y, ops.Number(b, y.Type, 50)), ir.U8)
		w := ops.Convert(b, ops.Mul(b, h, h), x.Type.DType)
		return []*ir.Value{h, u, w, ops.Convert(b, u, x.Type.DType), ops.Convert(b, ops.Convert(b, y, ir.I64), ir.F64), ops.Convert(b, x, ir.Bool)}
	}},
}

func upTo(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// sizes cross the bounds of vectors, tiles and rows that are kept whole.
var sizes = [][]int64{{1}, {7}, {1023}, {4099}, {40000}, {3, 5}, {5, 1}, {1, 9}, {300, 10}, {17, 1025}, {2, 20000}, {20000, 2}, {33, 4, 65}, {6, 50, 31}, {2, 3, 1, 7, 11}, {0}, {4, 0}, {0, 4}}

func testShapes(t *testing.T, d backend.Device) {
	for _, p := range programs {
		for k, dims := range sizes {
			if testing.Short() && k%3 != 0 {
				continue
			}
			t.Run(fmt.Sprint(p.name, dims), func(t *testing.T) {
				for _, typ := range []ir.DType{ir.F32, ir.F64} {
					b := ir.NewBuilder("main")
					x, y := b.Param(ir.Of(typ, dims...), "x"), b.Param(ir.Of(typ, dims...), "y")
					results := p.build(b, x, y)
					if b.Err != nil {
						continue // an op that takes no empty axis
					}
					f := b.Return(results...)
					m := &ir.Module{Name: "shapes", Sites: []ir.Site{{}}, Funcs: []*ir.Func{f}, Entries: []*ir.Entry{Entry(f)}}
					r := irtest.Rand(uint64(k))
					args := []ir.Ref{irtest.Fill(r, x.Type, -2, 2, 3), irtest.Fill(r, y.Type, 0, 2, 3)}
					want, err := eval.Func(m, f, args)
					require.NoError(t, err)
					got, err := Call(d, m, args)
					require.NoError(t, err)
					for i := range want {
						tol := irtest.Tolerance{Absolute: 1e-4, Relative: 1e-5}
						switch {
						case want[i].Type.DType == ir.BF16:
							tol = tolerance(ir.BF16)
						case typ == ir.F64:
							tol = irtest.Tolerance{Absolute: 1e-10, Relative: 1e-10}
						}
						require.NoError(t, irtest.Compare(want[i], got[i], tol), "%v, result %d", typ, i)
					}
				}
			})
		}
	}
}

// testProducts multiplies and convolves at sizes around the kernels' blocks, with operands in every layout.
func testProducts(t *testing.T, d backend.Device) {
	check := func(name string, out func(b *ir.Builder) []*ir.Value) {
		b := ir.NewBuilder("main")
		f := b.Return(out(b)...)
		require.NoError(t, b.Err, name)
		m := &ir.Module{Name: "products", Sites: []ir.Site{{}}, Funcs: []*ir.Func{f}, Entries: []*ir.Entry{Entry(f)}}
		r := irtest.Rand(4)
		var args []ir.Ref
		for _, p := range f.Params {
			args = append(args, irtest.Fill(r, p.Type, -1, 1, 3))
		}
		want, err := eval.Func(m, f, args)
		require.NoError(t, err, name)
		got, err := Call(d, m, args)
		require.NoError(t, err, name)
		for i := range want {
			require.NoError(t, irtest.Compare(want[i], got[i], irtest.Tolerance{Absolute: 1e-4, Relative: 1e-5}), "%s, result %d", name, i)
		}
	}
	for _, s := range [][3]int64{{1, 1, 1}, {1, 300, 40}, {40, 300, 1}, {3, 700, 65}, {64, 33, 17}, {130, 70, 90}, {15, 0, 4}, {0, 3, 4}} {
		m, k, n := s[0], s[1], s[2]
		for layout := range 4 {
			check(fmt.Sprint("dot", s, layout), func(b *ir.Builder) []*ir.Value {
				at, bt := ir.Of(ir.F32, m, k), ir.Of(ir.F32, k, n)
				ca, cb := 1, 0
				if layout&1 != 0 {
					at, ca = ir.Of(ir.F32, k, m), 0
				}
				if layout&2 != 0 {
					bt, cb = ir.Of(ir.F32, n, k), 1
				}
				x, y := b.Param(at, "x"), b.Param(bt, "y")
				return []*ir.Value{b.Op(ops.Dot{ContractA: ir.NewAxes(ca), ContractB: ir.NewAxes(cb)}, x, y)}
			})
		}
	}
	check("heads", func(b *ir.Builder) []*ir.Value {
		q, k := b.Param(ir.Of(ir.F32, 3, 20, 4, 8), "q"), b.Param(ir.Of(ir.F32, 3, 17, 4, 8), "k")
		s := b.Op(ops.Dot{BatchA: ir.NewAxes(0, 2), BatchB: ir.NewAxes(0, 2), ContractA: ir.NewAxes(3), ContractB: ir.NewAxes(3)}, q, k)
		o := b.Op(ops.Dot{BatchA: ir.NewAxes(0, 1), BatchB: ir.NewAxes(0, 2), ContractA: ir.NewAxes(3), ContractB: ir.NewAxes(1)}, s, k)
		w := b.Op(ops.Dot{ContractA: ir.NewAxes(0, 1, 3), ContractB: ir.NewAxes(0, 2, 3)}, ops.TransposeBy(b, o, 0, 2, 1, 3), o)
		return []*ir.Value{s, o, w, b.Op(ops.Dot{ContractA: ir.NewAxes(1), ContractB: ir.NewAxes(1)}, b.Op(ops.Reverse{Axes: ir.NewAxes(1)}, q), q)}
	})
	// What follows a product point by point may run on its parts.
	for _, s := range [][3]int64{{9, 20, 33}, {70, 40, 700}, {300, 350, 96}, {2, 30, 50}, {40, 30, 2}} {
		m, k, n := s[0], s[1], s[2]
		check(fmt.Sprint("bias", s), func(b *ir.Builder) []*ir.Value {
			x, w, v := b.Param(ir.Of(ir.F32, m, k), "x"), b.Param(ir.Of(ir.F32, k, n), "w"), b.Param(ir.Of(ir.F32, n), "b")
			r, q := b.Param(ir.Of(ir.F32, m, n), "r"), b.Param(ir.Of(ir.F32, m), "q")
			d := ops.MatMul(b, x, w)
			z := ops.Add(b, d, spread(b, v, d.Type, 1))
			mask := ops.Gt(b, z, ops.Number(b, z.Type, 0))
			y := ops.Add(b, ops.Select(b, mask, z, ops.Number(b, z.Type, 0)), ops.Mul(b, r, spread(b, q, d.Type, 0)))
			back := b.Op(ops.Dot{ContractA: ir.NewAxes(0), ContractB: ir.NewAxes(0)}, x, y)
			return []*ir.Value{mask, y, ops.Neg(b, back), ops.Sum(b, y, 0)}
		})
	}
	check("bias of channels", func(b *ir.Builder) []*ir.Value {
		x, w, v := b.Param(ir.Of(ir.F32, 3, 2, 20, 30), "x"), b.Param(ir.Of(ir.F32, 5, 2, 3, 3), "w"), b.Param(ir.Of(ir.F32, 5), "b")
		y := ops.Convolve(b, x, w, []int64{1, 1}, []int64{1, 1}, []int64{1, 1}, []int64{1, 1}, 1)
		z := ops.Add(b, y, spread(b, v, y.Type, 1))
		return []*ir.Value{ops.Max(b, z, ops.Number(b, z.Type, 0)), ops.Gt(b, z, ops.Number(b, z.Type, 0))}
	})
	for i, c := range []struct {
		x, w                   []int64
		stride, dilate, lo, hi []int64
		groups                 int64
	}{
		{[]int64{2, 3, 9, 11}, []int64{5, 3, 3, 3}, []int64{1, 1}, []int64{1, 1}, []int64{1, 1}, []int64{1, 1}, 1},
		{[]int64{2, 3, 9, 11}, []int64{5, 3, 3, 2}, []int64{2, 3}, []int64{1, 2}, []int64{0, 1}, []int64{2, 0}, 1},
		{[]int64{3, 6, 8}, []int64{4, 3, 3}, []int64{1}, []int64{1}, []int64{-1}, []int64{2}, 2},
		{[]int64{1, 2, 5, 4, 6}, []int64{3, 2, 2, 1, 3}, []int64{1, 1, 2}, []int64{1, 1, 1}, []int64{0, 0, 1}, []int64{1, 0, 1}, 1},
		{[]int64{5, 40, 12, 12}, []int64{33, 40, 3, 3}, []int64{1, 1}, []int64{1, 1}, []int64{1, 1}, []int64{1, 1}, 1},
		{[]int64{4, 8, 6, 6}, []int64{8, 1, 3, 3}, []int64{1, 1}, []int64{1, 1}, []int64{1, 1}, []int64{1, 1}, 8},
	} {
		check(fmt.Sprint("conv ", i), func(b *ir.Builder) []*ir.Value {
			x, w := b.Param(ir.Of(ir.F32, c.x...), "x"), b.Param(ir.Of(ir.F32, c.w...), "w")
			y := ops.Convolve(b, x, w, c.stride, c.dilate, c.lo, c.hi, c.groups)
			results := []*ir.Value{y}
			// Its gradients are convolutions in other layouts.
			for _, in := range b.Func.Body {
				if _, ok := in.Op.(ops.Conv); ok {
					for _, g := range in.Op.Grad(b, in, []*ir.Value{ops.Tanh(b, in.Results[0])}) {
						results = append(results, g)
					}
					break
				}
			}
			return results
		})
	}
}
