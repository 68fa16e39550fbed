package cpu

import (
	"fmt"
	"math"

	"modelc/backend/cpu/asm"
	"modelc/backend/kernel"
	"modelc/ir"
	"modelc/ir/scalar"
)

// vector is how a code of two arguments runs on f32: both vectors, or one of them the same number for all.
type vector struct {
	vv func(d, x, y []float32)
	vs func(d, x []float32, s float32) // the second is a number
	sv func(d, x []float32, s float32) // the first is a number
}

var unary32 = map[scalar.Code]func(d, x []float32){
	scalar.Neg: asm.Neg, scalar.Abs: asm.Abs, scalar.Sign: asm.Sign, scalar.Exp: asm.Exp, scalar.Expm1: asm.Expm1, scalar.Log: asm.Log,
	scalar.Log1p: asm.Log1p, scalar.Sqrt: asm.Sqrt, scalar.Rsqrt: asm.Rsqrt, scalar.Sin: asm.Sin, scalar.Cos: asm.Cos, scalar.Tanh: asm.Tanh,
	scalar.Sigmoid: asm.Sigmoid, scalar.Erf: asm.Erf, scalar.Floor: asm.Floor, scalar.Ceil: asm.Ceil, scalar.Round: asm.Round, scalar.Not: asm.Not,
	scalar.IsFinite: func(d, x []float32) {
		for i, v := range x[:len(d)] {
			d[i] = 0
			if v-v == 0 {
				d[i] = 1
			}
		}
	},
}

var binary32 = map[scalar.Code]vector{
	scalar.Add:      {asm.Add, asm.AddScalar, asm.AddScalar},
	scalar.Sub:      {asm.Sub, asm.SubScalar, asm.ScalarSub},
	scalar.Mul:      {asm.Mul, asm.MulScalar, asm.MulScalar},
	scalar.Div:      {asm.Div, divScalar, asm.ScalarDiv},
	scalar.Pow:      {asm.Pow, asm.PowScalar, asm.ScalarPow},
	scalar.Max:      {asm.Max, asm.MaxScalar, asm.MaxScalar},
	scalar.Min:      {asm.Min, asm.MinScalar, asm.MinScalar},
	scalar.Eq:       {asm.Eq, asm.EqScalar, asm.EqScalar},
	scalar.Ne:       {asm.Ne, asm.NeScalar, asm.NeScalar},
	scalar.Lt:       {asm.Lt, asm.LtScalar, asm.GtScalar},
	scalar.Le:       {asm.Le, asm.LeScalar, asm.GeScalar},
	scalar.Gt:       {asm.Gt, asm.GtScalar, asm.LtScalar},
	scalar.Ge:       {asm.Ge, asm.GeScalar, asm.LeScalar},
	scalar.And:      {asm.Min, asm.MinScalar, asm.MinScalar},
	scalar.Or:       {asm.Max, asm.MaxScalar, asm.MaxScalar},
	scalar.Rem:      elementwise(scalar.Rem),
	scalar.FloorDiv: elementwise(scalar.FloorDiv),
	scalar.Atan2:    elementwise(scalar.Atan2),
}

// divScalar divides by a number; where that is a power of two, the product with its reciprocal has the same bits.
func divScalar(d, x []float32, s float32) {
	if b := math.Float32bits(s); b&(1<<23-1) == 0 && b>>23&255 >= 1 && b>>23&255 <= 253 {
		asm.MulScalar(d, x, 1/s)
		return
	}
	asm.DivScalar(d, x, s)
}

// elementwise computes a code one element after the other, by its definition.
func elementwise(code scalar.Code) vector {
	f := func(x, y float32) float32 { return float32(scalar.Lookup(code).Float(float64(x), float64(y), 0)) }
	return vector{
		vv: func(d, x, y []float32) {
			for i := range d {
				d[i] = f(x[i], y[i])
			}
		},
		vs: func(d, x []float32, s float32) {
			for i := range d {
				d[i] = f(x[i], s)
			}
		},
		sv: func(d, x []float32, s float32) {
			for i := range d {
				d[i] = f(s, x[i])
			}
		},
	}
}

func (c *coder) op(i int) error {
	n := c.k.body[i]
	if scalar.Lookup(n.Code) == nil {
		return fmt.Errorf("cpu: no instruction for %s", n.Code)
	}
	in := c.k.body[n.In[len(n.In)-1]]
	if classOf(in.Type) != single {
		return c.opWide(i, in.Type)
	}
	var do func(w *worker, d []float32)
	a := int(n.In[0])
	switch len(n.In) {
	case 1:
		f := unary32[n.Code]
		if f == nil {
			return fmt.Errorf("cpu: no instruction for %s of %s", n.Code, in.Type)
		}
		do = func(w *worker, d []float32) { f(d, w.tile.f[a]) }
	case 2:
		v, ok := binary32[n.Code]
		if !ok {
			return fmt.Errorf("cpu: no instruction for %s of %s", n.Code, in.Type)
		}
		b := int(n.In[1])
		la, lb := c.k.body[a].Level, c.k.body[b].Level
		switch {
		case la == lb:
			do = func(w *worker, d []float32) { v.vv(d, w.tile.f[a], w.tile.f[b]) }
		case la > lb:
			do = func(w *worker, d []float32) { byRow(&w.tile, d, w.tile.f[a], w.tile.f[b], la, lb, v.vs) }
		default:
			do = func(w *worker, d []float32) { byRow(&w.tile, d, w.tile.f[b], w.tile.f[a], lb, la, v.sv) }
		}
	case 3:
		b, e := int(n.In[1]), int(n.In[2])
		la, lb, le := c.k.body[a].Level, c.k.body[b].Level, c.k.body[e].Level
		switch {
		case la == n.Level && lb == n.Level && le == n.Level:
			do = func(w *worker, d []float32) { asm.Select(d, w.tile.f[a], w.tile.f[b], w.tile.f[e]) }
		case la == n.Level && lb == n.Level:
			do = func(w *worker, d []float32) {
				m := w.tile.f[a]
				each(&w.tile, n.Level, le, func(r, lo, hi int) {
					asm.SelectScalar(d[lo:hi], m[lo:hi], w.tile.f[b][lo:hi], w.tile.f[e][r])
				})
			}
		case la == n.Level && le == n.Level:
			do = func(w *worker, d []float32) {
				m := w.tile.f[a]
				each(&w.tile, n.Level, lb, func(r, lo, hi int) {
					asm.ScalarSelect(d[lo:hi], m[lo:hi], w.tile.f[e][lo:hi], w.tile.f[b][r])
				})
			}
		default: // one value per row, or one in all
			do = func(w *worker, d []float32) {
				for r := range d {
					d[r] = at(w.tile.f[e], r)
					if at(w.tile.f[a], r) != 0 {
						d[r] = at(w.tile.f[b], r)
					}
				}
			}
		}
	}
	d := c.dest32(i)
	if n.Type == ir.F16 || n.Type == ir.BF16 {
		c.add(i, func(w *worker, k *tileKernel) {
			x := d(w)
			do(w, x)
			roundAll(x, n.Type)
		})
		return nil
	}
	c.add(i, func(w *worker, k *tileKernel) { do(w, d(w)) })
	return nil
}

func at[T any](x []T, i int) T { return x[min(i, len(x)-1)] }

// each calls f for each stretch of a value of a high level over which one of a lower level is the same, which is element r of it.
func each(t *tile, high, low kernel.Level, f func(r, lo, hi int)) {
	if low == kernel.Uniform {
		f(0, 0, t.values(high))
		return
	}
	for r := range t.rows {
		f(r, r*t.width, (r+1)*t.width)
	}
}

func byRow(t *tile, d, x, s []float32, high, low kernel.Level, f func(d, x []float32, s float32)) {
	if low == kernel.Uniform {
		f(d, x, s[0])
		return
	}
	n := t.width
	for r := range t.rows {
		f(d[r*n:(r+1)*n], x[r*n:(r+1)*n], s[r])
	}
}

func roundAll(x []float32, d ir.DType) {
	for i, v := range x {
		x[i] = round32(v, d)
	}
}

func round32(v float32, d ir.DType) float32 {
	switch d {
	case ir.BF16:
		return bf16(toBF16(v))
	case ir.F16:
		return float32(ir.F16.Round(float64(v)))
	}
	return v
}

// fold32 folds a slice in a fixed order.
func fold32(code scalar.Code, x []float32) float32 {
	switch code {
	case scalar.Add:
		return asm.Sum(x)
	case scalar.Max:
		return asm.MaxOf(x)
	case scalar.Min:
		return asm.MinOf(x)
	case scalar.And:
		return min(1, asm.MinOf(x))
	case scalar.Or:
		return max(0, asm.MaxOf(x))
	}
	p := float32(1)
	for _, v := range x {
		p *= v
	}
	return p
}

func accumulate32(code scalar.Code, d, x []float32) {
	switch code {
	case scalar.Add:
		asm.Add(d, d, x)
	case scalar.Max, scalar.Or:
		asm.Max(d, d, x)
	case scalar.Min, scalar.And:
		asm.Min(d, d, x)
	default:
		asm.Mul(d, d, x)
	}
}

// opWide computes a code on float64 or on integers.
func (c *coder) opWide(i int, typ ir.DType) error {
	n := c.k.body[i]
	row := scalar.Lookup(n.Code)
	var in [3]int
	var level [3]kernel.Level
	for j, x := range n.In {
		in[j], level[j] = int(x), c.k.body[x].Level
	}
	arity := len(n.In)
	// index returns where element e of the result finds argument j.
	index := func(t *tile, j, e int) int {
		switch {
		case level[j] == n.Level:
			return e
		case level[j] == kernel.Uniform:
			return 0
		}
		return e / t.width
	}
	if n.Code == scalar.Select {
		if classOf(typ) == double {
			d := c.dest64(i)
			c.add(i, func(w *worker, k *tileKernel) {
				t := &w.tile
				for e, out := 0, d(w); e < len(out); e++ {
					j := 2
					if t.f[in[0]][index(t, 0, e)] != 0 {
						j = 1
					}
					out[e] = t.d[in[j]][index(t, j, e)]
				}
			})
			return nil
		}
		d := c.destWhole(i)
		c.add(i, func(w *worker, k *tileKernel) {
			t := &w.tile
			for e, out := 0, d(w); e < len(out); e++ {
				j := 2
				if t.f[in[0]][index(t, 0, e)] != 0 {
					j = 1
				}
				out[e] = t.i[in[j]][index(t, j, e)]
			}
		})
		return nil
	}
	if classOf(typ) == double {
		f := row.Float
		get := func(t *tile, e int) float64 {
			a := t.d[in[0]][index(t, 0, e)]
			if arity == 1 {
				return f(a, 0, 0)
			}
			return f(a, t.d[in[1]][index(t, 1, e)], 0)
		}
		if row.Truth {
			d := c.dest32(i)
			c.add(i, func(w *worker, k *tileKernel) {
				for e, out := 0, d(w); e < len(out); e++ {
					out[e] = float32(get(&w.tile, e))
				}
			})
			return nil
		}
		d := c.dest64(i)
		c.add(i, func(w *worker, k *tileKernel) {
			for e, out := 0, d(w); e < len(out); e++ {
				out[e] = get(&w.tile, e)
			}
		})
		return nil
	}
	if row.Truth {
		f := compareWhole(n.Code, typ)
		if f == nil {
			return fmt.Errorf("cpu: no instruction for %s of %s", n.Code, typ)
		}
		d := c.dest32(i)
		c.add(i, func(w *worker, k *tileKernel) {
			t := &w.tile
			for e, out := 0, d(w); e < len(out); e++ {
				out[e] = 0
				if f(t.i[in[0]][index(t, 0, e)], t.i[in[1]][index(t, 1, e)]) {
					out[e] = 1
				}
			}
		})
		return nil
	}
	f := wholeFunc(n.Code, typ)
	if f == nil {
		return fmt.Errorf("cpu: no instruction for %s of %s", n.Code, typ)
	}
	d := c.destWhole(i)
	c.add(i, func(w *worker, k *tileKernel) {
		t := &w.tile
		for e, out := 0, d(w); e < len(out); e++ {
			var b int64
			if arity == 2 {
				b = t.i[in[1]][index(t, 1, e)]
			}
			out[e] = wrap(f(t.i[in[0]][index(t, 0, e)], b), typ)
		}
	})
	return nil
}

func compareWhole(code scalar.Code, d ir.DType) func(a, b int64) bool {
	var flip int64 // makes unsigned order signed order
	if d == ir.U64 {
		flip = math.MinInt64
	}
	switch code {
	case scalar.Eq:
		return func(a, b int64) bool { return a == b }
	case scalar.Ne:
		return func(a, b int64) bool { return a != b }
	case scalar.Lt:
		return func(a, b int64) bool { return a^flip < b^flip }
	case scalar.Le:
		return func(a, b int64) bool { return a^flip <= b^flip }
	case scalar.Gt:
		return func(a, b int64) bool { return a^flip > b^flip }
	case scalar.Ge:
		return func(a, b int64) bool { return a^flip >= b^flip }
	}
	return nil
}

// wholeFunc is the meaning of a code on integers, before wrapping.
func wholeFunc(code scalar.Code, d ir.DType) func(a, b int64) int64 {
	unsigned := d == ir.U64
	switch code {
	case scalar.Abs:
		return func(a, _ int64) int64 {
			if a < 0 && !unsigned {
				return -a
			}
			return a
		}
	case scalar.Sign:
		return func(a, _ int64) int64 {
			switch {
			case a == 0:
				return 0
			case a > 0 || unsigned:
				return 1
			}
			return -1
		}
	case scalar.Max, scalar.Min:
		greater := compareWhole(scalar.Gt, d)
		first := code == scalar.Max
		return func(a, b int64) int64 {
			if greater(a, b) == first {
				return a
			}
			return b
		}
	case scalar.FloorDiv:
		if unsigned {
			return func(a, b int64) int64 {
				if b == 0 {
					return 0
				}
				return int64(uint64(a) / uint64(b))
			}
		}
	case scalar.Rem:
		if unsigned {
			return func(a, b int64) int64 {
				if b == 0 {
					return 0
				}
				return int64(uint64(a) % uint64(b))
			}
		}
	}
	return scalar.Lookup(code).Int
}

// wrap returns the integer of type d that an exact one becomes.
func wrap(v int64, d ir.DType) int64 {
	switch d {
	case ir.U8:
		return int64(uint8(v))
	case ir.I8:
		return int64(int8(v))
	case ir.I32:
		return int64(int32(v))
	case ir.U32:
		return int64(uint32(v))
	}
	return v
}

func fold64(code scalar.Code, x []float64) float64 {
	if code == scalar.Add {
		return sum64(x)
	}
	v, _ := scalar.Neutral(code)
	f := scalar.Lookup(code).Float
	for _, e := range x {
		v = f(v, e, 0)
	}
	return v
}

// sum64 adds by halves, so that the error grows with the logarithm of the length.
func sum64(x []float64) float64 {
	if len(x) > 64 {
		h := len(x) / 2
		return sum64(x[:h]) + sum64(x[h:])
	}
	s := 0.0
	for _, v := range x {
		s += v
	}
	return s
}

func accumulate64(code scalar.Code, d, x []float64) {
	if code == scalar.Add {
		for i, v := range x[:len(d)] {
			d[i] += v
		}
		return
	}
	f := scalar.Lookup(code).Float
	for i, v := range x[:len(d)] {
		d[i] = f(d[i], v, 0)
	}
}

func wholeNeutral(code scalar.Code, d ir.DType) int64 {
	switch code {
	case scalar.Mul, scalar.And:
		return 1
	case scalar.Max, scalar.Min:
		least, greatest := int64(math.MinInt64), int64(math.MaxInt64)
		switch {
		case d == ir.U64:
			least, greatest = 0, -1
		case d != ir.I64:
			lo, hi := d.Range()
			least, greatest = int64(lo), int64(hi)
		}
		if code == scalar.Max {
			return least
		}
		return greatest
	}
	return 0
}

func foldWhole(code scalar.Code, d ir.DType, x []int64) int64 {
	v := []int64{wholeNeutral(code, d)}
	for i := range x {
		accumulateWhole(code, d, v, x[i:i+1])
	}
	return v[0]
}

func accumulateWhole(code scalar.Code, t ir.DType, d, x []int64) {
	switch code {
	case scalar.Add:
		for i, v := range x[:len(d)] {
			d[i] = wrap(d[i]+v, t)
		}
	case scalar.Mul:
		for i, v := range x[:len(d)] {
			d[i] = wrap(d[i]*v, t)
		}
	default:
		f := wholeFunc(code, t)
		for i, v := range x[:len(d)] {
			d[i] = f(d[i], v)
		}
	}
}
