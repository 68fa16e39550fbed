package cpu

import (
	"unsafe"

	"modelc/backend/plan"
	"modelc/ir"
	"modelc/ir/ops"
)

// Ops that move elements without looking at them.

// copyBlock copies a block of n elements of the given sizes between two strided places.
func copyBlock(to, from unsafe.Pointer, dims, toStride, fromStride []int64, size int64) {
	for _, d := range dims {
		if d == 0 {
			return
		}
	}
	last := len(dims) - 1
	if last < 0 {
		copyRun(to, from, 1, 1, 1, size)
		return
	}
	var at [ir.MaxRank]int64
	t, f := int64(0), int64(0)
	for {
		copyRun(unsafe.Add(to, t*size), unsafe.Add(from, f*size), dims[last], toStride[last], fromStride[last], size)
		i := last - 1
		for ; i >= 0; i-- {
			at[i]++
			t += toStride[i]
			f += fromStride[i]
			if at[i] < dims[i] {
				break
			}
			t -= at[i] * toStride[i]
			f -= at[i] * fromStride[i]
			at[i] = 0
		}
		if i < 0 {
			return
		}
	}
}

// A blockCopy is copyBlock in units: the points of its leading axes.
type blockCopy struct {
	dims, to, from []int64
	lead           int
	units          int
	whole          bool
	size           int64
}

func newBlockCopy(dims, to, from []int64, size int64) *blockCopy {
	c := &blockCopy{dims: dims, to: to, from: from, units: 1, whole: small(product(dims)), size: size}
	for c.lead < len(dims)-1 && c.units < 64 {
		c.units *= int(dims[c.lead])
		c.lead++
	}
	return c
}

func (c *blockCopy) do(to, from unsafe.Pointer, lo, hi int) {
	for u := lo; u < hi; u++ {
		t, f := int64(0), int64(0)
		for i, q := c.lead-1, int64(u); i >= 0; i-- {
			t += q % c.dims[i] * c.to[i]
			f += q % c.dims[i] * c.from[i]
			q /= c.dims[i]
		}
		copyBlock(unsafe.Add(to, t*c.size), unsafe.Add(from, f*c.size), c.dims[c.lead:], c.to[c.lead:], c.from[c.lead:], c.size)
	}
}

// stretchElements is the unit of work of fills and plain copies.
const stretchElements = 16 << 10

// inStretches is a phase over n elements that follow each other.
func inStretches(n int64, do func(w *worker, at, n int64)) phase {
	return phase{int((n + stretchElements - 1) / stretchElements), small(n), func(w *worker, lo, hi int) {
		at := int64(lo) * stretchElements
		do(w, at, min(int64(hi)*stretchElements, n)-at)
	}}
}

func copyRun(to, from unsafe.Pointer, n, toStep, fromStep, size int64) {
	if toStep == 1 && fromStep == 1 || n == 1 {
		copy(view[byte](to, n*size), view[byte](from, n*size))
		return
	}
	switch size {
	case 1:
		stepRun[uint8](to, from, n, toStep, fromStep)
	case 2:
		stepRun[uint16](to, from, n, toStep, fromStep)
	case 4:
		stepRun[uint32](to, from, n, toStep, fromStep)
	default:
		stepRun[uint64](to, from, n, toStep, fromStep)
	}
}

func stepRun[T any](to, from unsafe.Pointer, n, toStep, fromStep int64) {
	var zero T
	size := int64(unsafe.Sizeof(zero))
	for i := range n {
		*(*T)(unsafe.Add(to, i*toStep*size)) = *(*T)(unsafe.Add(from, i*fromStep*size))
	}
}

// fillWith writes n copies of a number.
func fillWith(to unsafe.Pointer, n int64, v float64, d ir.DType) {
	switch d {
	case ir.F32:
		fill(view[float32](to, n), float32(v))
	case ir.F64:
		fill(view[float64](to, n), v)
	case ir.BF16:
		fill(view[uint16](to, n), toBF16(float32(v)))
	case ir.F16:
		fill(view[uint16](to, n), toF16(float32(v)))
	case ir.Bool, ir.U8, ir.I8:
		fill(view[uint8](to, n), uint8(wrapFloat(v, d)))
	case ir.I32, ir.U32:
		fill(view[uint32](to, n), uint32(wrapFloat(v, d)))
	default:
		fill(view[int64](to, n), wrapFloat(v, d))
	}
}

func (b *compiler) pad(s *plan.Step, o ops.Pad) ([]phase, error) {
	x, y := &s.In[0], &s.Out[0]
	from, to := locate(&x.Place, x.Type.DType.Size()), locate(&y.Place, x.Type.DType.Size())
	size := x.Type.DType.Size()
	xs, ys := strides(x.Type.Shape.Dims()), strides(y.Type.Shape.Dims())
	rank := len(xs)
	dims, step := make([]int64, rank), make([]int64, rank)
	fromOff, toOff := int64(0), int64(0)
	for i := range rank {
		gap := o.Interior.At(i) + 1
		lo, n := o.Lo.At(i), x.Type.Shape.Dim(i)
		// The elements whose place lo + j·gap falls inside the result.
		first := int64(0)
		if lo < 0 {
			first = (-lo + gap - 1) / gap
		}
		last := min(n-1, floorDiv(y.Type.Shape.Dim(i)-1-lo, gap))
		dims[i] = max(last-first+1, 0)
		step[i] = ys[i] * gap
		fromOff += first * xs[i]
		toOff += (lo + first*gap) * ys[i]
	}
	n := y.Type.Shape.Size()
	v := o.Value.Float()
	phases := []phase{inStretches(n, func(w *worker, at, n int64) { fillWith(unsafe.Add(w.at(&to), at*size), n, v, y.Type.DType) })}
	if product(dims) > 0 {
		c := newBlockCopy(dims, step, xs, size)
		phases = append(phases, phase{c.units, c.whole, func(w *worker, lo, hi int) {
			c.do(unsafe.Add(w.at(&to), toOff*size), unsafe.Add(w.at(&from), fromOff*size), lo, hi)
		}})
	}
	return phases, nil
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func product(d []int64) int64 {
	n := int64(1)
	for _, v := range d {
		n *= v
	}
	return n
}

func (b *compiler) concat(s *plan.Step, o ops.Concat) ([]phase, error) {
	y := &s.Out[0]
	size := y.Type.DType.Size()
	pre, n, post := split(y.Type, o.Axis)
	in, to := locations(s.In), locate(&y.Place, size)
	widths := make([]int64, len(in))
	for i := range in {
		_, m, _ := split(s.In[i].Type, o.Axis)
		widths[i] = m * post * size
	}
	row := n * post * size
	return []phase{{int(pre), small(pre * row / 8), func(w *worker, lo, hi int) {
		for r := int64(lo); r < int64(hi); r++ {
			at := unsafe.Add(w.at(&to), r*row)
			for i := range in {
				copy(view[byte](at, widths[i]), view[byte](unsafe.Add(w.at(&in[i]), r*widths[i]), widths[i]))
				at = unsafe.Add(at, widths[i])
			}
		}
	}}}, nil
}

// starts returns where a block begins, clamped so that it lies inside.
func starts(w *worker, list []location, dims, block, stride []int64) int64 {
	off := int64(0)
	for i := range list {
		at := int64(*(*int32)(w.at(&list[i])))
		off += min(max(at, 0), dims[i]-block[i]) * stride[i]
	}
	return off
}

func (b *compiler) dynamicSlice(s *plan.Step) ([]phase, error) {
	x, y := &s.In[0], &s.Out[0]
	size := x.Type.DType.Size()
	dims, block := x.Type.Shape.Dims(), y.Type.Shape.Dims()
	xs, ys := strides(dims), strides(block)
	in, to := locations(s.In), locate(&y.Place, size)
	if product(block) == 0 {
		return nil, nil
	}
	c := newBlockCopy(block, ys, xs, size)
	return []phase{{c.units, c.whole, func(w *worker, lo, hi int) {
		c.do(w.at(&to), unsafe.Add(w.at(&in[0]), starts(w, in[1:], dims, block, xs)*size), lo, hi)
	}}}, nil
}

func (b *compiler) dynamicUpdate(s *plan.Step) ([]phase, error) {
	x, u, y := &s.In[0], &s.In[1], &s.Out[0]
	size := x.Type.DType.Size()
	dims, block := x.Type.Shape.Dims(), u.Type.Shape.Dims()
	xs, us := strides(dims), strides(block)
	in, to := locations(s.In), locate(&y.Place, size)
	var phases []phase
	if in[0].buf != to.buf || in[0].off != to.off || len(in[0].turn)+len(to.turn) > 0 {
		phases = append(phases, inStretches(x.Type.Shape.Size(), func(w *worker, at, n int64) {
			if src, d := w.at(&in[0]), w.at(&to); src != d {
				copy(view[byte](unsafe.Add(d, at*size), n*size), view[byte](unsafe.Add(src, at*size), n*size))
			}
		}))
	}
	if product(block) > 0 {
		c := newBlockCopy(block, xs, us, size)
		phases = append(phases, phase{c.units, c.whole, func(w *worker, lo, hi int) {
			c.do(unsafe.Add(w.at(&to), starts(w, in[2:], dims, block, xs)*size), w.at(&in[1]), lo, hi)
		}})
	}
	return phases, nil
}

// index reads element i of a tensor of integers; what no int64 holds is -1, outside of every axis.
func index(p unsafe.Pointer, i int64, d ir.DType) int64 {
	switch d {
	case ir.I32:
		return int64(*(*int32)(unsafe.Add(p, i*4)))
	case ir.U32:
		return int64(*(*uint32)(unsafe.Add(p, i*4)))
	case ir.U8:
		return int64(*(*uint8)(unsafe.Add(p, i)))
	case ir.I8:
		return int64(*(*int8)(unsafe.Add(p, i)))
	}
	return *(*int64)(unsafe.Add(p, i*8))
}

func (b *compiler) gather(s *plan.Step, o ops.Gather) ([]phase, error) {
	x, idx, y := &s.In[0], &s.In[1], &s.Out[0]
	size := x.Type.DType.Size()
	in, to := locations(s.In), locate(&y.Place, size)
	xd, id := x.Type.Shape.Dims(), idx.Type.Shape.Dims()
	batch, count := product(id[:o.Batch]), product(id[o.Batch:])
	pre, n, post := product(xd[o.Batch:o.Axis]), xd[o.Axis], product(xd[o.Axis+1:])
	row := post * size
	rows := batch * pre * count
	return []phase{{int(rows), small(rows * (post + 4)), func(w *worker, lo, hi int) {
		from, at, d := w.at(&in[0]), w.at(&in[1]), w.at(&to)
		for r := int64(lo); r < int64(hi); r++ {
			bp, i := r/count, r%count
			k := index(at, bp/pre*count+i, idx.Type.DType)
			dst := view[byte](unsafe.Add(d, r*row), row)
			if k < 0 || k >= n {
				clear(dst)
				continue
			}
			copy(dst, view[byte](unsafe.Add(from, (bp*n+k)*row), row))
		}
	}}}, nil
}
