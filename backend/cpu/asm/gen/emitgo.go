package main

import (
	"fmt"
	"math"
	"strings"
)

// goBody prints the routine as scalar Go, one statement per node, each result rounded to float32.
func goBody(b *builder) (body, result string) {
	name := map[*node]string{}
	for _, n := range b.inputs {
		name[n] = n.name
	}
	for _, c := range b.consts {
		if c.kind == float {
			v := math.Float32frombits(c.bits)
			if f := float64(v); math.IsInf(f, 0) || math.IsNaN(f) || (f == 0 && math.Signbit(f)) {
				name[c] = fmt.Sprintf("math.Float32frombits(%#x)", c.bits)
			} else {
				name[c] = fmt.Sprintf("float32(%v)", v)
			}
		} else {
			name[c] = fmt.Sprintf("uint32(%#x)", c.bits)
		}
	}
	f := func(n *node) string {
		if n.kind == bits {
			return "math.Float32frombits(" + name[n] + ")"
		}
		return name[n]
	}
	u := func(n *node) string {
		if n.kind == float {
			return "math.Float32bits(" + name[n] + ")"
		}
		return name[n]
	}
	var w strings.Builder
	for i, n := range b.nodes {
		v := fmt.Sprintf("v%d", i)
		a := n.args
		var e string
		switch n.op {
		case "add":
			e = fmt.Sprintf("float32(%s + %s)", f(a[0]), f(a[1]))
		case "sub":
			e = fmt.Sprintf("float32(%s - %s)", f(a[0]), f(a[1]))
		case "mul":
			e = fmt.Sprintf("float32(%s * %s)", f(a[0]), f(a[1]))
		case "div":
			e = fmt.Sprintf("float32(%s / %s)", f(a[0]), f(a[1]))
		case "min", "max":
			e = fmt.Sprintf("%s2(%s, %s)", n.op, f(a[0]), f(a[1]))
		case "sqrt":
			e = fmt.Sprintf("float32(math.Sqrt(float64(%s)))", f(a[0]))
		case "fma":
			e = fmt.Sprintf("fma32(%s, %s, %s)", f(a[0]), f(a[1]), f(a[2]))
		case "fnma":
			e = fmt.Sprintf("fma32(-%s, %s, %s)", f(a[0]), f(a[1]), f(a[2]))
		case "and":
			e = fmt.Sprintf("%s & %s", u(a[0]), u(a[1]))
		case "or":
			e = fmt.Sprintf("%s | %s", u(a[0]), u(a[1]))
		case "xor":
			e = fmt.Sprintf("%s ^ %s", u(a[0]), u(a[1]))
		case "iadd":
			e = fmt.Sprintf("%s + %s", u(a[0]), u(a[1]))
		case "isub":
			e = fmt.Sprintf("%s - %s", u(a[0]), u(a[1]))
		case "shl":
			e = fmt.Sprintf("%s << %d", u(a[0]), n.imm)
		case "shr":
			e = fmt.Sprintf("%s >> %d", u(a[0]), n.imm)
		case "sar":
			e = fmt.Sprintf("uint32(int32(%s) >> %d)", u(a[0]), n.imm)
		case "f2i":
			e = fmt.Sprintf("nearestInt(%s)", f(a[0]))
		case "f2t":
			e = fmt.Sprintf("truncInt(%s)", f(a[0]))
		case "i2f":
			e = fmt.Sprintf("float32(int32(%s))", u(a[0]))
		case "asf":
			e = f(a[0])
		case "round":
			fn := map[int]string{nearest: "RoundToEven", floor: "Floor", ceil: "Ceil", trunc: "Trunc"}[n.imm]
			e = fmt.Sprintf("float32(math.%s(float64(%s)))", fn, f(a[0]))
		case "cmp":
			x, y := f(a[0]), f(a[1])
			switch n.imm {
			case unord:
				e = fmt.Sprintf("%s != %s || %s != %s", x, x, y, y)
				if a[0] == a[1] {
					e = fmt.Sprintf("%s != %s", x, x)
				}
			default:
				e = fmt.Sprintf("%s %s %s", x, map[int]string{eq: "==", neq: "!=", lt: "<", le: "<=", ge: ">=", gt: ">"}[n.imm], y)
			}
		case "ieq":
			e = fmt.Sprintf("%s == %s", u(a[0]), u(a[1]))
		case "mand":
			e = fmt.Sprintf("%s && %s", name[a[0]], name[a[1]])
		case "mor":
			e = fmt.Sprintf("%s || %s", name[a[0]], name[a[1]])
		case "blend":
			x, y := f(a[1]), f(a[2])
			if n.kind == bits {
				x, y = u(a[1]), u(a[2])
			}
			fmt.Fprintf(&w, "\t\t%s := %s\n\t\tif %s {\n\t\t\t%s = %s\n\t\t}\n", v, y, name[a[0]], v, x)
			name[n] = v
			continue
		default:
			panic(n.op)
		}
		fmt.Fprintf(&w, "\t\t%s := %s\n", v, e)
		name[n] = v
	}
	return w.String(), name[b.result]
}
