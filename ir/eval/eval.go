// Package eval is the reference interpreter: a loop over each op's Eval, in float64, with each result rounded to its element type. It is slow and obvious, and
// what every backend, pass and gradient is compared with.
//
// A value is an ir.Ref: row-major float64, whatever the element type. 64-bit integers are exact up to 2^53 in magnitude.
package eval

import (
	"encoding/binary"
	"fmt"
	"math"

	"modelc/ir"
	"modelc/ir/ops"
)

// Func evaluates a function of a module on arguments of its parameters' types. The module supplies large constants; it may be nil for a function that has
// none. Arguments are not changed, and results do not share memory with them unless a parameter is returned as it is.
func Func(m *ir.Module, f *ir.Func, args []ir.Ref) ([]ir.Ref, error) {
	if len(args) != len(f.Params) {
		return nil, fmt.Errorf("@%s takes %d arguments, got %d", f.Name, len(f.Params), len(args))
	}
	for i, p := range f.Params {
		if args[i].Type != p.Type || int64(len(args[i].Data)) != p.Type.Shape.Size() {
			return nil, fmt.Errorf("@%s: argument %d is %v, got %v with %d elements", f.Name, i, p.Type, args[i].Type, len(args[i].Data))
		}
	}
	return (&Interpreter{Module: m}).Run(f, args)
}

// Interpreter evaluates functions of a module, which do not change meanwhile. It serves one goroutine.
type Interpreter struct {
	Module *ir.Module
	// Watch, if set, sees every instruction with its arguments and results after it was computed; those of a callee come before the call.
	Watch func(f *ir.Func, c *ir.Instr, in, out []ir.Ref)

	last map[*ir.Func][]int // of each function met: see lastUses
}

// Run evaluates a function on arguments that fit its parameters.
func (it *Interpreter) Run(f *ir.Func, args []ir.Ref) ([]ir.Ref, error) {
	last := it.lastUses(f)
	values := make([]ir.Ref, len(last)) // by value ID
	for i, p := range f.Params {
		values[p.ID] = args[i]
	}
	for n, c := range f.Body {
		in := make([]ir.Ref, len(c.Args))
		for i, a := range c.Args {
			in[i] = values[a.ID]
		}
		out, err := it.instr(c, in)
		if err != nil {
			return nil, err
		}
		if it.Watch != nil {
			it.Watch(f, c, in, out)
		}
		for i, r := range c.Results {
			values[r.ID] = out[i]
		}
		for _, a := range c.Args {
			if last[a.ID] == n {
				values[a.ID] = ir.Ref{} // so that its memory can be used again
			}
		}
	}
	results := make([]ir.Ref, len(f.Results))
	for i, r := range f.Results {
		results[i] = values[r.ID]
	}
	return results, nil
}

// lastUses returns, by value ID, the index of the last instruction that reads each value; results of the function are kept to the end.
func (it *Interpreter) lastUses(f *ir.Func) []int {
	if last, ok := it.last[f]; ok {
		return last
	}
	last := make([]int, f.Bound())
	for n, c := range f.Body {
		for _, a := range c.Args {
			last[a.ID] = n
		}
	}
	for _, r := range f.Results {
		last[r.ID] = len(f.Body)
	}
	if it.last == nil {
		it.last = map[*ir.Func][]int{}
	}
	it.last[f] = last
	return last
}

// maxElements bounds one value: the interpreter takes eight bytes for each element.
const maxElements = 1 << 30

func (it *Interpreter) instr(c *ir.Instr, in []ir.Ref) ([]ir.Ref, error) {
	for _, r := range c.Results {
		if r.Type.Shape.Size() > maxElements {
			return nil, fmt.Errorf("%s gives %v, which is too large for the interpreter", c.Op.Name(), r.Type)
		}
	}
	switch op := c.Op.(type) {
	case ir.Call:
		return it.Run(c.Callees[0], in)
	case ir.Scan:
		return it.scan(c, op, in)
	case ops.Literal:
		if it.Module == nil || int(op.Data) >= len(it.Module.Data) {
			return nil, fmt.Errorf("literal %d is not in the module", op.Data)
		}
		return []ir.Ref{Decode(it.Module.Data[op.Data].Type, it.Module.Data[op.Data].Bytes)}, nil
	}
	out := make([]ir.Ref, len(c.Results))
	for i, r := range c.Results {
		out[i] = New(r.Type)
	}
	c.Op.Eval(in, out)
	for i := range out {
		round(out[i])
	}
	return out, nil
}

func round(r ir.Ref) {
	d := r.Type.DType
	switch d {
	case ir.F64:
	case ir.F32:
		for i, v := range r.Data {
			r.Data[i] = float64(float32(v))
		}
	default:
		for i, v := range r.Data {
			r.Data[i] = d.Round(v)
		}
	}
}

func (it *Interpreter) scan(c *ir.Instr, op ir.Scan, in []ir.Ref) ([]ir.Ref, error) {
	body := c.Callees[0]
	args := append([]ir.Ref(nil), in...)
	carry := args[op.Consts:][:op.Carry]
	over := int(op.Consts + op.Carry)
	out := make([]ir.Ref, len(c.Results))
	for i := int(op.Carry); i < len(out); i++ {
		out[i] = New(c.Results[i].Type)
	}
	for step := range op.Length {
		if op.Reverse {
			step = op.Length - 1 - step
		}
		for i := over; i < len(in); i++ {
			t := body.Params[i].Type
			n := t.Shape.Size()
			args[i] = ir.Ref{Type: t, Data: in[i].Data[step*n:][:n]}
		}
		results, err := it.Run(body, args)
		if err != nil {
			return nil, err
		}
		copy(carry, results)
		for i := int(op.Carry); i < len(out); i++ {
			copy(out[i].Data[step*int64(len(results[i].Data)):], results[i].Data)
		}
	}
	copy(out, carry)
	return out, nil
}

// New returns a value of zeros.
func New(t ir.Type) ir.Ref { return ir.Ref{Type: t, Data: make([]float64, t.Shape.Size())} }

// Of returns a value with the given elements, rounded to the type; it panics when their number does not fit.
func Of(t ir.Type, data ...float64) ir.Ref {
	if int64(len(data)) != t.Shape.Size() {
		panic(fmt.Sprintf("eval: %d elements for %v", len(data), t))
	}
	r := ir.Ref{Type: t, Data: append([]float64(nil), data...)}
	round(r)
	return r
}

// Decode reads the little-endian elements of a type.
func Decode(t ir.Type, bytes []byte) ir.Ref {
	r := New(t)
	n := int(t.DType.Size())
	for i := range r.Data {
		r.Data[i] = decode(t.DType, bytes[i*n:])
	}
	return r
}

func decode(d ir.DType, b []byte) float64 {
	switch d {
	case ir.Bool, ir.U8:
		return float64(b[0])
	case ir.I8:
		return float64(int8(b[0]))
	case ir.I32:
		return float64(int32(binary.LittleEndian.Uint32(b)))
	case ir.U32:
		return float64(binary.LittleEndian.Uint32(b))
	case ir.I64:
		return float64(int64(binary.LittleEndian.Uint64(b)))
	case ir.U64:
		return float64(binary.LittleEndian.Uint64(b))
	case ir.F16:
		return halfToFloat(binary.LittleEndian.Uint16(b))
	case ir.BF16:
		return float64(math.Float32frombits(uint32(binary.LittleEndian.Uint16(b)) << 16))
	case ir.F32:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(b))
}

// Encode writes the elements little-endian into bytes, which has room for them.
func Encode(r ir.Ref, bytes []byte) {
	n := int(r.Type.DType.Size())
	for i, v := range r.Data {
		encode(r.Type.DType, v, bytes[i*n:])
	}
}

func encode(d ir.DType, v float64, b []byte) {
	switch d {
	case ir.Bool, ir.U8:
		b[0] = uint8(v)
	case ir.I8:
		b[0] = uint8(int8(v))
	case ir.I32:
		binary.LittleEndian.PutUint32(b, uint32(int32(v)))
	case ir.U32:
		binary.LittleEndian.PutUint32(b, uint32(v))
	case ir.I64:
		binary.LittleEndian.PutUint64(b, uint64(int64(v)))
	case ir.U64:
		binary.LittleEndian.PutUint64(b, uint64(v))
	case ir.F16:
		binary.LittleEndian.PutUint16(b, floatToHalf(v))
	case ir.BF16:
		bits := math.Float32bits(float32(d.Round(v))) >> 16
		if v != v {
			bits |= 0x40 // a NaN whose kept bits would be those of infinity
		}
		binary.LittleEndian.PutUint16(b, uint16(bits))
	case ir.F32:
		binary.LittleEndian.PutUint32(b, math.Float32bits(float32(v)))
	default:
		binary.LittleEndian.PutUint64(b, math.Float64bits(v))
	}
}

func halfToFloat(h uint16) float64 {
	sign := 1.0
	if h&0x8000 != 0 {
		sign = -1
	}
	e, m := int(h>>10&31), float64(h&0x3FF)
	switch {
	case e == 31 && m != 0:
		return math.NaN()
	case e == 31:
		return math.Inf(int(sign))
	case e == 0:
		return sign * math.Ldexp(m, -24)
	}
	return sign * math.Ldexp(1024+m, e-25)
}

func floatToHalf(v float64) uint16 {
	var sign uint16
	if math.Signbit(v) {
		sign = 0x8000
	}
	v = math.Abs(ir.F16.Round(v))
	switch {
	case v != v:
		return sign | 0x7E00
	case v > 65504:
		return sign | 0x7C00
	case v < 0x1p-14:
		return sign | uint16(math.Ldexp(v, 24))
	}
	f, e := math.Frexp(v)
	return sign | uint16(e+14)<<10 | uint16(math.Ldexp(f, 11))&0x3FF
}
