package size

import "slices"

// Facts are what the `require` lines of a definition say about its sizes. A nil *Facts knows nothing; the zero value is ready for use.
type Facts struct {
	subst    []rule // atom -> size, each already applied to the others
	zero     []Size // sizes that are 0 and define no atom
	multiple []rule // floor(n / d) -> n / d
	nonneg   []Size // sizes that are not negative
}

type rule struct {
	a  *atom
	to Size
}

// Clone returns an independent copy.
func (f *Facts) Clone() *Facts {
	if f == nil {
		return &Facts{}
	}
	return &Facts{slices.Clone(f.subst), slices.Clone(f.zero), slices.Clone(f.multiple), slices.Clone(f.nonneg)}
}

// RequireEqual adds a == b. It answers Different, and adds nothing, if that contradicts what is known.
func (f *Facts) RequireEqual(a, b Size) Tri {
	d := f.rewrite(a.Sub(b))
	if t := compareZero(d); t != Unknown || d.Err() != nil {
		return t
	}
	if r, ok := orient(d); ok {
		for i := range f.subst {
			f.subst[i].to = f.subst[i].to.rewrite(r.apply)
		}
		f.subst = append(f.subst, r)
		return Unknown
	}
	f.zero = append(f.zero, d)
	return Unknown
}

// RequireMultiple adds a % b == 0.
func (f *Facts) RequireMultiple(a, b Size) Tri {
	q, ok := a.ExactDiv(b)
	if !ok {
		return Different
	}
	// The normal form of a // b may have whole parts taken out; the rest is as divisible as all of it.
	a.FloorDiv(b).walk(func(x *atom) {
		if x.kind != floorAtom {
			return
		}
		if e, ok := x.args[0].ExactDiv(x.args[1]); ok && compareZero(q.Sub(e).Sub(a.FloorDiv(b).Sub(fromAtom(x)))) == Equal {
			f.multiple = append(f.multiple, rule{x, e})
		}
	})
	return Unknown
}

// RequireLessEq adds a <= b.
func (f *Facts) RequireLessEq(a, b Size) Tri {
	d := f.rewrite(b.Sub(a))
	if d.Err() != nil {
		return Unknown
	}
	t := a.LessEq(b, f)
	if t == Unknown {
		f.nonneg = append(f.nonneg, d)
	}
	return t
}

// orient turns p = 0 into a definition of one atom: one that stands alone with the coefficient 1 or -1 and nowhere else; the last such name.
func orient(p Size) (rule, bool) {
	count := map[string]int{}
	p.walk(func(x *atom) { count[fromAtom(x).Key()]++ })
	for i := len(p.terms()) - 1; i >= 0; i-- {
		t := p.terms()[i]
		if len(t.m) != 1 || t.m[0].e != 1 || t.c != 1 && t.c != -1 || t.m[0].a.kind != symAtom {
			continue
		}
		a := t.m[0].a
		if s := fromAtom(a); count[s.Key()] == 1 {
			rest := s.Mul(Of(t.c)).Sub(p)
			return rule{a, rest.Mul(Of(t.c))}, true
		}
	}
	return rule{}, false
}

func (r rule) apply(x *atom) (Size, bool) { return r.to, r.a.same(x) }

// rewrite applies the definitions.
func (f *Facts) rewrite(s Size) Size {
	if f == nil {
		return s
	}
	for _, r := range f.multiple {
		s = s.rewrite(r.apply)
	}
	for _, r := range f.subst {
		s = s.rewrite(r.apply)
	}
	for _, r := range f.multiple {
		s = s.rewrite(rule{r.a.renamed(f), r.to}.apply)
	}
	return s
}

// renamed returns the atom as it looks after the substitutions.
func (a *atom) renamed(f *Facts) *atom {
	s := fromAtom(a)
	for _, r := range f.subst {
		s = s.rewrite(r.apply)
	}
	if t := s.terms(); len(t) == 1 && t[0].c == 1 && len(t[0].m) == 1 && t[0].m[0].e == 1 {
		return t[0].m[0].a
	}
	return a
}

func (f *Facts) compareZero(d Size) Tri {
	d = f.rewrite(d)
	if t := compareZero(d); t != Unknown || d.Err() != nil {
		return t
	}
	for _, z := range f.zero {
		_, rem := divide(d, z, wholeTerms)
		if compareZero(rem) == Equal {
			return Equal
		}
		if !rem.Same(d) {
			d = rem
		}
	}
	return compareZero(d)
}

// Less decides whether a < b for all values (at least 1) of the names that satisfy the facts.
func (a Size) Less(b Size, facts *Facts) Tri { return a.Add(Of(1)).LessEq(b, facts) }

// LessEq decides whether a <= b for all values (at least 1) of the names that satisfy the facts.
func (a Size) LessEq(b Size, facts *Facts) Tri {
	d := facts.rewrite(b.Sub(a))
	if d.Err() != nil {
		return Unknown
	}
	if facts.proves(d, 3) {
		return Yes
	}
	if facts.proves(d.Neg().Sub(Of(1)), 3) {
		return No
	}
	return Unknown
}

// proves looks for a proof that d is never negative: a lower bound of it, or of it without up to depth facts.
func (f *Facts) proves(d Size, depth int) bool {
	if d.Err() != nil {
		return false
	}
	if n, ok := lower(d); ok && n >= 0 {
		return true
	}
	if depth == 0 {
		return false
	}
	// An added maximum is at least each of its arguments, a subtracted minimum likewise.
	for _, t := range d.terms() {
		if len(t.m) != 1 || t.m[0].e != 1 || (t.m[0].a.kind != maxAtom || t.c < 0) && (t.m[0].a.kind != minAtom || t.c > 0) {
			continue
		}
		rest := d.Sub(fromAtom(t.m[0].a).Mul(Of(t.c)))
		for _, x := range t.m[0].a.args {
			if f.proves(rest.Add(x.Mul(Of(t.c))), depth-1) {
				return true
			}
		}
	}
	if f == nil {
		return false
	}
	for _, fact := range f.nonneg {
		// Subtracting a fact k times brings d nearer to a proof where it takes away one of d's terms.
	terms:
		for _, t := range d.terms() {
			for _, u := range fact.terms() {
				if len(u.m) > 0 && (u.c < 0) == (t.c < 0) && u.m.compare(t.m) == 0 {
					if f.proves(d.Sub(fact.Mul(Of(max(1, t.c/u.c)))), depth-1) {
						return true
					}
					break terms
				}
			}
		}
	}
	return false
}

// lower returns a number that s never falls below, all names being at least 1.
func lower(s Size) (int64, bool) {
	s, scale := loosen(s)
	// Write every atom as its least value plus something that is not negative; then the constant term is a bound if no coefficient is negative.
	ok := true
	shifted := Size{}
	for _, t := range s.terms() {
		p := Of(t.c)
		for _, f := range t.m {
			n, known := f.a.lower()
			if !known {
				ok = false
				break
			}
			p = p.Mul(opaque(f.a).Add(Of(n)).Pow(int(f.e)))
		}
		shifted = shifted.Add(p)
	}
	if !ok || shifted.Err() != nil {
		return 0, false
	}
	least := int64(0)
	for _, t := range shifted.terms() {
		if len(t.m) == 0 {
			least = t.c
		} else if t.c < 0 {
			return 0, false
		}
	}
	return -floorInt(-least, scale), true
}

// opaque returns a name for an atom, so that no rewriting sees into it; only lower uses it, and its sizes never leave.
func opaque(a *atom) Size {
	if a.kind == symAtom {
		return fromAtom(a)
	}
	return FromSym(&Sym{Name: a.key, ID: -1})
}

func (a *atom) lower() (int64, bool) {
	if a.kind == symAtom {
		return 1, true
	}
	switch a.kind {
	case floorAtom, exactAtom:
		n, ok := lower(a.args[0])
		d, ok2 := lower(a.args[1])
		if !ok || !ok2 || n < 0 || d < 1 {
			return 0, false
		}
		if c, isConst := a.args[1].Const(); isConst {
			return (n + map[kind]int64{exactAtom: c - 1}[a.kind]) / c, true
		}
		if a.kind == exactAtom && n > 0 {
			return 1, true
		}
		return 0, true
	case maxAtom:
		best, any := int64(0), false
		for _, x := range a.args {
			if n, ok := lower(x); ok && (!any || n > best) {
				best, any = n, true
			}
		}
		return best, any
	default:
		best := int64(1<<63 - 1)
		for _, x := range a.args {
			n, ok := lower(x)
			if !ok {
				return 0, false
			}
			best = min(best, n)
		}
		return best, true
	}
}

// loosen replaces floors and exact quotients by a number that are subtracted by their upper bound n / c, multiplying the whole by c. It returns
// the size and the product of those c: s is at least the result divided by it.
func loosen(s Size) (Size, int64) {
	scale := int64(1)
	for range 8 {
		next, c := loosenOne(s)
		product, ok := mulInt(scale, c)
		if c == 0 || !ok || next.Err() != nil {
			break
		}
		s, scale = next, product
	}
	return s, scale
}

func loosenOne(s Size) (Size, int64) {
	for _, t := range s.terms() {
		if len(t.m) != 1 || t.m[0].e != 1 || t.c >= 0 {
			continue
		}
		a := t.m[0].a
		if a.kind != floorAtom && a.kind != exactAtom {
			continue
		}
		if c, _ := a.args[1].Const(); c > 0 {
			rest := s.Sub(fromAtom(a).Mul(Of(t.c)))
			return rest.Mul(Of(c)).Add(a.args[0].Mul(Of(t.c))), c
		}
	}
	return s, 0
}
