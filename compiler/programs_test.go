package compiler_test

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"modelc/backend/cpu"
	"modelc/compiler"
	"modelc/compiler/core"
	"modelc/compiler/lower"
	"modelc/compiler/size"
	"modelc/ir"
	"modelc/recipe"
	"modelc/stdlib"
)

// Small programs that use the language widely. Each train block runs some steps on one batch of random rows: the loss stays finite and falls (but where two networks play
// against each other), metrics and outputs are finite, and with the pass table or without it the same comes out.
func TestPrograms(t *testing.T) {
	for _, name := range programs(t) {
		t.Run(name, func(t *testing.T) {
			c := program(t, name)
			for _, b := range c.Recipe().Blocks {
				if b.Train == nil {
					continue
				}
				m := newMachine(t, c, sizesOf(b.Train))
				m.call(b.Name+".init", nil)
				in := rowsOf(m, b)
				first, last := math.Inf(1), 0.0
				for step := range int(b.Train.Steps) {
					out := m.call(stepEntry(b, step), in)
					for n, v := range out {
						require.False(t, math.IsNaN(v[0]) || math.IsInf(v[0], 0), "%s of step %d is %v", n, step, v[0])
					}
					loss := lossOf(out)
					if step == 0 {
						first = loss
					}
					last = loss
				}
				if len(b.Train.Every) == 0 {
					require.Less(t, last, first, "the loss falls")
				}
				finite(t, m, in)
			}
		})
	}
}

// A step is the same with the pass table and without it.
func TestProgramsUnoptimized(t *testing.T) {
	for _, name := range programs(t) {
		t.Run(name, func(t *testing.T) {
			c := program(t, name)
			for _, b := range c.Recipe().Blocks {
				if b.Train == nil {
					continue
				}
				states := map[bool]map[string][]float64{}
				for _, raw := range []bool{false, true} {
					m := newMachine(t, c, sizesOf(b.Train))
					m.raw = raw
					m.call(b.Name+".init", nil)
					in := rowsOf(m, b)
					for step := range 3 {
						m.call(stepEntry(b, step), in)
					}
					states[raw] = m.all()
				}
				alike(t, states[true], states[false], 2e-5)
			}
		})
	}
}

// A batch cut into slices moves the weights as the whole batch does.
func TestProgramsAccumulate(t *testing.T) {
	for _, name := range programs(t) {
		switch name {
		case "gan", "resnet", "freeze", "contrast": // batch statistics, or rows that meet: their slices are not the batch
			continue
		case "translate": // a mean weighted by what is kept is no mean of means
			continue
		}
		t.Run(name, func(t *testing.T) {
			states := map[int]map[string][]float64{}
			for _, slices := range []int{1, 2} {
				c := program(t, name)
				b := c.Recipe().Blocks[0]
				c.Program().Trains[0].Accumulate = slices
				m := newMachine(t, c, sizesOf(b.Train))
				m.call(b.Name+".init", nil)
				in := rowsOf(m, b)
				for step := range 2 {
					m.call(stepEntry(b, step), in)
				}
				states[slices] = m.all()
			}
			alike(t, states[1], states[2], 2e-4)
		})
	}
}

// What begin and next give, position by position, is what the definition gives for all tokens at once.
func TestProgramsGenerate(t *testing.T) {
	for _, name := range []string{"experts", "speaker"} {
		t.Run(name, func(t *testing.T) {
			c := program(t, name)
			g := c.Program().Gens[0]
			const rows, n, prompt = 2, 7, 3
			m := newMachine(t, c, lower.Sizes{B: rows, Tokens: 4, Capacity: 8})
			m.call(g.Train.Name+".init", nil)
			tokens := make([]float64, rows*n)
			for i := range tokens {
				tokens[i] = float64((i*5 + 1) % 7)
			}
			cut := func(from, to, pad int) []float64 {
				var out []float64
				for r := range rows {
					out = append(out, tokens[r*n+from:r*n+to]...)
					out = append(out, make([]float64, pad)...)
				}
				return out
			}
			full := newMachine(t, c, lower.Sizes{B: rows, Tokens: n})
			full.call(g.Train.Name+".init", nil)
			want := full.call(g.Name+".full", map[string][]float64{recipe.InTokens: tokens})[lower.OutLogits]
			vocab := len(want) / rows / n
			check := func(at int, got []float64) {
				for r := range rows {
					for v := range vocab {
						require.InDelta(t, want[(r*n+at)*vocab+v], got[r*vocab+v], 1e-5, "position %d", at)
					}
				}
			}
			check(prompt-1, m.call(g.Name+".begin", map[string][]float64{recipe.InTokens: cut(0, prompt, 4-prompt), recipe.InLast: {prompt - 1}})[lower.OutLogits])
			for at := prompt; at < n; at++ {
				check(at, m.call(g.Name+".next", map[string][]float64{recipe.InTokens: cut(at, at+1, 0)})[lower.OutLogits])
			}
		})
	}
}

// A stack of like layers computes what the same layers do one by one, from the same first weights.
func TestStackIsItsLayersOneByOne(t *testing.T) {
	states := map[bool]map[string][]float64{}
	for _, written := range []bool{false, true} {
		text, err := os.ReadFile("testdata/programs/vit.model")
		require.NoError(t, err)
		s := strings.NewReplacer(", drop=0.1", "", "drop_path(att(h, h), 0.1)", "att(h, h)").Replace(string(text)) // draws of a loop know its turn, not its layer
		if written {
			s = strings.Replace(s, "[Encoder(2) for i in 0..3]", "[Encoder(2), Encoder(2), Encoder(2)]", 1)
			s = strings.Replace(s, "blocks(place(h))", "(place(h) |> blocks[0] |> blocks[1] |> blocks[2])", 1)
		}
		c := checked(t, s, compiler.Options{})
		b := c.Recipe().Blocks[0]
		m := newMachine(t, c, sizesOf(b.Train))
		m.call(b.Name+".init", nil)
		in := rowsOf(m, b)
		m.call(stepEntry(b, 0), in)
		states[written] = m.all()
	}
	alike(t, states[true], states[false], 2e-5)
}

// lossOf is the loss of a step; of several updates, that of the first by name.
func lossOf(out map[string][]float64) float64 {
	first := ""
	for n := range out {
		if (n == "loss" || strings.HasSuffix(n, ".loss")) && (first == "" || n < first) {
			first = n
		}
	}
	return out[first][0]
}

func programs(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/programs/*.model")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	var out []string
	for _, f := range files {
		out = append(out, strings.TrimSuffix(filepath.Base(f), ".model"))
	}
	return out
}

func program(t *testing.T, name string) *compiler.Checked {
	t.Helper()
	text, err := os.ReadFile("testdata/programs/" + name + ".model")
	require.NoError(t, err)
	return checked(t, string(text), compiler.Options{Tests: true})
}

func sizesOf(b *recipe.Train) lower.Sizes {
	return lower.Sizes{B: b.Rows.Batch, Lengths: map[string]int64{"S": 6, "T": 5}}
}

// stepEntry is the variant of a block's step in which the updates of this step meet.
func stepEntry(b *recipe.Block, step int) string {
	name := b.Name + ".step"
	if len(b.Train.Every) == 0 {
		return name
	}
	name += "."
	for _, n := range b.Train.Every {
		if int64(step)%n == 0 {
			name += "1"
		} else {
			name += "0"
		}
	}
	return name
}

// rowsOf makes a batch of random rows for every column that some entry reads.
func rowsOf(m *machine, b *recipe.Block) map[string][]float64 {
	m.t.Helper()
	random := rand.New(rand.NewPCG(7, 1))
	in := map[string][]float64{}
	var visit func(x *core.Term)
	seen := map[*core.Term]bool{}
	visit = func(x *core.Term) {
		if x == nil || seen[x] {
			return
		}
		seen[x] = true
		for _, a := range x.Args {
			visit(a)
		}
		if sc, is := x.Kind.(core.Scan); is {
			for _, n := range append(append([]*core.Term(nil), sc.Next...), sc.Outs...) {
				visit(n)
			}
		}
		k, is := x.Kind.(core.Input)
		if !is || !strings.HasPrefix(k.Name, "batch.") || in[k.Name] != nil {
			return
		}
		n := int64(1)
		for _, d := range x.Type.Dims {
			v, err := d.Eval(func(s *size.Sym) (int64, bool) {
				if s == m.c.Program().B {
					return m.sizes.B, true
				}
				v, ok := m.sizes.Lengths[s.Name]
				return v, ok
			})
			require.NoError(m.t, err)
			n *= v
		}
		data := make([]float64, n)
		for i := range data {
			switch {
			case x.Type.Elem == core.Bool:
				data[i] = 1
				if i%6 > 3 {
					data[i] = 0
				}
			case x.Type.Elem == core.ID:
				r, _ := x.Type.Range.Const()
				data[i] = float64(random.Int64N(r))
			case x.Type.Elem == core.U8:
				data[i] = float64(random.IntN(256))
			case x.Type.Elem.IsInt():
				data[i] = float64(random.IntN(5))
			default:
				data[i] = random.NormFloat64()
			}
		}
		in[k.Name] = data
	}
	p := m.c.Program()
	for _, tr := range p.Trains {
		for _, u := range tr.Updates {
			visit(u.Loss)
		}
		for _, list := range [][]core.Named{tr.Metrics, tr.Valid} {
			for _, n := range list {
				visit(n.Term)
				if n.Host != nil {
					for _, a := range n.Host.Args {
						visit(a)
					}
				}
			}
		}
	}
	for _, v := range p.Values {
		for _, n := range v.Outputs {
			visit(n.Term)
		}
	}
	return in
}

// all reads every state by the names of a checkpoint.
func (m *machine) all() map[string][]float64 {
	out := map[string][]float64{}
	for _, st := range m.state {
		if st.Role == ir.Cache {
			continue
		}
		if st.Parts == nil {
			out[st.Name] = m.read(st.Name)
			continue
		}
		for _, p := range st.Parts {
			out[p] = m.read(p)
		}
	}
	return out
}

func alike(t *testing.T, want, got map[string][]float64, within float64) {
	t.Helper()
	require.Equal(t, len(want), len(got))
	for n, w := range want {
		g := got[n]
		require.Len(t, g, len(w), n)
		for i := range w {
			if d := math.Abs(w[i] - g[i]); !(d <= within*(1+math.Abs(w[i]))) {
				t.Errorf("%s differs at %d: %v and %v", n, i, head(w), head(g))
				break
			}
		}
	}
}

// finite runs what measures, predicts and draws, and demands numbers.
func finite(t *testing.T, m *machine, in map[string][]float64) {
	t.Helper()
	for _, e := range m.c.Entries() {
		if !measures(e) {
			continue
		}
		out := m.call(e, in)
		require.NotEmpty(t, out, e)
		for n, v := range out {
			for _, x := range v {
				require.False(t, math.IsNaN(x), "%s: %s", e, n)
			}
		}
		if finish := e + ".finish"; contains(m.c.Entries(), finish) {
			for n, v := range m.call(finish, out) {
				for _, x := range v {
					require.False(t, math.IsNaN(x), "%s: %s", finish, n)
				}
			}
		}
	}
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// Precisions compute the same, each as well as it can.
func TestProgramsPrecision(t *testing.T) {
	for _, name := range programs(t) {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile("testdata/programs/" + name + ".model")
			require.NoError(t, err)
			first := map[string]float64{}
			var start map[string][]float64
			for _, precision := range []string{"f32", "bf16", "f32strict", "f64"} {
				c := checked(t, strings.Replace(string(text), "  steps = ", "  precision = "+precision+"\n  steps = ", 1), compiler.Options{})
				b := c.Recipe().Blocks[0]
				s := sizesOf(b.Train)
				s.Strict = precision == "f32strict"
				m := newMachine(t, c, s)
				m.call(b.Name+".init", nil)
				if start == nil {
					start = m.all()
				}
				for n, v := range start {
					m.write(n, v)
				}
				in := rowsOf(m, b)
				for step := range 3 {
					out := m.call(stepEntry(b, step), in)
					for n, v := range out {
						require.False(t, math.IsNaN(v[0]) || math.IsInf(v[0], 0), "%s in %s", n, precision)
					}
					if step == 0 {
						first[precision] = lossOf(out)
					}
				}
			}
			require.InEpsilon(t, first["f32"], first["f32strict"], 1e-5)
			require.InEpsilon(t, first["f32"], first["bf16"], 0.05)
			if !strings.Contains(string(text), "normal[") && !strings.Contains(string(text), "drop") {
				require.InEpsilon(t, first["f32"], first["f64"], 1e-5) // draws in f64 are others
			}
		})
	}
}

// What no update names stays: weights, running statistics, and the layer that a LoRA was given.
func TestFrozenStays(t *testing.T) {
	c := program(t, "freeze")
	b := c.Recipe().Blocks[0]
	m := newMachine(t, c, sizesOf(b.Train))
	m.call("adapt.init", nil)
	before := m.all()
	in := rowsOf(m, b)
	for step := range 3 {
		m.call(stepEntry(b, step), in)
	}
	moved := map[string]bool{}
	for n, v := range m.all() {
		for i := range v {
			if v[i] != before[n][i] {
				moved[n] = true
			}
		}
	}
	for n := range before {
		base := strings.HasPrefix(n, "adapt.base.") || strings.HasPrefix(n, "adapt.wide.")
		require.Equal(t, !base, moved[n], n)
	}
}

// An update with every = 2 takes part in every second step; the other takes part in all.
func TestEvery(t *testing.T) {
	c := program(t, "gan")
	b := c.Recipe().Blocks[0]
	require.Equal(t, []int64{1, 2}, b.Train.Every)
	m := newMachine(t, c, sizesOf(b.Train))
	m.call("gan.init", nil)
	in := rowsOf(m, b)
	for step := range 4 {
		g, d := m.read("gan.G.net.2.w"), m.read("gan.D.net.0.w")
		m.call(stepEntry(b, step), in)
		require.Equal(t, step%2 != 0, same(g, m.read("gan.G.net.2.w")), "step %d", step)
		require.False(t, same(d, m.read("gan.D.net.0.w")), "step %d", step)
	}
}

func same(a, b []float64) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// The processor computes what the reference device does: steps, metrics, outputs.
func TestProgramsOnTheProcessor(t *testing.T) {
	for _, name := range programs(t) {
		t.Run(name, func(t *testing.T) {
			c := program(t, name)
			b := c.Recipe().Blocks[0]
			slow := newMachine(t, c, sizesOf(b.Train))
			device, err := cpu.New(cpu.Options{Threads: 2})
			require.NoError(t, err)
			defer device.Close()
			fast := machineOn(t, c, sizesOf(b.Train), device)
			in := rowsOf(slow, b)
			for _, m := range []*machine{slow, fast} {
				m.call(b.Name+".init", nil)
			}
			for step := range 3 {
				want, got := slow.call(stepEntry(b, step), in), fast.call(stepEntry(b, step), in)
				alike(t, want, got, 1e-3)
			}
			alike(t, slow.all(), fast.all(), 1e-2)
			for n, v := range slow.all() {
				fast.write(n, v)
			}
			for _, e := range c.Entries() {
				if measures(e) {
					alike(t, slow.call(e, in), fast.call(e, in), 1e-3)
				}
			}
		})
	}
}

// The library's tests and the language's hold on the processor as well.
func TestLibraryOnTheProcessor(t *testing.T) {
	var texts []stdlib.File
	texts = append(texts, stdlib.Tests()...)
	files, err := filepath.Glob("testdata/language/*.model")
	require.NoError(t, err)
	for _, f := range files {
		b, err := os.ReadFile(f)
		require.NoError(t, err)
		texts = append(texts, stdlib.File{Name: f, Text: string(b)})
	}
	device, err := cpu.New(cpu.Options{Threads: 2})
	require.NoError(t, err)
	defer device.Close()
	for _, f := range texts {
		t.Run(f.Name, func(t *testing.T) {
			c := checked(t, f.Text, compiler.Options{Tests: true})
			for i, test := range c.Program().Tests {
				t.Run(test.Title, func(t *testing.T) { runTest(t, c, i, device) })
			}
		})
	}
}

// measures reports whether an entry measures, predicts or draws: it takes columns and moves nothing.
func measures(entry string) bool {
	for _, end := range []string{".init", ".begin", ".next", ".full", ".finish"} {
		if strings.HasSuffix(entry, end) {
			return false
		}
	}
	return !strings.Contains(entry, ".step") && !strings.HasPrefix(entry, "test.")
}

// A metric is exact over a split: parts of different sizes, merged, give what all rows at once give (ruling 57). Batch statistics of rest do not mix rows, and nothing
// is drawn while measuring but where the loss itself draws.
func TestMetricsMerge(t *testing.T) {
	const rows = 8
	measured := 0
	for _, name := range programs(t) {
		c := program(t, name)
		b := c.Recipe().Blocks[0]
		entry := b.Train.Metrics.Entry
		text, err := os.ReadFile("testdata/programs/" + name + ".model")
		require.NoError(t, err)
		if len(b.Train.Metrics.Names) == 0 || !contains(c.Entries(), entry) || strings.Contains(string(text), "normal[") {
			continue
		}
		measured++
		t.Run(name, func(t *testing.T) {
			whole := newMachine(t, c, lower.Sizes{B: rows, Lengths: sizesOf(b.Train).Lengths})
			whole.call(b.Name+".init", nil)
			in := rowsOf(whole, b)
			want := whole.call(entry+".finish", whole.call(entry, in))
			merged := map[string][]float64{}
			from := 0
			for _, n := range []int{5, 3} {
				part := newMachine(t, c, lower.Sizes{B: int64(n), Lengths: sizesOf(b.Train).Lengths})
				part.call(b.Name+".init", nil)
				cut := map[string][]float64{}
				for k, v := range in {
					each := len(v) / rows
					cut[k] = v[from*each : (from+n)*each]
				}
				from += n
				for k, v := range part.call(entry, cut) {
					if merged[k] == nil {
						merged[k] = v
						continue
					}
					merge := "row" // of a metric of the host
					for _, p := range b.Train.Metrics.Partials {
						if p.Name == k {
							merge = p.Merge
						}
					}
					for i := range v {
						switch merge {
						case "sum":
							merged[k][i] += v[i]
						case "max":
							merged[k][i] = math.Max(merged[k][i], v[i])
						case "min":
							merged[k][i] = math.Min(merged[k][i], v[i])
						}
					}
				}
			}
			alike(t, want, whole.call(entry+".finish", merged), 1e-5)
		})
	}
	require.Greater(t, measured, 5)
}

// The gradient of every program's loss, in f64, is its slope along a random direction of each weight.
func TestProgramsGradients(t *testing.T) {
	setting := regexp.MustCompile(`(?m)^ *(optimizer|clip|accumulate) = .*\n`)
	for _, name := range programs(t) {
		if name == "gan" || name == "freeze" || name == "wrapped" {
			continue // two updates, or optimizers of an update
		}
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile("testdata/programs/" + name + ".model")
			require.NoError(t, err)
			s := setting.ReplaceAllString(string(text), "")
			s = strings.Replace(s, "  steps = ", "  optimizer = SGD(1.0)\n  precision = f64\n  steps = ", 1)
			c := checked(t, s, compiler.Options{})
			b := c.Recipe().Blocks[0]
			train := c.Program().Trains[0]
			m := newMachine(t, c, sizesOf(b.Train))
			m.call(b.Name+".init", nil)
			in := rowsOf(m, b)
			start := m.all()
			loss := func() float64 { return m.call(b.Name+".step", in)["loss"][0] }
			restore := func() {
				for n, v := range start {
					m.write(n, v)
				}
			}
			loss()
			after := m.all()
			random := rand.New(rand.NewPCG(5, 5))
			for _, slot := range train.Slots {
				if slot.Role != core.Param {
					continue
				}
				names := slot.Parts
				if names == nil {
					names = []string{slot.Path}
				}
				for _, n := range names {
					n = b.Name + "." + n
					direction := make([]float64, len(start[n]))
					slope, length := 0.0, 0.0
					for i := range direction {
						direction[i] = random.NormFloat64()
						slope += direction[i] * (start[n][i] - after[n][i])
						length += direction[i] * direction[i]
					}
					const h = 1e-3
					at := func(by float64) float64 {
						restore()
						moved := make([]float64, len(direction))
						for i := range moved {
							moved[i] = start[n][i] + by*direction[i]/math.Sqrt(length)
						}
						m.write(n, moved)
						return loss()
					}
					found := (at(h) - at(-h)) / (2 * h) * math.Sqrt(length)
					// The loss comes out in f32; relu and max have kinks.
					require.InDelta(t, slope, found, 1e-3*math.Sqrt(length)+0.01*math.Abs(slope), n)
				}
			}
		})
	}
}
