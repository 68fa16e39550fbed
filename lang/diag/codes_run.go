package diag

// What is found while running depends on files beside the text, so these have no examples.
var runCodes = []Entry{
	{"M601", "the data is not what the file declares",
		"A value, a row or a file does not fit its declaration. The message names the file and the row, or the record, of the data; the caret marks the declaration. Nothing is guessed or dropped in silence.",
		"", "correct the row, widen the declared type, or drop such rows by discard"},
	{"M602", "the run cannot go on",
		"A setting cannot be carried out with this data, a number is not finite, or what was saved belongs to another program. What has been saved stays as it is.",
		"", "see the message; --resume goes on from the newest checkpoint"},
}
