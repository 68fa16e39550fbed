package size

import (
	"errors"
	"fmt"
	"math/rand"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// names of the tests, in the order of creation.
var symOf = map[string]*Sym{}

func sym(name string) Size {
	if symOf[name] == nil {
		symOf[name] = NewSym(name)
	}
	return FromSym(symOf[name])
}

func init() {
	for _, n := range []string{"B", "T", "H", "W", "d", "heads", "k", "pad", "s"} {
		sym(n)
	}
}

func exact(a, b Size) Size {
	q, ok := a.ExactDiv(b)
	if !ok {
		panic(fmt.Sprintf("%s / %s", a, b))
	}
	return q
}

func TestString(t *testing.T) {
	T, H, d, heads, k, pad, s := sym("T"), sym("H"), sym("d"), sym("heads"), sym("k"), sym("pad"), sym("s")
	two := Of(2)
	for _, c := range []struct {
		a    Size
		want string
	}{
		{Size{}, "0"},
		{Of(-7), "-7"},
		{T, "T"},
		{T.Neg(), "-T"},
		{H.Add(two.Mul(pad)).Sub(k).FloorDiv(s).Add(Of(1)), "(H + 2*pad - k) // s + 1"},
		{exact(d, heads), "d / heads"},
		{exact(d, heads).Mul(two), "2*(d / heads)"},
		{exact(d, heads.Mul(two)), "d / (2*heads)"},
		{exact(d, heads).FloorDiv(two), "(d / heads) // 2"},
		{T.FloorDiv(two).Mul(two), "2*(T // 2)"},
		{T.FloorDiv(two).Neg(), "-(T // 2)"},
		{T.Mul(T).Add(T).Sub(Of(3)), "T*T + T - 3"},
		{T.Add(Of(1)).Mul(H), "H*T + H"},
		{Of(8).Sub(k), "8 - k"},
		{T.Sub(k).Add(Of(1)), "T - k + 1"},
		{Max(T, two), "max(T, 2)"},
		{Min(H, T).Mul(two), "2*min(H, T)"},
		{T.Mul(H).FloorDiv(two), "H*T // 2"},
		{T.Mul(T).FloorDiv(H.Mul(k)), "T*T // (H*k)"},
	} {
		assert.Equal(t, c.want, c.a.String())
	}
}

func TestNormalForm(t *testing.T) {
	T, H, d, heads, s, k := sym("T"), sym("H"), sym("d"), sym("heads"), sym("s"), sym("k")
	n := Of
	for i, c := range [][2]Size{
		{T.Add(H).Mul(T.Sub(H)), T.Mul(T).Sub(H.Mul(H))},
		{T.Sub(T), Size{}},
		{T.Add(n(4)).FloorDiv(n(2)), T.FloorDiv(n(2)).Add(n(2))},
		{T.Sub(n(1)).FloorDiv(n(2)), T.Add(n(1)).FloorDiv(n(2)).Sub(n(1))},
		{T.FloorDiv(n(2)).FloorDiv(n(3)), T.FloorDiv(n(6))},
		{T.Mul(n(2)).Add(n(1)).FloorDiv(n(4)), T.FloorDiv(n(2))},
		{T.Mul(s).Add(k).FloorDiv(s), T.Add(k.FloorDiv(s))},
		{T.FloorDiv(n(-3)), T.Neg().FloorDiv(n(3))},
		{exact(d, heads).Mul(heads), d},
		{heads.Mul(exact(d, heads)), d},
		{exact(d.Mul(heads), heads), d},
		{exact(d.Mul(n(6)), heads.Mul(n(4))), exact(d.Mul(n(3)), heads.Mul(n(2)))},
		{exact(d.Add(heads), heads), exact(d, heads).Add(n(1))},
		{exact(d, heads.Add(n(1))).Mul(heads.Add(n(1))).Add(T), d.Add(T)},
		{exact(d, heads.Add(n(1))).Mul(heads).Add(exact(d, heads.Add(n(1)))), d},
		{exact(d, n(2)).Add(exact(d, n(2))), d},
		{T.Sub(exact(T, n(2))), exact(T, n(2))},
		{exact(T.Mul(T).Sub(H.Mul(H)), T.Add(H)), T.Sub(H)},
		{T.Mod(n(1)), Size{}},
		{T.Mul(n(4)).Add(n(3)).Mod(n(2)), n(1)},
		{Max(T, Max(H, T)), Max(H, T)},
		{Max(T, T.Add(n(1))), T.Add(n(1))},
		{Min(n(3), n(5)), n(3)},
		{T.Pow(3), T.Mul(T).Mul(T)},
		{T.Pow(0), n(1)},
	} {
		assert.Equal(t, Equal, Compare(c[0], c[1], nil), "%d: %s == %s", i, c[0], c[1])
	}
	q1, q2 := exact(d, heads), exact(k, heads)
	assert.Equal(t, Equal, Compare(q1.Mul(k), d.Mul(q2), nil))
	assert.Equal(t, Different, Compare(exact(T.Add(n(2)), n(2)), exact(T, n(2)), nil))
}

func TestCompare(t *testing.T) {
	T, H := sym("T"), sym("H")
	assert.Equal(t, Equal, Compare(T, T, nil))
	assert.Equal(t, Different, Compare(T, T.Add(Of(1)), nil))
	assert.Equal(t, Different, Compare(Of(3), Of(4), nil))
	assert.Equal(t, Unknown, Compare(T, H, nil))
	assert.Equal(t, Unknown, Compare(T.FloorDiv(Of(2)).Mul(Of(2)), T, nil))
	assert.True(t, DifferentNames(T, H))
	assert.False(t, DifferentNames(T, T))
	assert.False(t, DifferentNames(T, Of(2)))
	assert.False(t, FromSym(NewSym("T")).Same(T), "identity is the symbol, not its name")
}

func TestFacts(t *testing.T) {
	T, H, W, d, heads, k := sym("T"), sym("H"), sym("W"), sym("d"), sym("heads"), sym("k")
	var f Facts
	require.Equal(t, Unknown, f.RequireEqual(H, W))
	require.Equal(t, Unknown, f.RequireEqual(d, heads.Mul(k)))
	require.Equal(t, Unknown, f.RequireMultiple(T, Of(2)))
	assert.Equal(t, Equal, Compare(H.Mul(T), W.Mul(T), &f))
	assert.Equal(t, Equal, Compare(exact(d, heads), k, &f))
	assert.Equal(t, Equal, Compare(T.FloorDiv(Of(2)).Mul(Of(2)), T, &f))
	assert.Equal(t, Equal, Compare(T.Add(Of(4)).Mod(Of(2)), Of(0), &f))
	assert.Equal(t, Different, f.RequireEqual(H, W.Add(Of(1))))
	assert.Equal(t, Equal, f.RequireEqual(W, H))
	assert.Equal(t, Unknown, Compare(T, H, &f))

	assert.Equal(t, Unknown, f.RequireEqual(T.Mul(T), H.Mul(H).Mul(Of(4))))
	assert.Equal(t, Equal, Compare(T.Mul(T).Add(k), W.Mul(H).Mul(Of(4)).Add(k), &f))
	g := f.Clone()
	assert.Equal(t, Unknown, g.RequireEqual(T, heads))
	assert.Equal(t, Equal, Compare(heads.FloorDiv(Of(2)).Mul(Of(2)), T, g), "facts compose")
	assert.Equal(t, Unknown, Compare(heads, T, &f), "a clone is independent")
}

func TestOrder(t *testing.T) {
	T, H, k := sym("T"), sym("H"), sym("k")
	n := Of
	assert.Equal(t, Yes, n(1).LessEq(T, nil))
	assert.Equal(t, Yes, n(0).Less(T, nil))
	assert.Equal(t, Unknown, n(1).Less(T, nil))
	assert.Equal(t, No, T.Less(n(1), nil))
	assert.Equal(t, No, T.Add(n(1)).LessEq(T, nil))
	assert.Equal(t, Yes, T.LessEq(T.Mul(H), nil))
	assert.Equal(t, Yes, T.FloorDiv(n(2)).Mul(n(2)).LessEq(T, nil))
	assert.Equal(t, Yes, T.FloorDiv(n(2)).Less(T.Add(n(1)), nil))
	assert.Equal(t, Yes, T.LessEq(Max(T, H), nil))
	assert.Equal(t, Yes, Min(T, H).LessEq(H, nil))
	assert.Equal(t, Yes, n(2).LessEq(Max(H, n(2)), nil))
	assert.Equal(t, Unknown, T.LessEq(H, nil))
	assert.Equal(t, Yes, exact(T, n(4)).LessEq(T, nil))
	var f Facts
	f.RequireLessEq(T, H)
	f.RequireLessEq(H, k)
	f.RequireLessEq(n(5), T)
	assert.Equal(t, Yes, T.LessEq(H, &f))
	assert.Equal(t, Yes, T.LessEq(k.Add(n(1)), &f))
	assert.Equal(t, Yes, n(4).Less(k, &f))
	assert.Equal(t, No, H.Less(T, &f))
	assert.Equal(t, No, H.LessEq(n(4), &f))
}

func TestErrors(t *testing.T) {
	T, d := sym("T"), sym("d")
	_, ok := Of(7).ExactDiv(Of(2))
	assert.False(t, ok)
	_, ok = T.Mul(Of(4)).Add(Of(1)).ExactDiv(Of(2))
	assert.False(t, ok, "4T+1 is odd")
	_, ok = T.Mul(Of(2)).Add(Of(1)).ExactDiv(Of(4))
	assert.False(t, ok, "2T+1 is odd")
	_, ok = T.ExactDiv(Of(0))
	assert.False(t, ok)
	assert.ErrorIs(t, T.FloorDiv(Size{}).Err(), ErrZero)
	assert.ErrorIs(t, T.FloorDiv(Size{}).Add(T).Mul(d).Err(), ErrZero)
	assert.ErrorIs(t, Of(1<<62).Mul(Of(4)).Err(), ErrTooLarge)
	assert.ErrorIs(t, T.Pow(40).Err(), ErrTooLarge)

	big := Of(1)
	for i := range 20 {
		big = big.Mul(FromSym(NewSym(fmt.Sprint("x", i))).Add(Of(1)))
	}
	assert.ErrorIs(t, big.Err(), ErrTooLarge)
	assert.Equal(t, Unknown, Compare(big, big, nil))
	deep := T
	for range 40 {
		deep = Max(deep.Mul(deep), deep.Add(d)).FloorDiv(d.Add(Of(2)))
	}
	assert.ErrorIs(t, deep.Err(), ErrTooLarge)

	value := func(s *Sym) (int64, bool) { return 10, s != symOf["d"] }
	_, err := d.Eval(value)
	assert.ErrorContains(t, err, "the size d has no value")
	_, err = exact(T, Of(4)).Eval(value)
	var inexact *Inexact
	require.True(t, errors.As(err, &inexact))
	assert.EqualError(t, err, "10 is not divisible by 4")
	_, err = T.FloorDiv(sym("H").Sub(Of(10))).Eval(value)
	assert.ErrorIs(t, err, ErrZero)
	_, err = T.Pow(20).Eval(value)
	assert.ErrorIs(t, err, ErrTooLarge)

	s := exact(T, d).Subst(func(s *Sym) (Size, bool) {
		return map[*Sym]Size{symOf["T"]: Of(10), symOf["d"]: Of(4)}[s], true
	})
	require.True(t, errors.As(s.Err(), &inexact))
}

// tree is an expression that builds a size and, on its own, evaluates: the reference of the property tests.
type tree struct {
	op   byte
	name string
	n    int64
	l, r *tree
}

func randomTree(r *rand.Rand, depth int) *tree {
	if depth == 0 || r.Intn(5) == 0 {
		if r.Intn(3) == 0 {
			return &tree{op: 'n', n: int64(r.Intn(9) - 2)}
		}
		return &tree{op: 's', name: []string{"T", "H", "d", "k"}[r.Intn(4)]}
	}
	return &tree{op: "++--**//:%MmS"[r.Intn(13)], l: randomTree(r, depth-1), r: randomTree(r, depth-1)}
}

func (e *tree) size() Size {
	switch e.op {
	case 'n':
		return Of(e.n)
	case 's':
		return sym(e.name)
	}
	l, r := e.l.size(), e.r.size()
	switch e.op {
	case '+':
		return l.Add(r)
	case '-':
		return l.Sub(r)
	case '*':
		return l.Mul(r)
	case '/':
		return l.FloorDiv(r)
	case '%':
		return l.Mod(r)
	case ':':
		q, _ := l.ExactDiv(r)
		return q
	case 'M':
		return Max(l, r)
	case 'm':
		return Min(l, r)
	default: // a sum that shares, so that rewritings meet
		return l.Mul(r).Add(l).FloorDiv(Of(2)).Add(r)
	}
}

func (e *tree) value(v map[string]int64) (int64, bool) {
	switch e.op {
	case 'n':
		return e.n, true
	case 's':
		return v[e.name], true
	}
	l, ok := e.l.value(v)
	r, ok2 := e.r.value(v)
	if !ok || !ok2 {
		return 0, false
	}
	switch e.op {
	case '+':
		return l + r, true
	case '-':
		return l - r, true
	case '*':
		return l * r, l < 1<<24 && l > -1<<24 && r < 1<<24 && r > -1<<24
	case '/':
		if r == 0 {
			return 0, false
		}
		return floorInt(l, r), true
	case '%':
		if r == 0 {
			return 0, false
		}
		return l - r*floorInt(l, r), true
	case ':':
		if r == 0 || l%r != 0 {
			return 0, false
		}
		return l / r, true
	case 'M':
		return max(l, r), true
	case 'm':
		return min(l, r), true
	default:
		return floorInt(l*r+l, 2) + r, l < 1<<24 && l > -1<<24 && r < 1<<24 && r > -1<<24
	}
}

// checkTree compares the size of a tree with the tree at a point. Where the tree has a value the size must have the same.
func checkTree(t *testing.T, e *tree, v map[string]int64) {
	want, ok := e.value(v)
	s := e.size()
	if !ok || errors.Is(s.Err(), ErrTooLarge) {
		return
	}
	value := func(s *Sym) (int64, bool) { n, ok := v[s.Name]; return n, ok }
	require.NoError(t, s.Err(), "invalid although it has the value %d at %v", want, v)
	got, err := s.Eval(value)
	if errors.Is(err, ErrTooLarge) {
		return
	}
	require.NoError(t, err, "%s at %v", s, v)
	require.Equal(t, want, got, "%s at %v", s, v)

	sub := s.Subst(func(s *Sym) (Size, bool) { n, ok := v[s.Name]; return Of(n), ok })
	n, isConst := sub.Const()
	require.True(t, isConst && n == want || errors.Is(sub.Err(), ErrTooLarge), "%s at %v: %d, not %s", s, v, want, sub)
}

func TestRandomTreesAgreeWithValues(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	for range 4000 {
		e := randomTree(r, 1+r.Intn(4))
		for range 6 {
			checkTree(t, e, map[string]int64{"T": 1 + r.Int63n(24), "H": 1 + r.Int63n(24), "d": 1 + r.Int63n(24), "k": 1 + r.Int63n(6)})
		}
	}
}

func TestOrderAgreesWithValues(t *testing.T) {
	r := rand.New(rand.NewSource(2))
	answers := map[Tri]int{}
	for range 3000 {
		a, b := randomTree(r, 1+r.Intn(3)), randomTree(r, 1+r.Intn(3))
		x, y := a.size(), b.size()
		order, same := x.LessEq(y, nil), Compare(x, y, nil)
		answers[order]++
		for range 8 {
			v := map[string]int64{"T": 1 + r.Int63n(24), "H": 1 + r.Int63n(24), "d": 1 + r.Int63n(24), "k": 1 + r.Int63n(6)}
			m, ok := a.value(v)
			n, ok2 := b.value(v)
			if !ok || !ok2 {
				continue
			}
			if order != Unknown {
				require.Equal(t, order == Yes, m <= n, "%s <= %s at %v", x, y, v)
			}
			if same != Unknown {
				require.Equal(t, same == Equal, m == n, "%s == %s at %v", x, y, v)
			}
		}
	}
	assert.Greater(t, answers[Yes], 300, "the proofs must find something: %v", answers)
	assert.Greater(t, answers[No], 300, "the proofs must find something: %v", answers)
}

// TestOrderOfConstruction: sums and products do not depend on how they are put together.
func TestOrderOfConstruction(t *testing.T) {
	r := rand.New(rand.NewSource(3))
	for range 500 {
		parts := make([]Size, 4)
		for i := range parts {
			parts[i] = randomTree(r, 2).size()
		}
		sum, product := Size{}, Of(1)
		for _, p := range parts {
			sum, product = sum.Add(p), product.Mul(p)
		}
		other, product2 := Size{}, Of(1)
		for _, i := range r.Perm(len(parts)) {
			other, product2 = parts[i].Add(other), parts[i].Mul(product2)
		}
		if sum.Err() == nil {
			assert.Equal(t, Equal, Compare(sum, other, nil), "%s and %s", sum, other)
		}
		if product.Err() == nil && product2.Err() == nil {
			assert.Equal(t, Equal, Compare(product, product2, nil), "%s and %s", product, product2)
		}
	}
}

func FuzzTree(f *testing.F) {
	f.Add(int64(1), uint8(3), uint8(4), uint8(5), uint8(6))
	f.Add(int64(77), uint8(1), uint8(1), uint8(1), uint8(1))
	f.Fuzz(func(t *testing.T, seed int64, a, b, c, d uint8) {
		e := randomTree(rand.New(rand.NewSource(seed)), 5)
		checkTree(t, e, map[string]int64{"T": int64(a) + 1, "H": int64(b) + 1, "d": int64(c) + 1, "k": int64(d) + 1})
		_ = e.size().String()
	})
}
