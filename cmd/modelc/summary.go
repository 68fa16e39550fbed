package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/mattn/go-runewidth"

	"modelc/backend"
	"modelc/compiler"
	"modelc/compiler/lower"
	"modelc/internal/run"
	"modelc/ir"
)

type summaryCmd struct {
	fileFlags
	deviceFlags
	JSON bool `name:"json" help:"Write one JSON object."`
}

type summaryLayer struct {
	Path       string   `json:"path"`
	Layer      string   `json:"layer"`
	Weights    []string `json:"weights,omitempty"`
	Parameters int64    `json:"parameters"`
}

type summaryBlock struct {
	Block      string         `json:"block"`
	Layers     []summaryLayer `json:"layers"`
	Parameters int64          `json:"parameters"`
	Weights    int64          `json:"weights_bytes"`
	Optimizer  int64          `json:"optimizer_bytes"`
	Step       int64          `json:"step_bytes"` // scratch of a training step
	Batch      int64          `json:"batch"`
}

// Run is the verb.
func (c *summaryCmd) Run(s *streams) error {
	checked, err := s.mustCheck(c.fileFlags, false)
	if err != nil {
		return err
	}
	d, err := c.open()
	if err != nil {
		return err
	}
	defer d.Close()
	var out []summaryBlock
	for _, t := range checked.Program().Trains {
		b, err := summarize(checked, t.Name, d)
		if err != nil {
			return err
		}
		out = append(out, b)
	}
	if c.JSON {
		return json.NewEncoder(s.out).Encode(map[string]any{"file": checked.Source.Name, "blocks": out})
	}
	if out == nil {
		return fmt.Errorf("%s has no train block", checked.Source.Name)
	}
	for i, b := range out {
		if i > 0 {
			fmt.Fprintln(s.out)
		}
		b.print(s.out)
	}
	return nil
}

func summarize(c *compiler.Checked, block string, d backend.Device) (summaryBlock, error) {
	out := summaryBlock{Block: block, Layers: []summaryLayer{}, Batch: batchOf(c, block+".step")}
	states := c.States(lower.Sizes{})
	byName := map[string]*ir.State{}
	for _, st := range states {
		byName[st.Name] = st
	}
	for _, l := range c.Layers() {
		if l.Block != block {
			continue
		}
		row := summaryLayer{Path: l.Path, Layer: l.Decl}
		for _, slot := range l.Slots {
			st := byName[block+"."+slot.Path]
			if st == nil {
				continue
			}
			name := slot.Path[strings.LastIndexByte(slot.Path, '.')+1:]
			row.Weights = append(row.Weights, name+" "+st.Type.String())
			if st.Role == ir.Param {
				row.Parameters += st.Type.Shape.Size()
			}
		}
		out.Layers = append(out.Layers, row)
	}
	for _, st := range states {
		if !strings.HasPrefix(st.Name, block+".") {
			continue
		}
		switch st.Role {
		case ir.Param:
			out.Parameters += st.Type.Shape.Size()
			out.Weights += st.Type.Bytes()
		case ir.Moment:
			out.Optimizer += st.Type.Bytes()
		default:
			out.Weights += st.Type.Bytes()
		}
	}
	step, err := stepMemory(c, block, out.Batch, states, d)
	out.Step = step
	return out, err
}

// stepMemory loads the step of a block and asks what scratch memory it takes. Lists are taken at their bound, or at 256 where they have none.
func stepMemory(c *compiler.Checked, block string, batch int64, states []*ir.State, d backend.Device) (int64, error) {
	entry := ""
	for _, e := range c.Entries() {
		if entry == "" && strings.HasPrefix(e, block+".step") {
			entry = e
		}
	}
	sizes := run.Sizes{B: batch, Lengths: map[string]int64{}}
	for _, data := range c.Recipe().Data {
		for _, x := range data.Columns {
			for _, n := range x.Type.Dims {
				if n < 0 {
					sizes.Lengths["batch."+x.Name] = min(-n, 256)
				}
			}
		}
	}
	m, err := newProgram(c).Module(entry, sizes, d)
	if err != nil {
		return 0, err
	}
	p, err := d.Open(states)
	if err != nil {
		return 0, err
	}
	defer p.Close()
	if _, err := p.Load(m, entry); err != nil {
		return 0, err
	}
	return p.Usage().Arena, nil
}

func (b summaryBlock) print(w io.Writer) {
	fmt.Fprintf(w, "train %s\n", b.Block)
	path, layer := 5, 5
	for _, l := range b.Layers {
		path, layer = max(path, runewidth.StringWidth(l.Path)), max(layer, runewidth.StringWidth(l.Layer))
	}
	for _, l := range b.Layers {
		text := fmt.Sprintf("  %s  %s  %10d  %s", runewidth.FillRight(l.Path, path), runewidth.FillRight(l.Layer, layer), l.Parameters, strings.Join(l.Weights, ", "))
		fmt.Fprintln(w, strings.TrimRight(text, " "))
	}
	fmt.Fprintf(w, "  parameters       %d\n", b.Parameters)
	fmt.Fprintf(w, "  weights          %s\n", bytesText(b.Weights))
	fmt.Fprintf(w, "  optimizer        %s\n", bytesText(b.Optimizer))
	fmt.Fprintf(w, "  step, batch %-4d %s\n", b.Batch, bytesText(b.Step))
	fmt.Fprintf(w, "  together         %s\n", bytesText(b.Weights+b.Optimizer+b.Step))
}

func bytesText(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.2f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.2f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.2f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d bytes", n)
}

// parameters counts the trained numbers of each train block.
func parameters(c *compiler.Checked) map[string]int64 {
	out := map[string]int64{}
	for _, t := range c.Program().Trains {
		for _, st := range c.States(lower.Sizes{}) {
			if st.Role == ir.Param && strings.HasPrefix(st.Name, t.Name+".") {
				out[t.Name] += st.Type.Shape.Size()
			}
		}
	}
	return out
}
