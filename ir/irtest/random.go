package irtest

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"modelc/ir"
	"modelc/ir/ops"
	"modelc/ir/scalar"
)

// Options say what Random makes.
type Options struct {
	Instructions int      // about how many
	Axis         int64    // no axis is longer; at least 2
	Float        ir.DType // the type of the numbers
	Smooth       bool     // only ops that small changes of the arguments change little: for gradients, and for backends that round otherwise
	Flat         bool     // no calls and no scans
}

// elements bounds the values of a random module.
const elements = 2048

// Random returns a well-typed module with one entry "main" that has no states. The same source gives the same module. Numbers stay of ordinary
// magnitude when the inputs lie between -2 and 2 and integers are below 3.
func Random(r *rand.Rand, o Options) *ir.Module {
	m := &ir.Module{Name: "random", Sites: []ir.Site{{}}}
	leaf := smooth
	if !o.Smooth {
		leaf = append(slices.Clip(leaf), rough...)
	}
	g := newGenerator(r, o, m, "main", leaf)
	if !o.Flat {
		g.steps = append(slices.Clip(leaf), structural...)
	}
	for range 2 + r.IntN(3) {
		g.add(g.b.Param(g.typ(o.Float), ""))
	}
	f := g.function(o.Instructions, 1+r.IntN(4))
	m.Funcs = append(m.Funcs, f)
	e := &ir.Entry{Name: "main", Func: f}
	for i := range f.Params {
		e.In = append(e.In, fmt.Sprintf("p%d", i))
	}
	for i := range f.Results {
		e.Out = append(e.Out, fmt.Sprintf("r%d", i))
	}
	m.Entries = append(m.Entries, e)
	return m
}

// Arguments returns random arguments for a function that Random made.
func Arguments(r *rand.Rand, f *ir.Func) []ir.Ref {
	var args []ir.Ref
	for _, p := range f.Params {
		args = append(args, Fill(r, p.Type, -2, 2, 3))
	}
	return args
}

type generator struct {
	*rand.Rand
	o    Options
	m    *ir.Module
	b    *ir.Builder
	pool []*ir.Value
	used map[*ir.Value]bool
	// leaf holds the steps of callees, steps those of this function.
	leaf, steps []step
}

func newGenerator(r *rand.Rand, o Options, m *ir.Module, name string, leaf []step) *generator {
	return &generator{Rand: r, o: o, m: m, b: ir.NewBuilder(name), used: map[*ir.Value]bool{}, leaf: leaf, steps: leaf}
}

func (g *generator) add(v *ir.Value) { g.pool = append(g.pool, v) }

// typ returns a random type with up to 4 axes.
func (g *generator) typ(d ir.DType) ir.Type {
	dims := make([]int64, g.IntN(5))
	size := int64(1)
	for i := range dims {
		dims[i] = min(1+g.Int64N(g.o.Axis), max(1, elements/size))
		size *= dims[i]
	}
	return ir.Of(d, dims...)
}

// any returns a value that satisfies the condition, rather a late one, or nil.
func (g *generator) any(ok func(v *ir.Value) bool) *ir.Value {
	var fit []*ir.Value
	for _, v := range g.pool {
		if ok(v) {
			fit = append(fit, v)
		}
	}
	if len(fit) == 0 {
		return nil
	}
	v := fit[max(g.IntN(len(fit)), g.IntN(len(fit)))]
	g.used[v] = true
	return v
}

func (g *generator) float(rank int) *ir.Value {
	return g.any(func(v *ir.Value) bool { return v.Type.DType == g.o.Float && v.Type.Shape.Rank() >= rank })
}

// like returns a value of a type: one there is, or a new parameter.
func (g *generator) like(t ir.Type) *ir.Value {
	if v := g.any(func(v *ir.Value) bool { return v.Type == t }); v != nil && g.IntN(4) > 0 {
		return v
	}
	v := g.b.Param(t, "")
	g.add(v)
	g.used[v] = true
	return v
}

// tame keeps sums and products of ordinary magnitude.
func (g *generator) tame(v *ir.Value) *ir.Value { return ops.Tanh(g.b, v) }

func (g *generator) function(instructions, results int) *ir.Func {
	for tries := 0; len(g.b.Func.Body) < instructions && tries < 20*instructions; tries++ {
		if x := g.float(0); x != nil {
			if v := g.steps[g.IntN(len(g.steps))](g, x); v != nil {
				g.add(v)
			}
		}
	}
	if g.b.Err != nil {
		panic("irtest: " + g.b.Err.Error())
	}
	// What nobody read comes first among the results.
	var out []*ir.Value
	for i := len(g.pool) - 1; i >= 0 && len(out) < results; i-- {
		if v := g.pool[i]; !g.used[v] && v.Def != nil {
			out = append(out, v)
		}
	}
	for i := len(g.pool) - 1; i >= 0 && len(out) < results; i-- {
		if !slices.Contains(out, g.pool[i]) {
			out = append(out, g.pool[i])
		}
	}
	return g.b.Return(out...)
}

// A step emits an op on x, a float value, and returns its result; nil when x does not suit.
type step func(g *generator, x *ir.Value) *ir.Value

var smooth = []step{
	func(g *generator, x *ir.Value) *ir.Value {
		codes := []scalar.Code{scalar.Tanh, scalar.Sigmoid, scalar.Sin, scalar.Cos, scalar.Erf, scalar.Neg}
		return g.b.Op(ops.Map{Code: codes[g.IntN(len(codes))]}, x)
	},
	func(g *generator, x *ir.Value) *ir.Value {
		codes := []scalar.Code{scalar.Exp, scalar.Expm1}
		return g.b.Op(ops.Map{Code: codes[g.IntN(len(codes))]}, g.tame(x))
	},
	func(g *generator, x *ir.Value) *ir.Value { // of numbers that are at least 1
		codes := []scalar.Code{scalar.Log, scalar.Log1p, scalar.Sqrt, scalar.Rsqrt}
		y := ops.Add(g.b, ops.Mul(g.b, x, x), ops.Ones(g.b, x.Type))
		return g.b.Op(ops.Map{Code: codes[g.IntN(len(codes))]}, y)
	},
	binary, binary, binary,
	func(g *generator, x *ir.Value) *ir.Value {
		y := g.like(x.Type)
		return ops.Div(g.b, x, ops.Add(g.b, ops.Mul(g.b, y, y), ops.Ones(g.b, y.Type)))
	},
	func(g *generator, x *ir.Value) *ir.Value { return g.tame(ops.Sum(g.b, x, g.axes(x)...)) },
	func(g *generator, x *ir.Value) *ir.Value { return ops.Prod(g.b, g.tame(x), g.axes(x)...) },
	func(g *generator, x *ir.Value) *ir.Value { // a new axis somewhere
		d := x.Type.Shape.Dims()
		at := g.IntN(len(d) + 1)
		n := 1 + g.Int64N(g.o.Axis)
		if len(d) >= 6 || x.Type.Shape.Size()*n > elements {
			return nil
		}
		s := ir.MustShape(slices.Insert(d, at, n)...)
		axes := ops.Broadcast{Shape: s}
		var list []int
		for i := range s.Rank() {
			if i != at {
				list = append(list, i)
			}
		}
		axes.Axes = ir.NewAxes(list...)
		return g.b.Op(axes, x)
	},
	func(g *generator, x *ir.Value) *ir.Value { // join two axes, or split off a factor
		d := x.Type.Shape.Dims()
		if len(d) == 0 {
			return nil
		}
		i := g.IntN(len(d))
		if i+1 < len(d) && g.IntN(2) == 0 {
			d[i] *= d[i+1]
			d = slices.Delete(d, i+1, i+2)
		} else if f := 1 + g.Int64N(4); len(d) < 6 && d[i]%f == 0 {
			d[i] /= f
			d = slices.Insert(d, i, f)
		}
		return g.b.Op(ops.Reshape{Shape: ir.MustShape(d...)}, x)
	},
	func(g *generator, x *ir.Value) *ir.Value {
		return g.b.Op(ops.Transpose{Perm: ir.NewAxes(g.Perm(x.Type.Shape.Rank())...)}, x)
	},
	func(g *generator, x *ir.Value) *ir.Value {
		d := x.Type.Shape.Dims()
		start, stop, step := make([]int64, len(d)), make([]int64, len(d)), make([]int64, len(d))
		for i, n := range d {
			start[i] = g.Int64N(n)
			stop[i] = start[i] + 1 + g.Int64N(n-start[i])
			step[i] = 1 + g.Int64N(3)
		}
		return g.b.Op(ops.Slice{Start: ir.NewInts(start...), Stop: ir.NewInts(stop...), Step: ir.NewInts(step...)}, x)
	},
	func(g *generator, x *ir.Value) *ir.Value {
		return g.b.Op(ops.Reverse{Axes: ir.NewAxes(g.axes(x)...)}, x)
	},
	func(g *generator, x *ir.Value) *ir.Value {
		d := x.Type.Shape.Dims()
		lo, hi, in := make([]int64, len(d)), make([]int64, len(d)), make([]int64, len(d))
		size := int64(1)
		for i, n := range d {
			lo[i], hi[i], in[i] = g.Int64N(3)-1, g.Int64N(3), g.Int64N(2)
			if n == 1 {
				lo[i] = max(lo[i], 0)
			}
			size *= (n-1)*(in[i]+1) + 1 + lo[i] + hi[i]
		}
		if size > elements {
			return nil
		}
		return g.b.Op(ops.Pad{Lo: ir.NewInts(lo...), Hi: ir.NewInts(hi...), Interior: ir.NewInts(in...), Value: ir.Num(float64(g.IntN(2)))}, x)
	},
	func(g *generator, x *ir.Value) *ir.Value {
		if x.Type.Shape.Rank() == 0 || 2*x.Type.Shape.Size() > elements {
			return nil
		}
		return g.b.Op(ops.Concat{Axis: int64(g.IntN(x.Type.Shape.Rank()))}, x, g.like(x.Type), x)
	},
	product, product,
	convolution,
	func(g *generator, x *ir.Value) *ir.Value {
		size, stride, pad := g.window(x)
		if size.Len() == 0 {
			return nil
		}
		return g.tame(g.b.Op(ops.Window{Code: scalar.Add, Size: size, Stride: stride, PadLo: pad, PadHi: pad}, x))
	},
	func(g *generator, x *ir.Value) *ir.Value { // indices below 3, some of them outside
		if x.Type.Shape.Rank() == 0 {
			return nil
		}
		a := g.IntN(x.Type.Shape.Rank())
		n := 1 + g.Int64N(4)
		if x.Type.Shape.Size()*n > elements {
			return nil
		}
		return g.b.Op(ops.Gather{Axis: int64(a)}, x, g.like(ir.Of(ir.I32, n)))
	},
	func(g *generator, x *ir.Value) *ir.Value {
		if x.Type.Shape.Rank() == 0 {
			return nil
		}
		a := g.IntN(x.Type.Shape.Rank())
		return g.tame(g.b.Op(ops.Scatter{Code: scalar.Add, Axis: int64(a), Size: 1 + g.Int64N(4)}, x, g.like(ir.Of(ir.I32, x.Type.Shape.Dim(a)))))
	},
	func(g *generator, x *ir.Value) *ir.Value {
		d := x.Type.Shape.Dims()
		args := []*ir.Value{x}
		for i, n := range d {
			d[i] = 1 + g.Int64N(n)
			args = append(args, g.like(ir.Of(ir.I32)))
		}
		if g.IntN(2) == 0 {
			return g.b.Op(ops.DynamicSlice{Sizes: ir.NewInts(d...)}, args...)
		}
		return g.b.Op(ops.DynamicUpdate{}, slices.Insert(args, 1, g.like(ir.Of(g.o.Float, d...)))...)
	},
	func(g *generator, x *ir.Value) *ir.Value {
		if x.Type.Shape.Rank() == 0 {
			return nil
		}
		o := ops.Cumulative{Code: scalar.Add, Axis: int64(g.IntN(x.Type.Shape.Rank())), Reverse: g.IntN(2) == 0}
		return g.tame(g.b.Op(o, x))
	},
	func(g *generator, x *ir.Value) *ir.Value {
		return ops.Number(g.b, g.typ(g.o.Float), float64(g.IntN(9)-4)/4)
	},
	func(g *generator, x *ir.Value) *ir.Value {
		k := g.b.Op(ops.FoldConst{Data: g.Uint64()}, g.b.Op(ops.Key{Seed: g.Uint64()}))
		t := g.typ(g.o.Float)
		if g.IntN(2) == 0 {
			return g.b.Op(ops.Uniform{Type: t}, k)
		}
		return g.b.Op(ops.Normal{Type: t}, k)
	},
	func(g *generator, x *ir.Value) *ir.Value {
		cond := g.like(ir.Type{DType: ir.Bool, Shape: x.Type.Shape})
		return ops.Select(g.b, cond, x, g.like(x.Type))
	},
}

func binary(g *generator, x *ir.Value) *ir.Value {
	codes := []scalar.Code{scalar.Add, scalar.Sub, scalar.Mul}
	v := g.b.Op(ops.Map{Code: codes[g.IntN(len(codes))]}, x, g.like(x.Type))
	if g.IntN(3) == 0 {
		v = g.tame(v)
	}
	return v
}

// product contracts, or matches as batch, axes of x with those of another value.
func product(g *generator, x *ir.Value) *ir.Value {
	var o ops.Dot
	d := x.Type.Shape.Dims()
	var dims []int64
	var batchA, batchB, sumA, sumB []int
	for i, n := range d {
		switch g.IntN(3) {
		case 0:
			batchA, batchB, dims = append(batchA, i), append(batchB, len(dims)), append(dims, n)
		case 1:
			sumA, sumB, dims = append(sumA, i), append(sumB, len(dims)), append(dims, n)
		}
	}
	if g.IntN(2) == 0 {
		dims = append(dims, 1+g.Int64N(g.o.Axis))
	}
	y := ir.Of(g.o.Float, dims...)
	o.BatchA, o.BatchB, o.ContractA, o.ContractB = ir.NewAxes(batchA...), ir.NewAxes(batchB...), ir.NewAxes(sumA...), ir.NewAxes(sumB...)
	if y.Shape.Size() > elements || x.Type.Shape.Size()*y.Shape.Size() > 16*elements {
		return nil
	}
	// A permuted second argument takes the axis lists along.
	perm := g.Perm(len(dims))
	to := make([]int64, len(dims))
	at := make([]int, len(dims))
	for i, p := range perm {
		to[i], at[p] = dims[p], i
	}
	for i := range batchB {
		batchB[i] = at[batchB[i]]
	}
	for i := range sumB {
		sumB[i] = at[sumB[i]]
	}
	o.BatchB, o.ContractB = ir.NewAxes(batchB...), ir.NewAxes(sumB...)
	v := g.like(ir.Of(g.o.Float, to...))
	size := int64(1)
	for i := range d {
		if !slices.Contains(sumA, i) {
			size *= d[i]
		}
	}
	for i := range to {
		if !slices.Contains(sumB, i) && !slices.Contains(batchB, i) {
			size *= to[i]
		}
	}
	if size > elements {
		return nil
	}
	return g.tame(g.b.Op(o, x, v))
}

func convolution(g *generator, x *ir.Value) *ir.Value {
	d := x.Type.Shape.Dims()
	if len(d) < 2 || len(d) > 5 {
		return nil
	}
	n := len(d) - 2
	w := []int64{1 + g.Int64N(4), d[1]}
	stride, dx, dw, lo, hi := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	for i := range n {
		k := 1 + g.Int64N(3)
		stride[i], dx[i], dw[i] = 1+g.Int64N(2), 1+g.Int64N(2), 1+g.Int64N(2)
		reach := (k - 1) * dw[i]
		lo[i] = g.Int64N(reach + 1)
		hi[i] = max(reach-((d[2+i]-1)*dx[i]+lo[i]), g.Int64N(reach+1))
		w = append(w, k)
	}
	o := ops.Conv{Stride: ir.NewInts(stride...), DilateX: ir.NewInts(dx...), DilateW: ir.NewInts(dw...), PadLo: ir.NewInts(lo...), PadHi: ir.NewInts(hi...), Flip: g.IntN(2) == 0}
	v := g.like(ir.Of(g.o.Float, w...))
	types, err := o.Infer(&ir.Instr{Op: o, Args: []*ir.Value{x, v}})
	if err != nil || types[0].Shape.Size() > elements {
		return nil
	}
	return g.tame(g.b.Op(o, x, v))
}

// axes returns a random subset of the axes, in random order.
func (g *generator) axes(x *ir.Value) []int {
	p := g.Perm(x.Type.Shape.Rank())
	return p[:g.IntN(len(p)+1)]
}

// window returns windows over some trailing axes of x that fit; no sizes when x has no axes.
func (g *generator) window(x *ir.Value) (size, stride, pad ir.Ints) {
	d := x.Type.Shape.Dims()
	if len(d) == 0 {
		return
	}
	n := 1 + g.IntN(min(2, len(d)))
	k, s, p := make([]int64, n), make([]int64, n), make([]int64, n)
	for i := range n {
		k[i] = 1 + g.Int64N(min(3, d[len(d)-n+i]))
		s[i], p[i] = 1+g.Int64N(2), g.Int64N(k[i])
	}
	return ir.NewInts(k...), ir.NewInts(s...), ir.NewInts(p...)
}

// rough holds the steps with jumps and ties, and stop, whose gradient is not its derivative.
var rough = []step{
	func(g *generator, x *ir.Value) *ir.Value { return g.b.Op(ops.Stop{}, x) },
	func(g *generator, x *ir.Value) *ir.Value {
		codes := []scalar.Code{scalar.Abs, scalar.Sign, scalar.Floor, scalar.Ceil, scalar.Round}
		return g.b.Op(ops.Map{Code: codes[g.IntN(len(codes))]}, x)
	},
	func(g *generator, x *ir.Value) *ir.Value {
		codes := []scalar.Code{scalar.Max, scalar.Min, scalar.Atan2}
		return g.b.Op(ops.Map{Code: codes[g.IntN(len(codes))]}, x, g.like(x.Type))
	},
	func(g *generator, x *ir.Value) *ir.Value {
		codes := []scalar.Code{scalar.Eq, scalar.Ne, scalar.Lt, scalar.Le, scalar.Gt, scalar.Ge}
		v := g.b.Op(ops.Map{Code: codes[g.IntN(len(codes))]}, x, g.like(x.Type))
		if g.IntN(2) == 0 {
			v = ops.Not(g.b, v)
		}
		if g.IntN(2) == 0 {
			v = ops.And(g.b, v, ops.IsFinite(g.b, x))
		}
		return v
	},
	func(g *generator, x *ir.Value) *ir.Value {
		code := scalar.Max
		if g.IntN(2) == 0 {
			code = scalar.Min
		}
		return g.b.Op(ops.Reduce{Code: code, Axes: ir.NewAxes(g.axes(x)...)}, x)
	},
	func(g *generator, x *ir.Value) *ir.Value {
		if x.Type.Shape.Rank() == 0 {
			return nil
		}
		return g.b.Op(ops.ArgReduce{Code: scalar.Max, Axis: int64(g.IntN(x.Type.Shape.Rank()))}, x)
	},
	func(g *generator, x *ir.Value) *ir.Value {
		size, stride, pad := g.window(x)
		if size.Len() == 0 {
			return nil
		}
		out := g.b.Emit(ops.PoolMax{Size: size, Stride: stride, PadLo: pad, PadHi: pad}, nil, x)
		g.add(out[1])
		return out[0]
	},
	func(g *generator, x *ir.Value) *ir.Value {
		if x.Type.Shape.Rank() == 0 {
			return nil
		}
		a := g.IntN(x.Type.Shape.Rank())
		var out []*ir.Value
		if g.IntN(2) == 0 {
			out = g.b.Emit(ops.Sort{Axis: int64(a), Descending: g.IntN(2) == 0}, nil, x)
		} else {
			out = g.b.Emit(ops.TopK{Axis: int64(a), K: 1 + g.Int64N(x.Type.Shape.Dim(a))}, nil, x)
		}
		g.add(out[1])
		return out[0]
	},
	func(g *generator, x *ir.Value) *ir.Value {
		if x.Type.Shape.Rank() == 0 {
			return nil
		}
		return g.b.Op(ops.Cumulative{Code: scalar.Max, Axis: int64(g.IntN(x.Type.Shape.Rank()))}, x)
	},
	func(g *generator, x *ir.Value) *ir.Value { // to integers and back
		i := ops.Convert(g.b, x, ir.I32)
		g.add(i)
		return ops.Convert(g.b, g.b.Op(ops.Map{Code: scalar.Rem}, i, ops.Number(g.b, i.Type, 3)), g.o.Float)
	},
	func(g *generator, x *ir.Value) *ir.Value { // through a narrow type
		return ops.Convert(g.b, ops.Convert(g.b, x, ir.BF16), g.o.Float)
	},
	func(g *generator, x *ir.Value) *ir.Value {
		if x.Type.Shape.Rank() == 0 {
			return nil
		}
		return ops.Convert(g.b, g.b.Op(ops.Iota{Type: ir.Type{DType: ir.I32, Shape: x.Type.Shape}, Axis: int64(g.IntN(x.Type.Shape.Rank()))}), g.o.Float)
	},
}

var structural = []step{
	func(g *generator, x *ir.Value) *ir.Value { // a call
		in := []*ir.Value{x}
		for range g.IntN(3) {
			in = append(in, g.float(0))
		}
		inner := newGenerator(g.Rand, g.o, g.m, fmt.Sprintf("f%d", len(g.m.Funcs)), g.leaf)
		for _, v := range in {
			inner.add(inner.b.Param(v.Type, ""))
		}
		f := inner.function(2+g.IntN(5), 1+g.IntN(2))
		f.Whole = g.IntN(2) == 0
		g.m.Funcs = append(g.m.Funcs, f)
		for _, p := range f.Params[len(in):] {
			in = append(in, g.like(p.Type))
		}
		out := g.b.Call(f, in...)
		for _, v := range out[1:] {
			g.add(v)
		}
		return out[0]
	},
	func(g *generator, x *ir.Value) *ir.Value { // a scan: x is the carry
		over := g.float(1)
		if over == nil {
			return nil
		}
		n := over.Type.Shape.Dim(0)
		inner := newGenerator(g.Rand, g.o, g.m, fmt.Sprintf("body%d", len(g.m.Funcs)), g.leaf)
		carry := inner.b.Param(x.Type, "")
		slice := inner.b.Param(ir.Of(g.o.Float, over.Type.Shape.Dims()[1:]...), "")
		inner.add(carry)
		inner.add(slice)
		f := inner.function(2+g.IntN(5), 1)
		if f.Results[0].Type.Shape.Size()*n > elements {
			return nil
		}
		next := carry
		for _, v := range inner.pool {
			if v.Type == carry.Type && v != carry {
				next = ops.Tanh(inner.b, ops.Add(inner.b, carry, v))
			}
		}
		f.Results = []*ir.Value{next, f.Results[0]}
		// What the body took beyond carry and slice are constants of the scan, which come first.
		consts := f.Params[2:]
		f.Params = append(slices.Clone(consts), carry, slice)
		for i, p := range f.Params {
			p.Index = int32(i)
		}
		g.m.Funcs = append(g.m.Funcs, f)
		var in []*ir.Value
		for _, p := range consts {
			in = append(in, g.like(p.Type))
		}
		out := g.b.Emit(ir.Scan{Length: n, Consts: int32(len(consts)), Carry: 1, Over: 1, Reverse: g.IntN(2) == 0}, []*ir.Func{f}, append(in, x, over)...)
		g.add(out[1])
		return out[0]
	},
}
