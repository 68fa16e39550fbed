// Package check elaborates a file: it evaluates everything that is known before data is read and leaves a graph of typed terms (package core).
//
// It is an interpreter of the language whose numbers are sizes, types and terms. Constructor calls make instances, calls of functions are
// followed into their bodies, `if` on what is known takes one branch, and an operation on tensors becomes a term whose type is computed on the spot from the types of
// its arguments. Sizes that are open (the batch size, lengths of rows) are names in polynomials (package size), so one pass over the file checks every
// batch size there will be. What cannot be decided becomes a core.Check for lowering.
//
// Index statements never reach core as such. Inside one, a value is an element: a term together with the indices its axes run along. Operators align
// two elements by these indices (Arrange), reducers consume an index by position, and the left side arranges what is left: so a contraction is a sum over a
// product of two arranged terms, which lowering recognises.
//
// A mistake of the user is reported once and abandons its statement (fail panics with a private value that statement recovers); names it would have bound are
// poisoned, and what reads a poisoned name is abandoned silently, so every report has its own cause.
package check
