package compiler_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"modelc/compiler"
	"modelc/compiler/lower"
	"modelc/stdlib"
)

// Whatever one or two changed words make of a text, it is reported or it lowers: nothing panics.
func TestMutatedTexts(t *testing.T) {
	var texts []string
	for _, g := range []string{"testdata/programs/*.model", "testdata/language/*.model", "../lang/syntax/testdata/corpus/*.model", "../examples/*.model"} {
		files, err := filepath.Glob(g)
		require.NoError(t, err)
		for _, f := range files {
			b, err := os.ReadFile(f)
			require.NoError(t, err)
			texts = append(texts, string(b))
		}
	}
	for _, f := range stdlib.Tests() {
		texts = append(texts, f.Text)
	}
	random := rand.New(rand.NewPCG(11, 3))
	for range 250 {
		mutated(t, texts[random.IntN(len(texts))], random)
	}
}

// FuzzCheck is TestMutatedTexts without an end.
func FuzzCheck(f *testing.F) {
	for _, x := range stdlib.Tests() {
		f.Add(x.Text, uint64(1))
	}
	f.Fuzz(func(t *testing.T, text string, seed uint64) {
		mutated(t, text, rand.New(rand.NewPCG(seed, 3)))
	})
}

var spare = strings.Fields(`x y B T 0 1 2 -1 [ ] ( ) , + * / // % ^ .. . ... = <- if for in along 1.5 true sum max last where normal zeros dim param state return yield softmax
	{ } float id(3) |> => not and 1000000000 9223372036854775807 grad training past cached step`)

func mutated(t *testing.T, text string, random *rand.Rand) {
	t.Helper()
	words := wordsOf(text)
	for range 1 + random.IntN(2) {
		i := random.IntN(len(words))
		switch random.IntN(4) {
		case 0:
			words[i] = ""
		case 1:
			words[i] = spare[random.IntN(len(spare))]
		case 2:
			words[i] += " " + spare[random.IntN(len(spare))]
		case 3:
			words[i] = words[random.IntN(len(words))]
		}
	}
	text = strings.Join(words, "")
	defer func() {
		if r := recover(); r != nil {
			t.Errorf("%v\n%s", r, text)
		}
	}()
	c := compiler.Check("mutated.model", []byte(text), compiler.Options{Tests: true})
	if c.Diagnostics().Failed() {
		return
	}
	for _, e := range c.Entries() {
		c.Module(e, lower.Sizes{B: 4, Tokens: 4, Capacity: 8, Lengths: map[string]int64{"S": 6, "T": 5}}, nil)
	}
}

// wordsOf cuts a text into words and single other characters.
func wordsOf(s string) []string {
	var out []string
	word := 0
	for i, c := range s {
		if c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			continue
		}
		if word < i {
			out = append(out, s[word:i])
		}
		out = append(out, string(c))
		word = i + len(string(c))
	}
	return append(out, s[min(word, len(s)):])
}
