package syntax

import "fmt"

// Walk calls visit for a node and, where visit returns true, for the nodes in it, in the order of the text. Arguments, types and bodies
// are nodes too; nil parts are left out.
func Walk(n Node, visit func(Node) bool) {
	if n == nil || !visit(n) {
		return
	}
	expr := func(x Expr) {
		if x != nil {
			Walk(x, visit)
		}
	}
	typ := func(t *Type) {
		if t != nil {
			Walk(t, visit)
		}
	}
	body := func(b *Body) {
		if b != nil {
			Walk(b, visit)
		}
	}
	switch n := n.(type) {
	case *File:
		for _, m := range n.Members {
			Walk(m, visit)
		}
	case *Member:
		switch {
		case n.Block != nil:
			Walk(n.Block, visit)
		case n.Stmt != nil:
			Walk(n.Stmt, visit)
		case n.Key != nil:
			Walk(n.Key, visit)
		case n.Slot != nil:
			Walk(n.Slot, visit)
		case n.Fn != nil:
			Walk(n.Fn, visit)
		case n.Dim != nil:
			Walk(n.Dim, visit)
		case n.Import != nil:
			Walk(n.Import, visit)
		}
	case *Import:
	case *Block:
		for _, p := range n.Params {
			Walk(p, visit)
		}
		body(n.Body)
	case *Body:
		for _, m := range n.Members {
			Walk(m, visit)
		}
	case *Fn:
		for _, p := range n.Params {
			Walk(p, visit)
		}
		typ(n.Result)
		expr(n.Expr)
		body(n.Body)
	case *Param:
		typ(n.Type)
		expr(n.Default)
	case *Slot:
		typ(n.Type)
		expr(n.Init)
		expr(n.If)
	case *Dim:
		expr(n.Value)
	case *Key:
		expr(n.Expr)
	case *Stmt:
		expr(n.Left)
		typ(n.Type)
		expr(n.Right)
	case *Type:
		for _, a := range n.Alts {
			Walk(a, visit)
		}
	case *TypeAtom:
		expr(n.Arg)
		for _, d := range n.Dims {
			expr(d)
		}
		typ(n.List)
		for _, t := range n.Tuple {
			typ(t)
		}
	case *Name, *Number, *String, *Spread:
	case *Unary:
		expr(n.X)
	case *Binary:
		expr(n.X)
		expr(n.Y)
	case *Lambda:
		for _, p := range n.Params {
			Walk(p, visit)
		}
		expr(n.Body)
	case *Call:
		expr(n.Fn)
		for _, a := range n.Args {
			Walk(a, visit)
		}
	case *Index:
		expr(n.X)
		for _, a := range n.Args {
			Walk(a, visit)
		}
	case *Field:
		expr(n.X)
	case *Group:
		for _, a := range n.Items {
			Walk(a, visit)
		}
	case *List:
		for _, x := range n.Items {
			expr(x)
		}
		if n.For != nil {
			Walk(n.For, visit)
			expr(n.In)
		}
	case *If:
		expr(n.Cond)
		body(n.Then)
		body(n.Else)
		if n.ElseIf != nil {
			Walk(n.ElseIf, visit)
		}
	case *For:
		for _, x := range n.Names {
			Walk(x, visit)
		}
		expr(n.In)
		if n.Along != nil {
			Walk(n.Along, visit)
		}
		body(n.Body)
	case *Arg:
		expr(n.X)
		expr(n.Range)
	default:
		panic(fmt.Sprintf("syntax: Walk does not know %T", n))
	}
}
