// Package report shows a run to people and to programs.
//
// The runtime emits events; a Reporter shows them. Progress and remarks go to stderr: on a terminal a bar with rate and time left, elsewhere plain lines, at most one
// every few seconds. Results go to stdout as a table. With JSON, stdout has one object a line for every event, and the last line is the result; stderr is
// as before.
package report

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mattn/go-runewidth"
)

// Metric is a named number.
type Metric struct {
	Name  string
	Value float64
}

// Metrics is a list of metrics; in JSON it is an object in the order of the list, and numbers that JSON lacks are null.
type Metrics []Metric

// MarshalJSON writes the object.
func (m Metrics) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, x := range m {
		if i > 0 {
			b = append(b, ',')
		}
		key, err := json.Marshal(x.Name)
		if err != nil {
			return nil, err
		}
		b = append(append(b, key...), ':')
		if math.IsNaN(x.Value) || math.IsInf(x.Value, 0) {
			b = append(b, "null"...)
		} else {
			b = strconv.AppendFloat(b, x.Value, 'g', -1, 64)
		}
	}
	return append(b, '}'), nil
}

// Get returns the value of a name.
func (m Metrics) Get(name string) (float64, bool) {
	for _, x := range m {
		if x.Name == name {
			return x.Value, true
		}
	}
	return 0, false
}

// Event is one thing that happened. Its JSON form has the member "event" with its name, then its own members.
type Event interface{ name() string }

// Start begins a block.
type Start struct {
	Kind       string `json:"kind"`
	Block      string `json:"block"`
	Folder     string `json:"folder,omitempty"` // of the run
	Device     string `json:"device,omitempty"`
	Parameters int64  `json:"parameters,omitempty"` // numbers that are trained
	Rows       int64  `json:"rows,omitempty"`
	Steps      int64  `json:"steps,omitempty"`
	Resumed    int64  `json:"resumed,omitempty"` // the step from which it goes on
	Seed       int64  `json:"seed"`
}

// Data tells what reading a data block gave.
type Data struct {
	Name      string  `json:"name"`
	Read      int     `json:"read"`
	Splits    []Count `json:"splits"`
	Discarded int     `json:"discarded,omitempty"`
	Filled    int     `json:"filled,omitempty"`
	Unused    int     `json:"unused,omitempty"`
}

// Count is the number of rows of a split.
type Count struct {
	Split string `json:"split"`
	Rows  int    `json:"rows"`
}

// Step is the state of a training run; it comes often, and shows when it is time to.
type Step struct {
	Block string  `json:"block"`
	Step  int64   `json:"step"`
	Steps int64   `json:"steps"`
	Epoch int64   `json:"epoch"`
	Loss  float64 `json:"loss"`
}

// Tick is a tick of a training run's clock: what was measured, and whether it is the best so far.
type Tick struct {
	Block   string  `json:"block"`
	Step    int64   `json:"step"`
	Steps   int64   `json:"steps"`
	Epoch   int64   `json:"epoch"`
	Metrics Metrics `json:"metrics"`
	Best    bool    `json:"best"`
}

// Fold is one fold of a cross-validation.
type Fold struct {
	Block   string  `json:"block"`
	Fold    int64   `json:"fold"` // from 1
	Folds   int64   `json:"folds"`
	Rows    int64   `json:"rows"`
	Metrics Metrics `json:"metrics"`
}

// Done ends a block. Reason says why, where it is not the planned end.
type Done struct {
	Block   string  `json:"block"`
	Step    int64   `json:"step,omitempty"`
	Seconds float64 `json:"seconds"`
	Reason  string  `json:"reason,omitempty"`
}

// Note is a remark.
type Note struct {
	Text string `json:"text"`
}

// Table is a matrix of counts: a confusion matrix has a row for each true class and a column for each predicted one.
type Table struct {
	Title   string    `json:"title"`
	Rows    []string  `json:"rows"`
	Columns []string  `json:"columns"`
	Counts  [][]int64 `json:"counts"`
	Corner  string    `json:"corner,omitempty"`
}

// Text is text that was generated, as it comes; End marks the last piece.
type Text struct {
	Block string `json:"block"`
	Text  string `json:"text"`
	End   bool   `json:"end,omitempty"`
}

// File is a file that was written.
type File struct {
	Block string `json:"block"`
	Path  string `json:"path"`
	Rows  int64  `json:"rows,omitempty"`
}

// Result is the last event.
type Result struct {
	File    string  `json:"file"`
	Metrics Metrics `json:"metrics"`
	Runs    []Run   `json:"runs,omitempty"`
	Seconds float64 `json:"seconds"`
}

// Run names the folder of a train block's run.
type Run struct {
	Block  string `json:"block"`
	Folder string `json:"folder"`
	Step   int64  `json:"step"`
}

// Failure is the last event of a command that failed.
type Failure struct {
	Text string `json:"text"`
}

func (Start) name() string   { return "start" }
func (Data) name() string    { return "data" }
func (Step) name() string    { return "step" }
func (Tick) name() string    { return "checkpoint" }
func (Fold) name() string    { return "fold" }
func (Done) name() string    { return "done" }
func (Note) name() string    { return "note" }
func (Table) name() string   { return "table" }
func (Text) name() string    { return "text" }
func (File) name() string    { return "file" }
func (Result) name() string  { return "result" }
func (Failure) name() string { return "error" }

// Options of a Reporter.
type Options struct {
	Out, Err io.Writer
	JSON     bool
	Bar      bool             // Err is a terminal
	Now      func() time.Time // nil: time.Now
}

// Reporter shows events. Its methods may be called from several goroutines.
type Reporter struct {
	mu      sync.Mutex
	out     io.Writer
	err     io.Writer
	json    bool
	now     func() time.Time
	started time.Time // of the block
	shown   time.Time // of the last line of progress
	first   int64     // step of the first progress of the block
	at      time.Time // and its time
	bar     *bar      // nil: plain lines
	failed  error     // of writing to Out
	midline bool      // generated text that has not ended its line
}

// New returns a Reporter.
func New(o Options) *Reporter {
	r := &Reporter{out: o.Out, err: o.Err, json: o.JSON, now: o.Now}
	if r.now == nil {
		r.now = time.Now
	}
	if o.Bar {
		r.bar = newBar(o.Err)
	}
	return r
}

// plainEvery is the time between two lines of progress where no bar is shown.
const plainEvery = 5 * time.Second

// jsonEvery is the time between two progress objects.
const jsonEvery = time.Second

// Emit shows an event.
func (r *Reporter) Emit(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s, ok := e.(Step); ok {
		r.step(s)
		return
	}
	if r.json {
		r.object(e)
	}
	switch e := e.(type) {
	case Start:
		r.started, r.shown, r.at = r.now(), r.now(), time.Time{}
		if e.Kind == "train" {
			r.line("%s %s: %s", e.Kind, e.Block, join(
				count(e.Parameters, "parameter"), count(e.Rows, "row"), count(e.Steps, "step"), "seed "+strconv.FormatInt(e.Seed, 10), e.Device, e.Folder))
			if e.Resumed > 0 {
				r.line("  resumed at step %d", e.Resumed)
			}
		} else {
			r.line("%s %s", e.Kind, e.Block)
		}
	case Data:
		parts := make([]string, 0, len(e.Splits)+3)
		for _, s := range e.Splits {
			parts = append(parts, fmt.Sprintf("%s %d", s.Split, s.Rows))
		}
		if e.Discarded > 0 {
			parts = append(parts, fmt.Sprintf("%d discarded", e.Discarded))
		}
		if e.Filled > 0 {
			parts = append(parts, fmt.Sprintf("%d missing values filled", e.Filled))
		}
		if e.Unused > 0 {
			parts = append(parts, fmt.Sprintf("%d in no split", e.Unused))
		}
		r.line("data %s: %d rows read: %s", e.Name, e.Read, strings.Join(parts, ", "))
	case Tick:
		best := ""
		if e.Best {
			best = "  best"
		}
		r.line("  step %d/%d  epoch %d  %s%s", e.Step, e.Steps, e.Epoch, e.Metrics.line(), best)
		r.shown = r.now()
	case Fold:
		r.bar.end()
		r.shown, r.at = r.now(), time.Time{}
		r.line("  fold %d/%d  %d rows  %s", e.Fold, e.Folds, e.Rows, e.Metrics.line())
	case Done:
		r.bar.end()
		reason := ""
		if e.Reason != "" {
			reason = ": " + e.Reason
		}
		r.line("  done in %s%s", duration(e.Seconds), reason)
	case Note:
		r.line("note: %s", e.Text)
	case Failure:
		r.bar.end()
	case Table:
		if !r.json {
			r.print(e.String())
		}
	case Text:
		r.bar.end()
		if !r.json && e.Text != "" {
			r.midline = !strings.HasSuffix(e.Text, "\n")
			r.print(e.Text)
		}
		if e.End && r.midline && !r.json {
			r.midline = false
			r.print("\n")
		}
	case File:
		r.line("wrote %s%s", e.Path, parenthesis(count(e.Rows, "row")))
	case Result:
		r.bar.end()
		if !r.json {
			r.print(e.Metrics.table())
		}
	}
}

// Close ends what is shown and returns the first error of writing to Out.
func (r *Reporter) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bar.end()
	return r.failed
}

func (r *Reporter) step(e Step) {
	now := r.now()
	if r.at.IsZero() {
		r.first, r.at = e.Step, now
	}
	if r.bar != nil {
		r.bar.set(e)
	}
	wait := plainEvery
	if r.json {
		wait = jsonEvery
	}
	if now.Sub(r.shown) < wait || r.bar != nil && !r.json {
		return
	}
	r.shown = now
	if r.json {
		r.object(e)
	}
	if r.bar == nil {
		rate := float64(e.Step-r.first) / now.Sub(r.at).Seconds()
		text := fmt.Sprintf("  step %d/%d  epoch %d  loss %s", e.Step, e.Steps, e.Epoch, Number(e.Loss))
		if rate > 0 && !math.IsInf(rate, 0) {
			text += fmt.Sprintf("  %.1f steps/s  %s left", rate, duration(float64(e.Steps-e.Step)/rate))
		}
		r.line("%s", text)
	}
}

func (r *Reporter) line(format string, args ...any) {
	text := fmt.Sprintf(format, args...) + "\n"
	if r.bar.write(text) {
		return
	}
	_, _ = io.WriteString(r.err, text) // progress that cannot be shown stops no run
}

func (r *Reporter) print(text string) {
	if _, err := io.WriteString(r.out, text); err != nil && r.failed == nil {
		r.failed = err
	}
}

func (r *Reporter) object(e Event) {
	body, err := json.Marshal(e)
	if err != nil {
		body = []byte(`{"text":` + strconv.Quote(err.Error()) + `}`)
	}
	text := `{"event":"` + e.name() + `"`
	if len(body) > 2 {
		text += "," + string(body[1:len(body)-1])
	}
	r.print(text + "}\n")
}

// Number prints a number for people: about four digits.
func Number(v float64) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v), math.IsInf(v, 0), a == 0:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case a >= 1e6 || a < 1e-3:
		return strconv.FormatFloat(v, 'g', 4, 64)
	case a >= 100:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 4, 64)
}

func (m Metrics) line() string {
	parts := make([]string, len(m))
	for i, x := range m {
		parts[i] = x.Name + " " + Number(x.Value)
	}
	return strings.Join(parts, "  ")
}

// table prints one metric a line, names left, numbers right.
func (m Metrics) table() string {
	name, number := 0, 0
	for _, x := range m {
		name, number = max(name, runewidth.StringWidth(x.Name)), max(number, len(Number(x.Value)))
	}
	var b strings.Builder
	for _, x := range m {
		fmt.Fprintf(&b, "%s  %*s\n", runewidth.FillRight(x.Name, name), number, Number(x.Value))
	}
	return b.String()
}

// String prints the table with its columns aligned.
func (t Table) String() string {
	first := runewidth.StringWidth(t.Corner)
	for _, r := range t.Rows {
		first = max(first, runewidth.StringWidth(r))
	}
	width := make([]int, len(t.Columns))
	for j, c := range t.Columns {
		width[j] = runewidth.StringWidth(c)
		for i := range t.Counts {
			width[j] = max(width[j], len(strconv.FormatInt(t.Counts[i][j], 10)))
		}
	}
	var b strings.Builder
	if t.Title != "" {
		b.WriteString(t.Title + "\n")
	}
	b.WriteString("  " + runewidth.FillRight(t.Corner, first))
	for j, c := range t.Columns {
		b.WriteString("  " + runewidth.FillLeft(c, width[j]))
	}
	b.WriteByte('\n')
	for i, r := range t.Rows {
		b.WriteString("  " + runewidth.FillRight(r, first))
		for j, n := range t.Counts[i] {
			fmt.Fprintf(&b, "  %*d", width[j], n)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func join(parts ...string) string {
	var out []string
	for _, p := range parts {
		if p != "" {
			out = append(out, p)
		}
	}
	return strings.Join(out, ", ")
}

func parenthesis(s string) string {
	if s == "" {
		return ""
	}
	return " (" + s + ")"
}

func count(n int64, what string) string {
	switch n {
	case 0:
		return ""
	case 1:
		return "1 " + what
	}
	return strconv.FormatInt(n, 10) + " " + what + "s"
}

func duration(seconds float64) string {
	if seconds < 10 {
		return strconv.FormatFloat(seconds, 'f', 1, 64) + "s"
	}
	if seconds > 1e8 {
		return "a long time"
	}
	return (time.Duration(seconds) * time.Second).String()
}
