package diag

var dataCodes = []Entry{
	{"M301", "data and model disagree",
		"The type of a column is not what the model takes. This is found from the file alone, before any data is read.",
		`data D {
  source = csv("a.csv")
  x: float[3, 32, 32]
}
model Net { fn forward(x: float[B, 1, 28, 28]) -> float[B] = mean[last](x) }
train t {
  net   = Net()
  batch = D.train.batches(32)
  loss  = mean(net(batch.x))
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
}
