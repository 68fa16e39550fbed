package opt

import "modelc/ir"

// inline puts the body of every function that is not Whole in the place of its calls.
func inline(m *ir.Module, _ Options) {
	inlineCalls(m, func(c *ir.Instr) bool { return !c.Callees[0].Whole })
}

func inlineCalls(m *ir.Module, wanted func(*ir.Instr) bool) {
	for _, f := range m.Funcs { // callees first: a body that is put in has no more calls to replace
		rewrite(f, func(b *ir.Builder, c *ir.Instr) []*ir.Value {
			if _, ok := c.Op.(ir.Call); !ok || !wanted(c) {
				return nil
			}
			return b.Inline(c.Callees[0], c.Args...)
		})
	}
}
