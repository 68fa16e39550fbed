package cpu

import (
	"unsafe"

	"modelc/backend/cpu/asm"
	"modelc/backend/plan"
	"modelc/ir"
	"modelc/ir/ops"
	"modelc/ir/scalar"
)

// key derives keys; which numbers that gives is defined in package scalar.
func (b *compiler) key(s *plan.Step) ([]phase, error) {
	in, to := locations(s.In), locate(&s.Out[0].Place, 4)
	var make func(w *worker) [2]uint32
	switch o := s.Instr.Op.(type) {
	case ops.Key:
		make = func(*worker) [2]uint32 { return scalar.Seed(o.Seed) }
	case ops.FoldConst:
		make = func(w *worker) [2]uint32 { return scalar.Fold(*(*[2]uint32)(w.at(&in[0])), o.Data) }
	default:
		typ := s.In[1].Type.DType
		make = func(w *worker) [2]uint32 {
			p := w.at(&in[1])
			v := index(p, 0, typ)
			return scalar.Fold(*(*[2]uint32)(w.at(&in[0])), uint64(v))
		}
	}
	return []phase{{1, true, func(w *worker, _, _ int) { *(*[2]uint32)(w.at(&to)) = make(w) }}}, nil
}

// drawBlock is how many numbers are drawn at a time.
const drawBlock = 512

func (b *compiler) random(s *plan.Step) ([]phase, error) {
	t := s.Out[0].Type
	rows, columns := int64(1), t.Shape.Size()
	if t.Shape.Rank() > 0 {
		rows = t.Shape.Dim(0)
		columns = product(t.Shape.Dims()[1:])
	}
	in, to := locations(s.In), locate(&s.Out[0].Place, t.DType.Size())
	pieces := max((columns+drawBlock-1)/drawBlock, 1)
	size := t.DType.Size()
	words, put := draw(s.Instr.Op, t.DType)
	numbered := len(in) > 1 && s.In[1].Type.Shape.Rank() == 1 // every row has its number
	b.need(drawBlock*4*(4+3), 0, 0)
	return []phase{{int(rows * pieces), small(rows * columns * 4), func(w *worker, lo, hi int) {
		k := *(*[2]uint32)(w.at(&in[0]))
		first := int64(0)
		var numbers []int32
		switch {
		case numbered:
			numbers = view[int32](w.at(&in[1]), rows)
		case len(in) > 1:
			first = int64(*(*int32)(w.at(&in[1])))
		}
		bits := view[uint32](unsafe.Pointer(&w.scratch[0]), drawBlock*4)
		tmp := view[uint32](unsafe.Pointer(&w.scratch[drawBlock*16]), drawBlock*3)
		for u := int64(lo); u < int64(hi); u++ {
			r, c := u/pieces, u%pieces*drawBlock
			n := min(drawBlock, columns-c)
			number := first + r
			if numbered {
				number = int64(numbers[r])
			}
			key := asm.Key{Key: uint64(k[0]) | uint64(k[1])<<32, Stream: uint64(number)}
			key.Bits(bits[:n*words], uint64(c*words))
			put(unsafe.Add(w.at(&to), (r*columns+c)*size), bits[:n*words], tmp, n)
		}
	}}}, nil
}

// draw returns how many words an element takes, and how they become elements.
func draw(op ir.Op, d ir.DType) (words int64, put func(to unsafe.Pointer, bits, tmp []uint32, n int64)) {
	switch o := op.(type) {
	case ops.Bits:
		return 1, func(to unsafe.Pointer, bits, _ []uint32, n int64) { copy(view[uint32](to, n), bits) }
	case ops.RandomInt:
		return 1, func(to unsafe.Pointer, bits, _ []uint32, n int64) {
			for i, w := range bits {
				v := int64(scalar.BoundedInt(w, uint64(o.Bound)))
				storeRun(unsafe.Add(to, int64(i)*d.Size()), 1, d, unsafe.Pointer(&v), 1)
			}
		}
	case ops.Uniform:
		switch d {
		case ir.F32:
			return 1, func(to unsafe.Pointer, bits, _ []uint32, n int64) { asm.UniformFromBits(view[float32](to, n), bits) }
		case ir.F64:
			return 2, func(to unsafe.Pointer, bits, _ []uint32, n int64) {
				for i := range n {
					*(*float64)(unsafe.Add(to, i*8)) = scalar.Uniform64(bits[2*i], bits[2*i+1])
				}
			}
		}
		precision := 8
		if d == ir.F16 {
			precision = 11
		}
		return 1, func(to unsafe.Pointer, bits, tmp []uint32, n int64) {
			x := view[float32](unsafe.Pointer(&tmp[0]), n)
			for i, w := range bits {
				x[i] = float32(scalar.UniformBits(w, precision))
			}
			storeRun(to, 1, d, unsafe.Pointer(&x[0]), n)
		}
	}
	if d == ir.F64 {
		return 4, func(to unsafe.Pointer, bits, _ []uint32, n int64) {
			for i := range n {
				*(*float64)(unsafe.Add(to, i*8)) = scalar.Normal64([4]uint32(bits[4*i : 4*i+4]))
			}
		}
	}
	return 2, func(to unsafe.Pointer, bits, tmp []uint32, n int64) {
		if n == 0 {
			return
		}
		a, b, x := tmp[:n], tmp[drawBlock:][:n], view[float32](unsafe.Pointer(&tmp[2*drawBlock]), n)
		for i := range n {
			a[i], b[i] = bits[2*i], bits[2*i+1]
		}
		asm.NormalFromBits(x, a, b)
		storeRun(to, 1, d, unsafe.Pointer(&x[0]), n)
	}
}
