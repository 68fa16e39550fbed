package data

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"

	"modelc/internal/data/tokenizer"
	"modelc/recipe"
)

// Fitted is what the transforms of a data block have learnt from its train split. It is saved as JSON beside the weights.
type Fitted struct {
	Transforms map[string]*Transform `json:"transforms"`
}

// Transform is one fitted transform. Numbers are per component of what it was fitted on.
type Transform struct {
	Kind  string    `json:"kind"`
	Size  int64     `json:"size,omitempty"`
	Mean  []float64 `json:"mean,omitempty"`  // Standardize; (x - mean) / scale
	Scale []float64 `json:"scale,omitempty"` // Standardize: the standard deviation over n, MinMax: maximum - minimum; 1 where that is 0
	Min   []float64 `json:"min,omitempty"`   // MinMax; (x - min) / scale
	Value []float64 `json:"value,omitempty"` // fill of numbers
	Whole bool      `json:"whole,omitempty"` // fill, Category: of whole numbers
	Text  []string  `json:"text,omitempty"`  // fill of texts
	// Values are Category's values in order, whole numbers in decimal: number i of the id. One list for each component.
	Values    [][]string           `json:"values,omitempty"`
	Tokenizer *tokenizer.Tokenizer `json:"tokenizer,omitempty"` // Char, BPE, Words

	number []map[string]int64
}

// UnmarshalJSON reads what MarshalJSON wrote and checks it.
func (f *Fitted) UnmarshalJSON(b []byte) error {
	var raw struct {
		Transforms map[string]*Transform `json:"transforms"`
	}
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	for name, t := range raw.Transforms {
		if t == nil {
			return fmt.Errorf("the fitted transform %s is damaged", name)
		}
		ok := true
		switch t.Kind {
		case "Standardize":
			ok = len(t.Mean) == len(t.Scale) && len(t.Mean) > 0
		case "MinMax":
			ok = len(t.Min) == len(t.Scale) && len(t.Min) > 0
		case "Category":
			ok = len(t.Values) > 0
			for _, v := range t.Values {
				ok = ok && int64(len(v)) <= t.Size
			}
			t.index()
		case "fill":
			ok = len(t.Value)+len(t.Text) > 0
		case "Char", "BPE", "Words":
			ok = t.Tokenizer != nil
		default:
			ok = false
		}
		if !ok {
			return fmt.Errorf("the fitted transform %s is damaged", name)
		}
	}
	f.Transforms = raw.Transforms
	return nil
}

// Tokenizer returns a fitted Char, BPE or Words.
func (f *Fitted) Tokenizer(name string) (*tokenizer.Tokenizer, error) {
	t := f.Transforms[name]
	if t == nil || t.Tokenizer == nil {
		return nil, fmt.Errorf("there is no tokenizer `%s`", name)
	}
	return t.Tokenizer, nil
}

// Decode returns the text of numbers that the transform gave: the text of a tokenizer, the names of a Category, the original scale of Standardize and MinMax
// (width components, one after another).
func (t *Transform) Decode(x []float64) []string {
	out := make([]string, 0, len(x))
	switch t.Kind {
	case "Char", "BPE", "Words":
		ids := make([]int64, len(x))
		for i, f := range x {
			ids[i] = int64(f)
		}
		return append(out, t.Tokenizer.Decode(ids))
	case "Category":
		for i, f := range x {
			names := t.Values[i%len(t.Values)]
			if id := int64(f); id >= 0 && id < int64(len(names)) {
				out = append(out, names[id])
			} else {
				out = append(out, "unseen")
			}
		}
	default:
		for i, f := range x {
			if len(t.Scale) > 0 {
				k := i % len(t.Scale)
				f *= t.Scale[k]
				if t.Kind == "MinMax" {
					f += t.Min[k]
				} else {
					f += t.Mean[k]
				}
			}
			out = append(out, strconv.FormatFloat(f, 'g', -1, 64))
		}
	}
	return out
}

func (t *Transform) index() {
	t.number = make([]map[string]int64, len(t.Values))
	for i, list := range t.Values {
		t.number[i] = make(map[string]int64, len(list))
		for k, v := range list {
			t.number[i][v] = int64(k)
		}
	}
}

// transformOf returns the name of the transform that an expression calls.
func transformOf(x *recipe.Expr) (string, bool) { return strings.CutPrefix(x.Op, "fit:") }

// transform returns a fitted transform.
func (e *evaluator) transform(x *recipe.Expr, name string) (*Transform, error) {
	if e.fitted == nil {
		return nil, e.bad(x, -1, "`%s` is fitted after the rows are discarded and split; this is computed before", name)
	}
	t := e.fitted.Transforms[name]
	if t != nil {
		return t, nil
	}
	if e.fit == nil {
		return nil, e.bad(x, -1, "`%s` is not among the transforms that were fitted", name)
	}
	if err := e.fit(name); err != nil {
		return nil, err
	}
	return e.fitted.Transforms[name], nil
}

// trainRows returns the rows that a fit may see.
func (s *Set) trainRows() []int32 { return s.splits["train"] }

// fit fits all transforms; one that another's input calls goes first.
func (s *Set) fit() (*Fitted, error) {
	f := &Fitted{Transforms: map[string]*Transform{}}
	e := s.evaluator(f)
	busy := map[string]bool{}
	e.fit = func(name string) error {
		for _, d := range s.block.Transforms {
			if d.Name == name && f.Transforms[name] == nil {
				if busy[name] {
					return &Error{At: d.At, Text: fmt.Sprintf("`%s` is fitted on what it gives itself", name)}
				}
				busy[name] = true
				outer := e.name
				e.name = name
				t, err := s.fitInputs(e, d)
				if err != nil {
					return err
				}
				f.Transforms[name], e.name = t, outer
				return nil
			}
		}
		return &Error{At: s.block.At, Text: fmt.Sprintf("the data %s has no transform `%s`", s.block.Name, name)}
	}
	for _, d := range s.block.Transforms {
		if f.Transforms[d.Name] != nil || s.need != nil && !s.fits(d) {
			continue
		}
		if err := e.fit(d.Name); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// fitInputs fits one transform on the train rows of its inputs.
func (s *Set) fitInputs(e *evaluator, d *recipe.Transform) (*Transform, error) {
	rows := s.trainRows()
	if len(rows) == 0 {
		return nil, &Error{At: d.At, Text: fmt.Sprintf("%s is fitted on the split train, which %s has not", d.Name, s.block.Name)}
	}
	var inputs []*values
	for _, x := range d.Inputs {
		v, err := e.eval(x)
		if err != nil {
			return nil, err
		}
		if !v.constant {
			v = v.take(rows)
		}
		inputs = append(inputs, v)
	}
	if len(inputs) == 0 {
		return nil, &Error{At: d.At, Text: fmt.Sprintf("`%s` is never called, so there is nothing to fit it on", d.Name)}
	}
	t := &Transform{Kind: d.Kind, Size: d.Size}
	if err := s.fitOne(t, d, inputs); err != nil {
		return nil, &Error{At: d.At, Text: fmt.Sprintf("`%s`: %v", d.Name, err)}
	}
	return t, nil
}

// fits reports whether the inputs of a transform were read.
func (s *Set) fits(d *recipe.Transform) bool {
	for _, x := range d.Inputs {
		if !s.reached(x) {
			return false
		}
	}
	return true
}

func (s *Set) fitOne(t *Transform, d *recipe.Transform, inputs []*values) error {
	text := inputs[0].kind == textsKind
	width := inputs[0].width()
	for _, v := range inputs {
		if (v.kind == textsKind) != text {
			return errors.New("it is called on texts and on numbers; one instance is one fit")
		}
		if v.width() != width && !v.list {
			return fmt.Errorf("it is called on %d components and on %d; one instance is one fit", width, v.width())
		}
	}
	switch d.Kind {
	case "Char", "BPE", "Words":
		if !text {
			return fmt.Errorf("%s needs text", d.Kind)
		}
		var texts []string
		for _, v := range inputs {
			for i, x := range v.texts {
				if v.list || !v.isMissing(i) {
					texts = append(texts, x)
				}
			}
		}
		var err error
		t.Tokenizer, err = tokenizer.Fit(d.Kind, d.Size, texts, s.ends(d.Name))
		return err
	case "Category":
		return t.fitCategory(d, inputs, width)
	case "fill":
		if text {
			return t.fitText(d, inputs, width)
		}
	}
	if text {
		return fmt.Errorf("%s needs numbers", d.Kind)
	}
	t.Whole = true
	for _, v := range inputs {
		t.Whole = t.Whole && v.kind != floatsKind
	}
	for c := range width {
		var column []float64
		for _, v := range inputs {
			for row := range v.rows {
				if v.list && v.rowMissing(row) {
					continue
				}
				from, to := v.span(row)
				for i := from + c; i < to; i += width {
					if v.list || !v.isMissing(i) {
						column = append(column, v.float(i))
					}
				}
			}
		}
		if len(column) == 0 {
			return errors.New("every value of the train split is missing")
		}
		for _, x := range column {
			if x-x != 0 {
				return fmt.Errorf("the train split has the value %v", x)
			}
		}
		switch d.Kind {
		case "Standardize":
			mean, scale := moments(column)
			t.Mean, t.Scale = append(t.Mean, mean), append(t.Scale, scale)
		case "MinMax":
			low, high := slices.Min(column), slices.Max(column)
			scale := high - low
			if scale == 0 {
				scale = 1
			}
			t.Min, t.Scale = append(t.Min, low), append(t.Scale, scale)
		case "fill":
			x, err := statistic(d.Statistic, column, t.Whole)
			if err != nil {
				return err
			}
			t.Value = append(t.Value, x)
		default:
			return fmt.Errorf("there is no transform %s; there are Standardize, MinMax, Category, Char, BPE and Words", d.Kind)
		}
	}
	return nil
}

// moments returns the mean and the standard deviation over n, in two passes; a constant column has the scale 1.
func moments(x []float64) (mean, scale float64) {
	for _, v := range x {
		mean += v
	}
	mean /= float64(len(x))
	sum, rest := 0.0, 0.0
	for _, v := range x {
		sum += (v - mean) * (v - mean)
		rest += v - mean
	}
	// The second term takes out the rounding of the mean (Chan, Golub, LeVeque 1983).
	variance := (sum - rest*rest/float64(len(x))) / float64(len(x))
	scale = math.Sqrt(max(0, variance))
	if scale <= 1e-12*math.Abs(mean) {
		scale = 1
	}
	return mean, scale
}

// statistic is what fill puts for a missing number: of whole numbers a whole number, the lower of two middle ones, the mean rounded.
func statistic(kind string, x []float64, whole bool) (float64, error) {
	switch kind {
	case "mean":
		mean := 0.0
		for _, v := range x {
			mean += v
		}
		mean /= float64(len(x))
		if whole {
			mean = math.RoundToEven(mean)
		}
		return mean, nil
	case "median":
		s := slices.Clone(x)
		slices.Sort(s)
		m := s[(len(s)-1)/2]
		if n := len(s); n%2 == 0 && !whole {
			m = (s[n/2-1] + s[n/2]) / 2
		}
		return m, nil
	case "mode":
		s := slices.Clone(x)
		slices.Sort(s)
		best, most := s[0], 0
		for i := 0; i < len(s); {
			j := i
			for j < len(s) && s[j] == s[i] {
				j++
			}
			if j-i > most {
				best, most = s[i], j-i
			}
			i = j
		}
		return best, nil
	}
	return 0, fmt.Errorf("there is no statistic %q; there are median, mean and mode", kind)
}

// fitText finds the most frequent text of each component, the first in order of equals.
func (t *Transform) fitText(d *recipe.Transform, inputs []*values, width int) error {
	if d.Statistic != "mode" {
		return fmt.Errorf("texts have no %s; fill them by mode or by a text", d.Statistic)
	}
	for c := range width {
		counts := map[string]int{}
		for _, v := range inputs {
			for i := c; i < len(v.texts); i += width {
				if !v.isMissing(i) {
					counts[v.texts[i]]++
				}
			}
		}
		best, most := "", 0
		for s, n := range counts {
			if n > most || n == most && s < best {
				best, most = s, n
			}
		}
		if most == 0 {
			return errors.New("every value of the train split is missing")
		}
		t.Text = append(t.Text, best)
	}
	return nil
}

// key is a value of a Category as text.
func (v *values) key(i int) string {
	switch v.kind {
	case textsKind:
		return v.texts[i]
	case floatsKind:
		return strconv.FormatFloat(v.floats[i], 'g', -1, 64)
	}
	return strconv.FormatInt(v.int(i), 10)
}

func (t *Transform) fitCategory(d *recipe.Transform, inputs []*values, width int) error {
	if d.Size < 1 || d.Size > 1<<31-1 {
		return fmt.Errorf("Category(%d): the size is 1 to %d", d.Size, 1<<31-1)
	}
	for c := range width {
		seen := map[string]float64{}
		for _, v := range inputs {
			for i := c; i < v.count(); i += width {
				if !v.list && v.isMissing(i) {
					continue
				}
				k := v.key(i)
				if _, ok := seen[k]; !ok {
					x := 0.0
					if v.kind != textsKind {
						x = v.float(i)
					}
					seen[k] = x
				}
			}
		}
		if int64(len(seen)) > d.Size {
			return fmt.Errorf("Category(%d): the train split has %d different values", d.Size, len(seen))
		}
		list := make([]string, 0, len(seen))
		for k := range seen {
			list = append(list, k)
		}
		sort.Slice(list, func(i, j int) bool {
			if a, b := seen[list[i]], seen[list[j]]; a != b {
				return a < b
			}
			return list[i] < list[j]
		})
		t.Values = append(t.Values, list)
	}
	t.index()
	return nil
}

// ends finds which ends of a text some call of a tokenizer marks.
func (s *Set) ends(name string) (o tokenizer.Options) {
	var walk func(x *recipe.Expr)
	walk = func(x *recipe.Expr) {
		if n, ok := transformOf(x); ok && n == name {
			o.Begin = o.Begin || x.Options["bos"] != 0
			o.End = o.End || x.Options["eos"] != 0
		}
		for _, a := range x.Args {
			walk(a)
		}
	}
	for _, c := range s.block.Columns {
		if c.From != nil {
			walk(c.From)
		}
	}
	for _, t := range s.block.Transforms {
		o.Begin = o.Begin || t.Name == name && t.Options["bos"] != 0
	}
	return o
}
