package ir

// Kind classifies how an op reads its arguments.
type Kind uint8

const (
	Opaque  Kind = iota // needs a kernel of its own
	Map                 // each result element is Code of one element per argument
	Reduce              // Map over Space, then a fold over the last Folds axes of Space
	Product             // dot and convolution: sum of products of two arguments over the last Folds axes of Space
	View                // a result element is an argument element, or Fill outside it
	Index               // a result element is computed from its own place (iota) or the place is read from an argument (gather)
)

// Form is an op's index map as data. Space is the iteration space: the axes of the result, then Folds axes that are folded away. Reads says
// for each argument where it is read, given a point of Space. Results of ops with several results share the Space. A View of several arguments
// (concat) reads the one argument in which its place lies.
type Form struct {
	Kind  Kind
	Space []int64
	Folds int
	Reads []Access
	Code  string // the scalar code (package scalar) of a Map, or the folding code of a Reduce; "const", "cast", "iota", "gather" for those ops
	Value Scalar // the number of a Map with the code "const"
	Place Affine // what an Index with the code "iota" gives
	Flat  bool   // a View whose result has the argument's elements in the same row-major order; Reads may then be empty
}

// Access is an affine map from a point of Space to a place in an argument: for each of the argument's axes an Affine; and what is read
// where the place lies outside (or between, when Step > 1) the argument.
type Access struct {
	Axes   []Affine
	Fill   Scalar // the value outside; meaningful when Padded
	Padded bool
}

// Affine is (Base + Σ Coef[i]·point[Axis[i]]) / Step; a place where the division is not exact reads the fill (interior padding). Step 0 counts as 1. Step
// -1 means that the place along this axis is not affine: it is what the second argument holds (gather).
type Affine struct {
	Base int64
	Step int64
	Axis []int
	Coef []int64
}

// Identity returns the access that reads an argument of the given rank at the first axes of the space.
func Identity(rank int) Access {
	a := Access{Axes: make([]Affine, rank)}
	for i := range a.Axes {
		a.Axes[i] = Along(i)
	}
	return a
}

// Along returns the affine map that is the coordinate of one axis of the space.
func Along(axis int) Affine { return Affine{Axis: []int{axis}, Coef: []int64{1}} }
