package size

import (
	"strconv"
	"strings"
)

// String writes the size as the language does: (H + 2*pad - k) // s + 1, d / heads. Terms that are added come first.
func (a Size) String() string {
	if err := a.Err(); err != nil {
		return "(" + err.Error() + ")"
	}
	var b strings.Builder
	a.write(&b)
	if b.Len() == 0 {
		return "0"
	}
	return b.String()
}

// write prints the terms: the positive ones, then the negative ones, and a number last unless it alone is positive.
func (a Size) write(b *strings.Builder) {
	var plus, minus []term
	for _, t := range a.terms() {
		if t.c > 0 {
			plus = append(plus, t)
		} else {
			minus = append(minus, t)
		}
	}
	if n := len(plus); n > 1 && len(plus[n-1].m) == 0 && len(minus) > 0 {
		// a + 1 - b reads worse than a - b + 1
		minus, plus = append(minus, plus[n-1]), plus[:n-1]
	}
	for i, t := range append(plus, minus...) {
		switch {
		case i > 0 && t.c < 0:
			b.WriteString(" - ")
		case i > 0:
			b.WriteString(" + ")
		case t.c < 0:
			b.WriteByte('-')
		}
		t.write(b, i == 0 && t.c < 0)
	}
}

// write prints a term without its sign.
func (t term) write(b *strings.Builder, negated bool) {
	n := uint64(t.c)
	if t.c < 0 {
		n = -n
	}
	factors := 0
	for _, f := range t.m {
		factors += int(f.e)
	}
	if n != 1 || factors == 0 {
		b.WriteString(strconv.FormatUint(n, 10))
		if factors > 0 {
			b.WriteByte('*')
		}
	}
	alone := factors == 1 && n == 1 && !negated
	first := true
	for _, f := range t.m {
		for range f.e {
			if !first {
				b.WriteByte('*')
			}
			first = false
			f.a.write(b, alone)
		}
	}
}

// write prints an atom, in parentheses unless it stands alone in a sum or is a name or a call.
func (a *atom) write(b *strings.Builder, alone bool) {
	switch a.kind {
	case symAtom:
		b.WriteString(a.sym.Name)
		return
	case maxAtom, minAtom:
		b.WriteString(map[kind]string{maxAtom: "max(", minAtom: "min("}[a.kind])
		for i, x := range a.args {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(x.String())
		}
		b.WriteByte(')')
		return
	}
	if !alone {
		b.WriteByte('(')
	}
	a.args[0].writeOperand(b, true)
	b.WriteString(map[kind]string{floorAtom: " // ", exactAtom: " / "}[a.kind])
	a.args[1].writeOperand(b, false)
	if !alone {
		b.WriteByte(')')
	}
}

// writeOperand prints an operand of a division; a product may stand on its left without parentheses.
func (a Size) writeOperand(b *strings.Builder, left bool) {
	t := a.terms()
	bare := len(t) == 1 && t[0].c > 0
	if bare && !left {
		bare = len(t[0].m) == 0 || t[0].c == 1 && t[0].m.degree() == 1
	}
	if bare && len(t[0].m) == 1 && t[0].c == 1 && t[0].m[0].e == 1 {
		t[0].m[0].a.write(b, false)
		return
	}
	if !bare {
		b.WriteByte('(')
	}
	a.write(b)
	if !bare {
		b.WriteByte(')')
	}
}
