package cpu

import (
	"unsafe"

	"modelc/backend/cpu/asm"
)

// The gradient of a convolution's weights is itself a convolution: its kernel is as large as the image, and its channels are the images of the batch. That is a
// product with few rows and columns and a very long sum. It is cut along the channels into parts, whose number depends on the shape alone; each part is a
// product of its own, and a last phase adds them in order.

const (
	splitParts  = 16      // at most
	splitDepth  = 1 << 12 // shortest sum that is cut
	splitResult = 1 << 17 // most elements of the result
)

// deep reports whether the sum is to be cut.
func (g *convShape) deep() bool {
	columns := g.places
	if g.merged {
		columns *= g.images
	}
	n := int64(1)
	for i := len(g.kernel) - 1; i >= 0; i-- {
		if g.kernel[i] != 1 && g.ws[i] != n {
			return false // the kernel's planes are not dense
		}
		n *= g.kernel[i]
	}
	return !g.flip && !g.turned && g.groups == 1 && (g.merged || g.images == 1) && g.channels >= 8 && n >= 64 && g.channels*n >= splitDepth && g.filters*columns <= splitResult && g.wo >= 0 && g.wc >= 0
}

// convSplit makes the phases of a deep convolution.
func (b *compiler) convSplit(g *convShape) []phase {
	kernel, channel, x := product(g.kernel), g.xc, g.x
	parts := min(splitParts, g.channels)
	// One channel at a time: its planes of all images are copied with their zeros, if any, next to each other.
	own := int64(0)
	p := g.padding()
	if p != nil {
		g.xs, g.xn = strides(p.reach), p.area
		own = (g.images*p.area*4 + 63) &^ 63
	}
	from := g.channels
	g.channels = 1
	g.tables()
	columns := len(g.column)
	product := asm.Product{Batch: 1, M: int(g.filters), N: columns, K: int(kernel), Many: true,
		A: asm.Strides{Row: int(g.wo), Col: 1}, C: asm.Strides{Row: columns, Col: 1}}
	begin := asm.NewGemm(product, true)
	product.Accumulate = true
	more := asm.NewGemm(product, true)
	b.need(own+int64(max(begin.Scratch(), more.Scratch()))*4, 0, 0)
	size := g.filters * int64(columns)
	partial := location{buf: b.shared, off: b.stage}
	b.partials(b.stage + parts*size*4)
	g.current = make([][]float32, maxThreads)
	reachX, reachA := g.reach(), reach([2]int64{g.filters, g.wo}, [2]int64{kernel, 1})
	hook := g.pack
	sum := func(w *worker, lo, hi int) {
		scratch := view[float32](unsafe.Pointer(&w.scratch[own]), (int64(len(w.scratch))-own)/4)
		for part := int64(lo); part < int64(hi); part++ {
			first := from * part / parts
			for c := first; c < from*(part+1)/parts; c++ {
				image := unsafe.Add(w.at(&x), c*channel*4)
				if p != nil {
					copied := unsafe.Pointer(&w.scratch[0])
					p.planes(copied, image, g.images, p.n)
					image = copied
				}
				g.current[w.id] = view[float32](image, reachX)
				w.gemm = asm.GemmArgs{PackB: hook, A: view[float32](unsafe.Add(w.at(&g.w), c*g.wc*4), reachA), C: view[float32](unsafe.Add(w.at(&partial), part*size*4), size)}
				if c == first {
					begin.Run(w.id, 0, begin.Tiles(), &w.gemm, scratch)
				} else {
					more.Run(w.id, 0, more.Tiles(), &w.gemm, scratch)
				}
				w.gemm = asm.GemmArgs{}
			}
		}
	}
	add := func(w *worker, lo, hi int) {
		for o := int64(lo); o < int64(hi); o++ {
			y := view[float32](unsafe.Add(w.at(&g.y), o*g.yo*4), int64(columns))
			for part := range parts {
				v := view[float32](unsafe.Add(w.at(&partial), (part*size+o*int64(columns))*4), int64(columns))
				if part == 0 {
					copy(y, v)
				} else {
					asm.Add(y, y, v)
				}
			}
		}
	}
	return []phase{{int(parts), false, sum}, {int(g.filters), small(size * parts), add}}
}
