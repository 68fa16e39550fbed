// Package kernel holds the form of a fused group of instructions: a point program in a loop tree.
//
// A Func runs over a space of points. The outer axes count rows and are free of order: a backend may run rows in parallel. The inner axes count the
// points of one row. The body is a list of nodes in SSA form, each of which has a level that says in which loop it stands:
//
//	Uniform  once                         (numbers, scalars)
//	Row      once for each row            (what a fold over the inner axes gives, and what is computed from it)
//	Point    once for each point of a row
//
// Together the levels are a loop tree of depth two in normal form: Point nodes before a fold are the loop that the fold closes, Point nodes after it
// are the next loop over the same row. How long the strips are, which values stay in registers and what a thread takes is the affair of the
// backend that runs or prints the Func; nothing here knows a processor.
package kernel

import (
	"fmt"
	"strings"

	"modelc/ir"
	"modelc/ir/scalar"
)

// Level says how often a node is computed.
type Level uint8

const (
	Uniform Level = iota
	Row
	Point
)

// Kind is what a node does.
type Kind uint8

const (
	Load       Kind = iota // an element of operand Arg
	Number                 // the constant Value
	Op                     // Code applied to In
	Cast                   // In[0] as Type
	Spread                 // In[0], of a lower level, at every point
	FoldRow                // Code over the inner axes; level Row
	FoldColumn             // Code over the outer axes from Kept on, written to operand Arg; no value
	Store                  // In[0] to an element of operand Arg; no value
)

// Node is one step of a point program. Its value is named by its index in Func.Body.
type Node struct {
	Kind  Kind
	Level Level
	Code  scalar.Code
	Type  ir.DType // of the value; of a store or column fold: of the operand
	In    []int32
	Arg   int32
	Value float64
}

// Arg is an operand: where it is read or written at a point is its base plus the sum of stride times coordinate, over the outer and then the inner
// axes. A Count operand has no memory: its element is its own place.
type Arg struct {
	Type   ir.DType
	Stride []int64 // in elements
	Out    bool
	Count  bool
}

// Func is a fused group.
type Func struct {
	Outer, Inner []int64
	Kept         int // column folds keep the outer axes before Kept
	Args         []Arg
	Body         []Node
}

// Rows returns the number of rows.
func (f *Func) Rows() int64 { return product(f.Outer) }

// Width returns the number of points of a row.
func (f *Func) Width() int64 { return product(f.Inner) }

// Folds reports whether the body has row folds and column folds.
func (f *Func) Folds() (row, column bool) {
	for _, n := range f.Body {
		row = row || n.Kind == FoldRow
		column = column || n.Kind == FoldColumn
	}
	return row, column
}

// Costs returns the cost of one point, in additions.
func (f *Func) Costs() int {
	c := 0
	for _, n := range f.Body {
		switch {
		case n.Level != Point && n.Kind != FoldRow:
		case n.Kind == Op:
			c += scalar.Lookup(n.Code).Costs
		default:
			c++
		}
	}
	return c
}

func product(d []int64) int64 {
	n := int64(1)
	for _, v := range d {
		n *= v
	}
	return n
}

// String prints the loop tree: one line per node.
func (f *Func) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "for %v row %v", f.Outer, f.Inner)
	if f.Kept > 0 {
		fmt.Fprintf(&b, " kept %d", f.Kept)
	}
	for i, n := range f.Body {
		fmt.Fprintf(&b, "\n  %s", [...]string{"", "  ", "    "}[n.Level])
		switch n.Kind {
		case Store:
			fmt.Fprintf(&b, "store #%d, r%d", n.Arg, n.In[0])
			continue
		case FoldColumn:
			fmt.Fprintf(&b, "fold %s #%d, r%d", n.Code, n.Arg, n.In[0])
			continue
		}
		fmt.Fprintf(&b, "r%d = ", i)
		switch n.Kind {
		case Load:
			word := "load"
			if f.Args[n.Arg].Count {
				word = "count"
			}
			fmt.Fprintf(&b, "%s #%d%v", word, n.Arg, f.Args[n.Arg].Stride)
		case Number:
			fmt.Fprintf(&b, "%v", n.Value)
		case Op:
			b.WriteString(string(n.Code))
		case Cast:
			b.WriteString("cast")
		case Spread:
			b.WriteString("spread")
		case FoldRow:
			fmt.Fprintf(&b, "fold %s", n.Code)
		}
		for k, in := range n.In {
			b.WriteString([]string{" ", ", "}[min(k, 1)])
			fmt.Fprintf(&b, "r%d", in)
		}
		fmt.Fprintf(&b, " : %s", n.Type)
	}
	return b.String()
}
