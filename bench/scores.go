package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// example is a file, what is asked of it, and how it is run.
type example struct {
	File    string   `json:"file"`
	Args    []string `json:"args,omitempty"`
	Metric  string   `json:"metric"`
	Highest bool     `json:"highest"`
	Want    float64  `json:"want"`
}

var examples = []example{
	{"digits", nil, "test.accuracy", true, 0.97},
	{"iris", nil, "crossval.accuracy", true, 0.96},
	{"titanic", nil, "test.accuracy", true, 0.80},
	{"adult", nil, "test.accuracy", true, 0.85},
	{"mnist", nil, "test.accuracy", true, 0.992},
	{"chargpt", []string{"--preset", "cpu"}, "valid.loss", false, 1.88},
	{"poems", nil, "valid.loss", false, 0},
	{"sentiment", nil, "test.accuracy", true, 0.75},
	{"catsdogs", nil, "test.accuracy", true, 0.78},
}

// score is what an example reached: a value and the seconds per seed.
type score struct {
	example
	Command string    `json:"command"`
	Seeds   []int     `json:"seeds"`
	Values  []float64 `json:"values"`
	Seconds []float64 `json:"seconds"`
	Mean    float64   `json:"mean"`
}

// scores runs the examples with several seeds and prints what they reach; the figures of README.md are its output.
func scores(args []string) error {
	fs := flag.NewFlagSet("scores", flag.ExitOnError)
	seeds := fs.Int("seeds", 3, "seeds 1, 2, … of each example")
	only := fs.String("only", "", "examples, separated by commas")
	data := fs.String("data", os.Getenv("MODELC_DATA"), "folder of the data sets; examples that need it are left out without one")
	out := fs.String("json", filepath.Join("examples", "scores.json"), "file of the figures; those of other examples in it stay")
	if err := fs.Parse(args); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "modelc-scores")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "modelc")
	if text, err := exec.Command("go", "build", "-o", binary, "./cmd/modelc").CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w\n%s", err, text)
	}
	kept, err := readScores(*out)
	if err != nil {
		return err
	}
	for _, x := range examples {
		if *only != "" && !slices.Contains(strings.Split(*only, ","), x.File) {
			continue
		}
		if *data == "" && x.File != "digits" && x.File != "iris" {
			fmt.Printf("%-10s left out: it needs -data or MODELC_DATA\n", x.File)
			continue
		}
		s := score{example: x, Command: strings.Join(append([]string{"modelc run examples/" + x.File + ".model"}, x.Args...), " ")}
		for seed := 1; seed <= *seeds; seed++ {
			v, seconds, err := reach(binary, x, seed, *data, filepath.Join(dir, fmt.Sprint(x.File, seed)))
			if err != nil {
				return fmt.Errorf("%s, seed %d: %w", x.File, seed, err)
			}
			s.Seeds, s.Values, s.Seconds = append(s.Seeds, seed), append(s.Values, v), append(s.Seconds, seconds)
			s.Mean += v / float64(*seeds)
		}
		fmt.Printf("%-10s %-18s mean %.4f of %v (wanted %v), %.1f s a run   %s\n", x.File, x.Metric, s.Mean, s.Values, x.Want, median(s.Seconds), s.Command)
		kept = slices.DeleteFunc(kept, func(o score) bool { return o.File == x.File })
		kept = append(kept, s)
		if err := writeScores(*out, kept); err != nil {
			return err
		}
	}
	return nil
}

// reach runs one example and returns the metric and the seconds.
func reach(binary string, x example, seed int, data, out string) (float64, float64, error) {
	args := append([]string{"run", filepath.Join("examples", x.File+".model"), "--seed", fmt.Sprint(seed), "--out", out, "--json", "--progress", "off"}, x.Args...)
	if data != "" {
		args = append(args, "--data", data)
	}
	cmd := exec.Command(binary, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return 0, 0, fmt.Errorf("%w\n%s", err, stderr.String())
	}
	seconds := time.Since(start).Seconds()
	best, found := 0.0, false
	lines := bufio.NewScanner(&stdout)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var e struct {
			Metrics map[string]float64 `json:"metrics"`
		}
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			continue
		}
		v, has := e.Metrics[x.Metric]
		if !has {
			continue
		}
		// A validation metric counts at its best checkpoint, which is the one that is kept; others are given once.
		if !found || x.Highest && v > best || !x.Highest && v < best {
			best, found = v, true
		}
	}
	if !found {
		return 0, 0, fmt.Errorf("the run gave no %s", x.Metric)
	}
	return best, seconds, nil
}

func readScores(file string) ([]score, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var s []score
	return s, json.Unmarshal(text, &s)
}

func writeScores(file string, list []score) error {
	slices.SortFunc(list, func(a, b score) int {
		at := func(s score) int {
			return slices.IndexFunc(examples, func(x example) bool { return x.File == s.File })
		}
		return at(a) - at(b)
	})
	text, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}
