package diag_test

import (
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"modelc/lang/diag"
)

var update = flag.Bool("update", false, "rewrite docs/diagnostics.md")

func TestTheDocumentationIsFresh(t *testing.T) {
	const path = "../../docs/diagnostics.md"
	if *update {
		require.NoError(t, os.MkdirAll("../../docs", 0o777))
		require.NoError(t, os.WriteFile(path, []byte(diag.Document()), 0o666))
	}
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, diag.Document(), string(text), "go test ./lang/diag -update")
}
