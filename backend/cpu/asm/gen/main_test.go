package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGeneratedFilesAreFresh(t *testing.T) {
	for name, want := range generate() {
		got, err := os.ReadFile(filepath.Join("..", name))
		require.NoError(t, err)
		require.Truef(t, string(want) == string(got), "%s is stale: run go generate in backend/cpu/asm", name)
	}
}
