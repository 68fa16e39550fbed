package ops

import (
	"fmt"

	"modelc/ir"
	"modelc/ir/scalar"
)

// A key is u32[2]. A run-time seed enters as a u32[2] input (scalar.Seed); all else is derived by folding. How bits follow from a key, a row and a column
// is defined in ir/scalar/philox.go: axis 0 of a result counts rows, and the optional second argument is the global number of the first row (i32[]), or of
// every row (i32[rows]), so that any split and any order of a batch draws the same numbers.

// Key is the key of a seed that is known when compiling.
type Key struct {
	ir.NoGrad
	Seed uint64
}

// Fold derives a key from a key and an integer scalar.
type Fold struct{ ir.NoGrad }

// FoldConst derives a key from a key and a number known when compiling; it agrees with Fold of the same number.
type FoldConst struct {
	ir.NoGrad
	Data uint64
}

// Bits is u32 words: (key[, first row or rows]).
type Bits struct {
	ir.NoGrad
	Shape ir.Shape
}

// Uniform is numbers in [0, 1), multiples of 2^-24 (f64: 2^-53, bf16: 2^-8, f16: 2^-11): (key[, first row or rows]).
type Uniform struct {
	ir.NoGrad
	Type ir.Type
}

// Normal is standard normal numbers (Box and Muller) computed in f32 (f64: in f64) and rounded to the type: (key[, first row or rows]).
type Normal struct {
	ir.NoGrad
	Type ir.Type
}

// RandomInt is integers in [0, Bound), Bound at most 2^31: (key[, first row or rows]).
type RandomInt struct {
	ir.NoGrad
	Type  ir.Type
	Bound int64
}

func (Key) Name() string       { return "key" }
func (Fold) Name() string      { return "fold" }
func (FoldConst) Name() string { return "fold_const" }
func (Bits) Name() string      { return "random_bits" }
func (Uniform) Name() string   { return "random_uniform" }
func (Normal) Name() string    { return "random_normal" }
func (RandomInt) Name() string { return "random_int" }

// KeyType is the type of a key.
var KeyType = ir.Of(ir.U32, 2)

// Infer returns the type of a key.
func (o Key) Infer(c *ir.Instr) ([]ir.Type, error) {
	return []ir.Type{KeyType}, arity(o, c, 0)
}

// Infer requires a key and an integer scalar.
func (o Fold) Infer(c *ir.Instr) ([]ir.Type, error) {
	if err := arity(o, c, 2); err != nil {
		return nil, err
	}
	if err := key(o, c); err != nil {
		return nil, err
	}
	if t := c.Args[1].Type; !t.DType.IsInt() || t.Shape.Rank() != 0 {
		return nil, argument(o, 1, "an integer scalar", t.String())
	}
	return []ir.Type{KeyType}, nil
}

// Infer requires a key.
func (o FoldConst) Infer(c *ir.Instr) ([]ir.Type, error) {
	if err := arity(o, c, 1); err != nil {
		return nil, err
	}
	return []ir.Type{KeyType}, key(o, c)
}

// Infer requires a key and, if given, an i32 scalar or one i32 per row.
func (o Bits) Infer(c *ir.Instr) ([]ir.Type, error) {
	return []ir.Type{{DType: ir.U32, Shape: o.Shape}}, draw(o, c, o.Shape)
}

// Infer requires a key, if given an i32 scalar or one i32 per row, and a floating-point type.
func (o Uniform) Infer(c *ir.Instr) ([]ir.Type, error) { return drawFloat(o, c, o.Type) }

// Infer requires a key, if given an i32 scalar or one i32 per row, and a floating-point type.
func (o Normal) Infer(c *ir.Instr) ([]ir.Type, error) { return drawFloat(o, c, o.Type) }

// Infer requires a key, if given an i32 scalar or one i32 per row, and a bound that the type holds.
func (o RandomInt) Infer(c *ir.Instr) ([]ir.Type, error) {
	if !o.Type.DType.IsInt() {
		return nil, attribute(o, "an integer type", o.Type.DType.String())
	}
	if _, hi := o.Type.DType.Range(); o.Bound < 1 || o.Bound > 1<<31 || float64(o.Bound-1) > hi {
		return nil, attribute(o, "a bound from 1 to 2147483648 that the type holds", fmt.Sprint(o.Bound))
	}
	return []ir.Type{o.Type}, draw(o, c, o.Type.Shape)
}

func key(op ir.Op, c *ir.Instr) error {
	if c.Args[0].Type != KeyType {
		return argument(op, 0, KeyType.String(), c.Args[0].Type.String())
	}
	return nil
}

func draw(op ir.Op, c *ir.Instr, s ir.Shape) error {
	if len(c.Args) != 1 && len(c.Args) != 2 {
		return attribute(op, "a key and perhaps the numbers of rows", fmt.Sprintf("%d arguments", len(c.Args)))
	}
	if len(c.Args) == 2 {
		t := c.Args[1].Type
		switch {
		case t == ir.Of(ir.I32):
		case s.Rank() > 0 && t == ir.Of(ir.I32, s.Dim(0)):
		case s.Rank() > 0:
			return argument(op, 1, fmt.Sprintf("i32[] or i32[%d]", s.Dim(0)), t.String())
		default:
			return argument(op, 1, "i32[]", t.String())
		}
	}
	return key(op, c)
}

func drawFloat(op ir.Op, c *ir.Instr, t ir.Type) ([]ir.Type, error) {
	if !t.DType.IsFloat() {
		return nil, attribute(op, "a floating-point type", t.DType.String())
	}
	return []ir.Type{t}, draw(op, c, t.Shape)
}

func words(r ir.Ref) [2]uint32 { return [2]uint32{uint32(r.Data[0]), uint32(r.Data[1])} }

func put(out ir.Ref, key [2]uint32) { out.Data[0], out.Data[1] = float64(key[0]), float64(key[1]) }

// Eval splits the seed.
func (o Key) Eval(_, out []ir.Ref) { put(out[0], scalar.Seed(o.Seed)) }

// Eval folds the number, sign-extended to 64 bits.
func (Fold) Eval(in, out []ir.Ref) {
	v := in[1].Data[0]
	data := uint64(int64(v))
	if v >= 1<<63 {
		data = uint64(v)
	}
	put(out[0], scalar.Fold(words(in[0]), data))
}

// Eval folds.
func (o FoldConst) Eval(in, out []ir.Ref) { put(out[0], scalar.Fold(words(in[0]), o.Data)) }

// eachDraw calls f for every element with its index in the result and the n words it takes from its row's sequence; n divides 4.
func eachDraw(in []ir.Ref, s ir.Shape, n uint64, f func(i int, w []uint32)) {
	k := words(in[0])
	rows, columns := int64(1), int64(1)
	if s.Rank() > 0 {
		rows, columns = s.Dim(0), span(s, 1, s.Rank())
	}
	i := 0
	for r := range rows {
		number := r
		switch {
		case len(in) > 1 && in[1].Type.Shape.Rank() == 1:
			number = int64(in[1].Data[r])
		case len(in) > 1:
			number += int64(in[1].Data[0])
		}
		var block [4]uint32
		for c := range uint64(columns) {
			at := c * n % 4
			if at == 0 {
				block = scalar.Block(k, uint64(number), c*n/4)
			}
			f(i, block[at:at+n])
			i++
		}
	}
}

// Eval draws.
func (o Bits) Eval(in, out []ir.Ref) {
	eachDraw(in, o.Shape, 1, func(i int, w []uint32) { out[0].Data[i] = float64(w[0]) })
}

// precision is the bits of precision of the floating-point types that draw from one word.
var precision = map[ir.DType]int{ir.F32: 24, ir.F16: 11, ir.BF16: 8}

// Eval draws.
func (o Uniform) Eval(in, out []ir.Ref) {
	if o.Type.DType == ir.F64 {
		eachDraw(in, o.Type.Shape, 2, func(i int, w []uint32) { out[0].Data[i] = scalar.Uniform64(w[0], w[1]) })
		return
	}
	bits := precision[o.Type.DType]
	eachDraw(in, o.Type.Shape, 1, func(i int, w []uint32) { out[0].Data[i] = scalar.UniformBits(w[0], bits) })
}

// Eval draws.
func (o Normal) Eval(in, out []ir.Ref) {
	if o.Type.DType == ir.F64 {
		eachDraw(in, o.Type.Shape, 4, func(i int, w []uint32) { out[0].Data[i] = scalar.Normal64([4]uint32(w)) })
		return
	}
	eachDraw(in, o.Type.Shape, 2, func(i int, w []uint32) { out[0].Data[i] = float64(scalar.Normal32(w[0], w[1])) })
}

// Eval draws.
func (o RandomInt) Eval(in, out []ir.Ref) {
	eachDraw(in, o.Type.Shape, 1, func(i int, w []uint32) { out[0].Data[i] = float64(scalar.BoundedInt(w[0], uint64(o.Bound))) })
}

// Form returns Opaque.
func (Key) Form(*ir.Instr) ir.Form { return ir.Form{Space: []int64{2}} }

// Form returns Opaque.
func (Fold) Form(*ir.Instr) ir.Form { return ir.Form{Space: []int64{2}} }

// Form returns Opaque.
func (FoldConst) Form(*ir.Instr) ir.Form { return ir.Form{Space: []int64{2}} }

// drawForm is an Index: each element is computed from its own place and the key, which is read whole.
func drawForm(c *ir.Instr, code string) ir.Form {
	return ir.Form{Kind: ir.Index, Space: c.Results[0].Type.Shape.Dims(), Code: code}
}

// Form returns an Index with the op's name as code.
func (o Bits) Form(c *ir.Instr) ir.Form { return drawForm(c, o.Name()) }

// Form returns an Index with the op's name as code.
func (o Uniform) Form(c *ir.Instr) ir.Form { return drawForm(c, o.Name()) }

// Form returns an Index with the op's name as code.
func (o Normal) Form(c *ir.Instr) ir.Form { return drawForm(c, o.Name()) }

// Form returns an Index with the op's name as code.
func (o RandomInt) Form(c *ir.Instr) ir.Form { return drawForm(c, o.Name()) }
