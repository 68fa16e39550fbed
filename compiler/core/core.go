// Package core is the checked program: what compiler/check makes of the syntax and compiler/lower turns into IR.
//
// It is a graph of typed tensor terms. Every name is resolved, every library function is inlined at its call, every index statement has become
// accesses, maps and reductions over whole tensors, and every decision that config, constructor arguments or the phase (training or not) can take has been
// taken. What is left open are the free sizes: the batch size, the lengths of a batch, past. A term's sizes are polynomials over them
// (package size); lowering evaluates them to numbers, once per specialisation, so one checked program serves every batch size.
//
// Terms are immutable and shared: a term that two others use is computed once. Weights are leaves (Read); writes of state are not part of the
// graph but listed beside it (Write), so the same graph can be lowered again with other values for its leaves, which is what a second
// update of the same step needs (ruling 1).
package core

import (
	"modelc/compiler/size"
	"modelc/lang/source"
)

// Elem is the type of one element.
type Elem uint8

const (
	None  Elem = iota
	Float      // the model's precision, not yet decided: only while a definition is checked by itself
	F16
	BF16
	F32
	F64
	U8
	I8
	I32
	I64
	Bool
	ID  // an integer in 0..Range, stored as i32
	Int // an integer that the compiler knows or derives from such (index values, step): i32 where it is stored
)

var elems = [...]string{"none", "float", "f16", "bf16", "f32", "f64", "u8", "i8", "i32", "i64", "bool", "id", "int"}

// String returns the name in the language.
func (e Elem) String() string { return elems[e] }

// IsFloat reports whether e is a floating-point type.
func (e Elem) IsFloat() bool { return e >= Float && e <= F64 }

// IsInt reports whether e is an integer type.
func (e Elem) IsInt() bool { return e >= U8 && e <= I64 || e == ID || e == Int }

// Type is the type of a tensor: Range is the bound of ID. Labels name axes (an index name of the statement that made it, else ""); they
// serve bracket functions and messages and mean nothing to lowering.
type Type struct {
	Elem   Elem
	Range  size.Size
	Dims   []size.Size
	Labels []string
}

// Site is where a term comes from: the place in a text, the user's call that led there (nil at the top) and the layer instance.
type Site struct {
	At   source.Span
	Up   *Site
	Path string
}

// Term is one value: an operation on other terms. ID grows in the order of creation.
type Term struct {
	ID   int
	Kind Kind
	Args []*Term
	Type Type
	Site *Site
	Hint string // the name it was bound to, for printing
}

// Kind is the operation of a term, with its attributes.
type Kind interface{ kind() }

type (
	// Number is a scalar constant.
	Number struct{ Value float64 }
	// SizeOf is a scalar integer (or float, by the term's type) known when the sizes are.
	SizeOf struct{ Size size.Size }
	// Input is a value given from outside: a column "batch.NAME" of the block's batch (dims begin with B), or a phase scalar: "step" (i32, this block's
	// steps so far), "total_steps" (i32), "epoch" (i32), "past" (i32, while generating).
	Input struct{ Name string }
	// Read is the value of a slot at the door of the entry (or as an earlier update of the same step left it).
	Read struct{ Slot *Slot }
	// Var is bound by the Scan that lists it.
	Var struct{}
	// Gradient is the placeholder for the gradient of a weight in a Move.
	Gradient struct{}

	// Map is elementwise: Code is a code of ir/scalar (add, mul, exp, select, …). An argument has the term's dims, or a suffix of them
	// (a scalar is the empty suffix), and is repeated over the leading ones.
	Map struct{ Code string }
	// Cast converts the elements of its argument to the term's element type.
	Cast struct{}
	// Fill repeats a scalar argument over the term's dims.
	Fill struct{}
	// Reduce consumes Axes of Args[0]: sum prod mean var max min any all logsumexp argmax argmin. var divides by the count. A second
	// argument, a bool tensor of the first one's dims (or a suffix), says which elements take part (where=).
	Reduce struct {
		Code string
		Axes []int
	}
	// Along keeps its axis: softmax log_softmax cumsum cumprod sort argsort (ascending; stable). softmax of a row of -inf is 0. A second argument is
	// where= as in Reduce (excluded elements give 0).
	Along struct {
		Code string
		Axis int
	}
	// TopK has two parts: the K largest of the axis, largest first, and their places (ID of the axis' size).
	TopK struct {
		Axis int
		K    size.Size
	}
	// Part is one result of TopK or Scan.
	Part struct{ Index int }
	// Arrange puts axis k of its argument at axis At[k] of the term; axes of the term that At does not name are new, and the argument repeats over them.
	// At is any injective list: a permutation transposes.
	Arrange struct{ At []int }
	// Merge joins neighbouring axes: Groups counts how many axes of the argument make each axis of the term; the last of a group runs fastest.
	Merge struct{ Groups []int }
	// Access reads Args[0] at subscripts. The term's dims are the extents of the indices; each Sub computes one subscript of Args[0] from them. Args[1:] are
	// integer tensors over a selection of the indices (Sub.Over).
	Access struct{ Subs []Sub }
	// Iota is the value of an index: a vector 0, 1, … of the term's only axis.
	Iota struct{}
	// MatMul contracts the last axis of the first argument with the first of the second.
	MatMul struct{}
	// Concat joins its arguments along an axis; Stack makes a new axis.
	Concat struct{ Axis int }
	Stack  struct{ Axis int }
	// Slice takes [Start, Start+dim) of every axis, dim being the term's; axes in Drop have extent 1 and are dropped from the term's dims.
	Slice struct {
		Start []size.Size
		Drop  []int
	}
	// Border puts Lo and Hi elements of the value of Args[1] (a scalar number term) around each axis; negative sizes cut off.
	Border struct{ Lo, Hi []size.Size }
	// Dilate puts Factor[k]-1 zeros between the neighbours along axis k.
	Dilate struct{ Factor []size.Size }
	// Flip reverses the axes.
	Flip struct{ Axes []int }
	// Draw is a random tensor of the term's dims: normal, uniform (in [0,1)), bernoulli (bool→ as the term's type, Args[0] the probability of 1),
	// random_id (integers below Type.Range), truncated_normal. Path names the call; Fixed leaves the step out of the key; Rows: the key is
	// (seed, epoch, row), one draw per row of a batch (augment), and the first axis is the batch.
	Draw struct {
		Dist  string
		Path  string
		Fixed bool
		Rows  bool
	}
	// Orthogonal is the orthogonal factor of a normal matrix of the term's dims, rows or columns orthonormal, whichever is shorter.
	Orthogonal struct{ Path string }
	// Select picks Args[1] where the scalar Args[0] is true, else Args[2].
	Select struct{}
	// Stop is the identity with zero gradient.
	Stop struct{}
	// Derivative is the gradient of the scalar Args[0] by Args[1], a term that Args[0] depends on.
	Derivative struct{}
	// Cached is the identity outside of generation. In begin it stores Args[0] (rows 0..T along Axis) in its slot; in next it stores the new row at past and
	// gives the whole buffer, whose axis is past + T.
	Cached struct {
		Slot *Slot
		Axis int
	}
	// Scan repeats a body. Args are the initial values of Carry, then the tensors Over runs along (axis 0 of each, sliced). Parts are the final carries,
	// then the outs stacked on a new leading axis.
	Scan struct {
		Length  size.Size
		Carry   []*Term // Var terms, one per initial value
		Next    []*Term // their values after a turn
		Over    []*Term // Var terms, one per tensor run along
		Outs    []*Term // collected per turn
		Counter *Term   // Var (Int): the turn's number, or nil; under Reverse it counts down
		Reverse bool
	}
)

// Sub is one subscript of an Access: Base + Σ Coef[i]·index[Axis[i]] + Σ value of Args[Values[i]] laid over the indices Over[i]; or, with Parts, a
// compound: the parts are subscripts of factors of the axis with the given Extents, the last one running fastest.
type Sub struct {
	Base    size.Size
	Axis    []int
	Coef    []size.Size
	Values  []int   // argument numbers
	Over    [][]int // for each of Values: which index each of its axes runs along
	Parts   []Sub
	Extents []size.Size // of Parts
}

func (Number) kind()     {}
func (SizeOf) kind()     {}
func (Input) kind()      {}
func (Read) kind()       {}
func (Var) kind()        {}
func (Gradient) kind()   {}
func (Map) kind()        {}
func (Cast) kind()       {}
func (Fill) kind()       {}
func (Reduce) kind()     {}
func (Along) kind()      {}
func (TopK) kind()       {}
func (Part) kind()       {}
func (Arrange) kind()    {}
func (Merge) kind()      {}
func (Access) kind()     {}
func (Iota) kind()       {}
func (MatMul) kind()     {}
func (Concat) kind()     {}
func (Stack) kind()      {}
func (Slice) kind()      {}
func (Border) kind()     {}
func (Dilate) kind()     {}
func (Flip) kind()       {}
func (Draw) kind()       {}
func (Orthogonal) kind() {}
func (Select) kind()     {}
func (Stop) kind()       {}
func (Derivative) kind() {}
func (Cached) kind()     {}
func (Scan) kind()       {}
