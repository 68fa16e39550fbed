package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"modelc/internal/data"
	"modelc/internal/report"
	"modelc/recipe"
)

// measured is what a split was measured by.
type measured struct {
	metrics report.Metrics
	tables  []report.Table
	rows    int64
}

// measure computes metrics over a split: the entry gives partial values of each batch, which merge in float64; its finish gives the metrics of the whole.
func (p *program) measure(ctx context.Context, m recipe.Metrics, set *data.Set, rows recipe.Rows, sc scalars) (*measured, error) {
	rows.Last = "keep"
	columns := append(slices.Clone(m.Columns), recipe.InRow)
	l, err := set.Loader(rows, columns, data.Order{Seed: sc.seed, Epochs: 1})
	if err != nil {
		return nil, err
	}
	defer l.Close()
	out := &measured{}
	partials := make([][]float64, len(m.Partials))
	perRow := map[string][]float64{}
	var scratch []float64
	for {
		if err := done(ctx); err != nil {
			return nil, err
		}
		b, err := l.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		c, err := p.forBatch(m.Entry, b, columns)
		if err != nil {
			return nil, err
		}
		if err := c.scalars(sc); err != nil {
			return nil, err
		}
		c.batch(b)
		if err := c.do(); err != nil {
			return nil, err
		}
		for i, q := range m.Partials {
			t, ok := c.output(q.Name)
			if !ok {
				return nil, &Bug{fmt.Errorf("%s does not give the partial value %q", m.Entry, q.Name)}
			}
			scratch = floats(scratch[:0], t)
			if out.rows == 0 {
				partials[i] = slices.Clone(scratch)
				continue
			}
			if err := merge(q.Merge, partials[i], scratch); err != nil {
				return nil, err
			}
		}
		for _, h := range m.Host {
			for _, a := range h.Args {
				t, ok := c.output(a)
				if !ok {
					return nil, &Bug{fmt.Errorf("%s does not give %q, which %s needs of every row", m.Entry, a, h.Name)}
				}
				perRow[a] = floats(perRow[a], t)
			}
		}
		out.rows += int64(b.Rows)
	}
	if out.rows == 0 {
		return nil, &Error{Text: fmt.Sprintf("the split %q of %s has no rows to measure", rows.Split, rows.Data)}
	}
	if len(m.Names) > 0 {
		if err := p.finish(m, partials, out, rows.Batch, sc); err != nil {
			return nil, err
		}
	}
	for _, h := range m.Host {
		if err := out.host(h, perRow, classes(set, m.Columns, h.Size)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// finish computes the metrics from the merged values.
func (p *program) finish(m recipe.Metrics, partials [][]float64, out *measured, batch int64, sc scalars) error {
	c, err := p.load(m.Entry+".finish", Sizes{B: batch}, nil)
	if err != nil {
		return err
	}
	inputs := map[string]bool{}
	for i, q := range m.Partials {
		inputs[q.Name] = true
		k := slices.Index(c.entry.In, q.Name)
		if k < 0 {
			continue
		}
		if n := len(c.in[k].Bytes); n != 4*len(partials[i]) {
			return &Bug{fmt.Errorf("%s takes %d bytes of %s, there are %d numbers", c.entry.Name, n, q.Name, len(partials[i]))}
		}
		putFloats(c.in[k], partials[i])
	}
	if err := c.others(inputs, sc); err != nil {
		return err
	}
	if err := c.do(); err != nil {
		return err
	}
	for _, name := range m.Names {
		t, ok := c.output(name)
		if !ok || t.Type.Shape.Size() != 1 {
			return &Bug{fmt.Errorf("%s does not give the metric %q", c.entry.Name, name)}
		}
		out.metrics = append(out.metrics, report.Metric{Name: name, Value: floats(nil, t)[0]})
	}
	return nil
}

// others fills the scalars of an entry whose other inputs are given by hand.
func (c *call) others(given map[string]bool, s scalars) error {
	mine := *c
	mine.column = slices.Clone(c.column)
	for i, name := range c.entry.In {
		if given[name] {
			mine.column[i] = i
		}
	}
	return mine.scalars(s)
}

// merge folds the values of one more batch into those before.
func merge(kind string, into, v []float64) error {
	if len(into) != len(v) {
		return &Bug{fmt.Errorf("a partial value has %d numbers in one batch and %d in another", len(into), len(v))}
	}
	for i, x := range v {
		switch kind {
		case "sum":
			into[i] += x
		case "max":
			into[i] = math.Max(into[i], x)
		case "min":
			into[i] = math.Min(into[i], x)
		case "logsumexp":
			into[i] = logAddExp(into[i], x)
		default:
			return &Bug{fmt.Errorf("there is no merge %q", kind)}
		}
	}
	return nil
}

// logAddExp is log(exp(a) + exp(b)) without overflow.
func logAddExp(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	switch {
	case math.IsNaN(a) || math.IsNaN(b):
		return math.NaN()
	case math.IsInf(a, 0): // both -Inf, or one +Inf
		return a
	}
	return a + math.Log1p(math.Exp(b-a))
}

// host computes a metric that needs all rows.
func (m *measured) host(h recipe.Host, rows map[string][]float64, names []string) error {
	arg := func(i int) []float64 {
		if i < len(h.Args) {
			return rows[h.Args[i]]
		}
		return nil
	}
	a, b := arg(0), arg(1)
	if len(a) != len(b) {
		return &Bug{fmt.Errorf("%s has %d values on one side and %d on the other", h.Name, len(a), len(b))}
	}
	switch h.Kind {
	case "auc":
		m.metrics = append(m.metrics, report.Metric{Name: h.Name, Value: auc(a, b)})
	case "confusion":
		t, err := confusion(h.Name, a, b, h.Size, names)
		if err != nil {
			return err
		}
		m.tables = append(m.tables, t)
	default:
		return &Bug{fmt.Errorf("there is no metric over all rows of the kind %q", h.Kind)}
	}
	return nil
}

// auc is the area under the curve of true positives over false ones: the share of pairs of a positive and a negative row whose scores are in the right order, equal ones
// counting half (Mann and Whitney 1947). NaN where all rows are of one class.
func auc(scores, labels []float64) float64 {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
		if math.IsNaN(scores[i]) {
			return math.NaN()
		}
	}
	slices.SortFunc(order, func(i, j int) int {
		switch {
		case scores[i] < scores[j]:
			return -1
		case scores[i] > scores[j]:
			return 1
		}
		return 0
	})
	positive, ranks := 0.0, 0.0
	for i := 0; i < len(order); {
		j := i
		for j < len(order) && scores[order[j]] == scores[order[i]] {
			j++
		}
		rank := float64(i+j+1) / 2 // the mean of the ranks i+1 … j
		for _, k := range order[i:j] {
			if labels[k] > 0.5 {
				positive++
				ranks += rank
			}
		}
		i = j
	}
	negative := float64(len(order)) - positive
	return (ranks - positive*(positive+1)/2) / (positive * negative)
}

// confusion counts rows by true and predicted class.
func confusion(title string, labels, predictions []float64, size int64, names []string) (report.Table, error) {
	n := size
	for i := range labels {
		n = max(n, int64(labels[i])+1, int64(predictions[i])+1)
	}
	if n > 1000 {
		return report.Table{}, &Error{Text: fmt.Sprintf("a confusion matrix of %d classes cannot be shown; at most 1000", n)}
	}
	t := report.Table{Title: title, Corner: `true \ predicted`, Counts: make([][]int64, n)}
	for i := range t.Counts {
		t.Counts[i] = make([]int64, n)
		name := itoa(int64(i))
		if i < len(names) {
			name = names[i]
		}
		t.Rows, t.Columns = append(t.Rows, name), append(t.Columns, name)
	}
	for i := range labels {
		if labels[i] < 0 || predictions[i] < 0 {
			return report.Table{}, &Error{Text: "a confusion matrix counts classes from 0; a class below 0 was given"}
		}
		t.Counts[int64(labels[i])][int64(predictions[i])]++
	}
	return t, nil
}

// classes finds the names of n classes among the columns of a batch.
func classes(set *data.Set, columns []string, n int64) []string {
	for _, c := range columns {
		if names := set.Classes(trimBatch(c)); names != nil && int64(len(names)) <= n {
			return names
		}
	}
	return nil
}

// trimBatch takes "batch." off the name of a column.
func trimBatch(column string) string {
	const prefix = "batch."
	if len(column) > len(prefix) && column[:len(prefix)] == prefix {
		return column[len(prefix):]
	}
	return column
}
