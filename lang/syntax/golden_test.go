package syntax

import (
	"flag"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"modelc/lang/diag"
	"modelc/lang/source"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestMessages pins the full message of each code of this package, from the example of the code table.
func TestMessages(t *testing.T) {
	const name = "testdata/messages.txtar"
	got := &txtar.Archive{Comment: []byte("The full message that the example of each code gives. Rewritten by go test -update.\n")}
	for _, e := range diag.Codes {
		if e.Code >= "M100" || e.Example == "" {
			continue
		}
		_, diags := Parse(source.NewFile("net.model", []byte(e.Example)))
		got.Files = append(got.Files, txtar.File{Name: e.Code, Data: []byte(diag.Text(diags))})
	}
	if *update {
		require.NoError(t, os.WriteFile(name, txtar.Format(got), 0o644))
	}
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	assert.Equal(t, string(text), string(txtar.Format(got)))
}
