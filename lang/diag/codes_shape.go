package diag

var shapeCodes = []Entry{
	{"M101", "widths do not meet",
		"A product contracts the last axis of the left side with the first of the right; both must have the same size. The message says where each size was fixed: a size of a layer is fixed by the first use of the instance.",
		`layer Head {
  dim d
  param w: float[d, 10] = glorot
  fn forward(h: float[B, 128], x: float[B, d]) -> float[B, 10] = h @ w
}
`, "use a second instance for the other width, or make the widths agree"},
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
	{"M130", "two axes answer to one name",
		"An axis in brackets is an index name, a size name or `last`. A size that two axes of the value have does not say which is meant.",
		`fn f(s: float[B, T, T]) -> float[B, T, T] = softmax[T](s)
`, "name the axes where the value is made: s[b, i, j] = ..., then softmax[j](s)"},
}
