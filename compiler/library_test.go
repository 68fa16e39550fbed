package compiler_test

import (
	"os"
	"path"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"modelc/backend"
	"modelc/backend/reference"
	"modelc/compiler"
	"modelc/compiler/lower"
	"modelc/lang/diag"
	"modelc/stdlib"
)

// Every test block of the library holds on the reference device.
func TestLibrary(t *testing.T) {
	for _, f := range stdlib.Tests() {
		t.Run(path.Base(f.Name), func(t *testing.T) {
			c := compiler.Check(f.Name, []byte(f.Text), compiler.Options{Tests: true})
			require.False(t, c.Diagnostics().Failed(), diag.Text(c.Diagnostics()))
			require.NotEmpty(t, c.Program().Tests)
			for i, test := range c.Program().Tests {
				t.Run(test.Title, func(t *testing.T) { runTest(t, c, i, reference.Device()) })
			}
		})
	}
}

// runTest runs the n-th test block of a file.
func runTest(t *testing.T, c *compiler.Checked, n int, d backend.Device) {
	t.Helper()
	test := c.Program().Tests[n]
	if len(test.Asserts) == 0 {
		return // one that fails, or whose asserts were decided when it was checked
	}
	m := machineOn(t, c, lower.Sizes{}, d)
	if len(test.Slots) > 0 {
		m.call(lower.TestEntry(n)+".init", nil)
	}
	out := m.call(lower.TestEntry(n), nil)
	for i, a := range test.Asserts {
		name := string(rune('0' + i%10))
		if i >= 10 {
			name = string(rune('0'+i/10)) + name
		}
		if out["assert."+name][0] != 1 {
			p := a.At.Position()
			t.Errorf("%s:%d: %s does not hold\n  left  %v\n  right %v", p.Name, p.Line, a.Text, head(out["left."+name]), head(out["right."+name]))
		}
	}
}

func head(x []float64) []float64 { return x[:min(len(x), 12)] }

// The language's own tests: each form of it against another way to compute the same.
func TestLanguage(t *testing.T) {
	files, err := filepath.Glob("testdata/language/*.model")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			text, err := os.ReadFile(f)
			require.NoError(t, err)
			c := compiler.Check(f, text, compiler.Options{Tests: true})
			require.False(t, c.Diagnostics().Failed(), diag.Text(c.Diagnostics()))
			for i, test := range c.Program().Tests {
				t.Run(test.Title, func(t *testing.T) { runTest(t, c, i, reference.Device()) })
			}
		})
	}
}
