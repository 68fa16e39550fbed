package compiler_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"modelc/compiler"
	"modelc/compiler/lower"
	"modelc/ir"
	"modelc/lang/diag"
)

// The texts that the parser is tested with are programs, but for a few lines of features that this version refuses with a clear word: without these lines every
// entry of them lowers.
func TestCorpusLowers(t *testing.T) {
	refused := map[string][]string{
		"mnist.model":     {`(?s)\ntune \{.*?\n\}`, `\nexport .*`},
		"dcgan.model":     {`\n  preview .*`},
		"translate.model": {`tokens=25_000`, `\n  score .*`, `(?s)\ngenerate .*?\n\}`},
		"recommend.model": {`\n  rows .*`, `\n  metrics .*`, `\n  keep .*`, `\n  valid .*`, `\ncrossval .*`, `(?s)\npredict .*?\n\}`},
	}
	instead := map[string]string{`tokens=25_000`: "8"}
	for _, name := range []string{"chargpt.model", "core.model", "mnist.model", "dcgan.model", "translate.model", "recommend.model"} {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("../lang/syntax/testdata/corpus", name))
			require.NoError(t, err)
			s := string(text)
			if len(refused[name]) > 0 {
				require.True(t, compiler.Check(name, text, compiler.Options{Tests: true}).Diagnostics().Failed(), "all of it is accepted now: let the test know")
			}
			for _, line := range refused[name] {
				cut := regexp.MustCompile(line).ReplaceAllString(s, instead[line])
				require.NotEqual(t, s, cut, line)
				s = cut
			}
			c := compiler.Check(name, []byte(s), compiler.Options{Tests: true})
			require.False(t, c.Diagnostics().Failed(), diag.Text(c.Diagnostics()))
			require.NotEmpty(t, c.Entries())
			for _, entry := range c.Entries() {
				size := lower.Sizes{B: 8, Tokens: 16, Capacity: 32, Lengths: map[string]int64{"S": 16, "T": 16}}
				if strings.HasSuffix(entry, ".finish") || strings.HasSuffix(entry, ".init") {
					size = lower.Sizes{}
				}
				m, diags := c.Module(entry, size, nil)
				require.False(t, diags.Failed(), "%s: %s", entry, diag.Text(diags))
				require.NoError(t, ir.Verify(m), entry)
			}
		})
	}
}
