package lower

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"modelc/compiler/core"
	"modelc/compiler/grad"
	"modelc/compiler/size"
	"modelc/ir"
	"modelc/ir/ops"
	"modelc/lang/diag"
	"modelc/lang/source"
)

// Sizes are the numbers that a module is specialised to.
type Sizes struct {
	B        int64               // rows of a batch; of a training step all of them, before accumulation cuts them
	Values   map[*size.Sym]int64 // lengths of a batch
	Lengths  map[string]int64    // the same by name, for symbols that Values does not hold
	Tokens   int64               // begin, full: positions of the (padded) tokens
	Capacity int64               // begin, next: rows of the caches
	Strict   bool                // products in f32 with the same bits on every CPU (precision = f32strict)
}

// Entries lists the names of the entries of a program in order of its blocks. Of a train block whose updates do not take part in every step, each set that meets
// in a step has a variant (recipe.Train.Every says which one a step runs: digit i of the suffix is 1 where step % Every[i] == 0).
func Entries(p *core.Program) []string {
	var out []string
	for _, t := range p.Trains {
		out = append(out, t.Name+".init")
		if sets := meetings(t); len(sets) == 1 {
			out = append(out, t.Name+".step")
		} else {
			for _, s := range sets {
				out = append(out, t.Name+".step."+s)
			}
		}
		if len(t.Valid) > 0 {
			out = append(out, t.Name+".valid", t.Name+".valid.finish")
		}
	}
	for _, e := range p.Evals {
		out = append(out, e.Name, e.Name+".finish")
	}
	for _, v := range p.Values {
		out = append(out, v.Name)
	}
	for _, g := range p.Gens {
		out = append(out, g.Name+".begin", g.Name+".next")
		if g.Full != nil {
			out = append(out, g.Name+".full")
		}
	}
	for i, t := range p.Tests {
		if len(t.Slots) > 0 {
			out = append(out, TestEntry(i)+".init")
		}
		out = append(out, TestEntry(i))
	}
	return out
}

// TestEntry names the entry of the n-th test block.
func TestEntry(n int) string { return "test." + strconv.Itoa(n) }

// meetings returns the sets of updates that meet in a step, as digits, over one period of their counts (at most 4096 steps of it).
func meetings(t *core.Train) []string {
	var out []string
	period := 1
	for _, u := range t.Updates {
		period = min(4096, lcm(period, max(1, u.Every)))
	}
	for step := range period {
		set := make([]byte, len(t.Updates))
		for i, u := range t.Updates {
			set[i] = '0'
			if step%max(1, u.Every) == 0 {
				set[i] = '1'
			}
		}
		if !slices.Contains(out, string(set)) {
			out = append(out, string(set))
		}
	}
	return out
}

func lcm(a, b int) int {
	g, h := a, b
	for h != 0 {
		g, h = h, g%h
	}
	return a / g * b
}

// Lower makes the module that holds one entry, specialised to the given sizes. The diagnostics are the user's: sizes that do not satisfy the conditions of the
// file, metrics that mix rows. The module is nil when there is an error among them.
func Lower(p *core.Program, entry string, s Sizes) (m *ir.Module, l diag.List) {
	g := &program{core: p, sizes: s, mod: &ir.Module{Name: entry, Sites: make([]ir.Site, 1)}, sites: map[*core.Site]ir.Pos{}}
	defer func() {
		if r := recover(); r != nil {
			f, ok := r.(failure)
			if !ok {
				panic(r)
			}
			m, l = nil, append(g.diags, f.diagnostic)
		}
	}()
	g.checks()
	if g.diags.Failed() {
		return nil, g.diags
	}
	g.entry(entry)
	return g.mod, g.diags
}

// program is the state of one call of Lower.
type program struct {
	core     *core.Program
	sizes    Sizes
	mod      *ir.Module
	sites    map[*core.Site]ir.Pos
	slots    map[*core.Slot]*ir.State
	counters map[string]*ir.State
	diags    diag.List
	at       *core.Site     // of the term in work
	block    string         // whose step counter the entry reads; "": it is step 0, as in tests
	gen      *core.Generate // the generate block of the entry, or nil
	phase    phase          // of a generate block
	names    map[string]int
	grad     *grad.Transform
	keep     []core.Write        // begin, next: carries that are kept
	done     map[*core.Slot]bool // those that have been
}

// phase is the part that an entry plays in generating.
type phase uint8

const (
	whole phase = iota // past is 0 and nothing is kept
	begin              // past is 0
	next               // past is a state
)

// failure is panicked with by fail and recovered by Lower: lowering a term nests deeply, and a failure ends it.
type failure struct{ diagnostic diag.Diagnostic }

// fail reports an error of the user and ends the lowering.
func (p *program) fail(code string, site *core.Site, title string, notes ...diag.Note) {
	d := diag.Diagnostic{Code: code, Title: title, Notes: notes}
	if site != nil {
		d.At = site.At
		for up := site; up != nil; up = up.Up {
			if user(up.At) {
				d.At = up.At
				break
			}
		}
	}
	panic(failure{d})
}

// user reports whether a place lies in a text of the user's.
func user(s source.Span) bool { return s.Valid() && !strings.HasPrefix(s.File.Name, "std/") }

// entry finds the block that an entry's name belongs to and lowers it.
func (p *program) entry(name string) {
	for _, t := range p.core.Trains {
		rest, ok := strings.CutPrefix(name, t.Name+".")
		if !ok {
			continue
		}
		p.block = t.Name
		switch set, variant := strings.CutPrefix(rest, "step."); {
		case rest == "init":
			p.init(name, t.Name, t.Slots)
			return
		case rest == "step":
			p.step(name, t, meetings(t)[0])
			return
		case variant && len(set) == len(t.Updates):
			p.step(name, t, set)
			return
		case rest == "valid":
			p.metrics(name, t.Valid)
			return
		case rest == "valid.finish":
			p.finish(name, t.Valid)
			return
		}
	}
	for _, e := range p.core.Evals {
		switch name {
		case e.Name:
			p.block = trainName(e.Train)
			p.metrics(name, e.Metrics)
			return
		case e.Name + ".finish":
			p.block = trainName(e.Train)
			p.finish(name, e.Metrics)
			return
		}
	}
	for _, v := range p.core.Values {
		if name == v.Name {
			p.block = trainName(v.Train)
			p.values(name, v.Outputs)
			return
		}
	}
	for _, g := range p.core.Gens {
		if rest, ok := strings.CutPrefix(name, g.Name+"."); ok && (rest == "begin" || rest == "next" || rest == "full") {
			p.block = trainName(g.Train)
			p.generate(name, g, rest)
			return
		}
	}
	for i, t := range p.core.Tests {
		switch name {
		case TestEntry(i):
			p.test(name, t)
			return
		case TestEntry(i) + ".init":
			p.init(name, "", t.Slots)
			return
		}
	}
	p.fail("M290", nil, fmt.Sprintf("this program has no entry %q", name))
}

func trainName(t *core.Train) string {
	if t == nil {
		return ""
	}
	return t.Name
}

// checks evaluates the conditions on sizes that were left open. A condition over names that have no value here belongs to another block.
func (p *program) checks() {
	for _, c := range p.core.Checks {
		a, errA := c.A.Eval(p.value)
		b, errB := c.B.Eval(p.value)
		if errA != nil || errB != nil {
			continue
		}
		var holds bool
		switch c.Op {
		case "==":
			holds = a == b
		case "<=":
			holds = a <= b
		case "%==0":
			holds = b != 0 && a%b == 0
		default:
			panic("lower: unknown condition " + c.Op)
		}
		if holds {
			continue
		}
		d := diag.Diagnostic{Code: c.Code, Title: c.Text, Notes: []diag.Note{{Kind: "why", Text: fmt.Sprintf("%s is %d and %s is %d here", c.A, a, c.B, b)}}}
		if c.Site != nil {
			d.At = c.Site.At
		}
		p.diags = append(p.diags, d)
	}
}

// value returns the number that a free size stands for.
func (p *program) value(s *size.Sym) (int64, bool) {
	switch {
	case s == p.core.B:
		return p.sizes.B, true
	case s == p.core.Past && p.phase == next:
		return p.sizes.Capacity - 1, true // so that past + T is the capacity
	case s == p.core.Past:
		return 0, true
	}
	if p.gen != nil {
		switch {
		case s == p.gen.T && p.phase == next:
			return 1, true
		case s == p.gen.T:
			return p.sizes.Tokens, true
		case s == p.gen.Capacity:
			return p.sizes.Capacity, true
		}
	}
	if v, ok := p.sizes.Values[s]; ok {
		return v, true
	}
	v, ok := p.sizes.Lengths[s.Name]
	return v, ok
}

// position returns the index of a site in the module's table.
func (p *program) position(s *core.Site) ir.Pos {
	if s == nil {
		return 0
	}
	if at, ok := p.sites[s]; ok {
		return at
	}
	x := ir.Site{Path: s.Path, Up: p.position(s.Up)}
	if s.At.Valid() {
		pos := s.At.Position()
		x.File, x.Line, x.Col = pos.Name, pos.Line, pos.Column
	}
	at := ir.Pos(len(p.mod.Sites))
	p.mod.Sites = append(p.mod.Sites, x)
	p.sites[s] = at
	return at
}

// unique returns a function name that the module does not have yet.
func (p *program) unique(name string) string {
	if p.names == nil {
		p.names = map[string]int{}
	}
	p.names[name]++
	if n := p.names[name]; n > 1 {
		return fmt.Sprintf("%s.%d", name, n)
	}
	return name
}

// gather collects the functions that f calls, callees first, then f.
func (p *program) gather(f *ir.Func, seen map[*ir.Func]bool) {
	if seen[f] {
		return
	}
	seen[f] = true
	for _, c := range f.Body {
		for _, g := range c.Callees {
			p.gather(g, seen)
		}
	}
	p.mod.Funcs = append(p.mod.Funcs, f)
}

// dtype is the stored type of an element.
func dtype(e core.Elem) ir.DType {
	switch e {
	case core.F16:
		return ir.F16
	case core.BF16:
		return ir.BF16
	case core.F32, core.Float:
		return ir.F32
	case core.F64:
		return ir.F64
	case core.U8:
		return ir.U8
	case core.I8:
		return ir.I8
	case core.I32, core.ID, core.Int:
		return ir.I32
	case core.I64:
		return ir.I64
	case core.Bool:
		return ir.Bool
	}
	panic("lower: a term without an element type")
}

func (p *program) precision() ops.Precision {
	if p.sizes.Strict {
		return ops.Strict
	}
	return ops.Default
}
