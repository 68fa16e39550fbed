package docs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"modelc/compiler"
	"modelc/compiler/lower"
	"modelc/internal/docs"
	"modelc/ir"
	"modelc/ir/ops"
	"modelc/lang/diag"
	"modelc/lang/source"
	"modelc/lang/syntax"
)

func page(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", name))
	require.NoError(t, err)
	return string(b)
}

func TestLibraryIsFresh(t *testing.T) {
	require.Equal(t, docs.Library(), page(t, "library.md"), "go generate ./internal/docs")
}

func TestIRIsFresh(t *testing.T) {
	text, err := docs.IR(filepath.Join("..", "..", "ir"))
	require.NoError(t, err)
	require.Equal(t, text, page(t, "ir.md"), "go generate ./internal/docs")
}

// The example of the page is what the printer prints and the parser reads.
func TestIRExample(t *testing.T) {
	m, err := ir.Parse("ir.md", docs.Example, ops.Registry)
	require.NoError(t, err)
	require.Equal(t, docs.Example, ir.Print(m))
}

// Every declaration of the library says what it is.
func TestLibraryIsDocumented(t *testing.T) {
	for _, part := range strings.Split(docs.Library(), "\n### ")[1:] {
		name, rest, _ := strings.Cut(part, "\n")
		if _, text, fenced := strings.Cut(rest, "```text"); fenced {
			_, doc, _ := strings.Cut(text, "```\n")
			assert.NotEmpty(t, strings.TrimSpace(doc), "%s has no comment", name)
		}
	}
}

// The programs of the reference: ```model is a whole file without a diagnostic, every entry of which lowers, ```model fails M110 one that gets the code, ```model file NAME one that a later program imports, ```model part is a piece that parses.
func TestPrograms(t *testing.T) {
	other := map[string]string{}
	n := 0
	for _, b := range docs.Blocks(page(t, "language.md")) {
		kind, rest, _ := strings.Cut(b.Info, " ")
		if kind != "model" {
			continue
		}
		n++
		t.Run(fmt.Sprintf("line %d", b.Line), func(t *testing.T) {
			if rest == "part" {
				_, diags := syntax.Parse(source.NewFile("language.md", []byte(b.Text)))
				require.Empty(t, diag.Text(diags))
				return
			}
			if name, is := strings.CutPrefix(rest, "file "); is { // what a later program imports
				other[name] = b.Text
			}
			c := compiler.Check("language.model", []byte(b.Text), compiler.Options{Tests: true, Read: func(name string) ([]byte, error) {
				text, ok := other[name]
				if !ok {
					return nil, os.ErrNotExist
				}
				return []byte(text), nil
			}})
			if code, fails := strings.CutPrefix(rest, "fails "); fails {
				var codes []string
				for _, d := range c.Diagnostics() {
					codes = append(codes, d.Code)
				}
				require.Contains(t, codes, code, diag.Text(c.Diagnostics()))
				return
			}
			require.Empty(t, diag.Text(c.Diagnostics()))
			for _, entry := range c.Entries() {
				_, diags := c.Module(entry, lower.Sizes{B: 8, Tokens: 8, Capacity: 16, Lengths: map[string]int64{"S": 16}}, nil)
				require.Empty(t, diag.Text(diags), entry)
			}
		})
	}
	require.NotZero(t, n)
}

// What the last section of the reference lists is refused. Where one of these begins to pass, the section is out of date.
func TestNotInThisVersion(t *testing.T) {
	const head = "data D {\n source = dataset(\"iris\")\n species: id(3)\n sepal_length: float\n x: float[1] = columns(sepal_length)\n}\n"
	train := func(line string) string {
		return head + "train t {\n net = Dense(3)\n batch = D.train.batches(8)\n loss = cross_entropy(net(batch.x), batch.species)\n optimizer = SGD(1e-2)\n steps = 3\n" + line + "\n}\n"
	}
	for name, text := range map[string]string{
		"tune":             train("") + "tune { run = t, goal = highest(valid.loss) }",
		"export":           train("") + "export e { run = t }",
		"load":             train("old = load(net)"),
		"select":           train("some = select(net, Dense)"),
		"replace":          train("some = replace(net, Dense, x => x)"),
		"on_plateau":       strings.Replace(train(""), "SGD(1e-2)", "on_plateau(SGD(1e-2))", 1),
		"private training": train("privacy = dp(1)"),
		"beam search":      train("") + "generate g { run = t, tokens = D.x, prompt = \"a\", pick = beam(4) }",
		"by tokens":        strings.Replace(train(""), "batches(8)", "batches(8, tokens=64)", 1),
		"by weight":        strings.Replace(train(""), "batches(8)", "batches(8, weight=x)", 1),
		"update by number": "train t {\n net = [Dense(3), relu]\n update net[0] { loss = mean(net(ones[1, 2])) }\n optimizer = SGD(1e-2)\n steps = 3\n}\n",
		"library import":   "import \"vision\"\nfn f(x: float[B]) -> float[B] = vision.f(x)\n",
	} {
		c := compiler.Check("language.model", []byte(text), compiler.Options{Tests: true})
		assert.True(t, c.Diagnostics().Failed(), "%s is accepted now: bring the last section of docs/language.md up to date", name)
	}
}
