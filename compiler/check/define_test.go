package check_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"modelc/compiler"
	"modelc/lang/diag"
	"modelc/stdlib"
)

// Every definition of the library is right by itself, whatever its sizes.
func TestTheLibraryIsRightByItself(t *testing.T) {
	for _, f := range stdlib.Files() {
		t.Run(f.Name, func(t *testing.T) {
			c := compiler.Check(f.Name, []byte(f.Text), compiler.Options{})
			require.Empty(t, diag.Text(c.Diagnostics()))
		})
	}
}

// Every example is accepted, without a word.
func TestExamplesAreAccepted(t *testing.T) {
	files, err := filepath.Glob("../../examples/*.model")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			text, err := os.ReadFile(f)
			require.NoError(t, err)
			require.Empty(t, diag.Text(compiler.Check(f, text, compiler.Options{Tests: true}).Diagnostics()))
		})
	}
}
