package opt

import (
	"slices"

	"modelc/ir"
	"modelc/ir/ops"
	"modelc/ir/scalar"
)

var viewRules = []rule{
	{"reshape of a reshape", []string{"reshape"}, func(b *ir.Builder, c *ir.Instr) *ir.Value {
		if _, d, ok := op[ops.Reshape](c.Args[0]); ok {
			return ops.ReshapeTo(b, d.Args[0], c.Results[0].Type.Shape)
		}
		if c.Args[0].Type == c.Results[0].Type {
			return c.Args[0]
		}
		return nil
	}, func(b *ir.Builder) *ir.Value {
		return b.Op(ops.Reshape{Shape: ir.MustShape(6)}, b.Op(ops.Reshape{Shape: ir.MustShape(3, 2)}, someF(b, 2, 3)))
	}},
	{"reshape of a repeated scalar", []string{"reshape"}, func(b *ir.Builder, c *ir.Instr) *ir.Value {
		if o, d, ok := op[ops.Broadcast](c.Args[0]); ok && o.Axes.Len() == 0 {
			return ops.BroadcastTo(b, d.Args[0], c.Results[0].Type.Shape)
		}
		return nil
	}, func(b *ir.Builder) *ir.Value {
		return ops.ReshapeTo(b, ops.BroadcastTo(b, someF(b), ir.MustShape(2, 3)), ir.MustShape(3, 2))
	}},
	{"transpose of a transpose", []string{"transpose"}, func(b *ir.Builder, c *ir.Instr) *ir.Value {
		perm := c.Op.(ops.Transpose).Perm.List()
		if inner, d, ok := op[ops.Transpose](c.Args[0]); ok {
			for i, p := range perm {
				perm[i] = inner.Perm.At(p)
			}
			return ops.TransposeBy(b, d.Args[0], perm...)
		}
		if slices.IsSorted(perm) {
			return c.Args[0]
		}
		return nil
	}, func(b *ir.Builder) *ir.Value {
		return ops.TransposeBy(b, ops.TransposeBy(b, someF(b, 2, 3, 4), 1, 2, 0), 1, 0, 2)
	}},
	{"transpose that moves only axes of size 1", []string{"transpose"}, func(b *ir.Builder, c *ir.Instr) *ir.Value {
		last := -1
		for _, p := range c.Op.(ops.Transpose).Perm.List() {
			if c.Args[0].Type.Shape.Dim(p) == 1 {
				continue
			}
			if p < last {
				return nil
			}
			last = p
		}
		return ops.ReshapeTo(b, c.Args[0], c.Results[0].Type.Shape)
	}, func(b *ir.Builder) *ir.Value { return ops.TransposeBy(b, someF(b, 1, 3, 2), 1, 0, 2) }},
	{"transpose of a broadcast", []string{"transpose"}, func(b *ir.Builder, c *ir.Instr) *ir.Value {
		o, d, ok := op[ops.Broadcast](c.Args[0])
		if !ok {
			return nil
		}
		perm := c.Op.(ops.Transpose).Perm.List()
		var axes, order []int // where the axes of the broadcast value go, and which they are, in their new order
		for i, p := range perm {
			if k := slices.Index(o.Axes.List(), p); k >= 0 {
				axes, order = append(axes, i), append(order, k)
			}
		}
		return ops.BroadcastTo(b, ops.TransposeBy(b, d.Args[0], order...), c.Results[0].Type.Shape, axes...)
	}, func(b *ir.Builder) *ir.Value {
		return ops.TransposeBy(b, ops.BroadcastTo(b, someF(b, 2, 3), ir.MustShape(2, 4, 3), 0, 2), 2, 0, 1)
	}},
	{"broadcast of a broadcast", []string{"broadcast"}, func(b *ir.Builder, c *ir.Instr) *ir.Value {
		o := c.Op.(ops.Broadcast)
		if c.Args[0].Type == c.Results[0].Type {
			return c.Args[0]
		}
		inner, d, ok := op[ops.Broadcast](c.Args[0])
		if !ok {
			return nil
		}
		axes := inner.Axes.List()
		for i, a := range axes {
			axes[i] = o.Axes.At(a)
		}
		return ops.BroadcastTo(b, d.Args[0], o.Shape, axes...)
	}, func(b *ir.Builder) *ir.Value {
		return ops.BroadcastTo(b, ops.BroadcastTo(b, someF(b, 3), ir.MustShape(2, 3), 1), ir.MustShape(2, 4, 3), 0, 2)
	}},
	{"slice of everything", []string{"slice"}, func(b *ir.Builder, c *ir.Instr) *ir.Value {
		if c.Args[0].Type == c.Results[0].Type {
			return c.Args[0] // a step that skips something, or a start above 0, makes the axis shorter
		}
		return nil
	}, func(b *ir.Builder) *ir.Value { return ops.SliceAxis(b, someF(b, 3, 2), 0, 0, 3) }},
	{"slice of a slice", []string{"slice"}, func(b *ir.Builder, c *ir.Instr) *ir.Value {
		inner, d, ok := op[ops.Slice](c.Args[0])
		if !ok {
			return nil
		}
		o := c.Op.(ops.Slice)
		start, stop, step := o.Start.List(), o.Stop.List(), o.Step.List()
		for i := range start {
			first, k := inner.Start.At(i), inner.Step.At(i)
			start[i], step[i] = first+start[i]*k, step[i]*k
			// One past the last place that is taken.
			if n := c.Results[0].Type.Shape.Dim(i); n > 0 {
				stop[i] = start[i] + (n-1)*step[i] + 1
			} else {
				start[i], stop[i] = 0, 0
			}
		}
		return b.Op(ops.Slice{Start: ir.NewInts(start...), Stop: ir.NewInts(stop...), Step: ir.NewInts(step...)}, d.Args[0])
	}, func(b *ir.Builder) *ir.Value {
		x := b.Op(ops.Slice{Start: ir.NewInts(1), Stop: ir.NewInts(10), Step: ir.NewInts(2)}, someF(b, 12))
		return b.Op(ops.Slice{Start: ir.NewInts(1), Stop: ir.NewInts(5), Step: ir.NewInts(3)}, x)
	}},
	{"slice of a broadcast", []string{"slice"}, func(b *ir.Builder, c *ir.Instr) *ir.Value {
		bc, d, ok := op[ops.Broadcast](c.Args[0])
		if !ok {
			return nil
		}
		o := c.Op.(ops.Slice)
		x := d.Args[0]
		var start, stop, step []int64
		whole := true
		for k := range bc.Axes.Len() {
			a := bc.Axes.At(k)
			start, stop, step = append(start, o.Start.At(a)), append(stop, o.Stop.At(a)), append(step, o.Step.At(a))
			whole = whole && c.Results[0].Type.Shape.Dim(a) == x.Type.Shape.Dim(k)
		}
		if !whole {
			x = b.Op(ops.Slice{Start: ir.NewInts(start...), Stop: ir.NewInts(stop...), Step: ir.NewInts(step...)}, x)
		}
		return ops.BroadcastTo(b, x, c.Results[0].Type.Shape, bc.Axes.List()...)
	}, func(b *ir.Builder) *ir.Value {
		return ops.SliceAxis(b, ops.BroadcastTo(b, someF(b, 3), ir.MustShape(3, 5), 0), 1, 1, 3)
	}},
	{"pad by nothing", []string{"pad"}, func(b *ir.Builder, c *ir.Instr) *ir.Value {
		o := c.Op.(ops.Pad)
		for i := range o.Lo.Len() {
			if o.Lo.At(i) != 0 || o.Hi.At(i) != 0 || o.Interior.At(i) != 0 && c.Args[0].Type.Shape.Dim(i) > 1 {
				return nil
			}
		}
		return c.Args[0]
	}, func(b *ir.Builder) *ir.Value { return ops.PadAxis(b, someF(b, 3), 0, 0, 0, 7) }},
	{"sum of neighbours in zeros", []string{"add"}, sumOfPads, func(b *ir.Builder) *ir.Value {
		return ops.Add(b, ops.PadAxis(b, someF(b, 2, 3), 1, 2, 1, 0), ops.PadAxis(b, someF(b, 2, 2), 1, 0, 4, 0))
	}},
	{"reverse of a reverse", []string{"reverse"}, func(b *ir.Builder, c *ir.Instr) *ir.Value {
		o := c.Op.(ops.Reverse)
		if inner, d, ok := op[ops.Reverse](c.Args[0]); ok {
			var axes []int
			for i := range ir.MaxRank {
				if inner.Axes.Has(i) != o.Axes.Has(i) {
					axes = append(axes, i)
				}
			}
			return b.Op(ops.Reverse{Axes: ir.NewAxes(axes...)}, d.Args[0])
		}
		for i := range o.Axes.Len() {
			if c.Args[0].Type.Shape.Dim(o.Axes.At(i)) > 1 {
				return nil
			}
		}
		return c.Args[0]
	}, func(b *ir.Builder) *ir.Value {
		return b.Op(ops.Reverse{Axes: ir.NewAxes(1)}, b.Op(ops.Reverse{Axes: ir.NewAxes(1, 0)}, someF(b, 2, 3)))
	}},
	{"concat of one", []string{"concat"}, func(b *ir.Builder, c *ir.Instr) *ir.Value {
		if len(c.Args) == 1 {
			return c.Args[0]
		}
		return nil
	}, func(b *ir.Builder) *ir.Value { return b.Op(ops.Concat{}, someF(b, 3)) }},
	{"iota of one place", []string{"iota"}, func(b *ir.Builder, c *ir.Instr) *ir.Value {
		if o := c.Op.(ops.Iota); o.Type.Shape.Dim(int(o.Axis)) == 1 {
			return b.Op(ops.Const{Type: o.Type})
		}
		return nil
	}, func(b *ir.Builder) *ir.Value {
		return ops.Add(b, someI(b, 1, 3), b.Op(ops.Iota{Type: ir.Of(ir.I32, 1, 3)}))
	}},
	{"reduction of single elements", reductions, func(b *ir.Builder, c *ir.Instr) *ir.Value {
		o := c.Op.(ops.Reduce)
		for i := range o.Axes.Len() {
			if c.Args[0].Type.Shape.Dim(o.Axes.At(i)) != 1 {
				return nil
			}
		}
		return ops.ReshapeTo(b, c.Args[0], c.Results[0].Type.Shape)
	}, func(b *ir.Builder) *ir.Value { return ops.Sum(b, someF(b, 2, 1, 3), 1) }},
	{"reduction of a reduction", reductions, func(b *ir.Builder, c *ir.Instr) *ir.Value {
		o := c.Op.(ops.Reduce)
		inner, d, ok := op[ops.Reduce](c.Args[0])
		if !ok || inner.Code != o.Code {
			return nil
		}
		if t := c.Results[0].Type.DType; o.Code == scalar.Add && (t == ir.F16 || t == ir.BF16) {
			return nil // the inner result is rounded
		}
		axes := inner.Axes.List()
		place := 0 // of axis i of the argument in the inner result
		for i := range d.Args[0].Type.Shape.Rank() {
			if inner.Axes.Has(i) {
				continue
			}
			if o.Axes.Has(place) {
				axes = append(axes, i)
			}
			place++
		}
		slices.Sort(axes)
		return b.Op(ops.Reduce{Code: o.Code, Axes: ir.NewAxes(axes...)}, d.Args[0])
	}, func(b *ir.Builder) *ir.Value { return ops.Sum(b, ops.Sum(b, someF(b, 2, 3, 4), 1), 1) }},
	{"reduction of a broadcast", []string{"reduce_sum", "reduce_max", "reduce_min"}, reduceBroadcast, func(b *ir.Builder) *ir.Value {
		return ops.Sum(b, ops.BroadcastTo(b, someF(b, 3, 5), ir.MustShape(4, 3, 2, 5), 1, 3), 0, 3)
	}},
}

// padded returns the axis along which a value is surrounded by zeros, what is surrounded, and how many zeros stand before and after.
func padded(v *ir.Value) (axis int, x *ir.Value, lo, hi int64, ok bool) {
	o, c, is := op[ops.Pad](v)
	if !is || o.Value.Float() != 0 {
		return 0, nil, 0, 0, false
	}
	axis = -1
	for i := range o.Lo.Len() {
		switch lo, hi := o.Lo.At(i), o.Hi.At(i); {
		case lo < 0 || hi < 0 || o.Interior.At(i) != 0:
			return 0, nil, 0, 0, false
		case lo == 0 && hi == 0:
		case axis >= 0:
			return 0, nil, 0, 0, false
		default:
			axis = i
		}
	}
	if axis < 0 {
		return 0, nil, 0, 0, false
	}
	return axis, c.Args[0], o.Lo.At(axis), o.Hi.At(axis), true
}

// sumOfPads joins two values that fill neighbouring ranges of an axis with zeros elsewhere: the gradient of something that was split.
func sumOfPads(b *ir.Builder, c *ir.Instr) *ir.Value {
	axis, x, lo, hi, ok := padded(c.Args[0])
	axis2, y, lo2, hi2, ok2 := padded(c.Args[1])
	if !ok || !ok2 || axis != axis2 {
		return nil
	}
	if lo2 < lo {
		x, lo, hi, y, lo2, hi2 = y, lo2, hi2, x, lo, hi
	}
	if lo+x.Type.Shape.Dim(axis) != lo2 {
		return nil
	}
	v := b.Op(ops.Concat{Axis: int64(axis)}, x, y)
	if lo == 0 && hi2 == 0 {
		return v
	}
	return ops.PadAxis(b, v, axis, lo, hi2, 0)
}

var reductions = []string{"reduce_sum", "reduce_prod", "reduce_max", "reduce_min", "reduce_all", "reduce_any"}

// reduceBroadcast folds the axes of the argument itself; along the axes on which it is repeated a sum is a product with their size.
func reduceBroadcast(b *ir.Builder, c *ir.Instr) *ir.Value {
	o := c.Op.(ops.Reduce)
	bc, d, ok := op[ops.Broadcast](c.Args[0])
	if !ok || o.Code == scalar.Add && !c.Results[0].Type.DType.IsFloat() {
		return nil
	}
	factor, any := int64(1), false
	var inner, outer []int // axes of the argument that are folded; places in the result of those that stay
	place := 0
	for i := range bc.Shape.Rank() {
		k := slices.Index(bc.Axes.List(), i)
		switch folded := o.Axes.Has(i); {
		case folded && k >= 0:
			inner = append(inner, k)
		case folded:
			factor *= bc.Shape.Dim(i)
			any = true
		default:
			if k >= 0 {
				outer = append(outer, place)
			}
			place++
		}
	}
	if !any || factor == 0 {
		return nil
	}
	x := d.Args[0]
	if len(inner) > 0 {
		x = b.Op(ops.Reduce{Code: o.Code, Axes: ir.NewAxes(inner...)}, x)
	}
	if o.Code == scalar.Add {
		x = ops.Mul(b, x, like(b, x, float64(factor)))
	}
	return ops.BroadcastTo(b, x, c.Results[0].Type.Shape, outer...)
}

var productRules = []rule{
	{"dot of a transpose", []string{"dot"}, func(b *ir.Builder, c *ir.Instr) *ir.Value {
		o := c.Op.(ops.Dot)
		args := slices.Clone(c.Args)
		changed := false
		if t, d, ok := op[ops.Transpose](args[0]); ok && keepsFree(t.Perm, o.BatchA, o.ContractA) {
			o.BatchA, o.ContractA, args[0], changed = through(t.Perm, o.BatchA), through(t.Perm, o.ContractA), d.Args[0], true
		}
		if t, d, ok := op[ops.Transpose](args[1]); ok && keepsFree(t.Perm, o.BatchB, o.ContractB) {
			o.BatchB, o.ContractB, args[1], changed = through(t.Perm, o.BatchB), through(t.Perm, o.ContractB), d.Args[0], true
		}
		if !changed {
			return nil
		}
		return b.Op(o, args...)
	}, func(b *ir.Builder) *ir.Value {
		return ops.MatMul(b, ops.TransposeBy(b, someF(b, 3, 2), 1, 0), ops.TransposeBy(b, someF(b, 4, 3), 1, 0))
	}},
	{"transpose of a dot that swaps its sides", []string{"transpose"}, func(b *ir.Builder, c *ir.Instr) *ir.Value {
		o, d, ok := op[ops.Dot](c.Args[0])
		if !ok {
			return nil
		}
		batch := o.BatchA.Len()
		freeA := d.Args[0].Type.Shape.Rank() - batch - o.ContractA.Len()
		rank := c.Results[0].Type.Shape.Rank()
		for i, p := range c.Op.(ops.Transpose).Perm.List() {
			want := i
			if freeB := rank - batch - freeA; i >= batch && i < batch+freeB {
				want = i + freeA
			} else if i >= batch {
				want = i - freeB
			}
			if p != want {
				return nil
			}
		}
		return b.Op(ops.Dot{BatchA: o.BatchB, BatchB: o.BatchA, ContractA: o.ContractB, ContractB: o.ContractA, Precision: o.Precision}, d.Args[1], d.Args[0])
	}, func(b *ir.Builder) *ir.Value {
		return ops.TransposeBy(b, ops.MatMul(b, someF(b, 2, 3), someF(b, 3, 4)), 1, 0)
	}},
}

// through returns which axes of the argument of a transpose given axes of its result are.
func through(perm, axes ir.Axes) ir.Axes {
	list := axes.List()
	for i, a := range list {
		list[i] = perm.At(a)
	}
	return ir.NewAxes(list...)
}

// keepsFree reports whether the axes that are neither batch nor contracted have the same order before and after a transpose.
func keepsFree(perm, batch, contract ir.Axes) bool {
	last := -1
	for i, p := range perm.List() {
		if batch.Has(i) || contract.Has(i) {
			continue
		}
		if p < last {
			return false
		}
		last = p
	}
	return true
}
