package main

import "math"

// An elem is the type of a slice's elements, and how a vector of them is loaded and stored.
type elem string

const (
	f32  elem = "float32"
	i32  elem = "int32"
	u32  elem = "uint32"
	u16  elem = "uint16"
	u8   elem = "uint8"
	none elem = ""
)

// A param is an input of a routine: a slice, or a float32 that is the same for all elements.
type param struct {
	name   string
	elem   elem
	scalar bool
}

// A routine is one primitive over contiguous slices.
type routine struct {
	name  string
	doc   string // what follows the name; "dst[i] = " is part of the text
	in    []param
	out   elem
	build func(b *builder, in []*node) *node
}

var (
	x    = param{"x", f32, false}
	y    = param{"y", f32, false}
	z    = param{"z", f32, false}
	m    = param{"mask", f32, false}
	s    = param{"s", f32, true}
	one  = []param{x}
	two  = []param{x, y}
	xs   = []param{x, s}
	sNaN = uint32(0x7fc00000)
)

func unary(name, doc string, f func(b *builder, x *node) *node) routine {
	return routine{name, doc, one, f32, func(b *builder, in []*node) *node { return f(b, in[0]) }}
}

// binary gives the two-slice form, the form with a scalar on the right, and, where order matters, on the left.
func binary(name, sign string, swap bool, f func(b *builder, x, y *node) *node) []routine {
	expr := func(l, r string) string { return "writes " + l + " " + sign + " " + r + "." }
	if len(sign) > 2 {
		expr = func(l, r string) string { return "writes " + sign + "(" + l + ", " + r + ")." }
	}
	rs := []routine{
		{name, expr("x[i]", "y[i]"), two, f32, func(b *builder, in []*node) *node { return f(b, in[0], in[1]) }},
		{name + "Scalar", expr("x[i]", "s"), xs, f32, func(b *builder, in []*node) *node { return f(b, in[0], in[1]) }},
	}
	if swap {
		rs = append(rs, routine{"Scalar" + name, expr("s", "x[i]"), xs, f32, func(b *builder, in []*node) *node { return f(b, in[1], in[0]) }})
	}
	return rs
}

func compare(name, sign string, pred int) []routine {
	return binary(name, sign, false, func(b *builder, x, y *node) *node {
		return b.blend(b.cmp(pred, x, y), b.f(1), b.f(0))
	})
}

// extreme is max or min that lets a NaN of either side through.
func extreme(f func(b *builder) func(x, y *node) *node) func(b *builder, x, y *node) *node {
	return func(b *builder, x, y *node) *node {
		return b.blend(b.cmp(unord, x, x), x, f(b)(x, y)) // a NaN in y is what the instruction returns
	}
}

func isNonzero(b *builder, x *node) *node { return b.cmp(neq, x, b.f(0)) }

func routines() []routine {
	var rs []routine
	add := func(r ...routine) { rs = append(rs, r...) }
	add(binary("Add", "+", false, (*builder).addf)...)
	add(binary("Sub", "-", true, (*builder).sub)...)
	add(binary("Mul", "*", false, (*builder).mul)...)
	add(binary("Div", "/", true, (*builder).div)...)
	add(binary("Max", "max", false, extreme(func(b *builder) func(x, y *node) *node { return b.max }))...)
	add(binary("Min", "min", false, extreme(func(b *builder) func(x, y *node) *node { return b.min }))...)
	add(compare("Eq", "==", eq)...)
	add(compare("Ne", "!=", neq)...)
	add(compare("Lt", "<", lt)...)
	add(compare("Le", "<=", le)...)
	add(compare("Gt", ">", gt)...)
	add(compare("Ge", ">=", ge)...)
	add(binary("Pow", "pow", true, pow)...)
	add(
		routine{"FMA", "writes x[i]*y[i] + z[i], rounded once.", []param{x, y, z}, f32,
			func(b *builder, in []*node) *node { return b.fma(in[0], in[1], in[2]) }},
		routine{"FMAScalar", "writes x[i]*s + y[i], rounded once.", []param{x, y, s}, f32,
			func(b *builder, in []*node) *node { return b.fma(in[0], in[2], in[1]) }},
		routine{"Select", "writes x[i] where mask[i] is not 0 (NaN counts as not 0), else y[i].", []param{m, x, y}, f32,
			func(b *builder, in []*node) *node { return b.blend(isNonzero(b, in[0]), in[1], in[2]) }},
		routine{"SelectScalar", "writes x[i] where mask[i] is not 0, else s.", []param{m, x, s}, f32,
			func(b *builder, in []*node) *node { return b.blend(isNonzero(b, in[0]), in[1], in[2]) }},
		routine{"ScalarSelect", "writes s where mask[i] is not 0, else x[i].", []param{m, x, s}, f32,
			func(b *builder, in []*node) *node { return b.blend(isNonzero(b, in[0]), in[2], in[1]) }},
		routine{"Fill", "writes s.", []param{s}, f32,
			func(b *builder, in []*node) *node { return in[0] }},
	)
	add(
		unary("Neg", "writes -x[i].", func(b *builder, x *node) *node { return b.asf(b.xor(x, b.u(1<<31))) }),
		unary("Abs", "writes |x[i]|.", func(b *builder, x *node) *node { return b.asf(b.and(x, b.u(1<<31-1))) }),
		unary("Sqrt", "writes the square root of x[i], correctly rounded.", (*builder).sqrt),
		unary("Rsqrt", "writes 1 / sqrt(x[i]), each step correctly rounded.", func(b *builder, x *node) *node { return b.div(b.f(1), b.sqrt(x)) }),
		unary("Recip", "writes 1 / x[i].", func(b *builder, x *node) *node { return b.div(b.f(1), x) }),
		unary("Square", "writes x[i] * x[i].", func(b *builder, x *node) *node { return b.mul(x, x) }),
		unary("Sign", "writes -1, 0 or 1; NaN and zeros stay as they are.", func(b *builder, x *node) *node {
			signed := b.asf(b.or(b.and(x, b.u(1<<31)), b.f(1)))
			return b.blend(b.mor(b.cmp(lt, x, b.f(0)), b.cmp(gt, x, b.f(0))), signed, x)
		}),
		unary("Relu", "writes max(x[i], 0); NaN stays.", func(b *builder, x *node) *node { return b.max(b.f(0), x) }),
		unary("Not", "writes 1 where x[i] is 0, else 0.", func(b *builder, x *node) *node { return b.blend(b.cmp(eq, x, b.f(0)), b.f(1), b.f(0)) }),
		unary("Floor", "writes the largest integer not above x[i].", func(b *builder, x *node) *node { return b.round(x, floor) }),
		unary("Ceil", "writes the smallest integer not below x[i].", func(b *builder, x *node) *node { return b.round(x, ceil) }),
		unary("Round", "writes the integer nearest to x[i], halves to even.", func(b *builder, x *node) *node { return b.round(x, nearest) }),
		unary("Trunc", "writes x[i] without its fraction.", func(b *builder, x *node) *node { return b.round(x, trunc) }),
		unary("Exp", "writes e to the x[i], within 2 ulp.", func(b *builder, x *node) *node { return exp(b, x) }),
		unary("Expm1", "writes e to the x[i], minus 1, within 3 ulp.", expm1),
		unary("Log", "writes the natural logarithm of x[i], within 2 ulp; NaN below 0, -Inf at 0.", logarithm),
		unary("Log1p", "writes log(1 + x[i]), within 3 ulp.", log1p),
		unary("Tanh", "writes the hyperbolic tangent of x[i], within 4 ulp.", tanh),
		unary("Sigmoid", "writes 1 / (1 + exp(-x[i])), within 4 ulp.", sigmoid),
		unary("Erf", "writes the error function of x[i], within 4 ulp.", erf),
		unary("sinReduced", "writes sin(x[i]) for |x[i]| <= trigLimit.", func(b *builder, x *node) *node { return sinCos(b, x, 0) }),
		unary("cosReduced", "writes cos(x[i]) for |x[i]| <= trigLimit.", func(b *builder, x *node) *node { return sinCos(b, x, 1) }),
	)
	add(
		routine{"U8ToF32", "writes x[i], exactly.", []param{{"x", u8, false}}, f32,
			func(b *builder, in []*node) *node { return b.i2f(in[0]) }},
		routine{"I32ToF32", "writes x[i], rounded to nearest even.", []param{{"x", i32, false}}, f32,
			func(b *builder, in []*node) *node { return b.i2f(in[0]) }},
		routine{"F32ToI32", "writes x[i] without its fraction; 0 for NaN, and the nearest int32 where x[i] lies beyond.", one, i32,
			func(b *builder, in []*node) *node {
				t := b.blend(b.cmp(ge, in[0], b.f(1<<31)), b.u(1<<31-1), b.f2t(in[0]))
				return b.blend(b.cmp(unord, in[0], in[0]), b.u(0), t)
			}},
		routine{"BF16ToF32", "writes the bfloat16 bits x[i] as a float, exactly.", []param{{"x", u16, false}}, f32,
			func(b *builder, in []*node) *node { return b.asf(b.shl(in[0], 16)) }},
		routine{"F32ToBF16", "writes x[i] as bfloat16 bits, rounded to nearest even; NaN becomes the quiet NaN 0x7fc0.", one, u16,
			func(b *builder, in []*node) *node {
				odd := b.and(b.shr(in[0], 16), b.u(1))
				r := b.shr(b.iadd(b.iadd(in[0], b.u(0x7fff)), odd), 16)
				return b.blend(b.cmp(unord, in[0], in[0]), b.u(0x7fc0), r)
			}},
		routine{"F32ToBool", "writes 1 where x[i] is not 0 (NaN included), else 0.", one, u8,
			func(b *builder, in []*node) *node { return b.blend(isNonzero(b, in[0]), b.u(1), b.u(0)) }},
		routine{"UniformFromBits", "writes a number of [0, 1) made of the upper 24 of x[i]'s bits.", []param{{"x", u32, false}}, f32,
			func(b *builder, in []*node) *node { return b.mul(b.i2f(b.shr(in[0], 8)), b.f(1.0/(1<<24))) }},
		routine{"NormalFromBits", "writes sqrt(-2 log u) cos(2 pi v), u of (0, 1] from x[i], v of [0, 1) from y[i], 24 bits each " +
			"(Box and Muller 1958).", []param{{"x", u32, false}, {"y", u32, false}}, f32, boxMuller},
	)
	return rs
}

const ln2 = math.Ln2

// expPoly is exp(r) - 1 - r over r*r, |r| <= ln(2)/2.
var expPoly = fit(func(r float64) float64 {
	if math.Abs(r) < 1e-4 {
		return 0.5 + r/6 + r*r/24
	}
	return (math.Expm1(r) - r) / (r * r)
}, -0.35, 0.35, 4)

// reduceExp splits x into n ln 2 + r; n is an integral float.
func reduceExp(b *builder, x *node) (n, r *node) {
	hi := math.Float64frombits(math.Float64bits(ln2) >> 38 << 38) // 15 bits: n*hi is exact
	n = b.round(b.mul(x, b.f(1/ln2)), nearest)
	r = b.fnma(n, b.f(hi), x)
	r = b.fnma(n, b.f(ln2-hi), r)
	return n, r
}

// exp: 2^n exp(r). The clamps keep n within what scale takes; a NaN passes them as the second operand.
func exp(b *builder, x *node) *node {
	x = b.max(b.f(-105), b.min(b.f(89), x))
	n, r := reduceExp(b, x)
	p := b.fma(b.mul(r, r), b.poly(r, expPoly), r)
	return b.scale(b.addf(p, b.f(1)), n)
}

// expm1: 2^n (exp(r) - 1) + (2^n - 1), computed at half size so that n = 128 does not overflow too early.
func expm1(b *builder, x *node) *node {
	c := b.max(b.f(-18), b.min(b.f(89), x))
	n, r := reduceExp(b, c)
	p := b.fma(b.mul(r, r), b.poly(r, expPoly), r)
	half := b.scale(b.f(0.5), n)
	v := b.fma(half, p, b.sub(half, b.f(0.5)))
	v = b.addf(v, v)
	v = b.blend(b.cmp(eq, n, b.f(0)), p, v)
	return b.blend(b.cmp(eq, x, b.f(0)), x, v) // keeps -0
}

// logPoly is (log(1+f) - f + f*f/2) / f^3 on [2/3, 4/3].
var logPoly = fit(func(f float64) float64 {
	if math.Abs(f) < 0.02 {
		v, t := 0.0, 1.0
		for k := 3; k < 14; k++ {
			v += t / float64(k)
			t *= -f
		}
		return v
	}
	return (math.Log1p(f) - f + f*f/2) / (f * f * f)
}, -1.0/3, 1.0/3, 8)

// logReduced is log(1+f) + e ln 2.
func logReduced(b *builder, f, e *node) *node {
	hi := math.Float64frombits(math.Float64bits(ln2) >> 38 << 38)
	f2 := b.mul(f, f)
	q := b.mul(b.mul(f2, f), b.poly(f, logPoly))
	q = b.fma(e, b.f(ln2-hi), q)
	q = b.fnma(b.f(0.5), f2, q)
	return b.fma(e, b.f(hi), b.addf(f, q))
}

// exponentBits gives the exponent of x (bits, times 2^23 in place) relative to [2/3, 4/3).
func exponentBits(b *builder, x *node) *node {
	return b.and(b.isub(x, b.u(math.Float32bits(2.0/3))), b.u(0xff800000))
}

func logSpecial(b *builder, x, v *node) *node {
	v = b.blend(b.cmp(eq, x, b.f(0)), b.f(math.Inf(-1)), v)
	v = b.blend(b.cmp(lt, x, b.f(0)), b.asf(b.u(sNaN)), v)
	ok := b.cmp(lt, x, b.f(math.Inf(1))) // false for NaN and +Inf, which stay
	return b.blend(ok, v, x)
}

func logarithm(b *builder, x *node) *node {
	small := b.cmp(lt, x, b.f(0x1p-126))
	xn := b.blend(small, b.mul(x, b.f(0x1p24)), x)
	k := exponentBits(b, xn)
	f := b.sub(b.asf(b.isub(xn, k)), b.f(1))
	e := b.i2f(b.sar(k, 23))
	e = b.addf(e, b.blend(small, b.f(-24), b.f(0)))
	return logSpecial(b, x, logReduced(b, f, e))
}

// log1p: with u = 1+x and k its exponent, f = x 2^-k + (2^-k - 1) carries what u lost.
func log1p(b *builder, x *node) *node {
	u := b.addf(x, b.f(1))
	k := exponentBits(b, u)
	e := b.i2f(b.sar(k, 23))
	neg := b.sub(b.f(0), e)
	f := b.addf(b.scale(x, neg), b.sub(b.scale(b.f(1), neg), b.f(1)))
	v := logReduced(b, f, e)
	v = b.blend(b.cmp(eq, u, b.f(0)), b.f(math.Inf(-1)), v)
	v = b.blend(b.cmp(lt, u, b.f(0)), b.asf(b.u(sNaN)), v)
	v = b.blend(b.cmp(lt, x, b.f(math.Inf(1))), v, x)
	return b.blend(b.cmp(eq, x, b.f(0)), x, v)
}

// tanh: with t = exp(2|x|) - 1, t / (t + 2).
func tanh(b *builder, x *node) *node {
	sign := b.and(x, b.u(1<<31))
	a := b.asf(b.and(x, b.u(1<<31-1)))
	a = b.min(b.f(9.5), a)
	t := expm1(b, b.addf(a, a))
	v := b.div(t, b.addf(t, b.f(2)))
	v = b.blend(b.cmp(lt, a, b.f(1e-4)), a, v)
	return b.asf(b.or(v, sign))
}

// sigmoid: with e = exp(-|x|), 1/(1+e) or e/(1+e).
func sigmoid(b *builder, x *node) *node {
	e := exp(b, b.asf(b.or(x, b.u(1<<31))))
	num := b.blend(b.cmp(lt, x, b.f(0)), e, b.f(1))
	return b.div(num, b.addf(e, b.f(1)))
}

// erf: an odd polynomial below 1, beyond it 1 - exp(q(|x|)) with q = log(erfc).
func erf(b *builder, x *node) *node {
	sign := b.and(x, b.u(1<<31))
	a := b.min(b.f(4), b.asf(b.and(x, b.u(1<<31-1))))
	near := fit(func(t float64) float64 {
		if t < 1e-8 {
			return 2/math.SqrtPi - 1
		}
		r := math.Sqrt(t)
		return math.Erf(r)/r - 1
	}, 0, 1, 8)
	far := fit(func(t float64) float64 { return math.Log(math.Erfc(t)) }, 0.98, 4.02, 9)
	low := b.fma(a, b.poly(b.mul(a, a), near), a)
	high := b.sub(b.f(1), exp(b, b.poly(a, far)))
	v := b.blend(b.cmp(lt, a, b.f(1)), low, high)
	v = b.blend(b.cmp(unord, x, x), x, v)
	return b.asf(b.or(v, sign))
}

// sinPoly and cosPoly are (sin(sqrt t)/sqrt t - 1)/t and (cos(sqrt t) - 1 + t/2)/t^2 for t up to (pi/4)^2.
var sinPoly = fit(func(t float64) float64 {
	if t < 1e-3 {
		return -1.0/6 + t/120 - t*t/5040
	}
	r := math.Sqrt(t)
	return (math.Sin(r)/r - 1) / t
}, 0, 0.63, 3)
var cosPoly = fit(func(t float64) float64 {
	if t < 0.02 {
		return 1.0/24 - t/720 + t*t/40320 - t*t*t/3628800
	}
	return (math.Cos(math.Sqrt(t)) - 1 + t/2) / (t * t)
}, 0, 0.63, 3)

// quarter is sin or cos of r in [-pi/4, pi/4], turned by the quadrant q.
func quarter(b *builder, r, q *node) *node {
	t := b.mul(r, r)
	sn := b.fma(b.mul(r, t), b.poly(t, sinPoly), r)
	cs := b.fma(b.mul(t, t), b.poly(t, cosPoly), b.fnma(b.f(0.5), t, b.f(1)))
	odd := b.ieq(b.and(q, b.u(1)), b.u(1))
	v := b.blend(odd, cs, sn)
	return b.asf(b.xor(v, b.shl(b.and(q, b.u(2)), 30)))
}

// sinCos: Cody and Waite's reduction by pi/2 in three parts.
func sinCos(b *builder, x *node, turn uint32) *node {
	n := b.round(b.mul(x, b.f(2/math.Pi)), nearest)
	h := math.Pi / 2
	h1 := float64(float32(h))
	h2 := float64(float32(h - h1))
	// pi/2 to float64 ends 6.1e-17 below the number itself.
	h3 := (h - h1 - h2) + 6.123233995736766e-17
	r := b.fnma(n, b.f(h1), x)
	r = b.fnma(n, b.f(h2), r)
	r = b.fnma(n, b.f(h3), r)
	q := b.f2i(n)
	if turn != 0 {
		q = b.iadd(q, b.u(turn))
	}
	return quarter(b, r, q)
}

func boxMuller(b *builder, in []*node) *node {
	u := b.mul(b.i2f(b.iadd(b.shr(in[0], 8), b.u(1))), b.f(0x1p-24))
	k := exponentBits(b, u)
	f := b.sub(b.asf(b.isub(u, k)), b.f(1))
	l := logReduced(b, f, b.i2f(b.sar(k, 23)))
	radius := b.sqrt(b.max(b.f(0), b.mul(l, b.f(-2))))
	v := b.mul(b.i2f(b.shr(in[1], 8)), b.f(0x1p-22)) // quarter turns
	n := b.round(v, nearest)
	r := b.mul(b.sub(v, n), b.f(math.Pi/2))
	return b.mul(radius, quarter(b, r, b.iadd(b.f2i(n), b.u(1))))
}

// pow: exp(y log|x|) with the logarithm in two floats, then the cases of C99 F.9.4.4.
func pow(b *builder, x, y *node) *node {
	inf := math.Inf(1)
	ax := b.asf(b.and(x, b.u(1<<31-1)))
	small := b.cmp(lt, ax, b.f(0x1p-126))
	xn := b.blend(small, b.mul(ax, b.f(0x1p24)), ax)
	k := exponentBits(b, xn)
	m := b.asf(b.isub(xn, k))
	e := b.addf(b.i2f(b.sar(k, 23)), b.blend(small, b.f(-24), b.f(0)))
	// log m = 2 artanh(s), s = f/(2+f) in two floats: f and d are exact up to d's tail.
	f := b.sub(m, b.f(1))
	d := b.addf(f, b.f(2))
	dl := b.sub(f, b.sub(d, b.f(2)))
	sh := b.div(f, d)
	rest := b.fnma(sh, dl, b.fnma(sh, d, f))
	sl := b.div(rest, d)
	t := b.mul(sh, sh)
	q := fit(func(t float64) float64 { // (artanh(r)/r - 1)/t
		if t < 1e-3 {
			return 1.0/3 + t/5 + t*t/7 + t*t*t/9
		}
		r := math.Sqrt(t)
		return (math.Atanh(r)/r - 1) / t
	}, 0, 0.0401, 4)
	tail := b.fma(b.mul(t, sh), b.poly(t, q), sl)
	tail = b.addf(tail, tail)
	hi := math.Float64frombits(math.Float64bits(ln2) >> 38 << 38)
	tail = b.fma(e, b.f(ln2-hi), tail)
	s2 := b.addf(sh, sh)
	eh := b.mul(e, b.f(hi)) // exact
	lh := b.addf(eh, s2)    // |eh| >= |s2| or eh = 0
	ll := b.addf(b.sub(s2, b.sub(lh, eh)), tail)
	// normalise, then multiply by y
	h := b.addf(lh, ll)
	l := b.addf(b.sub(lh, h), ll)
	p := b.mul(y, h)
	pl := b.fma(y, l, b.fma(y, h, b.sub(b.f(0), p)))
	pc := b.max(b.f(-105), b.min(b.f(89), p))
	pl = b.blend(b.cmp(eq, pc, p), pl, b.f(0))
	n, r := reduceExp(b, pc)
	r = b.addf(r, pl)
	v := b.scale(b.addf(b.fma(b.mul(r, r), b.poly(r, expPoly), r), b.f(1)), n)

	// ax = 0 or infinite: 0 or infinite by the sign of y
	xz := b.cmp(eq, ax, b.f(0))
	xi := b.cmp(eq, ax, b.f(inf))
	yneg := b.cmp(lt, y, b.f(0))
	v = b.blend(xz, b.blend(yneg, b.f(inf), b.f(0)), v)
	v = b.blend(xi, b.blend(yneg, b.f(0), b.f(inf)), v)
	// y infinite: by |x| against 1
	yi := b.cmp(eq, b.asf(b.and(y, b.u(1<<31-1))), b.f(inf))
	grows := b.blend(yneg, b.blend(b.cmp(lt, ax, b.f(1)), b.f(inf), b.f(0)), b.blend(b.cmp(gt, ax, b.f(1)), b.f(inf), b.f(0)))
	v = b.blend(yi, b.blend(b.cmp(eq, ax, b.f(1)), b.f(1), grows), v)
	// negative x: odd y turns the sign, a broken y is NaN
	whole := b.cmp(eq, b.round(y, trunc), y)
	halfY := b.mul(y, b.f(0.5))
	odd := b.mand(whole, b.cmp(neq, b.round(halfY, trunc), halfY))
	v = b.blend(odd, b.asf(b.or(v, b.and(x, b.u(1<<31)))), v)
	finiteNeg := b.mand(b.cmp(lt, x, b.f(0)), b.cmp(lt, ax, b.f(inf)))
	v = b.blend(b.mand(finiteNeg, b.cmp(neq, b.round(y, trunc), y)), b.asf(b.u(sNaN)), v)
	v = b.blend(b.cmp(unord, x, y), b.asf(b.u(sNaN)), v)
	return b.blend(b.mor(b.cmp(eq, y, b.f(0)), b.cmp(eq, x, b.f(1))), b.f(1), v)
}
