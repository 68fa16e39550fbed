package run

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"modelc/backend"
	"modelc/internal/checkpoint"
	"modelc/internal/data"
	"modelc/ir"
	"modelc/recipe"
)

// program is a set of states on the device and the calls that were loaded for it, one for each entry and sizes.
type program struct {
	e      *experiment
	p      backend.Program
	states []*ir.State
	calls  map[string]*call
	key    []byte
	last   *call
}

// call is one entry, loaded for given sizes, with the buffers of its scalars and outputs.
type call struct {
	entry   *ir.Entry
	run     backend.Call
	in, out []backend.Tensor
	column  []int // for each input its place among the columns, -1: a scalar
	rows    int
	lengths []int
}

// scalars are inputs that are no columns.
type scalars struct {
	seed              int64
	totalSteps, epoch int64
}

func (e *experiment) open(states []*ir.State) (*program, error) {
	p, err := e.Device.Open(states)
	if err != nil {
		return nil, deviceError(e.Device, "the program", err)
	}
	return &program{e: e, p: p, states: states, calls: map[string]*call{}}, nil
}

// deviceError tells memory that is not there, which the user can mend, from what a device should have taken.
func deviceError(d backend.Device, what string, err error) error {
	var memory *backend.OutOfMemory
	if errors.As(err, &memory) {
		return fmt.Errorf("%s does not fit: %w; a smaller batch or a smaller model does", what, memory)
	}
	return &Bug{fmt.Errorf("%s on the device %s: %w", what, d.Name(), err)}
}

func (p *program) Close() { _ = p.p.Close() }

// load returns the call of an entry. Columns are the names of what batches hold, in order.
func (p *program) load(entry string, s Sizes, columns []string) (*call, error) {
	key := entry + sizesKey(s)
	if c, ok := p.calls[key]; ok {
		return c, nil
	}
	m, err := p.e.c.Module(entry, s, p.e.Device)
	if err != nil {
		return nil, err
	}
	en := m.Entry(entry)
	if en == nil {
		return nil, &Bug{fmt.Errorf("the module of %s does not hold the entry", entry)}
	}
	run, err := p.p.Load(m, entry)
	if err != nil {
		return nil, deviceError(p.e.Device, entry, err)
	}
	c := &call{entry: en, run: run, in: make([]backend.Tensor, len(en.In)), out: make([]backend.Tensor, len(en.Out)), column: make([]int, len(en.In))}
	for i, name := range en.In {
		t := en.Func.Params[i].Type
		c.column[i] = slices.Index(columns, name)
		if c.column[i] < 0 {
			c.in[i] = backend.Tensor{Type: t, Bytes: make([]byte, t.Bytes())}
		}
	}
	for i := range en.Out {
		t := en.Func.Results[i].Type
		c.out[i] = backend.Tensor{Type: t, Bytes: make([]byte, t.Bytes())}
	}
	p.calls[key] = c
	return c, nil
}

// sizesKey tells sizes apart.
func sizesKey(s Sizes) string {
	names := make([]string, 0, len(s.Lengths))
	for n := range s.Lengths {
		names = append(names, n)
	}
	slices.Sort(names)
	var b strings.Builder
	fmt.Fprintf(&b, "|%d|%d|%d", s.B, s.Tokens, s.Capacity)
	for _, n := range names {
		fmt.Fprintf(&b, "|%s=%d", n, s.Lengths[n])
	}
	return b.String()
}

// forBatch returns the call of an entry for the sizes of a batch. The call of the batch before, of the same sizes, is found without work.
func (p *program) forBatch(entry string, b *data.Batch, columns []string) (*call, error) {
	if c := p.last; c != nil && c.entry.Name == entry && c.rows == b.Rows && slices.Equal(c.lengths, b.Lengths) {
		return c, nil
	}
	s := Sizes{B: int64(b.Rows)}
	for i, n := range b.Lengths {
		if n > 0 {
			if s.Lengths == nil {
				s.Lengths = map[string]int64{}
			}
			s.Lengths[columns[i]] = int64(n)
		}
	}
	c, err := p.load(entry, s, columns)
	if err != nil {
		return nil, err
	}
	c.rows, c.lengths = b.Rows, slices.Clone(b.Lengths)
	p.last = c
	return c, nil
}

// scalars fills the inputs that are the same for every batch of an epoch.
func (c *call) scalars(s scalars) error {
	for i, name := range c.entry.In {
		if c.column[i] >= 0 {
			continue
		}
		b := c.in[i].Bytes
		switch name {
		case recipe.InSeed:
			binary.LittleEndian.PutUint64(b, uint64(s.seed))
		case recipe.InTotalSteps:
			binary.LittleEndian.PutUint32(b, uint32(min(s.totalSteps, math.MaxInt32)))
		case recipe.InEpoch:
			binary.LittleEndian.PutUint32(b, uint32(s.epoch))
		case recipe.InFirst, recipe.InTokens, recipe.InLast, recipe.InRow: // 0, or written by who generates
		default:
			return &Bug{fmt.Errorf("%s wants the input %q, which is not among the columns it was said to read", c.entry.Name, name)}
		}
	}
	return nil
}

// batch puts the tensors of a batch in their places.
func (c *call) batch(b *data.Batch) {
	for i, k := range c.column {
		if k >= 0 {
			c.in[i] = b.Tensors[k]
		}
	}
}

// do runs the call.
func (c *call) do() error {
	err := c.run(c.in, c.out)
	if err == nil {
		return nil
	}
	var nf *backend.NotFinite
	if errors.As(err, &nf) {
		return err
	}
	return &Bug{fmt.Errorf("%s: %w", c.entry.Name, err)}
}

// output returns the tensor of a named output.
func (c *call) output(name string) (backend.Tensor, bool) {
	i := slices.Index(c.entry.Out, name)
	if i < 0 {
		return backend.Tensor{}, false
	}
	return c.out[i], true
}

// floats appends the elements of a tensor as float64.
func floats(dst []float64, t backend.Tensor) []float64 {
	size := int(t.Type.DType.Size())
	for b := t.Bytes; len(b) > 0; b = b[size:] {
		dst = append(dst, element(t.Type.DType, b))
	}
	return dst
}

// element decodes one number.
func element(d ir.DType, b []byte) float64 {
	le := binary.LittleEndian
	switch d {
	case ir.Bool, ir.U8:
		return float64(b[0])
	case ir.I8:
		return float64(int8(b[0]))
	case ir.I32:
		return float64(int32(le.Uint32(b)))
	case ir.U32:
		return float64(le.Uint32(b))
	case ir.I64:
		return float64(int64(le.Uint64(b)))
	case ir.U64:
		return float64(le.Uint64(b))
	case ir.F32:
		return float64(math.Float32frombits(le.Uint32(b)))
	case ir.F64:
		return math.Float64frombits(le.Uint64(b))
	case ir.BF16:
		return float64(math.Float32frombits(uint32(le.Uint16(b)) << 16))
	case ir.F16:
		return half(le.Uint16(b))
	}
	panic("run: an element of the type " + d.String())
}

// half is the value of an IEEE 754 binary16.
func half(h uint16) float64 {
	sign := 1.0
	if h>>15 != 0 {
		sign = -1
	}
	exponent, fraction := int(h>>10&31), float64(h&1023)
	switch exponent {
	case 0:
		return sign * math.Ldexp(fraction, -24)
	case 31:
		if fraction != 0 {
			return math.NaN()
		}
		return math.Inf(int(sign))
	}
	return sign * math.Ldexp(1024+fraction, exponent-25)
}

// putFloats writes float32 numbers.
func putFloats(t backend.Tensor, v []float64) {
	for i, x := range v {
		binary.LittleEndian.PutUint32(t.Bytes[4*i:], math.Float32bits(float32(x)))
	}
}

// stateFilter picks states.
type stateFilter func(*ir.State) bool

// read copies states out as tensors of a checkpoint: one for each part of a stacked state. cut is taken off the front of their names.
func (p *program) read(want stateFilter, cut string) ([]checkpoint.Tensor, error) {
	var out []checkpoint.Tensor
	for _, s := range p.states {
		if !want(s) {
			continue
		}
		t := backend.Tensor{Type: s.Type, Bytes: make([]byte, s.Type.Bytes())}
		if err := p.p.Read(s.Name, t); err != nil {
			return nil, &Bug{err}
		}
		at := 0
		for _, part := range parts(s, cut) {
			n := int(part.Type.Bytes())
			out = append(out, checkpoint.Tensor{Name: part.Name, Type: part.Type, Bytes: t.Bytes[at : at+n]})
			at += n
		}
	}
	return out, nil
}

// parts lists the tensors that a checkpoint holds for a state.
func parts(s *ir.State, cut string) []checkpoint.Info {
	name := func(n string) string {
		rest, ok := strings.CutPrefix(n, cut)
		if !ok {
			return n
		}
		return strings.TrimPrefix(rest, ".")
	}
	if s.Parts == nil {
		return []checkpoint.Info{{Name: name(s.Name), Type: s.Type}}
	}
	one := ir.Of(s.Type.DType, s.Type.Shape.Dims()[1:]...)
	out := make([]checkpoint.Info, len(s.Parts))
	for i, n := range s.Parts {
		out[i] = checkpoint.Info{Name: name(n), Type: one}
	}
	return out
}

// write copies tensors of a checkpoint into states; they must be exactly those wanted.
func (p *program) write(want stateFilter, cut string, tensors []checkpoint.Tensor) error {
	var infos []checkpoint.Info
	for _, s := range p.states {
		if want(s) {
			infos = append(infos, parts(s, cut)...)
		}
	}
	sorted, err := checkpoint.Match(tensors, infos)
	if err != nil {
		return err
	}
	at := 0
	for _, s := range p.states {
		if !want(s) {
			continue
		}
		b := make([]byte, 0, s.Type.Bytes())
		for range parts(s, cut) {
			b = append(b, sorted[at].Bytes...)
			at++
		}
		if err := p.p.Write(s.Name, backend.Tensor{Type: s.Type, Bytes: b}); err != nil {
			return &Bug{err}
		}
	}
	return nil
}

// of reports whether a state belongs to a block.
func of(s *ir.State, block string) bool {
	return strings.HasPrefix(s.Name, block+".") || strings.HasPrefix(s.Name, block+":")
}

// isWeight reports whether a state is part of what a block has learned.
func isWeight(s *ir.State) bool {
	return s.Role == ir.Param || s.Role == ir.Stat || s.Role == ir.Frozen
}

// weightsOf picks what a block has learned.
func weightsOf(block string) stateFilter {
	return func(s *ir.State) bool { return of(s, block) && isWeight(s) }
}

// allOf picks every state of a block but caches.
func allOf(block string) stateFilter {
	return func(s *ir.State) bool { return of(s, block) && s.Role != ir.Cache }
}

// done returns ErrInterrupted when the context has ended.
func done(ctx context.Context) error {
	if ctx.Err() != nil {
		return ErrInterrupted
	}
	return nil
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
