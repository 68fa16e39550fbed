package size

import "slices"

// rounding says how far divide reduces a coefficient that the leading coefficient of the divisor does not divide.
type rounding uint8

const (
	wholeTerms rounding = iota // not at all
	towardZero                 // the remainder has the sign of the coefficient
	towardDown                 // the remainder is not negative
)

// divide returns quo and rem with p = quo*c + rem, by the division algorithm for polynomials in several variables: no coefficient of rem
// can be reduced further under the rounding. It gives up (0, p) where the numbers become too large.
func divide(p, c Size, round rounding) (quo, rem Size) {
	lead := c.terms()[0]
	work, fail := p.terms(), p
	var q, r []term
	for steps := 0; len(work) > 0; steps++ {
		if steps > 4*maxTerms {
			return Size{}, fail
		}
		t := work[0]
		m, ok := t.m.div(lead.m)
		k := int64(0)
		if ok && lead.c != -1<<63 {
			switch {
			case t.c%lead.c == 0 || round == towardZero:
				k = t.c / lead.c
			case round == towardDown && lead.c > 0:
				k = floorInt(t.c, lead.c)
			case round == towardDown:
				k = -floorInt(t.c, -lead.c)
			}
		}
		if k == 0 {
			r, work = append(r, t), work[1:]
			continue
		}
		part, ok1 := mulTerms([]term{{k, m}}, c.terms())
		if !ok1 {
			return Size{}, fail
		}
		next, ok2 := addTerms(work, part, -1)
		if !ok2 {
			return Size{}, fail
		}
		q, work = append(q, term{k, m}), next
		if len(work) > 0 && work[0].m.compare(t.m) == 0 {
			r, work = append(r, work[0]), work[1:]
		}
	}
	return fromTerms(q), fromTerms(r)
}

// normal rewrites (n / c) * c to n in a polynomial, for every exact quotient in it.
func normal(t []term) Size {
	s := fromTerms(t)
	for round := 0; round < 64 && s.Err() == nil; round++ {
		var atoms []*atom
		for _, t := range s.terms() {
			for _, f := range t.m {
				if f.a.kind == exactAtom {
					atoms = append(atoms, f.a)
				}
			}
		}
		slices.SortFunc(atoms, func(x, y *atom) int { return y.compare(x) })
		changed := false
		for _, q := range slices.CompactFunc(atoms, (*atom).same) {
			if s, changed = reduce(s, q); changed {
				break
			}
		}
		if !changed {
			break
		}
	}
	return s
}

// reduce writes s as q*p + rest, divides p by the divisor of q, and puts the dividend in the place of q times the divisor.
func reduce(s Size, q *atom) (Size, bool) {
	var with, rest []term
	one := mono{{q, 1}}
	for _, t := range s.terms() {
		if m, ok := t.m.div(one); ok {
			with = append(with, term{t.c, m})
		} else {
			rest = append(rest, t)
		}
	}
	with, ok := collect(with)
	if !ok {
		return invalid(ErrTooLarge), true
	}
	quo, rem := divide(fromTerms(with), q.args[1], towardZero)
	if quo.IsZero() {
		return s, false
	}
	a, ok1 := mulTerms(quo.terms(), q.args[0].terms())
	b, ok2 := mulTerms(rem.terms(), []term{{1, one}})
	if !ok1 || !ok2 {
		return invalid(ErrTooLarge), true
	}
	all, ok := collect(slices.Concat(a, b, rest))
	if !ok {
		return invalid(ErrTooLarge), true
	}
	return fromTerms(all), true
}

// content returns the greatest integer and the greatest monomial that divide every term.
func content(a Size) (int64, mono) {
	var n int64
	var m mono
	for i, t := range a.terms() {
		n = gcdInt(n, t.c)
		if i == 0 {
			m = t.m
		} else {
			m = m.gcd(t.m)
		}
	}
	return n, m
}

// cancel divides two sizes that are not zero by their common integer and names, and makes the divisor's first coefficient positive.
func cancel(a, b Size) (Size, Size) {
	n, m := content(a)
	k, l := content(b)
	g := gcdInt(n, k)
	if b.terms()[0].c < 0 {
		g = -g
	}
	common := slices.DeleteFunc(m.gcd(l), func(f factor) bool { return f.a.kind != symAtom })
	if g == 1 && len(common) == 0 || g == 0 {
		return a, b
	}
	part := func(s Size) Size {
		out := make([]term, len(s.terms()))
		for i, t := range s.terms() {
			m, _ := t.m.div(common)
			if t.c == -1<<63 {
				return invalid(ErrTooLarge)
			}
			out[i] = term{t.c / g, m}
		}
		return fromTerms(out)
	}
	return part(a), part(b)
}

// ExactDiv returns a / b, the q with q*b = a: cancelled as far as the polynomials allow, else an atom. It is not known to be possible, and the
// result is invalid, when b is 0 or leaves a remainder whatever the names stand for.
func (a Size) ExactDiv(b Size) (Size, bool) {
	if e, bad := firstErr(a, b); bad {
		return e, false
	}
	if b.IsZero() {
		return invalid(ErrZero), false
	}
	if a.IsZero() {
		return a, true
	}
	n, d := cancel(a, b)
	if e, bad := firstErr(n, d); bad {
		return e, false
	}
	quo, rem := divide(n, d, wholeTerms)
	if rem.IsZero() {
		return quo, true
	}
	if c, ok := d.Const(); ok {
		// Every value of rem is congruent to its constant modulo the common divisor of c and the other coefficients.
		g, last := c, int64(0)
		for _, t := range rem.terms() {
			if len(t.m) == 0 {
				last = t.c
			} else {
				g = gcdInt(g, t.c)
			}
		}
		if last%g != 0 {
			return invalid(&Inexact{a, b}), false
		}
	}
	rem, d = cancel(rem, d)
	if e, bad := firstErr(rem, d); bad {
		return e, false
	}
	q := newAtom(exactAtom, rem, d)
	if q.Err() != nil {
		return q, false
	}
	return quo.Add(q), true
}

// FloorDiv returns a / b rounded down.
func (a Size) FloorDiv(b Size) Size {
	if e, bad := firstErr(a, b); bad {
		return e
	}
	if b.IsZero() {
		return invalid(ErrZero)
	}
	if a.IsZero() {
		return a
	}
	n, d := cancel(a, b)
	if e, bad := firstErr(n, d); bad {
		return e
	}
	quo, rem := divide(n, d, towardDown)
	if c, ok := d.Const(); ok && !rem.IsZero() {
		return quo.Add(floorConst(rem, c))
	}
	if rem.IsZero() {
		return quo
	}
	rem, d = cancel(rem, d)
	if e, bad := firstErr(rem, d); bad {
		return e
	}
	return quo.Add(newAtom(floorAtom, rem, d))
}

// floorConst returns floor(p / c) for c > 0 where all coefficients of p are at least 0 and below c.
func floorConst(p Size, c int64) Size {
	// floor((g*p + r) / (g*c)) = floor((p + floor(r/g)) / c)
	g, last := c, int64(0)
	for _, t := range p.terms() {
		if len(t.m) == 0 {
			last = t.c
		} else {
			g = gcdInt(g, t.c)
		}
	}
	if g > 1 {
		var out []term
		for _, t := range p.terms() {
			if len(t.m) > 0 {
				out = append(out, term{t.c / g, t.m})
			}
		}
		c /= g
		return fromTerms(out).Add(Of(last / g)).FloorDiv(Of(c))
	}
	if c == 1 {
		return p
	}
	// floor((floor(n / a) + k) / c) = floor((n + a*k) / (a*c))
	inner, count := (*atom)(nil), 0
	for _, t := range p.terms() {
		for _, f := range t.m {
			if f.a.kind != floorAtom {
				continue
			}
			count++
			if _, ok := f.a.args[1].Const(); ok && len(t.m) == 1 && f.e == 1 && t.c == 1 {
				inner = f.a
			}
		}
	}
	if count == 1 && inner != nil {
		a, _ := inner.args[1].Const()
		if ac, ok := mulInt(a, c); ok {
			rest := p.Sub(fromAtom(inner))
			return inner.args[0].Add(rest.Mul(inner.args[1])).FloorDiv(Of(ac))
		}
	}
	return newAtom(floorAtom, p, Of(c))
}

// extreme returns the maximum or minimum: a constant difference decides, else an atom of all its distinct arguments.
func extreme(k kind, a, b Size) Size {
	if e, bad := firstErr(a, b); bad {
		return e
	}
	var args []Size
	for _, s := range []Size{a, b} {
		if t := s.terms(); len(t) == 1 && t[0].c == 1 && len(t[0].m) == 1 && t[0].m[0].e == 1 && t[0].m[0].a.kind == k {
			args = append(args, t[0].m[0].a.args...)
		} else {
			args = append(args, s)
		}
	}
	var keep []Size
next:
	for _, s := range args {
		for i, other := range keep {
			if n, ok := s.Sub(other).Const(); ok {
				if (n > 0) == (k == maxAtom) {
					keep[i] = s
				}
				continue next
			}
		}
		keep = append(keep, s)
	}
	if len(keep) == 1 {
		return keep[0]
	}
	slices.SortFunc(keep, func(x, y Size) int {
		if c := slices.CompareFunc(x.terms(), y.terms(), func(s, t term) int { return -s.m.compare(t.m) }); c != 0 {
			return c
		}
		if x.Key() < y.Key() {
			return -1
		}
		return 1
	})
	return newAtom(k, keep...)
}
