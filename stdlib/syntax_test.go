package stdlib_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"modelc/lang/source"
	"modelc/lang/syntax"
	"modelc/stdlib"
)

// parses reports every finding of the parser, and that the text is in the formatter's form where canonical is set.
func parses(t *testing.T, name, text string, canonical bool) {
	t.Helper()
	file := source.NewFile(name, []byte(text))
	_, diags := syntax.Parse(file)
	for _, d := range diags {
		t.Errorf("%s:%d: %s %s", name, d.At.Position().Line, d.Code, d.Title)
	}
	if canonical {
		formatted, _ := syntax.Format(file)
		assert.True(t, formatted == text, "%s is not as modelc fmt writes it", name)
	}
}

func TestTheLibraryParsesAndIsFormatted(t *testing.T) {
	for _, f := range append(stdlib.Files(), stdlib.Tests()...) {
		parses(t, f.Name, f.Text, true)
	}
}

func TestTheExamplesParseAndAreFormatted(t *testing.T) {
	names, err := filepath.Glob("../examples/*.model")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	for _, name := range names {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		parses(t, filepath.Base(name), string(text), true)
	}
}

// reference is a file of testdata/reference; record.py says what its fields mean.
type reference struct {
	Versions map[string]string
	Cases    []struct {
		Name, Kind, Model, Metric         string
		Training                          bool
		Inputs, Params, States, Gradients map[string]array
		Output, Cotangent                 *array
		StatesAfter                       map[string]array `json:"states_after"`
		After                             map[string]map[string]array
		Loss, Rates                       []float64
	}
}

type array struct {
	Shape []int
	DType string
	Data  []any
}

func TestReferencesAreWellFormed(t *testing.T) {
	names, err := filepath.Glob("../testdata/reference/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	for _, name := range names {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		var r reference
		require.NoError(t, json.Unmarshal(text, &r), name)
		assert.NotEmpty(t, r.Versions["torch"], name)
		seen := map[string]bool{}
		for _, c := range r.Cases {
			assert.False(t, seen[c.Name], "%s: %s twice", name, c.Name)
			seen[c.Name] = true
			if c.Kind != "metric" {
				parses(t, filepath.Base(name)+"/"+c.Name, c.Model, false)
			}
			groups := []map[string]array{c.Inputs, c.Params, c.States, c.Gradients, c.StatesAfter}
			for _, after := range c.After {
				groups = append(groups, after)
			}
			for _, g := range groups {
				for k, a := range g {
					n := 1
					for _, d := range a.Shape {
						n *= d
					}
					assert.Len(t, a.Data, n, "%s: %s: %s", name, c.Name, k)
				}
			}
		}
	}
}
