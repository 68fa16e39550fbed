package syntax

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"modelc/lang/diag"
	"modelc/lang/source"
)

// TestExamplesOfCodes checks that the example of each code of this package gives that code and no other.
func TestExamplesOfCodes(t *testing.T) {
	large := map[string]string{
		"M003": strings.Repeat("#", MaxBytes+1),
		"M012": "x = " + strings.Repeat("(", MaxNesting+1) + "1" + strings.Repeat(")", MaxNesting+1),
		"M013": "x = " + strings.Repeat("-", MaxDepth) + "1",
	}
	for _, e := range diag.Codes {
		if e.Code >= "M100" {
			_, diags := Parse(source.NewFile("a.model", []byte(e.Example)))
			assert.Empty(t, diags, "the example of %s is correct in form", e.Code)
			continue
		}
		text := e.Example
		if text == "" {
			text = large[e.Code]
		}
		if e.Code == "M099" {
			continue
		}
		_, diags := Parse(source.NewFile("a.model", []byte(text)))
		if assert.NotEmpty(t, diags, e.Code) {
			for _, d := range diags {
				assert.Equal(t, e.Code, d.Code, d.String())
			}
		}
	}
}
