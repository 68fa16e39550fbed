package main

import (
	"os"
	"runtime"
	"slices"
	"strings"

	"modelc/backend/cpu/asm"
)

// machine is where the figures come from.
type machine struct {
	System    string   `json:"system"`
	Processor string   `json:"processor"`
	Features  []string `json:"features"` // of those that decide speed
	CPUs      int      `json:"cpus"`
	Path      string   `json:"path"` // the instruction set that our kernels use
	Load      string   `json:"load,omitempty"`
}

// features are the instruction sets that decide the speed of products.
var features = []string{"avx2", "fma", "avx512f", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_bf16", "amx_int8", "asimd", "sve"}

// thisMachine reads what Linux tells; elsewhere the processor has no name.
func thisMachine() machine {
	m := machine{System: runtime.GOOS + "/" + runtime.GOARCH, Processor: "unknown processor", CPUs: runtime.NumCPU(), Path: asm.Current().String()}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			key, value, _ := strings.Cut(line, ":")
			switch strings.TrimSpace(key) {
			case "model name":
				m.Processor = strings.TrimSpace(value)
			case "flags", "Features":
				has := strings.Fields(value)
				m.Features = slices.DeleteFunc(slices.Clone(features), func(f string) bool { return !slices.Contains(has, f) })
			}
		}
	}
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		m.Load, _, _ = strings.Cut(string(text), " ")
	}
	return m
}
