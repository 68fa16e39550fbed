package compiler_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"modelc/compiler"
	"modelc/compiler/lower"
	"modelc/lang/source"
	"modelc/lang/syntax"
)

// recorded is a file of testdata/reference: what PyTorch computes in float64. record.py there says what the fields mean.
type recorded struct {
	Cases []referenceCase
}

type referenceCase struct {
	Name, Kind, Model                 string
	Training                          bool
	Inputs, Params, States, Gradients map[string]array
	Output, Cotangent                 *array
	StatesAfter                       map[string]array `json:"states_after"`
	After                             map[string]map[string]array
	Loss, Rates                       []float64
}

type array struct {
	Shape []int
	DType string
	Data  []any
}

func (a array) values() []float64 {
	out := make([]float64, len(a.Data))
	for i, v := range a.Data {
		switch v := v.(type) {
		case float64:
			out[i] = v
		case bool:
			if v {
				out[i] = 1
			}
		}
	}
	return out
}

// The library computes what PyTorch does: values, gradients, states, weights after steps. Everything runs in float64.
func TestReferences(t *testing.T) {
	files, err := filepath.Glob("../testdata/reference/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".json"), func(t *testing.T) {
			text, err := os.ReadFile(f)
			require.NoError(t, err)
			var r recorded
			require.NoError(t, json.Unmarshal(text, &r))
			for _, c := range r.Cases {
				switch c.Kind {
				case "forward":
					t.Run(c.Name, func(t *testing.T) { forwardCase(t, c) })
				case "train":
					t.Run(c.Name, func(t *testing.T) { trainCase(t, c) })
				}
			}
		})
	}
}

// forwardCase trains one step of SGD(1) on sum(output * cotangent), in which inputs and cotangent are weights too: what every weight moves by is its gradient, and what
// the cotangent moves by is the output.
func forwardCase(t *testing.T, c referenceCase) {
	forward := forwardOf(t, c.Model)
	var b strings.Builder
	b.WriteString(c.Model)
	b.WriteString("\nlayer Given {\n")
	var args []string
	for _, p := range forward.Params {
		kind := "state"
		if p.Type.Alts[0].Name == "float" || p.Type.Alts[0].Name == "f32" {
			kind = "param"
		}
		fmt.Fprintf(&b, "  %s %s: %s = zeros\n", kind, p.Name, strings.ReplaceAll(printed(p.Type), "f32", "f64"))
		args = append(args, "given."+p.Name)
	}
	dims := make([]string, len(c.Output.Shape))
	for i, d := range c.Output.Shape {
		dims[i] = strconv.Itoa(d)
	}
	shape := ""
	if len(dims) > 0 {
		shape = "[" + strings.Join(dims, ", ") + "]"
	}
	output := "net(" + strings.Join(args, ", ") + ")"
	if c.Output.DType != "float" {
		output = "float(" + output + ")"
	}
	fmt.Fprintf(&b, `  param cotangent: f64%s = zeros
}

train fit {
  net       = Reference()
  given     = Given()
  loss      = sum(%s * given.cotangent)
  optimizer = SGD(1.0)
  steps     = 1
  precision = f64
}
`, shape, output)
	ch := checked(t, b.String(), compiler.Options{})
	train := ch.Program().Trains[0]
	if !c.Training {
		train.Updates[0].Loss = train.Valid[0].Term
		train.Writes = nil
	}
	m := newMachine(t, ch, lower.Sizes{})
	cotangent := make([]float64, len(c.Output.Data))
	if c.Cotangent != nil {
		cotangent = c.Cotangent.values()
	}
	before := map[string][]float64{"given.cotangent": cotangent}
	for n, a := range c.Inputs {
		before["given."+n] = a.values()
	}
	for n, a := range c.Params {
		before["net."+n] = a.values()
	}
	for n, a := range c.States {
		before["net."+n] = a.values()
	}
	for n, v := range before {
		m.write("fit."+n, v)
	}
	m.call("fit.step", nil)
	moved := func(n string) []float64 {
		after := m.read("fit." + n)
		out := make([]float64, len(after))
		for i := range out {
			out[i] = before[n][i] - after[i]
		}
		return out
	}
	within := 1e-9
	if strings.HasPrefix(c.Name, "hard_si") {
		within = 1e-7 // PyTorch's gradient multiplies by a float32 sixth
	}
	near(t, "the output", c.Output.values(), moved("given.cotangent"), 1e-9)
	for n, a := range c.Gradients {
		at := "net." + n
		if _, is := c.Inputs[n]; is {
			at = "given." + n
		}
		near(t, "the gradient of "+n, a.values(), moved(at), within)
	}
	for n, a := range c.StatesAfter {
		near(t, "the state "+n, a.values(), m.read("fit.net."+n), 1e-9)
	}
}

func trainCase(t *testing.T, c referenceCase) {
	ch := checked(t, strings.Replace(c.Model, "  optimizer ", "  precision = f64\n  optimizer ", 1), compiler.Options{})
	m := newMachine(t, ch, lower.Sizes{})
	m.call("fit.init", nil)
	for n, a := range c.Params {
		m.write("fit.net."+n, a.values())
	}
	var at []int
	for k := range c.After {
		n, err := strconv.Atoi(k)
		require.NoError(t, err)
		at = append(at, n)
	}
	sort.Ints(at)
	total := []float64{float64(max(at[len(at)-1], len(c.Rates)))}
	for step := 1; step <= at[len(at)-1]; step++ {
		out := m.call("fit.step", map[string][]float64{"total_steps": total})
		if len(c.Loss) > 0 {
			require.InEpsilon(t, c.Loss[step-1], out["loss"][0], 2e-6, "the loss of step %d", step) // a metric is f32
		}
		for n, a := range c.After[strconv.Itoa(step)] {
			near(t, fmt.Sprintf("%s after step %d", n, step), a.values(), m.read("fit.net."+n), 1e-9)
		}
	}
}

// near demands a small error relative to the largest value.
func near(t *testing.T, what string, want, got []float64, within float64) {
	t.Helper()
	require.Len(t, got, len(want), what)
	scale := 1.0
	for _, v := range want {
		scale = math.Max(scale, math.Abs(v))
	}
	for i := range want {
		if d := math.Abs(want[i] - got[i]); !(d <= within*scale) {
			t.Errorf("%s differs at %d by %.3g\n  PyTorch %v\n  ours    %v", what, i, d, head(want), head(got))
			return
		}
	}
}

func forwardOf(t *testing.T, model string) *syntax.Fn {
	t.Helper()
	f, diags := syntax.Parse(source.NewFile("reference.model", []byte(model)))
	require.False(t, diags.Failed())
	for _, m := range f.Members {
		if m.Block == nil || m.Block.Name != "Reference" {
			continue
		}
		for _, x := range m.Block.Body.Members {
			if x.Fn != nil && x.Fn.Name == "forward" {
				return x.Fn
			}
		}
	}
	require.Fail(t, "no forward")
	return nil
}

func printed(x *syntax.Type) string { return x.At.Text() }
