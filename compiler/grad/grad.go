// Package grad is reverse-mode differentiation, from IR to IR.
//
// Reverse appends to a function the instructions that compute the gradient of some of its values by others. What it appends are ordinary
// instructions, so its result can be differentiated again: a gradient penalty, or a Hessian times a vector, is a gradient of a gradient.
// The package knows no op by name but addition and zero, beside the structural ones, and asks every other op for its own rule (ir.Op.Grad).
//
// A call of f becomes a call of @f.bwd(x…, y…, dy…), a function that is derived once: it computes f again from x and reverses it. When both are
// inlined, merging equal instructions removes the second computation; when a backend runs f as one kernel, it may claim f.bwd as well.
//
// A scan becomes a scan that runs backwards: the forward scan also stacks what its carries were before each turn (@body.fwd), and the backward body
// (@body.bwd) takes a turn's carries from there, computes the turn again and reverses it. Gradients of carries are carried, gradients of consts are
// summed in a carry, gradients of slices are stacked. Which values of a turn are better kept than computed again is decided later, by pass keep.
//
// Only what lies between is touched: a value has a gradient only if it depends on one of wrt and one of the differentiated values depends on it (flow.go).
package grad

import (
	"fmt"
	"hash/maphash"
	"slices"

	"modelc/ir"
	"modelc/ir/ops"
)

// Transform holds the functions derived so far, so that every function is derived once. The zero value is not usable; see New.
type Transform struct {
	forward  map[*ir.Func]*ir.Func // of scan bodies
	backward map[*ir.Func]*ir.Func // of callees
	answers  map[question][]bool
}

// New returns a transform; one serves all functions of a module. A function that it has differentiated through must not change afterwards.
func New() *Transform {
	return &Transform{map[*ir.Func]*ir.Func{}, map[*ir.Func]*ir.Func{}, map[question][]bool{}}
}

// Of returns a copy of f, named after it with .grad, that has further results: the gradient of the result with the number loss (a float; the gradient of the sum
// of its elements if it is no scalar) by the parameters numbered in wrt (floats), in that order. f stays as it is.
func (t *Transform) Of(f *ir.Func, loss int, wrt []int) *ir.Func {
	b, _ := ir.Clone(f, f.Name+".grad")
	by := make([]*ir.Value, len(wrt))
	for i, p := range wrt {
		by[i] = b.Func.Params[p]
	}
	results := b.Func.Results
	for i, g := range t.Reverse(b, results[loss:loss+1], nil, by) {
		if g == nil {
			g = ops.Zeros(b, by[i].Type)
		}
		results = append(results, g)
	}
	return finish(b, results)
}

// finish ends a derived function. A shape error in it is an error of an op's gradient.
func finish(b *ir.Builder, results []*ir.Value) *ir.Func {
	if b.Err != nil {
		panic(fmt.Sprintf("grad: @%s: %v", b.Func.Name, b.Err))
	}
	return b.Return(results...)
}

// Reverse appends to b the reverse of the instructions there and returns, for each value of wrt, the gradient Σ dy[i]·of[i] by it, nil where it is
// zero because nothing of the kind depends on it. All values are values of b's function; those of wrt may be parameters or intermediate ones (a
// derivative is total: it takes in what one of wrt contributes through another). A nil dy stands for ones; a nil in dy for zero. Only floats have
// gradients. Scans that are reversed get further results, their stacked carries; nothing else that was there before changes.
func (t *Transform) Reverse(b *ir.Builder, of, dy, wrt []*ir.Value) []*ir.Value {
	r := &reversal{Transform: t, b: b, parts: make([][]*ir.Value, b.Func.Bound())}
	body, pos := b.Func.Body, b.Pos
	r.active = make([]bool, len(r.parts))
	for _, v := range wrt {
		if !v.Type.DType.IsFloat() {
			panic(fmt.Sprintf("grad: gradient by a value of type %s", v.Type))
		}
		r.active[v.ID] = true
	}
	t.flow(body, r.active)
	r.number(body, wrt)
	for i, v := range of {
		switch {
		case !r.active[v.ID]:
		case dy == nil:
			r.add(v, ops.Ones(b, v.Type))
		case dy[i] != nil:
			r.add(v, dy[i])
		}
	}
	for i := len(body) - 1; i >= 0; i-- {
		b.Pos = body[i].Pos
		r.reverse(body[i])
	}
	out := make([]*ir.Value, len(wrt))
	for i, v := range wrt {
		b.Pos = pos
		out[i] = r.sum(v)
	}
	b.Pos = pos
	return out
}

// reversal is the state of one Reverse.
type reversal struct {
	*Transform
	b      *ir.Builder
	active []bool        // by value ID: depends on wrt
	parts  [][]*ir.Value // by value ID: contributions to the gradient
	first  []*ir.Value   // by value ID: the first value that is computed alike, nil for itself
}

// number finds values that are computed alike, so that what they pass on is added up before it is passed on, once. The values of wrt stay apart: their gradients
// are asked for one by one.
func (r *reversal) number(body []*ir.Instr, wrt []*ir.Value) {
	r.first = make([]*ir.Value, len(r.parts))
	apart := make(map[*ir.Instr]bool, len(wrt))
	for _, v := range wrt {
		if v.Def != nil {
			apart[v.Def] = true
		}
	}
	seed := maphash.MakeSeed()
	rows := make(map[uint64][]*ir.Instr, len(body))
	for _, c := range body {
		if apart[c] {
			continue
		}
		h := maphash.Comparable(seed, c.Op)
		for _, a := range c.Args {
			h = (h ^ uint64(r.same(a).ID)) * 0x9e3779b97f4a7c15
			h ^= h >> 29
		}
		i := slices.IndexFunc(rows[h], func(d *ir.Instr) bool {
			return d.Op == c.Op && slices.Equal(d.Callees, c.Callees) &&
				slices.EqualFunc(d.Args, c.Args, func(x, y *ir.Value) bool { return r.same(x) == r.same(y) })
		})
		if i < 0 {
			rows[h] = append(rows[h], c)
			continue
		}
		for k, v := range c.Results {
			r.first[v.ID] = rows[h][i].Results[k]
		}
	}
}

// same returns the value that collects the contributions to the gradient by v.
func (r *reversal) same(v *ir.Value) *ir.Value {
	if w := r.first[v.ID]; w != nil {
		return w
	}
	return v
}

// add notes a contribution to the gradient by v.
func (r *reversal) add(v, g *ir.Value) {
	if v.Type != g.Type && r.b.Err == nil {
		panic(fmt.Sprintf("grad: a gradient of type %s for a value of type %s", g.Type, v.Type))
	}
	v = r.same(v)
	r.parts[v.ID] = append(r.parts[v.ID], g)
}

// sum adds the contributions to the gradient by v, the latest use first, and returns nil if there are none.
func (r *reversal) sum(v *ir.Value) *ir.Value {
	p := r.parts[v.ID]
	if len(p) == 0 {
		return nil
	}
	total := p[0]
	for _, g := range p[1:] {
		total = ops.Add(r.b, total, g)
	}
	r.parts[v.ID] = append(p[:0], total)
	return total
}

// reverse takes the gradients of an instruction's results to its arguments.
func (r *reversal) reverse(c *ir.Instr) {
	any, useful := false, false
	for _, v := range c.Results {
		any = any || len(r.parts[v.ID]) > 0
	}
	for _, a := range c.Args {
		useful = useful || r.active[a.ID]
	}
	if _, constant := c.Op.(constant); !any || !useful || constant {
		return
	}
	dy := make([]*ir.Value, len(c.Results))
	for i, v := range c.Results {
		dy[i] = r.sum(v)
	}
	var dx []*ir.Value
	switch c.Op.(type) {
	case ir.Call:
		dx = r.call(c, dy)
	case ir.Scan:
		dx = r.scan(c, dy)
	default:
		if dx = c.Op.Grad(r.b, c, dy); len(dx) != len(c.Args) {
			panic(fmt.Sprintf("grad: %s gives %d gradients for %d arguments", c.Op.Name(), len(dx), len(c.Args)))
		}
	}
	for i, a := range c.Args {
		if dx[i] != nil && r.active[a.ID] {
			r.add(a, dx[i])
		}
	}
}

// call calls the callee's backward function.
func (r *reversal) call(c *ir.Instr, dy []*ir.Value) []*ir.Value {
	f := c.Callees[0]
	args := append(append([]*ir.Value(nil), c.Args...), c.Results...)
	for i, v := range c.Results {
		if !v.Type.DType.IsFloat() {
			continue
		}
		if dy[i] == nil {
			dy[i] = ops.Zeros(r.b, v.Type)
		}
		args = append(args, dy[i])
	}
	g := r.b.Call(r.Backward(f), args...)
	dx := make([]*ir.Value, len(c.Args))
	for i, p := range f.Params {
		if p.Type.DType.IsFloat() {
			dx[i], g = g[0], g[1:]
		}
	}
	return dx
}

// Backward returns the function @f.bwd(x…, y…, dy…) -> (dx…): x are the parameters of f, y all its results, dy the gradients by those results that are
// floats, dx the gradients by those parameters that are floats. Its body computes f again from x; y is there for kernels that claim it.
func (t *Transform) Backward(f *ir.Func) *ir.Func {
	if g := t.backward[f]; g != nil {
		return g
	}
	b := ir.NewBuilder(f.Name + ".bwd")
	b.Func.Whole = f.Whole
	var wrt, of, dy []*ir.Value
	for _, p := range f.Params {
		v := b.Param(p.Type, p.Hint)
		if p.Type.DType.IsFloat() {
			wrt = append(wrt, v)
		}
	}
	x := b.Func.Params
	for _, r := range f.Results {
		b.Param(r.Type, r.Hint)
	}
	y := b.Inline(f, x...)
	for _, v := range y {
		if v.Type.DType.IsFloat() {
			of, dy = append(of, v), append(dy, b.Param(v.Type, ""))
		}
	}
	results := t.Reverse(b, of, dy, wrt)
	for i, g := range results {
		if g == nil {
			results[i] = ops.Zeros(b, wrt[i].Type)
		}
	}
	g := finish(b, results)
	t.backward[f] = g
	return g
}
