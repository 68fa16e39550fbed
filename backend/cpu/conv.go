package cpu

import (
	"unsafe"

	"modelc/backend/cpu/asm"
	"modelc/backend/plan"
	"modelc/ir"
	"modelc/ir/ops"
)

// A convolution is a product of the kernel [o, (c, k…)] and the patches [(c, k…), p…] of the image, which are never stored: the product packs them
// straight from the image. Where the image is padded or dilated it is first copied with its zeros, so that every patch lies inside; then the element for
// summed place r and column q lies at row[r] + column[q].
type convShape struct {
	images, groups, channels, filters int64
	in, out, kernel                   []int64 // spatial sizes
	stride, dilate, gap, lo           []int64 // gap: the dilation of x
	flip                              bool

	// Strides: of x and of the image that patches are read from, of w, of y.
	xn, xg, xc    int64
	xs            []int64
	wo, wg, wc    int64
	ws            []int64
	yn, yg, yo    int64
	ys            []int64
	depth, places int64 // sizes of the sum, and of y's space
	x, w, y       location

	row, column []int // offsets
	rowRun      []int // how many rows from here on follow each other in memory
	columnRun   []int
	merged      bool // columns count images too
	turned      bool // y = patchesᵀ·wᵀ: rows are places and columns are filters
	byRow       bool
	local       *padding    // how each worker copies the image that it packs; nil: it does not
	current     [][]float32 // by worker: the image that is packed
}

func (b *compiler) conv(s *plan.Step, o ops.Conv) ([]phase, error) {
	return b.staged(s, func(in, out []location, typ ir.DType) ([]phase, error) {
		g := newConvShape(s, o, in, out)
		size := int64(4)
		if typ == ir.F64 {
			size = 8
		}
		fits := g.layout()
		if fits && typ == ir.F32 && g.deep() {
			return b.convSplit(g), nil
		}
		phases := b.prepare(g, size, fits && typ == ir.F32 && !g.merged)
		g.tables()
		if typ == ir.F64 {
			return append(phases, plainConv[float64](g)), nil
		}
		if !fits {
			return append(phases, plainConv[float32](g)), nil
		}
		p, err := b.convGemm(g, s.In[0].Type.DType == ir.F32)
		return append(phases, p), err
	})
}

func newConvShape(s *plan.Step, o ops.Conv, in, out []location) *convShape {
	ax, aw, ay := o.Axes()
	xt, wt, yt := &s.In[0], &s.In[1], &s.Out[0]
	at := func(op *operand, axis int) (n, stride int64) {
		if axis < 0 {
			return 1, 0
		}
		return op.Type.Shape.Dim(axis), op.Stride[axis]
	}
	g := &convShape{flip: o.Flip, stride: o.Stride.List(), dilate: o.DilateW.List(), gap: o.DilateX.List(), lo: o.PadLo.List(), x: in[0], w: in[1], y: out[0]}
	g.images, g.xn = at(xt, ax.Outer)
	g.groups, g.xg = at(xt, ax.Group)
	g.channels, g.xc = at(xt, ax.Channel)
	g.filters, g.wo = at(wt, aw.Outer)
	_, g.wg = at(wt, aw.Group)
	_, g.wc = at(wt, aw.Channel)
	_, g.yn = at(yt, ay.Outer)
	_, g.yg = at(yt, ay.Group)
	_, g.yo = at(yt, ay.Channel)
	for i := range g.stride {
		n, st := at(xt, ax.Spatial[i])
		g.in, g.xs = append(g.in, n), append(g.xs, st)
		n, st = at(wt, aw.Spatial[i])
		g.kernel, g.ws = append(g.kernel, n), append(g.ws, st)
		n, st = at(yt, ay.Spatial[i])
		g.out, g.ys = append(g.out, n), append(g.ys, st)
	}
	g.depth, g.places = g.channels*product(g.kernel), product(g.out)
	return g
}

// prepare makes the phases that copy the kernel densely, as [group, filter, channel, k…], and the image with its zeros, where it has any; aside: a small image
// is left to the product, which copies it for itself.
func (b *compiler) prepare(g *convShape, size int64, aside bool) []phase {
	base := b.stage
	dense := location{buf: b.shared, off: base}
	w, rows := g.w, g.groups*g.filters
	dims := append([]int64{g.channels}, g.kernel...)
	from, to := append([]int64{g.wc}, g.ws...), strides(dims)
	shift := int64(0)
	if g.flip {
		for i := range g.kernel {
			shift += max(g.kernel[i]-1, 0) * g.ws[i]
			from[i+1] = -g.ws[i]
		}
	}
	wo, wg := g.wo, g.wg
	phases := []phase{{int(rows), small(rows * g.depth), func(wk *worker, lo, hi int) {
		for r := int64(lo); r < int64(hi); r++ {
			copyBlock(unsafe.Add(wk.at(&dense), r*g.depth*size), unsafe.Add(wk.at(&w), (r/g.filters*wg+r%g.filters*wo+shift)*size), dims, to, from, size)
		}
	}}}
	g.w = dense
	base += (rows*g.depth*size + 63) &^ 63

	if p := g.padding(); p != nil {
		if aside && g.channels*p.area <= localImage {
			g.local = p
		} else {
			phases, base = append(phases, g.padAll(p, b.shared, base, size)), base+(g.images*g.groups*g.channels*p.area*size+63)&^63
		}
		g.padded(p)
	}
	b.partials(base)
	return phases
}

// layout decides what the rows and columns of the product are; false: y has no layout that a product can write.
func (g *convShape) layout() bool {
	step := int64(0) // between neighbouring places of y, if that is one number
	n := int64(1)
	for i := len(g.out) - 1; i >= 0; i-- {
		if g.out[i] == 1 {
			continue
		}
		if step == 0 {
			step = g.ys[i]
		}
		if g.ys[i] != step*n {
			return false
		}
		n *= g.out[i]
	}
	if step == 0 {
		step = 1
	}
	switch {
	case step == 1:
	case g.yo == 1 || g.filters == 1:
		g.turned = true
	default:
		return false
	}
	g.merged = g.images == 1 || g.yn == n*step
	g.ys = []int64{step}
	return true
}

func (g *convShape) tables() {
	each := func(dims, stride []int64) []int {
		out := []int{0}
		for i, d := range dims {
			next := make([]int, 0, int64(len(out))*d)
			for _, o := range out {
				for j := range d {
					next = append(next, o+int(j*stride[i]))
				}
			}
			out = next
		}
		return out
	}
	kd, pd := []int64{g.channels}, []int64{}
	ks, ps := []int64{g.xc}, []int64{}
	if g.merged {
		pd, ps = append(pd, g.images), append(ps, g.xn)
	}
	for i := range g.kernel {
		kd, ks = append(kd, g.kernel[i]), append(ks, g.dilate[i]*g.xs[i])
		pd, ps = append(pd, g.out[i]), append(ps, g.stride[i]*g.xs[i])
	}
	g.row, g.column = each(kd, ks), each(pd, ps)
	g.rowRun, g.columnRun = runs(g.row), runs(g.column)
	g.byRow = mean(g.rowRun) > mean(g.columnRun)
}

// reach is how many elements from an image's first on patches touch.
func (g *convShape) reach() int64 {
	if len(g.row) == 0 || len(g.column) == 0 {
		return 0
	}
	return int64(g.row[len(g.row)-1] + g.column[len(g.column)-1] + 1)
}

// runs returns for each offset how many from there on are neighbours.
func runs(off []int) []int {
	out := make([]int, len(off))
	for i := len(off) - 1; i >= 0; i-- {
		out[i] = 1
		if i+1 < len(off) && off[i+1] == off[i]+1 {
			out[i] += out[i+1]
		}
	}
	return out
}

func mean(run []int) float64 {
	n := 0
	for i := 0; i < len(run); i += run[i] {
		n++
	}
	return float64(len(run)) / float64(max(n, 1))
}

// pack is the hook that gathers patches.
func (g *convShape) pack(worker, _, k0, k1, lo, hi int, dst []float32, stride int) {
	x := g.current[worker]
	if !g.byRow {
		asm.PackColumns(dst, stride, x, g.row[k0:k1], g.column[lo:hi])
		return
	}
	var at [asm.MaxColumns]int
	for k := k0; k < k1; {
		n := min(g.rowRun[k], k1-k)
		for i := range hi - lo {
			at[i] = g.row[k] + g.column[lo+i]
		}
		asm.PackRows(dst[(k-k0)*stride:], stride, x, at[:hi-lo], n)
		k += n
	}
}

func (b *compiler) convGemm(g *convShape, final bool) (phase, error) {
	columns := len(g.column)
	p := asm.Product{Batch: 1, M: int(g.filters), N: columns, K: int(g.depth), A: asm.Strides{Row: int(g.depth), Col: 1}, C: asm.Strides{Row: int(g.yo), Col: 1}}
	if g.turned {
		p = asm.Product{Batch: 1, M: columns, N: int(g.filters), K: int(g.depth), B: asm.Strides{Row: 1, Col: int(g.depth)}, C: asm.Strides{Row: int(g.ys[0]), Col: 1}}
	}
	images := g.images
	if g.merged {
		images = 1
	}
	p.Many = images*g.groups >= 16
	m := asm.NewGemm(p, true)
	tiles := m.Tiles()
	var after *epilogue
	if final {
		var err error
		if after, err = b.epilogue(g.y); err != nil {
			return phase{}, err
		}
	}
	below, finish := after.bytes(), after.hook()
	own := int64(0) // bytes of the worker's copy of an image
	if g.local != nil {
		own = (g.channels*g.local.area*4 + 63) &^ 63
	}
	b.need(below+own+int64(m.Scratch())*4, 0, 0)
	g.current = make([][]float32, maxThreads)
	reachX := g.reach()
	reachC := reach([2]int64{int64(p.M), int64(p.C.Row)}, [2]int64{int64(p.N), 1})
	hook := g.pack
	work := images * g.groups * g.filters * int64(columns) * g.depth
	return phase{int(images*g.groups) * tiles, work < 50000, func(w *worker, from, to int) {
		scratch := view[float32](unsafe.Pointer(&w.scratch[below+own]), (int64(len(w.scratch))-below-own)/4)
		after.open(w)
		for from < to {
			q := int64(from / tiles)
			lo := from - int(q)*tiles
			hi := min(to-int(q)*tiles, tiles)
			n, gr := q/g.groups, q%g.groups
			image := unsafe.Add(w.at(&g.x), (n*g.xn+gr*g.xg)*4)
			if g.local != nil {
				copied := unsafe.Pointer(&w.scratch[below])
				g.local.planes(copied, image, g.channels, g.local.xc)
				image = copied
			}
			g.current[w.id] = view[float32](image, reachX)
			kernel := view[float32](unsafe.Add(w.at(&g.w), gr*g.filters*g.depth*4), g.filters*g.depth)
			w.gemm = asm.GemmArgs{A: kernel, PackB: hook, C: view[float32](unsafe.Add(w.at(&g.y), (n*g.yn+gr*g.yg)*4), reachC)}
			if g.turned {
				w.gemm = asm.GemmArgs{B: kernel, PackA: hook, C: w.gemm.C}
			}
			w.gemm.Epilogue = finish
			m.Run(w.id, lo, hi, &w.gemm, scratch)
			w.gemm = asm.GemmArgs{}
			from += hi - lo
		}
	}}, nil
}

// plainConv sums patch by patch: for f64, and for layouts of y that no product writes.
func plainConv[T float32 | float64](g *convShape) phase {
	var zero T
	size := int64(unsafe.Sizeof(zero))
	images := g.images
	if g.merged {
		images = 1
	}
	units := images * g.groups * g.filters
	to := make([]int64, 0, len(g.column))
	dims, ys := g.out, g.ys
	if len(ys) != len(dims) { // layout has joined the axes
		dims, ys = []int64{g.places}, g.ys[:1]
	}
	if g.merged {
		dims, ys = append([]int64{g.images}, dims...), append([]int64{g.yn}, ys...)
	}
	for i := range len(g.column) {
		off, q := int64(0), int64(i)
		for j := len(dims) - 1; j >= 0; j-- {
			off += q % dims[j] * ys[j]
			q /= dims[j]
		}
		to = append(to, off)
	}
	return phase{int(units), small(units * int64(len(g.column)) * g.depth), func(w *worker, lo, hi int) {
		for u := int64(lo); u < int64(hi); u++ {
			n, gr, o := u/g.filters/g.groups, u/g.filters%g.groups, u%g.filters
			x := unsafe.Add(w.at(&g.x), (n*g.xn+gr*g.xg)*size)
			k := view[T](unsafe.Add(w.at(&g.w), (gr*g.filters+o)*g.depth*size), g.depth)
			y := unsafe.Add(w.at(&g.y), (n*g.yn+gr*g.yg+o*g.yo)*size)
			for j, c := range g.column {
				var sum T
				for i, r := range g.row {
					sum += k[i] * *(*T)(unsafe.Add(x, int64(r+c)*size))
				}
				*(*T)(unsafe.Add(y, to[j]*size)) = sum
			}
		}
	}}
}
