package lower

import (
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

	"modelc/compiler/core"
	"modelc/compiler/size"
	"modelc/ir"
	"modelc/ir/ops"
	"modelc/ir/scalar"
	"modelc/recipe"
)

// truncations is how often a truncated normal number is drawn anew before the last draw is clamped: 8 misses in a row have the probability 2e-11.
const truncations = 8

func itoa(n int) string { return strconv.Itoa(n) }

// pathHash is the number that a draw's path folds into its key: FNV-1a, 64 bits.
func pathHash(path string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(path))
	return h.Sum64()
}

// key returns the key of a draw: fold(fold(seed, step), hash(path)), with the turns of the loops that own the draw folded in, outermost first.
func (f *frame) key(draw *core.Term, path string, fixed bool) *ir.Value {
	switch {
	case f.inline:
		if strings.HasPrefix(path, "@") && f.holder != "" {
			path, fixed = f.holder+path, true
		}
		return f.up.key(draw, path, fixed)
	case f.up != nil && f.owns != nil && f.owns(draw):
		return f.b.Op(ops.Fold{}, f.capture(f.up.key(draw, path, fixed)), f.counting())
	case f.up != nil:
		return f.capture(f.up.key(draw, path, fixed))
	}
	k := f.input(recipe.InSeed, keyType)
	if !fixed && f.block != "" {
		k = f.b.Op(ops.Fold{}, k, f.read(f.counter(recipe.StepState(f.block))))
	}
	return f.b.Op(ops.FoldConst{Data: pathHash(path)}, k)
}

// rowKey returns the key of a draw per row: fold(fold(seed, epoch), hash(path)).
func (f *frame) rowKey(path string) *ir.Value {
	k := f.b.Op(ops.Fold{}, f.input(recipe.InSeed, keyType), f.input(recipe.InEpoch, scalarInt))
	return f.b.Op(ops.FoldConst{Data: pathHash(path)}, k)
}

// counting returns the number of the turn inside the body of a scan.
func (f *frame) counting() *ir.Value {
	if f.turn == nil {
		f.turn = f.counts()
	}
	return f.turn
}

// draw lowers a random tensor.
func (f *frame) draw(t *core.Term, d core.Draw) *ir.Value {
	want := f.kind(t)
	var arg *ir.Value
	if len(t.Args) > 0 {
		arg = f.term(t.Args[0])
	}
	if d.Rows {
		// Row i of the result depends on the number of that row in the data alone.
		return f.sample(d, want, f.rowKey(d.Path), f.input(recipe.InRow, ir.Of(ir.I32, want.Shape.Dim(0))), arg, t)
	}
	key := f.key(t, d.Path, d.Fixed)
	first, own := f.part(t)
	if own {
		key = f.b.Op(ops.Fold{}, key, first)
		first = nil
	}
	return f.sample(d, want, key, first, arg, t)
}

// part says how a draw in a slice of the batch differs from that of the other slices: first is the number of its first row, where axis 0 counts rows of the batch (or
// several per row); so a slice draws what the whole batch would. Where the batch is another axis, the slice has a key of its own. A draw without rows, and one of a
// whole batch, is like any other.
func (f *frame) part(t *core.Term) (first *ir.Value, own bool) {
	for i, d := range t.Type.Dims {
		if !slices.Contains(d.Syms(), f.core.B) {
			continue
		}
		first = f.firstRow()
		if first == nil {
			return nil, false
		}
		at := func(b int64) int64 {
			return f.number64(d, func(s *size.Sym) (int64, bool) {
				if s == f.core.B {
					return b, true
				}
				return f.value(s)
			}, t.Site)
		}
		if i > 0 || at(0) != 0 || at(2) != 2*at(1) {
			return first, true
		}
		if n := at(1); n != 1 {
			first = f.apply(scalar.Mul, first, f.int32(n))
		}
		return first, false
	}
	return nil, false
}

// firstRow is the number of the first row when a frame computes a slice of the batch, else nil.
func (f *frame) firstRow() *ir.Value {
	if f.first != nil || f.up == nil {
		return f.first
	}
	v := f.up.firstRow()
	if v == nil {
		return nil
	}
	return f.capture(v)
}

// sample emits one draw; first is nil, the number of the first row, or the numbers of all rows; arg is the probability of a bernoulli draw.
func (f *frame) sample(d core.Draw, want ir.Type, key, first, arg *ir.Value, t *core.Term) *ir.Value {
	args := func(k *ir.Value) []*ir.Value {
		if first == nil {
			return []*ir.Value{k}
		}
		return []*ir.Value{k, first}
	}
	float := want
	if !float.DType.IsFloat() {
		float.DType = ir.F32
	}
	switch d.Dist {
	case "normal":
		return f.cast(f.b.Op(ops.Normal{Type: float}, args(key)...), want.DType)
	case "uniform":
		return f.cast(f.b.Op(ops.Uniform{Type: float}, args(key)...), want.DType)
	case "bernoulli":
		// f32, so that the chance of an element does not depend on the precision of the model.
		u := f.b.Op(ops.Uniform{Type: ir.Type{DType: ir.F32, Shape: want.Shape}}, args(key)...)
		p := f.trailing(f.cast(arg, ir.F32), want.Shape.Dims())
		return f.cast(f.apply(scalar.Lt, u, p), want.DType)
	case "random_id":
		bound := f.dim(t.Type.Range, t.Site)
		if bound < 1 || bound > 1<<31-1 {
			f.fail("M282", t.Site, "random_id needs a range from 1 to 2147483647, and this is "+strconv.FormatInt(bound, 10))
		}
		return f.b.Op(ops.RandomInt{Type: want, Bound: bound}, args(key)...)
	case "truncated_normal":
		var v *ir.Value
		for i := range truncations {
			x := f.b.Op(ops.Normal{Type: float}, args(f.b.Op(ops.FoldConst{Data: uint64(i)}, key))...)
			if v == nil {
				v = x
				continue
			}
			v = f.apply(scalar.Select, f.apply(scalar.Le, f.apply(scalar.Abs, v), f.like(v, 2)), v, x)
		}
		return f.cast(f.apply(scalar.Max, f.apply(scalar.Min, v, f.like(v, 2)), f.like(v, -2)), want.DType)
	}
	panic("lower: unknown distribution " + d.Dist)
}

// orthogonal lowers an orthogonal matrix: the orthonormal factor of a normal one that is taller than wide, turned where it is to be wider. Axes before the last are
// taken as one.
func (f *frame) orthogonal(t *core.Term, path string) *ir.Value {
	want := f.kind(t)
	dims := want.Shape.Dims()
	if len(dims) < 2 {
		f.fail("M283", t.Site, "orthogonal needs two axes or more")
	}
	n := dims[len(dims)-1]
	m := product(dims[:len(dims)-1])
	tall, narrow := max(m, n), min(m, n)
	d := core.Draw{Dist: "normal", Path: path, Fixed: true}
	x := f.sample(d, ir.Of(ir.F32, tall, narrow), f.key(t, path, true), nil, nil, t)
	q := f.b.Op(ops.QR{}, x)
	if m < n {
		q = f.transpose(q, []int{1, 0})
	}
	return f.cast(f.reshape(q, dims...), want.DType)
}
