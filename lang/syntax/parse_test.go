package syntax

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"modelc/lang/source"
)

func corpus(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/corpus/*.model")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	texts := map[string][]byte{}
	for _, name := range files {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		texts[filepath.Base(name)] = text
	}
	return texts
}

func TestCorpusParses(t *testing.T) {
	for name, text := range corpus(t) {
		file, diags := Parse(source.NewFile(name, text))
		for _, d := range diags {
			t.Errorf("%s:%d: %s %s", name, d.At.Position().Line, d.Code, d.Title)
		}
		require.NotEmpty(t, file.Members)
	}
}

func BenchmarkParse(b *testing.B) {
	text := corpus(b)["core.model"]
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		Parse(source.NewFile("core.model", text))
	}
}

func BenchmarkScan(b *testing.B) {
	text := corpus(b)["core.model"]
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		Scan(source.NewFile("core.model", text))
	}
}
