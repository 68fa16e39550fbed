package main

import (
	"embed"
	"fmt"
	"math/rand/v2"
	"time"

	"modelc/backend"
	"modelc/backend/cpu"
	"modelc/backend/cpu/asm"
	"modelc/backend/cpu/pool"
	"modelc/compiler"
	"modelc/ir"
	"modelc/ir/eval"
	"modelc/lang/diag"
	"modelc/recipe"
)

//go:embed models/*.model
var models embed.FS

// checked reads and checks a model file of bench.
func checked(file string, set []string) (*compiler.Checked, error) {
	text, err := models.ReadFile("models/" + file + ".model")
	if err != nil {
		return nil, err
	}
	c := compiler.Check(file+".model", text, compiler.Options{Set: set})
	if c.Diagnostics().Failed() {
		return nil, fmt.Errorf("%s", diag.Text(c.Diagnostics()))
	}
	return c, nil
}

// loaded is an entry with weights and a random batch.
type loaded struct {
	device  backend.Device
	program backend.Program
	call    backend.Call
	in, out []backend.Tensor
	past    *backend.Tensor // of a decoding entry: rows in the cache, set back before each call
}

// load compiles the entry of a workload from its text and draws the weights' first values.
func load(w workload, threads int) (*loaded, error) {
	device, err := cpu.New(cpu.Options{Threads: threads})
	if err != nil {
		return nil, err
	}
	l := &loaded{device: device}
	if err := l.open(w); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *loaded) open(w workload) error {
	c, err := checked(w.file, w.set)
	if err != nil {
		return err
	}
	if l.program, err = l.device.Open(c.States(w.sizes())); err != nil {
		return err
	}
	entries := []string{"step.init", w.entry}
	if w.family == compiling {
		entries = entries[1:] // drawing weights is no compiling
	}
	for _, name := range entries {
		m, diags := c.Module(name, w.sizes(), l.device.Keep)
		if diags.Failed() {
			return fmt.Errorf("%s", diag.Text(diags))
		}
		call, err := l.program.Load(m, name)
		if err != nil {
			return err
		}
		e := m.Entry(name)
		l.call, l.in, l.out = call, inputs(e, ranges(c.Recipe())), make([]backend.Tensor, len(e.Out))
		if name != w.entry {
			if err := l.step(); err != nil {
				return err
			}
			continue
		}
		if w.family == inference || w.family == decoding {
			for i := range l.out {
				t := e.Func.Results[i].Type
				l.out[i] = backend.Tensor{Type: t, Bytes: make([]byte, t.Bytes())}
			}
		}
		if w.family == decoding {
			t := ir.Type{DType: ir.I32}
			l.past = &backend.Tensor{Type: t, Bytes: make([]byte, t.Bytes())}
			eval.Encode(ir.Ref{Type: t, Data: []float64{float64(w.past)}}, l.past.Bytes)
		}
	}
	return nil
}

func (l *loaded) step() error {
	if l.past != nil {
		if err := l.program.Write(recipe.PastState("write"), *l.past); err != nil {
			return err
		}
	}
	return l.call(l.in, l.out)
}

func (l *loaded) close() {
	if l.program != nil {
		_ = l.program.Close()
	}
	_ = l.device.Close()
}

// openEntry is our side of a training step or of an answer.
func openEntry(w workload, threads int) (*side, error) {
	begin := time.Now()
	l, err := load(w, threads)
	if err != nil {
		return nil, err
	}
	u := l.program.Usage()
	note := fmt.Sprintf("compiled and started in %.0f ms; states %.1f MB, arena %.1f MB", time.Since(begin).Seconds()*1e3, float64(u.States)/1e6, float64(u.Arena)/1e6)
	return &side{close: l.close, notes: []string{note}, cost: func(calls int) (float64, error) {
		begin := time.Now()
		for range calls {
			if err := l.step(); err != nil {
				return 0, err
			}
		}
		return perCall(begin, calls), nil
	}}, nil
}

// perCall is the mean time of calls, in milliseconds.
func perCall(begin time.Time, calls int) float64 {
	return time.Since(begin).Seconds() * 1e3 / float64(max(calls, 1))
}

// openCompile is our side of a compile time: from text to a step that could run, weights aside.
func openCompile(w workload, threads int) (*side, error) {
	return &side{close: func() {}, cost: func(calls int) (float64, error) {
		begin := time.Now()
		for range calls {
			l, err := load(w, threads)
			if err != nil {
				return 0, err
			}
			l.close()
		}
		return perCall(begin, calls), nil
	}}, nil
}

// ranges lists the columns that are ids, as a batch names them, with the number of ids of each.
func ranges(r *recipe.Recipe) map[string]int {
	out := map[string]int{}
	for _, d := range r.Data {
		for _, c := range d.Columns {
			if c.Type.Range > 0 {
				out["batch."+c.Name] = int(c.Type.Range)
			}
		}
	}
	return out
}

// inputs makes a value for every input of an entry: normal numbers, ids in their range, counters.
func inputs(e *ir.Entry, ranges map[string]int) []backend.Tensor {
	rng := rand.New(rand.NewPCG(1, 2))
	var in []backend.Tensor
	for i, name := range e.In {
		t := e.Func.Params[i].Type
		ref := ir.Ref{Type: t, Data: make([]float64, t.Shape.Size())}
		for j := range ref.Data {
			switch {
			case name == recipe.InTotalSteps:
				ref.Data[j] = 1000
			case name == recipe.InSeed:
				ref.Data[j] = 42
			case ranges[name] > 0:
				ref.Data[j] = float64(rng.IntN(ranges[name]))
			case t.DType.IsFloat():
				ref.Data[j] = rng.NormFloat64()
			}
		}
		bytes := make([]byte, t.Bytes())
		eval.Encode(ref, bytes)
		in = append(in, backend.Tensor{Type: t, Bytes: bytes})
	}
	return in
}

// openGEMM is our side of a product: the backend's own kernels on its own threads, both operands packed in each call.
func openGEMM(s gemmShape, threads int) *side {
	x, _ := productOf(s, threads)
	return x
}

func productOf(s gemmShape, threads int) (*side, *asm.GemmArgs) {
	g := asm.NewGemm(asm.Product{Batch: s.batch, M: s.m, N: s.n, K: s.k, A: asm.Strides{Batch: s.m * s.k, Row: s.k, Col: 1}, B: asm.Strides{Batch: s.k * s.n, Row: s.n, Col: 1},
		C: asm.Strides{Batch: s.m * s.n, Row: s.n, Col: 1}}, false)
	args := &asm.GemmArgs{A: normal(s.batch * s.m * s.k), B: normal(s.batch * s.k * s.n), C: make([]float32, s.batch*s.m*s.n)}
	workers := pool.New(threads)
	tiles := make([]*gemmTiles, threads)
	for i := range tiles {
		tiles[i] = &gemmTiles{g, args, i, make([]float32, g.Scratch())}
	}
	work := func(worker, _ int) { workers.Share(worker, g.Tiles(), false, tiles[worker]) }
	return &side{close: workers.Close, cost: func(calls int) (float64, error) {
		begin := time.Now()
		for range calls {
			workers.Run(work)
		}
		return perCall(begin, calls), nil
	}}, args
}

func normal(n int) []float32 {
	rng := rand.New(rand.NewPCG(3, 4))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

// gemmTiles is one worker's part of a product.
type gemmTiles struct {
	gemm    *asm.Gemm
	args    *asm.GemmArgs
	worker  int
	scratch []float32
}

func (t *gemmTiles) Do(from, to int) { t.gemm.Run(t.worker, from, to, t.args, t.scratch) }
