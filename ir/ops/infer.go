package ops

import (
	"fmt"
	"math"
	"strconv"

	"modelc/ir"
)

// limit bounds sizes given as attributes, so that no arithmetic on them can wrap.
const limit = int64(1) << 46

func arity(op ir.Op, c *ir.Instr, n int) error {
	if len(c.Args) != n {
		return attribute(op, fmt.Sprintf("%d arguments", n), fmt.Sprint(len(c.Args)))
	}
	return nil
}

// attribute is an error of the attributes.
func attribute(op ir.Op, want, got string) error {
	return &ir.ShapeError{Op: op.Name(), Arg: -1, Axis: -1, Want: want, Got: got}
}

// argument is an error of one argument as a whole: its rank or its element type.
func argument(op ir.Op, arg int, want, got string) error {
	return &ir.ShapeError{Op: op.Name(), Arg: arg, Axis: -1, Want: want, Got: got}
}

// size is an error of one axis of an argument.
func size(op ir.Op, arg, axis int, want, got int64) error {
	return &ir.ShapeError{Op: op.Name(), Arg: arg, Axis: axis, Want: fmt.Sprint(want), Got: fmt.Sprint(got)}
}

// one returns the type with checked sizes as the only result.
func one(op ir.Op, d ir.DType, dims ...int64) ([]ir.Type, error) {
	t, err := checked(op, d, dims...)
	if err != nil {
		return nil, err
	}
	return []ir.Type{t}, nil
}

func checked(op ir.Op, d ir.DType, dims ...int64) (ir.Type, error) {
	s, err := ir.NewShape(dims...)
	if err != nil {
		return ir.Type{}, attribute(op, "a valid shape", err.Error())
	}
	return ir.Type{DType: d, Shape: s}, nil
}

// axis checks one axis number given as an attribute.
func axis(op ir.Op, a int64, rank int) error {
	if a < 0 || a >= int64(rank) {
		return attribute(op, fmt.Sprintf("an axis below %d", rank), fmt.Sprint(a))
	}
	return nil
}

// distinct checks that axes are distinct and below rank.
func distinct(op ir.Op, axes ir.Axes, rank int) error {
	var seen [ir.MaxRank]bool
	for _, a := range axes.List() {
		if a >= rank || seen[a] {
			return attribute(op, fmt.Sprintf("distinct axes below %d", rank), fmt.Sprint(axes.List()))
		}
		seen[a] = true
	}
	return nil
}

// lengths checks that every list has the given length and entries in [-limit, limit].
func lengths(op ir.Op, n int, lists ...ir.Ints) error {
	for _, l := range lists {
		if l.Len() != n {
			return attribute(op, fmt.Sprintf("%d sizes", n), fmt.Sprint(l.List()))
		}
		for _, v := range l.List() {
			if v < -limit || v > limit {
				return attribute(op, "sizes of ordinary magnitude", fmt.Sprint(l.List()))
			}
		}
	}
	return nil
}

// atLeast checks that every entry of a list is at least lo.
func atLeast(op ir.Op, name string, l ir.Ints, lo int64) error {
	for _, v := range l.List() {
		if v < lo {
			return attribute(op, fmt.Sprintf("%s of at least %d", name, lo), fmt.Sprint(l.List()))
		}
	}
	return nil
}

// spread returns (n-1)·step + 1, the extent of n places that lie step apart; 0 for none; ok is false where it is beyond limit.
func spread(n, step int64) (extent int64, ok bool) {
	if n == 0 {
		return 0, true
	}
	if float64(n-1)*float64(step) > float64(limit) {
		return 0, false
	}
	return (n-1)*step + 1, true
}

// representable reports whether v is a value of the type; floats round, so all are.
func representable(d ir.DType, v float64) bool {
	if d.IsFloat() {
		return true
	}
	lo, hi := d.Range()
	return v == math.Trunc(v) && v >= lo && v <= hi
}

// complement returns the axes below rank that are in none of the lists, in order.
func complement(rank int, lists ...ir.Axes) []int {
	var out []int
next:
	for a := range rank {
		for _, l := range lists {
			if l.Has(a) {
				continue next
			}
		}
		out = append(out, a)
	}
	return out
}

func formatFloat(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
