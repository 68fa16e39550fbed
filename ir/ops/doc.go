// Package ops is the op set: one file per op, or per family that shares a rule. An op is a small comparable struct that is its own attributes; its methods give
// its name, its shape rule, its gradient in terms of other ops, its meaning in float64, and its index map as data. The table in table.go holds examples of each, good
// and bad, which tests of every package run over.
//
// The set is small and closed under differentiation. Elementwise ops (Map) are rows of ir/scalar and take arguments of one shape: what broadcasts says so
// (Broadcast). Softmax, normalisation, attention, losses and optimizers are no ops but functions of the library, which a backend may claim as a whole.
//
//	elementwise   Map (exp, add, select, …), Cast, Stop
//	constants     Const, Literal, Iota
//	views         Broadcast, Reshape, Transpose, Slice, Reverse, Pad, Concat
//	folds         Reduce, ArgReduce, Window, PoolMax, Cumulative
//	products      Dot, Conv
//	by index      Gather, Scatter, DynamicSlice, DynamicUpdate, Sort, TopK
//	random        Key, Fold, FoldConst, Bits, Uniform, Normal, RandomInt
//	other         QR
//
// Where a function is not differentiable a rule decides, and tests hold it: max and min of two give a tie to the second argument, so relu written max(x, 0) has
// the gradient 0 at 0; folds by max and min share the gradient evenly among the equals; PoolMax and Cumulative give it to the first; abs has the gradient 0 at 0.
//
// emit.go has a function per op for passes and lowering to write with.
package ops
