package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"modelc/backend"
	"modelc/backend/cpu"
	"modelc/backend/reference"
	"modelc/compiler"
	"modelc/compiler/lower"
	"modelc/internal/run"
	"modelc/ir"
	"modelc/recipe"
)

// program shows a checked file to the runtime.
type program struct {
	*compiler.Checked
	lengths map[string]string // of a batch column that is a list: the name of its length
}

func newProgram(c *compiler.Checked) *program {
	p := &program{Checked: c, lengths: map[string]string{}}
	for _, d := range c.Recipe().Data {
		for _, x := range d.Columns {
			if len(x.Lengths) > 0 {
				p.lengths["batch."+x.Name], p.lengths["batch."+x.Name+".mask"] = x.Lengths[0], x.Lengths[0]
			}
		}
	}
	return p
}

// Sources gives the text for the run folder.
func (p *program) Sources() []run.Source {
	return []run.Source{{Name: p.Source.Name, Text: p.Source.Text}}
}

func (p *program) sizes(s run.Sizes) lower.Sizes {
	out := lower.Sizes{B: s.B, Tokens: s.Tokens, Capacity: s.Capacity}
	for column, n := range s.Lengths {
		if name, ok := p.lengths[column]; ok {
			if out.Lengths == nil {
				out.Lengths = map[string]int64{}
			}
			out.Lengths[name] = n
		}
	}
	return out
}

// States lists the states of the program.
func (p *program) States(s run.Sizes) ([]*ir.State, error) { return p.Checked.States(p.sizes(s)), nil }

// Module compiles an entry.
func (p *program) Module(entry string, s run.Sizes, d backend.Device) (*ir.Module, error) {
	sizes := p.sizes(s)
	for _, b := range p.Recipe().Blocks {
		if b.Train != nil && b.Train.Precision == "f32strict" {
			sizes.Strict = true
		}
	}
	m, diags := p.Checked.Module(entry, sizes, d.Keep)
	if diags.Failed() {
		return nil, diags
	}
	return m, nil
}

// deviceFlags choose the machine.
type deviceFlags struct {
	Device  string `enum:"cpu,reference" default:"cpu" help:"Where to run: cpu, or reference, the slow interpreter that defines what is right."`
	Threads int    `placeholder:"N" help:"Workers of the cpu; as many as there are processors if not given."`
}

func (f deviceFlags) open() (backend.Device, error) {
	if f.Threads < 0 || f.Threads > 1024 {
		return nil, usageError{fmt.Sprintf("--threads %d: 1 to 1024", f.Threads)}
	}
	if f.Device == "reference" {
		return reference.Device(), nil
	}
	n := f.Threads
	if n == 0 {
		n = runtime.GOMAXPROCS(0)
	}
	// The workers spin while they wait for each other; one turn more leaves room for what reads the data ahead.
	runtime.GOMAXPROCS(n + 1)
	d, err := cpu.New(cpu.Options{Threads: n})
	if err != nil {
		return nil, &run.Bug{Err: err}
	}
	return d, nil
}

// dataFlags say where data lies.
type dataFlags struct {
	Data []string `sep:"none" placeholder:"DIR" help:"A folder that is searched for data files, after that of the file. May be given several times; MODELC_DATA is searched last."`
}

func (f dataFlags) dirs() ([]string, error) {
	for _, d := range f.Data {
		info, err := os.Stat(d)
		if err != nil {
			return nil, plain(d, err)
		}
		if !info.IsDir() {
			return nil, fmt.Errorf("--data %s is no folder", d)
		}
	}
	out := append([]string(nil), f.Data...)
	for _, d := range filepath.SplitList(os.Getenv("MODELC_DATA")) {
		if d != "" {
			out = append(out, d)
		}
	}
	return out, nil
}

// blocks names the blocks of a kind.
func blocks(r *recipe.Recipe, kind string) []string {
	var out []string
	for _, b := range r.Blocks {
		if b.Kind == kind {
			out = append(out, b.Name)
		}
	}
	return out
}
