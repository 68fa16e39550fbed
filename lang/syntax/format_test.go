package syntax

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"modelc/lang/source"
)

// solids are the tokens that Format must keep.
func solids(text string) (out []string) {
	toks, _ := Lex(source.NewFile("", []byte(text)))
	for _, t := range toks {
		if t.Kind != Space && t.Kind != Newline {
			out = append(out, strings.TrimRight(t.Text, " \t\r"))
		}
	}
	return out
}

// checkFormat asserts what Format promises for a text without errors; it returns the formatted text.
func checkFormat(t testing.TB, text string) string {
	file, diags := Parse(source.NewFile("a.model", []byte(text)))
	require.Empty(t, diags)
	once, diags := Format(source.NewFile("a.model", []byte(text)))
	require.Empty(t, diags)
	require.Equal(t, solids(text), solids(once), "tokens are kept")
	again, diags := Parse(source.NewFile("a.model", []byte(once)))
	require.Empty(t, diags, "the formatted text parses:\n%s", once)
	require.Equal(t, Print(file), Print(again), "the tree is the same")
	require.Equal(t, docs(file), docs(again), "documentation is the same")
	twice, _ := Format(source.NewFile("a.model", []byte(once)))
	require.Equal(t, once, twice, "formatting is idempotent")
	return once
}

func docs(f *File) (out []string) {
	Walk(f, func(n Node) bool {
		if m, ok := n.(*Member); ok && m.Doc != "" {
			out = append(out, m.Doc)
		}
		return true
	})
	return out
}

func TestFormatCorpus(t *testing.T) {
	for name, text := range corpus(t) {
		t.Run(name, func(t *testing.T) { checkFormat(t, string(text)) })
	}
}

func TestFormat(t *testing.T) {
	for _, c := range []struct{ name, in, out string }{
		{"operators", "x=a*b+ -c^2-d\n", "x = a * b + -c^2 - d\n"},
		{"signs", "x = - - a\ny = a - -b\nz=f(-1,x[-1])\n", "x = --a\ny = a - -b\nz = f(-1, x[-1])\n"},
		{"arguments", "x = f( a = 1,b : 2 ) [ 0 .. 3 ]\n", "x = f(a=1, b: 2)[0..3]\n"},
		{"parameters", "fn f(x:float[B,...s]=1.0 , y = 3)->int= x\n", "fn f(x: float[B, ...s] = 1.0, y=3) -> int = x\n"},
		{"blocks", "layer A(out:int){dim d,e\nparam w:float[d]=zeros   if bias}\n", "layer A(out: int) { dim d, e\n  param w: float[d] = zeros if bias }\n"},
		{"comments", "x = 1 # one\ny = 2     # two\n#three  \n\n\n\n  # four\n", "x = 1  # one\ny = 2     # two\n#three\n\n# four\n"},
		{"continued", "fn f() -> int =\nx\n  |> g\n  |> h(1,\n2)\n", "fn f() -> int =\n  x\n  |> g\n  |> h(1,\n    2)\n"},
		{"brackets", "net = [f(g(\n1,\n2)),\n3,\n]\n", "net = [f(g(\n  1,\n  2)),\n  3,\n]\n"},
		{"conditions", "x = if a{1}\nelse if not b { 2 }else{ 3 }\n", "x = if a { 1 }\nelse if not b { 2 } else { 3 }\n"},
		{"windows", "\ufeffx = 1\r\n\r\n\r\n\r\ny = 2   # b \r\n", "x = 1\n\ny = 2   # b\n"},
		{"types", "data D { a : text ?,b:[ text ]\nc: (f32 ,f32)=x\nd: pre|post\ne: id(V) [S<=256] }\n", "data D { a: text?, b: [text]\n  c: (f32, f32) = x\n  d: pre | post\n  e: id(V)[S <= 256] }\n"},
		{"empty", "\n\n", ""},
		{"lambdas", "f=(x,y)=>x+y\ng=x=>-x\n", "f = (x, y) => x + y\ng = x => -x\n"},
		{"state", "layer L { fn f(){ mu<-a*mu } }\n", "layer L { fn f() { mu <- a * mu } }\n"},
	} {
		t.Run(c.name, func(t *testing.T) { assert.Equal(t, c.out, checkFormat(t, c.in)) })
	}
}

func TestFormatLeavesBrokenTextAlone(t *testing.T) {
	text, diags := Format(source.NewFile("a.model", []byte("x  = (1\n")))
	assert.Equal(t, "x  = (1\n", text)
	assert.True(t, diags.Failed())
}

func FuzzFormat(f *testing.F) {
	for _, text := range corpus(f) {
		f.Add(string(text))
	}
	f.Add("x = 0.. ...s\nf = (a) => a\nif a { -x }\n")
	f.Fuzz(func(t *testing.T, text string) {
		if _, diags := Parse(source.NewFile("a.model", []byte(text))); len(diags) == 0 {
			checkFormat(t, text)
		}
	})
}
