package cpu

import (
	"math"
	"unsafe"

	"modelc/backend/cpu/asm"
	"modelc/ir"
)

// Between memory and registers: runs of elements with a fixed step, of any element type.

func bf16(b uint16) float32 { return math.Float32frombits(uint32(b) << 16) }

// toBF16 rounds to nearest, ties to even.
func toBF16(v float32) uint16 {
	b := math.Float32bits(v)
	if v != v {
		return uint16(b>>16) | 0x40
	}
	return uint16((b + 0x7FFF + b>>16&1) >> 16)
}

// f16 decodes IEEE binary16.
func f16(h uint16) float32 {
	sign, exp, frac := uint32(h>>15)<<31, uint32(h>>10&31), uint32(h&1023)
	switch exp {
	case 31:
		return math.Float32frombits(sign | 0xFF<<23 | frac<<13)
	case 0:
		v := float32(frac) * (1.0 / (1 << 24))
		return math.Float32frombits(math.Float32bits(v) | sign)
	}
	return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
}

// toF16 rounds to nearest, ties to even.
func toF16(v float32) uint16 {
	b := math.Float32bits(v)
	sign := uint16(b >> 16 & 0x8000)
	switch r := ir.F16.Round(float64(v)); {
	case math.IsNaN(r):
		return sign | 0x7E00
	case math.IsInf(r, 0):
		return sign | 0x7C00
	case math.Abs(r) < 1.0/(1<<14):
		return sign | uint16(math.Abs(r)*(1<<24))
	default:
		e := math.Float32bits(float32(math.Abs(r)))
		return sign | uint16((e-112<<23)>>13)
	}
}

// load32 reads len(d) elements, step elements apart.
func load32(d []float32, p unsafe.Pointer, step int64, typ ir.DType) {
	n := int64(len(d))
	switch typ {
	case ir.F32:
		switch step {
		case 1:
			copy(d, view[float32](p, n))
		case 0:
			fill(d, *(*float32)(p))
		default:
			for i := range d {
				d[i] = *(*float32)(unsafe.Add(p, int64(i)*step*4))
			}
		}
	case ir.Bool, ir.U8:
		if step == 1 {
			asm.U8ToF32(d, view[uint8](p, n))
			return
		}
		for i := range d {
			d[i] = float32(*(*uint8)(unsafe.Add(p, int64(i)*step)))
		}
	case ir.I8:
		for i := range d {
			d[i] = float32(*(*int8)(unsafe.Add(p, int64(i)*step)))
		}
	case ir.BF16:
		if step == 1 {
			asm.BF16ToF32(d, view[uint16](p, n))
			return
		}
		for i := range d {
			d[i] = bf16(*(*uint16)(unsafe.Add(p, int64(i)*step*2)))
		}
	case ir.F16:
		for i := range d {
			d[i] = f16(*(*uint16)(unsafe.Add(p, int64(i)*step*2)))
		}
	case ir.I32:
		if step == 1 {
			asm.I32ToF32(d, view[int32](p, n))
			return
		}
		for i := range d {
			d[i] = float32(*(*int32)(unsafe.Add(p, int64(i)*step*4)))
		}
	case ir.I64:
		for i := range d {
			d[i] = float32(*(*int64)(unsafe.Add(p, int64(i)*step*8)))
		}
	case ir.U32:
		for i := range d {
			d[i] = float32(*(*uint32)(unsafe.Add(p, int64(i)*step*4)))
		}
	case ir.U64:
		for i := range d {
			d[i] = float32(*(*uint64)(unsafe.Add(p, int64(i)*step*8)))
		}
	case ir.F64:
		for i := range d {
			d[i] = float32(*(*float64)(unsafe.Add(p, int64(i)*step*8)))
		}
	}
}

func load64(d []float64, p unsafe.Pointer, step int64, _ ir.DType) {
	for i := range d {
		d[i] = *(*float64)(unsafe.Add(p, int64(i)*step*8))
	}
}

func loadWhole(d []int64, p unsafe.Pointer, step int64, typ ir.DType) {
	switch typ {
	case ir.U8:
		gatherWhole[uint8](d, p, step)
	case ir.I8:
		gatherWhole[int8](d, p, step)
	case ir.I32:
		gatherWhole[int32](d, p, step*4)
	case ir.U32:
		gatherWhole[uint32](d, p, step*4)
	case ir.I64:
		gatherWhole[int64](d, p, step*8)
	case ir.U64:
		gatherWhole[uint64](d, p, step*8)
	}
}

func gatherWhole[T uint8 | int8 | int32 | uint32 | int64 | uint64](d []int64, p unsafe.Pointer, step int64) {
	for i := range d {
		d[i] = int64(*(*T)(unsafe.Add(p, int64(i)*step)))
	}
}

// storeRun writes n elements of a register of the type's class, step elements apart.
func storeRun(to unsafe.Pointer, step int64, typ ir.DType, from unsafe.Pointer, n int64) {
	switch typ {
	case ir.F32:
		x := view[float32](from, n)
		if step == 1 {
			copy(view[float32](to, n), x)
			return
		}
		for i, v := range x {
			*(*float32)(unsafe.Add(to, int64(i)*step*4)) = v
		}
	case ir.F64:
		for i, v := range view[float64](from, n) {
			*(*float64)(unsafe.Add(to, int64(i)*step*8)) = v
		}
	case ir.Bool:
		x := view[float32](from, n)
		if step == 1 {
			asm.F32ToBool(view[uint8](to, n), x)
			return
		}
		for i, v := range x {
			b := uint8(0)
			if v != 0 {
				b = 1
			}
			*(*uint8)(unsafe.Add(to, int64(i)*step)) = b
		}
	case ir.BF16:
		x := view[float32](from, n)
		if step == 1 {
			asm.F32ToBF16(view[uint16](to, n), x)
			return
		}
		for i, v := range x {
			*(*uint16)(unsafe.Add(to, int64(i)*step*2)) = toBF16(v)
		}
	case ir.F16:
		for i, v := range view[float32](from, n) {
			*(*uint16)(unsafe.Add(to, int64(i)*step*2)) = toF16(v)
		}
	default:
		size := typ.Size()
		for i, v := range view[int64](from, n) {
			q := unsafe.Add(to, int64(i)*step*size)
			switch size {
			case 1:
				*(*uint8)(q) = uint8(v)
			case 4:
				*(*uint32)(q) = uint32(v)
			default:
				*(*int64)(q) = v
			}
		}
	}
}

// cast converts between the classes of registers.
func (c *coder) cast(i int) {
	n := c.k.body[i]
	from := int(n.In[0])
	src := c.k.body[from].Type
	switch classOf(n.Type) {
	case single:
		to32 := func(v float64) float32 { return float32(n.Type.Round(v)) }
		if n.Type == ir.F32 {
			to32 = func(v float64) float32 { return float32(v) }
		}
		d := c.dest32(i)
		switch classOf(src) {
		case single:
			c.add(i, func(w *worker, k *tileKernel) {
				x := d(w)
				if n.Type == ir.Bool {
					asm.NeScalar(x, w.tile.f[from], 0)
					return
				}
				copy(x, w.tile.f[from])
				roundAll(x, n.Type)
			})
		case double:
			c.add(i, func(w *worker, k *tileKernel) {
				x, y := d(w), w.tile.d[from]
				for e := range x {
					x[e] = to32(y[e])
				}
			})
		default:
			c.add(i, func(w *worker, k *tileKernel) {
				x, y := d(w), w.tile.i[from]
				for e := range x {
					switch {
					case n.Type == ir.F32 && src != ir.U64:
						x[e] = float32(y[e])
					case n.Type == ir.F32:
						x[e] = float32(uint64(y[e]))
					default:
						x[e] = to32(wholeFloat(y[e], src))
					}
				}
			})
		}
	case double:
		d := c.dest64(i)
		switch classOf(src) {
		case single:
			c.add(i, func(w *worker, k *tileKernel) { asm.F32ToF64(d(w), w.tile.f[from]) })
		case double:
			c.add(i, func(w *worker, k *tileKernel) { copy(d(w), w.tile.d[from]) })
		default:
			c.add(i, func(w *worker, k *tileKernel) {
				x, y := d(w), w.tile.i[from]
				for e := range x {
					x[e] = wholeFloat(y[e], src)
				}
			})
		}
	default:
		d := c.destWhole(i)
		switch classOf(src) {
		case single:
			c.add(i, func(w *worker, k *tileKernel) {
				x, y := d(w), w.tile.f[from]
				for e := range x {
					x[e] = truncated(float64(y[e]), n.Type)
				}
			})
		case double:
			c.add(i, func(w *worker, k *tileKernel) {
				x, y := d(w), w.tile.d[from]
				for e := range x {
					x[e] = truncated(y[e], n.Type)
				}
			})
		default:
			c.add(i, func(w *worker, k *tileKernel) {
				x, y := d(w), w.tile.i[from]
				for e := range x {
					x[e] = wrap(y[e], n.Type)
				}
			})
		}
	}
}

func wholeFloat(v int64, d ir.DType) float64 {
	if d == ir.U64 {
		return float64(uint64(v))
	}
	return float64(v)
}

// truncated is the integer that a float becomes: without its fraction, saturating, 0 for NaN.
func truncated(v float64, d ir.DType) int64 {
	if v != v {
		return 0
	}
	switch d {
	case ir.I64:
		switch {
		case v >= 1<<63:
			return math.MaxInt64
		case v < -1<<63:
			return math.MinInt64
		}
		return int64(v)
	case ir.U64:
		switch {
		case v >= 1<<64:
			return -1
		case v <= 0:
			return 0
		}
		return int64(uint64(v))
	}
	lo, hi := d.Range()
	return int64(math.Trunc(min(max(v, lo), hi)))
}
