package recipe

// The convention between a lowered program and the loop that runs it. Entries are named after blocks; inputs and outputs by these names, each present only where
// the entry needs it.
const (
	// Inputs.
	InSeed       = "seed"        // u32[2]: the run's seed, low word first
	InTotalSteps = "total_steps" // i32[]: planned steps
	InEpoch      = "epoch"       // i32[]: epoch, from 0
	InRow        = "row"         // i32[B]: row numbers within the data, for draws per row
	InFirst      = "first"       // i32[]: the number of the batch's first row within the step, for slices of an accumulated batch
	InTokens     = "tokens"      // i32[B, T]
	InLast       = "last"        // i32[]: the place of the last true token of a padded prompt

	// Outputs.
	OutLoss = "loss" // f32[]
	OutOK   = "ok"   // bool[]: false: nothing was written
)

// StepState is the name of the counter of a train block's steps, i32[], written by its step entry.
func StepState(block string) string { return block + ":step" }

// PastState is the name of the counter of rows that a generate block has seen, i32[].
func PastState(block string) string { return block + ":past" }
