package opt

import (
	"modelc/ir"
	"modelc/ir/ops"
	"modelc/ir/scalar"
)

// What passes hoist and keep know of the price of an instruction. The unit is the time to move one byte through memory.

// never is the price of what is not computed twice.
const never = int64(1) << 56

// price is what computing an instruction once more costs, when everything it reads is there.
func price(c *ir.Instr) int64 {
	elements := int64(0)
	for _, r := range c.Results {
		elements += r.Type.Shape.Size()
	}
	if len(c.Callees) > 0 {
		return never
	}
	switch o := c.Op.(type) {
	case ops.Const, ops.Iota, ops.Key, ops.Fold, ops.FoldConst:
		return 0
	case ops.Bits, ops.Uniform, ops.RandomInt:
		return 0 // counter-based: dropout masks are drawn again, not stored
	case ops.Normal:
		return 16 * elements
	case ops.Map:
		return elements * int64(max(scalar.Lookup(o.Code).Costs/2, 1)) // half a byte's time per addition
	case ops.Cast:
		return elements
	}
	switch c.Op.Form(c).Kind {
	case ir.View:
		return 0
	case ir.Map:
		return elements
	case ir.Reduce:
		// Reading again what it folds is a pass of its own over it.
		n := int64(0)
		for _, a := range c.Args {
			n += a.Type.Bytes()
		}
		return n
	}
	return never
}

// heavy reports whether an instruction costs more than moving its results.
func heavy(c *ir.Instr) bool {
	n := int64(0)
	for _, r := range c.Results {
		n += r.Type.Bytes()
	}
	return price(c) > n
}

// isView reports whether an instruction only says where its result's elements lie.
func isView(c *ir.Instr) bool {
	return len(c.Callees) == 0 && len(c.Args) > 0 && c.Op.Form(c).Kind == ir.View
}
