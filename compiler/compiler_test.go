package compiler_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"modelc/compiler"
	"modelc/lang/diag"
)

// Every example is accepted as it stands.
func TestExamplesCheck(t *testing.T) {
	files, err := filepath.Glob("../examples/*.model")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			text, err := os.ReadFile(f)
			require.NoError(t, err)
			c := compiler.Check(f, text, compiler.Options{Tests: true})
			require.False(t, c.Diagnostics().Failed(), diag.Text(c.Diagnostics()))
		})
	}
}
