package check_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"modelc/compiler"
	"modelc/lang/diag"
	"modelc/lang/source"
	"modelc/lang/syntax"
	"modelc/stdlib"
)

// corpus is the examples, the library, and the examples of the code table.
func corpus(t testing.TB) [][]byte {
	files, err := filepath.Glob("../../examples/*.model")
	require.NoError(t, err)
	var out [][]byte
	for _, f := range files {
		text, err := os.ReadFile(f)
		require.NoError(t, err)
		out = append(out, text)
	}
	for _, f := range stdlib.Files() {
		out = append(out, []byte(f.Text))
	}
	for _, e := range diag.Codes {
		if e.Code >= "M100" && e.Example != "" {
			out = append(out, []byte(e.Example))
		}
	}
	return out
}

// mutate changes tokens of a text: each pair of bytes of the recipe removes, doubles, swaps or replaces one.
func mutate(text, recipe []byte) []byte {
	f, _ := syntax.Parse(source.NewFile("seed.model", text))
	if f == nil || len(f.Tokens) == 0 {
		return text
	}
	var words []string
	for _, t := range f.Tokens {
		words = append(words, t.Text)
	}
	spare := []string{"0", "1", "-1", "2", "9223372036854775807", "x", "T", "B", "...", "[", "]", "(", ")", "float[B, T]", "id(3)", "=", "<-", "/", "//", "%", "@", "^", "if", "for", "last", "past", "training", "zeros", "Dense(2)", "sum[T]", "where", "true", "1.5", "\"a\"", "batch", "loss", "\n"}
	at := 0
	for i := 0; i+2 < len(recipe) && i < 24; i += 3 {
		at = (at*251 + int(recipe[i])*7 + int(recipe[i+1])) % len(words)
		switch recipe[i+2] % 5 {
		case 0:
			words[at] = ""
		case 1:
			words[at] += " " + words[at]
		case 2:
			k := (at + 1 + int(recipe[i+2])) % len(words)
			words[at], words[k] = words[k], words[at]
		case 3:
			words[at] = words[(at+int(recipe[i+1])*31)%len(words)]
		default:
			words[at] = " " + spare[int(recipe[i+1])%len(spare)] + " "
		}
	}
	var out []byte
	for _, w := range words {
		out = append(out, w...)
	}
	return out
}

// Whatever the text, checking ends, does not panic, and each finding has a code of the table and a sentence.
func FuzzCheck(f *testing.F) {
	seeds := corpus(f)
	for i := range seeds {
		f.Add(uint16(i), []byte{})
		f.Add(uint16(i), []byte{3, 1, 4, 1, 5, 9, 2, 6, 5})
	}
	f.Fuzz(func(t *testing.T, seed uint16, recipe []byte) {
		text := mutate(seeds[int(seed)%len(seeds)], recipe)
		found := compiler.Check("fuzz.model", text, compiler.Options{Tests: true, Preset: ""}).Diagnostics()
		for _, d := range found {
			_, known := diag.Lookup(d.Code)
			require.True(t, known, d.Code)
			require.NotEmpty(t, d.Title)
		}
		diag.Text(found)
	})
}
