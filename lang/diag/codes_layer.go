package diag

var layerCodes = []Entry{
	{"M201", "a requirement does not hold",
		"A `require` of a layer, a function or the configuration is false for the values given. The message shows the values and where they come from.",
		`layer Attention(heads: int) {
  dim d
  require d % heads == 0
  fn forward(x: float[B, T, d]) -> float[B, T, d] = x
}
test "width" {
  y = Attention(8)(zeros[1, 2, 500])
}
`, "change one of the values that the message names"},
	{"M210", "weights are made while running",
		"A constructor makes weights. The set of weights is fixed before the first step, so that it can be saved, counted and shared by name; inside a function nothing can be constructed.",
		`layer Net {
  fn forward(x: float[B, d]) -> float[B, 10] {
    return Dense(10)(x)
  }
}
`, "construct above the function: head = Dense(10), then return head(x)"},
	{"M220", "a loop changes the type of what it carries",
		"Names bound outside a loop and assigned inside are carried from turn to turn. A loop over an axis runs an unknown number of times, so what it carries keeps its type.",
		`fn f(x: float[B, T, 64]) -> float[B, 64] {
  h = zeros[B, 64]
  for xt in x along T { h = concat[last](h, xt) }
  return h
}
`, "for a growing sequence use yield; to keep the width, map the value back to it"},
	{"M230", "the future leaks while generating",
		"While generating, position i is computed before position j > i exists. A model whose outputs at i depend on j would compute something else than in training. Before the first token, eight positions are computed at once and one by one, and must agree.",
		`layer Mix {
  fn forward(x: float[B, T, d]) -> float[B, T, d] {
    s[b, i, j] = sum[c](x[b, i, c] * x[b, j, c])
    p[b, i, j] = softmax[j](s[b, i, j])
    y[b, i, c] = sum[j](p[b, i, j] * x[b, j, c])
    return y
  }
}
`, "mask the future: softmax[j](where(j <= i + past, s[b, i, j], -inf))"},
}
