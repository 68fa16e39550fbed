package plan

import (
	"fmt"
	"strings"
)

// Print writes the plan as text: a line per step with its operands, the point program of each kernel below it, and at the end the memory.
func Print(p *Program) string {
	var b strings.Builder
	fmt.Fprintf(&b, "plan %s {\n", p.Entry.Name)
	if len(p.Once) > 0 {
		b.WriteString("  once\n")
		printSteps(&b, p.Once, "    ")
	}
	printSteps(&b, p.Steps, "  ")
	b.WriteString("}\n")
	fmt.Fprintf(&b, "arena %d bytes\n", p.Arena)
	return b.String()
}

func printSteps(b *strings.Builder, steps []*Step, indent string) {
	for _, s := range steps {
		b.WriteString(indent)
		for i := range s.Out {
			b.WriteString([]string{"", ", "}[min(i, 1)])
			b.WriteString(s.Out[i].String())
		}
		if len(s.Out) > 0 {
			b.WriteString(" = ")
		}
		switch {
		case s.Check:
			b.WriteString("check")
		case s.Scan != nil:
			fmt.Fprintf(b, "scan %d", s.Scan.Length)
			if s.Scan.Reverse {
				b.WriteString(" reverse")
			}
		case s.Instr != nil:
			b.WriteString(s.Instr.Op.Name())
		default:
			if s.After {
				b.WriteString("after that, ")
			}
			b.WriteString("kernel")
		}
		for i := range s.In {
			b.WriteString([]string{" ", ", "}[min(i, 1)])
			b.WriteString(s.In[i].String())
		}
		b.WriteString("\n")
		if s.Kernel != nil {
			b.WriteString(indent + "  " + strings.ReplaceAll(s.Kernel.String(), "\n", "\n"+indent+"  ") + "\n")
		}
		if s.Scan != nil {
			printSteps(b, s.Scan.Body, indent+"  ")
		}
	}
}

// String is the type, the buffer, and what differs from a dense tensor at its start.
func (o Operand) String() string {
	s := fmt.Sprintf("%v %v%d", o.Type, [...]string{"a", "in", "state", "data", "count", "kept"}[o.Buf.Space], o.Buf.ID)
	switch o.Buf.Space {
	case Arena, Kept:
		s += fmt.Sprintf("@%d", o.Buf.Offset)
	case Count:
		s = fmt.Sprintf("%v count", o.Type)
	}
	if o.Offset != 0 || len(o.Turn) > 0 {
		s += fmt.Sprintf("+%d", o.Offset)
	}
	for _, t := range o.Turn {
		s += fmt.Sprintf("+t*%d", t)
	}
	if !o.Dense() {
		s += fmt.Sprintf("%v", o.Stride)
	}
	return s
}
