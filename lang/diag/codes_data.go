package diag

var dataCodes = []Entry{
	{"M301", "data and model disagree",
		"The type of a column is not what the model takes. This is found from the file alone, before any data is read.",
		`data D {
  source = csv("a.csv")
  x: float[3, 32, 32]
}
model Net {
  body = [flatten, Dense(1), squeeze]
  fn forward(x: float[B, 1, 28, 28]) -> float[B] = body(x)
}
train t {
  net = Net()
  batch = D.train.batches(32)
  loss = mean(net(batch.x))
  optimizer = AdamW(1e-3)
  steps = 1
}
`, "convert the column in the data block, or widen the model"},
	{"M310", "a value may be missing",
		"A column of type T? has rows without a value. Arithmetic and models need one.",
		`data D {
  source = csv("a.csv")
  age: float?
  years: float = age + 1
}
`, "fill(age, median), fitted on the train split; or discard = missing(age)"},
	{"M311", "labels of another range",
		"id(V) is an integer in 0..V. It passes to id(W) only if V equals W, so the number of logits and the number of classes must agree.",
		`fn f(logits: float[B, 100], y: id(10)[B]) -> f32 = cross_entropy(logits, y)
`, "use the column that was meant, or widen by id(W)(y)"},
	{"M312", "length of a tensor",
		"length() counts the text or the list of a row. The size of a tensor's axis has a name.",
		`fn f(x: float[B, T]) -> float[B] = mean[T](x) * length(x)
`, "use the size by its name: T"},
	{"M313", "where the data comes from",
		"A data block has a source: csv, tsv, idx, images, text, npy, dataset or join, with the files as texts.",
		`data D {
  x: float
}
`, "source = csv(\"file.csv\")"},
	{"M314", "a split that does not work",
		"The parts of a split are shares between 0 and 1 that make at most 1, or `rest`; a split by time has before(date(\"2000-11-20\")).",
		`data D {
  source = csv("a.csv")
  split { train = 0.9, valid = 0.2 }
  x: float
}
`, "let the shares make at most 1"},
	{"M315", "an augment line that draws nothing",
		"Augmentation shows each epoch other variants of the rows. A line without a random draw shows the same, and belongs into the column itself.",
		`data D {
  source = csv("a.csv")
  x: float[4]
  augment { x = x * 2 }
}
`, "random_flip, random_crop, random_shift, random_rotate and noise draw"},
	{"M316", "text where numbers are needed",
		"text, time and lists live in data. Models take what a tokenizer, Category or arithmetic makes of them.",
		`data D {
  source = csv("a.csv")
  name: text
}
train t {
  net = [Dense(1), squeeze]
  batch = D.train.batches(8)
  loss = mean(net(batch.name))
  optimizer = AdamW(1e-3)
  steps = 1
}
`, "kinds = Category(64), then kind: id(64) = kinds(name)"},
	{"M317", "nothing to fill",
		"fill(x, how) replaces missing values. The column is declared without `?`, so it has none; or the statistic does not exist for its type.",
		`data D {
  source = csv("a.csv")
  age: float
  years: float = fill(age, median)
}
`, "declare the column with ?, or use it as it is"},
	{"M318", "there is no mask",
		"`.mask` belongs to a column with a length of its own per row: S <= 256.",
		`data D {
  source = csv("a.csv")
  x: float[4]
}
train t {
  net = [Dense(1), squeeze]
  batch = D.train.batches(8)
  loss = mean(net(batch.x), where=batch.x.mask)
  optimizer = AdamW(1e-3)
  steps = 1
}
`, "only columns with lengths are padded"},
	{"M319", "padding that counts",
		"Rows of different lengths are padded to one length per batch. Nothing in this block reads the mask, so padding counts in the loss like what was there.",
		`data D {
  source = csv("a.csv")
  line: text
  tok = Char(96)
  x: id(96)[S <= 64] = tok(line)
  y: float
}
train t {
  table = Embedding(96, 4)
  net = [Dense(1), squeeze]
  batch = D.train.batches(8)
  h = mean[S](table(batch.x))
  loss = mse(net(h), batch.y)
  optimizer = AdamW(1e-3)
  steps = 1
}
`, "weight=f32(batch.x.mask) in the loss, or where= in the reducer"},
	{"M320", "what cannot be computed per row",
		"The expression of a column is computed for one row at a time. This operation needs the batch.",
		"", "compute it on the batch, in the train block"},
	{"M321", "what cannot be computed while reading",
		"Text, times, lists and missing values are computed while rows are read, where arithmetic, comparisons and the functions of data exist, but no layers or index notation.",
		`data D {
  source = csv("a.csv")
  name: text
  same: bool = name == relu
}
`, "use the functions of data: length, lower, split, contains, …"},
}
