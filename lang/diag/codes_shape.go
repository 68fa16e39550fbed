package diag

var shapeCodes = []Entry{
	{"M101", "widths do not meet",
		"A product contracts the last axis of the left side with the first of the right; both must have the same size. The message says where each size was fixed: a size of a layer is fixed by the first use of the instance.",
		`layer Head {
  dim d
  param w: float[d, 10] = glorot
  fn forward(h: float[B, 128], x: float[B, d]) -> float[B, 10] = h @ w + x @ w
}
`, "use a second instance for the other width, or make the widths agree"},
	{"M102", "a value has another shape than is declared",
		"A declared type, of a parameter, a result, a state or an annotation, lists the axes of the value. The value has more, fewer or other axes.",
		`fn flat(x: float[B, 28, 28]) -> float[B] = x
`, "correct the declaration, or bring the value to its shape by index notation"},
	{"M103", "a value of another kind is needed",
		"Operators take numbers, conditions are bool, tensors are not lists or layers. bool is no number: sum and mean count it, float(x) converts it.",
		`fn f(x: float[B]) -> float[B] = x + "one"
`, "convert the value: float(x), x > 0"},
	{"M104", "a condition with axes",
		"`if` chooses one of two values as a whole. Where each element chooses by itself, write where(condition, a, b).",
		`fn positive(x: float[B]) -> float[B] = if x > 0 { x } else { 0 * x }
`, "where(x > 0, x, 0)"},
	{"M105", "a number does not fit in 64 bits",
		"Integers lie between -2^63 and 2^63 - 1, fractions within what a 64-bit float holds.",
		`big = 9223372036854775808
`, "write a smaller number"},
	{"M106", "this is no size",
		"A size is at least 0 and fits, with all products of sizes, into 64 bits. Division by zero has no value.",
		`layer Huge {
  param w: float[4194305, 4194305, 211106198978564] = zeros
  fn forward(x: float[B]) -> float[B] = x
}
test "huge" { n = params(Huge()) }
`, "check the sizes that the message names"},
	{"M107", "`...` or a range where it means nothing",
		"`...` stands in types and subscripts; `...s` must have been bound by a type. A range stands in `for`, in subscripts and behind an index.",
		`fn f(x: float[B]) -> float[B] = x + zeros[...s]
`, "bind the name in a type: x: float[...s]"},
	{"M108", "a size does not divide",
		"In sizes / is exact division, and the parts of a compound index make the whole axis. Where rounding down is meant, write //.",
		`fn halves(x: float[B, 7]) -> float[B, 2, 7 / 2] {
  y[b, i: 2, j] = x[b, (i, j)]
  return y
}
`, "choose sizes that divide, or write //"},
	{"M109", "a size that is not known before the run",
		"All sizes but the batch and the lengths of rows are known when a file is checked. A value that is computed from data cannot be a size.",
		`fn f(x: float[B]) -> float[B] = x + sum(zeros[sum(x)])
`, "use the name of an axis, a config value or a number"},
	{"M110", "operands have different axes",
		"Elementwise operators take equal shapes, scalars, and a suffix such as a bias. A size of 1 is never stretched: a loss of [B, 1] and [B] would become a B x B table and the fit would be wrong without a word.",
		`fn loss(p: float[B, 1], y: float[B]) -> f32 = mean((p - y)^2)
`, "name the axis: q[b] = p[b, 0]; or squeeze(p)"},
	{"M120", "a name in a subscript is no index and no value",
		"The indices of a line are the names on its left and in its reducers; any other name in a subscript is a value in scope. Only written reducers sum, so a misspelt index cannot become a sum.",
		`fn f(w: float[o, k], x: float[k]) -> float[o] {
  y[i] = sum[width](w[i, width] * x[widht])
  return y
}
`, "correct the name, or write the reducer"},
	{"M121", "an axis without a subscript",
		"In an index statement each tensor is subscripted on every axis, so that every line shows which axes meet.",
		`fn f(x: float[n, m], b: float[m]) -> float[n, m] {
  y[i, j] = x[i, j] + b
  return y
}
`, "write the subscripts: b[j]"},
	{"M122", "an index runs over two extents",
		"All bare subscripts of an index give it one extent.",
		`fn f(x: float[3, 4]) -> float[3] {
  d[i] = x[i, i]
  return d
}
`, "use two names, or give the index its range: i: 3"},
	{"M123", "a subscript leaves its axis",
		"Subscripts are proved to stay within the axis, so that no check is needed while running. This one does not, for a place that the message names.",
		`fn next(x: float[8]) -> float[8] {
  y[i: 8] = x[i + 1]
  return y
}
`, "pad by border, roll by x[(i + 1) % n], repeat an edge by clamp"},
	{"M124", "a subscript that is not proved to stay within its axis",
		"An integer that was stored has no known bound, unless its type is id(n).",
		`fn pick(x: float[n], at: i32[m]) -> float[m] {
  y[j] = x[at[j]]
  return y
}
`, "declare the integers as id(n), or write e % n or clamp(e, 0, n - 1)"},
	{"M125", "the left side of an index statement",
		"Left of = stands a name with names of indices, each once: the line defines the whole tensor.",
		`fn f(x: float[n]) -> float[n] {
  y[0] = x[0]
  return y
}
`, "y[i] = where(i == 0, …, x[i])"},
	{"M126", "an index without an extent",
		"An index gets its extent where it stands bare in a subscript, or from a range. On the left alone, or in arithmetic such as 2*i + k, a range is needed.",
		`fn f(x: float[n]) -> float[n, 4] {
  y[i, j] = x[i]
  return y
}
`, "write the range where the index first stands: j: 4"},
	{"M127", "an index that goes nowhere",
		"Each index of the right side stands on the left or in a reducer.",
		`fn f(x: float[n, m]) -> float[n] {
  y[i] = softmax[i](x[0, 1])
  return y
}
`, "write the reducer, put the index on the left, or use it in the parenthesis"},
	{"M128", "the wrong number of subscripts",
		"A subscript lists every axis of its tensor; `...` stands for those that are not listed.",
		`fn f(x: float[n, m]) -> float[m] = x[0]
`, "x[0, ...]"},
	{"M129", "a subscript that is no integer",
		"Subscripts are integers: indices, ids, arithmetic on them.",
		`fn f(x: float[n], at: float[m]) -> float[m] {
  y[j] = x[at[j]]
  return y
}
`, "ids come from columns of type id(n)"},
	{"M130", "two axes answer to one name",
		"An axis in brackets is an index name, a size name or `last`. A size that two axes of the value have does not say which is meant.",
		`fn f(s: float[B, T, T]) -> float[B, T, T] = softmax[T](s)
`, "name the axes where the value is made: s[b, i, j] = ..., then softmax[j](s)"},
	{"M131", "a function that works along an axis",
		"Reducers, softmax, sort, concat and their like take the axis in brackets, by name: softmax[last](x). A scalar has no axis.",
		`fn f(x: float[B, k]) -> float[B, k] = softmax(x)
`, "name the axis: softmax[last](x)"},
	{"M132", "an axis that the tensor does not have",
		"The name in brackets is neither an index of the statement that made the tensor, nor the size name of one of its axes. A function does not see the axis names of its caller.",
		`fn f(x: float[B, k]) -> float[B] = mean[T](x)
`, "use one of the names that the message lists, or last"},
	{"M133", "a function that is not applied element by element",
		"In an index statement a function is applied to elements, so it must keep the shape of what it is given.",
		`fn flat(x: float[n, m]) -> float[n * m] {
  y[(i, j)] = x[i, j]
  return y
}
fn f(x: float[n, m]) -> float[n, m] {
  y[i, j] = flat(x[i, j])
  return y
}
`, "apply it to the whole tensor on a line of its own"},
	{"M140", "element types do not meet",
		"Stored integers and floats are different types: which is meant is written. Integers that the compiler knows (sizes, indices, steps) turn into floats by themselves.",
		`fn f(x: float[B], n: i32[B]) -> float[B] = x + n
`, "float(n)"},
	{"M141", "this is no type here",
		"Types are float, f32, f64, bf16, f16, u8, i8, i32, i64, bool and id(n), with sizes in brackets; int, bool, layer, fn, init and text are types of parameters. A `param` is a float.",
		`fn f(x: flaot[B]) -> float[B] = x
`, "write one of the types that the message names"},
	{"M142", "a size name in a result that nothing binds",
		"Size names are bound by the types of parameters, by dims and by annotations. In a result a name must be one of these, so that a misspelt size is found.",
		`fn f(x: float[B, width]) -> float[B, widht] = x
`, "correct the name, or declare it: dim out"},
}
