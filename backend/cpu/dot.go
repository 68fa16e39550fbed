package cpu

import (
	"unsafe"

	"modelc/backend/cpu/asm"
	"modelc/backend/plan"
	"modelc/ir"
	"modelc/ir/ops"
)

// An axis of a product: its size, and its stride in each operand (0 where the operand does not have it).
type dotAxis struct{ n, a, b, c int64 }

// dotShape is a dot as batches of matrix products: what does not fit one strided axis each of batch, m, n and k is a list of offsets.
type dotShape struct {
	batch, m, n, k dotAxis
	outer          []dotAxis // more batch, m and n axes
	inner          []dotAxis // more k axes, summed one after the other
}

func joinAxes(l []dotAxis) []dotAxis {
	var out []dotAxis
	for _, x := range l {
		if x.n == 1 {
			continue
		}
		if n := len(out); n > 0 && out[n-1].a == x.a*x.n && out[n-1].b == x.b*x.n && out[n-1].c == x.c*x.n {
			x.n *= out[n-1].n
			out[n-1] = x
			continue
		}
		out = append(out, x)
	}
	return out
}

func newDotShape(o ops.Dot, a, b, c *plan.Operand) *dotShape {
	ad, bd := a.Type.Shape.Dims(), b.Type.Shape.Dims()
	cs := c.Stride
	var batch, m, n, k []dotAxis
	at := 0
	for i := range o.BatchA.Len() {
		x, y := o.BatchA.At(i), o.BatchB.At(i)
		batch = append(batch, dotAxis{ad[x], a.Stride[x], b.Stride[y], cs[at]})
		at++
	}
	for i, d := range ad {
		if !o.BatchA.Has(i) && !o.ContractA.Has(i) {
			m = append(m, dotAxis{d, a.Stride[i], 0, cs[at]})
			at++
		}
	}
	for i, d := range bd {
		if !o.BatchB.Has(i) && !o.ContractB.Has(i) {
			n = append(n, dotAxis{d, 0, b.Stride[i], cs[at]})
			at++
		}
	}
	for i := range o.ContractA.Len() {
		x, y := o.ContractA.At(i), o.ContractB.At(i)
		k = append(k, dotAxis{ad[x], a.Stride[x], b.Stride[y], 0})
	}
	// The order of summed axes is free: by falling stride they join best.
	for i := 1; i < len(k); i++ {
		for j := i; j > 0 && k[j].a > k[j-1].a; j-- {
			k[j], k[j-1] = k[j-1], k[j]
		}
	}
	s := &dotShape{}
	take := func(l []dotAxis, rest *[]dotAxis) dotAxis {
		l = joinAxes(l)
		if len(l) == 0 {
			return dotAxis{n: 1}
		}
		*rest = append(*rest, l[:len(l)-1]...)
		return l[len(l)-1]
	}
	s.batch, s.m, s.n = take(batch, &s.outer), take(m, &s.outer), take(n, &s.outer)
	s.k = take(k, &s.inner)
	if s.n.n == 1 {
		s.n.c = 1
	}
	return s
}

// offsets lists the places of all points of the axes.
func offsets(axes []dotAxis) []dotAxis {
	out := []dotAxis{{}}
	for _, x := range axes {
		var next []dotAxis
		for _, p := range out {
			for i := range x.n {
				next = append(next, dotAxis{0, p.a + i*x.a, p.b + i*x.b, p.c + i*x.c})
			}
		}
		out = next
	}
	return out
}

// reach is the number of elements from a matrix batch's first to its last.
func reach(axes ...[2]int64) int64 {
	n := int64(1)
	for _, x := range axes {
		if x[0] == 0 {
			return 0
		}
		n += (x[0] - 1) * x[1]
	}
	return n
}

func (b *compiler) dot(s *plan.Step, o ops.Dot) ([]phase, error) {
	return b.staged(s, func(in, out []location, typ ir.DType) ([]phase, error) {
		d := newDotShape(o, &s.In[0], &s.In[1], &s.Out[0])
		if typ == ir.F32 {
			return b.gemm(d, in, out, s.In[0].Type.DType == ir.F32)
		}
		return plainDot(d, in, out, typ), nil
	})
}

// gemm multiplies f32. Only where the result is not converted afterwards may a kernel follow on its parts.
func (b *compiler) gemm(d *dotShape, in, out []location, final bool) ([]phase, error) {
	p := asm.Product{Batch: int(d.batch.n), M: int(d.m.n), N: int(d.n.n), K: int(d.k.n),
		A: asm.Strides{Batch: int(d.batch.a), Row: int(d.m.a), Col: int(d.k.a)},
		B: asm.Strides{Batch: int(d.batch.b), Row: int(d.k.b), Col: int(d.n.b)},
		C: asm.Strides{Batch: int(d.batch.c), Row: int(d.m.c), Col: 1},
	}
	g := asm.NewGemm(p, false)
	more := g
	inner := offsets(d.inner)
	if len(inner) > 1 {
		p.Accumulate = true
		more = asm.NewGemm(p, false)
	}
	outer := offsets(d.outer)
	tiles := g.Tiles()
	var after *epilogue
	if final && d.n.c == 1 {
		var err error
		if after, err = b.epilogue(out[0]); err != nil {
			return nil, err
		}
	}
	below := after.bytes()
	hook := after.hook()
	b.need(below+int64(max(g.Scratch(), more.Scratch()))*4, 0, 0)
	reachA := reach([2]int64{d.batch.n, d.batch.a}, [2]int64{d.m.n, d.m.a}, [2]int64{d.k.n, d.k.a})
	reachB := reach([2]int64{d.batch.n, d.batch.b}, [2]int64{d.k.n, d.k.b}, [2]int64{d.n.n, d.n.b})
	reachC := reach([2]int64{d.batch.n, d.batch.c}, [2]int64{d.m.n, d.m.c}, [2]int64{d.n.n, 1})
	la, lb, lc := in[0], in[1], out[0]
	work := d.batch.n * d.m.n * d.n.n * d.k.n * int64(len(outer)*max(len(inner), 1))
	if len(inner) == 0 || reachA == 0 || reachB == 0 {
		// Nothing to sum: the product is zero. A GEMM of depth 0 writes that.
		p.K, p.Accumulate = 0, false
		g = asm.NewGemm(p, false)
		inner, reachA, reachB = []dotAxis{{}}, 0, 0
		tiles = g.Tiles()
	}
	return []phase{{units: len(outer) * tiles, whole: work < 50000, do: func(w *worker, from, to int) {
		scratch := view[float32](unsafe.Pointer(&w.scratch[below]), (int64(len(w.scratch))-below)/4)
		after.open(w)
		a, bb, c := w.at(&la), w.at(&lb), w.at(&lc)
		for from < to {
			q := from / tiles
			lo, hi := from-q*tiles, min(to-q*tiles, tiles)
			for i, k := range inner {
				w.gemm.A = view[float32](unsafe.Add(a, (outer[q].a+k.a)*4), reachA)
				w.gemm.B = view[float32](unsafe.Add(bb, (outer[q].b+k.b)*4), reachB)
				w.gemm.C = view[float32](unsafe.Add(c, outer[q].c*4), reachC)
				w.gemm.Epilogue = nil
				if i == len(inner)-1 {
					w.gemm.Epilogue = hook
				}
				if i == 0 {
					g.Run(w.id, lo, hi, &w.gemm, scratch)
				} else {
					more.Run(w.id, lo, hi, &w.gemm, scratch)
				}
			}
			from += hi - lo
		}
		w.gemm = asm.GemmArgs{}
	}}}, nil
}

func strides(dims []int64) []int64 {
	s := make([]int64, len(dims))
	n := int64(1)
	for i := len(dims) - 1; i >= 0; i-- {
		s[i] = n
		n *= dims[i]
	}
	return s
}

// plainDot multiplies f64 and integers row by row.
func plainDot(d *dotShape, in, out []location, typ ir.DType) []phase {
	switch typ {
	case ir.F64:
		return rowDot[float64](d, in, out)
	case ir.I32:
		return rowDot[int32](d, in, out)
	case ir.I64:
		return rowDot[int64](d, in, out)
	case ir.U32:
		return rowDot[uint32](d, in, out)
	case ir.U64:
		return rowDot[uint64](d, in, out)
	case ir.I8:
		return rowDot[int8](d, in, out)
	}
	return rowDot[uint8](d, in, out)
}

func rowDot[T number](d *dotShape, in, out []location) []phase {
	var zero T
	size := int64(unsafe.Sizeof(zero))
	rows := offsets(append(append(append([]dotAxis(nil), d.outer...), d.batch), d.m))
	inner := offsets(d.inner)
	la, lb, lc := in[0], in[1], out[0]
	work := int64(len(rows)) * d.n.n * d.k.n * int64(len(inner))
	return []phase{{len(rows), small(work), func(w *worker, from, to int) {
		a, b, c := w.at(&la), w.at(&lb), w.at(&lc)
		for _, r := range rows[from:to] {
			for j := range d.n.n {
				var sum T
				for _, q := range inner {
					for k := range d.k.n {
						x := *(*T)(unsafe.Add(a, (r.a+q.a+k*d.k.a)*size))
						y := *(*T)(unsafe.Add(b, (r.b+q.b+k*d.k.b+j*d.n.b)*size))
						sum += x * y
					}
				}
				*(*T)(unsafe.Add(c, (r.c+j*d.n.c)*size)) = sum
			}
		}
	}}}
}
