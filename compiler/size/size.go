// Package size is the arithmetic of tensor sizes: polynomials with integer coefficients over atoms.
//
// An atom is a name (Sym), a quotient rounded down floor(p / c), an exact quotient p / c (which stands for the q with q*c = p), or a maximum or
// minimum. Every Size is kept in a normal form: sorted monomials, and the rewritings
//
//	floor((p + c*k) / c) -> floor(p / c) + k      floor(floor(p / a) / b) -> floor(p / (a*b))
//	(c*p) / c -> p                                (p / c) * c -> p
//
// so that most equal sizes are equal term by term; Compare also multiplies exact quotients out, after which the answer about polynomials and
// exact quotients is complete. Names stand for whole numbers that are at least 1.
//
// No operation is unbounded: a size with more than 256 terms, a coefficient beyond int64 or an absurdly deep nesting becomes an invalid Size,
// which every further operation passes on and Err explains.
package size

import (
	"errors"
	"fmt"
	"sync/atomic"
)

// Size is an immutable size. The zero value is 0. Sizes do not compare by ==; see Same, Compare and Key.
type Size struct{ p *poly }

// poly is a polynomial in normal form, or an error.
type poly struct {
	terms []term // sorted, greatest monomial first
	err   error
}

// Sym is the name of a size: B, T, heads. Identity is the pointer; two symbols may print alike.
type Sym struct {
	Name string
	ID   int32 // the order of creation; makes two symbols of one name sort and print apart in keys
}

var symbols atomic.Int32

// NewSym returns a new symbol.
func NewSym(name string) *Sym { return &Sym{Name: name, ID: symbols.Add(1)} }

// Tri is an answer that may be out of reach.
type Tri uint8

const (
	Unknown Tri = iota
	No
	Yes
	Equal     = Yes // of Compare
	Different = No  // of Compare: the sizes differ whatever the names stand for
)

// String returns yes, no or unknown.
func (t Tri) String() string { return [...]string{"unknown", "no", "yes"}[t] }

// ErrTooLarge is the error of a size that outgrew the bounds of this package or of int64.
var ErrTooLarge = errors.New("the size is too large")

// ErrZero is the error of a division by zero.
var ErrZero = errors.New("division by zero in a size")

// Inexact is the error of an exact division that leaves a remainder.
type Inexact struct{ Dividend, Divisor Size }

func (e *Inexact) Error() string {
	return fmt.Sprintf("%s is not divisible by %s", e.Dividend, e.Divisor)
}

// maxTerms bounds the terms of one size, maxDegree its degree, maxPairs the work of one product, and maxKey the text of one atom.
const (
	maxTerms  = 256
	maxDegree = 32
	maxPairs  = 1 << 14
	maxKey    = 1 << 12
)

func invalid(err error) Size { return Size{&poly{err: err}} }

func fromTerms(t []term) Size {
	if len(t) == 0 {
		return Size{}
	}
	if len(t) > maxTerms {
		return invalid(ErrTooLarge)
	}
	return Size{&poly{terms: t}}
}

func (a Size) terms() []term {
	if a.p == nil {
		return nil
	}
	return a.p.terms
}

// Err returns why a size is invalid, or nil.
func (a Size) Err() error {
	if a.p == nil {
		return nil
	}
	return a.p.err
}

// firstErr returns the first invalid size of a list.
func firstErr(list ...Size) (Size, bool) {
	for _, a := range list {
		if a.Err() != nil {
			return a, true
		}
	}
	return Size{}, false
}

// Of returns a constant.
func Of(n int64) Size {
	if n == 0 {
		return Size{}
	}
	return Size{&poly{terms: []term{{c: n}}}}
}

// FromSym returns the size that a name stands for.
func FromSym(s *Sym) Size { return fromAtom(&atom{kind: symAtom, sym: s}) }

func fromAtom(a *atom) Size { return Size{&poly{terms: []term{{1, mono{{a, 1}}}}}} }

// Const returns the number a size is, if it is one.
func (a Size) Const() (int64, bool) {
	switch t := a.terms(); {
	case a.Err() != nil:
		return 0, false
	case len(t) == 0:
		return 0, true
	case len(t) == 1 && len(t[0].m) == 0:
		return t[0].c, true
	}
	return 0, false
}

// Sym returns the name a size is, if it is a bare one.
func (a Size) Sym() (*Sym, bool) {
	if t := a.terms(); len(t) == 1 && t[0].c == 1 && len(t[0].m) == 1 && t[0].m[0].e == 1 && t[0].m[0].a.kind == symAtom {
		return t[0].m[0].a.sym, true
	}
	return nil, false
}

// IsZero reports whether a size is the constant 0.
func (a Size) IsZero() bool { return a.p == nil }

// Same reports whether two valid sizes have one normal form.
func (a Size) Same(b Size) bool {
	if a.Err() != nil || b.Err() != nil {
		return false
	}
	return a.p == b.p || sameTerms(a.terms(), b.terms())
}

// Add returns a + b.
func (a Size) Add(b Size) Size { return combine(a, b, 1) }

// Sub returns a - b.
func (a Size) Sub(b Size) Size { return combine(a, b, -1) }

// Neg returns -a.
func (a Size) Neg() Size { return combine(Size{}, a, -1) }

func combine(a, b Size, sign int64) Size {
	if e, bad := firstErr(a, b); bad {
		return e
	}
	if b.IsZero() {
		return a
	}
	t, ok := addTerms(a.terms(), b.terms(), sign)
	if !ok {
		return invalid(ErrTooLarge)
	}
	return normal(t)
}

// Mul returns a * b.
func (a Size) Mul(b Size) Size {
	if e, bad := firstErr(a, b); bad {
		return e
	}
	t, ok := mulTerms(a.terms(), b.terms())
	if !ok {
		return invalid(ErrTooLarge)
	}
	return normal(t)
}

// Pow returns a to the power k; k is not negative.
func (a Size) Pow(k int) Size {
	if a.Err() != nil {
		return a
	}
	if k < 0 || k > 64 {
		return invalid(ErrTooLarge)
	}
	r := Of(1)
	for ; k > 0; k-- {
		r = r.Mul(a)
	}
	return r
}

// Mod returns a % b with the sign of b: a - b*floor(a / b).
func (a Size) Mod(b Size) Size { return a.Sub(a.FloorDiv(b).Mul(b)) }

// Max returns the greater of two sizes.
func Max(a, b Size) Size { return extreme(maxAtom, a, b) }

// Min returns the smaller of two sizes.
func Min(a, b Size) Size { return extreme(minAtom, a, b) }

// Syms returns the names in a size, without repetition, in the order of the normal form.
func (a Size) Syms() []*Sym {
	var out []*Sym
	seen := map[*Sym]bool{}
	a.walk(func(x *atom) {
		if x.kind == symAtom && !seen[x.sym] {
			seen[x.sym] = true
			out = append(out, x.sym)
		}
	})
	return out
}

// walk visits every atom of a size, those inside of atoms before them.
func (a Size) walk(visit func(*atom)) {
	for _, t := range a.terms() {
		for _, f := range t.m {
			for _, x := range f.a.args {
				x.walk(visit)
			}
			visit(f.a)
		}
	}
}

// DifferentNames reports whether both sizes are bare names and not the same one: different inside a definition, perhaps equal in a call.
func DifferentNames(a, b Size) bool {
	x, ok := a.Sym()
	y, ok2 := b.Sym()
	return ok && ok2 && x != y
}

// Compare decides whether two sizes are equal for all values of their names that satisfy the facts (which may be nil). Different means that they
// differ by a constant that is not zero.
func Compare(a, b Size, facts *Facts) Tri {
	if _, bad := firstErr(a, b); bad {
		return Unknown
	}
	d := a.Sub(b)
	if t := compareZero(d); t != Unknown || facts == nil {
		return t
	}
	return facts.compareZero(d)
}

// compareZero decides whether d is zero. It multiplies all exact quotients out first: d vanishes iff d times a divisor does.
func compareZero(d Size) Tri {
	scale := Of(1)
	for round := 0; round < 64; round++ {
		if d.Err() != nil {
			return Unknown
		}
		if d.IsZero() {
			return Equal
		}
		if _, ok := d.Const(); ok {
			return Different
		}
		var q *atom
		for _, t := range d.terms() {
			for _, f := range t.m {
				if f.a.kind == exactAtom && (q == nil || q.compare(f.a) < 0) {
					q = f.a
				}
			}
		}
		if q == nil {
			break
		}
		d, scale = d.Mul(q.args[1]), scale.Mul(q.args[1])
	}
	if scale.Err() != nil || d.Err() != nil {
		return Unknown
	}
	if quo, rem := divide(d, scale, wholeTerms); rem.IsZero() {
		if n, ok := quo.Const(); ok && n != 0 {
			return Different
		}
	}
	return Unknown
}
