// Package ir is the intermediate representation: what the machine runs.
//
// A Module holds pure functions in SSA form, flat and closed: no blocks, no nested regions, no side effects. Repetition is one op, Scan, whose body is
// another function of the module; so neither the size of a program nor its compile time grows with the depth of a network. Shapes are static: another batch size is
// another module. State (weights, moments, counters) is bound at the door: an Entry says which states a function reads as its last parameters and
// writes as its last results. Random numbers are counter-based and take explicit keys.
//
// The package knows no op but the structural ones (Call, Scan); package ops has the others. Modules print as text (Print) that parses back (Parse),
// and Verify checks every invariant that a pass may rely on.
package ir
