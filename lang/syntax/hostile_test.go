package syntax

import (
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"modelc/lang/diag"
	"modelc/lang/source"
)

// hostile are texts that must give one of a few codes, at once, and nothing worse.
func hostile() map[string]struct{ text, code string } {
	return map[string]struct{ text, code string }{
		"nested parentheses":   {"x = " + strings.Repeat("(", 100_000), "M012"},
		"nested brackets":      {"x = " + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000), "M012"},
		"nested bodies":        {strings.Repeat("layer A {\n", 100_000), "M012"},
		"nested if":            {"x = " + strings.Repeat("if a { ", 50_000), "M012"},
		"a chain of else if":   {"x = if a { 1 }" + strings.Repeat(" else if a { 1 }", 50_000), "M013"},
		"closers":              {strings.Repeat(")", 100_000), "M011"},
		"signs":                {"x = " + strings.Repeat("- ", 400_000) + "1", "M013"},
		"not":                  {"x = " + strings.Repeat("not ", 200_000) + "1", "M013"},
		"powers":               {"x = 2" + strings.Repeat("^2", 400_000), "M013"},
		"sums":                 {"x = 2" + strings.Repeat("+2", 400_000), "M013"},
		"fields":               {"x = a" + strings.Repeat(".a", 400_000), "M013"},
		"calls":                {"x = a" + strings.Repeat("()", 400_000), "M013"},
		"lambdas":              {"x = " + strings.Repeat("a=>", 300_000) + "1", "M013"},
		"one line":             {"# " + strings.Repeat("x", MaxBytes-2), ""},
		"one name":             {strings.Repeat("x", MaxBytes), "M028"},
		"one string":           {`x = "` + strings.Repeat("x", MaxBytes-6) + `"`, ""},
		"a list":               {"x = [" + strings.Repeat("1,", 500_000) + "]", ""},
		"a list without end":   {"x = [" + strings.Repeat("1,", 500_000), "M010"},
		"too long":             {strings.Repeat("x", MaxBytes+1), "M003"},
		"not UTF-8":            {"x = 1\ny = \xc3\x28\n", "M001"},
		"a cut character":      {"x = \"\xe4\xb8", "M001"},
		"NUL":                  {"x = 1\x00\n", "M002"},
		"NULs":                 {strings.Repeat("\x00", MaxBytes), "M002"},
		"text that turns":      {"x = 1 # \u202e 2\n", "M002"},
		"unknown characters":   {strings.Repeat("$", MaxBytes), "M004"},
		"quotes":               {strings.Repeat("\"\n", MaxBytes/2), "M005"},
		"apostrophes":          {strings.Repeat("'", MaxBytes), "M042"},
		"commas":               {strings.Repeat(",", MaxBytes), "M021"},
		"semicolons":           {strings.Repeat(";", MaxBytes), "M040"},
		"members":              {strings.Repeat("a=1\n", MaxBytes/4), ""},
		"broken members":       {strings.Repeat("a=\n\n b*\n", MaxBytes/8), ""},
		"types":                {"x: " + strings.Repeat("a|", MaxBytes/4) + "b", ""},
		"sizes":                {"x: a[" + strings.Repeat("1,", MaxBytes/4) + "1]", ""},
		"large numbers":        {"x = " + strings.Repeat("9", 500_000) + "e" + strings.Repeat("9", 500_000), ""},
		"dims":                 {"dim a" + strings.Repeat(", a", 300_000), ""},
		"open braces by lines": {strings.Repeat("if a {\n", 150) + strings.Repeat("x = 1\n", 150_000), "M010"},
		"parentheses by lines": {strings.Repeat("x = (\n", 150_000), "M012"},
		"comments":             {strings.Repeat("#\n", MaxBytes/2) + "", ""},
	}
}

func TestHostile(t *testing.T) {
	for name, c := range hostile() {
		t.Run(name, func(t *testing.T) {
			f := source.NewFile("a.model", []byte(c.text))
			file, diags := Parse(f)
			require.NotNil(t, file)
			assert.LessOrEqual(t, len(diags), MaxDiagnostics)
			for _, d := range diags {
				assert.NotEqual(t, "M099", d.Code, d.Title)
			}
			if c.code != "" {
				require.NotEmpty(t, diags)
				assert.Equal(t, c.code, diags[0].Code, diags[0].Title)
			}
			assert.Less(t, len(diag.Text(diags)), 64<<10)
		})
	}
}

// TestHostileFiles are small texts, kept as files.
func TestHostileFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/hostile/*")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, name := range files {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		_, diags := Parse(source.NewFile(filepath.Base(name), text))
		require.NotEmpty(t, diags, name)
		code, _, _ := strings.Cut(filepath.Base(name), "-")
		assert.Equal(t, code, diags[0].Code, "%s: %s", name, diags[0].Title)
	}
}

// TestMutations deletes, replaces and swaps tokens of the corpus: nothing may fail within, and what still parses must format.
func TestMutations(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	texts := corpus(t)
	var all, names []string
	for name := range texts {
		names = append(names, name)
	}
	for _, name := range []string{"core.model", "dcgan.model", "chargpt.model"} {
		toks, _ := Lex(source.NewFile(name, texts[name]))
		for _, k := range toks {
			all = append(all, k.Text)
		}
	}
	require.NotEmpty(t, names)
	accepted, refused := 0, 0
	toks, _ := Lex(source.NewFile("", texts["dcgan.model"]))
	for range 400 {
		var pieces []string
		for _, k := range toks {
			pieces = append(pieces, k.Text)
		}
		j := r.Intn(len(pieces) - 1)
		switch r.Intn(4) {
		case 0:
			pieces = append(pieces[:j], pieces[j+1:]...)
		case 1:
			pieces[j] = all[r.Intn(len(all))]
		case 2:
			pieces[j], pieces[j+1] = pieces[j+1], pieces[j]
		case 3:
			pieces = pieces[:j]
		}
		text := strings.Join(pieces, "")
		_, diags := Parse(source.NewFile("a.model", []byte(text)))
		for _, d := range diags {
			require.NotEqual(t, "M099", d.Code, "%s in:\n%s", d.Title, text)
		}
		require.LessOrEqual(t, len(diags), 12, "one change gives few errors:\n%s", diags.Error())
		if len(diags) > 0 {
			refused++
			continue
		}
		accepted++
		checkFormat(t, text)
	}
	t.Log("accepted", accepted, "refused", refused)
	assert.Positive(t, refused)
}

func FuzzParse(f *testing.F) {
	for _, text := range corpus(f) {
		f.Add(string(text))
	}
	for _, e := range diag.Codes {
		f.Add(e.Example)
	}
	f.Fuzz(func(t *testing.T, text string) {
		src := source.NewFile("a.model", []byte(text))
		file, diags := Parse(src)
		require.NotNil(t, file)
		require.LessOrEqual(t, len(diags), MaxDiagnostics)
		for _, d := range diags {
			require.NotEqual(t, "M099", d.Code, d.Title)
			require.True(t, d.At.Valid() && 0 <= d.At.Start && d.At.Start <= d.At.End && d.At.End <= len(text), "%v", d)
		}
		diag.Text(diags)
		checkSpans(t, file)
		decls, _ := Scan(src)
		for _, d := range decls {
			ParseMember(d)
		}
		if len(diags) == 0 {
			printed := Print(file)
			again, more := Parse(source.NewFile("b.model", []byte(printed)))
			require.Empty(t, more, printed)
			require.Equal(t, printed, Print(again))
		}
	})
}

// checkSpans asserts that every node has a place in the text, within the place of the node around it.
func checkSpans(t testing.TB, file *File) {
	var outer []source.Span
	var check func(n Node)
	check = func(n Node) {
		s := n.Span()
		require.Same(t, file.Source, s.File, "%T", n)
		if len(outer) > 0 {
			o := outer[len(outer)-1]
			require.True(t, o.Start <= s.Start && s.End <= o.End && s.Start <= s.End, "%T %q in %q", n, s.Text(), o.Text())
		}
		outer = append(outer, s)
		first := true
		Walk(n, func(m Node) bool {
			if first {
				first = false
				return true
			}
			check(m)
			return false
		})
		outer = outer[:len(outer)-1]
	}
	check(file)
}

func TestSpans(t *testing.T) {
	for name, text := range corpus(t) {
		file, _ := Parse(source.NewFile(name, text))
		checkSpans(t, file)
		Walk(file, func(n Node) bool {
			switch n := n.(type) {
			case *Name:
				assert.Equal(t, n.Text, n.At.Text())
			case *Field:
				assert.Equal(t, n.Name, n.NameAt.Text())
			case *Binary:
				assert.Equal(t, n.Op, n.OpAt.Text())
			case *Param:
				assert.Equal(t, n.Name, n.NameAt.Text())
			case *Block:
				assert.Equal(t, n.Kind, n.KindAt.Text())
			case *Slot:
				assert.Equal(t, n.Name, n.NameAt.Text())
			case *Arg:
				assert.Equal(t, n.Name, n.NameAt.Text())
			}
			return true
		})
	}
}
