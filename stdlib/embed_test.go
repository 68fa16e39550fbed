package stdlib_test

import (
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"modelc/stdlib"
)

// declaration matches the head of a layer or function of the library; members of a layer are indented.
var declaration = regexp.MustCompile(`^(?:layer|fn) ([\p{L}_][\p{L}\p{Nd}_]*)`)

func TestEveryDeclarationIsDocumentedOnceAndTested(t *testing.T) {
	tests := map[string]string{}
	for _, f := range stdlib.Tests() {
		tests[path.Base(f.Name)] = f.Text
	}
	home := map[string]string{}
	for _, f := range stdlib.Files() {
		lines := strings.Split(f.Text, "\n")
		require.True(t, strings.HasPrefix(lines[0], "# "), "%s begins without saying what it holds", f.Name)
		for i, line := range lines {
			m := declaration.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			name := m[1]
			assert.True(t, i > 0 && strings.HasPrefix(lines[i-1], "# "), "%s:%d: %s has no doc comment", f.Name, i+1, name)
			assert.Empty(t, home[name], "%s:%d: %s is declared twice", f.Name, i+1, name)
			home[name] = f.Name
			used := regexp.MustCompile(`(?:^|[^\p{L}\p{Nd}_])` + name + `(?:[^\p{L}\p{Nd}_]|$)`)
			assert.Regexp(t, used, tests[f.Name], "tests/%s does not test %s", f.Name, name)
		}
	}
	assert.Greater(t, len(home), 80)
}

func TestFilesGivesACopy(t *testing.T) {
	a := stdlib.Files()
	require.NotEmpty(t, a)
	a[0].Text = ""
	assert.NotEmpty(t, stdlib.Files()[0].Text)
}
