package cpu

import (
	"fmt"
	"math"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"modelc/backend/kernel"
	"modelc/backend/plan"
	"modelc/ir"
	"modelc/ir/eval"
	"modelc/ir/irtest"
)

// TestKernelsAreWhatTheySay runs the plans of random modules step by step on one worker and holds the results of every fused kernel against its definition,
// kernel.Interpret, on the same memory.
func TestKernelsAreWhatTheySay(t *testing.T) {
	d, err := New(Options{Threads: 1})
	require.NoError(t, err)
	defer d.Close()
	kernels := 0
	for seed := range uint64(120) {
		for _, typ := range []ir.DType{ir.F64, ir.F32} {
			r := irtest.Rand(seed)
			m := irtest.Random(r, irtest.Options{Instructions: 5 + int(seed%30), Axis: 2 + int64(seed%11), Float: typ, Smooth: typ == ir.F32})
			p, err := d.Open(nil)
			require.NoError(t, err)
			_, err = p.Load(m, "main")
			require.NoError(t, err)
			c := p.(*program).calls[0]
			var memory [][]byte
			for i, a := range irtest.Arguments(r, c.plan.Entry.Func) {
				memory = append(memory, make([]byte, a.Type.Bytes()+1))
				eval.Encode(a, memory[i][:a.Type.Bytes()])
				for _, b := range c.inputs[i] {
					c.bases[b.ID] = unsafe.Pointer(&memory[i][0])
				}
			}
			h := &holder{t: t, w: c.workers[0], name: fmt.Sprintf("seed %d of %v", seed, typ)}
			h.walk(c.once)
			h.walk(c.tasks)
			kernels += h.kernels
			require.NoError(t, p.Close())
		}
	}
	require.Greater(t, kernels, 1000)
}

type holder struct {
	t       *testing.T
	w       *worker
	name    string
	kernels int
}

func (h *holder) walk(tasks []*task) {
	for _, x := range tasks {
		switch {
		case x.step.Scan != nil:
			s := x.step.Scan
			for i := range s.Length {
				h.w.turn[s.Depth] = i
				if s.Reverse {
					h.w.turn[s.Depth] = s.Length - 1 - i
				}
				h.walk(x.body)
			}
			h.w.turn[s.Depth] = 0
		case x.step.Kernel != nil && len(x.phases) > 0:
			h.kernel(x)
		default:
			h.run(x)
		}
	}
}

func (h *holder) run(x *task) {
	for i := range x.phases {
		x.phases[i].do(h.w, 0, x.phases[i].units)
	}
}

func (h *holder) kernel(x *task) {
	f := x.step.Kernel
	operands := append(append([]plan.Operand{}, x.step.In...), x.step.Out...)
	memory, base := make([][]float64, len(operands)), make([]int64, len(operands))
	for i := range operands {
		memory[i], base[i] = h.elements(&operands[i])
	}
	want := memory
	require.NoError(h.t, kernel.Interpret(f, want, base), h.name)
	h.run(x)
	for i := len(x.step.In); i < len(operands); i++ {
		o := &operands[i]
		got, _ := h.elements(o)
		tol := irtest.Tolerance{Absolute: 1e-10, Relative: 1e-10}
		if o.Type.DType == ir.F32 {
			greatest := 0.0
			for _, v := range want[i] {
				if !math.IsInf(v, 0) && !math.IsNaN(v) {
					greatest = max(greatest, math.Abs(v))
				}
			}
			tol = irtest.Tolerance{Absolute: 1e-5 * (1 + greatest), Relative: 1e-5}
		}
		dims := o.Type.Shape.Dims()
		for j := range o.Type.Shape.Size() {
			at, q := base[i], j
			for k := len(dims) - 1; k >= 0; k-- {
				at += q % dims[k] * o.Stride[k]
				q /= dims[k]
			}
			require.True(h.t, tol.Holds(want[i][at], got[at]), "%s, result %d: want %v, got %v at %d\n%s", h.name, i-len(x.step.In), want[i][at], got[at], j, f)
		}
	}
	h.kernels++
}

// elements reads all of an operand's buffer, and the place of the operand in it.
func (h *holder) elements(o *plan.Operand) ([]float64, int64) {
	base := o.Offset
	for d, t := range o.Turn {
		base += t * h.w.turn[d]
	}
	if o.Buf.Space == plan.Count {
		return nil, base
	}
	n := o.Buf.Bytes / o.Type.DType.Size()
	if n == 0 {
		return nil, base
	}
	b := unsafe.Slice((*byte)(h.w.run.bases[o.Buf.ID]), n*o.Type.DType.Size())
	return eval.Decode(ir.Of(o.Type.DType, n), b).Data, base
}
