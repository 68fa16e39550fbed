package ir

import (
	"encoding/hex"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"unicode"
)

// Print returns the text form of a module. Equal modules print equally, and Parse reads it back.
//
//	module net
//
//	param blocks.w f32[6,64] {parts=["blocks.0.w",…]}
//	data 0 f32[2] = 0000803f00000040
//
//	whole func @layer(%x f32[8,64], %w f32[64]) -> (f32[8,64]) {
//	  %0 = broadcast %w {shape=[8,64], axes=[1]} : f32[8,64] ; net.model:3:9 in blocks < main.model:7:1
//	  %y = mul %x, %0 : f32[8,64]
//	  return %y
//	}
//
//	entry train = @step(x, y) read(blocks.w) -> (loss) write(blocks.w)
//
// A value is printed as %hint where it has one (%hint~n when it is taken), else as %n with its number. Attributes that are zero are left out. A comment behind an
// instruction is its place: file:line:col, the layer after "in", and after "<" the place that called it.
func Print(m *Module) string {
	var p printer
	p.f("module %s\n", name(m.Name))
	if len(m.State)+len(m.Data) > 0 {
		p.f("\n")
	}
	for _, s := range m.State {
		p.f("%s %s %v", s.Role, name(s.Name), s.Type)
		if s.Parts != nil {
			parts := make([]string, len(s.Parts))
			for i, part := range s.Parts {
				parts[i] = strconv.Quote(part)
			}
			p.f(" {parts=[%s]}", strings.Join(parts, ","))
		}
		p.f("\n")
	}
	for i, d := range m.Data {
		p.f("data %d %v = x%s\n", i, d.Type, hex.EncodeToString(d.Bytes))
	}
	for _, f := range m.Funcs {
		p.f("\n")
		p.fn(m, f)
	}
	if len(m.Entries) > 0 {
		p.f("\n")
	}
	for _, e := range m.Entries {
		p.f("entry %s = @%s(%s)", name(e.Name), name(e.Func.Name), join(e.In, name))
		if len(e.Read) > 0 {
			p.f(" read(%s)", join(e.Read, stateName))
		}
		p.f(" -> (%s)", join(e.Out, name))
		if len(e.Write) > 0 {
			p.f(" write(%s)", join(e.Write, stateName))
		}
		p.f("\n")
	}
	return p.String()
}

// PrintFunc returns the text form of one function, with places when the module is given.
func PrintFunc(m *Module, f *Func) string {
	var p printer
	if m == nil {
		m = &Module{}
	}
	p.fn(m, f)
	return p.String()
}

type printer struct{ strings.Builder }

func (p *printer) f(format string, args ...any) { fmt.Fprintf(p, format, args...) }

func (p *printer) fn(m *Module, f *Func) {
	names := map[*Value]string{}
	taken := map[string]bool{}
	define := func(v *Value) string {
		n := len(names)
		s := "%" + strconv.Itoa(n)
		if v.Hint != "" {
			if s = "%" + hint(v.Hint); taken[s] {
				s += "~" + strconv.Itoa(n)
			}
		}
		names[v], taken[s] = s, true
		return s
	}
	use := func(v *Value) string {
		if s, ok := names[v]; ok {
			return s
		}
		return "%undefined"
	}
	if f.Whole {
		p.f("whole ")
	}
	p.f("func @%s(%s) -> (%s) {\n", name(f.Name),
		join(f.Params, func(v *Value) string { return define(v) + " " + v.Type.String() }),
		join(f.Results, func(v *Value) string { return v.Type.String() }))
	for _, c := range f.Body {
		p.f("  ")
		args := join(c.Args, use)
		if len(c.Results) > 0 {
			p.f("%s = ", join(c.Results, define))
		}
		p.f("%s", c.Op.Name())
		for _, callee := range c.Callees {
			p.f(" @%s", name(callee.Name))
		}
		if args != "" {
			p.f(" %s", args)
		}
		if a := Attributes(c.Op); a != "" {
			p.f(" {%s}", a)
		}
		if len(c.Results) > 0 {
			p.f(" : %s", join(c.Results, func(v *Value) string { return v.Type.String() }))
		}
		if c.Pos > 0 && int(c.Pos) < len(m.Sites) {
			p.f(" ; %s", m.place(c.Pos))
		}
		p.f("\n")
	}
	p.f("  return")
	if len(f.Results) > 0 {
		p.f(" %s", join(f.Results, use))
	}
	p.f("\n}\n")
}

// place prints a site and the sites that called it.
func (m *Module) place(p Pos) string {
	s := m.Site(p)
	out := fmt.Sprintf("%s:%d:%d", name(s.File), s.Line, s.Col)
	if s.Path != "" {
		out += " in " + name(s.Path)
	}
	if s.Up > 0 && s.Up < p {
		out += " < " + m.place(s.Up)
	}
	return out
}

func stateName(s *State) string { return name(s.Name) }

func join[T any](list []T, f func(T) string) string {
	parts := make([]string, len(list))
	for i, v := range list {
		parts[i] = f(v)
	}
	return strings.Join(parts, ", ")
}

// name prints a name as it is where the lexer reads it back as one word, and quoted elsewhere.
func name(s string) string {
	for i := range len(s) {
		if !nameByte(s[i]) || i == 0 && s[i] >= '0' && s[i] <= '9' {
			return strconv.Quote(s)
		}
	}
	if s == "" {
		return `""`
	}
	return s
}

func hint(s string) string { return name(s) }

func nameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '.' || c == '/' || c == '$'
}

// Attributes prints the attributes of an op that are not zero as name=value, separated by commas, in the order of the struct. Fields with the tag
// ir:"name" are part of the op's name.
func Attributes(op Op) string {
	v := reflect.ValueOf(op)
	if v.Kind() != reflect.Struct {
		return ""
	}
	var parts []string
	for i := range v.NumField() {
		if f := v.Type().Field(i); attribute(f) && !v.Field(i).IsZero() {
			parts = append(parts, snake(f.Name)+"="+attributeText(v.Field(i).Interface()))
		}
	}
	return strings.Join(parts, ", ")
}

func attribute(f reflect.StructField) bool {
	return f.IsExported() && !f.Anonymous && f.Tag.Get("ir") != "name"
}

// snake turns PadLo into pad_lo.
func snake(s string) string {
	var b strings.Builder
	for i, r := range s {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

func attributeText(v any) string {
	switch v := v.(type) {
	case Axes:
		return list(v.List())
	case Ints:
		return list(v.List())
	case Scalar:
		return scalarText(v)
	case Type, Shape, DType:
		return fmt.Sprint(v)
	}
	if r := reflect.ValueOf(v); r.Kind() == reflect.String {
		return strconv.Quote(r.String())
	}
	return fmt.Sprint(v)
}

func list[T any](v []T) string {
	return "[" + strings.ReplaceAll(strings.Trim(fmt.Sprint(v), "[]"), " ", ",") + "]"
}

// scalarText prints a number so that its bits come back: the shortest decimal, inf, -inf, nan, or nan with its bits where they are not the usual ones.
func scalarText(s Scalar) string {
	f := s.Float()
	switch {
	case s == Num(math.NaN()):
		return "nan"
	case f != f:
		return fmt.Sprintf("bits.%x", s.Bits)
	case math.IsInf(f, 0):
		return strings.TrimPrefix(strings.ToLower(strconv.FormatFloat(f, 'g', -1, 64)), "+")
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}
