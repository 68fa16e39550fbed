// Command bench measures training steps here and in PyTorch in one run: interleaved rounds, medians, spread and ratios.
//
//	go run ./bench [-rounds 7] [-threads 2] [-only w1,w3] [-python PATH] [-json FILE]
//	go run ./bench scores [-seeds 3] [-only digits,iris] [-data DIR]
//
// The workloads are model files (bench/models); their steps run on random batches, so nothing is read. The peer is a Python process driven over its standard
// input (bench/peers/torch_steps.py); without one (-python "") only our own times are printed. bench/peers/install.sh makes the environment. The second form runs the
// examples as a user would, with several seeds, and prints what they reach.
package main

import (
	"bufio"
	"embed"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"modelc/backend"
	"modelc/backend/cpu"
	"modelc/compiler"
	"modelc/compiler/lower"
	"modelc/ir"
	"modelc/ir/eval"
	"modelc/lang/diag"
	"modelc/recipe"
)

//go:embed models/*.model peers/torch_steps.py
var files embed.FS

// workload is a model file and how many of its steps make a round.
type workload struct {
	name  string
	steps int
	batch int64
	what  string
}

var workloads = []workload{
	{"w1", 200, 128, "MLP 784-512-256-10, batch 128, Adam"},
	{"w2", 20, 64, "CNN 28x28, batch 64, Adam"},
	{"w3", 1, 12, "GPT 6 x 384, context 256, batch 12, AdamW"},
}

// result is one row of the table, in milliseconds per step.
type result struct {
	Workload  string    `json:"workload"`
	What      string    `json:"what"`
	Ours      []float64 `json:"ours_ms"`
	Peer      []float64 `json:"peer_ms,omitempty"`
	OursMS    float64   `json:"ours_median_ms"`
	PeerMS    float64   `json:"peer_median_ms,omitempty"`
	Ratio     float64   `json:"ours_over_peer,omitempty"`
	CompileMS float64   `json:"compile_ms"`
	ArenaMB   float64   `json:"arena_mb"`
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "scores" {
		if err := scores(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	rounds := flag.Int("rounds", 7, "rounds, interleaved")
	threads := flag.Int("threads", min(2, runtime.NumCPU()), "threads of each side")
	only := flag.String("only", "", "workloads, separated by commas")
	python := flag.String("python", defaultPython(), "Python with PyTorch; empty: no peer")
	out := flag.String("json", "", "also write the figures to this file")
	flag.Parse()
	if err := run(*rounds, *threads, *only, *python, *out); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func defaultPython() string {
	p := filepath.Join("bench", "peers", ".venv", "bin", "python")
	if _, err := os.Stat(p); err == nil {
		return p
	}
	return ""
}

func run(rounds, threads int, only, python, out string) error {
	peer, err := startPeer(python, threads)
	if err != nil {
		return err
	}
	defer peer.close()
	device, err := cpu.New(cpu.Options{Threads: threads})
	if err != nil {
		return err
	}
	defer device.Close()
	fmt.Printf("modelc, %s, %d threads, %s/%s; %d rounds, medians\n", device.Name(), threads, runtime.GOOS, runtime.GOARCH, rounds)
	if peer != nil {
		fmt.Println(peer.banner)
	}
	var results []*result
	for _, w := range workloads {
		if only != "" && !slices.Contains(strings.Split(only, ","), w.name) {
			continue
		}
		r, err := measure(w, rounds, device, peer)
		if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		results = append(results, r)
		fmt.Printf("%-4s %-44s ours %9.3f ms [%.3f–%.3f]", r.Workload, r.What, r.OursMS, slices.Min(r.Ours), slices.Max(r.Ours))
		if peer != nil {
			fmt.Printf("   PyTorch %9.3f ms [%.3f–%.3f]   ratio %.2f", r.PeerMS, slices.Min(r.Peer), slices.Max(r.Peer), r.Ratio)
		}
		fmt.Printf("   compile %.1f ms, arena %.1f MB\n", r.CompileMS, r.ArenaMB)
	}
	if out == "" {
		return nil
	}
	text, err := json.MarshalIndent(results, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(out, append(text, '\n'), 0o644)
}

func measure(w workload, rounds int, device backend.Device, peer *peer) (*result, error) {
	r := &result{Workload: w.name, What: w.what}
	s, err := load(w, device, r)
	if err != nil {
		return nil, err
	}
	defer s.program.Close()
	for range 2 {
		if err := s.step(); err != nil {
			return nil, err
		}
	}
	if peer != nil {
		if _, err := peer.steps(w.name, 2); err != nil {
			return nil, err
		}
	}
	for range rounds {
		start := time.Now()
		for range w.steps {
			if err := s.step(); err != nil {
				return nil, err
			}
		}
		r.Ours = append(r.Ours, time.Since(start).Seconds()*1e3/float64(w.steps))
		if peer != nil {
			t, err := peer.steps(w.name, w.steps)
			if err != nil {
				return nil, err
			}
			r.Peer = append(r.Peer, t*1e3/float64(w.steps))
		}
	}
	r.OursMS = median(r.Ours)
	if peer != nil {
		r.PeerMS = median(r.Peer)
		r.Ratio = r.OursMS / r.PeerMS
	}
	return r, nil
}

func median(x []float64) float64 {
	s := slices.Sorted(slices.Values(x))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// stepper is a loaded training step with a random batch.
type stepper struct {
	program backend.Program
	call    backend.Call
	in, out []backend.Tensor
}

func (s *stepper) step() error { return s.call(s.in, s.out) }

func load(w workload, device backend.Device, r *result) (*stepper, error) {
	text, err := files.ReadFile("models/" + w.name + ".model")
	if err != nil {
		return nil, err
	}
	start := time.Now()
	c := compiler.Check(w.name+".model", text, compiler.Options{})
	if c.Diagnostics().Failed() {
		return nil, fmt.Errorf("%s", diag.Text(c.Diagnostics()))
	}
	program, err := device.Open(c.States(lower.Sizes{}))
	if err != nil {
		return nil, err
	}
	s := &stepper{program: program}
	for _, name := range []string{"step.init", "step.step"} {
		m, diags := c.Module(name, lower.Sizes{B: w.batch}, device.Keep)
		if diags.Failed() {
			return nil, fmt.Errorf("%s", diag.Text(diags))
		}
		call, err := program.Load(m, name)
		if err != nil {
			return nil, err
		}
		e := m.Entry(name)
		in, out := inputs(e), make([]backend.Tensor, len(e.Out))
		if name == "step.init" {
			if err := call(in, out); err != nil {
				return nil, err
			}
			continue
		}
		s.call, s.in, s.out = call, in, out
	}
	r.CompileMS = time.Since(start).Seconds() * 1e3
	r.ArenaMB = float64(program.Usage().Arena) / 1e6
	return s, nil
}

// inputs makes a value for every input of an entry: normal numbers, classes, counters.
func inputs(e *ir.Entry) []backend.Tensor {
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
			case strings.HasPrefix(name, "batch.y"):
				ref.Data[j] = float64(rng.IntN(10))
			case t.DType == ir.I32:
				ref.Data[j] = float64(rng.IntN(65))
			default:
				ref.Data[j] = rng.NormFloat64()
			}
		}
		bytes := make([]byte, t.Bytes())
		eval.Encode(ref, bytes)
		in = append(in, backend.Tensor{Type: t, Bytes: bytes})
	}
	return in
}

// peer is the Python process.
type peer struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	banner string
}

func startPeer(python string, threads int) (*peer, error) {
	if python == "" {
		return nil, nil
	}
	script, err := files.ReadFile("peers/torch_steps.py")
	if err != nil {
		return nil, err
	}
	p := &peer{cmd: exec.Command(python, "-c", string(script))}
	p.cmd.Env = append(os.Environ(), "BENCH_THREADS="+strconv.Itoa(threads), "OMP_NUM_THREADS="+strconv.Itoa(threads))
	p.cmd.Stderr = os.Stderr
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	pipe, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(pipe)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := p.out.ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("the peer did not start: %w", err)
	}
	p.banner = strings.TrimSpace(line)
	return p, nil
}

// steps runs n steps in the peer and returns the seconds they took.
func (p *peer) steps(name string, n int) (float64, error) {
	if _, err := fmt.Fprintf(p.in, "%s %d\n", name, n); err != nil {
		return 0, err
	}
	line, err := p.out.ReadString('\n')
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(strings.TrimSpace(line), 64)
}

func (p *peer) close() {
	if p != nil {
		p.in.Close()
		_ = p.cmd.Wait()
	}
}
