package plan

import (
	"fmt"

	"modelc/ir"
	"modelc/ir/ops"
	"modelc/ir/scalar"
)

// A root is a value that is computed and stored (or a number or counter that needs neither): dense and row-major at its place.
type root struct {
	typ    ir.Type
	def    *node // nil: an input, state, constant, carry, number or counter
	region *region
	place  *Place // nil: not yet decided
	number bool   // every element is value
	value  float64
	count  bool // element i is i

	readers []*node
	wanted  bool // read by something that is not a kernel of its own group, or a result
}

// A val is a strided view of a root.
type val struct {
	typ    ir.Type
	root   *root
	off    int64
	stride []int64
	turn   []int64
}

func (v *val) identity() bool {
	return v.off == 0 && len(trimmed(v.turn)) == 0 && v.typ.Shape.Size() == v.root.typ.Shape.Size() && isDense(v.typ.Shape.Dims(), v.stride)
}

func trimmed(turn []int64) []int64 {
	for len(turn) > 0 && turn[len(turn)-1] == 0 {
		turn = turn[:len(turn)-1]
	}
	return turn
}

// operand is the view in memory; the root has a place.
func (v *val) operand() Operand {
	p := *v.root.place
	p.Offset += v.off
	p.Turn = addTurns(p.Turn, v.turn)
	return Operand{Place: p, Type: v.typ, Stride: v.stride}
}

func addTurns(a, b []int64) []int64 {
	out := make([]int64, max(len(a), len(b)))
	copy(out, a)
	for i, v := range b {
		out[i] += v
	}
	return trimmed(out)
}

type nodeKind uint8

const (
	mapNode    nodeKind = iota // code of args
	castNode                   // args[0] as the type of outs[0]
	copyNode                   // args[0]
	reduceNode                 // args[0], viewed as [kept, folded, inner], folded along the middle
	opaqueNode                 // an op with a kernel of its own
	scanNode
)

type node struct {
	kind   nodeKind
	index  int // place in its region
	region *region
	code   scalar.Code
	args   []*val
	outs   []*root
	instr  *ir.Instr
	group  *group

	// Of a reduceNode: how many axes of the argument come before, and in, the folded stretch.
	kept, folded int

	late  bool    // needed by nothing but states that the guard protects
	body  *region // of a scanNode
	outer []*root // roots of enclosing regions that the body reads
}

// A region is the body of the entry or of a scan.
type region struct {
	parent *region
	scan   *node
	depth  int  // of the scan whose body it is; -1: the entry
	kept   bool // runs once, and its values stay
	nodes  []*node
	groups []*group

	length  int64
	reverse bool
	commits []*commit
	guard   *val
}

// A commit says that a value replaces what is at a place once a turn, or the entry, ends.
type commit struct {
	value *val
	place *Place
	old   *root // what is there while the region runs
}

type flattener struct {
	module  *ir.Module
	states  map[string]int
	buffers []*Buffer
	outs    []*val
	depth   int
	hoists  bool
	once    *region // what hoist took out
}

func (f *flattener) buffer(s Space, index int, bytes int64, r *region) *Buffer {
	b := &Buffer{ID: len(f.buffers), Space: s, Index: index, Bytes: bytes, region: r, first: -1}
	f.buffers = append(f.buffers, b)
	return b
}

func whole(r *root) *val {
	return &val{typ: r.typ, root: r, stride: denseStrides(r.typ.Shape.Dims())}
}

func (f *flattener) entry(e *ir.Entry) (*region, error) {
	top := &region{depth: -1}
	params := e.Func.Params
	args := make([]*val, len(params))
	old := map[string]*root{}
	for i, p := range params {
		r := &root{typ: p.Type, region: top}
		if i < len(e.In) {
			r.place = &Place{Buf: f.buffer(Input, i, p.Type.Bytes(), top)}
		} else {
			name := e.Read[i-len(e.In)].Name
			if old[name] == nil {
				s, ok := f.states[name]
				if !ok {
					return nil, fmt.Errorf("plan: entry %s reads the unknown state %s", e.Name, name)
				}
				r.place = &Place{Buf: f.buffer(State, s, p.Type.Bytes(), top)}
				old[name] = r
			}
			r = old[name]
		}
		args[i] = whole(r)
	}
	results, err := f.body(e.Func, args, top)
	if err != nil {
		return nil, err
	}
	for i := range e.Out {
		v := f.result(results[i], top)
		v.root.wanted = true
		f.outs = append(f.outs, v)
		if e.Out[i] == "ok" && v.typ == ir.Of(ir.Bool) {
			top.guard = v
		}
	}
	for i, s := range e.Write {
		v := results[len(e.Out)+i]
		o := old[s.Name]
		if o == nil {
			n, ok := f.states[s.Name]
			if !ok {
				return nil, fmt.Errorf("plan: entry %s writes the unknown state %s", e.Name, s.Name)
			}
			o = &root{typ: s.Type, region: top, place: &Place{Buf: f.buffer(State, n, s.Type.Bytes(), top)}}
		}
		f.commit(top, v, o)
	}
	if f.hoists {
		f.once = f.hoist(top)
		f.finish(f.once)
	}
	f.finish(top)
	if top.guard != nil {
		f.markLate(top)
	}
	return top, nil
}

// markLate finds the nodes that neither the guard nor an output needs: they may run after the guard, and must not be joined with those that run before.
func (f *flattener) markLate(top *region) {
	for _, n := range top.nodes {
		n.late = true
	}
	var need func(r *root)
	need = func(r *root) {
		n := r.def
		if n == nil || n.region != top || !n.late {
			return
		}
		n.late = false
		for _, v := range n.args {
			need(v.root)
		}
		for _, x := range n.outer {
			need(x)
		}
	}
	for _, v := range f.outs {
		need(v.root)
	}
}

// result makes a value an output: a root of its own with a buffer that no one else writes.
func (f *flattener) result(v *val, r *region) *val {
	if v.root.def != nil && v.root.region == r && v.identity() && v.root.place == nil {
		v.root.place = &Place{Buf: f.buffer(Arena, 0, v.root.typ.Bytes(), r)}
		return v
	}
	c := f.copy(r, v)
	c.root.place = &Place{Buf: f.buffer(Arena, 0, c.root.typ.Bytes(), r)}
	return c
}

// commit notes that v replaces old at the end of the region. A value that is itself at such a place is saved first, as another commit may overwrite it.
func (f *flattener) commit(r *region, v *val, old *root) {
	if v.root == old && v.identity() {
		return
	}
	if v.root.def == nil && v.root.place != nil || v.root.region != r {
		v = f.copy(r, v)
	}
	r.commits = append(r.commits, &commit{v, old.place, old})
}

func (f *flattener) emit(r *region, n *node, types ...ir.Type) []*val {
	n.region, n.index = r, len(r.nodes)
	r.nodes = append(r.nodes, n)
	var out []*val
	for _, t := range types {
		o := &root{typ: t, def: n, region: r}
		n.outs = append(n.outs, o)
		out = append(out, whole(o))
	}
	return out
}

func (f *flattener) copy(r *region, v *val) *val {
	return f.emit(r, &node{kind: copyNode, args: []*val{v}}, v.typ)[0]
}

// stored returns v as a dense value in memory.
func (f *flattener) stored(r *region, v *val) *val {
	if v.root.number || v.root.count || !isDense(v.typ.Shape.Dims(), v.stride) {
		return f.copy(r, v)
	}
	return v
}

// inMemory returns an operand of a product as a strided value in memory, with strides that are not negative; of a half-precision type, which is
// converted as a whole, densely.
func (f *flattener) inMemory(r *region, v *val) *val {
	if v.root.number || v.root.count {
		return f.copy(r, v)
	}
	if d := v.typ.DType; d == ir.F16 || d == ir.BF16 {
		return f.stored(r, v)
	}
	for _, s := range v.stride {
		if s < 0 {
			return f.copy(r, v)
		}
	}
	return v
}

// body flattens a function's instructions into a region.
func (f *flattener) body(fn *ir.Func, args []*val, r *region) ([]*val, error) {
	env := make(map[*ir.Value]*val, len(fn.Params)+len(fn.Body))
	for i, p := range fn.Params {
		env[p] = args[i]
	}
	for _, c := range fn.Body {
		in := make([]*val, len(c.Args))
		for i, a := range c.Args {
			if in[i] = env[a]; in[i] == nil {
				return nil, fmt.Errorf("plan: @%s uses a value before it is defined", fn.Name)
			}
		}
		out, err := f.instr(c, in, r)
		if err != nil {
			return nil, err
		}
		for i, v := range c.Results {
			env[v] = out[i]
		}
	}
	out := make([]*val, len(fn.Results))
	for i, v := range fn.Results {
		if out[i] = env[v]; out[i] == nil {
			return nil, fmt.Errorf("plan: @%s returns a value it does not define", fn.Name)
		}
	}
	return out, nil
}

func (f *flattener) instr(c *ir.Instr, in []*val, r *region) ([]*val, error) {
	t := c.Results[0].Type
	one := func(v *val) ([]*val, error) { return []*val{v}, nil }
	switch o := c.Op.(type) {
	case ir.Call:
		return f.body(c.Callees[0], in, r)
	case ir.Scan:
		return f.scan(c, o, in, r)
	case ops.Const:
		return one(&val{typ: t, root: &root{typ: t, region: r, number: true, value: o.Value.Float()}, stride: make([]int64, t.Shape.Rank())})
	case ops.Iota:
		v := &val{typ: t, root: &root{typ: t, region: r, count: true}, stride: make([]int64, t.Shape.Rank())}
		v.stride[o.Axis] = 1
		return one(v)
	case ops.Literal:
		root := &root{typ: t, region: r, place: &Place{Buf: f.buffer(Data, int(o.Data), t.Bytes(), nil)}}
		return one(whole(root))
	case ops.Stop:
		return in, nil
	case ops.Map:
		return f.emit(r, &node{kind: mapNode, code: o.Code, args: in, instr: c}, t), nil
	case ops.Cast:
		return f.emit(r, &node{kind: castNode, args: in, instr: c}, t), nil
	case ops.Broadcast:
		v := &val{typ: t, root: in[0].root, off: in[0].off, turn: in[0].turn, stride: make([]int64, t.Shape.Rank())}
		for k := range o.Axes.Len() {
			v.stride[o.Axes.At(k)] = in[0].stride[k]
		}
		return one(v)
	case ops.Transpose:
		v := &val{typ: t, root: in[0].root, off: in[0].off, turn: in[0].turn, stride: make([]int64, t.Shape.Rank())}
		for i := range v.stride {
			v.stride[i] = in[0].stride[o.Perm.At(i)]
		}
		return one(v)
	case ops.Slice:
		v := &val{typ: t, root: in[0].root, off: in[0].off, turn: in[0].turn, stride: make([]int64, t.Shape.Rank())}
		for i := range v.stride {
			v.off += o.Start.At(i) * in[0].stride[i]
			v.stride[i] = o.Step.At(i) * in[0].stride[i]
		}
		if t.Shape.Size() == 0 {
			v.off = 0
		}
		return one(v)
	case ops.Reverse:
		v := &val{typ: t, root: in[0].root, off: in[0].off, turn: in[0].turn, stride: append([]int64(nil), in[0].stride...)}
		for _, a := range o.Axes.List() {
			v.off += max(t.Shape.Dim(a)-1, 0) * v.stride[a]
			v.stride[a] = -v.stride[a]
		}
		return one(v)
	case ops.Reshape:
		v := in[0]
		s, ok := reshaped(v.typ.Shape.Dims(), v.stride, t.Shape.Dims())
		if !ok {
			v = f.copy(r, v)
			s = denseStrides(t.Shape.Dims())
		}
		return one(&val{typ: t, root: v.root, off: v.off, turn: v.turn, stride: s})
	case ops.Reduce:
		return one(f.reduce(r, c, in[0], o.Axes, o.Code))
	case ops.Dot, ops.Conv:
		n := &node{kind: opaqueNode, instr: c}
		for _, v := range in {
			n.args = append(n.args, f.inMemory(r, v))
		}
		return f.emit(r, n, t), nil
	}
	n := &node{kind: opaqueNode, instr: c}
	for _, v := range in {
		n.args = append(n.args, f.stored(r, v))
	}
	return f.emit(r, n, types(c.Results)...), nil
}

// reshaped returns the strides that make a strided view of sizes from one of sizes to, if there are such.
func reshaped(from, stride, to []int64) ([]int64, bool) {
	out := make([]int64, len(to))
	for _, d := range to {
		if d == 0 {
			return out, true
		}
	}
	// Runs of axes that are one axis in memory, then the new axes out of each run.
	i, k := 0, 0
	for i < len(from) || k < len(to) {
		for i < len(from) && from[i] == 1 {
			i++
		}
		for k < len(to) && to[k] == 1 {
			k++
		}
		if i == len(from) || k == len(to) {
			break
		}
		a, b := i+1, k+1
		n, m := from[i], to[k]
		for n != m {
			if n < m {
				n *= from[a]
				a++
			} else {
				m *= to[b]
				b++
			}
		}
		for j := i; j+1 < a; j++ {
			// sizes of 1 inside a run have no say
			if from[j] == 1 {
				continue
			}
			next := j + 1
			for next < a && from[next] == 1 {
				next++
			}
			if next < a && stride[j] != stride[next]*from[next] {
				return nil, false
			}
		}
		last := a - 1
		for last > i && from[last] == 1 {
			last--
		}
		s := stride[last]
		for j := b - 1; j >= k; j-- {
			out[j] = s
			s *= to[j]
		}
		i, k = a, b
	}
	return out, true
}

// reduce folds axes in one node per stretch of neighbouring axes, from the last, after axes of size 1 are dropped.
func (f *flattener) reduce(r *region, c *ir.Instr, v *val, axes ir.Axes, code scalar.Code) *val {
	drop := make([]bool, v.typ.Shape.Rank())
	for _, a := range axes.List() {
		drop[a] = true
	}
	result := c.Results[0].Type
	wide := v.typ.DType
	for {
		hi := len(drop)
		for hi > 0 && !(drop[hi-1] && (v.typ.Shape.Dim(hi-1) != 1)) {
			hi--
		}
		if hi == 0 {
			break
		}
		lo := hi
		for lo > 0 && (drop[lo-1] || v.typ.Shape.Dim(lo-1) == 1) {
			lo--
		}
		for !drop[lo] {
			lo++
		}
		dims := v.typ.Shape.Dims()
		t := ir.Of(wide, append(append([]int64(nil), dims[:lo]...), dims[hi:]...)...)
		drop = append(append([]bool(nil), drop[:lo]...), drop[hi:]...)
		n := &node{kind: reduceNode, code: code, args: []*val{v}, instr: c, kept: lo, folded: hi - lo}
		v = f.emit(r, n, t)[0]
	}
	// What is left to drop has size 1, and so has what a stretch took along.
	var left []int64
	for i, d := range v.typ.Shape.Dims() {
		if d != 1 {
			left = append(left, v.stride[i])
		}
	}
	s := make([]int64, result.Shape.Rank())
	for i, d := range result.Shape.Dims() {
		if d != 1 {
			s[i], left = left[0], left[1:]
		}
	}
	return &val{typ: result, root: v.root, off: v.off, turn: v.turn, stride: s}
}

func (f *flattener) scan(c *ir.Instr, o ir.Scan, in []*val, r *region) ([]*val, error) {
	fn := c.Callees[0]
	n := &node{kind: scanNode, instr: c}
	body := &region{parent: r, scan: n, depth: r.depth + 1, length: o.Length, reverse: o.Reverse}
	n.body = body
	f.depth = max(f.depth, body.depth+1)
	nc, ny := int(o.Consts), int(o.Carry)
	args := make([]*val, len(in))
	copy(args, in[:nc])
	var carries []*root
	for i := range ny {
		v := in[nc+i]
		place := &Place{Buf: f.buffer(Arena, 0, v.typ.Bytes(), r)}
		// The turns overwrite the carry's place, so the initial value is copied there.
		v = f.copy(r, v)
		v.root.place = place
		v.root.wanted = true
		n.args = append(n.args, v)
		carry := &root{typ: fn.Params[nc+i].Type, region: body, place: place}
		carries = append(carries, carry)
		args[nc+i] = whole(carry)
	}
	for i := nc + ny; i < len(in); i++ {
		v := in[i]
		turn := make([]int64, body.depth+1)
		copy(turn, v.turn)
		turn[body.depth] += v.stride[0]
		args[i] = &val{typ: fn.Params[i].Type, root: v.root, off: v.off, stride: v.stride[1:], turn: turn}
	}
	results, err := f.body(fn, args, body)
	if err != nil {
		return nil, err
	}
	var out []*val
	for i := range ny {
		f.commit(body, results[i], carries[i])
		t := c.Results[i].Type
		carry := &root{typ: t, def: n, region: r, place: carries[i].place, wanted: true}
		n.outs = append(n.outs, carry)
		out = append(out, whole(carry))
	}
	for i, t := range types(c.Results)[ny:] {
		v := results[ny+i]
		stack := &root{typ: t, def: n, region: r, place: &Place{Buf: f.buffer(Arena, 0, t.Bytes(), r)}, wanted: true}
		n.outs = append(n.outs, stack)
		out = append(out, whole(stack))
		if v.root.def == nil || v.root.region != body || v.root.place != nil || !v.identity() {
			v = f.copy(body, v)
		}
		turn := make([]int64, body.depth+1)
		turn[body.depth] = v.typ.Shape.Size()
		v.root.place = &Place{Buf: stack.place.Buf, Turn: turn}
		v.root.wanted = true
	}
	n.region, n.index = r, len(r.nodes)
	r.nodes = append(r.nodes, n)
	f.finish(body)
	seen := map[*root]bool{}
	for _, m := range body.nodes {
		for _, v := range append(m.args, commitValues(body)...) {
			if v.root.region != body && !seen[v.root] {
				seen[v.root] = true
				n.outer = append(n.outer, v.root)
			}
		}
		for _, o := range m.outer {
			if o.region != body && !seen[o] {
				seen[o] = true
				n.outer = append(n.outer, o)
			}
		}
	}
	return out, nil
}

func commitValues(r *region) []*val {
	var out []*val
	for _, c := range r.commits {
		out = append(out, c.value)
	}
	return out
}

// finish links readers.
func (f *flattener) finish(r *region) {
	for _, n := range r.nodes {
		for _, v := range n.args {
			v.root.readers = append(v.root.readers, n)
		}
		for _, o := range n.outer {
			o.readers = append(o.readers, n)
		}
	}
}

func types(v []*ir.Value) []ir.Type {
	out := make([]ir.Type, len(v))
	for i := range v {
		out[i] = v[i].Type
	}
	return out
}
