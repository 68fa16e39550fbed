package ir

import (
	"fmt"
	"math"
	"strings"
)

// DType is the type of one element.
type DType uint8

const (
	Invalid DType = iota
	Bool          // one byte, 0 or 1
	U8
	I8
	I32
	I64
	U32
	U64
	F16
	BF16
	F32
	F64
)

var dtypes = [...]struct {
	name string
	size int64
}{
	Invalid: {"invalid", 0}, Bool: {"bool", 1}, U8: {"u8", 1}, I8: {"i8", 1}, I32: {"i32", 4}, I64: {"i64", 8}, U32: {"u32", 4}, U64: {"u64", 8},
	F16: {"f16", 2}, BF16: {"bf16", 2}, F32: {"f32", 4}, F64: {"f64", 8},
}

// String returns the name used in the text form.
func (d DType) String() string {
	if int(d) >= len(dtypes) {
		return "invalid"
	}
	return dtypes[d].name
}

// Size returns the bytes of one element.
func (d DType) Size() int64 { return dtypes[d].size }

// IsFloat reports whether d is a floating-point type: the only types that have gradients.
func (d DType) IsFloat() bool { return d >= F16 && d <= F64 }

// IsInt reports whether d is an integer type (bool is not).
func (d DType) IsInt() bool { return d >= U8 && d <= U64 }

// ParseDType returns the type with the given name, or Invalid.
func ParseDType(name string) DType {
	for d, row := range dtypes {
		if row.name == name && d != 0 {
			return DType(d)
		}
	}
	return Invalid
}

// MaxRank bounds the number of axes of a value: patches, per-example gradients and a layer axis together pass eight.
const MaxRank = 12

// maxBytes bounds the memory of one value, so that no product of sizes can wrap.
const maxBytes = int64(1) << 47

// Shape is the sizes of a value. It is comparable, and made only by NewShape, so that every Shape there is is valid.
type Shape struct {
	rank uint8
	dim  [MaxRank]int64
}

// NewShape checks and returns a shape. It refuses more than MaxRank axes, negative sizes, and products (an empty axis counted as 1, at eight
// bytes an element) of 2^47 bytes or more.
func NewShape(dims ...int64) (Shape, error) {
	var s Shape
	if len(dims) > MaxRank {
		return s, fmt.Errorf("%d axes, at most %d are possible", len(dims), MaxRank)
	}
	n := int64(8)
	for i, d := range dims {
		if d < 0 {
			return Shape{}, fmt.Errorf("axis %d has the negative size %d", i, d)
		}
		if d > 0 {
			if n > maxBytes/d {
				return Shape{}, fmt.Errorf("%v is larger than %d bytes", dims, maxBytes)
			}
			n *= d
		}
		s.dim[i] = d
	}
	s.rank = uint8(len(dims))
	return s, nil
}

// MustShape is NewShape for sizes that are known to be valid; it panics otherwise.
func MustShape(dims ...int64) Shape {
	s, err := NewShape(dims...)
	if err != nil {
		panic("ir: " + err.Error())
	}
	return s
}

// Rank returns the number of axes.
func (s Shape) Rank() int { return int(s.rank) }

// Dim returns the size of an axis.
func (s Shape) Dim(axis int) int64 {
	if axis < 0 || axis >= int(s.rank) {
		panic(fmt.Sprintf("ir: axis %d of a shape with %d axes", axis, s.rank))
	}
	return s.dim[axis]
}

// Dims returns the sizes as a new slice.
func (s Shape) Dims() []int64 { return append([]int64(nil), s.dim[:s.rank]...) }

// Size returns the number of elements.
func (s Shape) Size() int64 {
	n := int64(1)
	for _, d := range s.dim[:s.rank] {
		n *= d
	}
	return n
}

// String returns the form of the text: [32,64]; a scalar is [].
func (s Shape) String() string {
	var b strings.Builder
	b.WriteByte('[')
	for i, d := range s.dim[:s.rank] {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprint(&b, d)
	}
	b.WriteByte(']')
	return b.String()
}

// Type is the element type and the shape of a value; comparable.
type Type struct {
	DType DType
	Shape Shape
}

// Of returns the type with the given element type and sizes; it panics on sizes that NewShape refuses.
func Of(d DType, dims ...int64) Type { return Type{d, MustShape(dims...)} }

// Bytes returns the memory of a dense value of the type.
func (t Type) Bytes() int64 { return t.Shape.Size() * t.DType.Size() }

// String returns f32[32,64].
func (t Type) String() string { return t.DType.String() + t.Shape.String() }

// Axes is a list of axis numbers as a comparable value.
type Axes struct {
	n uint8
	a [MaxRank]uint8
}

// NewAxes returns the list.
func NewAxes(axes ...int) Axes {
	if len(axes) > MaxRank {
		panic("ir: too many axes")
	}
	var x Axes
	for i, a := range axes {
		if a < 0 || a >= MaxRank {
			panic(fmt.Sprintf("ir: axis %d", a))
		}
		x.a[i] = uint8(a)
	}
	x.n = uint8(len(axes))
	return x
}

// Len returns the number of axes in the list.
func (x Axes) Len() int { return int(x.n) }

// At returns the i-th axis.
func (x Axes) At(i int) int {
	if i < 0 || i >= int(x.n) {
		panic("ir: index outside an axis list")
	}
	return int(x.a[i])
}

// List returns the axes as a new slice.
func (x Axes) List() []int {
	out := make([]int, x.n)
	for i := range out {
		out[i] = int(x.a[i])
	}
	return out
}

// Has reports whether the list holds the axis.
func (x Axes) Has(axis int) bool {
	for _, a := range x.a[:x.n] {
		if int(a) == axis {
			return true
		}
	}
	return false
}

// Ints is a short list of sizes (strides, pads) as a comparable value.
type Ints struct {
	n uint8
	a [MaxRank]int64
}

// NewInts returns the list.
func NewInts(v ...int64) Ints {
	if len(v) > MaxRank {
		panic("ir: too many sizes")
	}
	var x Ints
	copy(x.a[:], v)
	x.n = uint8(len(v))
	return x
}

// Len returns the length of the list.
func (x Ints) Len() int { return int(x.n) }

// At returns the i-th entry.
func (x Ints) At(i int) int64 {
	if i < 0 || i >= int(x.n) {
		panic("ir: index outside a size list")
	}
	return x.a[i]
}

// List returns the entries as a new slice.
func (x Ints) List() []int64 { return append([]int64(nil), x.a[:x.n]...) }

// Scalar is a number that compares by its bits: -0 differs from 0 and NaN equals itself, as common-subexpression elimination needs. The bits
// are those of the float64, also for integers below 2^53 in magnitude.
type Scalar struct{ Bits uint64 }

// Num returns the scalar of a float64.
func Num(v float64) Scalar { return Scalar{math.Float64bits(v)} }

// Float returns the number.
func (s Scalar) Float() float64 { return math.Float64frombits(s.Bits) }
