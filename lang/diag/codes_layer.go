package diag

var layerCodes = []Entry{
	{"M201", "a requirement does not hold",
		"A `require` of a layer, a function or the configuration is false for the values given. The message shows the values and where they come from.",
		`layer Attention(heads: int) {
  dim d
  require d % heads == 0
  fn forward(x: float[B, T, d]) -> float[B, T, d] = x
}
test "width" { y = Attention(8)(zeros[1, 2, 500]) }
`, "change one of the values that the message names"},
	{"M202", "a requirement on what is not known before the run",
		"`require` speaks of sizes, config values and constructor arguments. What data decides is asserted in a test.",
		`fn f(x: float[B]) -> float[B] {
  require sum(x) > 0
  return x
}
test "sum" { y = f(ones[3]) }
`, "assert in a test block"},
	{"M203", "arguments do not fit",
		"A call gives each parameter one value, by place or by name; parameters with a default may be left out.",
		`fn scale(x: float[B], by: float = 2.0) -> float[B] = x * by
fn f(x: float[B]) -> float[B] = scale(x, factor=3.0)
`, "see the declaration that the message names"},
	{"M204", "a line after return",
		"`return` is the last line of a body. There is no early return: `if` has a value.",
		`fn f(x: float[B]) -> float[B] {
  return x
  y = x + 1
}
`, "return if condition { a } else { b }"},
	{"M205", "a state is written under a condition of the run",
		"Where a condition is known only while running, both branches are computed and one value is picked; a write cannot be undone.",
		`layer Count {
  state n: f32[1] = zeros
  fn forward(x: float[B]) -> float[B] {
    if training {
      if sum(x) > 0 { n <- n + 1 }
    }
    return x
  }
}
`, "n <- n + where(sum(x) > 0, 1, 0)"},
	{"M206", "no value, or too many",
		"The right side gives no value, or another number of values than there are names on the left.",
		`fn f(x: float[B]) -> float[B] {
  (a, b) = x
  return a + b
}
`, "give each name one value"},
	{"M207", "a line that has no place here",
		"All blocks share one grammar, but each kind of block holds its own lines.",
		`config { dim d }
`, "move the line to the block it belongs to"},
	{"M208", "<- on something that is no state",
		"<- writes a `state` of the layer whose function runs. A `param` is moved by the optimizer, everything else is bound by =.",
		`layer Scale {
  param w: f32[1] = ones
  fn forward(x: float[B]) -> float[B] {
    if training { w <- w + 1 }
    return x * sum(w)
  }
}
`, "declare it as `state`, or write ="},
	{"M209", "a state is written outside of training",
		"A state changes only under `if training`, or in an optimizer's step, so that measuring a model never changes it.",
		`layer Count {
  state n: f32[1] = zeros
  fn forward(x: float[B]) -> float[B] {
    n <- n + 1
    return x
  }
}
`, "if training { n <- n + 1 }"},
	{"M210", "weights are made while running",
		"A constructor makes weights. The set of weights is fixed before the first step, so that it can be saved, counted and shared by name; inside a function nothing can be constructed.",
		`layer Net {
  fn forward(x: float[B, d]) -> float[B, 10] {
    return Dense(10)(x)
  }
}
`, "construct above the function: head = Dense(10), then return head(x)"},
	{"M211", "a size is used before it is fixed",
		"A `dim` is solved by the first call of the layer, or by an annotation in its body. Before that it has no value.",
		`layer Head {
  dim d
  fn forward(x: float[B, d]) -> float[B, d] = x
}
test "before" { n = Head().d }
`, "use the layer first, or pass the size to the constructor"},
	{"M212", "a slot that does not exist here",
		"A slot declared with `if` exists only where the condition, which is known before the run, is true.",
		`layer Affine(bias: bool = false) {
  dim d
  param b: float[d] = zeros if bias
  fn forward(x: float[B, d]) -> float[B, d] = x + b
}
`, "ask the same condition where the slot is used: if bias { x + b } else { x }"},
	{"M213", "a weight without a proper start",
		"A weight begins with an initialiser. The scale of glorot and he depends on how many inputs an output has: bare they are for [in, out]; for other shapes the numbers are written.",
		`layer Conv {
  dim c
  param w: float[8, c, 3, 3] = he
  fn forward(x: float[B, c]) -> float[B] = sum[c](x) + sum(w)
}
`, "he(c * 3 * 3)"},
	{"M214", "a definition that contains itself",
		"A layer that constructs itself, or a function that calls itself, would never end: what the language computes is known before it runs.",
		`layer Nest {
  inner = Nest()
  fn forward(x: float[B]) -> float[B] = inner(x)
}
test "nest" { y = Nest()(ones[2]) }
`, "use a list of layers: [Block() for i in 0..n]"},
	{"M220", "a loop changes the type of what it carries",
		"Names bound outside a loop and assigned inside are carried from turn to turn. A loop over an axis runs an unknown number of times, so what it carries keeps its type.",
		`fn f(x: float[B, T, 64]) -> float[B, 64] {
  h = zeros[B, 64]
  for xt in x along T { h = concat[last](h, xt) }
  return h
}
`, "for a growing sequence use yield; to keep the width, map the value back to it"},
	{"M221", "branches of different types",
		"Under a condition that is known only while running, both branches are computed and one is picked, so they have one type.",
		`fn f(x: float[4]) -> float[4] = if sum(x) > 0 { x } else { zeros[3] }
`, "give both branches the same shape"},
	{"M222", "what a list holds",
		"A list holds layers or constants, and how many is known before the run. Tensors are joined by stack or concat.",
		`fn f(x: float[B], y: float[B]) -> float[B] {
  both = [x, y]
  return x
}
test "list" { y = f(ones[2], ones[2]) }
`, "stack[first](x, y)"},
	{"M223", "what a loop runs over",
		"A loop runs over a range, a list of layers, or a tensor along an axis. There is no `while`.",
		`fn f(x: float[B, T]) -> float[B] {
  s = zeros[B]
  for y in x { s = s + y }
  return s
}
`, "for y in x along T { … }"},
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
	{"M231", "a name of training outside of it",
		"step, total_steps and epoch have values in a train block only.",
		`config { warmup: int = step }
`, "use the name in a schedule or a loss"},
	{"M232", "grad of what has no gradient",
		"grad(e, x) derives a scalar e by a float x that was bound before.",
		`fn f(x: float[B]) -> float[B] = grad(x * 2, x)
`, "grad(sum(e), x)"},
	{"M233", "cached along another axis",
		"cached[T](x) keeps, while generating, the rows of the axis that grows, which is the tokens' own.",
		"", "name the axis of the tokens"},
	{"M260", "the program is too large",
		"What a file computes is unfolded before it runs, so layers that contain many layers that contain many multiply. The limit is far beyond the largest models.",
		"", "use lists of like layers, which are one loop"},
	{"M280", "a size has no value",
		"When the sizes of a batch are known every other size follows from them. This one does not, or does not fit into 64 bits.",
		"", "check the sizes of the data"},
	{"M281", "a tensor cannot be made",
		"Its sizes are too large, negative or empty where a value is needed, for the sizes that this batch has.",
		"", "check the sizes that the message names"},
	{"M282", "random_id needs its range",
		"random_id(n) draws integers from 0..n; n lies between 1 and 2147483647.",
		"", "random_id(vocab)[B]"},
	{"M283", "orthogonal needs a matrix",
		"An orthogonal start has two axes or more: the last is one side, the others are the other.",
		"", "use another initialiser"},
	{"M284", "a size that does not grow with past",
		"While generating, an axis of length past + T may be multiplied and added to, not divided unevenly.",
		"", "keep the axis as it is"},
	{"M285", "what cannot run over the rows of a cache",
		"While generating, the buffer of cached has rows that are still to come. Elementwise code, reducers and index notation know how to leave them out; loops and sorting do not.",
		"", "write it with a reducer and index notation"},
	{"M286", "the value of a border is not known",
		"border fills with a number that is known before the run.",
		"", "border[H, W](x, 1, fill=0)"},
	{"M287", "a batch does not fall into equal slices",
		"accumulate = k cuts a batch into k slices of the same number of rows.",
		"", "choose a batch that k divides"},
	{"M288", "more tokens than fit",
		"A prompt with what is generated exceeds the rows that are kept.",
		"", "shorten the prompt, or raise the bound in `require past + T <= n`"},
	{"M289", "cached in a loop",
		"Rows are kept per place in the program and per layer of a list. In another loop each turn would overwrite them.",
		"", "loop over a list of layers"},
	{"M290", "there is no such entry",
		"A bug of modelc: what was to be run is not in the program. Please report it with the file.",
		"", ""},
}
