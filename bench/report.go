package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// report is everything that a run found, as -json writes it.
type report struct {
	Go      string    `json:"go"`
	Machine machine   `json:"machine"`
	Threads int       `json:"threads"`
	Rounds  int       `json:"rounds"`
	Peers   []*peer   `json:"peers"`
	Results []*result `json:"results"`
}

// figures are the costs of one side, in the unit of the row.
type figures struct {
	Median float64   `json:"median"`
	Min    float64   `json:"min"`
	Max    float64   `json:"max"`
	Values []float64 `json:"values"`
}

// column is what one column of a peer costs, or why it has no figure.
type column struct {
	Peer      string `json:"peer"`
	Name      string `json:"column"`
	Precision string `json:"precision"`
	Failed    string `json:"failed,omitempty"`
	figures

	from *peer
}

// result is one row of the table.
type result struct {
	Workload string    `json:"workload"`
	Family   string    `json:"family"`
	What     string    `json:"what"`
	Unit     string    `json:"unit"` // ms, or MB
	Ours     figures   `json:"ours"`
	GFLOPS   float64   `json:"gflops,omitempty"` // ours, where that is the point
	Peers    []*column `json:"peers,omitempty"`
	Fastest  string    `json:"fastest_peer,omitempty"` // of the f32 columns
	Ratio    float64   `json:"ratio,omitempty"`        // the fastest peer's median over ours: above 1, ours is the lesser cost
	Notes    []string  `json:"notes,omitempty"`

	flops float64
}

func newReport(rounds, threads int, peers []*peer) *report {
	return &report{Go: runtime.Version(), Machine: thisMachine(), Threads: threads, Rounds: rounds, Peers: peers}
}

func (r *report) head(w io.Writer) {
	m := r.Machine
	fmt.Fprintf(w, "%s, %d CPUs, %s (%s)\n", m.Processor, m.CPUs, m.System, strings.Join(m.Features, " "))
	fmt.Fprintf(w, "modelc  %s, %s kernels, f32, %d threads; %d rounds, medians [least–most]\n", r.Go, m.Path, r.Threads, r.Rounds)
	for _, p := range r.Peers {
		fmt.Fprintf(w, "%-7s %s, %s\n", p.Name, p.Version, p.Settings)
		for _, c := range p.Columns {
			fmt.Fprintf(w, "        %s/%s: %s, %s\n", p.Name, c.Name, c.Precision, c.Settings)
		}
	}
	if load, err := strconv.ParseFloat(m.Load, 64); err == nil && load > 0.5 {
		fmt.Fprintf(w, "The machine is not quiet: its load was %s at the start. Figures of such a run are not to be quoted.\n", m.Load)
	}
}

func (r *report) write(file string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}

func (f *figures) conclude() {
	if len(f.Values) > 0 {
		f.Median, f.Min, f.Max = median(f.Values), slices.Min(f.Values), slices.Max(f.Values)
	}
}

// conclude fills in what follows from the values: medians, and the fastest peer among those that compute in f32 as we do.
func (r *result) conclude() {
	r.Ours.conclude()
	if r.flops > 0 && r.Ours.Median > 0 {
		r.GFLOPS = r.flops / r.Ours.Median / 1e6
	}
	best := 0.0
	for _, c := range r.Peers {
		c.conclude()
		if c.Failed == "" && c.Precision == "f32" && (best == 0 || c.Median < best) {
			best, r.Fastest = c.Median, c.Peer+"/"+c.Name
		}
	}
	if best > 0 && r.Ours.Median > 0 {
		r.Ratio = best / r.Ours.Median
	}
}

func (r *result) print(w io.Writer) {
	fmt.Fprintf(w, "\n%s: %s (%s)\n", r.Workload, r.What, r.Unit)
	line := func(name string, f figures, more string) {
		fmt.Fprintf(w, "  %-16s %10.3f  [%.3f–%.3f]%s\n", name, f.Median, f.Min, f.Max, more)
	}
	ours := r.rate(r.Ours)
	if r.Ratio > 0 {
		ours += fmt.Sprintf("  ratio %.2f to %s", r.Ratio, r.Fastest)
	}
	line("modelc", r.Ours, ours)
	for _, c := range r.Peers {
		if c.Failed != "" {
			fmt.Fprintf(w, "  %-16s %s\n", c.Peer+"/"+c.Name, c.Failed)
			continue
		}
		line(c.Peer+"/"+c.Name, c.figures, r.rate(c.figures))
	}
	for _, n := range r.Notes {
		fmt.Fprintf(w, "  %s\n", n)
	}
}

func (r *result) rate(f figures) string {
	if r.flops == 0 || f.Median == 0 {
		return ""
	}
	return fmt.Sprintf("  %.0f GFLOP/s", r.flops/f.Median/1e6)
}

func median(x []float64) float64 {
	s := slices.Sorted(slices.Values(x))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}
