package plan

import (
	"fmt"

	"modelc/backend/kernel"
	"modelc/ir"
)

// kernel makes a step of a fused group.
func (o *orderer) kernel(r *region, g *group) *Step {
	inner := g.inner
	if inner < 0 {
		inner = max(len(g.dims)-1, 0)
	}
	k := &kernelizer{o: o, r: r, g: g, inner: inner, s: &Step{Kernel: &kernel.Func{Outer: g.dims[:inner:inner], Inner: g.dims[inner:], Kept: max(g.split, 0)}},
		regs: map[*root]int32{}, loads: map[string]int32{}}
	for _, n := range g.nodes {
		k.node(n)
	}
	// In operands come first, then Out: renumber what was written in the order of the body.
	f := k.s.Kernel
	for i := range f.Body {
		if x := &f.Body[i]; x.Kind == kernel.Store || x.Kind == kernel.FoldColumn {
			x.Arg += int32(len(k.in))
		}
	}
	f.Args = append(k.in, k.out...)
	return k.s
}

type kernelizer struct {
	o       *orderer
	r       *region
	g       *group
	inner   int
	s       *Step
	in, out []kernel.Arg
	regs    map[*root]int32
	loads   map[string]int32
}

func (k *kernelizer) emit(n kernel.Node) int32 {
	k.s.Kernel.Body = append(k.s.Kernel.Body, n)
	return int32(len(k.s.Kernel.Body) - 1)
}

func (k *kernelizer) level(i int32) kernel.Level { return k.s.Kernel.Body[i].Level }

// value returns the node that holds an argument of a member.
func (k *kernelizer) value(v *val) int32 {
	if i, ok := k.regs[v.root]; ok {
		return i
	}
	if v.root.number {
		key := fmt.Sprint(v.typ.DType, ir.Num(v.root.value))
		i, ok := k.loads[key]
		if !ok {
			i = k.emit(kernel.Node{Kind: kernel.Number, Type: v.typ.DType, Value: v.root.value})
			k.loads[key] = i
		}
		return i
	}
	_, stride := squeezed(v)
	full := make([]int64, len(k.g.dims))
	copy(full, stride)
	var op Operand
	if v.root.count {
		if k.o.counter == nil {
			k.o.counter = k.o.buffer(Count, 0, 0, nil)
		}
		op = Operand{Place: Place{Buf: k.o.counter, Offset: v.off, Turn: trimmed(v.turn)}, Type: v.typ, Stride: v.stride}
	} else {
		op = v.operand()
	}
	key := fmt.Sprint(op.Buf.ID, op.Offset, op.Turn, full, v.typ.DType)
	if i, ok := k.loads[key]; ok {
		return i
	}
	level := kernel.Uniform
	for i, s := range full {
		if s != 0 && k.g.dims[i] != 1 {
			if i >= k.inner {
				level = kernel.Point
			} else {
				level = max(level, kernel.Row)
			}
		}
	}
	k.in = append(k.in, kernel.Arg{Type: v.typ.DType, Stride: full, Count: v.root.count})
	k.s.In = append(k.s.In, op)
	i := k.emit(kernel.Node{Kind: kernel.Load, Level: level, Type: v.typ.DType, Arg: int32(len(k.in) - 1)})
	k.loads[key] = i
	return i
}

// point returns a node of level Point with the value.
func (k *kernelizer) point(i int32) int32 {
	if k.level(i) == kernel.Point {
		return i
	}
	return k.emit(kernel.Node{Kind: kernel.Spread, Level: kernel.Point, Type: k.s.Kernel.Body[i].Type, In: []int32{i}})
}

func (k *kernelizer) node(n *node) {
	out := n.outs[0]
	t := out.typ.DType
	if n.instr != nil {
		k.s.Made = append(k.s.Made, n.instr)
		if k.s.Pos == 0 {
			k.s.Pos = n.instr.Pos
		}
	}
	var in []int32
	level := kernel.Uniform
	for _, v := range n.args {
		i := k.value(v)
		in = append(in, i)
		level = max(level, k.level(i))
	}
	var at int32
	switch n.kind {
	case copyNode:
		at = in[0]
	case castNode:
		at = in[0]
		if t != n.args[0].typ.DType {
			at = k.emit(kernel.Node{Kind: kernel.Cast, Level: level, Type: t, In: in})
		}
	case mapNode:
		at = k.emit(kernel.Node{Kind: kernel.Op, Level: level, Code: n.code, Type: t, In: in})
	case reduceNode:
		if !n.rowFold() {
			k.column(n, k.point(in[0]))
			return
		}
		at = k.emit(kernel.Node{Kind: kernel.FoldRow, Level: kernel.Row, Code: n.code, Type: t, In: []int32{k.point(in[0])}})
	}
	k.regs[out] = at
	if !k.stored(out) {
		return
	}
	k.o.home(out, k.r)
	full := make([]int64, len(k.g.dims))
	dims := k.g.dims
	store := k.g.level[n]
	if k.g.level == nil {
		store = kernel.Point
	}
	if n.kind == reduceNode {
		store = kernel.Row
	}
	if store == kernel.Row {
		dims = dims[:k.inner]
	}
	copy(full, denseStrides(dims))
	k.write(out, full)
	k.emit(kernel.Node{Kind: kernel.Store, Level: store, Type: t, Arg: int32(len(k.out) - 1), In: []int32{at}})
}

func (k *kernelizer) write(out *root, stride []int64) {
	k.out = append(k.out, kernel.Arg{Type: out.typ.DType, Stride: stride, Out: true})
	k.s.Out = append(k.s.Out, whole(out).operand())
}

// column folds along the axes from split to inner.
func (k *kernelizer) column(n *node, in int32) {
	out := n.outs[0]
	k.o.home(out, k.r)
	split := k.g.split
	kept := append(append([]int64(nil), k.g.dims[:split]...), k.g.dims[k.inner:]...)
	s := denseStrides(kept)
	full := make([]int64, len(k.g.dims))
	copy(full, s[:split])
	copy(full[k.inner:], s[split:])
	k.write(out, full)
	k.emit(kernel.Node{Kind: kernel.FoldColumn, Level: kernel.Point, Code: n.code, Type: out.typ.DType, Arg: int32(len(k.out) - 1), In: []int32{in}})
}

// stored reports whether a value is needed in memory.
func (k *kernelizer) stored(x *root) bool {
	if x.wanted || x.place != nil {
		return true
	}
	for _, m := range x.readers {
		if m.group != k.g {
			return true
		}
	}
	return false
}
