package ops

import (
	"fmt"

	"modelc/ir"
	"modelc/ir/scalar"
)

// Cumulative folds along an axis and keeps every partial result (add, mul, max): element i is the fold of the elements up to and including i; Reverse: from
// i to the end. The gradient of max goes to the first of equals.
type Cumulative struct {
	Code    scalar.Code `ir:"name"`
	Axis    int64
	Reverse bool
}

func (o Cumulative) Name() string { return foldName("cumulative_", o.Code) }

// Infer requires numbers.
func (o Cumulative) Infer(c *ir.Instr) ([]ir.Type, error) {
	if o.Code != scalar.Add && o.Code != scalar.Mul && o.Code != scalar.Max {
		return nil, attribute(o, "add, mul or max", fmt.Sprintf("%q", string(o.Code)))
	}
	t, err := sortable(o, c, o.Axis)
	if err != nil {
		return nil, err
	}
	return []ir.Type{t}, nil
}
