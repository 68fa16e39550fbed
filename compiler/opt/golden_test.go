package opt

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"modelc/ir"
	"modelc/ir/ops"
)

var update = flag.Bool("update", false, "rewrite the expected modules of testdata")

// TestGolden runs one pass, named by the part of the file's name before the underscore, on the module "in" of each archive and expects the module "out".
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		t.Run(name, func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			require.NoError(t, err)
			require.Equal(t, "in", a.Files[0].Name)
			m, err := ir.Parse(file, string(a.Files[0].Data), ops.Registry)
			require.NoError(t, err)
			require.NoError(t, ir.Verify(m))
			want := values(t, m)
			pass, _, _ := strings.Cut(name, "_")
			seen[pass] = true
			for _, p := range Passes {
				if p.Name == pass {
					p.Run(m, Options{Keep: func(c *ir.Instr) bool { return c.Callees[0].Name == "claimed" }})
					break
				}
			}
			m.Collect()
			require.NoError(t, ir.Verify(m))
			requireSame(t, want, values(t, m), reordered, pass)
			got := ir.Print(m)
			if *update {
				a.Files = append(a.Files[:1], txtar.File{Name: "out", Data: []byte(got)})
				require.NoError(t, os.WriteFile(file, txtar.Format(a), 0o644))
				return
			}
			require.Len(t, a.Files, 2)
			require.Equal(t, string(a.Files[1].Data), got)
		})
	}
	for _, p := range Passes {
		require.True(t, seen[p.Name], "pass %s has no archive", p.Name)
	}
}
