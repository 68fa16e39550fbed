package main

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"modelc/compiler/lower"
)

// workload is one thing that is measured: what it is, and how much of it makes a round.
type workload struct {
	name, family, what string

	file  string // of bench/models, without its ending
	entry string // of the file
	batch int64
	past  int64    // rows that are in the cache before the call, of a decoding entry
	set   []string // config values
	gemm  *gemmShape

	calls int  // of a round
	peers bool // offered to peers
}

// The families. They are also names that -only takes.
const (
	training  = "training"
	inference = "inference"
	decoding  = "decode"
	gemm      = "gemm"
	start     = "start"
	memory    = "memory"
	compiling = "compile"
)

// workloads is everything that is measured, a family after another.
var workloads = slices.Concat(
	[]workload{
		train("w1", "w1", 128, 200, "MLP 784-512-256-10, batch 128, Adam"),
		train("w2", "w2", 64, 20, "CNN of two convolutions, 28x28, batch 64, Adam"),
		train("w3", "w3", 12, 1, "GPT 6 x 384, context 256, batch 12, AdamW"),
		train("resnet18", "resnet18", 64, 1, "ResNet-18, 32x32, batch 64, SGD"),
		train("lstm", "lstm", 32, 2, "LSTM 2 x 256, 128 steps, batch 32, Adam"),
		train("transformer", "transformer", 16, 2, "encoder-decoder 3+3 x 256, 64 tokens, batch 16, Adam"),
		train("recommender", "recommender", 4096, 5, "tables of 100,000 and 50,000 x 64, batch 4096, Adam"),
	},
	[]workload{
		infer("w1-1", "w1", 1000, "MLP 784-512-256-10, one row"),
		infer("w2-1", "w2", 200, "CNN of two convolutions, one picture"),
		infer("resnet18-1", "resnet18", 10, "ResNet-18, one picture"),
	},
	[]workload{
		next("decode-128", 128), next("decode-1024", 1024),
	},
	[]workload{
		product("gemm-256", 200, gemmShape{1, 256, 256, 256}),
		product("gemm-512", 50, gemmShape{1, 512, 512, 512}),
		product("gemm-1024", 5, gemmShape{1, 1024, 1024, 1024}),
		product("gemm-2048", 1, gemmShape{1, 2048, 2048, 2048}),
		product("gemm-ffn", 1, gemmShape{1, 8192, 384, 1536}),
		product("gemm-mlp", 100, gemmShape{1, 64, 784, 512}),
		product("gemm-att", 20, gemmShape{48, 256, 64, 256}),
	},
	[]workload{
		{name: "start-w1", family: start, what: "process start to the end of the first step of w1", file: "w1", entry: stepEntry, batch: 128, calls: 1, peers: true},
	},
	[]workload{
		peak("w1", 128), peak("w2", 64), peak("w3", 12),
	},
	[]workload{
		depth(12), depth(48), depth(96),
	},
)

const (
	stepEntry   = "step.step"
	answerEntry = "answer"
	nextEntry   = "write.next"
)

func train(name, file string, batch int64, calls int, what string) workload {
	return workload{name: name, family: training, what: what, file: file, entry: stepEntry, batch: batch, calls: calls, peers: true}
}

func infer(name, file string, calls int, what string) workload {
	return workload{name: name, family: inference, what: what, file: file, entry: answerEntry, batch: 1, calls: calls, peers: true}
}

func next(name string, past int64) workload {
	return workload{name: name, family: decoding, what: fmt.Sprintf("GPT 6 x 384, one token after %d in the cache", past), file: "decode", entry: nextEntry, batch: 1, past: past, calls: 20, peers: true}
}

func product(name string, calls int, s gemmShape) workload {
	return workload{name: name, family: gemm, what: "f32 product " + s.String() + ", both operands packed", gemm: &s, calls: calls, peers: true}
}

func peak(file string, batch int64) workload {
	return workload{name: "memory-" + file, family: memory, what: "peak memory of a process that takes five steps of " + file, file: file, entry: stepEntry, batch: batch, calls: 1, peers: true}
}

func depth(blocks int) workload {
	return workload{name: fmt.Sprint("compile-", blocks), family: compiling, what: fmt.Sprintf("text to a loaded step, GPT of %d blocks", blocks), file: "depth", entry: stepEntry, batch: 4,
		set: []string{"depth=" + strconv.Itoa(blocks)}, calls: 1}
}

// choose returns the workloads that a list of names and families means.
func choose(only string) ([]workload, error) {
	names := split(only)
	for _, n := range names {
		if !slices.ContainsFunc(workloads, func(w workload) bool { return w.name == n || w.family == n }) {
			return nil, fmt.Errorf("there is no workload or family %q; -list prints them", n)
		}
	}
	var out []workload
	for _, w := range workloads {
		if len(names) == 0 || slices.Contains(names, w.name) || slices.Contains(names, w.family) {
			out = append(out, w)
		}
	}
	return out, nil
}

func (w workload) unit() string {
	if w.family == memory {
		return "MB"
	}
	return "ms"
}

// flops is the number of floating-point operations of a call, where that is the point; else 0.
func (w workload) flops() float64 {
	if w.gemm == nil {
		return 0
	}
	return w.gemm.flops()
}

// sizes are what the entry is made for. A cache has room for a power of two of rows, as in a run.
func (w workload) sizes() lower.Sizes {
	s := lower.Sizes{B: w.batch}
	if w.family == decoding {
		s.Tokens, s.Capacity = 1, 1<<bits.Len64(uint64(w.past))
	}
	return s
}

// warm is how many calls come before the first round: none for what starts a process each time.
func (w workload) warm() int {
	if w.family == start || w.family == memory {
		return 0
	}
	return 2
}

// words name the work to a peer.
func (w workload) words() string {
	switch w.family {
	case gemm:
		return fmt.Sprint("gemm ", w.gemm.batch, " ", w.gemm.m, " ", w.gemm.k, " ", w.gemm.n)
	case decoding:
		return fmt.Sprint("decode ", w.past)
	case inference:
		return "answer " + w.file
	}
	return "step " + w.file
}

// side is our side of a workload, ready to run.
type side struct {
	cost  func(calls int) (float64, error) // of one call, the mean, in the workload's unit
	close func()
	notes []string
}

func (w workload) open(threads int) (*side, error) {
	switch w.family {
	case gemm:
		return openGEMM(*w.gemm, threads), nil
	case start, memory:
		return openProcess(w, threads), nil
	case compiling:
		return openCompile(w, threads)
	}
	return openEntry(w, threads)
}

// gemmShape is batch products of [m, k] and [k, n].
type gemmShape struct{ batch, m, k, n int }

func (s gemmShape) String() string {
	t := strings.Join([]string{strconv.Itoa(s.m), strconv.Itoa(s.k), strconv.Itoa(s.n)}, "x")
	if s.batch > 1 {
		t = fmt.Sprintf("%dx(%s)", s.batch, t)
	}
	return t
}

func (s gemmShape) flops() float64 {
	return 2 * float64(s.batch) * float64(s.m) * float64(s.k) * float64(s.n)
}
