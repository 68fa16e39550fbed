package docs

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"

	"modelc/ir"
	"modelc/ir/ops"
	"modelc/ir/scalar"
)

// IR returns docs/ir.md; dir is the folder of package ir, whose comments say what each op means.
func IR(dir string) (string, error) {
	meaning := map[string]string{}
	for _, d := range []string{dir, filepath.Join(dir, "ops")} {
		if err := comments(d, meaning); err != nil {
			return "", err
		}
	}
	var p page
	p.f("# The text form of the intermediate representation\n\n%s", generated)
	p.f("`modelc ir FILE` prints what the compiler makes of an entry (a train step, say), after the stage that `--after` names, and the tests of the passes are written in this form. It reads back: equal modules\n")
	p.f("print equally, and every invariant is checked when reading.\n\n")
	p.f("A module is a list of pure functions in SSA form, callees before callers, without blocks or nested regions. Repetition is one op, `scan`, whose body is another function.\n")
	p.f("Shapes are numbers: another batch size is another module. State (weights, moments, counters) is named at the door: an entry says which states a function reads as its\n")
	p.f("last parameters and writes as its last results.\n\n## Form\n\n")
	p.f("```text\n%s```\n\n", Example)
	p.f("- A value is `%%name` where the source has a name for it (`%%name~7` when it is taken), else `%%` and a number.\n")
	p.f("- Behind `;` stands the place of an instruction: file, line and column, the layer after `in`, and after `<` the place that called it.\n")
	p.f("- A type is an element type and sizes: `f32[32,64]`, a scalar is `f32[]`. Element types: `bool u8 i8 i32 i64 u32 u64 f16 bf16 f32 f64`. At most %d axes.\n", ir.MaxRank)
	p.f("- A state has a role: `param` (trained), `stat` (saved, not trained), `moment` (of an optimizer), `average`, `counter`, `cache` (kept between calls while generating), `frozen`.\n")
	p.f("  `parts` names the tensors that a checkpoint holds for a state which stacks several layers on its first axis.\n")
	p.f("- `data` is a large constant, in hexadecimal, little-endian; `literal` refers to it by its number.\n")
	p.f("- `whole` marks a function of the library that a backend may run as one kernel.\n")
	p.f("- Lists are `[1,2]`, texts stand in quotes, `inf`, `-inf` and `nan` are numbers. An attribute that is left out is 0, false, empty.\n")
	p.f("- Elementwise ops take arguments of one shape and one element type: what repeats says so (`broadcast`).\n\n")
	p.f("## Elementwise ops\n\n| op | elements | gradient | example |\n|---|---|---|---|\n")
	for _, r := range ops.Table {
		if m, is := r.Op.(ops.Map); is {
			row := scalar.Lookup(m.Code)
			grad := "yes"
			if row.Grad == nil {
				grad = "constant"
			}
			types := map[scalar.Domain]string{scalar.Floats: "floats", scalar.Numbers: "numbers", scalar.Bools: "bool", scalar.Any: "any"}[row.Domain]
			if row.Truth && row.Domain != scalar.Bools {
				types += " to bool"
			}
			p.f("| `%s` | %s | %s | %s |\n", m.Name(), types, grad, code(instruction(r)))
		}
	}
	p.f("\n`select` takes a bool and two of any one type. A comparison with NaN is false, except `ne`. Integers wrap around; an integer divided by zero is 0.\n")
	p.f("\n## Other ops\n\n| op | attributes | types of an example | as text |\n|---|---|---|---|\n")
	p.f("| `call` | – | those of the function | `%%y = call @layer %%x, %%w : f32[8,64]` |\n")
	p.f("| `scan` | %s | `f32[2], f32[3], f32[5,4] -> f32[3], f32[5,3]` | `%%h, %%hs = scan @body %%w, %%h0, %%xs {length=5, consts=1, carry=1, over=1} : f32[3], f32[5,3]` |\n", attributes(ir.Scan{}))
	var types []string
	seen := map[string]bool{}
	for _, r := range ops.Table {
		if _, is := r.Op.(ops.Map); is {
			continue
		}
		p.f("| `%s` | %s | %s | %s |\n", r.Op.Name(), attributes(r.Op), types1(example(r)), code(instruction(r)))
		if t := reflect.TypeOf(r.Op).Name(); !seen[t] {
			seen[t] = true
			types = append(types, t)
		}
	}
	p.f("\n## Meaning\n\nAttributes stand here with capitals: `PadLo` is written `pad_lo`.\n")
	for _, t := range append([]string{"Call", "Scan"}, types...) {
		text := meaning[t]
		if text == "" {
			return "", fmt.Errorf("the op %s has no comment", t)
		}
		p.f("\n")
		for text != "" {
			plain, block, after := paragraphs(text)
			if plain != "" {
				p.f("%s\n", escape(plain))
			}
			if block != "" {
				p.f("\n```text\n%s```\n", block)
				if after != "" {
					p.f("\n")
				}
			}
			text = after
		}
	}
	return p.String(), nil
}

// comments gathers the doc comments of the types of a package.
func comments(dir string, out map[string]string) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	fset := token.NewFileSet()
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(fset, filepath.Join(dir, f.Name()), nil, parser.ParseComments)
		if err != nil {
			return err
		}
		for _, d := range file.Decls {
			g, is := d.(*ast.GenDecl)
			if !is {
				continue
			}
			for _, s := range g.Specs {
				if t, is := s.(*ast.TypeSpec); is {
					doc := t.Doc
					if doc == nil {
						doc = g.Doc
					}
					if doc != nil {
						out[t.Name.Name] = strings.TrimSpace(doc.Text())
					}
				}
			}
		}
	}
	return nil
}

// paragraphs cuts a comment into its first plain part, the indented block behind it, and the rest.
func paragraphs(text string) (plain, block, rest string) {
	lines := strings.Split(text, "\n")
	i := 0
	for i < len(lines) && !strings.HasPrefix(lines[i], "\t") {
		i++
	}
	plain = strings.TrimSpace(strings.Join(lines[:i], "\n"))
	block, rest = indented(strings.Join(lines[i:], "\n"))
	return plain, block, rest
}

// indented cuts an indented block from the start of a text.
func indented(text string) (block, rest string) {
	lines := strings.Split(text, "\n")
	i := 0
	for i < len(lines) && (strings.HasPrefix(lines[i], "\t") || strings.TrimSpace(lines[i]) == "") {
		i++
	}
	for _, l := range lines[:i] {
		block += strings.TrimPrefix(l, "\t") + "\n"
	}
	if block = strings.Trim(block, "\n"); block != "" {
		block += "\n"
	}
	return block, strings.TrimSpace(strings.Join(lines[i:], "\n"))
}

// attributes lists the attributes of an op with their kinds.
func attributes(op ir.Op) string {
	kinds := map[string]string{"Ints": "sizes", "Axes": "axes", "int64": "number", "int32": "number", "uint64": "number", "Type": "type", "DType": "element type", "Scalar": "number", "Shape": "sizes", "Precision": `"strict"`, "bool": "true"}
	t := reflect.TypeOf(op)
	var parts []string
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() || f.Anonymous || f.Tag.Get("ir") == "name" {
			continue
		}
		kind, known := kinds[f.Type.Name()]
		if !known {
			kind = f.Type.Name()
		}
		parts = append(parts, fmt.Sprintf("`%s` %s", snake(f.Name), kind))
	}
	if len(parts) == 0 {
		return "–"
	}
	return strings.Join(parts, ", ")
}

var capital = regexp.MustCompile(`(.)([A-Z])`)

func snake(s string) string { return strings.ToLower(capital.ReplaceAllString(s, "${1}_${2}")) }

// example is the first of the table's examples with two axes (elementwise ops: with any), else the first; empty for a literal, whose data belongs to the module.
func example(r ops.Row) string {
	_, elementwise := r.Op.(ops.Map)
	line, best := "", -1
	for _, g := range r.Good {
		rank := 0
		switch {
		case matrix.MatchString(g) && !elementwise:
			rank = 2
		case axes.MatchString(g):
			rank = 1
		}
		if rank > best {
			line, best = g, rank
		}
	}
	return line
}

var (
	axes       = regexp.MustCompile(`\[[1-9]`)
	matrix     = regexp.MustCompile(`\[[1-9][0-9]*,[1-9]`)
	attributed = regexp.MustCompile(` \{.*\}`)
)

// types1 is an example without its op and attributes.
func types1(example string) string {
	_, types, _ := strings.Cut(attributed.ReplaceAllString(example, ""), " ")
	return code(types)
}

// instruction is the example of an op as the text form writes it.
func instruction(r ops.Row) string {
	line := example(r)
	if line == "" {
		return "%r0 = literal {type=f32[2], data=1} : f32[2]"
	}
	return strings.ReplaceAll(strings.TrimSpace(strings.Split(ops.Example(line), "\n")[2]), "  ", " ")
}

// Example is the module that the page shows.
const Example = `module net

param blocks.w f32[6,64] {parts=["blocks.0.w","blocks.1.w","blocks.2.w","blocks.3.w","blocks.4.w","blocks.5.w"]}
data 0 f32[2] = x0000803f00000040

whole func @gain(%x f32[8,64], %w f32[64]) -> (f32[8,64]) {
  %2 = broadcast %w {shape=[8,64], axes=[1]} : f32[8,64] ; net.model:3:9 in blocks < main.model:7:1
  %y = mul %x, %2 : f32[8,64]
  return %y
}

func @step(%x f32[8,64], %blocks.w f32[6,64]) -> (f32[8,64], f32[2]) {
  %h = scan @gain %x, %blocks.w {length=6, carry=1, over=1} : f32[8,64]
  %3 = literal {type=f32[2]} : f32[2]
  return %h, %3
}

entry forward = @step(x) read(blocks.w) -> (h, table)
`
