package check_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"modelc/compiler"
	"modelc/lang/diag"
)

// atRun are the codes that only a run gives, or the building of an entry: their examples, where there are any, pass the check.
var atRun = map[string]bool{"M230": true}

// Every example of the code table gives its code, and no other.
func TestExamplesOfCodes(t *testing.T) {
	for _, entry := range diag.Codes {
		if entry.Example == "" {
			continue
		}
		t.Run(entry.Code, func(t *testing.T) {
			found := compiler.Check("example.model", []byte(entry.Example), compiler.Options{Tests: true, Preset: presetOf(entry.Code)}).Diagnostics()
			if atRun[entry.Code] {
				require.Empty(t, diag.Text(found))
				return
			}
			require.NotEmpty(t, found, "nothing is found")
			if entry.Code < "M100" {
				require.Equal(t, entry.Code, found[0].Code) // one slip in a text may look like two
				return
			}
			for _, d := range found {
				assert.Equal(t, entry.Code, d.Code, diag.Text(found))
			}
		})
	}
}

func presetOf(code string) string {
	if code == "M402" {
		return "fast"
	}
	return ""
}
