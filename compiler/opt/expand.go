package opt

import "modelc/ir"

// expand puts the body of a Whole function in the place of the calls that the backend does not keep.
func expand(m *ir.Module, o Options) {
	inlineCalls(m, func(c *ir.Instr) bool { return o.Keep == nil || !o.Keep(c) })
}
