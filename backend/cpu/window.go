package cpu

import (
	"math"
	"unsafe"

	"modelc/backend/cpu/asm"
	"modelc/backend/plan"
	"modelc/ir"
	"modelc/ir/ops"
	"modelc/ir/scalar"
)

// windowShape is windows over the trailing axes of x; the axes before them count planes.
type windowShape struct {
	planes        int64
	in, out, size []int64 // of the windowed axes
	stride, lo    []int64
	area, results int64 // elements of a plane of x and of y
	x, y, place   location
	code          scalar.Code
	typ           ir.DType
}

func newWindowShape(s *plan.Step, size, stride, lo ir.Ints) *windowShape {
	n := size.Len()
	xd, yd := s.In[0].Type.Shape.Dims(), s.Out[0].Type.Shape.Dims()
	r := len(xd) - n
	g := &windowShape{planes: product(xd[:r]), in: xd[r:], out: yd[r:], size: size.List(), stride: stride.List(), lo: lo.List()}
	g.area, g.results = product(g.in), product(g.out)
	return g
}

// each calls f for every window of a plane with its number, and for every element in it, in order, with its place.
func (g *windowShape) each(begin func(result int64), visit func(place int64), end func(result int64)) {
	var p, k, lo, hi [ir.MaxRank]int64
	n := len(g.out)
	for result := range g.results {
		q := result
		for i := n - 1; i >= 0; i-- {
			p[i] = q % g.out[i]
			q /= g.out[i]
			at := p[i]*g.stride[i] - g.lo[i]
			lo[i], hi[i] = max(at, 0), min(at+g.size[i], g.in[i])
			k[i] = lo[i]
		}
		begin(result)
		for {
			place := int64(0)
			for i := range n {
				place = place*g.in[i] + k[i]
			}
			visit(place)
			i := n - 1
			for ; i >= 0; i-- {
				if k[i]++; k[i] < hi[i] {
					break
				}
				k[i] = lo[i]
			}
			if i < 0 {
				break
			}
		}
		end(result)
	}
}

func (b *compiler) window(s *plan.Step, o ops.Window) ([]phase, error) {
	return b.staged(s, func(in, out []location, typ ir.DType) ([]phase, error) {
		g := newWindowShape(s, o.Size, o.Stride, o.PadLo)
		g.x, g.y, g.code, g.typ = in[0], out[0], o.Code, typ
		p := phase{units: int(g.planes), whole: small(g.planes * g.results * product(g.size))}
		switch typ {
		case ir.F32:
			p.do = foldWindows[float32](g)
		case ir.F64:
			p.do = foldWindows[float64](g)
		case ir.I32:
			p.do = foldWindows[int32](g)
		case ir.I64:
			p.do = foldWindows[int64](g)
		case ir.U32:
			p.do = foldWindows[uint32](g)
		case ir.U64:
			p.do = foldWindows[uint64](g)
		case ir.I8:
			p.do = foldWindows[int8](g)
		default:
			p.do = foldWindows[uint8](g)
		}
		return []phase{p}, nil
	})
}

func foldWindows[T number](g *windowShape) func(w *worker, lo, hi int) {
	return func(w *worker, lo, hi int) {
		for plane := int64(lo); plane < int64(hi); plane++ {
			var zero, acc T
			size := int64(unsafe.Sizeof(zero))
			x := view[T](unsafe.Add(w.at(&g.x), plane*g.area*size), g.area)
			y := view[T](unsafe.Add(w.at(&g.y), plane*g.results*size), g.results)
			first := true
			g.each(func(int64) { first, acc = true, 0 }, func(place int64) {
				v := x[place]
				switch {
				case first:
					acc, first = v, false
				case g.code == scalar.Add:
					acc += v
				case beyond(v, acc, false):
					acc = v
				}
			}, func(result int64) { y[result] = acc })
		}
	}
}

func (b *compiler) poolMax(s *plan.Step, o ops.PoolMax) ([]phase, error) {
	return b.staged(s, func(in, out []location, typ ir.DType) ([]phase, error) {
		g := newWindowShape(s, o.Size, o.Stride, o.PadLo)
		g.x, g.y, g.place, g.typ = in[0], out[0], out[1], typ
		p := phase{units: int(g.planes), whole: small(g.planes * g.results * product(g.size))}
		inside := len(g.size) == 2
		for i := range g.size {
			inside = inside && g.lo[i] == 0 && (g.out[i]-1)*g.stride[i]+g.size[i] <= g.in[i]
		}
		switch typ {
		case ir.F32:
			p.do = maxWindows[float32](g)
			if inside {
				p.do = maxPlanes(g)
			}
		case ir.F64:
			p.do = maxWindows[float64](g)
		case ir.I32:
			p.do = maxWindows[int32](g)
		case ir.I64:
			p.do = maxWindows[int64](g)
		case ir.U32:
			p.do = maxWindows[uint32](g)
		case ir.U64:
			p.do = maxWindows[uint64](g)
		case ir.I8:
			p.do = maxWindows[int8](g)
		default:
			p.do = maxWindows[uint8](g)
		}
		return []phase{p}, nil
	})
}

func maxWindows[T number](g *windowShape) func(w *worker, lo, hi int) {
	return func(w *worker, lo, hi int) {
		for plane := int64(lo); plane < int64(hi); plane++ {
			var zero, best T
			size := int64(unsafe.Sizeof(zero))
			x := view[T](unsafe.Add(w.at(&g.x), plane*g.area*size), g.area)
			y := view[T](unsafe.Add(w.at(&g.y), plane*g.results*size), g.results)
			at := view[int32](unsafe.Add(w.at(&g.place), plane*g.results*4), g.results)
			where := int64(-1)
			g.each(func(int64) { where = -1 }, func(place int64) {
				if v := x[place]; where < 0 || beyond(v, best, false) {
					best, where = v, place
				}
			}, func(result int64) { y[result], at[result] = best, int32(where) })
		}
	}
}

// maxPlanes is maxWindows for two axes and windows that lie inside.
func maxPlanes(g *windowShape) func(w *worker, lo, hi int) {
	width, rows, cols := int(g.in[1]), int(g.out[0]), int(g.out[1])
	sy, sx, ky, kx := int(g.stride[0]), int(g.stride[1]), int(g.size[0]), int(g.size[1])
	return func(w *worker, lo, hi int) {
		for plane := int64(lo); plane < int64(hi); plane++ {
			x := view[float32](unsafe.Add(w.at(&g.x), plane*g.area*4), g.area)
			y := view[float32](unsafe.Add(w.at(&g.y), plane*g.results*4), g.results)
			at := view[int32](unsafe.Add(w.at(&g.place), plane*g.results*4), g.results)
			for i := range rows {
				if ky == 2 && kx == 2 {
					r0, r1 := x[i*sy*width:][:width], x[(i*sy+1)*width:][:width]
					maxPairs(y[i*cols:][:cols], at[i*cols:][:cols], r0, r1, i*sy*width, sx)
					continue
				}
				for j := range cols {
					from := i*sy*width + j*sx
					best, where := x[from], from
					for u := range ky {
						row := x[from+u*width:][:kx]
						for v, e := range row {
							if e > best || e != e && best == best {
								best, where = e, from+u*width+v
							}
						}
					}
					y[i*cols+j], at[i*cols+j] = best, int32(where)
				}
			}
		}
	}
}

// maxPairs takes the greatest of 2 by 2 elements of two rows; from is the place of the first. It compares integers in the order of the floats, which needs no
// branch; of equals the first wins, and a NaN is beyond all but an earlier NaN.
func maxPairs(y []float32, at []int32, r0, r1 []float32, from, step int) {
	width := len(r0)
	r1 = r1[:width]
	at = at[:len(y)]
	j := 0
	if step == 2 {
		j = asm.MaxPairs(y, at, r0, r1, from, width)
	}
	for ; j < len(y); j++ {
		k := j * step
		a, b, c, d := r0[k], r0[k+1], r1[k], r1[k+1]
		if s := a + b + (c + d); s != s {
			y[j], at[j] = maxOfFour(a, b, c, d, from+k, width)
			continue
		}
		p, q := from+k, from+k+width
		u, v := ordered(a), ordered(c)
		if o := ordered(b); o > u {
			u, p = o, p+1
		}
		if o := ordered(d); o > v {
			v, q = o, q+1
		}
		if v > u {
			u, p = v, q
		}
		y[j], at[j] = math.Float32frombits(uint32(u^u>>31&0x7FFFFFFF)), int32(p)
	}
}

// ordered maps a float that is no NaN to an integer of the same order; both zeros are 0.
func ordered(v float32) int32 {
	b := int32(math.Float32bits(v + 0))
	return b ^ b>>31&0x7FFFFFFF
}

func maxOfFour(a, b, c, d float32, p, width int) (float32, int32) {
	best, place := a, p
	for i, v := range [...]float32{b, c, d} {
		if beyond(v, best, false) {
			best, place = v, p+[...]int{1, width, width + 1}[i]
		}
	}
	return best, int32(place)
}
