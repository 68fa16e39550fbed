package cpu

import (
	"unsafe"

	"modelc/backend/plan"
	"modelc/ir"
	"modelc/ir/ops"
	"modelc/ir/scalar"
)

// Ops that compare the elements of a line: the elements along an axis at one point of the other axes. NaN is beyond all other numbers.

// beyond reports whether v is strictly greater than w, or less where least is asked for.
func beyond[T number](v, w T, least bool) bool {
	switch {
	case w != w:
		return false
	case v != v:
		return true
	case least:
		return v < w
	}
	return v > w
}

// line is the elements of an axis: n of them, step elements apart.
type line[T number] struct {
	p    unsafe.Pointer
	step int64
}

func (l line[T]) at(i int64) T {
	var zero T
	return *(*T)(unsafe.Add(l.p, i*l.step*int64(unsafe.Sizeof(zero))))
}

func (l line[T]) set(i int64, v T) {
	*(*T)(unsafe.Add(l.p, i*l.step*int64(unsafe.Sizeof(v)))) = v
}

// lineOf returns line number i·post+j of a tensor [pre, n, post].
func lineOf[T number](p unsafe.Pointer, i, j, n, post int64) line[T] {
	var zero T
	return line[T]{unsafe.Add(p, (i*n*post+j)*int64(unsafe.Sizeof(zero))), post}
}

func (b *compiler) argReduce(s *plan.Step, o ops.ArgReduce) ([]phase, error) {
	return b.staged(s, func(in, out []location, typ ir.DType) ([]phase, error) {
		pre, n, post := split(s.In[0].Type, o.Axis)
		x, y, least := in[0], out[0], o.Code == scalar.Min
		p := phase{units: int(pre * post), whole: small(pre * n * post)}
		switch typ {
		case ir.F32:
			p.do = argLines[float32](x, y, n, post, least)
		case ir.F64:
			p.do = argLines[float64](x, y, n, post, least)
		case ir.I32:
			p.do = argLines[int32](x, y, n, post, least)
		case ir.I64:
			p.do = argLines[int64](x, y, n, post, least)
		case ir.U32:
			p.do = argLines[uint32](x, y, n, post, least)
		case ir.U64:
			p.do = argLines[uint64](x, y, n, post, least)
		case ir.I8:
			p.do = argLines[int8](x, y, n, post, least)
		default:
			p.do = argLines[uint8](x, y, n, post, least)
		}
		return []phase{p}, nil
	})
}

func argLines[T number](x, y location, n, post int64, least bool) func(w *worker, lo, hi int) {
	return func(w *worker, lo, hi int) {
		from, to := w.at(&x), w.at(&y)
		for u := int64(lo); u < int64(hi); u++ {
			l := lineOf[T](from, u/post, u%post, n, post)
			best, v := int64(0), l.at(0)
			for k := int64(1); k < n; k++ {
				if e := l.at(k); beyond(e, v, least) {
					best, v = k, e
				}
			}
			*(*int32)(unsafe.Add(to, u*4)) = int32(best)
		}
	}
}

// sort orders each line and keeps its first elements: those least, or greatest, with their places. Equal elements keep their order.
func (b *compiler) sort(s *plan.Step, axis, keep int64, descending bool) ([]phase, error) {
	return b.staged(s, func(in, out []location, typ ir.DType) ([]phase, error) {
		pre, n, post := split(s.In[0].Type, axis)
		g := &sortShape{in[0], out[0], out[1], n, keep, post, descending}
		b.need(n*8+64, 0, 0)
		p := phase{units: int(pre * post), whole: small(pre * post * n * 16)}
		switch typ {
		case ir.F32:
			p.do = sortLines[float32](g)
		case ir.F64:
			p.do = sortLines[float64](g)
		case ir.I32:
			p.do = sortLines[int32](g)
		case ir.I64:
			p.do = sortLines[int64](g)
		case ir.U32:
			p.do = sortLines[uint32](g)
		case ir.U64:
			p.do = sortLines[uint64](g)
		case ir.I8:
			p.do = sortLines[int8](g)
		default:
			p.do = sortLines[uint8](g)
		}
		return []phase{p}, nil
	})
}

type sortShape struct {
	x, values, places location
	n, keep, post     int64
	descending        bool
}

func sortLines[T number](g *sortShape) func(w *worker, lo, hi int) {
	return func(w *worker, lo, hi int) {
		x, values, places := w.at(&g.x), w.at(&g.values), w.at(&g.places)
		a, tmp := view[int32](unsafe.Pointer(&w.scratch[0]), g.n), view[int32](unsafe.Pointer(&w.scratch[g.n*4]), g.n)
		for u := int64(lo); u < int64(hi); u++ {
			l := lineOf[T](x, u/g.post, u%g.post, g.n, g.post)
			for i := range a {
				a[i] = int32(i)
			}
			before := func(p, q int32) bool {
				v, w := l.at(int64(p)), l.at(int64(q))
				if g.descending {
					return beyond(v, w, false)
				}
				if v != v || w != w {
					return w != w && v == v
				}
				return v < w
			}
			mergeSort(a, tmp, before)
			first := lineOf[T](values, u/g.post, u%g.post, g.keep, g.post)
			second := lineOf[int32](places, u/g.post, u%g.post, g.keep, g.post)
			for k := range g.keep {
				first.set(k, l.at(int64(a[k])))
				second.set(k, a[k])
			}
		}
	}
}

// mergeSort is stable and takes no memory but tmp.
func mergeSort(a, tmp []int32, before func(p, q int32) bool) {
	n := len(a)
	if n <= 12 {
		for i := 1; i < n; i++ {
			for j := i; j > 0 && before(a[j], a[j-1]); j-- {
				a[j], a[j-1] = a[j-1], a[j]
			}
		}
		return
	}
	h := n / 2
	mergeSort(a[:h], tmp[:h], before)
	mergeSort(a[h:], tmp[h:], before)
	copy(tmp, a)
	i, j := 0, h
	for k := range a {
		if i < h && (j >= n || !before(tmp[j], tmp[i])) {
			a[k] = tmp[i]
			i++
		} else {
			a[k] = tmp[j]
			j++
		}
	}
}

func (b *compiler) cumulative(s *plan.Step, o ops.Cumulative) ([]phase, error) {
	return b.staged(s, func(in, out []location, typ ir.DType) ([]phase, error) {
		pre, n, post := split(s.In[0].Type, o.Axis)
		x, y := in[0], out[0]
		p := phase{units: int(pre * post), whole: small(pre * n * post)}
		switch typ {
		case ir.F32:
			p.do = cumulate[float32](x, y, n, post, o)
		case ir.F64:
			p.do = cumulate[float64](x, y, n, post, o)
		case ir.I32:
			p.do = cumulate[int32](x, y, n, post, o)
		case ir.I64:
			p.do = cumulate[int64](x, y, n, post, o)
		case ir.U32:
			p.do = cumulate[uint32](x, y, n, post, o)
		case ir.U64:
			p.do = cumulate[uint64](x, y, n, post, o)
		case ir.I8:
			p.do = cumulate[int8](x, y, n, post, o)
		default:
			p.do = cumulate[uint8](x, y, n, post, o)
		}
		return []phase{p}, nil
	})
}

func cumulate[T number](x, y location, n, post int64, o ops.Cumulative) func(w *worker, lo, hi int) {
	return func(w *worker, lo, hi int) {
		for u := int64(lo); u < int64(hi); u++ {
			from, to := lineOf[T](w.at(&x), u/post, u%post, n, post), lineOf[T](w.at(&y), u/post, u%post, n, post)
			var acc T
			for i := range n {
				k := i
				if o.Reverse {
					k = n - 1 - i
				}
				v := from.at(k)
				switch {
				case i == 0:
					acc = v
				case o.Code == scalar.Add:
					acc += v
				case o.Code == scalar.Mul:
					acc *= v
				case beyond(v, acc, false):
					acc = v
				}
				to.set(k, acc)
			}
		}
	}
}
