package scalar

// Expr is a formula over one elementwise op: how its derivative is computed. Exactly one of the forms holds: a leaf (Leaf not Inner), or Code applied
// to Args.
type Expr struct {
	Leaf  Leaf
	Value float64 // of a Number
	Code  Code    // of an Inner
	Args  []Expr
}

// Leaf says what an Expr stands for.
type Leaf uint8

const (
	Inner    Leaf = iota // Code applied to Args
	Number               // the constant Value
	First                // the first argument of the op
	Second               // the second argument
	Third                // the third argument
	Result               // the result of the op
	Upstream             // the gradient by the result
	Zero                 // no gradient flows here
)

var (
	argA = Expr{Leaf: First}
	argB = Expr{Leaf: Second}
	argC = Expr{Leaf: Third}
	res  = Expr{Leaf: Result}
	dres = Expr{Leaf: Upstream}
	none = Expr{Leaf: Zero}
)

func num(v float64) Expr              { return Expr{Leaf: Number, Value: v} }
func of(code Code, args ...Expr) Expr { return Expr{Code: code, Args: args} }

// Eval computes the formula for given arguments, result and upstream gradient.
func (e Expr) Eval(x [3]float64, y, dy float64) float64 {
	switch e.Leaf {
	case Number:
		return e.Value
	case First:
		return x[0]
	case Second:
		return x[1]
	case Third:
		return x[2]
	case Result:
		return y
	case Upstream:
		return dy
	case Zero:
		return 0
	}
	var in [3]float64
	for i, a := range e.Args {
		in[i] = a.Eval(x, y, dy)
	}
	return Lookup(e.Code).Float(in[0], in[1], in[2])
}
