// Command bench measures modelc and the peers that are installed in one run: interleaved rounds, medians, spread, and the ratio to the fastest peer.
//
//	go run ./bench [-only w1,gemm] [-rounds 7] [-threads 2] [-peers torch/eager,jax] [-python PATH] [-json FILE]
//	go run ./bench -list
//	go run ./bench scores [-seeds 3] [-only digits,iris] [-data DIR]
//
// A workload (workload.go) is a model file of bench/models on random batches, a matrix product, or a process that is started; nothing is read. A peer is a Python
// process driven over its standard input (peer.go, bench/peers); bench/peers/install.sh makes the environment. A peer has columns: ways to run the same
// work, such as eager and compiled. Every figure is a cost, so less is better, and the ratio is the cost of the fastest f32 column over ours: above 1, modelc is ahead. The third form runs the
// examples as a user would, with several seeds, and prints what they reach.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

func main() {
	var err error
	switch args := os.Args[1:]; {
	case len(args) > 0 && args[0] == "scores":
		err = scores(args[1:])
	case len(args) > 0 && args[0] == "once":
		err = once(args[1:])
	default:
		err = bench()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench() error {
	rounds := flag.Int("rounds", 7, "rounds, interleaved")
	threads := flag.Int("threads", min(2, runtime.NumCPU()), "threads of each side")
	only := flag.String("only", "", "workloads or families, separated by commas; empty: all")
	python := flag.String("python", defaultPython(), "Python that has the peers; empty: no peer")
	peers := flag.String("peers", "", "peers or columns of peers, such as torch/eager, separated by commas; empty: all that are there")
	out := flag.String("json", "", "also write the figures to this file")
	list := flag.Bool("list", false, "print the workloads and stop")
	flag.Parse()
	if flag.NArg() > 0 {
		return fmt.Errorf("what is %q? flags come first", flag.Arg(0))
	}
	if *rounds < 1 || *threads < 1 {
		return fmt.Errorf("%d rounds on %d threads: there must be one of each", *rounds, *threads)
	}
	chosen, err := choose(*only)
	if err != nil {
		return err
	}
	if *list {
		for _, w := range chosen {
			fmt.Printf("%-16s %-12s %s\n", w.name, w.family, w.what)
		}
		return nil
	}
	return run(chosen, *rounds, *threads, *python, split(*peers), *out)
}

func split(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' })
}

func defaultPython() string {
	p := filepath.Join("bench", "peers", ".venv", "bin", "python")
	if _, err := os.Stat(p); err == nil {
		return p
	}
	return ""
}

func run(chosen []workload, rounds, threads int, python string, columns []string, out string) error {
	peers, err := startPeers(python, threads, columns)
	if err != nil {
		return err
	}
	defer closePeers(peers)
	r := newReport(rounds, threads, peers)
	r.head(os.Stdout)
	for _, w := range chosen {
		row, err := measure(w, rounds, threads, peers)
		if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		r.Results = append(r.Results, row)
		row.print(os.Stdout)
	}
	if out == "" {
		return nil
	}
	return r.write(out)
}

// rest comes before every turn: threads of the side before may still spin, waiting for work.
const rest = 20 * time.Millisecond

// measure runs a workload on every side, round by round.
func measure(w workload, rounds, threads int, peers []*peer) (*result, error) {
	side, err := w.open(threads)
	if err != nil {
		return nil, err
	}
	defer side.close()
	row := &result{Workload: w.name, Family: w.family, What: w.what, Unit: w.unit(), flops: w.flops(), Notes: side.notes}
	if _, err := side.cost(w.warm()); err != nil {
		return nil, err
	}
	var columns []*column
	if w.peers {
		for _, p := range peers {
			for _, c := range p.Columns {
				_, reason, err := p.cost(w, c.Name, w.warm())
				switch {
				case err != nil:
					return nil, fmt.Errorf("%s/%s: %w", p.Name, c.Name, err)
				case reason == notOffered:
				case reason != "":
					row.Peers = append(row.Peers, &column{Peer: p.Name, Name: c.Name, Precision: c.Precision, Failed: reason})
				default:
					x := &column{Peer: p.Name, Name: c.Name, Precision: c.Precision, from: p}
					columns, row.Peers = append(columns, x), append(row.Peers, x)
				}
			}
		}
	}
	for range rounds {
		time.Sleep(rest)
		v, err := side.cost(w.calls)
		if err != nil {
			return nil, err
		}
		row.Ours.Values = append(row.Ours.Values, v)
		for _, c := range columns {
			time.Sleep(rest)
			v, reason, err := c.from.cost(w, c.Name, w.calls)
			if err != nil {
				return nil, fmt.Errorf("%s/%s: %w", c.Peer, c.Name, err)
			}
			if reason != "" {
				return nil, fmt.Errorf("%s/%s gave up after its first calls: %s", c.Peer, c.Name, reason)
			}
			c.Values = append(c.Values, v)
		}
	}
	row.conclude()
	return row, nil
}
