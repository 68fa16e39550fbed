package diag

var configCodes = []Entry{
	{"M400", "a name that is not known",
		"Names are looked up among indices, locals, parameters and slots, the file with its config, and the library. What other tools call by another name is answered with ours.",
		`fn f(x: float[B]) -> float[B] = rleu(x)
`, "correct the name; the message shows the nearest one"},
	{"M401", "a block of an unknown kind",
		"Blocks are layer, model, config, preset, data, train, eval, crossval, tune, predict, generate, export and test; split and augment stand in data, update and metrics in train.",
		`trian t { steps = 1 }
`, "correct the word"},
	{"M402", "an override names nothing",
		"--set and presets change values of the configuration, and nothing else. The name is not among them, or the value has another type.",
		`config { lr: float = 1e-3 }
preset fast { learning_rate = 1e-2 }
`, "use one of the names that the message lists"},
	{"M403", "a name is bound and never used",
		"In a train block, bindings and settings share one form. A binding that nothing uses is a setting that was misspelt, or a line too many. The same holds for imports and for settings of other blocks.",
		`train t {
  net = Dense(1)
  stpes = 5000
  loss = mean(net(zeros[1, 1]))
  optimizer = AdamW(1e-3)
  steps = 10
}
`, "correct the name, or remove the line"},
	{"M404", "a name is missing, or stands twice",
		"Within a file, a block and a layer every name is declared once; blocks that others refer to have a name.",
		`fn f(x: float[B]) -> float[B] = x
fn f(x: float[B]) -> float[B] = 2 * x
`, "rename one of the two"},
	{"M405", "a definition that needs itself",
		"File-level values and columns are computed from others. Going round in a circle they have no value.",
		`a = b + 1
b = a - 1
`, "break the circle"},
	{"M406", "a block is used before it is defined",
		"A block reads what stands above it.",
		`eval test { run = fit, data = D.test }
data D {
  source = csv("a.csv")
  split { train = 0.9, test = 0.1 }
  x: float[2]
  y: float
}
train fit {
  net = [Dense(1), squeeze]
  batch = D.train.batches(8)
  loss = mse(net(batch.x), batch.y)
  optimizer = AdamW(1e-3)
  steps = 1
}
`, "move the block below"},
	{"M407", "a metric of all rows",
		"auc and confusion need all rows of a split at once, one value per row. They stand alone in a metrics block.",
		`fn f(x: float[B], y: bool[B]) -> float = auc(x, y)
`, "metrics { auc = auc(score, label) }"},
	{"M408", "the optimizer is missing",
		"A block that trains says how: an optimizer is a layer with fn step(w, g, n), made with its arguments. In a list of optimizers the last one stands without of= and takes what is left.",
		`train t {
  net = Dense(1)
  loss = mean(net(zeros[1, 1]))
  steps = 10
}
`, "optimizer = AdamW(1e-3)"},
	{"M409", "a config value that nothing reads",
		"A value that can be changed by --set and changes nothing is a trap. It may have been renamed, or its use forgotten.",
		`config { hidden: int = 64 }
`, "use it, or remove it"},
	{"M410", "a file that cannot be imported",
		"Files are imported by a path relative to the file that names them. The library needs no import.",
		`import "vision"
`, "import \"./blocks.model\""},
	{"M411", "imports go round in a circle",
		"A file cannot import itself, over others or directly.",
		"", "put what both need into a third file"},
	{"M412", "a block that this version does not run",
		"The block is part of the language, but this version does not run it.",
		`tune t { run = fit }
`, "remove the block"},
	{"M413", "a config value that is no constant",
		"Config values are numbers, texts, true or false, so that --set can give others.",
		`config { start: init = zeros }
`, "write a number, a text, true or false"},
	{"M414", "a batch that does not work",
		"A train block draws one batch: DATA.train.batches(64), with last=keep for a short one at the end.",
		`data D {
  source = csv("a.csv")
  x: float[2]
}
train t {
  net = [Dense(1), squeeze]
  batch = D.train.batches(0)
  loss = mean(net(batch.x))
  optimizer = AdamW(1e-3)
  steps = 10
}
`, "batches(64)"},
	{"M415", "what is trained for",
		"A train block has one `loss`, which trains every layer constructed there, or updates with a loss each.",
		`train t {
  net = Dense(1)
  y = net(zeros[1, 1])
  metrics { value = mean(y) }
  optimizer = AdamW(1e-3)
  steps = 10
}
`, "loss = …"},
	{"M416", "a loss with axes",
		"A loss is one number. Which mean or sum over the rows is meant is written.",
		`train t {
  net = Dense(1)
  loss = net(zeros[4, 1])
  optimizer = AdamW(1e-3)
  steps = 10
}
`, "mean(…)"},
	{"M417", "an unknown precision",
		"precision is f32, f32strict, bf16 or f64.",
		`train t {
  net = Dense(1)
  loss = mean(net(zeros[4, 1]))
  optimizer = AdamW(1e-3)
  steps = 10
  precision = f33
}
`, "precision = f32"},
	{"M418", "a setting of another form",
		"Each setting has one type and one meaning.",
		`train t {
  net = Dense(1)
  loss = mean(net(zeros[4, 1]))
  optimizer = AdamW(1e-3)
  steps = 10
  clip = -1.0
}
`, "see the form that the message shows"},
	{"M419", "nothing is trained",
		"The loss trains the layers constructed in the block, an update those it names. There are none, or they have no weights.",
		`train t {
  loss = mean(zeros[4])
  optimizer = AdamW(1e-3)
  steps = 10
}
`, "construct a layer: net = Dense(1)"},
	{"M420", "how long a run takes",
		"A run has `epochs` or `steps`, not both and not neither. Epochs count the rows of a batch, so they need one.",
		`train t {
  net = Dense(1)
  loss = mean(net(zeros[4, 1]))
  optimizer = AdamW(1e-3)
}
`, "steps = 1000"},
	{"M421", "which run, which data",
		"eval, crossval, predict and generate name the train block whose weights they use, and the split whose rows they read.",
		`eval test { data = 3 }
`, "run = classify, data = Digits.test"},
	{"M422", "two updates with the same loss",
		"Updates run one after the other, and the second sees the weights that the first has moved, so the loss is computed twice. One update over a list moves both at once.",
		`train t {
  a = Dense(1)
  b = Dense(1)
  both = mean(a(zeros[4, 1]) + b(zeros[4, 1]))
  update a { loss = both, optimizer = Adam(1e-3) }
  update b { loss = both, optimizer = Adam(1e-3) }
  steps = 10
}
`, "nets = [a, b], then update nets { … }; groups of an optimizer list take of="},
	{"M501", "a test that should fail does not",
		"test \"…\" fails \"text\" demands a diagnostic that contains the text.",
		`test "adds" fails "different axes" { y = zeros[3] + zeros[3] }
`, "correct the test, or what it tests"},
	{"M502", "an assertion does not hold",
		"What a test asserts is false already for what is known before the run.",
		`test "sum" { assert 1 + 1 == 3 }
`, "correct the test, or what it tests"},
	{"M570", "a metric that mixes rows",
		"A metric is exact over the whole split: where it consumes the batch axis, partial results of batches are merged. Rows that meet each other in another way cannot be merged.",
		`data D {
  source = csv("a.csv")
  split { train = 0.9, valid = 0.1 }
  x: float[2]
  y: float
}
train t {
  net = [Dense(1), squeeze]
  batch = D.train.batches(8)
  p = net(batch.x)
  loss = mse(p, batch.y)
  metrics { best = mean(softmax[last](p)) }
  optimizer = AdamW(1e-3)
  steps = 1
  valid = D.valid
}
`, "consume the batch axis by sum, mean, var, max, min, any, all or logsumexp"},
}
