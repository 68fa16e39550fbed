package syntax

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"modelc/lang/source"
)

// TestHabits checks that each habit of another language gets exactly one sentence of its own.
func TestHabits(t *testing.T) {
	for _, c := range []struct{ text, code, title string }{
		{"x = a ** 2\n", "M040", "a power is written `^`"},
		{"x += 1\n", "M040", "`+=` is not of this language: bindings are written in full"},
		{"x = a && b\n", "M040", "`&&` is written `and`"},
		{"x = a || b\n", "M040", "`||` is written `or`"},
		{"x = !a\n", "M040", "`!` is written `not`"},
		{"x = 1;\n", "M040", "`;` is not needed: a new line ends a line, a comma separates two on one line"},
		{"x = a | b\n", "M040", "`|` is written `or`"},
		{"x = if a<-1 { 2 } else { 3 }\n", "M040", "`<-` writes a state; it is no comparison"},
		{"x = if a = 1 { 2 } else { 3 }\n", "M040", "`=` binds a name; equality is `==`"},
		{"x = 'a'\n", "M042", "strings stand in double quotes"},
		{"\"\"\"text\nover lines\"\"\"\nx = 1\n", "M042", ""},
		{"x = f\"a\"\n", "M042", "a string has no prefix `f`"},
		{"y = x[:-1]\n", "M043", "a part of an axis is written with two dots"},
		{"y = x[1:]\n", "M043", "a part of an axis is written with two dots"},
		{"y = x[1:3]\n", "M043", "a part of an axis is written with two dots"},
		{"x = a if c else b\n", "M044", "the condition stands first"},
		{"x = c ? a : b\n", "M044", "there is no `c ? a : b`"},
		{"x = [a for i in 0..3 if i]\n", "M044", ""},
		{"// words of a comment\n", "M045", "a comment begins with #"},
		{"x = 1 // words of a comment\n", "M045", "a comment begins with #"},
		{"layer Net:\n", "M046", "a body stands in braces, not behind a colon"},
		{"y = if a: 1\n", "M046", "a body stands in braces, not behind a colon"},
		{"for i in 0..3:\n", "M046", "a body stands in braces, not behind a colon"},
		{"y = softmax(x, dim=-1)\n", "M047", ""},
		{"y = sum(x, axis=1)\n", "M047", ""},
		{"def f(x):\n", "M041", "a function is written `fn`"},
		{"class Net:\n", "M041", "what owns weights is a `layer` or a `model`"},
		{"class Net { x = 1 }\n", "M041", "what owns weights is a `layer` or a `model`"},
		{"while x < 3 { x = 1 }\n", "M041", "there is no `while`: every loop has an end that is known before it runs"},
		{"x = range(3)\n", "M041", "a range is written with two dots"},
		{"x = None\n", "M041", ""},
		{"x = True\n", "M041", "`True` is written `true`"},
		{"f = lambda x: x\n", "M041", "a function without a name is written with `=>`"},
		{"let x = 1\n", "M041", "a name is bound by `=` alone"},
		{"from a import b\n", "M041", ""},
		{"break\n", "M041", ""},
		{"x = f（1，2）\n", "M004", ""},
	} {
		_, diags := Parse(source.NewFile("a.model", []byte(c.text)))
		if !assert.NotEmpty(t, diags, c.text) {
			continue
		}
		for _, d := range diags {
			assert.Equal(t, c.code, d.Code, "%s: %s", c.text, d.Title)
		}
		if c.code != "M004" {
			assert.Len(t, diags, 1, c.text)
		}
		if c.title != "" {
			assert.Equal(t, c.title, diags[0].Title, c.text)
		}
	}
}

// TestManyErrors seeds errors at several levels: each is found, at its line, and nothing else is said.
func TestManyErrors(t *testing.T) {
	text := `layer A(out: int) {
  param w float[d, out]
  fn forward(x: float[B, d]) -> float[B, out] {
    y = x @ * w
    z = (y + 1
    return z
  }
}

data D {
  source = = csv("a.csv")
  x: float[3
}

train t { steps = 10 }
config { a: int = }
layer B(n: int) {
  dim d
`
	file, diags := Parse(source.NewFile("a.model", []byte(text)))
	var got []string
	for _, d := range diags {
		p := d.At.Position()
		got = append(got, d.Code+" "+string(rune('0'+p.Line/10))+string(rune('0'+p.Line%10)))
	}
	require.Equal(t, []string{"M024 02", "M020 04", "M010 05", "M020 11", "M010 12", "M020 16", "M010 17"}, got, diags.Error())
	var names []string
	for _, m := range file.Members {
		require.NotNil(t, m.Block)
		names = append(names, m.Block.Kind+" "+m.Block.Name)
	}
	assert.Equal(t, []string{"layer A", "data D", "train t", "config ", "layer B"}, names, "what is right is kept")
}

func TestScanAndParseMember(t *testing.T) {
	text := "# First.\n# Second.\nlayer A(n: int) { dim d }\n\nfn f(x: int) -> int = x +\n\nbeta[t: 3] = t  # no doc\nimport \"vision\"\ntest \"a\" { assert true }\n"
	decls, diags := Scan(source.NewFile("a.model", []byte(text)))
	require.Empty(t, diags)
	require.Len(t, decls, 4, "the operator at the end of a line carries it on")
	text = "# First.\n# Second.\nlayer A(n: int) { dim d }\n\nfn f(x: int) -> int = x\n\nbeta[t: 3] = t  # no doc\nimport \"vision\"\ntest \"a\" { assert true }\n"
	decls, diags = Scan(source.NewFile("a.model", []byte(text)))
	require.Empty(t, diags)
	kinds, names := []string{}, []string{}
	for _, d := range decls {
		kinds, names = append(kinds, d.Kind), append(names, d.Name)
		m, diags := ParseMember(d)
		require.Empty(t, diags)
		assert.Equal(t, d.At, m.At)
		assert.Equal(t, d.Doc, m.Doc)
	}
	assert.Equal(t, []string{"layer", "fn", "", "import", "test"}, kinds)
	assert.Equal(t, []string{"A", "f", "beta", "", ""}, names)
	assert.Equal(t, "First.\nSecond.", decls[0].Doc)
	assert.Equal(t, "", decls[3].Doc)
}
