package arch

import (
	"bytes"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const root = "../.."

// row is a line of the plan.
type row struct{ ours, others []string }

func plan(t *testing.T) (rows map[string]row, order []string) {
	t.Helper()
	rows = map[string]row{}
	for _, line := range strings.Split(Plan, "\n") {
		if line == "" {
			continue
		}
		name, rest, ok := strings.Cut(line, ":")
		require.True(t, ok, line)
		ours, others, _ := strings.Cut(rest, ";")
		require.NotContains(t, rows, name)
		rows[name] = row{strings.Fields(ours), strings.Fields(others)}
		order = append(order, name)
	}
	return rows, order
}

// covers reports whether a list of packages, with patterns, names one.
func covers(list []string, pkg string) bool {
	return slices.ContainsFunc(list, func(p string) bool {
		dir, any := strings.CutSuffix(p, "/*")
		return p == pkg || any && strings.HasPrefix(pkg, dir+"/")
	})
}

// sources calls do with every Go file that is no test, by its package's path below the module.
func sources(t *testing.T, do func(pkg, file string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if base := d.Name(); name != root && (base == "testdata" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "runs") {
				return filepath.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			rel, err := filepath.Rel(root, filepath.Dir(name))
			if err != nil {
				return err
			}
			do(filepath.ToSlash(rel), name)
		}
		return nil
	})
	require.NoError(t, err)
}

func imports(t *testing.T, file string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	require.NoError(t, err)
	var out []string
	for _, i := range f.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		require.NoError(t, err)
		out = append(out, p)
	}
	return out
}

func TestImportsFollowThePlan(t *testing.T) {
	rows, _ := plan(t)
	seen := map[string]bool{}
	sources(t, func(pkg, file string) {
		seen[pkg] = true
		r, ok := rows[pkg]
		if !assert.True(t, ok, "the package %s is not in the plan", pkg) {
			return
		}
		for _, p := range imports(t, file) {
			if ours, ok := strings.CutPrefix(p, "modelc/"); ok {
				assert.True(t, covers(r.ours, ours), "%s imports %s, which the plan does not have", file, p)
			} else if strings.Contains(p, ".") {
				assert.True(t, covers(r.others, p), "%s imports %s, which the plan does not have", file, p)
			}
		}
	})
	for pkg := range rows {
		assert.True(t, seen[pkg], "the plan names %s, which is not there", pkg)
	}
}

func TestThePlanPointsDown(t *testing.T) {
	rows, order := plan(t)
	for i, pkg := range order {
		for _, p := range rows[pkg].ours {
			for _, above := range order[i:] {
				assert.False(t, covers([]string{p}, above) && !strings.HasSuffix(p, "/*"), "%s stands below %s and may import it", pkg, above)
			}
		}
	}
}

func TestLaws(t *testing.T) {
	rows, _ := plan(t)
	for _, ground := range []string{"ir", "ir/scalar", "lang/source", "stdlib", "recipe"} {
		assert.Empty(t, rows[ground].ours, "%s imports nothing of ours", ground)
	}
	for pkg, r := range rows {
		assert.NotContains(t, []string{"util", "utils", "common", "helper", "helpers", "types", "misc", "base"}, path.Base(pkg))
		towers := covers(r.ours, "ir") && covers(r.ours, "lang/syntax")
		if towers {
			assert.Contains(t, []string{"compiler", "cmd/modelc", "bench", "internal/docs"}, pkg, "only the compiler sees both towers")
		}
		if covers(r.ours, "backend/cpu") {
			assert.Contains(t, []string{"cmd/modelc", "bench"}, pkg, "only commands name a device")
		}
	}
}

func TestPurePackagesDoNoIO(t *testing.T) {
	sources(t, func(pkg, file string) {
		if !covers(strings.Fields(Pure), pkg) {
			return
		}
		for _, p := range imports(t, file) {
			assert.NotContains(t, []string{"os", "os/exec", "net", "net/http", "path/filepath", "syscall"}, p, file)
		}
	})
}

// TestFilesAreReadable watches over two rules of the house: a file tells one thing, and what is written by a program says so.
func TestFilesAreReadable(t *testing.T) {
	const most = 800
	sources(t, func(pkg, file string) {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		if bytes.Contains(text[:min(400, len(text))], []byte("DO NOT EDIT")) {
			return
		}
		assert.LessOrEqual(t, bytes.Count(text, []byte("\n")), most, "%s is long; cut it", file)
		for _, word := range []string{"TODO", "FIXME", "XXX"} {
			if pkg != "internal/arch" {
				assert.NotContains(t, string(text), word, file)
			}
		}
	})
}
