package asm

import "golang.org/x/sys/cpu"

func detect() Level {
	switch x := cpu.X86; {
	case x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL && x.HasBMI2 && x.HasFMA:
		return AVX512
	case x.HasAVX2 && x.HasFMA && x.HasBMI2:
		return AVX2
	}
	return Go
}

// tailMask gives AVX2 the mask of its first n lanes at &tailMask[8-n].
var tailMask = [16]int32{-1, -1, -1, -1, -1, -1, -1, -1}
