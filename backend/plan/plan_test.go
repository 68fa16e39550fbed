package plan_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"modelc/backend/plan"
	"modelc/ir"
	"modelc/ir/irtest"
	"modelc/ir/ops"
)

var update = flag.Bool("update", false, "rewrite the expected plans of testdata")

var target = plan.Target{RowBudget: 4096, Operands: 16}

func planned(t *testing.T, m *ir.Module, to plan.Target) *plan.Program {
	states := map[string]int{}
	for i, s := range m.State {
		states[s.Name] = i
	}
	p, err := plan.New(m, m.Entries[0], states, to)
	require.NoError(t, err)
	return p
}

// TestGolden plans the module "in" of each archive and expects the text "plan".
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			require.NoError(t, err)
			m, err := ir.Parse(file, string(a.Files[0].Data), ops.Registry)
			require.NoError(t, err)
			require.NoError(t, ir.Verify(m))
			got := plan.Print(planned(t, m, target))
			if *update {
				a.Files = append(a.Files[:1], txtar.File{Name: "plan", Data: []byte(got)})
				require.NoError(t, os.WriteFile(file, txtar.Format(a), 0o644))
				return
			}
			require.Len(t, a.Files, 2)
			require.Equal(t, string(a.Files[1].Data), got)
		})
	}
}

// TestMemoryIsNotSharedAtOnce walks the steps of random programs and checks that what is still needed is not overwritten: between a write and a later read of
// the same buffer, no other buffer over the same bytes is written.
func TestMemoryIsNotSharedAtOnce(t *testing.T) {
	for seed := range uint64(300) {
		m := irtest.Random(irtest.Rand(seed), irtest.Options{Instructions: 30, Axis: 5, Float: ir.F32})
		for _, single := range []bool{false, true} {
			to := target
			to.Single = single
			p := planned(t, m, to)
			owner := map[int64]*plan.Buffer{} // of each slot of 64 bytes
			check(t, p.Steps, owner, fmt.Sprintf("seed %d", seed))
			for i := range p.Out {
				owned(t, owner, &p.Out[i], fmt.Sprintf("seed %d, output %d", seed, i))
			}
		}
	}
}

func check(t *testing.T, steps []*plan.Step, owner map[int64]*plan.Buffer, name string) {
	for _, s := range steps {
		for i := range s.In {
			owned(t, owner, &s.In[i], name)
		}
		if s.Scan != nil {
			// Two turns meet what the first one left.
			for i := range s.Out {
				owns(owner, &s.Out[i])
			}
			if s.Scan.Length > 0 {
				check(t, s.Scan.Body, owner, name)
				check(t, s.Scan.Body, owner, name)
			}
			for i := range s.Out {
				owned(t, owner, &s.Out[i], name)
			}
		}
		for i := range s.Out {
			owns(owner, &s.Out[i])
		}
	}
}

func slots(o *plan.Operand, f func(slot int64)) {
	b := o.Buf.Home()
	if b.Space != plan.Arena {
		return
	}
	for at := b.Offset; at < b.Offset+b.Bytes; at += plan.SlotBytes {
		f(at)
	}
}

func owns(owner map[int64]*plan.Buffer, o *plan.Operand) {
	slots(o, func(at int64) { owner[at] = o.Buf.Home() })
}

func owned(t *testing.T, owner map[int64]*plan.Buffer, o *plan.Operand, name string) {
	slots(o, func(at int64) { require.Same(t, o.Buf.Home(), owner[at], "%s: %v at %d", name, o, at) })
}

func TestUnknownState(t *testing.T) {
	b := ir.NewBuilder("f")
	x := b.Param(ir.Of(ir.F32), "x")
	f := b.Return(x)
	s := &ir.State{Name: "w", Type: x.Type}
	m := &ir.Module{Funcs: []*ir.Func{f}, State: []*ir.State{s}, Entries: []*ir.Entry{{Name: "main", Func: f, Out: []string{"y"}, Read: []*ir.State{s}}}}
	_, err := plan.New(m, m.Entries[0], nil, target)
	assert.ErrorContains(t, err, "w")
}
