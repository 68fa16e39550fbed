package opt

import (
	"math"

	"modelc/ir"
	"modelc/ir/ops"
	"modelc/ir/scalar"
)

// simplify applies the rules: each replaces an instruction by a cheaper one, or by a value that is there already. They hold for every number, infinities and NaN
// included; what some change is the sign of a zero (x + 0, 0 - x) or the last bit of a sum of equal numbers, which becomes a product.
func simplify(m *ir.Module, _ Options) {
	for _, f := range m.Funcs {
		rewrite(f, func(b *ir.Builder, c *ir.Instr) []*ir.Value {
			if len(c.Results) != 1 {
				return nil
			}
			v := apply(b, c)
			if v == nil {
				return nil
			}
			return []*ir.Value{v}
		})
	}
}

// apply returns what an instruction simplifies to, or nil. What a rule makes is simplified further.
func apply(b *ir.Builder, c *ir.Instr) *ir.Value {
	var best *ir.Value
	for range 8 {
		v := applyOnce(b, c)
		if v == nil {
			break
		}
		best = v
		// Only an instruction that the rule has just made may be replaced in turn.
		if n := len(b.Func.Body); n == 0 || v.Def == nil || b.Func.Body[n-1] != v.Def {
			break
		}
		c = v.Def
	}
	return best
}

func applyOnce(b *ir.Builder, c *ir.Instr) *ir.Value {
	for _, r := range rulesFor[c.Op.Name()] {
		if v := r.apply(b, c); v != nil {
			return v
		}
	}
	return nil
}

// rule is one row. The example makes an instance of the pattern: the tests check that the rule applies to it and that the values stay what they were.
type rule struct {
	name    string
	ops     []string // mnemonics; nil: every scalar code
	apply   func(b *ir.Builder, c *ir.Instr) *ir.Value
	example func(b *ir.Builder) *ir.Value
}

var rulesFor map[string][]*rule

func init() {
	rulesFor = map[string][]*rule{}
	for _, list := range [][]rule{mapRules, viewRules, productRules} {
		for i := range list {
			r := &list[i]
			names := r.ops
			if names == nil {
				for _, row := range scalar.Rows() {
					names = append(names, string(row.Code))
				}
			}
			for _, n := range names {
				rulesFor[n] = append(rulesFor[n], r)
			}
		}
	}
}

// is reports whether a value is the number everywhere. Zero may have either sign.
func is(v *ir.Value, x float64) bool {
	n, ok := number(v)
	return ok && n.Value.Float() == x
}

// op returns the definition of a value if it is an op of type T.
func op[T ir.Op](v *ir.Value) (o T, c *ir.Instr, ok bool) {
	if v.Def == nil {
		return o, nil, false
	}
	o, ok = v.Def.Op.(T)
	return o, v.Def, ok
}

// code returns the arguments of a value that a map with the code defines.
func code(v *ir.Value, k scalar.Code) ([]*ir.Value, bool) {
	if o, c, ok := op[ops.Map](v); ok && o.Code == k {
		return c.Args, true
	}
	return nil, false
}

// example inputs
func someF(b *ir.Builder, dims ...int64) *ir.Value { return b.Param(ir.Of(ir.F32, dims...), "x") }
func someI(b *ir.Builder, dims ...int64) *ir.Value { return b.Param(ir.Of(ir.I32, dims...), "i") }
func someB(b *ir.Builder, dims ...int64) *ir.Value { return b.Param(ir.Of(ir.Bool, dims...), "p") }
func like(b *ir.Builder, x *ir.Value, v float64) *ir.Value {
	return ops.Number(b, x.Type, v)
}

var mapRules = []rule{
	{"x + 0", []string{"add"}, func(b *ir.Builder, c *ir.Instr) *ir.Value {
		for i, a := range c.Args {
			if is(a, 0) {
				return c.Args[1-i]
			}
		}
		return nil
	}, func(b *ir.Builder) *ir.Value { x := someF(b, 3); return ops.Add(b, like(b, x, 0), x) }},
	{"x + -y", []string{"add"}, func(b *ir.Builder, c *ir.Instr) *ir.Value {
		for i, a := range c.Args {
			if y, ok := code(a, scalar.Neg); ok {
				return ops.Sub(b, c.Args[1-i], y[0])
			}
		}
		return nil
	}, func(b *ir.Builder) *ir.Value { return ops.Add(b, someF(b, 3), ops.Neg(b, someF(b, 3))) }},
	{"x - 0", []string{"sub"}, func(b *ir.Builder, c *ir.Instr) *ir.Value {
		if is(c.Args[1], 0) {
			return c.Args[0]
		}
		return nil
	}, func(b *ir.Builder) *ir.Value { x := someF(b, 3); return ops.Sub(b, x, like(b, x, 0)) }},
	{"0 - x", []string{"sub"}, func(b *ir.Builder, c *ir.Instr) *ir.Value {
		if is(c.Args[0], 0) {
			return ops.Neg(b, c.Args[1])
		}
		return nil
	}, func(b *ir.Builder) *ir.Value { x := someF(b, 3); return ops.Sub(b, like(b, x, 0), x) }},
	{"x - -y", []string{"sub"}, func(b *ir.Builder, c *ir.Instr) *ir.Value {
		if y, ok := code(c.Args[1], scalar.Neg); ok {
			return ops.Add(b, c.Args[0], y[0])
		}
		return nil
	}, func(b *ir.Builder) *ir.Value { return ops.Sub(b, someF(b, 3), ops.Neg(b, someF(b, 3))) }},
	{"x * 1", []string{"mul"}, func(b *ir.Builder, c *ir.Instr) *ir.Value {
		for i, a := range c.Args {
			if is(a, 1) {
				return c.Args[1-i]
			}
		}
		return nil
	}, func(b *ir.Builder) *ir.Value { x := someF(b, 3); return ops.Mul(b, like(b, x, 1), x) }},
	{"x * -1", []string{"mul"}, func(b *ir.Builder, c *ir.Instr) *ir.Value {
		for i, a := range c.Args {
			if is(a, -1) {
				return ops.Neg(b, c.Args[1-i])
			}
		}
		return nil
	}, func(b *ir.Builder) *ir.Value { x := someF(b, 3); return ops.Mul(b, like(b, x, -1), x) }},
	// Not for floats: NaN and infinity times 0 is NaN.
	{"i * 0", []string{"mul"}, func(b *ir.Builder, c *ir.Instr) *ir.Value {
		if !c.Results[0].Type.DType.IsInt() {
			return nil
		}
		for _, a := range c.Args {
			if is(a, 0) {
				return a
			}
		}
		return nil
	}, func(b *ir.Builder) *ir.Value { x := someI(b, 3); return ops.Mul(b, x, like(b, x, 0)) }},
	{"x / 1, x / 2^k", []string{"div"}, func(b *ir.Builder, c *ir.Instr) *ir.Value {
		n, ok := number(c.Args[1])
		if !ok {
			return nil
		}
		v := n.Value.Float()
		if v == 1 {
			return c.Args[0]
		}
		// The reciprocal is exact, and so is the product: both are the correctly rounded quotient.
		if m, e := math.Frexp(math.Abs(v)); m != 0.5 || e < -10 || e > 10 {
			return nil
		}
		return ops.Mul(b, c.Args[0], like(b, c.Args[1], 1/v))
	}, func(b *ir.Builder) *ir.Value { x := someF(b, 3); return ops.Div(b, x, like(b, x, 8)) }},
	{"x ^ 0, 1, 2, -1", []string{"pow"}, func(b *ir.Builder, c *ir.Instr) *ir.Value {
		n, ok := number(c.Args[1])
		x := c.Args[0]
		if !ok {
			return nil
		}
		switch v := n.Value.Float(); {
		case v == 0:
			return like(b, x, 1)
		case v == 1:
			return x
		case v == 2:
			return ops.Mul(b, x, x)
		case v == -1 && x.Type.DType.IsFloat():
			return ops.Div(b, like(b, x, 1), x)
		}
		return nil
	}, func(b *ir.Builder) *ir.Value { x := someF(b, 3); return ops.Pow(b, x, like(b, x, 2)) }},
	{"--x", []string{"neg"}, func(b *ir.Builder, c *ir.Instr) *ir.Value {
		if x, ok := code(c.Args[0], scalar.Neg); ok {
			return x[0]
		}
		return nil
	}, func(b *ir.Builder) *ir.Value { return ops.Neg(b, ops.Neg(b, someF(b, 3))) }},
	{"-(x - y)", []string{"neg"}, func(b *ir.Builder, c *ir.Instr) *ir.Value {
		if x, ok := code(c.Args[0], scalar.Sub); ok {
			return ops.Sub(b, x[1], x[0])
		}
		return nil
	}, func(b *ir.Builder) *ir.Value { return ops.Neg(b, ops.Sub(b, someF(b, 3), someF(b, 3))) }},
	{"not not p", []string{"not"}, func(b *ir.Builder, c *ir.Instr) *ir.Value {
		if x, ok := code(c.Args[0], scalar.Not); ok {
			return x[0]
		}
		return nil
	}, func(b *ir.Builder) *ir.Value { return ops.Not(b, ops.Not(b, someB(b, 3))) }},
	{"p and constant", []string{"and"}, func(b *ir.Builder, c *ir.Instr) *ir.Value {
		for i, a := range c.Args {
			if is(a, 0) {
				return a
			}
			if is(a, 1) {
				return c.Args[1-i]
			}
		}
		return nil
	}, func(b *ir.Builder) *ir.Value { x := someB(b, 3); return ops.And(b, x, like(b, x, 1)) }},
	{"p or constant", []string{"or"}, func(b *ir.Builder, c *ir.Instr) *ir.Value {
		for i, a := range c.Args {
			if is(a, 1) {
				return a
			}
			if is(a, 0) {
				return c.Args[1-i]
			}
		}
		return nil
	}, func(b *ir.Builder) *ir.Value { x := someB(b, 3); return ops.Or(b, x, like(b, x, 0)) }},
	{"select of a constant", []string{"select"}, func(b *ir.Builder, c *ir.Instr) *ir.Value {
		switch {
		case is(c.Args[0], 1):
			return c.Args[1]
		case is(c.Args[0], 0):
			return c.Args[2]
		case c.Args[1] == c.Args[2]:
			return c.Args[1]
		}
		return nil
	}, func(b *ir.Builder) *ir.Value {
		p := ops.Number(b, ir.Of(ir.Bool, 3), 1)
		return ops.Select(b, p, someF(b, 3), someF(b, 3))
	}},
	{"select of not p", []string{"select"}, func(b *ir.Builder, c *ir.Instr) *ir.Value {
		if p, ok := code(c.Args[0], scalar.Not); ok {
			return ops.Select(b, p[0], c.Args[2], c.Args[1])
		}
		return nil
	}, func(b *ir.Builder) *ir.Value {
		return ops.Select(b, ops.Not(b, someB(b, 3)), someF(b, 3), someF(b, 3))
	}},
	{"max, min of x and x", []string{"max", "min"}, func(b *ir.Builder, c *ir.Instr) *ir.Value {
		if c.Args[0] == c.Args[1] {
			return c.Args[0]
		}
		return nil
	}, func(b *ir.Builder) *ir.Value { x := someF(b, 3); return ops.Max(b, x, x) }},
	// Gradients are taken before the passes run, so that nothing asks any more what a stop stops.
	{"stop x", []string{"stop"}, func(b *ir.Builder, c *ir.Instr) *ir.Value { return c.Args[0] },
		func(b *ir.Builder) *ir.Value { return b.Op(ops.Stop{}, someF(b, 3)) }},
	{"cast to its own type", []string{"cast"}, func(b *ir.Builder, c *ir.Instr) *ir.Value {
		if c.Args[0].Type == c.Results[0].Type {
			return c.Args[0]
		}
		return nil
	}, func(b *ir.Builder) *ir.Value { return b.Op(ops.Cast{To: ir.F32}, someF(b, 3)) }},
	{"cast of a cast that loses nothing", []string{"cast"}, func(b *ir.Builder, c *ir.Instr) *ir.Value {
		if _, d, ok := op[ops.Cast](c.Args[0]); ok && lossless(d.Args[0].Type.DType, d.Results[0].Type.DType) {
			return ops.Convert(b, d.Args[0], c.Results[0].Type.DType)
		}
		return nil
	}, func(b *ir.Builder) *ir.Value { return ops.Convert(b, ops.Convert(b, someF(b, 3), ir.F64), ir.F32) }},
	{"map of broadcasts", nil, mapOfBroadcasts, func(b *ir.Builder) *ir.Value {
		s := ir.MustShape(2, 3)
		x := ops.BroadcastTo(b, someF(b, 3), s, 1)
		return ops.Mul(b, ops.Add(b, x, ops.BroadcastTo(b, someF(b, 3), s, 1)), like(b, x, 2))
	}},
}

// lossless reports whether every value of one type is a value of the other that casts to the same things.
func lossless(from, to ir.DType) bool {
	switch from {
	case ir.Bool:
		return true
	case ir.U8:
		return to == ir.I32 || to == ir.I64 || to == ir.U32 || to == ir.U64
	case ir.I8:
		return to == ir.I32 || to == ir.I64
	case ir.I32:
		return to == ir.I64
	case ir.F16, ir.BF16:
		return to == ir.F32 || to == ir.F64
	case ir.F32:
		return to == ir.F64
	}
	return false
}

// mapOfBroadcasts computes a map before its arguments are repeated, if they are repeated alike.
func mapOfBroadcasts(b *ir.Builder, c *ir.Instr) *ir.Value {
	var o ops.Broadcast
	var small ir.Shape
	found := false
	for _, a := range c.Args {
		p, d, ok := op[ops.Broadcast](a)
		if !ok {
			if _, is := number(a); is {
				continue
			}
			return nil
		}
		if found && p != o {
			return nil
		}
		o, small, found = p, d.Args[0].Type.Shape, true
	}
	if !found {
		return nil
	}
	args := make([]*ir.Value, len(c.Args))
	for i, a := range c.Args {
		if n, ok := number(a); ok {
			args[i] = b.Op(ops.Const{Type: ir.Type{DType: a.Type.DType, Shape: small}, Value: n.Value})
		} else {
			args[i] = a.Def.Args[0]
		}
	}
	return b.Op(o, b.Op(c.Op, args...))
}
