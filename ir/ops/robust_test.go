package ops_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"modelc/ir"
	"modelc/ir/eval"
	"modelc/ir/irtest"
	"modelc/ir/ops"
	"modelc/ir/scalar"
)

// attributes sets every field of an op to something: mostly small and plausible, sometimes far out.
func attributes(r *rand.Rand, op ir.Op, rank int) ir.Op {
	v := reflect.New(reflect.TypeOf(op)).Elem()
	v.Set(reflect.ValueOf(op))
	number := func() int64 {
		switch r.IntN(40) {
		case 0:
			return []int64{1 << 62, -1 << 63, 1<<63 - 1, 1 << 46, -1 << 46, 1 << 31}[r.IntN(6)]
		case 1, 2:
			return -1 - r.Int64N(3)
		}
		return r.Int64N(4)
	}
	ints := func() []int64 {
		n := max(0, min(ir.MaxRank, rank+[]int{0, 0, 0, 0, -1, -2, 1}[r.IntN(7)]))
		out := make([]int64, n)
		for i := range out {
			out[i] = number()
		}
		return out
	}
	for i := range v.NumField() {
		f := v.Field(i)
		if v.Type().Field(i).Anonymous || v.Type().Field(i).Tag.Get("ir") == "name" {
			continue
		}
		switch f.Interface().(type) {
		case ir.Ints:
			f.Set(reflect.ValueOf(ir.NewInts(ints()...)))
		case ir.Axes:
			list := r.Perm(max(rank, 1))[:r.IntN(max(rank, 1)+1)]
			if r.IntN(5) == 0 {
				list = append(list[:len(list):len(list)], r.IntN(ir.MaxRank))
			}
			f.Set(reflect.ValueOf(ir.NewAxes(list[:min(len(list), ir.MaxRank)]...)))
		case ir.Shape, ir.Type:
			s, err := ir.NewShape(ints()...)
			if err != nil {
				s = ir.MustShape()
			}
			if f.Type() == reflect.TypeOf(s) {
				f.Set(reflect.ValueOf(s))
			} else {
				f.Set(reflect.ValueOf(ir.Type{DType: ir.DType(r.IntN(12)), Shape: s}))
			}
		case ir.Scalar:
			f.Set(reflect.ValueOf(ir.Num(float64(number()))))
		case ir.DType:
			f.SetUint(uint64(r.IntN(14)))
		default:
			switch {
			case f.CanInt():
				f.SetInt(number())
			case f.CanUint():
				f.SetUint(r.Uint64())
			case f.Kind() == reflect.Bool:
				f.SetBool(r.IntN(2) == 0)
			case f.Kind() == reflect.String && r.IntN(4) == 0:
				f.SetString([]string{"", "strict", "x"}[r.IntN(3)])
			}
		}
	}
	return v.Interface().(ir.Op)
}

// nearby changes a few numbers of an example's op and types a little.
func nearby(r *rand.Rand, op ir.Op, types []ir.Type) (ir.Op, []ir.Type) {
	v := reflect.New(reflect.TypeOf(op)).Elem()
	v.Set(reflect.ValueOf(op))
	for i := range v.NumField() {
		f := v.Field(i)
		if v.Type().Field(i).Anonymous || v.Type().Field(i).Tag.Get("ir") == "name" || r.IntN(3) > 0 {
			continue
		}
		switch x := f.Interface().(type) {
		case ir.Ints:
			if l := x.List(); len(l) > 0 {
				l[r.IntN(len(l))] += r.Int64N(5) - 2
				f.Set(reflect.ValueOf(ir.NewInts(l...)))
			}
		case ir.Axes:
			l := x.List()
			r.Shuffle(len(l), func(i, j int) { l[i], l[j] = l[j], l[i] })
			f.Set(reflect.ValueOf(ir.NewAxes(l...)))
		case int64:
			f.SetInt(x + r.Int64N(3) - 1)
		case bool:
			f.SetBool(!x)
		}
	}
	types = append([]ir.Type(nil), types...)
	for i, t := range types {
		if d := t.Shape.Dims(); len(d) > 0 && r.IntN(3) == 0 {
			k := r.IntN(len(d))
			d[k] = max(0, d[k]+r.Int64N(3)-1)
			types[i] = ir.Of(t.DType, d...)
		}
	}
	return v.Interface().(ir.Op), types
}

// Whatever the attributes and arguments are, the shape rule answers without a panic; and what it accepts evaluates, has a form, prints, and has well-typed
// gradients to second order.
func TestAcceptedOpsWork(t *testing.T) {
	accepted := map[string]int{}
	type example struct {
		op    ir.Op
		types []ir.Type
	}
	good := map[string][]example{}
	examples(t, func(t *testing.T, row ops.Row, m *ir.Module) {
		e := example{op: m.Funcs[0].Body[0].Op}
		for _, p := range m.Funcs[0].Params {
			e.types = append(e.types, p.Type)
		}
		good[row.Op.Name()] = append(good[row.Op.Name()], e)
	})
	for seed := range uint64(100000) {
		r := irtest.Rand(seed)
		row := ops.Table[seed%uint64(len(ops.Table))]
		rank := r.IntN(5)
		shape := func() []int64 {
			dims := make([]int64, max(0, rank+[]int{0, 0, 0, -1, 1}[r.IntN(5)]))
			for i := range dims {
				dims[i] = r.Int64N(4)
			}
			return dims
		}
		op := attributes(r, row.Op, rank)
		base := ir.Of([]ir.DType{ir.F64, ir.F64, ir.F64, ir.F64, ir.I32, ir.Bool}[r.IntN(6)], shape()...)
		b := ir.NewBuilder("f")
		var args []*ir.Value
		for range r.IntN(4) {
			typ := base
			switch r.IntN(6) {
			case 0:
				typ = ir.Of(ir.F64, shape()...)
			case 1:
				typ = ir.Of([]ir.DType{ir.Bool, ir.I32, ir.F32}[r.IntN(3)], shape()...)
			}
			if r.IntN(8) == 0 {
				typ = []ir.Type{ir.Of(ir.I32), ops.KeyType}[r.IntN(2)]
			}
			args = append(args, b.Param(typ, ""))
		}
		if list := good[row.Op.Name()]; len(list) > 0 && r.IntN(2) == 0 {
			e := list[r.IntN(len(list))]
			near, types := nearby(r, e.op, e.types)
			op, args, b = near, nil, ir.NewBuilder("f")
			for _, typ := range types {
				args = append(args, b.Param(typ, ""))
			}
		}
		name := fmt.Sprintf("seed %d: %s {%s}", seed, op.Name(), ir.Attributes(op))
		types, err := op.Infer(&ir.Instr{Op: op, Args: args})
		if err != nil {
			continue
		}
		small := true
		for _, typ := range types {
			small = small && typ.Shape.Size() <= 5000
		}
		if _, literal := op.(ops.Literal); !small || literal {
			continue
		}
		accepted[op.Name()]++
		f := b.Return(b.Emit(op, nil, args...)...)
		require.NoError(t, ir.VerifyFunc(f), name)
		op.Form(f.Body[0])
		if !constant(op) {
			second(t, name, f)
			if isDouble(f) && seed%4 == 0 {
				g := reverse(f)
				require.NoError(t, irtest.CheckGradient(r, run(f), run(g), arguments(seed, row, f)), "%s\n%s", name, ir.PrintFunc(nil, g))
			}
		}
		_, err = eval.Func(nil, f, arguments(seed, row, f))
		require.NoError(t, err, name)
		again, err := ir.Parse("again", ir.Print(&ir.Module{Funcs: []*ir.Func{f}}), ops.Registry)
		require.NoError(t, err, name)
		require.Equal(t, op, again.Funcs[0].Body[0].Op, name)
	}
	for _, row := range ops.Table {
		if n := row.Op.Name(); n != "literal" {
			require.NotZero(t, accepted[n], "no example of %s was accepted", n)
		}
	}
}

// second builds the gradient and its gradient; a form must exist of each instruction in them.
func second(t *testing.T, name string, f *ir.Func) {
	for range 2 {
		f = reverse(f)
		require.NoError(t, ir.VerifyFunc(f), name)
		for _, c := range f.Body {
			c.Op.Form(c)
		}
	}
}

// On integers the interpreter is exact, whatever the table's float64 meaning loses.
func TestIntegersAreExact(t *testing.T) {
	r := irtest.Rand(5)
	for range 2000 {
		a, b := int32(r.Uint32()), int32(r.Uint32())
		for code, want := range map[scalar.Code]int32{scalar.Add: a + b, scalar.Sub: a - b, scalar.Mul: a * b} {
			got := apply(t, string(code)+" i32[], i32[] -> i32[]", []float64{float64(a)}, []float64{float64(b)})
			require.Equal(t, float64(want), got[0][0], "%d %s %d", a, code, b)
		}
	}
}
