package check_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"modelc/compiler"
	"modelc/lang/diag"
)

// Texts that nobody writes by accident: each is refused with a place, a code and a sentence, or accepted, and neither takes long nor much memory.
func TestHostileTexts(t *testing.T) {
	fanOut := "layer L0 { fn forward(x: float[B]) -> float[B] = x + 1 }\n"
	for i := 1; i <= 30; i++ {
		fanOut += fmt.Sprintf("layer L%d {\n  a = L%d()\n  b = L%d()\n  fn forward(x: float[B]) -> float[B] = a(x) + b(x)\n}\n", i, i-1, i-1)
	}
	functions := "fn f0(x: float[B]) -> float[B] = x + 1\n"
	for i := 1; i <= 30; i++ {
		functions += fmt.Sprintf("fn f%d(x: float[B]) -> float[B] = f%d(f%d(x))\n", i, i-1, i-1)
	}
	terms := "fn f(x: float[n]) -> float[n] {\n  y[i] = " + strings.TrimSuffix(strings.Repeat("x[i] +\n    ", 240), "+\n    ") + "\n  return y\n}\n"
	lines := "fn f(x: float[n]) -> float[n] {\n" + strings.Repeat("  x[i] = x[i] * 2 + 1\n", 100_000/4) + "  return x\n}\n"
	var chain strings.Builder
	for i := range 45_000 {
		fmt.Fprintf(&chain, "a%d = a%d + 1\n", i, i+1)
	}
	chain.WriteString("a45000 = 1\n")
	doubling := "a0 = 2\n"
	for i := 1; i <= 80; i++ {
		doubling += fmt.Sprintf("a%d = a%d * a%d\n", i, i-1, i-1)
	}
	polynomial := "fn f(x: float[a, b, c, d]) -> float[a] {\n  dim p = (a + b + c + d)^64\n  dim q = p * p\n  dim r = q * q + zeros[p][0]\n  return zeros[a]\n}\n"
	outcomes := "layer L("
	for i := range 40 {
		outcomes += fmt.Sprintf("b%d: bool = true, ", i)
	}
	outcomes += "n: int = 1) {\n  fn forward(x: float[B]) -> float[B] {\n"
	for i := range 40 {
		outcomes += fmt.Sprintf("    if b%d { x = x + 1 }\n", i)
	}
	outcomes += "    return x\n  }\n}\n"
	wide := "layer Wide {\n"
	for i := range 3000 {
		wide += fmt.Sprintf("  l%d = Dense(8)\n", i)
	}
	wide += "  fn forward(x: float[B, 8]) -> float[B, 8] {\n"
	for i := range 3000 {
		wide += fmt.Sprintf("    x = l%d(x)\n", i)
	}
	wide += "    return x\n  }\n}\ntest \"wide\" { y = Wide()(zeros[1, 8]) }\n"

	for _, c := range []struct {
		name, text, code, says string
	}{
		{"integer above 63 bits", "n = 9223372036854775808\n", "M105", "does not fit"},
		{"integer above 64 bits", "n = 18446744073709551617\n", "M105", "does not fit"},
		{"float above 64 bits", "x = 1e400\n", "M105", "does not fit"},
		{"power", "n = 2^64\nm = zeros[2^64]\n", "M106", ""},
		{"power of powers", "fn f(x: float[B]) -> float[B] = x + sum(zeros[9^9^9])\n", "M106", ""},
		{"doubling", doubling, "M106", ""},
		{"product that wraps", "test \"t\" { y = zeros[4194305, 4194305, 211106198978564] }\n", "M106", ""},
		{"weight that wraps", "layer W {\n  param w: float[4194305, 4194305, 211106198978564] = zeros\n  fn forward(x: float[B]) -> float[B] = x + sum(w)\n}\ntest \"t\" { y = W()(zeros[2]) }\n", "M106", "too large"},
		{"a billion layers", "layer Block { fn forward(x: float[B]) -> float[B] = x }\nmodel M {\n  body = [Block() for i in 0..1000000000]\n  fn forward(x: float[B]) -> float[B] = body(x)\n}\n", "M222", "at most 10000"},
		{"a list of huge ends", "model M {\n  body = [relu for i in -9223372036854775807..9223372036854775807]\n  fn forward(x: float[B]) -> float[B] = body(x)\n}\n", "M222", ""},
		{"zero size", "layer W(n: int) {\n  param w: float[n] = glorot(n, n)\n  fn forward(x: float[B]) -> float[B] = x + sum(w)\n}\ntest \"t\" { y = W(0)(zeros[2]) }\n", "M213", ""},
		{"negative size", "layer W(n: int) {\n  param w: float[n] = zeros\n  fn forward(x: float[B]) -> float[B] = x + sum(w)\n}\ntest \"t\" { y = W(-3)(zeros[2]) }\n", "M106", "-3"},
		{"negative tensor", "test \"t\" { y = zeros[-1] }\n", "M106", "-1"},
		{"stride 0", "test \"t\" { y = max_pool(zeros[1, 1, 8, 8], 2, stride=0) }\n", "M106", "divides by zero"},
		{"convolution with stride 0", "test \"t\" { y = Conv2D(4, stride=0)(zeros[1, 1, 8, 8]) }\n", "", ""},
		{"kernel larger than the image", "test \"t\" { y = Conv2D(4, kernel=9)(zeros[1, 1, 4, 4]) }\n", "", ""},
		{"window larger than the image", "test \"t\" { y = max_pool(zeros[1, 1, 4, 4], 100) }\n", "", ""},
		{"heads that do not divide", "test \"t\" {\n  x = zeros[1, 2, 500]\n  y = MultiHeadAttention(8)(x, x)\n}\n", "M201", "500 % 8 is 4"},
		{"no heads", "test \"t\" {\n  x = zeros[1, 2, 500]\n  y = MultiHeadAttention(0)(x, x)\n}\n", "", "zero"},
		{"a layer that contains itself", "layer Nest {\n  inner = Nest()\n  fn forward(x: float[B]) -> float[B] = inner(x)\n}\n", "M214", "contains itself"},
		{"layers that contain each other", "layer A {\n  b = B()\n  fn forward(x: float[N]) -> float[N] = b(x)\n}\nlayer B {\n  a = A()\n  fn forward(x: float[N]) -> float[N] = a(x)\n}\n", "M214", ""},
		{"a function that calls itself", "fn f(x: float[B]) -> float[B] = f(x) + 1\n", "M214", ""},
		{"a function that calls itself twice", "fn f(x: float[B]) -> float[B] = f(x) + f(x)\n", "M214", ""},
		{"an integer function that calls itself", "fn n(k: int) -> int = n(k + 1)\nfn f(x: float[B]) -> float[B] = x + zeros[n(1)]\n", "M214", ""},
		{"a value that needs itself", "a = a + 1\n", "M405", "needs itself"},
		{"config that needs itself", "config {\n  a: int = b\n  b: int = a\n}\n", "", ""},
		{"fan-out of layers", fanOut + "test \"t\" { y = L30()(zeros[2]) }\n", "M260", "larger than"},
		{"fan-out of functions", functions + "test \"t\" { y = f30(zeros[2]) }\n", "M260", "larger than"},
		{"fan-out of lists", "layer A { fn forward(x: float[B]) -> float[B] = x + 1 }\nmodel M {\n  a = [[[[[[A() for i in 0..100] for i in 0..100] for i in 0..100] for i in 0..100] for i in 0..100] for i in 0..100]\n  fn forward(x: float[B]) -> float[B] = a(x)\n}\ntest \"t\" { y = M()(zeros[2]) }\n", "M260", ""},
		{"a list of constants", "fn f(x: float[B]) -> float[B] {\n  a = [i for i in 0..10000]\n  b = [a for i in 0..10000]\n  return x\n}\n", "", ""},
		{"a long statement", terms, "", ""},
		{"many statements", lines, "", ""},
		{"a long chain of values", chain.String(), "M214", ""},
		{"a polynomial", polynomial, "", ""},
		{"many outcomes", outcomes, "", ""},
		{"a long loop", "fn f(x: float[B]) -> float[B] {\n  for i in 0..9223372036854775807 { x = x + 1 }\n  return x\n}\n", "", ""},
		{"a long loop that unrolls", "fn f(x: float[4]) -> float[4] {\n  for i in 0..1000000 { x = concat[last](x, x) }\n  return x\n}\n", "M220", ""},
		{"loops in loops", "fn f(x: float[4]) -> float[4] {\n  for i in 0..256 { for j in 0..256 { for k in 0..256 { x = concat[last](x, zeros[k]) } } }\n  return x\n}\n", "", ""},
		{"growing in a loop", "fn f(x: float[4]) -> float[4] {\n  for i in 0..200 { x = concat[last](x, x) }\n  return x\n}\n", "", ""},
		{"config loops", "config {\n  n: int = 100000\n}\nfn f(x: float[B]) -> float[B] {\n  for i in 0..n { for j in 0..n { x = x + i * j } }\n  return x\n}\n", "", ""},
		{"wide layer", wide, "", ""},
		{"indices beyond reason", "fn f(x: float[n]) -> float[n] {\n  y[i] = x[i + 9223372036854775807 * 2]\n  return y\n}\n", "", ""},
		{"id of everything", "data D {\n  source = csv(\"a\")\n  y: id(9223372036854775807)\n}\n", "M141", "between 1 and 2147483647"},
		{"batch of everything", "data D {\n  source = csv(\"a\")\n  x: float\n}\ntrain t {\n  b = D.train.batches(9223372036854775807)\n  loss = mean(b.x)\n}\n", "M414", ""},
		{"epochs", "train t {\n  net = Dense(1)\n  loss = mean(net(zeros[1, 1]))\n  optimizer = AdamW(1e-3)\n  steps = 0\n}\n", "M418", "at least 1"},
		{"division by zero", "n = 1 // 0\n", "M106", "divides by zero"},
		{"rest by zero", "n = 1 % 0\n", "M106", "divides by zero"},
		{"an image of everything", "data D {\n  source = images(\"a\", size=(1000000000, 1000000000))\n  image: u8[3, 1000000000, 1000000000]\n}\n", "", ""},
		{"no text at all", "", "", ""},
		{"only a comment", "# nothing", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			found := compiler.Check("hostile.model", []byte(c.text), compiler.Options{Tests: true}).Diagnostics()
			if c.code == "" && c.says == "" {
				return // accepted or refused: it ends
			}
			require.NotEmpty(t, found)
			text := diag.Text(found)
			codes := map[string]bool{}
			for _, d := range found {
				codes[d.Code] = true
			}
			if c.code != "" {
				assert.True(t, codes[c.code], text)
			}
			assert.Contains(t, text, c.says)
			assert.LessOrEqual(t, len(found), 20, "at most 20 diagnostics")
		})
	}
}

// Imports that go round in a circle, files that are not there, and what is imported.
func TestImports(t *testing.T) {
	files := map[string]string{
		"a.model":     "import \"./b.model\"\n",
		"b.model":     "import \"./a.model\"\n",
		"self.model":  "import \"./self.model\"\n",
		"lib.model":   "config { width: int = 3 }\nfn twice(x: float[B]) -> float[B] = 2 * x\nlayer Head { fn forward(x: float[B, d]) -> float[B] = mean[d](x) * width }\n",
		"bad.model":   "fn twice(x: float[B] -> float[B] = 2 * x\n",
		"wrong.model": "fn twice(x: float[B]) -> float[B] = 2 * y\n",
	}
	o := compiler.Options{Tests: true, Read: func(p string) ([]byte, error) {
		if s, is := files[filepath.ToSlash(p)]; is {
			return []byte(s), nil
		}
		return nil, os.ErrNotExist
	}}
	for _, c := range []struct{ name, text, code, says string }{
		{"circle", files["a.model"], "M411", "circle"},
		{"itself", "import \"./self.model\"\n", "M411", "circle"},
		{"absent", "import \"./c.model\"\n", "M410", "does not exist"},
		{"outside", "import \"../../../etc/passwd\"\n", "M410", ""},
		{"library", "import \"vision\"\n", "M410", "needs no import"},
		{"unused", "import \"./lib.model\"\n", "M403", "never used"},
		{"unknown name", "import \"./lib.model\"\nfn f(x: float[B]) -> float[B] = lib.twcie(x)\n", "M400", "did you mean `twice`"},
		{"text with a mistake", "import \"./bad.model\"\nfn f(x: float[B]) -> float[B] = bad.twice(x)\n", "M010", "bad.model:1"},
		{"name with a mistake", "import \"./wrong.model\"\nfn f(x: float[B]) -> float[B] = wrong.twice(x)\n", "M400", "wrong.model:1:41"},
		{"right", "import \"./lib.model\" as l\nfn f(x: float[B]) -> float[B] = l.twice(x)\ntest \"head\" {\n  y: float[2] = l.Head()(ones[2, 5])\n}\n", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			found := compiler.Check("a.model", []byte(c.text), o).Diagnostics()
			text := diag.Text(found)
			if c.code == "" {
				require.Empty(t, text)
				return
			}
			require.NotEmpty(t, found)
			assert.Equal(t, c.code, found[0].Code, text)
			assert.Contains(t, text, c.says)
		})
	}
}
