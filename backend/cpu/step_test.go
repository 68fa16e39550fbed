package cpu

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"modelc/backend"
	"modelc/backend/plan"
	front "modelc/compiler"
	"modelc/compiler/lower"
	"modelc/ir/eval"
	"modelc/recipe"
)

var showProfile = flag.Int("steps", 0, "print the so many costliest steps of each benchmark")
var showPlan = flag.Bool("plan", false, "print the plan of each benchmark")

// BenchmarkStep runs the training steps of the workloads in bench/models.
func BenchmarkStep(b *testing.B) {
	for name, batch := range map[string]int64{"w1": 128, "w2": 64, "w3": 12} {
		b.Run(name, func(b *testing.B) {
			d, err := New(Options{Threads: 2})
			require.NoError(b, err)
			defer d.Close()
			c, in, out := loadStep(b, d, "../../bench/models/"+name+".model", batch)
			require.NoError(b, c.call(in, out))
			if *showPlan {
				fmt.Println(plan.Print(c.plan))
			}
			for b.Loop() {
				require.NoError(b, c.call(in, out))
			}
			b.StopTimer()
			if *showProfile > 0 {
				printProfile(b, c, in, out)
			}
		})
	}
}

func loadStep(b testing.TB, d backend.Device, file string, batch int64) (c *call, in, out []backend.Tensor) {
	text, err := os.ReadFile(file)
	require.NoError(b, err)
	checked := front.Check(file, text, front.Options{})
	require.False(b, checked.Diagnostics().Failed())
	sizes := lower.Sizes{B: batch}
	p, err := d.Open(checked.States(lower.Sizes{}))
	require.NoError(b, err)
	b.Cleanup(func() { p.Close() })
	r := rand.New(rand.NewPCG(1, 2))
	load := func(entry string) *call {
		m, diags := checked.Module(entry, sizes, d.Keep)
		require.False(b, diags.Failed())
		_, err := p.Load(m, entry)
		require.NoError(b, err)
		calls := p.(*program).calls
		return calls[len(calls)-1]
	}
	args := func(c *call) (in, out []backend.Tensor) {
		e := c.plan.Entry
		for i, name := range e.In {
			x := eval.New(e.Func.Params[i].Type)
			for j := range x.Data {
				switch {
				case name == recipe.InTotalSteps:
					x.Data[j] = 1000
				case name == recipe.InSeed:
					x.Data[j] = 42
				case x.Type.DType.IsFloat():
					x.Data[j] = r.NormFloat64()
				case x.Type.Shape.Rank() > 0:
					x.Data[j] = float64(r.IntN(10))
				}
			}
			t := backend.Tensor{Type: x.Type, Bytes: make([]byte, x.Type.Bytes())}
			eval.Encode(x, t.Bytes)
			in = append(in, t)
		}
		for _, v := range e.Func.Results[:len(e.Out)] {
			out = append(out, backend.Tensor{Type: v.Type, Bytes: make([]byte, v.Type.Bytes())})
		}
		return in, out
	}
	first := load("step.init")
	in, out = args(first)
	require.NoError(b, first.call(in, out))
	c = load("step.step")
	in, out = args(c)
	return c, in, out
}

func printProfile(b *testing.B, c *call, in, out []backend.Tensor) {
	list, err := c.profiles(in, out, 3)
	require.NoError(b, err)
	slices.SortStableFunc(list, func(x, y *Profile) int { return int(y.Spent - x.Spent) })
	for _, p := range list[:min(*showProfile, len(list))] {
		name := "kernel"
		if p.Step.Instr != nil {
			name = p.Step.Instr.Op.Name()
		}
		s := ""
		for i := range p.Step.Out {
			s += " " + p.Step.Out[i].Type.String()
		}
		s += " <-"
		for i := range p.Step.In {
			s += " " + p.Step.In[i].Type.String()
		}
		fmt.Printf("%9.3f ms %4d  %s%s\n", p.Spent.Seconds()*1e3/3, p.Runs/3, name, s)
	}
}
