package run

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// The metrics over all rows are those that the reference recorded.
func TestHostMetricsAgreeWithTheReference(t *testing.T) {
	text, err := os.ReadFile("../../testdata/reference/metric.json")
	require.NoError(t, err)
	type array struct{ Data []any }
	var r struct {
		Cases []struct {
			Kind, Metric string
			Inputs       map[string]array
			Output       array
		}
	}
	require.NoError(t, json.Unmarshal(text, &r))
	numbers := func(a array) []float64 {
		out := make([]float64, len(a.Data))
		for i, v := range a.Data {
			switch v := v.(type) {
			case float64:
				out[i] = v
			case bool:
				if v {
					out[i] = 1
				}
			}
		}
		return out
	}
	seen := map[string]bool{}
	for _, c := range r.Cases {
		if c.Kind != "metric" {
			continue
		}
		seen[c.Metric] = true
		switch c.Metric {
		case "auc":
			require.InDelta(t, numbers(c.Output)[0], auc(numbers(c.Inputs["scores"]), numbers(c.Inputs["labels"])), 1e-12)
		case "confusion":
			table, err := confusion("", numbers(c.Inputs["labels"]), numbers(c.Inputs["predictions"]), 5, nil)
			require.NoError(t, err)
			var got []float64
			for _, row := range table.Counts {
				for _, n := range row {
					got = append(got, float64(n))
				}
			}
			require.Equal(t, numbers(c.Output), got)
		default:
			t.Errorf("there is no metric %s", c.Metric)
		}
	}
	require.Len(t, seen, 2)
}
