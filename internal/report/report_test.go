package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// clock gives times at which the test says.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func run(o Options, events ...Event) (stdout, stderr string) {
	var out, err bytes.Buffer
	c := &clock{time.Unix(0, 0)}
	o.Out, o.Err, o.Now = &out, &err, c.now
	r := New(o)
	for _, e := range events {
		r.Emit(e)
		c.t = c.t.Add(3 * time.Second)
	}
	_ = r.Close()
	return out.String(), err.String()
}

var story = []Event{
	Data{Name: "Digits", Read: 1797, Splits: []Count{{"train", 1438}, {"test", 359}}, Discarded: 2},
	Start{Kind: "train", Block: "classify", Parameters: 650, Rows: 1438, Steps: 40, Seed: 1},
	Step{Block: "classify", Step: 10, Steps: 40, Loss: 2.25},
	Step{Block: "classify", Step: 20, Steps: 40, Loss: 1.5},
	Step{Block: "classify", Step: 30, Steps: 40, Loss: 1.25},
	Tick{Block: "classify", Step: 40, Steps: 40, Epoch: 1, Metrics: Metrics{{"train.loss", 1}, {"valid.accuracy", 0.97}}, Best: true},
	Done{Block: "classify", Step: 40, Seconds: 12},
	Table{Title: "confusion", Corner: "true \\ predicted", Rows: []string{"猫", "dog"}, Columns: []string{"猫", "dog"}, Counts: [][]int64{{10, 2}, {3, 1234}}},
	Result{File: "digits.model", Metrics: Metrics{{"test.loss", 0.0432101}, {"test.accuracy", 0.9931}}, Seconds: 13},
}

func TestPlainLines(t *testing.T) {
	out, err := run(Options{}, story...)
	assert.Equal(t, strings.TrimPrefix(`
confusion
  true \ predicted  猫   dog
  猫                10     2
  dog                3  1234
test.loss      0.0432
test.accuracy  0.9931
`, "\n"), out)
	assert.Equal(t, strings.TrimPrefix(`
data Digits: 1797 rows read: train 1438, test 359, 2 discarded
train classify: 650 parameters, 1438 rows, 40 steps, seed 1
  step 20/40  epoch 0  loss 1.5000  3.3 steps/s  6.0s left
  step 40/40  epoch 1  train.loss 1.0000  valid.accuracy 0.9700  best
  done in 12s
`, "\n"), err)
}

func TestJSONLines(t *testing.T) {
	out, _ := run(Options{JSON: true}, story...)
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	for _, l := range lines {
		var m map[string]any
		require.NoError(t, json.Unmarshal([]byte(l), &m), l)
		require.NotEmpty(t, m["event"])
	}
	assert.Equal(t, `{"event":"result","file":"digits.model","metrics":{"test.loss":0.0432101,"test.accuracy":0.9931},"seconds":13}`, lines[len(lines)-1])
	assert.Contains(t, out, `{"event":"checkpoint","block":"classify","step":40,"steps":40,"epoch":1,"metrics":{"train.loss":1,"valid.accuracy":0.97},"best":true}`)
}

func TestNumbersThatJSONLacks(t *testing.T) {
	b, err := json.Marshal(Metrics{{"a", math.NaN()}, {"b", math.Inf(1)}, {"c\n", 1e300}})
	require.NoError(t, err)
	assert.Equal(t, `{"a":null,"b":null,"c\n":1e+300}`, string(b))
}

func TestGeneratedTextEndsItsLine(t *testing.T) {
	out, _ := run(Options{}, Text{Block: "g", Text: "To be"}, Text{Block: "g", Text: " or"}, Text{Block: "g", End: true}, Result{Metrics: Metrics{{"x", 1}}})
	assert.Equal(t, "To be or\nx  1.0000\n", out)
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no space") }

func TestOutputThatCannotBeWrittenIsReported(t *testing.T) {
	r := New(Options{Out: broken{}, Err: broken{}})
	for _, e := range story {
		r.Emit(e)
	}
	assert.ErrorContains(t, r.Close(), "no space")
}

func TestTheBarIsGoneAtTheEnd(t *testing.T) {
	out, err := run(Options{Bar: true}, story...)
	assert.Contains(t, out, "test.accuracy  0.9931")
	assert.NotContains(t, out, "\x1b")
	assert.Contains(t, err, "step 40/40  epoch 1  train.loss 1.0000  valid.accuracy 0.9700  best\n")
}

func TestNumbers(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 1: "1.0000", -0.5: "-0.5000", 1e-4: "0.0001", 1.23456e-5: "1.235e-05", 123.456: "123.5", 1e7: "1e+07", math.Inf(1): "+Inf"} {
		assert.Equal(t, want, Number(v))
	}
}
