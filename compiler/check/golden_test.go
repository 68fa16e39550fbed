package check_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"modelc/compiler"
	"modelc/lang/diag"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// Each archive holds files, the first of which is checked (the others can be imported), the arguments of the command line, and the diagnostics it gets.
func TestDiagnostics(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(path)
			require.NoError(t, err)
			main, want := -1, -1
			o := compiler.Options{Tests: true, Read: func(name string) ([]byte, error) {
				for _, f := range a.Files {
					if f.Name == name {
						return f.Data, nil
					}
				}
				return nil, os.ErrNotExist
			}}
			for i, f := range a.Files {
				switch {
				case f.Name == "diag":
					want = i
				case f.Name == "args":
					args := strings.Fields(string(f.Data))
					for k := 0; k+1 < len(args); k += 2 {
						switch args[k] {
						case "--set":
							o.Set = append(o.Set, args[k+1])
						case "--preset":
							o.Preset = args[k+1]
						}
					}
				case main < 0:
					main = i
				}
			}
			require.GreaterOrEqual(t, main, 0)
			require.GreaterOrEqual(t, want, 0)
			got := diag.Text(compiler.Check(a.Files[main].Name, a.Files[main].Data, o).Diagnostics())
			if *update {
				a.Files[want].Data = []byte(got)
				require.NoError(t, os.WriteFile(path, txtar.Format(a), 0o666))
				return
			}
			require.Equal(t, string(a.Files[want].Data), got)
		})
	}
}
