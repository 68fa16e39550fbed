package size

import (
	"fmt"
	"math"
)

// Eval returns the number that a size is when each name has the value that the function gives. It fails on a name without a value, a division
// that is by zero or not exact, and numbers beyond int64.
func (a Size) Eval(value func(*Sym) (int64, bool)) (int64, error) {
	if err := a.Err(); err != nil {
		return 0, err
	}
	sum := int64(0)
	for _, t := range a.terms() {
		p := t.c
		for _, f := range t.m {
			v, err := f.a.eval(value)
			if err != nil {
				return 0, err
			}
			for range f.e {
				var ok bool
				if p, ok = mulInt(p, v); !ok {
					return 0, ErrTooLarge
				}
			}
		}
		var ok bool
		if sum, ok = addInt(sum, p); !ok && p != 0 {
			return 0, ErrTooLarge
		}
	}
	return sum, nil
}

func (a *atom) eval(value func(*Sym) (int64, bool)) (int64, error) {
	if a.kind == symAtom {
		v, ok := value(a.sym)
		if !ok {
			return 0, fmt.Errorf("the size %s has no value", a.sym.Name)
		}
		return v, nil
	}
	v := make([]int64, len(a.args))
	for i, x := range a.args {
		var err error
		if v[i], err = x.Eval(value); err != nil {
			return 0, err
		}
	}
	switch a.kind {
	case floorAtom, exactAtom:
		switch {
		case v[1] == 0:
			return 0, ErrZero
		case v[1] == -1 && v[0] == math.MinInt64:
			return 0, ErrTooLarge
		case a.kind == floorAtom:
			return floorInt(v[0], v[1]), nil
		case v[0]%v[1] != 0:
			return 0, &Inexact{Of(v[0]), Of(v[1])}
		}
		return v[0] / v[1], nil
	case maxAtom:
		m := v[0]
		for _, x := range v {
			m = max(m, x)
		}
		return m, nil
	default:
		m := v[0]
		for _, x := range v {
			m = min(m, x)
		}
		return m, nil
	}
}

// Subst puts sizes in the place of names, where the function has one. The result is invalid where an exact division is now known to leave a remainder.
func (a Size) Subst(with func(*Sym) (Size, bool)) Size {
	return a.rewrite(func(x *atom) (Size, bool) {
		if x.kind == symAtom {
			return with(x.sym)
		}
		return Size{}, false
	})
}

// rewrite rebuilds a size with other sizes in the place of atoms, from the inside out.
func (a Size) rewrite(with func(*atom) (Size, bool)) Size {
	if a.Err() != nil {
		return a
	}
	touched := false
	a.walk(func(x *atom) {
		if !touched {
			_, touched = with(x)
		}
	})
	if !touched {
		return a
	}
	sum := Size{}
	for _, t := range a.terms() {
		p := Of(t.c)
		for _, f := range t.m {
			p = p.Mul(f.a.rewrite(with).Pow(int(f.e)))
		}
		sum = sum.Add(p)
	}
	return sum
}

func (a *atom) rewrite(with func(*atom) (Size, bool)) Size {
	if s, ok := with(a); ok {
		return s
	}
	if a.kind == symAtom {
		return fromAtom(a)
	}
	args := make([]Size, len(a.args))
	for i, x := range a.args {
		args[i] = x.rewrite(with)
	}
	var s Size
	switch a.kind {
	case floorAtom:
		s = args[0].FloorDiv(args[1])
	case exactAtom:
		s, _ = args[0].ExactDiv(args[1])
	default:
		s = args[0]
		for _, x := range args[1:] {
			s = extreme(a.kind, s, x)
		}
	}
	if t := s.terms(); len(t) == 1 && t[0].c == 1 && len(t[0].m) == 1 && t[0].m[0].e == 1 && !t[0].m[0].a.same(a) {
		if r, ok := with(t[0].m[0].a); ok {
			return r
		}
	}
	return s
}
