package asm

import (
	"fmt"
	"os"
)

// A Level is the instruction set that the routines use.
type Level uint8

const (
	Go     Level = iota // no assembly
	AVX2                // AVX2 and FMA: 8 floats
	AVX512              // AVX-512 F, BW, DQ and VL: 16 floats
)

func (l Level) String() string { return [...]string{"go", "avx2", "avx512"}[l] }

// level is the path in use; best is the highest that this processor has.
var best, level Level

func init() {
	best = detect()
	level = best
	switch want := os.Getenv("MODELC_CPU"); want {
	case "":
	case "go", "avx2", "avx512":
		for l := Go; l <= AVX512; l++ {
			if l.String() == want && Use(l) != nil {
				fmt.Fprintf(os.Stderr, "modelc: MODELC_CPU=%s: this processor offers %v at most\n", want, best)
				os.Exit(2)
			}
		}
	default:
		fmt.Fprintf(os.Stderr, "modelc: MODELC_CPU=%s: want go, avx2 or avx512\n", want)
		os.Exit(2)
	}
}

// Current returns the path in use.
func Current() Level { return level }

// Best returns the highest path that this processor offers.
func Best() Level { return best }

// Use switches to path l, for tests. It must not run beside any routine of this package, and a Gemm belongs to the path
// that it was made under. The error says that the processor lacks the path.
func Use(l Level) error {
	if l > best {
		return fmt.Errorf("asm: this processor offers %v at most, not %v", best, l)
	}
	level = l
	return nil
}
