package lower

import (
	"fmt"
	"slices"

	"modelc/compiler/core"
	"modelc/compiler/size"
	"modelc/ir"
)

// frame is one function in the making.
type frame struct {
	*program
	b        *ir.Builder
	up       *frame // the frame around; nil in an entry
	memo     map[*core.Term][]*ir.Value
	types    map[*core.Term]ir.Type          // memo of kind
	inside   func(*core.Term) bool           // the terms that belong inside; nil: all
	leaf     func(*core.Term) []*ir.Value    // the values of leaves that this frame binds; nil results: not bound here
	value    func(s *size.Sym) (int64, bool) // of free sizes
	caught   []*ir.Value                     // captured values of the frame around …
	params   map[*ir.Value]*ir.Value         // … and their parameters
	turn     *ir.Value                       // body of a scan: the number of the turn, made by counting
	counts   func() *ir.Value                // makes turn
	owns     func(draw *core.Term) bool      // body of a scan: whether a draw is made anew in each turn
	first    *ir.Value                       // slice of a batch: the number of its first row
	door     *door                           // entry: its inputs and states
	inline   bool                            // emits into the frame around, for a view of the same terms with another leading axis
	lift     int64                           // inline: the size of that axis
	holder   string                          // init: the path that draws under "@…" belong to
	cutInput func(string, ir.Type) *ir.Value // slice of a batch: the slice of an input that comes per row
	threaded map[*ir.State]*ir.Value         // slice of a batch: states that go from slice to slice
	keeps    *[]*kept                        // body of a scan: what its layers keep between calls
	opens    func(*core.Slot) *ir.Value      // body of a scan: makes a parameter of a layer's part of a cache
}

// root starts the frame of an entry.
func (p *program) root(name string) *frame {
	f := &frame{program: p, b: ir.NewBuilder(name), memo: map[*core.Term][]*ir.Value{}, value: p.value}
	f.door = &door{inputs: map[string]*ir.Value{}, reads: map[*ir.State]*ir.Value{}, now: map[*ir.State]*ir.Value{}}
	return f
}

// child starts the frame of a function that f calls.
func (f *frame) child(name string) *frame {
	return &frame{program: f.program, b: ir.NewBuilder(f.unique(name)), up: f, memo: map[*core.Term][]*ir.Value{}, value: f.value,
		params: map[*ir.Value]*ir.Value{}}
}

// bind appends a parameter that is no capture; the caller keeps it for seal.
func (f *frame) bind(t ir.Type, hint string) *ir.Value {
	return f.b.Param(t, hint)
}

// capture returns a parameter that stands for a value of the frame around.
func (f *frame) capture(outer *ir.Value) *ir.Value {
	if f.inline {
		return outer
	}
	if v, ok := f.params[outer]; ok {
		return v
	}
	if c, ok := constant(outer); ok {
		v := f.number(outer.Type, c)
		f.params[outer] = v
		return v
	}
	v := f.b.Param(outer.Type, outer.Hint)
	f.params[outer] = v
	f.caught = append(f.caught, outer)
	return v
}

// seal ends the function of a frame: its parameters are, in order, the given ones; every parameter must be among them.
func (f *frame) seal(params []*ir.Value, results []*ir.Value) *ir.Func {
	if f.b.Err != nil {
		panic(fmt.Sprintf("lower: @%s: %v", f.b.Func.Name, f.b.Err))
	}
	if len(params) != len(f.b.Func.Params) {
		panic("lower: parameters got lost in @" + f.b.Func.Name)
	}
	for i, v := range params {
		v.Index = int32(i)
	}
	f.b.Func.Params = params
	return f.b.Return(results...)
}

// captures returns the parameters that stand for captured values, in order.
func (f *frame) captures() []*ir.Value {
	out := make([]*ir.Value, len(f.caught))
	for i, v := range f.caught {
		out[i] = f.params[v]
	}
	return out
}

// term returns the value of a term with one result.
func (f *frame) term(t *core.Term) *ir.Value { return f.terms(t)[0] }

// terms returns the values of a term: all results of a scan or a top_k, else one.
func (f *frame) terms(t *core.Term) []*ir.Value {
	if v, ok := f.memo[t]; ok {
		return v
	}
	v := f.resolve(t)
	f.memo[t] = v
	return v
}

func (f *frame) resolve(t *core.Term) []*ir.Value {
	if f.leaf != nil {
		if v := f.leaf(t); v != nil {
			return v
		}
	}
	if f.up != nil && !f.isInside(t) && !cheap(t) && !f.repeats(t) {
		outer := f.up.terms(t)
		v := make([]*ir.Value, len(outer))
		for i, o := range outer {
			v[i] = f.capture(o)
		}
		return v
	}
	pos, at := f.b.Pos, f.at
	f.b.Pos, f.at = f.position(t.Site), t.Site
	v := f.lower(t)
	if t.Hint != "" && len(v) == 1 && v[0].Hint == "" {
		v[0].Hint = t.Hint
	}
	f.b.Pos, f.at = pos, at
	return v
}

func (f *frame) isInside(t *core.Term) bool { return f.inside == nil || f.inside(t) }

// cheap reports whether a term costs nothing to make again, so that capturing it would only lengthen parameter lists.
func cheap(t *core.Term) bool {
	switch t.Kind.(type) {
	case core.Number, core.SizeOf, core.Iota:
		return true
	case core.Fill, core.Cast, core.Arrange:
		return cheap(t.Args[0])
	}
	return false
}

// repeats reports whether a term only repeats a smaller one: that one is captured, and repeated where it is used.
func (f *frame) repeats(t *core.Term) bool {
	switch k := t.Kind.(type) {
	case core.Fill:
		return true
	case core.Arrange:
		return len(k.At) < len(t.Type.Dims)
	}
	return false
}

// depends returns the predicate "the term is one of these, or computed from one", with a memo.
func depends(is func(*core.Term) bool) func(*core.Term) bool {
	memo := map[*core.Term]bool{}
	return func(t *core.Term) bool {
		postorder(t, func(x *core.Term) []*core.Term {
			if _, done := memo[x]; done {
				return nil
			}
			return children(x)
		}, func(x *core.Term) {
			if _, done := memo[x]; !done {
				memo[x] = is(x) || slices.ContainsFunc(children(x), func(a *core.Term) bool { return memo[a] })
			}
		})
		return memo[t]
	}
}

// postorder visits a term after the terms below it, once each, without recursion: a program may be as deep as it is long.
func postorder(t *core.Term, below func(*core.Term) []*core.Term, visit func(*core.Term)) {
	type level struct {
		term *core.Term
		rest []*core.Term
	}
	seen := map[*core.Term]bool{t: true}
	stack := []level{{t, below(t)}}
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		if len(top.rest) == 0 {
			visit(top.term)
			stack = stack[:len(stack)-1]
			continue
		}
		next := top.rest[0]
		top.rest = top.rest[1:]
		if !seen[next] {
			seen[next] = true
			stack = append(stack, level{next, below(next)})
		}
	}
}

// maxDepth is how deep the lowering of one term may nest before those below it are lowered first.
const maxDepth = 1000

// prepare lowers terms deep below the given ones, so that lowering these does not nest without bound.
func (f *frame) prepare(list ...*core.Term) {
	depth := map[*core.Term]int{}
	below := func(t *core.Term) []*core.Term {
		if _, done := f.memo[t]; done || !f.isInside(t) {
			return nil
		}
		if f.leaf != nil {
			if v := f.leaf(t); v != nil {
				f.memo[t] = v
				return nil
			}
		}
		return t.Args
	}
	for _, t := range list {
		if _, done := depth[t]; done {
			continue
		}
		postorder(t, below, func(x *core.Term) {
			if depth[x] > 0 {
				return
			}
			d := 0
			for _, a := range below(x) {
				d = max(d, depth[a])
			}
			if d++; d > maxDepth && x != t {
				f.terms(x)
				d = 0
			}
			depth[x] = d
		})
	}
}

// children returns the terms that a term is computed from, those in the body of a scan included.
func children(t *core.Term) []*core.Term {
	if s, ok := t.Kind.(core.Scan); ok {
		return slices.Concat(t.Args, s.Next, s.Outs)
	}
	return t.Args
}

// dim returns the number that a size stands for.
func (f *frame) dim(s size.Size, site *core.Site) int64 { return f.program.number64(s, f.value, site) }

func (p *program) number64(s size.Size, value func(*size.Sym) (int64, bool), site *core.Site) int64 {
	n, err := s.Eval(value)
	if err != nil {
		p.fail("M280", site, fmt.Sprintf("the size %s: %v", s, err))
	}
	return n
}

// typeOf returns the type of a tensor with numbers for sizes.
func (p *program) typeOf(t core.Type, value func(*size.Sym) (int64, bool), site *core.Site) ir.Type {
	dims := make([]int64, len(t.Dims))
	for i, d := range t.Dims {
		dims[i] = p.number64(d, value, site)
	}
	s, err := ir.NewShape(dims...)
	if err != nil {
		p.fail("M281", site, "this tensor cannot be made: "+err.Error())
	}
	return ir.Type{DType: dtype(t.Elem), Shape: s}
}

// kind returns the type that the value of a term has in this frame.
func (f *frame) kind(t *core.Term) ir.Type {
	if x, ok := f.types[t]; ok {
		return x
	}
	x := f.typeOf(t.Type, f.value, t.Site)
	if f.lift > 0 && f.isInside(t) {
		x = ir.Of(x.DType, append([]int64{f.lift}, x.Shape.Dims()...)...)
	}
	if f.types == nil {
		f.types = map[*core.Term]ir.Type{}
	}
	f.types[t] = x
	return x
}

func (f *frame) dims(t *core.Term) []int64 { return f.kind(t).Shape.Dims() }
