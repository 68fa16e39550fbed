// Package lower is the bridge between what the user wrote and what the machine runs: it turns a checked program (package core) into modules (package ir).
//
// One call of Lower makes one module with one entry, specialised to numbers: the batch size, the lengths of its rows, the capacity of its caches. Every symbolic size
// ends here. States are shared by all modules of a program: they are named after the train block that owns them (StateName).
//
// # Frames
//
// A frame is one ir.Func in the making, with a memo from terms to values: a term is computed once per frame. The frame of an entry makes parameters of what it reads.
// Other frames are functions that the entry calls: the body of a scan, the loss of an update that is to be differentiated, the slice of a
// source-level derivative. Such a frame says which terms belong inside of it (those that depend on what it binds); all others are computed by
// the frame around it, once, and captured as parameters.
//
// # Index notation
//
// Accesses, arrangements, slices and flips compose into a view (view.go): for each axis of a source tensor an affine function of the indices of a statement, plus
// integers read from tensors. A sum over a product of views becomes a dot, a convolution, or a plain reduction (product.go); a maximum or a sum
// over windows becomes a pooling (reduce.go); a comparison with an index inside a sum becomes a scatter (scatter.go); what remains is materialised
// by slices, gathers, transpositions and broadcasts (view.go).
//
// # Random numbers
//
// The key of a draw is fold(fold(seed, step), hash(path)), with the turn of every loop around it folded in from the outside; a fixed draw leaves
// the step out; a draw per row uses fold(seed, epoch) and the number of the row within the data. random.go is the only place that makes keys.
//
// # Entries
//
//	NAME.init            in seed; writes every state of the train block, its step counter 0
//	NAME.step            in columns and phase scalars; out loss, metrics, ok; reads and writes states
//	NAME.step.1010       the same where the updates do not take part in every step: one digit per update (Entries lists the sets that occur)
//	NAME.valid           in columns; out partial sums; NAME.valid.finish takes them merged over batches and gives the metrics
//	NAME, NAME.finish    of an eval block: the same
//	NAME                 of a predict block: out its values
//	NAME.begin           in tokens [B, T], last; out logits [B, V] at the last true token; writes caches and the count of rows
//	NAME.next            in tokens [B, 1]; out logits [B, V]; reads and writes caches and the count of rows
//	NAME.full            in tokens [B, T]; out logits [B, T, V], without caches
//	test.N, test.N.init  of the N-th test block: out one bool per assert ("assert.0"), and its sides ("left.0", "right.0")
package lower
