package cpu

import (
	"unsafe"

	"modelc/backend/plan"
	"modelc/ir"
	"modelc/ir/ops"
)

// qr runs in float64 by the op's own definition: it serves initialisation, once per run, and a matrix is small.
func (b *compiler) qr(s *plan.Step) ([]phase, error) {
	t := s.In[0].Type
	r := t.Shape.Rank()
	one := ir.Type{DType: ir.F64, Shape: ir.MustShape(t.Shape.Dims()[r-2:]...)}
	n := one.Shape.Size()
	matrices := 0
	if n > 0 {
		matrices = int(t.Shape.Size() / n)
	}
	size := t.DType.Size()
	from, to := locate(&s.In[0].Place, size), locate(&s.Out[0].Place, size)
	var in, out [][]float64
	for range matrices {
		in, out = append(in, make([]float64, n)), append(out, make([]float64, n))
	}
	return []phase{{matrices, small(n * int64(matrices)), func(w *worker, lo, hi int) {
		for k := lo; k < hi; k++ {
			p, q := unsafe.Add(w.at(&from), int64(k)*n*size), unsafe.Add(w.at(&to), int64(k)*n*size)
			for i := range in[k] {
				if t.DType == ir.F64 {
					in[k][i] = *(*float64)(unsafe.Add(p, i*8))
					continue
				}
				var v [1]float32
				load32(v[:], unsafe.Add(p, int64(i)*size), 1, t.DType)
				in[k][i] = float64(v[0])
			}
			ops.QR{}.Eval([]ir.Ref{{Type: one, Data: in[k]}}, []ir.Ref{{Type: one, Data: out[k]}})
			for i, v := range out[k] {
				if t.DType == ir.F64 {
					*(*float64)(unsafe.Add(q, i*8)) = v
					continue
				}
				x := float32(v)
				storeRun(unsafe.Add(q, int64(i)*size), 1, t.DType, unsafe.Pointer(&x), 1)
			}
		}
	}}}, nil
}
