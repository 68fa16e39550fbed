//go:build unix

package data

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"modelc/recipe"
)

// A pipe would wait for a writer for ever, a device give bytes for ever.
func TestPipeAndDevice(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644))
	for path, want := range map[string]string{"pipe": "a pipe", "/dev/zero": "a device"} {
		for _, kind := range []string{"csv", "tsv", "text", "idx", "npy"} {
			c := source("a", scalar("int"))
			if kind == "text" {
				c = source("a", scalar("text"))
			}
			fails(t, &recipe.Data{Name: "D", Sources: []recipe.Source{{Kind: kind, Paths: []string{path}, Base: dir}}, Columns: []*recipe.Column{c}}, want)
		}
	}
}
