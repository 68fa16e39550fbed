package asm

// Pause tells the processor that a loop spins.
func Pause()

// FlushDenormals makes the calling thread treat denormal floats as zero and returns whether the processor can. The caller
// must have locked its goroutine to the thread, and must not hand the thread back.
func FlushDenormals() bool
