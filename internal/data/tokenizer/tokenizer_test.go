package tokenizer

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func fit(t *testing.T, kind string, size int64, o Options, texts ...string) *Tokenizer {
	t.Helper()
	tok, err := Fit(kind, size, texts, o)
	require.NoError(t, err)
	return tok
}

func encode(t *testing.T, tok *Tokenizer, text string) []int64 {
	t.Helper()
	ids, err := tok.Encode(nil, text)
	require.NoError(t, err)
	return ids
}

func TestChar(t *testing.T) {
	tok := fit(t, "Char", 5, Options{}, "hello", "leh")
	assert.Equal(t, []int64{1, 0, 2, 2, 3}, encode(t, tok, "hello"))
	assert.Equal(t, []int64{1, 4}, encode(t, tok, "hö"), "room is left: the last number is the unknown character")
	assert.Equal(t, "h�", tok.Decode([]int64{1, 4}))
	tok = fit(t, "Char", 4, Options{}, "hello")
	_, err := tok.Encode(nil, "help")
	var u *Unknown
	require.ErrorAs(t, err, &u)
	assert.Equal(t, Unknown{"p", 3}, *u)
	_, err = Fit("Char", 3, []string{"hello"}, Options{})
	assert.ErrorContains(t, err, "4 different characters")
	_, err = Fit("Char", 4, []string{"hello"}, Options{End: true})
	assert.ErrorContains(t, err, "Char(5) holds all")
	tok = fit(t, "Char", 7, Options{Begin: true, End: true}, "hello")
	assert.Equal(t, []int{6, 5, 4}, []int{tok.End(), tok.Begin(), tok.Unknown()})
	tok = fit(t, "Char", 10, Options{}, "静夜思。床前明月光")
	assert.Equal(t, "月光", tok.Decode(encode(t, tok, "月光")))
}

func TestWords(t *testing.T) {
	tok := fit(t, "Words", 5, Options{}, "the cat, the dog", "the cat 月光")
	assert.Equal(t, []string{"the", "cat", ",", "dog"}, tok.entries)
	assert.Equal(t, []int64{0, 4, 2, 1}, encode(t, tok, "the  mouse,cat"))
	assert.Equal(t, "the � cat", tok.Decode([]int64{0, 4, 1}))
}

func TestBPE(t *testing.T) {
	text := strings.Repeat("low lower lowest newer wider 月光 ", 20)
	tok := fit(t, "BPE", 300, Options{End: true}, text)
	assert.Less(t, len(encode(t, tok, text)), 20*12)
	for _, s := range []string{text, "", "lowlow", "  x\n\n y ", "never seen: ünïcödé 漢字", "\xff\x00\xc3", strings.Repeat("月", 100), strings.Repeat(" ", 500) + "a"} {
		ids := encode(t, tok, s)
		for _, id := range ids {
			require.Less(t, id, int64(299))
		}
		assert.Equal(t, strings.ToValidUTF8(s, "�"), tok.Decode(ids))
	}
	again := fit(t, "BPE", 300, Options{End: true}, text)
	assert.Equal(t, tok.merges, again.merges)
	_, err := Fit("BPE", 256, []string{text}, Options{End: true})
	assert.ErrorContains(t, err, "at least 257")
}

// The most frequent pair is merged first; of equals that of smaller numbers.
func TestBPEMergesByHand(t *testing.T) {
	tok := fit(t, "BPE", 259, Options{}, "aab", "\taab\tab")
	assert.Equal(t, [][2]int32{{'a', 'b'}, {'a', 256}}, tok.merges)
	assert.Equal(t, []int64{257, 256, 'b'}, encode(t, tok, "aababb"))
}

func TestSaved(t *testing.T) {
	for _, kind := range []string{"Char", "Words", "BPE"} {
		tok := fit(t, kind, 280, Options{Begin: true}, "one two one two three 月光")
		b, err := json.Marshal(tok)
		require.NoError(t, err)
		var again Tokenizer
		require.NoError(t, json.Unmarshal(b, &again))
		assert.Equal(t, encode(t, tok, "two three 光"), encode(t, &again, "two three 光"))
		assert.Equal(t, tok.Begin(), again.Begin())
	}
}

func TestBPEOfRealText(t *testing.T) {
	dir := dataFolder(t)
	for _, name := range []string{"translation/multi30k-en-de/train.de", "text/chinese-classics.txt"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		start := time.Now()
		tok := fit(t, "BPE", 8000, Options{}, string(b))
		fitted := time.Since(start)
		ids := encode(t, tok, string(b))
		t.Logf("%s: fitted in %v, %d tokens in %v", name, fitted, len(ids), time.Since(start)-fitted)
		assert.Equal(t, 8000, tok.Used())
		assert.Less(t, len(ids), utf8.RuneCount(b))
		assert.True(t, tok.Decode(ids) == string(b))
	}
}

func FuzzEncode(f *testing.F) {
	f.Add("low lower lowest", "slow er\xff 月")
	f.Add(strings.Repeat("ab", 40), "\x00 \n")
	f.Fuzz(func(t *testing.T, train, text string) {
		for _, kind := range []string{"Char", "Words", "BPE"} {
			tok, err := Fit(kind, 400, []string{train}, Options{End: true})
			if err != nil {
				continue
			}
			ids, err := tok.Encode(nil, text)
			if err != nil {
				continue
			}
			for _, id := range ids {
				if id < 0 || id >= 400 {
					t.Fatalf("%s gives %d", kind, id)
				}
			}
			if got := tok.Decode(ids); kind == "BPE" && got != strings.ToValidUTF8(text, "�") {
				t.Fatalf("%q became %q", text, got)
			}
		}
	})
}

// dataFolder returns the folder of real data sets, or skips. A relative MODELC_DATA counts from the module's root, as it does for the command run there.
func dataFolder(t testing.TB) string {
	dir := os.Getenv("MODELC_DATA")
	if dir == "" {
		t.Skip("MODELC_DATA names no folder of real data")
	}
	if !filepath.IsAbs(dir) {
		dir = filepath.Join("../../..", dir)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("MODELC_DATA names no folder of real data: %v", err)
	}
	return dir
}
