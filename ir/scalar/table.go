// Package scalar is the table of elementwise operations on numbers: for each code its name, arity, meaning in float64, exact meaning on integers, and
// derivative as a formula over other codes. The ops of package ir/ops, the interpreter and the kernels of every backend read this one table, so that
// an elementwise op is one row here and one instruction sequence per backend.
//
// The package also holds the definition of the random numbers (philox.go): which bits a key, a row and a column give, and how they become uniform and
// normal numbers.
//
// Conventions. Truth is 1 and 0. A comparison with NaN is false, except ne. max and min give NaN when an argument is NaN. The gradient of max(a, b)
// goes to a where a > b and to b otherwise; min is alike; so relu, max(x, 0), has the gradient 0 at 0. abs and sign have the gradient 0 at 0. Integers wrap
// around like two's complement; an integer divided by zero is 0, and so is its remainder.
package scalar

import "math"

// Code names an elementwise operation.
type Code string

// The codes. A fold (reduction, scatter, cumulative) uses Add, Mul, Max, Min, And, Or.
const (
	Neg      Code = "neg"
	Abs      Code = "abs"
	Sign     Code = "sign"
	Exp      Code = "exp"
	Expm1    Code = "expm1"
	Log      Code = "log"
	Log1p    Code = "log1p"
	Sqrt     Code = "sqrt"
	Rsqrt    Code = "rsqrt"
	Sin      Code = "sin"
	Cos      Code = "cos"
	Tanh     Code = "tanh"
	Sigmoid  Code = "sigmoid"
	Erf      Code = "erf"
	Floor    Code = "floor"
	Ceil     Code = "ceil"
	Round    Code = "round"
	Not      Code = "not"
	IsFinite Code = "is_finite"

	Add      Code = "add"
	Sub      Code = "sub"
	Mul      Code = "mul"
	Div      Code = "div"
	Pow      Code = "pow"
	Max      Code = "max"
	Min      Code = "min"
	Rem      Code = "rem"
	FloorDiv Code = "floordiv"
	Atan2    Code = "atan2"
	Eq       Code = "eq"
	Ne       Code = "ne"
	Lt       Code = "lt"
	Le       Code = "le"
	Gt       Code = "gt"
	Ge       Code = "ge"
	And      Code = "and"
	Or       Code = "or"

	Select Code = "select"
)

// Domain is the set of element types that a code takes.
type Domain uint8

const (
	Floats  Domain = iota // floating-point types only
	Numbers               // floating-point types and integers
	Bools                 // bool only
	Any                   // every type
)

// Row describes one code. The arguments of select are a bool and two of any one type; all other arguments share their type.
type Row struct {
	Code        Code
	Arity       int
	Domain      Domain
	Truth       bool // the result is bool; else it has the type of the last argument
	Commutative bool
	// Float is the meaning on float64; arguments beyond Arity are ignored.
	Float func(a, b, c float64) float64
	// Int is the exact meaning on integers before wrapping; nil where Float is exact on them too.
	Int func(a, b int64) int64
	// Grad holds for each argument the gradient by it; nil: the op is a constant for differentiation.
	Grad []Expr
	// Costs is the relative cost on a CPU, in additions.
	Costs int
}

// Lookup returns the row of a code, or nil.
func Lookup(c Code) *Row { return byCode[c] }

// Rows returns all rows in a fixed order. The caller does not change them.
func Rows() []Row { return rows }

var byCode map[Code]*Row

var rows []Row

func init() {
	rows = table()
	byCode = make(map[Code]*Row, len(rows))
	for i := range rows {
		byCode[rows[i].Code] = &rows[i]
	}
}

func table() []Row {
	const twoOverSqrtPi = 2 / 1.77245385090551602729816748334114518
	half := num(0.5)
	return []Row{
		{Code: Neg, Arity: 1, Domain: Numbers, Float: func(a, _, _ float64) float64 { return -a },
			Int: func(a, _ int64) int64 { return -a }, Grad: []Expr{of(Neg, dres)}, Costs: 1},
		{Code: Abs, Arity: 1, Domain: Numbers, Float: func(a, _, _ float64) float64 { return math.Abs(a) },
			Grad: []Expr{of(Mul, dres, of(Sign, argA))}, Costs: 1},
		{Code: Sign, Arity: 1, Domain: Numbers, Float: func(a, _, _ float64) float64 { return sign(a) }, Costs: 2},
		{Code: Exp, Arity: 1, Float: func(a, _, _ float64) float64 { return math.Exp(a) },
			Grad: []Expr{of(Mul, dres, res)}, Costs: 12},
		{Code: Expm1, Arity: 1, Float: func(a, _, _ float64) float64 { return math.Expm1(a) },
			Grad: []Expr{of(Mul, dres, of(Exp, argA))}, Costs: 16},
		{Code: Log, Arity: 1, Float: func(a, _, _ float64) float64 { return math.Log(a) },
			Grad: []Expr{of(Div, dres, argA)}, Costs: 14},
		{Code: Log1p, Arity: 1, Float: func(a, _, _ float64) float64 { return math.Log1p(a) },
			Grad: []Expr{of(Div, dres, of(Add, num(1), argA))}, Costs: 16},
		{Code: Sqrt, Arity: 1, Float: func(a, _, _ float64) float64 { return math.Sqrt(a) },
			Grad: []Expr{of(Div, of(Mul, half, dres), res)}, Costs: 6},
		// d a^(-1/2) = -1/2 a^(-3/2) = -1/2 y^3
		{Code: Rsqrt, Arity: 1, Float: func(a, _, _ float64) float64 { return 1 / math.Sqrt(a) },
			Grad: []Expr{of(Mul, of(Mul, num(-0.5), dres), of(Mul, res, of(Mul, res, res)))}, Costs: 8},
		{Code: Sin, Arity: 1, Float: func(a, _, _ float64) float64 { return math.Sin(a) },
			Grad: []Expr{of(Mul, dres, of(Cos, argA))}, Costs: 16},
		{Code: Cos, Arity: 1, Float: func(a, _, _ float64) float64 { return math.Cos(a) },
			Grad: []Expr{of(Neg, of(Mul, dres, of(Sin, argA)))}, Costs: 16},
		{Code: Tanh, Arity: 1, Float: func(a, _, _ float64) float64 { return math.Tanh(a) },
			Grad: []Expr{of(Mul, dres, of(Sub, num(1), of(Mul, res, res)))}, Costs: 16},
		{Code: Sigmoid, Arity: 1, Float: func(a, _, _ float64) float64 { return sigmoid(a) },
			Grad: []Expr{of(Mul, dres, of(Mul, res, of(Sub, num(1), res)))}, Costs: 16},
		{Code: Erf, Arity: 1, Float: func(a, _, _ float64) float64 { return math.Erf(a) },
			Grad: []Expr{of(Mul, of(Mul, num(twoOverSqrtPi), dres), of(Exp, of(Neg, of(Mul, argA, argA))))}, Costs: 20},
		{Code: Floor, Arity: 1, Float: func(a, _, _ float64) float64 { return math.Floor(a) }, Costs: 1},
		{Code: Ceil, Arity: 1, Float: func(a, _, _ float64) float64 { return math.Ceil(a) }, Costs: 1},
		{Code: Round, Arity: 1, Float: func(a, _, _ float64) float64 { return math.RoundToEven(a) }, Costs: 1},
		{Code: Not, Arity: 1, Domain: Bools, Truth: true, Float: func(a, _, _ float64) float64 { return truth(a == 0) }, Costs: 1},
		{Code: IsFinite, Arity: 1, Domain: Floats, Truth: true,
			Float: func(a, _, _ float64) float64 { return truth(!math.IsInf(a, 0) && !math.IsNaN(a)) }, Costs: 1},

		{Code: Add, Arity: 2, Domain: Numbers, Commutative: true, Float: func(a, b, _ float64) float64 { return a + b },
			Int: func(a, b int64) int64 { return a + b }, Grad: []Expr{dres, dres}, Costs: 1},
		{Code: Sub, Arity: 2, Domain: Numbers, Float: func(a, b, _ float64) float64 { return a - b },
			Int: func(a, b int64) int64 { return a - b }, Grad: []Expr{dres, of(Neg, dres)}, Costs: 1},
		{Code: Mul, Arity: 2, Domain: Numbers, Commutative: true, Float: func(a, b, _ float64) float64 { return a * b },
			Int: func(a, b int64) int64 { return a * b }, Grad: []Expr{of(Mul, dres, argB), of(Mul, dres, argA)}, Costs: 1},
		{Code: Div, Arity: 2, Float: func(a, b, _ float64) float64 { return a / b },
			Grad: []Expr{of(Div, dres, argB), of(Neg, of(Div, of(Mul, dres, res), argB))}, Costs: 5},
		// At b = 0 the power is constant in a, also at a = 0; at a = 0 it is taken as constant in b.
		{Code: Pow, Arity: 2, Domain: Numbers, Float: func(a, b, _ float64) float64 { return math.Pow(a, b) }, Int: intPow,
			Grad: []Expr{
				of(Mul, dres, of(Select, of(Eq, argB, num(0)), num(0), of(Mul, argB, of(Pow, argA, of(Sub, argB, num(1)))))),
				of(Mul, dres, of(Select, of(Eq, argA, num(0)), num(0), of(Mul, res, of(Log, argA)))),
			}, Costs: 40},
		{Code: Max, Arity: 2, Domain: Numbers, Commutative: true, Float: func(a, b, _ float64) float64 { return math.Max(a, b) },
			Grad: []Expr{of(Select, of(Gt, argA, argB), dres, num(0)), of(Select, of(Gt, argA, argB), num(0), dres)}, Costs: 1},
		{Code: Min, Arity: 2, Domain: Numbers, Commutative: true, Float: func(a, b, _ float64) float64 { return math.Min(a, b) },
			Grad: []Expr{of(Select, of(Lt, argA, argB), dres, num(0)), of(Select, of(Lt, argA, argB), num(0), dres)}, Costs: 1},
		// a = floor(a/b)·b + rem(a, b), with the sign of b.
		{Code: Rem, Arity: 2, Domain: Numbers, Float: func(a, b, _ float64) float64 { return rem(a, b) }, Int: intRem,
			Grad: []Expr{dres, of(Neg, of(Mul, dres, of(Floor, of(Div, argA, argB))))}, Costs: 8},
		{Code: FloorDiv, Arity: 2, Domain: Numbers, Float: func(a, b, _ float64) float64 { return math.Floor(a / b) }, Int: intFloorDiv, Costs: 6},
		{Code: Atan2, Arity: 2, Float: func(a, b, _ float64) float64 { return math.Atan2(a, b) },
			Grad: []Expr{
				of(Div, of(Mul, dres, argB), of(Add, of(Mul, argA, argA), of(Mul, argB, argB))),
				of(Neg, of(Div, of(Mul, dres, argA), of(Add, of(Mul, argA, argA), of(Mul, argB, argB)))),
			}, Costs: 24},
		{Code: Eq, Arity: 2, Domain: Any, Truth: true, Commutative: true, Float: func(a, b, _ float64) float64 { return truth(a == b) }, Costs: 1},
		{Code: Ne, Arity: 2, Domain: Any, Truth: true, Commutative: true, Float: func(a, b, _ float64) float64 { return truth(a != b) }, Costs: 1},
		{Code: Lt, Arity: 2, Domain: Numbers, Truth: true, Float: func(a, b, _ float64) float64 { return truth(a < b) }, Costs: 1},
		{Code: Le, Arity: 2, Domain: Numbers, Truth: true, Float: func(a, b, _ float64) float64 { return truth(a <= b) }, Costs: 1},
		{Code: Gt, Arity: 2, Domain: Numbers, Truth: true, Float: func(a, b, _ float64) float64 { return truth(a > b) }, Costs: 1},
		{Code: Ge, Arity: 2, Domain: Numbers, Truth: true, Float: func(a, b, _ float64) float64 { return truth(a >= b) }, Costs: 1},
		{Code: And, Arity: 2, Domain: Bools, Truth: true, Commutative: true, Float: func(a, b, _ float64) float64 { return truth(a != 0 && b != 0) }, Costs: 1},
		{Code: Or, Arity: 2, Domain: Bools, Truth: true, Commutative: true, Float: func(a, b, _ float64) float64 { return truth(a != 0 || b != 0) }, Costs: 1},

		{Code: Select, Arity: 3, Domain: Any, Float: func(a, b, c float64) float64 {
			if a != 0 {
				return b
			}
			return c
		}, Grad: []Expr{none, of(Select, argA, dres, num(0)), of(Select, argA, num(0), dres)}, Costs: 1},
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func sign(a float64) float64 {
	switch {
	case a > 0:
		return 1
	case a < 0:
		return -1
	}
	return a // keeps 0, -0 and NaN
}

func sigmoid(a float64) float64 {
	if a >= 0 {
		return 1 / (1 + math.Exp(-a))
	}
	e := math.Exp(a) // does not overflow for a < 0, and keeps relative precision
	return e / (1 + e)
}

func rem(a, b float64) float64 {
	r := math.Mod(a, b)
	if r != 0 && (r < 0) != (b < 0) {
		r += b
	}
	return r
}

func intRem(a, b int64) int64 {
	if b == 0 || b == -1 {
		return 0
	}
	r := a % b
	if r != 0 && (r < 0) != (b < 0) {
		r += b
	}
	return r
}

func intFloorDiv(a, b int64) int64 {
	switch b {
	case 0:
		return 0
	case -1:
		return -a
	}
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

// intPow is the power by squaring; a negative exponent gives the truncated reciprocal.
func intPow(a, n int64) int64 {
	if n < 0 {
		switch {
		case a == 1:
			return 1
		case a == -1 && n%2 == 0:
			return 1
		case a == -1:
			return -1
		}
		return 0
	}
	y := int64(1)
	for ; n > 0; n >>= 1 {
		if n&1 != 0 {
			y *= a
		}
		a *= a
	}
	return y
}

// Neutral returns the value that a fold with the code starts from: 0, 1, -Inf, +Inf, 1 (and), 0 (or). The second result is false for codes that
// do not fold. For integers the infinities mean the least and the greatest value of the type.
func Neutral(c Code) (float64, bool) {
	switch c {
	case Add, Or:
		return 0, true
	case Mul, And:
		return 1, true
	case Max:
		return math.Inf(-1), true
	case Min:
		return math.Inf(1), true
	}
	return 0, false
}
