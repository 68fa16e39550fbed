package check

import (
	"fmt"

	"modelc/compiler/core"
	"modelc/compiler/resolve"
	"modelc/compiler/size"
	"modelc/lang/source"
	"modelc/lang/syntax"
)

// value is what an expression evaluates to: one of the types below, or *core.Term, *instance, or one of data.go's.
type value any

type (
	poison   struct{}              // of a name whose definition failed
	none     struct{}              // of a statement without a value
	sizeVal  struct{ s size.Size } // an integer that is known, or known when the sizes are
	floatVal float64
	boolVal  bool
	textVal  string
	tupleVal []value
	packVal  []size.Size // ...s
	typeVal  struct{ t core.Type }

	// element is a value inside an index statement: axis k of t runs along axes[k].
	element struct {
		t    *core.Term
		axes []*axis
	}
	// fnVal is a function of the language; self is the instance whose fn it is, if any.
	fnVal struct {
		decl *syntax.Fn
		env  *scope
		self *instance
	}
	lambdaVal struct {
		x   *syntax.Lambda
		env *scope
	}
	// partial is f(args) in the place of a function: x => f(x, args).
	partial struct {
		fn   value
		args []*syntax.Arg
		env  *scope
		at   source.Span
	}
	builtin struct{ name string }
	ctorVal struct{ decl *resolve.Decl }
	// initVal is an initialiser: zeros, normal(std=0.1), glorot(a, b); with sizes it is a tensor.
	initVal struct {
		name string
		args map[string]value
	}
	// listVal is a list of layers, functions or constants.
	listVal struct {
		items []value
		alike bool // made by a comprehension of one constructor: candidates for stacking
		path  string
		at    source.Span
	}
	// stacked is one layer of a stack: the template seen at a turn.
	stacked struct {
		group *group
		index int
	}
)

// axis is an index of a statement.
type axis struct {
	name   string
	from   string // the size name that its extent came from
	raw    string // of an axis behind `...`: its label
	extent size.Size
	known  bool
	at     source.Span
	rank   int // place among the statement's indices: the left side's in order, then the reducers'
}

func (a *axis) label() string {
	if a.raw != "" {
		return a.raw
	}
	return joinLabel(a.name, a.from)
}

// describe says what kind of thing a value is, in the user's words.
func describe(v value) string {
	switch v := v.(type) {
	case sizeVal:
		return "the number " + v.s.String()
	case floatVal:
		return fmt.Sprintf("the number %v", float64(v))
	case boolVal:
		return fmt.Sprint(bool(v))
	case textVal:
		return fmt.Sprintf("the text %q", string(v))
	case *core.Term:
		return typeText(v.Type)
	case element:
		return "an element of " + typeText(v.t.Type)
	case tupleVal:
		return fmt.Sprintf("a tuple of %d", len(v))
	case *listVal:
		return fmt.Sprintf("a list of %d", len(v.items))
	case fnVal:
		return "the function " + v.decl.Name
	case lambdaVal, partial:
		return "a function"
	case builtin:
		return "the function " + v.name
	case ctorVal:
		return "the layer " + v.decl.Name + " without arguments (write " + v.decl.Name + "(…))"
	case *instance:
		return "an instance of " + v.decl.Name
	case stacked:
		return "an instance of " + v.group.template.decl.Name
	case initVal:
		return "the initialiser " + v.name
	case packVal:
		return "a list of sizes"
	case typeVal:
		return "the type " + typeText(v.t)
	case none:
		return "no value"
	case interface{ describe() string }:
		return v.describe()
	}
	return fmt.Sprintf("%T", v)
}

func isConst(v value) bool {
	switch v.(type) {
	case sizeVal, floatVal, boolVal, textVal:
		return true
	}
	return false
}

// number returns the float of a constant.
func number(v value) (float64, bool) {
	switch v := v.(type) {
	case floatVal:
		return float64(v), true
	case sizeVal:
		if n, ok := v.s.Const(); ok {
			return float64(n), true
		}
	}
	return 0, false
}

// scope is a chain of names. The root of a chain is a file's scope (unit set); above it stand the library and the builtins.
type scope struct {
	parent *scope
	names  map[string]*binding
	inst   *instance         // set on an instance's scope
	unit   *resolve.Unit     // set on a file's scope
	index  *indexContext     // set while an index statement is evaluated
	batch  *dataVal          // set on a row's scope of a data block
	outer  map[string]string // of a call: the caller's labels of the axes that the size names were bound to
}

// binding is a name's value; lazy ones are evaluated on first use.
type binding struct {
	v     value
	at    source.Span
	lazy  func() value
	busy  bool
	used  bool
	why   string      // for sizes: how it was fixed
	from  source.Span // for sizes: the argument that fixed it
	term  *core.Term  // and its value
	alts  []string    // for a value of an enum: its names
	given string      // and that argument as declared
	fixed bool        // a size that belongs to the weights or the call: matching compares and never binds
}

func newScope(parent *scope) *scope { return &scope{parent: parent, names: map[string]*binding{}} }

// set binds a name in this scope, replacing an earlier binding.
func (s *scope) set(name string, v value, at source.Span) *binding {
	b := &binding{v: v, at: at}
	if old := s.names[name]; old != nil {
		b.used = old.used
	}
	s.names[name] = b
	return b
}

// find returns the binding of a name and the scope that holds it.
func (s *scope) find(name string) (*binding, *scope) {
	for ; s != nil; s = s.parent {
		if b := s.names[name]; b != nil {
			return b, s
		}
	}
	return nil, nil
}

func (s *scope) indexes() *indexContext {
	for ; s != nil; s = s.parent {
		if s.index != nil {
			if s.index.off {
				return nil
			}
			return s.index
		}
		if s.inst != nil || s.unit != nil {
			return nil
		}
	}
	return nil
}

// instance returns the layer instance whose body the scope belongs to, or nil.
func (s *scope) instance() *instance {
	for ; s != nil; s = s.parent {
		if s.inst != nil {
			return s.inst
		}
	}
	return nil
}

// root returns the file's scope.
func (s *scope) root() *scope {
	for s.parent != nil {
		s = s.parent
	}
	return s
}
