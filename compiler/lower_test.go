package compiler_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"modelc/compiler"
	"modelc/compiler/lower"
	"modelc/ir"
	"modelc/lang/diag"
)

// Every entry of every example lowers, at a small size, to a module that verifies and survives the pass table.
func TestExamplesLower(t *testing.T) {
	files, err := filepath.Glob("../examples/*.model")
	require.NoError(t, err)
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			text, err := os.ReadFile(f)
			require.NoError(t, err)
			c := compiler.Check(f, text, compiler.Options{Preset: "tiny", Tests: true})
			require.False(t, c.Diagnostics().Failed(), diag.Text(c.Diagnostics()))
			for _, entry := range c.Entries() {
				s := lower.Sizes{B: 4, Tokens: 8, Capacity: 16, Lengths: lengths(c)}
				if strings.HasSuffix(entry, ".finish") || strings.HasSuffix(entry, ".init") {
					s = lower.Sizes{}
				}
				m, diags := c.Module(entry, s, nil)
				require.False(t, diags.Failed(), "%s: %s", entry, diag.Text(diags))
				require.NoError(t, ir.Verify(m), entry)
			}
		})
	}
}

// lengths gives every length of a row that a file names the same number.
func lengths(c *compiler.Checked) map[string]int64 {
	out := map[string]int64{}
	for _, d := range c.Recipe().Data {
		for _, col := range d.Columns {
			for _, n := range col.Lengths {
				out[n] = 16
			}
		}
	}
	return out
}
