package diag

var configCodes = []Entry{
	{"M402", "an override names nothing",
		"--set changes values of the configuration, and nothing else. The name is not among them.",
		`config { lr: float = 1e-3 }
preset fast { learning_rate = 1e-2 }
`, "use one of the names that the message lists"},
	{"M403", "a name is bound and never used",
		"In a train block, bindings and settings share one form. A binding that nothing uses is a setting that was misspelt, or a line too many.",
		`train t {
  net   = Dense(1)
  stpes = 5000
  loss  = mean(net(zeros[1, 1]))
  steps = 10
}
`, "correct the name, or remove the line"},
}
