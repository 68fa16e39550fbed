package opt

import (
	"fmt"
	"math"

	"modelc/ir"
	"modelc/ir/eval"
	"modelc/ir/ops"
	"modelc/ir/scalar"
)

// foldLimit is the largest constant, in bytes, that fold makes of others; larger tables are computed when the program is loaded.
const foldLimit = 4 << 10

// fold evaluates instructions whose arguments are constants. A number repeated over a shape stays one number through maps, views and simple reductions,
// however large the shape; other results become literals up to foldLimit.
func fold(m *ir.Module, _ Options) {
	d := &folder{m: m, known: map[string]int32{}}
	for i, x := range m.Data {
		d.known[dataKey(x)] = int32(i)
	}
	for _, f := range m.Funcs {
		rewrite(f, d.instr)
	}
}

type folder struct {
	m     *ir.Module
	known map[string]int32 // large constants by type and bytes
}

func dataKey(x ir.Data) string { return x.Type.String() + string(x.Bytes) }

func (d *folder) instr(b *ir.Builder, c *ir.Instr) []*ir.Value {
	if len(c.Args) == 0 || len(c.Callees) > 0 {
		return nil
	}
	numbers := true
	for _, a := range c.Args {
		if a.Def == nil {
			return nil
		}
		switch a.Def.Op.(type) {
		case ops.Const:
		case ops.Literal, ops.Iota:
			numbers = false
		default:
			return nil
		}
	}
	if numbers {
		if v, ok := foldNumber(c); ok && exact(c.Results[0].Type.DType, v) {
			return []*ir.Value{b.Op(ops.Const{Type: c.Results[0].Type, Value: ir.Num(v)})}
		}
	}
	size := int64(0)
	for _, r := range c.Results {
		size = max(size, r.Type.Bytes())
	}
	for _, a := range c.Args {
		size = max(size, a.Type.Bytes())
	}
	if size > foldLimit {
		return nil
	}
	return d.dense(b, c)
}

// exact reports whether a constant can say the value: 64-bit integers beyond 2^53 are not exact.
func exact(d ir.DType, v float64) bool { return d.IsFloat() || math.Abs(v) < 1<<53 }

// foldNumber computes an instruction whose arguments are each one number.
func foldNumber(c *ir.Instr) (float64, bool) {
	first, _ := number(c.Args[0])
	v := first.Value.Float()
	d := c.Results[0].Type.DType
	if len(c.Results) != 1 {
		return 0, false
	}
	switch o := c.Op.(type) {
	case ops.Map, ops.Cast:
		in := make([]ir.Ref, len(c.Args))
		for i, a := range c.Args {
			n, _ := number(a)
			in[i] = eval.Of(ir.Of(a.Type.DType), n.Value.Float())
		}
		out := []ir.Ref{eval.New(ir.Of(d))}
		o.Eval(in, out)
		return d.Round(out[0].Data[0]), true
	case ops.Broadcast, ops.Reshape, ops.Transpose, ops.Slice, ops.Reverse:
		return v, true
	case ops.Pad:
		return v, o.Value == first.Value
	case ops.Concat:
		for _, a := range c.Args {
			if n, _ := number(a); n.Value != first.Value {
				return 0, false
			}
		}
		return v, true
	case ops.Reduce:
		n := int64(1)
		for i := range o.Axes.Len() {
			n *= c.Args[0].Type.Shape.Dim(o.Axes.At(i))
		}
		switch {
		case n == 0:
			return 0, false
		case o.Code == scalar.Add && d.IsFloat():
			return d.Round(v * float64(n)), true
		case o.Code == scalar.Max, o.Code == scalar.Min, o.Code == scalar.And, o.Code == scalar.Or:
			return v, true
		}
	}
	return 0, false
}

// dense evaluates an instruction element by element.
func (d *folder) dense(b *ir.Builder, c *ir.Instr) []*ir.Value {
	in := make([]ir.Ref, len(c.Args))
	for i, a := range c.Args {
		in[i] = d.value(a)
	}
	out := make([]ir.Ref, len(c.Results))
	for i, r := range c.Results {
		out[i] = eval.New(r.Type)
	}
	c.Op.Eval(in, out)
	values := make([]*ir.Value, len(out))
	for _, r := range out {
		for k, v := range r.Data {
			if r.Data[k] = r.Type.DType.Round(v); !exact(r.Type.DType, r.Data[k]) {
				return nil
			}
		}
	}
	for i, r := range out {
		values[i] = d.constant(b, r)
	}
	return values
}

// value returns the elements of a constant.
func (d *folder) value(v *ir.Value) ir.Ref {
	switch o := v.Def.Op.(type) {
	case ops.Literal:
		x := d.m.Data[o.Data]
		return eval.Decode(x.Type, x.Bytes)
	case ops.Const, ops.Iota:
		out := []ir.Ref{eval.New(v.Type)}
		o.Eval(nil, out)
		for i, x := range out[0].Data {
			out[0].Data[i] = v.Type.DType.Round(x)
		}
		return out[0]
	}
	panic(fmt.Sprintf("opt: %s is not a constant", v.Def.Op.Name()))
}

// constant makes a constant of elements: one number if they are all equal, an iota if they count, else a literal.
func (d *folder) constant(b *ir.Builder, r ir.Ref) *ir.Value {
	same := len(r.Data) > 0
	for _, v := range r.Data {
		same = same && ir.Num(v) == ir.Num(r.Data[0])
	}
	if same {
		return b.Op(ops.Const{Type: r.Type, Value: ir.Num(r.Data[0])})
	}
	if len(r.Data) == 0 {
		return b.Op(ops.Const{Type: r.Type})
	}
	counts := r.Type.Shape.Rank() == 1 && r.Type.DType != ir.Bool
	for i, v := range r.Data {
		counts = counts && v == float64(i)
	}
	if counts {
		return b.Op(ops.Iota{Type: r.Type})
	}
	x := ir.Data{Type: r.Type, Bytes: make([]byte, r.Type.Bytes())}
	eval.Encode(r, x.Bytes)
	key := dataKey(x)
	i, ok := d.known[key]
	if !ok {
		i = int32(len(d.m.Data))
		d.m.Data = append(d.m.Data, x)
		d.known[key] = i
	}
	return b.Op(ops.Literal{Type: r.Type, Data: i})
}
