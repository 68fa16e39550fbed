package check

import (
	"math"

	"modelc/compiler/core"
	"modelc/compiler/size"
	"modelc/lang/source"
)

// reducers consume an index or an axis; keepers keep it; brackets take whole tensors.
var (
	reducers = set("sum", "prod", "mean", "var", "max", "min", "any", "all", "logsumexp", "argmax", "argmin")
	keepers  = set("softmax", "log_softmax", "cumsum", "cumprod")
	brackets = set("sort", "argsort", "top_k", "concat", "split", "stack", "border", "shift", "flip", "dilate", "cached", "random_flip")
	unaries  = set("exp", "log", "log1p", "expm1", "sqrt", "rsqrt", "sin", "cos", "tanh", "sigmoid", "erf", "abs", "sign", "floor", "ceil", "round")
	binaries = set("min", "max", "pow")
	initials = set("zeros", "ones", "normal", "uniform", "bernoulli", "random_id", "glorot", "he", "orthogonal", "truncated_normal", "constant", "full")
	others   = set("where", "clamp", "rank", "params", "close", "stop_gradient", "grad", "fixed", "id", "auc", "confusion", "reversed", "length")
	builtins = union(reducers, keepers, brackets, unaries, binaries, initials, others, set("pi", "inf", "true", "false", "float", "f16", "bf16", "f32", "f64", "u8", "i8", "i32", "i64", "bool"))
)

func set(names ...string) map[string]bool {
	m := map[string]bool{}
	for _, n := range names {
		m[n] = true
	}
	return m
}

func union(sets ...map[string]bool) map[string]bool {
	m := map[string]bool{}
	for _, s := range sets {
		for n := range s {
			m[n] = true
		}
	}
	return m
}

// foreign answers names of other tools with ours (ruling 62).
var foreign = map[string]string{
	"AvgPool2D": "avg_pool(2)", "MaxPool2D": "max_pool(2)", "MaxPooling2D": "max_pool(2)", "Dropout": "dropout(0.5)", "Flatten": "flatten", "ReLU": "relu", "Linear": "Dense(out)",
	"Conv2d": "Conv2D(out)", "BatchNorm2d": "BatchNorm()", "BatchNormalization": "BatchNorm()", "mse_loss": "mse(x, y)", "MSELoss": "mse(x, y)", "CrossEntropyLoss": "cross_entropy(logits, y)",
	"ImageFolder": "images(\"folder\", size=(64, 64))", "Softmax": "softmax[last](x)", "Sequential": "a list: [Dense(10), relu]", "None": "there is no None: `T?` marks what may be missing",
	"True": "true", "False": "false", "range": "0..n", "len": "length(x), or the size by its name", "einsum": "index notation: y[i, k] = sum[j](a[i, j] * b[j, k])", "transpose": "index notation: t[j, i] = x[i, j]",
	"reshape": "index notation: y[b, (i, j)] = x[b, i, j]", "view": "index notation: y[b, (i, j)] = x[b, i, j]", "LeakyReLU": "leaky_relu(0.2)", "Sigmoid": "sigmoid", "Tanh": "tanh", "GELU": "gelu",
}

// predeclared returns the value of a builtin name, or nil.
func predeclared(name string) value {
	switch name {
	case "pi":
		return floatVal(math.Pi)
	case "inf":
		return floatVal(math.Inf(1))
	case "true":
		return boolVal(true)
	case "false":
		return boolVal(false)
	case "float":
		return typeVal{of(core.Float)}
	}
	if el, is := elemNames[name]; is {
		return typeVal{of(el)}
	}
	if initials[name] {
		return initVal{name: name}
	}
	if builtins[name] {
		return builtin{name}
	}
	return nil
}

// callArg is an evaluated argument.
type callArg struct {
	name   string
	v      value
	at     source.Span
	nameAt source.Span // of a named argument that the user wrote
}

// callBuiltin applies a builtin function without brackets.
func (e *elab) callBuiltin(name string, args []callArg, at source.Span) value {
	e.at(at)
	need := func(n int) {
		if len(args) != n {
			e.fail("M203", at, "%s takes %d arguments, %d are given", name, n, len(args))
		}
	}
	switch {
	case name == "where":
		need(3)
		return e.where(args, at)
	case name == "clamp":
		need(3)
		return e.clamp(args, at)
	case binaries[name] && len(args) == 2:
		return e.elementwise2(name, args[0].v, args[1].v, at)
	case unaries[name]:
		need(1)
		return e.elementwise1(name, args[0].v, at)
	case reducers[name]:
		return e.reduceAll(name, args, at)
	case name == "rank":
		need(1)
		return sizeVal{size.Of(int64(len(e.asTerm(args[0].v, at).Type.Dims)))}
	case name == "params":
		need(1)
		return sizeVal{e.countParams(args[0].v, at)}
	case name == "stop_gradient":
		need(1)
		t := e.asTerm(args[0].v, at)
		return e.term(core.Stop{}, t.Type, t)
	case name == "grad":
		need(2)
		f, x := e.asTerm(args[0].v, at), e.asTerm(args[1].v, at)
		if len(f.Type.Dims) != 0 || !f.Type.Elem.IsFloat() {
			e.fail("M232", args[0].at, "grad needs a scalar to derive, this is %s", typeText(f.Type))
		}
		if !x.Type.Elem.IsFloat() {
			e.fail("M232", args[1].at, "grad derives by a float, this is %s", typeText(x.Type))
		}
		return e.term(core.Derivative{}, x.Type, f, x)
	case name == "close":
		return e.close(args, at)
	case name == "id":
		need(1)
		n, is := args[0].v.(sizeVal)
		if !is {
			e.notSize(args[0].v, args[0].at)
		}
		return typeVal{core.Type{Elem: core.ID, Range: n.s}}
	case name == "length":
		e.fail("M312", at, "length() counts text or a list of a row; of a tensor use the size by its name")
	case name == "auc" || name == "confusion":
		e.fail("M407", at, "%s needs all rows of a split: it stands alone in a metrics block", name)
	case keepers[name] || brackets[name]:
		e.fail("M131", at, "%s needs its axis in brackets: %s[last](…)", name, name)
	}
	e.fail("M203", at, "%s cannot be used like this", name)
	return nil
}

func (e *elab) elementwise1(name string, v value, at source.Span) value {
	if x, ok := number(v); ok {
		return floatVal(fold1(name, x))
	}
	el := elemOf(v)
	switch {
	case el.IsFloat():
	case el == core.Int && name != "abs" && name != "sign":
		v = e.inElem(v, e.float(), at)
		el = e.float()
	case el == core.Int || el == core.I32 || el == core.I64:
		if name != "abs" && name != "sign" {
			e.fail("M140", at, "%s needs a float, this is %s: write float(…)", name, describe(v))
		}
	default:
		e.fail("M140", at, "%s needs a float, this is %s", name, describe(v))
	}
	return e.mapValues(name, el, at, v)
}

func (e *elab) elementwise2(name string, a, b value, at source.Span) value {
	as, aok := a.(sizeVal)
	bs, bok := b.(sizeVal)
	if aok && bok && name != "pow" {
		if name == "max" {
			return sizeVal{size.Max(as.s, bs.s)}
		}
		return sizeVal{size.Min(as.s, bs.s)}
	}
	if x, ok := number(a); ok {
		if y, ok := number(b); ok {
			switch name {
			case "max":
				return floatVal(math.Max(x, y))
			case "min":
				return floatVal(math.Min(x, y))
			default:
				return floatVal(math.Pow(x, y))
			}
		}
	}
	elem, ok := e.meet(a, b)
	if !ok || elem == core.Bool {
		e.fail("M140", at, "%s of %s and %s", name, describe(a), describe(b))
	}
	if elem == core.ID {
		elem = core.I32
	}
	return e.mapValues(name, elem, at, e.inElem(a, elem, at), e.inElem(b, elem, at))
}

func fold1(name string, x float64) float64 {
	switch name {
	case "exp":
		return math.Exp(x)
	case "log":
		return math.Log(x)
	case "log1p":
		return math.Log1p(x)
	case "expm1":
		return math.Expm1(x)
	case "sqrt":
		return math.Sqrt(x)
	case "rsqrt":
		return 1 / math.Sqrt(x)
	case "sin":
		return math.Sin(x)
	case "cos":
		return math.Cos(x)
	case "tanh":
		return math.Tanh(x)
	case "sigmoid":
		return 1 / (1 + math.Exp(-x))
	case "erf":
		return math.Erf(x)
	case "abs":
		return math.Abs(x)
	case "floor":
		return math.Floor(x)
	case "ceil":
		return math.Ceil(x)
	case "round":
		return math.RoundToEven(x)
	case "sign":
		switch {
		case x > 0:
			return 1
		case x < 0:
			return -1
		}
		return x
	}
	panic("check: no constant " + name)
}

func (e *elab) where(args []callArg, at source.Span) value {
	c := args[0].v
	if b, is := c.(boolVal); is {
		if b {
			return args[1].v
		}
		return args[2].v
	}
	if elemOf(c) != core.Bool {
		e.fail("M103", args[0].at, "a condition is bool, this is %s", describe(c))
	}
	elem, ok := e.meet(args[1].v, args[2].v)
	if !ok {
		e.fail("M140", at, "where picks between %s and %s", describe(args[1].v), describe(args[2].v))
	}
	a, b := args[1].v, args[2].v
	ra, aok := bound(a)
	rb, bok := bound(b)
	out := e.mapValues("select", elem, at, c, e.inElem(a, elem, at), e.inElem(b, elem, at))
	if elem.IsInt() && aok && bok {
		return e.ranged(out, size.Max(ra, rb))
	}
	return out
}

// clamp(x, lo, hi); of stored integers with 0 <= lo and a known hi the result is id(hi + 1).
func (e *elab) clamp(args []callArg, at source.Span) value {
	out := e.elementwise2("min", e.elementwise2("max", args[0].v, args[1].v, at), args[2].v, at)
	lo, lok := args[1].v.(sizeVal)
	hi, hok := args[2].v.(sizeVal)
	if elemOf(out).IsInt() && lok && hok && size.Of(0).LessEq(lo.s, e.facts) == size.Yes && !isConst(out) {
		return e.ranged(out, hi.s.Add(size.Of(1)))
	}
	return out
}

// close(a, b, within=e) is true where |a - b| <= e everywhere.
func (e *elab) close(args []callArg, at source.Span) value {
	var pos []callArg
	within := value(floatVal(1e-5))
	for _, a := range args {
		switch a.name {
		case "":
			pos = append(pos, a)
		case "within":
			within = a.v
		default:
			e.fail("M203", a.at, "close has no argument `%s`; it has within=", a.name)
		}
	}
	if len(pos) != 2 {
		e.fail("M203", at, "close(a, b, within=…) compares two values")
	}
	elem, ok := e.meet(pos[0].v, pos[1].v)
	if !ok || elem == core.Bool {
		e.fail("M140", at, "close compares numbers: %s and %s", describe(pos[0].v), describe(pos[1].v))
	}
	if isConst(pos[0].v) && isConst(pos[1].v) {
		a, _ := number(pos[0].v)
		b, _ := number(pos[1].v)
		w, _ := number(within)
		return boolVal(math.Abs(a-b) <= w)
	}
	if !elem.IsFloat() {
		elem = e.float()
	}
	d := e.mapValues("abs", elem, at, e.mapValues("sub", elem, at, e.inElem(pos[0].v, elem, at), e.inElem(pos[1].v, elem, at)))
	c := e.mapValues("le", core.Bool, at, d, e.inElem(within, elem, at))
	return e.reduceAll("all", []callArg{{v: c, at: at}}, at)
}

// cast applies a type to a value: f32(x), id(V)(y), float(x).
func (e *elab) cast(tv typeVal, args []callArg, at source.Span) value {
	if len(args) != 1 {
		e.fail("M203", at, "a conversion takes one value")
	}
	elem := e.wide(tv.t.Elem)
	if elem == core.Float {
		elem = e.float()
	}
	v := args[0].v
	if x, ok := number(v); ok && elem.IsFloat() {
		return floatVal(x)
	}
	if _, is := v.(boolVal); is {
		v = e.asTerm(v, at)
	}
	if isConst(v) {
		return e.typedConst(v, elem, at)
	}
	conv := func(t *core.Term) *core.Term {
		if t.Type.Elem == elem && elem != core.ID {
			return t
		}
		out := core.Type{Elem: elem, Range: tv.t.Range, Dims: t.Type.Dims, Labels: t.Type.Labels}
		return e.term(core.Cast{}, out, t)
	}
	switch v := v.(type) {
	case *core.Term:
		return conv(v)
	case element:
		return element{conv(v.t), v.axes}
	}
	e.fail("M103", at, "%s cannot be converted", describe(v))
	return nil
}

// initCall gives an initialiser its arguments.
func (e *elab) initCall(iv initVal, args []callArg, at source.Span) value {
	names := map[string][]string{
		"normal": {"mean", "std"}, "truncated_normal": {"mean", "std"}, "uniform": {"low", "high"}, "bernoulli": {"p"}, "random_id": {"n"}, "glorot": {"fan_in", "fan_out"}, "he": {"fan_in"},
		"constant": {"value"}, "full": {"value"}, "orthogonal": {"gain"},
	}[iv.name]
	out := initVal{iv.name, map[string]value{}}
	for i, a := range args {
		n := a.name
		if n == "" && i < len(names) {
			n = names[i]
		}
		if !set(names...)[n] {
			e.fail("M203", a.at, "%s has no such argument; it has %v", iv.name, names)
		}
		out.args[n] = a.v
	}
	return out
}

// initTensor makes a tensor of an initialiser. path names the draw.
func (e *elab) initTensor(iv initVal, dims []size.Size, elem core.Elem, path string, at source.Span) *core.Term {
	arg := func(name string, def float64) *core.Term {
		if v := iv.args[name]; v != nil {
			return e.convertLoose(v, e.numeric(elem), at)
		}
		return e.typedConst(floatVal(def), e.numeric(elem), at)
	}
	fill := func(v *core.Term) *core.Term {
		if len(dims) == 0 {
			return v
		}
		return e.term(core.Fill{}, of(v.Type.Elem, dims...), v)
	}
	draw := func(dist string, el core.Elem, rng size.Size, args ...*core.Term) *core.Term {
		return e.term(core.Draw{Dist: dist, Path: path, Fixed: e.fixing}, core.Type{Elem: el, Range: rng, Dims: dims}, args...)
	}
	scaled := func(t *core.Term, scale float64) *core.Term {
		return e.term(core.Map{Code: "mul"}, of(t.Type.Elem, dims...), t, e.typedConst(floatVal(scale), t.Type.Elem, at))
	}
	switch iv.name {
	case "zeros":
		return fill(e.typedConst(sizeVal{}, elem, at))
	case "ones":
		return fill(e.typedConst(sizeVal{size.Of(1)}, elem, at))
	case "constant", "full":
		return fill(arg("value", 0))
	case "normal", "truncated_normal":
		t := draw(iv.name, elem, size.Size{})
		if iv.args["std"] != nil {
			t = e.term(core.Map{Code: "mul"}, t.Type, t, arg("std", 1))
		}
		if iv.args["mean"] != nil {
			t = e.term(core.Map{Code: "add"}, t.Type, t, arg("mean", 0))
		}
		return t
	case "uniform":
		t := draw("uniform", elem, size.Size{})
		if len(iv.args) == 0 {
			return t
		}
		lo, hi := arg("low", 0), arg("high", 1)
		span := e.term(core.Map{Code: "sub"}, of(elem), hi, lo)
		t = e.term(core.Map{Code: "mul"}, t.Type, t, span)
		return e.term(core.Map{Code: "add"}, t.Type, t, lo)
	case "bernoulli":
		return draw("bernoulli", elem, size.Size{}, arg("p", 0.5))
	case "random_id":
		n, is := iv.args["n"].(sizeVal)
		if !is {
			e.fail("M203", at, "random_id(n)[sizes] needs to know n")
		}
		return draw("random_id", core.ID, n.s)
	case "glorot":
		in, out := e.fan(iv, "fan_in", dims, 0, at), e.fan(iv, "fan_out", dims, 1, at)
		limit := math.Sqrt(6 / (in + out))
		u := draw("uniform", elem, size.Size{})
		u = scaled(u, 2*limit)
		return e.term(core.Map{Code: "sub"}, u.Type, u, e.typedConst(floatVal(limit), elem, at))
	case "he":
		return scaled(draw("normal", elem, size.Size{}), math.Sqrt(2/e.fan(iv, "fan_in", dims, 0, at)))
	case "orthogonal":
		if len(dims) != 2 {
			e.fail("M213", at, "orthogonal makes matrices; these sizes are %d axes", len(dims))
		}
		t := e.term(core.Orthogonal{Path: path}, of(elem, dims...))
		if g, ok := number(iv.args["gain"]); ok {
			t = scaled(t, g)
		}
		return t
	}
	panic("check: no initialiser " + iv.name)
}

func (e *elab) numeric(elem core.Elem) core.Elem {
	if elem == core.Bool || elem.IsInt() {
		return e.float()
	}
	return elem
}

func (e *elab) convertLoose(v value, elem core.Elem, at source.Span) *core.Term {
	if isConst(v) {
		return e.typedConst(v, elem, at)
	}
	return e.convert(e.asTerm(v, at), elem, at)
}

// fan is the number of inputs or outputs a weight's scale is made for: written, or of [in, out].
func (e *elab) fan(iv initVal, name string, dims []size.Size, axis int, at source.Span) float64 {
	if v := iv.args[name]; v != nil {
		if n, ok := number(v); ok && n > 0 {
			return n
		}
		if _, open := v.(sizeVal); open && e.def != nil {
			return 1
		}
		e.fail("M213", at, "the fan of %s is a positive number, this is %s", iv.name, describe(v))
	}
	if len(iv.args) > 0 || len(dims) != 2 {
		e.fail("M213", at, "bare %s is for a weight [in, out]; for other shapes write the fans: %s(c * kernel * kernel)", iv.name, iv.name)
	}
	n, ok := dims[axis].Const()
	if !ok && e.def != nil {
		return 1
	}
	if !ok || n <= 0 {
		e.fail("M213", at, "the fan of %s is not known: %s", iv.name, dims[axis])
	}
	return float64(n)
}
