package lower_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"modelc/compiler/core"
	"modelc/compiler/lower"
	"modelc/compiler/size"
	"modelc/ir"
	"modelc/lang/source"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// The whole text of a few modules is pinned, as lowered.
func TestGoldenModules(t *testing.T) {
	regression := newMaker()
	regression.regression()
	stack := newMaker()
	stack.tower(true, false)
	chat := newDecoder(true)
	g := &core.Generate{Name: "chat", T: chat.T, Capacity: chat.capacity, Caches: []*core.Slot{chat.keys, chat.values, chat.sum}}
	g.Next, g.NextKeep = chat.logits("next")
	chat.p.Gens = []*core.Generate{g}
	for _, c := range []struct {
		name, entry string
		p           *core.Program
		s           lower.Sizes
	}{
		{"init", "fit.init", stack.p, lower.Sizes{}},
		{"regression", "fit.step", regression.p, lower.Sizes{B: 4}},
		{"stack", "fit.step", stack.p, lower.Sizes{B: 4}},
		{"next", "chat.next", chat.p, lower.Sizes{B: 2, Capacity: 8}},
		{"metrics", "fit.valid", regression.p, lower.Sizes{B: 4}},
		{"finish", "fit.valid.finish", regression.p, lower.Sizes{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := lowered(t, c.p, c.entry, c.s)
			a := &txtar.Archive{Files: []txtar.File{{Name: "ir", Data: []byte(ir.Print(m))}}}
			path := filepath.Join("testdata", c.name+".txtar")
			if *update {
				require.NoError(t, os.MkdirAll("testdata", 0o777))
				require.NoError(t, os.WriteFile(path, txtar.Format(a), 0o666))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, string(want), string(txtar.Format(a)))
		})
	}
}

// Instructions know the line that they came from, the line that called it, and the layer.
func TestInstructionsKnowTheirPlace(t *testing.T) {
	file := source.NewFile("net.model", []byte("a\nb = f(x)\n"))
	library := source.NewFile("std/f.model", []byte("exp(x)\n"))
	m := newMaker()
	e := m.op("exp", m.input("batch.x", f32(m.B)))
	e.Site = &core.Site{At: source.Span{File: library, Start: 0, End: 3}, Up: &core.Site{At: source.Span{File: file, Start: 6, End: 7}}, Path: "net.f"}
	mod := lowered(t, m.value(e), "out", lower.Sizes{B: 1})
	s := mod.Site(mod.Entries[0].Func.Body[0].Pos)
	require.Equal(t, "std/f.model", s.File)
	require.Equal(t, "net.f", s.Path)
	require.Equal(t, ir.Site{File: "net.model", Line: 2, Col: 5}, mod.Site(s.Up))
	// A diagnostic points at the user's line.
	e.Type.Dims = dims(size.NewSym("unknown"))
	_, l := lower.Lower(m.value(e), "out", lower.Sizes{B: 1})
	require.Equal(t, "net.model", l[0].At.File.Name)
}

func TestNarrowFloats(t *testing.T) {
	m := newMaker()
	half := func(x *core.Term) *core.Term { return m.cast(core.BF16, x) }
	x, w := half(m.input("batch.x", f32(m.B, 8))), half(m.input("batch.w", f32(8, 2)))
	y := m.matmul(x, w)
	mod := lowered(t, m.value(y, m.reduce("mean", x, 1), m.term(core.Along{Code: "softmax", Axis: 1}, x.Type, x)), "out", lower.Sizes{B: 2, Strict: true})
	for _, f := range mod.Funcs {
		for _, c := range f.Body {
			if n := c.Op.Name(); n == "dot" {
				require.Equal(t, ir.BF16, c.Results[0].Type.DType, "a product rounds once")
				require.Contains(t, ir.Print(mod), `precision="strict"`)
			} else if n == "reduce_sum" || n == "exp" {
				require.Equal(t, ir.F32, c.Args[0].Type.DType, "statistics work in f32")
			}
		}
	}
}
