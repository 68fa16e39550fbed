package syntax

import "modelc/lang/source"

// Node is anything with a place.
type Node interface{ Span() source.Span }

// File is a parsed text. Comments are not in the tree; Tokens keeps every token, for the formatter and for documentation comments.
type File struct {
	Source  *source.File
	Members []*Member
	Tokens  []Token // every token, white space and comments included
}

// Member is one line or block; exactly one of the pointers is set. The same in every kind of block: which members a kind admits is
// checked after parsing.
type Member struct {
	Doc    string // the comment block directly above, without the marks
	Block  *Block
	Stmt   *Stmt
	Key    *Key
	Slot   *Slot
	Fn     *Fn
	Dim    *Dim
	Import *Import
	At     source.Span
}

// Import is `import "path" as name`.
type Import struct {
	Path string
	As   string // "" when not given
	At   source.Span
}

// Block is `kind name mod "text" (params) { … }`: layer, model, config, preset, data, split, augment, train, update, metrics, eval, crossval, tune,
// space, predict, generate, score, export, test.
type Block struct {
	Kind   string
	KindAt source.Span
	Name   string // may hold dots (update net.head); "" when not given
	Title  string // the string of a test block
	NameAt source.Span
	Mod    string // test "…" fails "…": "fails"
	ModArg string // and its text
	Params []*Param
	Body   *Body
	At     source.Span
}

// Body is `{ … }`.
type Body struct {
	Members []*Member
	At      source.Span
}

// Fn is `fn name(params) -> type = expr` or `fn name(params) -> type { … }`.
type Fn struct {
	Name   string
	NameAt source.Span
	Params []*Param
	Result *Type // nil when not given
	Expr   Expr  // nil when Body is set
	Body   *Body // nil when Expr is set
	At     source.Span
}

// Param is `name: type = default` or `...name`.
type Param struct {
	Spread  bool
	Name    string
	NameAt  source.Span
	Type    *Type // nil when not given
	Default Expr  // nil when not given
	At      source.Span
}

// Slot is `param w: float[d, out] = start if bias` or `state …`.
type Slot struct {
	Kind   string // "param" or "state"
	Name   string
	NameAt source.Span
	Type   *Type
	Init   Expr // nil when not given
	If     Expr // nil when not given
	At     source.Span
}

// Dim is `dim a, b` or `dim e = d / heads`.
type Dim struct {
	Names   []string
	NamesAt []source.Span
	Value   Expr // nil when not given
	At      source.Span
}

// Key is `require e`, `assert e`, `return e`, `yield e`.
type Key struct {
	Kind string
	Expr Expr
	At   source.Span
}

// Stmt is an expression, a binding, a typed column, an index definition or a state write: Left [: Type] [= Right | <- Right].
type Stmt struct {
	Left  Expr
	Type  *Type  // nil when not given
	Op    string // "", "=" or "<-"
	Right Expr   // nil when Op is ""
	At    source.Span
}

// Type is one or more alternatives; more than one is an enum of names (pre | post).
type Type struct {
	Alts []*TypeAtom
	At   source.Span
}

// TypeAtom is a named type with an argument and sizes, a list or a tuple; Null marks `T?`.
type TypeAtom struct {
	Name  string  // "float", "id", "text", "layer", "init", …; "" for a list or a tuple
	Arg   Expr    // id(V): V; nil when not given
	Dims  []Expr  // sizes: a number, a name, arithmetic, a Spread, a Group that holds a Spread, `S <= 256`; nil without brackets
	List  *Type   // [T]
	Tuple []*Type // (T, U)
	Null  bool
	At    source.Span
}

// Expr is an expression.
type Expr interface {
	Node
	expr()
}

type (
	// Name is an identifier.
	Name struct {
		Text string
		At   source.Span
	}
	// Number is a literal as written: 1_000, 2.5e-3.
	Number struct {
		Text string
		At   source.Span
	}
	// String is a string literal; Value is unquoted.
	String struct {
		Value string
		At    source.Span
	}
	// Spread is `...` or `...name`.
	Spread struct {
		Name string
		At   source.Span
	}
	// Unary is -x or not x.
	Unary struct {
		Op string
		X  Expr
		At source.Span
	}
	// Binary is x op y for every binary operator but =>. Operators: |> or and == != < <= > >= .. + - * / // % @ ^.
	Binary struct {
		Op   string
		OpAt source.Span
		X, Y Expr
		At   source.Span
	}
	// Lambda is `x => e` or `(x, y) => e`.
	Lambda struct {
		Params []*Name
		Body   Expr
		At     source.Span
	}
	// Call is f(args).
	Call struct {
		Fn   Expr
		Args []*Arg
		At   source.Span
	}
	// Index is x[args]: a subscript, the axes of a bracket function, the sizes of an initialiser, an element of a list.
	Index struct {
		X    Expr
		Args []*Arg
		At   source.Span
	}
	// Field is x.name.
	Field struct {
		X      Expr
		Name   string
		NameAt source.Span
		At     source.Span
	}
	// Group is ( … ): one item is a parenthesis, more are a tuple or a compound index.
	Group struct {
		Items []*Arg
		At    source.Span
	}
	// List is [a, b, c] or, with For, [e for name in range].
	List struct {
		Items []Expr
		For   *Name // nil when it is no comprehension
		In    Expr
		At    source.Span
	}
	// If is `if c { … } else { … }`; Else is nil, or a body, or ElseIf is set.
	If struct {
		Cond   Expr
		Then   *Body
		Else   *Body
		ElseIf *If
		At     source.Span
	}
	// For is `for x in e along T { … }`.
	For struct {
		Names []*Name
		In    Expr
		Along *Name // nil when not given
		Body  *Body
		At    source.Span
	}
)

// Arg is an argument, a subscript or an item: `name=x` or `x: range`.
type Arg struct {
	Name   string // "" when not named
	NameAt source.Span
	X      Expr
	Range  Expr // nil when not given
	At     source.Span
}

func (*Name) expr()   {}
func (*Number) expr() {}
func (*String) expr() {}
func (*Spread) expr() {}
func (*Unary) expr()  {}
func (*Binary) expr() {}
func (*Lambda) expr() {}
func (*Call) expr()   {}
func (*Index) expr()  {}
func (*Field) expr()  {}
func (*Group) expr()  {}
func (*List) expr()   {}
func (*If) expr()     {}
func (*For) expr()    {}

// Span is the whole text.
func (x *File) Span() source.Span {
	return source.Span{File: x.Source, Start: 0, End: len(x.Source.Text)}
}

func (x *Name) Span() source.Span     { return x.At }
func (x *Number) Span() source.Span   { return x.At }
func (x *String) Span() source.Span   { return x.At }
func (x *Spread) Span() source.Span   { return x.At }
func (x *Unary) Span() source.Span    { return x.At }
func (x *Binary) Span() source.Span   { return x.At }
func (x *Lambda) Span() source.Span   { return x.At }
func (x *Call) Span() source.Span     { return x.At }
func (x *Index) Span() source.Span    { return x.At }
func (x *Field) Span() source.Span    { return x.At }
func (x *Group) Span() source.Span    { return x.At }
func (x *List) Span() source.Span     { return x.At }
func (x *If) Span() source.Span       { return x.At }
func (x *For) Span() source.Span      { return x.At }
func (x *Arg) Span() source.Span      { return x.At }
func (x *Type) Span() source.Span     { return x.At }
func (x *TypeAtom) Span() source.Span { return x.At }
func (x *Member) Span() source.Span   { return x.At }
func (x *Block) Span() source.Span    { return x.At }
func (x *Body) Span() source.Span     { return x.At }
func (x *Fn) Span() source.Span       { return x.At }
func (x *Param) Span() source.Span    { return x.At }
func (x *Slot) Span() source.Span     { return x.At }
func (x *Dim) Span() source.Span      { return x.At }
func (x *Key) Span() source.Span      { return x.At }
func (x *Stmt) Span() source.Span     { return x.At }
func (x *Import) Span() source.Span   { return x.At }
