package size

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// kind is the kind of an atom.
type kind uint8

const (
	symAtom   kind = iota
	floorAtom      // floor(args[0] / args[1])
	exactAtom      // args[0] / args[1], known or required to be whole
	maxAtom        // of args, sorted by key
	minAtom
)

// atom is an indivisible factor of a monomial.
type atom struct {
	kind kind
	sym  *Sym
	args []Size
	key  string // of all kinds but symAtom
}

// newAtom returns a composite atom as a size.
func newAtom(k kind, args ...Size) Size {
	a := &atom{kind: k, args: args}
	var b strings.Builder
	b.WriteByte("sfemn"[k])
	for i, x := range args {
		b.WriteByte("(,"[min(i, 1)])
		x.writeKey(&b)
	}
	b.WriteByte(')')
	if b.Len() > maxKey {
		return invalid(ErrTooLarge)
	}
	a.key = b.String()
	return fromAtom(a)
}

// compare orders atoms: names by their text, then by age; then the composite ones by their key.
func (a *atom) compare(b *atom) int {
	if a == b {
		return 0
	}
	if a.kind == symAtom && b.kind == symAtom {
		if c := strings.Compare(a.sym.Name, b.sym.Name); c != 0 {
			return c
		}
		return cmp.Compare(a.sym.ID, b.sym.ID)
	}
	if a.kind == symAtom || b.kind == symAtom {
		return cmp.Compare(a.kind, b.kind)
	}
	return strings.Compare(a.key, b.key)
}

func (a *atom) same(b *atom) bool { return a.compare(b) == 0 }

// factor is a power of an atom; mono is a product of factors with distinct atoms in order.
type factor struct {
	a *atom
	e int32
}
type mono []factor

// term is a coefficient times a monomial.
type term struct {
	c int64
	m mono
}

func (m mono) degree() int32 {
	n := int32(0)
	for _, f := range m {
		n += f.e
	}
	return n
}

// compare is the graded lexicographic order, under which division terminates.
func (m mono) compare(n mono) int {
	if c := cmp.Compare(m.degree(), n.degree()); c != 0 {
		return c
	}
	for i := range min(len(m), len(n)) {
		if c := m[i].a.compare(n[i].a); c != 0 {
			return -c // an earlier atom counts more
		}
		if c := cmp.Compare(m[i].e, n[i].e); c != 0 {
			return c
		}
	}
	return 0
}

func (m mono) mul(n mono) mono {
	if len(m) == 0 {
		return n
	}
	if len(n) == 0 {
		return m
	}
	out := make(mono, 0, len(m)+len(n))
	for len(m) > 0 && len(n) > 0 {
		switch c := m[0].a.compare(n[0].a); {
		case c < 0:
			out, m = append(out, m[0]), m[1:]
		case c > 0:
			out, n = append(out, n[0]), n[1:]
		default:
			out = append(out, factor{m[0].a, m[0].e + n[0].e})
			m, n = m[1:], n[1:]
		}
	}
	return append(append(out, m...), n...)
}

// div returns m / n if n divides m.
func (m mono) div(n mono) (mono, bool) {
	out := make(mono, 0, len(m))
	for _, f := range m {
		if len(n) > 0 && f.a.same(n[0].a) {
			if f.e < n[0].e {
				return nil, false
			}
			if f.e -= n[0].e; f.e > 0 {
				out = append(out, f)
			}
			n = n[1:]
			continue
		}
		out = append(out, f)
	}
	return out, len(n) == 0
}

// gcd returns the greatest common divisor of two monomials.
func (m mono) gcd(n mono) mono {
	var out mono
	for len(m) > 0 && len(n) > 0 {
		switch c := m[0].a.compare(n[0].a); {
		case c < 0:
			m = m[1:]
		case c > 0:
			n = n[1:]
		default:
			out = append(out, factor{m[0].a, min(m[0].e, n[0].e)})
			m, n = m[1:], n[1:]
		}
	}
	return out
}

func sameTerms(a, b []term) bool {
	return slices.EqualFunc(a, b, func(x, y term) bool { return x.c == y.c && x.m.compare(y.m) == 0 })
}

func addInt(a, b int64) (int64, bool) {
	c := a + b
	return c, (c > a) == (b > 0)
}

func mulInt(a, b int64) (int64, bool) {
	if a == math.MinInt64 || b == math.MinInt64 {
		return 0, a == 0 || b == 0
	}
	hi, lo := bits.Mul64(uint64(max(a, -a)), uint64(max(b, -b)))
	return a * b, hi == 0 && lo <= math.MaxInt64
}

func floorInt(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

func gcdInt(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return max(a, -a)
}

// addTerms returns a + sign*b.
func addTerms(a, b []term, sign int64) ([]term, bool) {
	out := make([]term, 0, len(a)+len(b))
	for len(a) > 0 || len(b) > 0 {
		c := 0
		switch {
		case len(a) == 0:
			c = -1
		case len(b) == 0:
			c = 1
		default:
			c = a[0].m.compare(b[0].m)
		}
		switch {
		case c > 0:
			out, a = append(out, a[0]), a[1:]
		case b[0].c == math.MinInt64:
			return nil, false
		case c < 0:
			out, b = append(out, term{sign * b[0].c, b[0].m}), b[1:]
		default:
			n, ok := addInt(a[0].c, sign*b[0].c)
			if !ok {
				return nil, false
			}
			if n != 0 {
				out = append(out, term{n, a[0].m})
			}
			a, b = a[1:], b[1:]
		}
	}
	return out, len(out) <= maxTerms
}

// mulTerms returns a * b, without the rewriting of quotients.
func mulTerms(a, b []term) ([]term, bool) {
	if len(a)*len(b) > maxPairs {
		return nil, false
	}
	all := make([]term, 0, len(a)*len(b))
	for _, x := range a {
		for _, y := range b {
			c, ok := mulInt(x.c, y.c)
			m := x.m.mul(y.m)
			if !ok || m.degree() > maxDegree {
				return nil, false
			}
			all = append(all, term{c, m})
		}
	}
	return collect(all)
}

// collect sorts terms and adds those of one monomial.
func collect(all []term) ([]term, bool) {
	slices.SortStableFunc(all, func(x, y term) int { return y.m.compare(x.m) })
	out := all[:0]
	for _, t := range all {
		if n := len(out); n > 0 && out[n-1].m.compare(t.m) == 0 {
			c, ok := addInt(out[n-1].c, t.c)
			if !ok {
				return nil, false
			}
			out[n-1].c = c
			continue
		}
		if n := len(out); n > 0 && out[n-1].c == 0 {
			out = out[:n-1]
		}
		out = append(out, t)
	}
	if n := len(out); n > 0 && out[n-1].c == 0 {
		out = out[:n-1]
	}
	return out, len(out) <= maxTerms
}

// Key returns a text that two sizes share iff they have the same normal form; for maps.
func (a Size) Key() string {
	var b strings.Builder
	a.writeKey(&b)
	return b.String()
}

func (a Size) writeKey(b *strings.Builder) {
	if err := a.Err(); err != nil {
		b.WriteString("!" + err.Error())
		return
	}
	for _, t := range a.terms() {
		if t.c >= 0 {
			b.WriteByte('+')
		}
		b.WriteString(strconv.FormatInt(t.c, 10))
		for _, f := range t.m {
			b.WriteByte('*')
			if f.a.kind == symAtom {
				b.WriteString(f.a.sym.Name)
				b.WriteByte('#')
				b.WriteString(strconv.Itoa(int(f.a.sym.ID)))
			} else {
				b.WriteString(f.a.key)
			}
			if f.e > 1 {
				b.WriteByte('^')
				b.WriteString(strconv.Itoa(int(f.e)))
			}
		}
	}
}
