package ir

// Pos indexes Module.Sites; 0 is "no place".
type Pos int32

// Site is a place in the source that an instruction came from. Up is the site of the user's line that called a library's line, 0 at the top;
// Path is the layer instance ("blocks.att.wq"), for profiles and for the report of a NaN.
type Site struct {
	File      string
	Line, Col int
	Up        Pos
	Path      string
}

// Value is one result of an instruction, or a parameter of a function (Def nil).
type Value struct {
	ID    int32  // unique within its function; the text form prints %ID or %Hint
	Type  Type   //
	Hint  string // the name in the source, for printing only
	Def   *Instr // nil: a parameter
	Index int32  // position among Def.Results, or among the parameters
}

// Instr is one operation. Ops are pure: an instruction does nothing but define its results.
type Instr struct {
	Op      Op
	Args    []*Value
	Callees []*Func // call: 1, scan: 1, else none
	Results []*Value
	Pos     Pos
}

// Func is a closed, pure, flat function in SSA form: every argument is a parameter or an earlier result. Whole marks a composite: a library
// function that a backend may run as one kernel instead of its body.
type Func struct {
	Name    string
	Params  []*Value
	Body    []*Instr
	Results []*Value
	Whole   bool
}

// Role says what a state is for.
type Role uint8

const (
	Param   Role = iota // trained
	Stat                // saved, not trained: running statistics
	Moment              // of an optimizer
	Average             // averaged weights
	Counter             // step counters
	Cache               // kept between calls while generating
	Frozen              // loaded, constant
)

var roles = [...]string{"param", "stat", "moment", "average", "counter", "cache", "frozen"}

// String returns the keyword of the text form.
func (r Role) String() string { return roles[r] }

// ParseRole returns the role with the given keyword.
func ParseRole(name string) (Role, bool) {
	for i, n := range roles {
		if n == name {
			return Role(i), true
		}
	}
	return 0, false
}

// State is a named tensor that outlives calls. Parts names the tensors a checkpoint holds for it: one per layer path when the state is stacked
// on a leading axis (blocks.0.w, blocks.1.w, …), else nil and the state's own name counts.
type State struct {
	Name  string
	Type  Type
	Role  Role
	Parts []string
}

// Entry binds states to a pure function: the last parameters of Func are the states Read, the last results are those Written, both in order; In
// and Out name the parameters and results before them.
type Entry struct {
	Name        string
	Func        *Func
	In, Out     []string
	Read, Write []*State
}

// Module is a program: functions with callees before callers, entries over them, and the states they share.
type Module struct {
	Name    string
	Sites   []Site // Sites[0] is "no place"
	State   []*State
	Funcs   []*Func
	Entries []*Entry
	Data    []Data // large constants, interned; op Literal refers to them by index
}

// Data is a large constant: Type.Shape.Size() elements, little endian, Type.DType.Size() bytes each.
type Data struct {
	Type  Type
	Bytes []byte
}

// Entry returns the entry with the given name, or nil.
func (m *Module) Entry(name string) *Entry {
	for _, e := range m.Entries {
		if e.Name == name {
			return e
		}
	}
	return nil
}

// Site returns the site a position stands for.
func (m *Module) Site(p Pos) Site {
	if int(p) >= len(m.Sites) || p < 0 {
		return Site{}
	}
	return m.Sites[p]
}
