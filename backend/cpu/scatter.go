package cpu

import (
	"unsafe"

	"modelc/backend/plan"
	"modelc/ir"
	"modelc/ir/ops"
	"modelc/ir/scalar"
)

// scatter folds updates into places. Units share no place of the result, and each takes its updates in order, so the sums have a fixed order: units are rows
// of the axes before the indexed one, cut into stretches of columns.
func (b *compiler) scatter(s *plan.Step, o ops.Scatter) ([]phase, error) {
	return b.staged(s, func(in, out []location, typ ir.DType) ([]phase, error) {
		g := &scatterShape{code: o.Code, typ: typ, index: s.In[1].Type.DType, size: o.Size, in: in, out: out[0]}
		ud, id := s.In[0].Type.Shape.Dims(), s.In[1].Type.Shape.Dims()
		axes := len(id) - int(o.Batch)
		g.count = product(id[o.Batch:])
		g.pre = product(ud[o.Batch:o.Axis])
		g.rows = product(id[:o.Batch]) * g.pre
		g.post = product(ud[int(o.Axis)+axes:])
		g.width = g.post
		if g.rows < 16 && g.post > 64 {
			g.width = 64
		}
		g.pieces = max((g.post+g.width-1)/max(g.width, 1), 1)
		p := phase{units: int(g.rows * g.pieces), whole: small(g.rows * g.post * (g.count + g.size))}
		switch typ {
		case ir.F32:
			p.do = scatterRows[float32](g)
		case ir.F64:
			p.do = scatterRows[float64](g)
		case ir.I32:
			p.do = scatterRows[int32](g)
		case ir.I64:
			p.do = scatterRows[int64](g)
		case ir.U32:
			p.do = scatterRows[uint32](g)
		case ir.U64:
			p.do = scatterRows[uint64](g)
		case ir.I8:
			p.do = scatterRows[int8](g)
		default:
			p.do = scatterRows[uint8](g)
		}
		return []phase{p}, nil
	})
}

type scatterShape struct {
	code                                        scalar.Code
	typ, index                                  ir.DType
	rows, pre, count, size, post, width, pieces int64
	in                                          []location
	out                                         location
}

func neutral[T number](code scalar.Code, d ir.DType) T {
	if d.IsInt() {
		return T(wholeNeutral(code, d))
	}
	v, _ := scalar.Neutral(code)
	return T(v)
}

func scatterRows[T number](g *scatterShape) func(w *worker, lo, hi int) {
	var zero T
	size := int64(unsafe.Sizeof(zero))
	return func(w *worker, lo, hi int) {
		up, idx, out := w.at(&g.in[0]), w.at(&g.in[1]), w.at(&g.out)
		for u := int64(lo); u < int64(hi); u++ {
			r, c := u/g.pieces, u%g.pieces*g.width
			n := min(g.width, g.post-c)
			v := neutral[T](g.code, g.typ)
			if n == g.post {
				fill(view[T](unsafe.Add(out, r*g.size*g.post*size), g.size*g.post), v)
			} else {
				for k := range g.size {
					fill(view[T](unsafe.Add(out, ((r*g.size+k)*g.post+c)*size), n), v)
				}
			}
			if g.post == 1 && g.code == scalar.Add && g.index == ir.I32 {
				// The gradient of max pooling.
				d, x := view[T](unsafe.Add(out, r*g.size*size), g.size), view[T](unsafe.Add(up, r*g.count*size), g.count)
				for i, k := range view[int32](unsafe.Add(idx, r/g.pre*g.count*4), g.count) {
					if uint(k) < uint(len(d)) {
						d[k] += x[i]
					}
				}
				continue
			}
			for i := range g.count {
				k := index(idx, r/g.pre*g.count+i, g.index)
				if k < 0 || k >= g.size {
					continue
				}
				to := unsafe.Add(out, ((r*g.size+k)*g.post+c)*size)
				from := unsafe.Add(up, ((r*g.count+i)*g.post+c)*size)
				if g.typ == ir.F32 && n >= 8 {
					accumulate32(g.code, view[float32](to, n), view[float32](from, n))
					continue
				}
				d, x := view[T](to, n), view[T](from, n)
				switch g.code {
				case scalar.Add:
					for j, v := range x {
						d[j] += v
					}
				case scalar.Max:
					for j, v := range x {
						if v > d[j] || v != v {
							d[j] = v
						}
					}
				default:
					for j, v := range x {
						if v < d[j] || v != v {
							d[j] = v
						}
					}
				}
			}
		}
	}
}
