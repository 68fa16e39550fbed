package run

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"modelc/backend"
	"modelc/internal/checkpoint"
	"modelc/ir"
	"modelc/ir/ops"
	"modelc/recipe"
)

// averager keeps averaged weights. An exponential average is a state on the device, moved after every step by an entry that is made here; the average of the
// last n checkpoints is kept on the host.
type averager struct {
	kind   string
	block  string
	params []*ir.State
	ema    []*ir.State // beside params
	decay  float64
	call   *call
	n      int64
	recent [][][]byte // the last n snapshots, oldest first, each with the bytes of params
}

const recentMark = ":recent."

// newAverager returns nil where nothing is averaged. Its states are added to those of the program.
func newAverager(a *recipe.Average, block string, states []*ir.State) (*averager, []*ir.State, error) {
	if a == nil {
		return nil, states, nil
	}
	v := &averager{kind: a.Kind, block: block, decay: a.Decay, n: a.Last}
	for _, s := range states {
		if of(s, block) && s.Role == ir.Param {
			if s.Type.DType != ir.F32 {
				return nil, nil, &Bug{fmt.Errorf("the weight %s is %v, not f32", s.Name, s.Type)}
			}
			v.params = append(v.params, s)
		}
	}
	switch a.Kind {
	case "ema":
		for _, s := range v.params {
			m := &ir.State{Name: s.Name + ":average", Type: s.Type, Role: ir.Average}
			for _, p := range s.Parts {
				m.Parts = append(m.Parts, p+":average")
			}
			v.ema = append(v.ema, m)
		}
		states = append(states[:len(states):len(states)], v.ema...)
	case "last":
		if a.Last < 1 {
			return nil, nil, &Bug{fmt.Errorf("the average of the last %d checkpoints", a.Last)}
		}
	default:
		return nil, nil, &Bug{fmt.Errorf("there is no average %q", a.Kind)}
	}
	return v, states, nil
}

// module is a + (1 - decay) * (w - a) for every weight w and its average a.
func (v *averager) module() *ir.Module {
	name := v.block + ".average"
	b := ir.NewBuilder(name)
	e := &ir.Entry{Name: name, Read: append(append([]*ir.State(nil), v.params...), v.ema...), Write: v.ema}
	var w, a, out []*ir.Value
	for _, s := range v.params {
		w = append(w, b.Param(s.Type, ""))
	}
	for _, s := range v.ema {
		a = append(a, b.Param(s.Type, ""))
	}
	for i := range w {
		rate := ops.Number(b, w[i].Type, 1-v.decay)
		out = append(out, ops.Add(b, a[i], ops.Mul(b, rate, ops.Sub(b, w[i], a[i]))))
	}
	e.Func = b.Return(out...)
	return &ir.Module{Name: name, Sites: make([]ir.Site, 1), State: e.Read, Funcs: []*ir.Func{e.Func}, Entries: []*ir.Entry{e}}
}

// begin loads the entry; fresh says that training begins, so that the averages begin at the weights.
func (v *averager) begin(p *program, fresh bool) error {
	if v == nil || v.kind != "ema" {
		return nil
	}
	m := v.module()
	run, err := p.p.Load(m, m.Name)
	if err != nil {
		return &Bug{err}
	}
	v.call = &call{entry: m.Entries[0], run: run}
	if !fresh {
		return nil
	}
	for i, s := range v.params {
		if err := p.copyState(s, v.ema[i]); err != nil {
			return err
		}
	}
	return nil
}

func (p *program) copyState(from, to *ir.State) error {
	t := backend.Tensor{Type: from.Type, Bytes: make([]byte, from.Type.Bytes())}
	if err := p.p.Read(from.Name, t); err != nil {
		return &Bug{err}
	}
	if err := p.p.Write(to.Name, t); err != nil {
		return &Bug{err}
	}
	return nil
}

// step follows a step of the weights.
func (v *averager) step() error {
	if v == nil || v.call == nil {
		return nil
	}
	return v.call.do()
}

// tick follows a tick of the clock.
func (v *averager) tick(p *program) error {
	if v == nil || v.kind != "last" {
		return nil
	}
	now, err := p.bytes(v.params)
	if err != nil {
		return err
	}
	v.recent = append(v.recent, now)
	if int64(len(v.recent)) > v.n {
		v.recent = v.recent[1:]
	}
	return nil
}

// bytes reads states.
func (p *program) bytes(states []*ir.State) ([][]byte, error) {
	out := make([][]byte, len(states))
	for i, s := range states {
		out[i] = make([]byte, s.Type.Bytes())
		if err := p.p.Read(s.Name, backend.Tensor{Type: s.Type, Bytes: out[i]}); err != nil {
			return nil, &Bug{err}
		}
	}
	return out, nil
}

func (p *program) setBytes(states []*ir.State, b [][]byte) error {
	for i, s := range states {
		if err := p.p.Write(s.Name, backend.Tensor{Type: s.Type, Bytes: b[i]}); err != nil {
			return &Bug{err}
		}
	}
	return nil
}

// with runs f while the program's weights are the averaged ones (ruling 7: they serve every reader but the step).
func (v *averager) with(p *program, f func() error) error {
	if v == nil || v.kind == "last" && len(v.recent) == 0 {
		return f()
	}
	raw, err := p.bytes(v.params)
	if err != nil {
		return err
	}
	averaged := v.mean()
	if v.kind == "ema" {
		if averaged, err = p.bytes(v.ema); err != nil {
			return err
		}
	}
	if err := p.setBytes(v.params, averaged); err != nil {
		return err
	}
	err = f()
	if e := p.setBytes(v.params, raw); err == nil {
		err = e
	}
	return err
}

// mean averages the recent snapshots in float64.
func (v *averager) mean() [][]byte {
	out := make([][]byte, len(v.params))
	le := binary.LittleEndian
	for i, s := range v.params {
		out[i] = make([]byte, s.Type.Bytes())
		for at := 0; at < len(out[i]); at += 4 {
			sum := 0.0
			for _, r := range v.recent {
				sum += float64(math.Float32frombits(le.Uint32(r[i][at:])))
			}
			le.PutUint32(out[i][at:], math.Float32bits(float32(sum/float64(len(v.recent)))))
		}
	}
	return out
}

// save gives the tensors of the recent snapshots for a checkpoint.
func (v *averager) save() []checkpoint.Tensor {
	if v == nil {
		return nil
	}
	var out []checkpoint.Tensor
	for k, r := range v.recent {
		for i, s := range v.params {
			out = append(out, checkpoint.Tensor{Name: s.Name + recentMark + itoa(int64(k)), Type: s.Type, Bytes: r[i]})
		}
	}
	return out
}

// restore takes the snapshots out of the tensors of a checkpoint and returns the rest.
func (v *averager) restore(n int64, tensors []checkpoint.Tensor) ([]checkpoint.Tensor, error) {
	if v == nil || v.kind != "last" {
		return tensors, nil
	}
	var rest, mine []checkpoint.Tensor
	for _, t := range tensors {
		if strings.Contains(t.Name, recentMark) {
			mine = append(mine, t)
		} else {
			rest = append(rest, t)
		}
	}
	var want []checkpoint.Info
	for k := range n {
		for _, s := range v.params {
			want = append(want, checkpoint.Info{Name: s.Name + recentMark + itoa(k), Type: s.Type})
		}
	}
	sorted, err := checkpoint.Match(mine, want)
	if err != nil {
		return nil, err
	}
	v.recent = nil
	for k := range int(n) {
		r := make([][]byte, len(v.params))
		for i := range r {
			r[i] = sorted[k*len(v.params)+i].Bytes
		}
		v.recent = append(v.recent, r)
	}
	return rest, nil
}

// held returns the recent snapshots; put makes them the recent ones again, after a tick that was not taken to its end.
func (v *averager) held() [][][]byte {
	if v == nil {
		return nil
	}
	return v.recent
}

func (v *averager) put(recent [][][]byte) {
	if v != nil {
		v.recent = recent
	}
}
