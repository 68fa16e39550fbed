package run

import (
	"fmt"
	"math"
	"strconv"
)

// loopState is what a training loop keeps beside the device's states. It is saved in every checkpoint; with it and the tensors a run goes on as if it had not stopped.
type loopState struct {
	Step      int64    `json:"step"`       // steps done
	Epoch     int64    `json:"epoch"`      // of the next step
	EpochStep int64    `json:"epoch_step"` // steps done of that epoch
	Count     int64    `json:"count"`      // steps since the last tick
	Names     []string `json:"names"`      // of the outputs of a step that are metrics
	Sums      []exact  `json:"sums"`       // of the step's outputs over them
	Logged    int64    `json:"logged"`     // bytes of metrics.jsonl
	Best      string   `json:"best,omitempty"`
	BestStep  int64    `json:"best_step,omitempty"`
	BestValue exact    `json:"best_value"`
	Waited    int64    `json:"waited"` // ticks since the best
	Stopped   bool     `json:"stopped,omitempty"`
	Recent    int64    `json:"recent,omitempty"` // snapshots held for the average of the last n
}

// exact is a number that is saved with all its bits, NaN and infinities too.
type exact float64

// MarshalJSON writes the bits in base 16.
func (x exact) MarshalJSON() ([]byte, error) {
	return []byte(fmt.Sprintf(`"%016x"`, math.Float64bits(float64(x)))), nil
}

// UnmarshalJSON reads them.
func (x *exact) UnmarshalJSON(b []byte) error {
	text, err := strconv.Unquote(string(b))
	if err != nil {
		return err
	}
	bits, err := strconv.ParseUint(text, 16, 64)
	if err != nil {
		return err
	}
	*x = exact(math.Float64frombits(bits))
	return nil
}
