package cpu

import (
	"modelc/backend/kernel"
	"modelc/backend/plan"
	"modelc/ir"
	"modelc/ir/scalar"
	"unsafe"
)

// A fused kernel runs tile by tile. A tile is some rows times some points of each row, laid out densely in registers: strips of memory of the worker
// that stay in L1. Each node of the point program becomes one instruction, a closure over register numbers, that calls a vector primitive for the
// whole tile, or for each of its rows where an argument has one value per row. Operands that lie dense in memory are used in place.

// tileElements is the size of a tile where nothing asks for whole rows: 4 KB for each f32 register.
const tileElements = 1024

// class is how a value is held in registers.
type class uint8

const (
	single class = iota // float32: f32, f16, bf16 (rounded after each op), bool (0 and 1)
	double              // float64
	whole               // int64, wrapped to the type after each op; u64 as its bits
)

func classOf(d ir.DType) class {
	switch {
	case d == ir.F64:
		return double
	case d.IsInt():
		return whole
	}
	return single
}

// tile is the state of a worker inside a kernel.
type tile struct {
	f      [][]float32 // registers, by node
	d      [][]float64
	i      [][]int64
	arg    []unsafe.Pointer // operands at the tile's first element
	count  []int64          // counters there
	held   []unsafe.Pointer // what a repeated load holds
	rows   int
	width  int // points of a row in this tile
	part   int // of a column fold
	chunk  int // of a long row fold
	column int // first point of the tile in its row
	fresh  bool
}

type tileArg struct {
	loc    location
	size   int64
	typ    ir.DType
	count  bool
	base   int64   // of a counter
	outer  []int64 // strides in elements
	inner  []int64
	turn   []int64
	direct bool // dense over the tile
}

type insn func(w *worker, k *tileKernel)

type tileKernel struct {
	body         []kernel.Node
	level        []kernel.Level
	args         []tileArg
	outer, inner []int64
	kept         int // outer axes kept by column folds
	rows, chunk  int // of a tile
	rowTiles     int
	chunks       int // per row
	prefix       int // product of the outer axes before the last
	last         int // size of the last outer axis
	code         []insn
	finish       []insn // of long rows
	long         bool
	parts        int // per kept
	perKept      int // units
	keptCount    int
	partials     location // scratch of the folds
	slots        map[int32]int64
}

// units returns the number of tiles.
func (k *tileKernel) units() int { return k.prefix * k.rowTiles * k.chunks }

// tileKernel translates a fused step.
func (b *compiler) tileKernel(s *plan.Step) (*tileKernel, error) {
	f := s.Kernel
	k := &tileKernel{body: f.Body, kept: f.Kept}
	row, column := f.Folds()
	for i := range f.Args {
		op := &s.In
		j := i
		if i >= len(s.In) {
			op, j = &s.Out, i-len(s.In)
		}
		o := &(*op)[j]
		a := tileArg{typ: f.Args[i].Type, size: f.Args[i].Type.Size(), count: f.Args[i].Count}
		if a.count {
			a.base, a.turn = o.Offset, o.Turn
		} else {
			a.loc = locate(&o.Place, a.size)
		}
		a.outer = append(a.outer, f.Args[i].Stride[:len(f.Outer)]...)
		a.inner = append(a.inner, f.Args[i].Stride[len(f.Outer):]...)
		if !a.count && o.Type.Shape.Size() == 0 {
			// Nothing is read or written; a turned empty axis begins before its buffer, where no pointer may point.
			a.loc = location{buf: a.loc.buf}
			clear(a.outer)
			clear(a.inner)
		}
		k.args = append(k.args, a)
	}
	k.outer, k.inner = append(k.outer, f.Outer...), append(k.inner, f.Inner...)
	k.geometry(row, column)
	return k, b.code(k)
}

// compileKernel makes a task of a fused step.
func (b *compiler) compileKernel(s *plan.Step) (*task, error) {
	f := s.Kernel
	row, column := f.Folds()
	t := &task{step: s}
	if f.Rows()*f.Width() == 0 && !row && !column {
		return t, nil
	}
	k, err := b.tileKernel(s)
	if err != nil {
		return nil, err
	}
	points := float64(f.Rows()) * float64(f.Width())
	small := points*float64(f.Costs()+2) < 20000
	switch {
	case k.long:
		n := k.units()
		k.partials = b.partials(int64(n) * 8 * int64(len(k.slots)))
		t.phases = append(t.phases, phase{n, small, k.run}, phase{k.prefix, true, k.finishRows})
	case column:
		total := int64(k.parts*k.keptCount) * k.width() * 8 * int64(len(k.slots))
		k.partials = b.partials(total)
		pieces := int((k.width() + 4095) / 4096)
		t.phases = append(t.phases, phase{k.parts * k.keptCount, small, k.runParts}, phase{k.keptCount * pieces, float64(k.keptCount*k.parts)*float64(k.width()) < 20000, k.finishColumns})
	default:
		t.phases = append(t.phases, phase{k.units(), small, k.run})
	}
	return t, nil
}

func (k *tileKernel) width() int64 {
	n := int64(1)
	for _, d := range k.inner {
		n *= d
	}
	return n
}

// collapse joins neighbouring axes in [lo, hi) that are one axis for every operand.
func (k *tileKernel) collapse(dims *[]int64, lo, hi int, strides func(a *tileArg) *[]int64) (removed int) {
	for i := hi - 1; i > lo; i-- {
		one := true
		for j := range k.args {
			s := *strides(&k.args[j])
			if s[i-1] != s[i]*(*dims)[i] {
				one = false
				break
			}
		}
		if !one {
			continue
		}
		(*dims)[i-1] *= (*dims)[i]
		*dims = append((*dims)[:i:i], (*dims)[i+1:]...)
		for j := range k.args {
			s := strides(&k.args[j])
			(*s)[i-1] = (*s)[i]
			*s = append((*s)[:i:i], (*s)[i+1:]...)
		}
		removed++
	}
	return removed
}

func (k *tileKernel) geometry(row, column bool) {
	outerOf := func(a *tileArg) *[]int64 { return &a.outer }
	innerOf := func(a *tileArg) *[]int64 { return &a.inner }
	if !row && !column {
		// No axis is special: the last one left becomes the row.
		k.outer = append(k.outer, k.inner...)
		for i := range k.args {
			k.args[i].outer = append(k.args[i].outer, k.args[i].inner...)
		}
		k.collapse(&k.outer, 0, len(k.outer), outerOf)
		n := len(k.outer)
		if n > 0 {
			k.inner = []int64{k.outer[n-1]}
			k.outer = k.outer[:n-1]
		} else {
			k.inner = []int64{1}
		}
		for i := range k.args {
			a := &k.args[i]
			if n > 0 {
				a.inner = []int64{a.outer[n-1]}
				a.outer = a.outer[:n-1]
			} else {
				a.inner = []int64{0}
			}
		}
	} else {
		k.collapse(&k.outer, k.kept, len(k.outer), outerOf)
		k.kept -= k.collapse(&k.outer, 0, k.kept, outerOf)
		k.collapse(&k.inner, 0, len(k.inner), innerOf)
		if len(k.inner) == 0 {
			k.inner = []int64{1}
			for i := range k.args {
				k.args[i].inner = []int64{0}
			}
		}
	}
	width := k.width()
	k.long = row && !column && width > rowBudget
	if k.long {
		// The row becomes the last outer axes: each tile is a stretch of one row.
		n := len(k.inner) - 1
		k.outer = append(k.outer, k.inner[:n]...)
		for i := range k.args {
			a := &k.args[i]
			a.outer = append(a.outer, a.inner[:n]...)
			a.inner = a.inner[n:]
		}
		k.inner = k.inner[n:]
		k.keptCount = n // the outer axes that belong to the row
	}
	rowAxes := len(k.outer)
	k.prefix, k.last = 1, 1
	for i, d := range k.outer {
		if i == rowAxes-1 && !k.long {
			k.last = int(d)
		} else {
			k.prefix *= int(d)
		}
	}
	width = k.width()
	k.chunk = int(width)
	limit := tileElements
	if k.long {
		limit = 4096
	}
	if !row || k.long {
		if len(k.inner) == 1 && k.chunk > limit {
			n := (k.chunk + limit - 1) / limit
			k.chunk = ((k.chunk+n-1)/n + 15) &^ 15
		}
	}
	k.rows = 1
	if !k.long && k.chunk > 0 {
		k.rows = min(max(1, limit/k.chunk), max(k.last, 1))
	}
	if !row && !column && len(k.outer) > 0 {
		for i := range k.args {
			a := &k.args[i]
			if s := a.inner[0]; s != 0 && s != 1 && a.outer[len(a.outer)-1] == 1 && k.last > 1 {
				// A transposed operand: square tiles use the lines of cache that they touch.
				k.chunk, k.rows = min(k.chunk, 32), min(32, k.last)
			}
		}
	}
	k.rowTiles = 1
	if k.last != 1 || len(k.outer) > 0 && !k.long {
		k.rowTiles = (k.last + k.rows - 1) / max(k.rows, 1)
	}
	k.chunks = 1
	if k.chunk > 0 {
		k.chunks = max(1, (int(width)+k.chunk-1)/k.chunk)
	}
	if column {
		k.keptCount = 1
		for _, d := range k.outer[:k.kept] {
			k.keptCount *= int(d)
		}
		k.perKept = 0
		if k.keptCount > 0 {
			k.perKept = k.units() / k.keptCount
		}
		k.parts = 1
		if k.keptCount < 8 {
			k.parts = max(1, min(k.perKept/k.chunks, 16/max(k.keptCount, 1), k.perKept*k.rows*k.chunk/8192))
		}
	}
	for i := range k.args {
		a := &k.args[i]
		n := int64(1)
		a.direct = !a.count
		for j := len(a.inner) - 1; j >= 0; j-- {
			if k.inner[j] != 1 && a.inner[j] != n {
				a.direct = false
			}
			n *= k.inner[j]
		}
		if k.rows > 1 && (k.chunk != int(width) || a.outer[len(a.outer)-1] != int64(k.chunk)) {
			a.direct = false
		}
	}
}

// begin points the operands at a tile.
func (k *tileKernel) begin(w *worker, unit int) {
	t := &w.tile
	c := unit % k.chunks
	r := unit / k.chunks % k.rowTiles
	p := unit / k.chunks / k.rowTiles
	t.column = c * k.chunk
	t.width = min(k.chunk, int(k.width())-t.column)
	first := r * k.rows
	t.rows = 1
	n := len(k.outer)
	if !k.long && n > 0 {
		t.rows = min(k.rows, k.last-first)
	}
	var at [ir.MaxRank]int64
	if n > 0 {
		i := n - 1
		if !k.long {
			at[i] = int64(first)
			i--
		}
		for q := int64(p); i >= 0; i-- {
			at[i] = q % k.outer[i]
			q /= k.outer[i]
		}
	}
	for i := range k.args {
		a := &k.args[i]
		e := int64(t.column) * a.inner[len(a.inner)-1]
		for j := range n {
			e += at[j] * a.outer[j]
		}
		if a.count {
			e += a.base
			for d, s := range a.turn {
				e += s * w.turn[d]
			}
			t.count[i] = e
		} else {
			t.arg[i] = unsafe.Add(w.at(&a.loc), e*a.size)
		}
	}
}

// stretch runs a kernel without folds on n points that follow each other, from the given one on, which lie in one row.
func (k *tileKernel) stretch(w *worker, point, n int) {
	t := &w.tile
	width := int(k.inner[0])
	t.rows, t.width, t.column = 1, n, point%width
	row := int64(point / width)
	for i := range k.args {
		a := &k.args[i]
		e := int64(t.column) * a.inner[0]
		for j, q := len(k.outer)-1, row; j >= 0; j-- {
			e += q % k.outer[j] * a.outer[j]
			q /= k.outer[j]
		}
		if a.count {
			e += a.base
			for d, s := range a.turn {
				e += s * w.turn[d]
			}
			t.count[i] = e
		} else {
			t.arg[i] = unsafe.Add(w.at(&a.loc), e*a.size)
		}
	}
	for _, do := range k.code {
		do(w, k)
	}
	t.fresh = false
}

// open prepares a worker for stretches of a kernel.
func (k *tileKernel) open(w *worker) {
	for i := range w.tile.held {
		w.tile.held[i] = nil
	}
	w.tile.fresh = true
}

func (k *tileKernel) run(w *worker, from, to int) {
	k.open(w)
	for u := from; u < to; u++ {
		k.begin(w, u)
		w.tile.chunk = u
		for _, do := range k.code {
			do(w, k)
		}
		w.tile.fresh = false
	}
}

// runParts runs the parts of column folds: each adds up its own range of tiles.
func (k *tileKernel) runParts(w *worker, from, to int) {
	width := k.width()
	for p := from; p < to; p++ {
		for at, slot := range k.slots {
			k.neutral(w, k.body[at], slot, int64(p)*width, width)
		}
		w.tile.part = p
		kept, q := p/k.parts, p%k.parts
		// Whole rows of tiles, so that a part holds every column equally often.
		lines := k.perKept / k.chunks
		k.run(w, kept*k.perKept+lines*q/k.parts*k.chunks, kept*k.perKept+lines*(q+1)/k.parts*k.chunks)
	}
}

// registerSize is the bytes of one value in a register.
func registerSize(d ir.DType) int64 {
	if classOf(d) == single {
		return 4
	}
	return 8
}

// partial is where the partial results of a fold lie: eight bytes for each, of which narrow ones that belong together use the first half.
func (k *tileKernel) partial(w *worker, slot, at int64) unsafe.Pointer {
	total := int64(k.parts*k.keptCount) * k.width()
	if k.long {
		total = int64(k.units())
	}
	return unsafe.Add(w.at(&k.partials), (slot*total+at)*8)
}

func (k *tileKernel) neutral(w *worker, n kernel.Node, slot, at, width int64) {
	p := k.partial(w, slot, at)
	v, _ := scalar.Neutral(n.Code)
	switch classOf(n.Type) {
	case single:
		fill(view[float32](p, width), float32(v))
	case double:
		fill(view[float64](p, width), v)
	default:
		fill(view[int64](p, width), wholeNeutral(n.Code, n.Type))
	}
}

func fill[T any](dst []T, v T) {
	for i := range dst {
		dst[i] = v
	}
}

// finishColumns folds the parts, in order, and writes the results.
func (k *tileKernel) finishColumns(w *worker, from, to int) {
	width := k.width()
	pieces := (width + 4095) / 4096
	for u := from; u < to; u++ {
		kept, c0 := int64(u)/pieces, int64(u)%pieces*4096
		n := min(4096, width-c0)
		for at, slot := range k.slots {
			node := k.body[at]
			size := registerSize(node.Type)
			first := unsafe.Add(k.partial(w, slot, kept*int64(k.parts)*width), c0*size)
			for q := 1; q < k.parts; q++ {
				next := unsafe.Add(k.partial(w, slot, (kept*int64(k.parts)+int64(q))*width), c0*size)
				switch classOf(node.Type) {
				case single:
					accumulate32(node.Code, view[float32](first, n), view[float32](next, n))
				case double:
					accumulate64(node.Code, view[float64](first, n), view[float64](next, n))
				default:
					accumulateWhole(node.Code, node.Type, view[int64](first, n), view[int64](next, n))
				}
			}
			a := &k.args[node.Arg]
			e := int64(0)
			q := kept
			for j := k.kept - 1; j >= 0; j-- {
				e += q % k.outer[j] * a.outer[j]
				q /= k.outer[j]
			}
			// The result is dense over the inner axes.
			storeRun(unsafe.Add(w.at(&a.loc), (e+c0)*a.size), 1, node.Type, first, n)
		}
	}
}

// finishRows folds the stretches of each long row and computes what follows from the folds.
func (k *tileKernel) finishRows(w *worker, from, to int) {
	t := &w.tile
	// Rows are counted without the axes that belong to the row.
	per := 1
	for _, d := range k.outer[len(k.outer)-k.keptCount:] {
		per *= int(d)
	}
	if per == 0 {
		per = 1
	}
	stretches := per * k.chunks
	rows := 1
	for _, d := range k.outer[:len(k.outer)-k.keptCount] {
		rows *= int(d)
	}
	for r := range rows {
		k.begin(w, r*stretches)
		t.rows, t.width = 1, 1
		t.chunk, t.part = r*stretches, stretches
		for _, do := range k.finish {
			do(w, k)
		}
	}
}
