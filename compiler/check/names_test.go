package check

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// Every name that the checker knows by itself has a line in the reference, and no line speaks of a name that it does not know.
func TestBuiltinsAreDocumented(t *testing.T) {
	known := union(builtins, hostFunctions, transformKinds, set("training", "past", "step", "total_steps", "epoch"))
	for name := range sourceKinds {
		known[name] = true
	}
	described := map[string]bool{}
	seen := map[string]bool{}
	for _, b := range Builtins() {
		assert.True(t, known[b.Name], "%s is described and unknown", b.Name)
		assert.NotEmpty(t, b.Form, b.Name)
		assert.NotEmpty(t, b.Text, b.Name)
		assert.False(t, seen[b.Family+b.Name], "%s stands twice in %s", b.Name, b.Family)
		described[b.Name], seen[b.Family+b.Name] = true, true
	}
	for name := range known {
		assert.True(t, described[name], "%s has no description", name)
	}
}
