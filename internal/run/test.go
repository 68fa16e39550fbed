package run

import (
	"context"
	"fmt"
	"strings"

	"modelc/backend"
	"modelc/internal/report"
	"modelc/ir"
	"modelc/recipe"
)

// Test is a test block.
type Test struct {
	Title   string
	Entry   string // of its assertions: outputs assert.N, and left.N and right.N where an assertion compares; "": there is nothing to run
	Init    string // the entry that makes its weights; "": none
	Asserts []string
	Places  []recipe.Place // of the assertions
}

// testSteps is the number of planned steps that a test block sees; its step is 0.
const testSteps = 100

// TestResult is what became of a test.
type TestResult struct {
	Test     Test
	Failures []Failure
}

// Failure is an assertion that does not hold.
type Failure struct {
	At   recipe.Place
	Text string
}

// Tests runs test blocks, each with weights of its own.
func Tests(ctx context.Context, c Compiled, tests []Test, d backend.Device) ([]TestResult, error) {
	e := newExperiment(c, Options{Device: d, Emit: func(report.Event) {}})
	var out []TestResult
	for _, t := range tests {
		if err := done(ctx); err != nil {
			return out, err
		}
		r := TestResult{Test: t}
		if t.Entry != "" {
			var err error
			if r.Failures, err = e.test(t); err != nil {
				return out, err
			}
		}
		out = append(out, r)
	}
	return out, nil
}

func (e *experiment) test(t Test) ([]Failure, error) {
	all, err := e.c.States(Sizes{B: 1})
	if err != nil {
		return nil, err
	}
	var states []*ir.State
	for _, s := range all {
		if of(s, t.Entry) {
			states = append(states, s)
		}
	}
	p, err := e.open(states)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	for _, entry := range []string{t.Init, t.Entry} {
		if entry == "" {
			continue
		}
		c, err := p.load(entry, Sizes{B: 1}, nil)
		if err != nil {
			return nil, err
		}
		if err := c.scalars(scalars{totalSteps: testSteps}); err != nil {
			return nil, err
		}
		if err := c.do(); err != nil {
			return nil, err
		}
		if entry == t.Entry {
			return t.failures(c), nil
		}
	}
	return nil, nil
}

// failures reads the outputs of a test.
func (t Test) failures(c *call) []Failure {
	var out []Failure
	for i, text := range t.Asserts {
		n := "." + itoa(int64(i))
		held, ok := c.output("assert" + n)
		if ok && held.Bytes[0] != 0 {
			continue
		}
		f := Failure{Text: "assert " + strings.TrimPrefix(text, "assert ") + " does not hold"}
		if i < len(t.Places) {
			f.At = t.Places[i]
		}
		left, ok1 := c.output("left" + n)
		right, ok2 := c.output("right" + n)
		if ok1 && ok2 {
			f.Text += fmt.Sprintf(": %s and %s", values(left), values(right))
		}
		out = append(out, f)
	}
	return out
}

// values prints the first elements of a tensor.
func values(t backend.Tensor) string {
	const most = 8
	x := floats(nil, t)
	if len(x) == 1 {
		return report.Number(x[0])
	}
	parts := make([]string, 0, most+1)
	for i, v := range x {
		if i == most {
			parts = append(parts, "…")
			break
		}
		parts = append(parts, report.Number(v))
	}
	return t.Type.String() + " [" + strings.Join(parts, " ") + "]"
}
