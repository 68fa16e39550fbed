package cpu_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"modelc/backend"
	"modelc/backend/backendtest"
	"modelc/backend/cpu"
	"modelc/ir"
	"modelc/ir/irtest"
	"modelc/ir/ops"
)

func open(t *testing.T, threads int) backend.Device {
	d, err := cpu.New(cpu.Options{Threads: threads})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}

func TestConformance(t *testing.T) { backendtest.Run(t, open) }

// odd is an op that no backend knows.
type odd struct{ ops.Stop }

func (odd) Name() string { return "odd" }

func TestMissingKernel(t *testing.T) {
	b := ir.NewBuilder("f")
	x := b.Param(ir.Of(ir.F32, 2), "x")
	b.Pos = 1
	f := b.Return(b.Op(odd{}, x))
	m := &ir.Module{Sites: []ir.Site{{}, {File: "net.model", Line: 3, Col: 5}}, Funcs: []*ir.Func{f}, Entries: []*ir.Entry{backendtest.Entry(f)}}
	p, err := open(t, 1).Open(nil)
	require.NoError(t, err)
	defer p.Close()
	_, err = p.Load(m, "main")
	require.ErrorContains(t, err, "net.model:3:5")
	require.ErrorContains(t, err, "odd")
}

func TestTooLargeIsRefused(t *testing.T) {
	d := open(t, 1)
	huge := ir.Of(ir.F32, 1<<22, 1<<22)
	_, err := d.Open([]*ir.State{{Name: "w", Type: huge}})
	require.ErrorContains(t, err, "65536.0 GiB")
	b := ir.NewBuilder("f")
	x := b.Param(ir.Of(ir.F32, 1<<22), "x")
	y := ops.Exp(b, ops.Add(b, ops.BroadcastTo(b, x, huge.Shape, 0), ops.BroadcastTo(b, x, huge.Shape, 1)))
	f := b.Return(b.Op(ops.Cumulative{Code: "add"}, y))
	m := &ir.Module{Sites: []ir.Site{{}}, Funcs: []*ir.Func{f}, Entries: []*ir.Entry{backendtest.Entry(f)}}
	p, err := d.Open(nil)
	require.NoError(t, err)
	defer p.Close()
	_, err = p.Load(m, "main")
	require.ErrorContains(t, err, "GiB")
}

// TestCallDoesNotAllocate runs a program with fused kernels, products, a convolution, pooling, gathers, a sort and a scan.
func TestCallDoesNotAllocate(t *testing.T) {
	b := ir.NewBuilder("body")
	c, w := b.Param(ir.Of(ir.F32, 8, 16), "c"), b.Param(ir.Of(ir.F32, 16, 16), "w")
	body := b.Return(ops.Tanh(b, ops.MatMul(b, c, w)))
	b = ir.NewBuilder("f")
	x, k := b.Param(ir.Of(ir.F32, 8, 1, 6, 6), "x"), b.Param(ir.Of(ir.F32, 4, 1, 3, 3), "k")
	ws := b.Param(ir.Of(ir.F32, 3, 16, 16), "ws")
	i := b.Param(ir.Of(ir.I32, 8), "i")
	y := ops.Convolve(b, x, k, []int64{1, 1}, []int64{1, 1}, []int64{1, 1}, []int64{1, 1}, 1)
	two, none := ir.NewInts(3, 3), ir.NewInts(0, 0)
	pool := b.Emit(ops.PoolMax{Size: two, Stride: two, PadLo: none, PadHi: none}, nil, y)
	h := ops.ReshapeTo(b, pool[0], ir.MustShape(8, 16))
	s := b.Emit(ir.Scan{Length: 3, Carry: 1, Over: 1}, []*ir.Func{body}, h, ws)
	g := b.Op(ops.Gather{}, s[0], i)
	key := b.Op(ops.Key{Seed: 3})
	z := ops.Add(b, g, b.Op(ops.Normal{Type: g.Type}, key))
	sorted := b.Emit(ops.Sort{Axis: 1}, nil, z)
	f := b.Return(ops.Sum(b, z, 0, 1), ops.Sum(b, z, 0), sorted[0], ops.Unpool(b, pool[0], pool[1], 6, 6))
	require.NoError(t, b.Err)
	m := &ir.Module{Sites: []ir.Site{{}}, Funcs: []*ir.Func{body, f}, Entries: []*ir.Entry{backendtest.Entry(f)}}
	p, err := open(t, 2).Open(nil)
	require.NoError(t, err)
	defer p.Close()
	call, err := p.Load(m, "main")
	require.NoError(t, err)
	var in, out []backend.Tensor
	for _, v := range f.Params {
		in = append(in, backendtest.Tensor(irtest.Fill(irtest.Rand(1), v.Type, -1, 1, 8)))
	}
	for _, v := range f.Results {
		out = append(out, backend.Tensor{Type: v.Type, Bytes: make([]byte, v.Type.Bytes())})
	}
	require.Zero(t, testing.AllocsPerRun(20, func() {
		if err := call(in, out); err != nil {
			panic(err)
		}
	}))
}
