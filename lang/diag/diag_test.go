package diag_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"modelc/lang/diag"
	"modelc/lang/source"
)

// at is the span of the nth occurrence of a text.
func at(t *testing.T, f *source.File, text string, nth int) source.Span {
	t.Helper()
	from := 0
	for ; ; nth-- {
		i := strings.Index(string(f.Text[from:]), text)
		require.GreaterOrEqual(t, i, 0, "%q is not in the text", text)
		if nth == 0 {
			return source.Span{File: f, Start: from + i, End: from + i + len(text)}
		}
		from += i + 1
	}
}

func TestFullForm(t *testing.T) {
	f := source.NewFile("net.model", []byte("layer Head {\n    y = h @ w\n}\n"))
	d := diag.Diagnostic{Code: "M101", At: at(t, f, "h @", 0), Title: "the left side ends in 128, the weight expects 256"}
	d.At.End = d.At.Start + 1
	d.Labels = []diag.Label{{At: d.At, Text: "float[B, 128]"}, {At: at(t, f, "w", 0), Text: "float[d, 10] with d = 256"}}
	d.Notes = []diag.Note{{Kind: "why", Text: "d was fixed at 256\nh is 128 wide"}, {Kind: "fix", Text: "small = Head()"}}
	require.Equal(t, `error M101: the left side ends in 128, the weight expects 256
  net.model:2:9
    2 |     y = h @ w
      |         ^   ^ float[d, 10] with d = 256
      |         float[B, 128]
  why   d was fixed at 256
        h is 128 wide
  fix   small = Head()
`, diag.Text(diag.List{d}))
}

func TestWideCharactersAndTabs(t *testing.T) {
	f := source.NewFile("网.model", []byte("\t学习率 = 步长 * 2\n"))
	d := diag.Diagnostic{Code: "M120", At: at(t, f, "步长", 0), Title: "unknown"}
	d.Labels = []diag.Label{{At: at(t, f, "学习率", 0), Text: "此处"}}
	require.Equal(t, `error M120: unknown
  网.model:1:8
    1 |     学习率 = 步长 * 2
      |     ^^^^^^   ^^^^
      |     此处
`, diag.Text(diag.List{d}))
}

func TestLabelsOnSeveralLinesAndFiles(t *testing.T) {
	f := source.NewFile("gpt.model", []byte("heads = 8\n\natt = MHA(heads)\nx = att(x)\n"))
	lib := source.NewFile("std/attention.model", []byte("require d % heads == 0\n"))
	d := diag.Diagnostic{Severity: diag.Warning, Code: "M201", At: at(t, f, "MHA(heads)", 0), Title: "d % heads == 0 is required"}
	d.Labels = []diag.Label{
		{At: at(t, lib, "d % heads == 0", 0), Text: "required here"},
		{At: at(t, f, "att(x)", 0), Text: "d = 500"},
		{At: at(t, f, "8", 0), Text: "heads = 8"},
	}
	require.Equal(t, `warning M201: d % heads == 0 is required
  gpt.model:3:7
    1 | heads = 8
      |         ^ heads = 8
    3 | att = MHA(heads)
      |       ^^^^^^^^^^
    4 | x = att(x)
      |     ^^^^^^ d = 500
  std/attention.model:1
    1 | require d % heads == 0
      |         ^^^^^^^^^^^^^^ required here
`, diag.Text(diag.List{d}))
}

func TestThreeLabelsOnOneLine(t *testing.T) {
	f := source.NewFile("a.model", []byte("f(a, b, c)\n"))
	d := diag.Diagnostic{Code: "M110", At: at(t, f, "a", 0), Title: "t"}
	d.Labels = []diag.Label{{At: d.At, Text: "first of three"}, {At: at(t, f, "b", 0), Text: "second"}, {At: at(t, f, "c", 0), Text: "third"}}
	require.Equal(t, `error M110: t
  a.model:1:3
    1 | f(a, b, c)
      |   ^  ^  ^ third
      |   |  second
      |   first of three
`, diag.Text(diag.List{d}))
}

func TestLongLinesAndUnseenCharacters(t *testing.T) {
	f := source.NewFile("a.model", []byte(strings.Repeat("x + ", 100_000)+"\x1b[31m ? "+strings.Repeat("y", 1000)+"\n"))
	text := diag.Text(diag.List{{Code: "M020", At: at(t, f, "?", 0), Title: "bad \x1b[0m title"}})
	assert.Less(t, len(text), 1000)
	assert.NotContains(t, text, "\x1b")
	lines := strings.Split(text, "\n")
	caret := strings.IndexByte(lines[3], '^')
	assert.Equal(t, "?", string([]rune(lines[2])[caret]))
}

func TestPlacesAtTheEdges(t *testing.T) {
	f := source.NewFile("a.model", []byte("x = 1"))
	empty := source.NewFile("e.model", nil)
	for _, s := range []source.Span{{File: f, Start: 5, End: 5}, {File: f, Start: 0, End: 5}, {File: empty}, {}} {
		for _, form := range []diag.Format{diag.Full, diag.Concise, diag.JSON} {
			var b bytes.Buffer
			require.NoError(t, diag.Render(&b, diag.List{{Code: "M020", At: s, Title: "t", Labels: []diag.Label{{At: s}, {}}}}, diag.Options{Format: form}))
			assert.Contains(t, b.String(), "M020")
		}
	}
	var b bytes.Buffer
	require.NoError(t, diag.Render(&b, nil, diag.Options{Format: diag.JSON}))
	assert.Equal(t, "[]\n", b.String())
}

func TestConciseAndJSON(t *testing.T) {
	f := source.NewFile("a.model", []byte("x = 1\n步 = ?\n"))
	list := diag.List{{Code: "M020", At: at(t, f, "?", 0), Title: "bad", Notes: []diag.Note{{Kind: "fix", Text: "write a < b"}}}}
	var b bytes.Buffer
	require.NoError(t, diag.Render(&b, list, diag.Options{Format: diag.Concise}))
	assert.Equal(t, "a.model:2:5: error M020: bad\n", b.String())
	b.Reset()
	require.NoError(t, diag.Render(&b, list, diag.Options{Format: diag.JSON}))
	var got []map[string]any
	require.NoError(t, json.Unmarshal(b.Bytes(), &got))
	require.Len(t, got, 1)
	assert.Equal(t, map[string]any{"code": "M020", "severity": "error", "file": "a.model", "line": 2.0, "column": 5.0, "end_line": 2.0, "end_column": 6.0,
		"title": "bad", "labels": []any{}, "notes": []any{map[string]any{"kind": "fix", "text": "write a < b"}}}, got[0])
}

func TestColorOnlyWhenAsked(t *testing.T) {
	list := diag.List{{Code: "M020", At: source.Span{File: source.NewFile("a", []byte("x"))}, Title: "t", Notes: []diag.Note{{Kind: "fix", Text: "f"}}}}
	assert.NotContains(t, diag.Text(list), "\x1b")
	var b bytes.Buffer
	require.NoError(t, diag.Render(&b, list, diag.Options{Color: true}))
	assert.Contains(t, b.String(), "\x1b[1;31merror M020\x1b[0m")
}

func TestSuggest(t *testing.T) {
	for _, c := range []struct {
		name, want string
		among      []string
	}{
		{"stpes", "steps", []string{"epochs", "steps", "stop"}},
		{"widht", "width", []string{"w", "width", "height"}},
		{"dense", "Dense", []string{"Dense", "Sense"}},
		{"LayerNrom", "LayerNorm", []string{"BatchNorm", "LayerNorm"}},
		{"learningRate", "learning_rate", []string{"lr", "learning_rate"}},
		{"learning_rate", "lr", []string{"lr", "d", "heads"}},
		{"x", "", []string{"y", "z"}},
		{"", "", []string{"a"}},
		{strings.Repeat("a", 1000), "", []string{strings.Repeat("a", 999)}},
		{"学习律", "学习率", []string{"步长", "学习率"}},
	} {
		assert.Equal(t, c.want, diag.Suggest(c.name, c.among), c.name)
	}
}

func TestExplain(t *testing.T) {
	text, ok := diag.Explain("m101")
	require.True(t, ok)
	assert.Contains(t, text, "M101: widths do not meet")
	assert.Contains(t, text, "    layer Head {")
	_, ok = diag.Explain("M999")
	assert.False(t, ok)
}

func TestCodesAreOrderedAndComplete(t *testing.T) {
	last := ""
	for _, e := range diag.Codes {
		assert.Greater(t, e.Code, last, "codes are in order and unique")
		last = e.Code
		assert.NotEmpty(t, e.Title, e.Code)
		assert.NotEmpty(t, e.Explanation, e.Code)
		assert.False(t, strings.HasSuffix(e.Title, "."), e.Code)
	}
}

// TestEveryCodeIsInTheTable reads the sources of the stages that report.
func TestEveryCodeIsInTheTable(t *testing.T) {
	literal := regexp.MustCompile(`"(M\d\d\d)"`)
	used := 0
	missing := map[string]string{}
	for _, root := range []string{"..", "../../compiler"} {
		err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasPrefix(d.Name(), "codes_") {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, m := range literal.FindAllStringSubmatch(string(text), -1) {
				used++
				if _, ok := diag.Lookup(m[1]); !ok {
					missing[m[1]] = path
				}
			}
			return nil
		})
		require.NoError(t, err)
	}
	assert.Positive(t, used)
	assert.Empty(t, missing, "the code table does not have these")
}
