// Package opt makes modules smaller and faster without changing what they compute: one pass per file, and one table that says in which order they run and why.
//
// Every pass takes a verified module to a verified module with the same entries, and every entry of the result computes what it did before (up to the rounding
// of sums that a pass reorders, which is said in the pass). Passes are linear in the size of the module, but for keep, which solves a
// minimum cut per pair of loops.
//
// Functions are processed callees first; a pass that changes the signature of a loop body does it in a copy (loop.go) and leaves the renumbering of the
// module to ir.Module.Collect, which runs after every pass.
package opt

import (
	"fmt"
	"slices"
	"strings"

	"modelc/ir"
)

// Pass is one row of the table.
type Pass struct {
	Name string
	Run  func(*ir.Module, Options)
	Why  string // what it does, and why at this place
}

// Options says for whom a module is made.
type Options struct {
	// Keep reports whether the backend runs a call of a Whole function as one kernel of its own; nil: it claims none.
	Keep func(*ir.Instr) bool
	// After, if not nil, sees the module after every pass.
	After func(stage string, m *ir.Module)
	// Verify checks every invariant of the module after every pass; a violation is an error of the pass.
	Verify bool
	// Until names the last stage to run; empty: all of them.
	Until string
}

// Passes is the pass table. A pass that stands twice runs twice.
var Passes = []Pass{
	{"inline", inline, "ordinary calls disappear: all that follows sees through them"},
	{"expand", expand, "calls of composites that the backend has no kernel for become their bodies, so that a backward function's second computation of the forward one can merge with the first"},
	{"fold", fold, "constants before the rules that look at constants"},
	{"simplify", simplify, "rules that remove work; before cse, which then meets one form of equal things"},
	{"cse", cse, "equal instructions become one"},
	{"loops", loops, "loop arguments in normal form: what never changes is a const, what is equal is passed once; before dce, which finds them unused"},
	{"dce", dce, "what nobody needs goes, through loops; before hoist and keep, which would move it"},
	{"hoist", hoist, "what is equal in every turn leaves the loops; before keep, which would store it per turn"},
	{"cse", cse, "what was hoisted out of a forward loop and out of its reverse meets"},
	{"keep", keep, "a reversed loop reads from the forward loop what is cheaper to store than to compute again"},
	{"batch", batch, "products that all turns can do at once leave the loops; after keep, which takes what it can from the forward loop instead"},
	{"fold", fold, "constants that came together"},
	{"simplify", simplify, "forms that came together"},
	{"cse", cse, "values that keep appended to a forward body are there already"},
	{"loops", loops, "arguments that keep made equal"},
	{"dce", dce, "the computations that keep made needless"},
}

// Stages returns what `modelc ir --after=STAGE` takes, in order: the names of the passes, the second run of one with .2 behind it, and so on.
func Stages() []string {
	out := make([]string, len(Passes))
	runs := map[string]int{}
	for i, p := range Passes {
		out[i] = p.Name
		if runs[p.Name]++; runs[p.Name] > 1 {
			out[i] = fmt.Sprintf("%s.%d", p.Name, runs[p.Name])
		}
	}
	return out
}

// Run applies the table to a module, in place. It fails on an unknown stage, and when Verify is asked for and finds a pass at fault.
func Run(m *ir.Module, o Options) error {
	stages := Stages()
	if o.Until != "" && !slices.Contains(stages, o.Until) {
		return fmt.Errorf("there is no stage %q; the stages are %s", o.Until, strings.Join(stages, ", "))
	}
	for i, p := range Passes {
		p.Run(m, o)
		m.Collect()
		if o.Verify {
			if err := ir.Verify(m); err != nil {
				return fmt.Errorf("after stage %s: %w", stages[i], err)
			}
		}
		if o.After != nil {
			o.After(stages[i], m)
		}
		if stages[i] == o.Until {
			break
		}
	}
	return nil
}

// rewrite rebuilds the body of a function. Each instruction, in order and with its arguments already replaced, goes to visit, which may append others with b and
// returns what stands for its results, or nil to keep it as it is.
func rewrite(f *ir.Func, visit func(b *ir.Builder, c *ir.Instr) []*ir.Value) {
	body := f.Body
	to := make([]*ir.Value, f.Bound())
	b := ir.Extend(f)
	f.Body = make([]*ir.Instr, 0, len(body))
	for _, c := range body {
		c.Args = replaced(c.Args, to)
		b.Pos = c.Pos
		results := c.Results // visit may give the instruction others
		values := visit(b, c)
		if values == nil {
			f.Body = append(f.Body, c)
			continue
		}
		for i, r := range results {
			v := values[i]
			if v.Hint == "" {
				v.Hint = r.Hint
			}
			to[r.ID] = v
		}
	}
	f.Results = replaced(f.Results, to)
	if b.Err != nil {
		panic(fmt.Sprintf("opt: @%s: %v", f.Name, b.Err))
	}
}

// replaced returns the list with values replaced; the list itself stays as it is, others may hold it.
func replaced(list, to []*ir.Value) []*ir.Value {
	copied := false
	for i, v := range list {
		if int(v.ID) >= len(to) || to[v.ID] == nil {
			continue
		}
		if !copied {
			list, copied = append([]*ir.Value(nil), list...), true
		}
		list[i] = to[v.ID]
	}
	return list
}
