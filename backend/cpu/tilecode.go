package cpu

import (
	"fmt"
	"math"
	"unsafe"

	"modelc/backend/kernel"
	"modelc/ir"
	"modelc/ir/scalar"
)

// coder turns the nodes of a kernel into instructions.
type coder struct {
	b     *compiler
	k     *tileKernel
	last  []int           // index of the last node that reads a node
	at    []int           // register of a node: bytes into the worker's scratch; -1: none
	bound []int           // operand in whose memory a node's value is made; -1: none
	after []bool          // follows from a row fold
	free  map[class][]int // by size of an element: a result may lie where an argument lies only if their elements coincide
	top   int
}

func (b *compiler) code(k *tileKernel) error {
	k.body = explicit(k.body)
	k.slots = map[int32]int64{}
	c := &coder{b: b, k: k, free: map[class][]int{}}
	n := len(k.body)
	c.last, c.at, c.bound, c.after = make([]int, n), make([]int, n), make([]int, n), make([]bool, n)
	for i, x := range k.body {
		c.at[i], c.bound[i], c.last[i] = -1, -1, i
		c.after[i] = x.Kind == kernel.FoldRow
		for _, in := range x.In {
			c.last[in] = i
			c.after[i] = c.after[i] || c.after[in]
		}
	}
	for i, x := range k.body {
		if x.Kind == kernel.Store && x.Level == kernel.Point && k.args[x.Arg].direct && k.args[x.Arg].typ == ir.F32 {
			v := &k.body[x.In[0]]
			if v.Kind != kernel.Load && v.Kind != kernel.Number && v.Level == kernel.Point && c.bound[x.In[0]] < 0 {
				c.bound[x.In[0]] = int(x.Arg)
				c.bound[i] = int(x.Arg) // this store has nothing left to do
			}
		}
	}
	for i := range k.body {
		if err := c.node(i); err != nil {
			return err
		}
	}
	b.need(int64(c.top), len(k.body), len(k.args))
	return nil
}

// explicit adds a Spread where an instruction has no form for a value of a lower level.
func explicit(body []kernel.Node) []kernel.Node {
	var out []kernel.Node
	to := make([]int32, len(body))
	spread := func(i int32) int32 {
		out = append(out, kernel.Node{Kind: kernel.Spread, Level: kernel.Point, Type: out[i].Type, In: []int32{i}})
		return int32(len(out) - 1)
	}
	for i, n := range body {
		in := make([]int32, len(n.In))
		for j, x := range n.In {
			in[j] = to[x]
		}
		switch {
		case n.Kind == kernel.Store && n.Level == kernel.Point && out[in[0]].Level != kernel.Point:
			in[0] = spread(in[0])
		case n.Kind == kernel.Op && n.Level == kernel.Point && n.Code == scalar.Select:
			if out[in[0]].Level != kernel.Point {
				in[0] = spread(in[0])
			}
			if out[in[1]].Level != kernel.Point && out[in[2]].Level != kernel.Point {
				in[1] = spread(in[1])
			}
		}
		n.In = in
		out = append(out, n)
		to[i] = int32(len(out) - 1)
	}
	return out
}

// count returns how many values a level has in the present tile.
func (t *tile) values(l kernel.Level) int {
	switch l {
	case kernel.Uniform:
		return 1
	case kernel.Row:
		return t.rows
	}
	return t.rows * t.width
}

func (c *coder) alloc(i int) int {
	n := c.k.body[i]
	size := 4
	if classOf(n.Type) != single {
		size = 8
	}
	count, keep := c.k.rows*c.k.chunk, false
	switch n.Level {
	case kernel.Uniform:
		count, keep = 1, true
	case kernel.Row:
		count, keep = c.k.rows, true
	}
	if n.Kind == kernel.Load || n.Kind == kernel.Spread {
		keep = true
	}
	bytes := (max(count, 1)*size + 63 + 64) &^ 63
	if !keep {
		f := min(classOf(n.Type), double)
		if l := c.free[f]; len(l) > 0 {
			c.free[f] = l[:len(l)-1]
			c.at[i] = l[len(l)-1]
			return c.at[i]
		}
	}
	c.at[i] = c.top
	c.top += bytes
	return c.at[i]
}

// release frees the registers whose last reader is i.
func (c *coder) release(i int) {
	for _, in := range c.k.body[i].In {
		n := c.k.body[in]
		if c.last[in] != i || c.at[in] < 0 || n.Level != kernel.Point || n.Kind == kernel.Load || n.Kind == kernel.Spread {
			continue
		}
		f := min(classOf(n.Type), double)
		c.free[f] = append(c.free[f], c.at[in])
		c.last[in] = -1
	}
}

// dest32 returns how the result slice of node i is found.
func (c *coder) dest32(i int) func(w *worker) []float32 {
	level := c.k.body[i].Level
	if a := c.bound[i]; a >= 0 {
		c.release(i)
		return func(w *worker) []float32 {
			d := floats(w.tile.arg[a], w.tile.rows*w.tile.width)
			w.tile.f[i] = d
			return d
		}
	}
	c.release(i)
	at := c.alloc(i)
	return func(w *worker) []float32 {
		d := floats(unsafe.Pointer(&w.scratch[at]), w.tile.values(level))
		w.tile.f[i] = d
		return d
	}
}

func (c *coder) dest64(i int) func(w *worker) []float64 {
	level := c.k.body[i].Level
	c.release(i)
	at := c.alloc(i)
	return func(w *worker) []float64 {
		d := view[float64](unsafe.Pointer(&w.scratch[at]), int64(w.tile.values(level)))
		w.tile.d[i] = d
		return d
	}
}

func (c *coder) destWhole(i int) func(w *worker) []int64 {
	level := c.k.body[i].Level
	c.release(i)
	at := c.alloc(i)
	return func(w *worker) []int64 {
		d := view[int64](unsafe.Pointer(&w.scratch[at]), int64(w.tile.values(level)))
		w.tile.i[i] = d
		return d
	}
}

// add appends an instruction: to the tiles' code, to the code that finishes long rows, or to both.
func (c *coder) add(i int, do insn) {
	n := c.k.body[i]
	if n.Level == kernel.Uniform && n.Kind != kernel.Store {
		inner := do
		do = func(w *worker, k *tileKernel) {
			if w.tile.fresh {
				inner(w, k)
			}
		}
		if c.k.long && !c.after[i] {
			c.k.finish = append(c.k.finish, inner)
		}
		c.k.code = append(c.k.code, do)
		return
	}
	if !c.k.long {
		c.k.code = append(c.k.code, do)
		return
	}
	if n.Level != kernel.Point {
		c.k.finish = append(c.k.finish, do)
		if c.after[i] || n.Kind == kernel.Store {
			return
		}
	}
	c.k.code = append(c.k.code, do)
}

func (c *coder) node(i int) error {
	n := c.k.body[i]
	switch n.Kind {
	case kernel.Load:
		c.load(i)
	case kernel.Number:
		c.number(i)
	case kernel.Op:
		return c.op(i)
	case kernel.Cast:
		c.cast(i)
	case kernel.Spread:
		c.spread(i)
	case kernel.FoldRow:
		c.foldRow(i)
	case kernel.FoldColumn:
		c.foldColumn(i)
	case kernel.Store:
		if c.bound[i] < 0 {
			c.store(i)
		}
		c.release(i)
	default:
		return fmt.Errorf("cpu: no instruction for node kind %d", n.Kind)
	}
	return nil
}

func (c *coder) number(i int) {
	n := c.k.body[i]
	switch classOf(n.Type) {
	case single:
		v := float32(n.Value)
		d := c.dest32(i)
		c.add(i, func(w *worker, k *tileKernel) { d(w)[0] = v })
	case double:
		d := c.dest64(i)
		c.add(i, func(w *worker, k *tileKernel) { d(w)[0] = n.Value })
	default:
		v := wrapFloat(n.Value, n.Type)
		d := c.destWhole(i)
		c.add(i, func(w *worker, k *tileKernel) { d(w)[0] = v })
	}
}

// load brings an operand into a register, or points the register at it.
func (c *coder) load(i int) {
	n := c.k.body[i]
	a := &c.k.args[n.Arg]
	arg := int(n.Arg)
	if a.count {
		c.counter(i, a, arg)
		return
	}
	if n.Level == kernel.Point && a.direct && a.typ == ir.F32 {
		c.add(i, func(w *worker, k *tileKernel) {
			w.tile.f[i] = floats(w.tile.arg[arg], w.tile.rows*w.tile.width)
		})
		return
	}
	var fetch func(w *worker)
	rowStep := int64(0)
	if len(a.outer) > 0 && !c.k.long {
		rowStep = a.outer[len(a.outer)-1]
	}
	at := c.alloc(i)
	level := n.Level
	switch classOf(n.Type) {
	case single:
		fetch = func(w *worker) {
			t := &w.tile
			d := floats(unsafe.Pointer(&w.scratch[at]), t.values(level))
			t.f[i] = d
			loadTile(d, t, c.k, a, t.arg[arg], level, rowStep, load32)
		}
	case double:
		fetch = func(w *worker) {
			t := &w.tile
			d := view[float64](unsafe.Pointer(&w.scratch[at]), int64(t.values(level)))
			t.d[i] = d
			loadTile(d, t, c.k, a, t.arg[arg], level, rowStep, load64)
		}
	default:
		fetch = func(w *worker) {
			t := &w.tile
			d := view[int64](unsafe.Pointer(&w.scratch[at]), int64(t.values(level)))
			t.i[i] = d
			loadTile(d, t, c.k, a, t.arg[arg], level, rowStep, loadWhole)
		}
	}
	if rowStep != 0 || level != kernel.Point {
		c.add(i, func(w *worker, k *tileKernel) { fetch(w) })
		return
	}
	// The same for every row: what the last tile left is often still right.
	c.add(i, func(w *worker, k *tileKernel) {
		t := &w.tile
		if t.held[i] == t.arg[arg] && t.rows == k.rows && t.width == k.chunk {
			return
		}
		fetch(w)
		t.held[i] = nil
		if t.rows == k.rows && t.width == k.chunk {
			t.held[i] = t.arg[arg]
		}
	})
}

// loadTile gathers a tile of a strided operand.
func loadTile[T any](d []T, t *tile, k *tileKernel, a *tileArg, p unsafe.Pointer, level kernel.Level, rowStep int64, run func(d []T, p unsafe.Pointer, step int64, typ ir.DType)) {
	switch level {
	case kernel.Uniform:
		run(d[:1], p, 0, a.typ)
		return
	case kernel.Row:
		run(d[:t.rows], p, rowStep, a.typ)
		return
	}
	if len(d) == 0 {
		return
	}
	last := len(a.inner) - 1
	step := a.inner[last]
	if last == 0 {
		if rowStep == step*int64(t.width) && t.rows > 1 { // one run
			run(d, p, step, a.typ)
			return
		}
		for r := range t.rows {
			if r > 0 && rowStep == 0 {
				copy(d[r*t.width:(r+1)*t.width], d)
				continue
			}
			run(d[r*t.width:(r+1)*t.width], unsafe.Add(p, int64(r)*rowStep*a.size), step, a.typ)
		}
		return
	}
	for r := range t.rows {
		if r > 0 && rowStep == 0 {
			copy(d[r*t.width:(r+1)*t.width], d)
			continue
		}
		walkRuns(k.inner, a.inner, func(at int, off int64) {
			run(d[r*t.width+at:][:k.inner[last]], unsafe.Add(p, (int64(r)*rowStep+off)*a.size), step, a.typ)
		})
	}
}

// walkRuns calls f for each run along the last of the axes, with the run's place in dense order and its offset in elements.
func walkRuns(dims, stride []int64, f func(at int, off int64)) {
	var at [ir.MaxRank]int64
	n := len(dims) - 1
	off := int64(0)
	for place := 0; ; place += int(dims[n]) {
		f(place, off)
		i := n - 1
		for ; i >= 0; i-- {
			at[i]++
			off += stride[i]
			if at[i] < dims[i] {
				break
			}
			off -= at[i] * stride[i]
			at[i] = 0
		}
		if i < 0 {
			return
		}
	}
}

// counter makes the values of an operand that counts.
func (c *coder) counter(i int, a *tileArg, arg int) {
	n := c.k.body[i]
	rowStep := int64(0)
	if len(a.outer) > 0 && !c.k.long {
		rowStep = a.outer[len(a.outer)-1]
	}
	set := func(t *tile, put func(at int, v int64)) {
		base := t.count[arg]
		switch n.Level {
		case kernel.Uniform:
			put(0, base)
		case kernel.Row:
			for r := range t.rows {
				put(r, base+int64(r)*rowStep)
			}
		default:
			if t.rows*t.width == 0 {
				return
			}
			last := len(a.inner) - 1
			for r := range t.rows {
				v := base + int64(r)*rowStep
				if last == 0 {
					for j := range t.width {
						put(r*t.width+j, v+int64(j)*a.inner[0])
					}
					continue
				}
				walkRuns(c.k.inner, a.inner, func(at int, off int64) {
					for j := range int(c.k.inner[last]) {
						put(r*t.width+at+j, v+off+int64(j)*a.inner[last])
					}
				})
			}
		}
	}
	switch classOf(n.Type) {
	case single:
		d := c.dest32(i)
		c.add(i, func(w *worker, k *tileKernel) {
			x := d(w)
			set(&w.tile, func(at int, v int64) { x[at] = round32(float32(v), n.Type) })
		})
	case double:
		d := c.dest64(i)
		c.add(i, func(w *worker, k *tileKernel) {
			x := d(w)
			set(&w.tile, func(at int, v int64) { x[at] = float64(v) })
		})
	default:
		d := c.destWhole(i)
		c.add(i, func(w *worker, k *tileKernel) {
			x := d(w)
			set(&w.tile, func(at int, v int64) { x[at] = wrap(v, n.Type) })
		})
	}
}

// spread repeats a value of a lower level over the points.
func (c *coder) spread(i int) {
	from := int(c.k.body[i].In[0])
	level := c.k.body[from].Level
	switch classOf(c.k.body[i].Type) {
	case single:
		d := c.dest32(i)
		c.add(i, func(w *worker, k *tileKernel) { spreadTile(d(w), w.tile.f[from], &w.tile, level) })
	case double:
		d := c.dest64(i)
		c.add(i, func(w *worker, k *tileKernel) { spreadTile(d(w), w.tile.d[from], &w.tile, level) })
	default:
		d := c.destWhole(i)
		c.add(i, func(w *worker, k *tileKernel) { spreadTile(d(w), w.tile.i[from], &w.tile, level) })
	}
}

func spreadTile[T any](d, x []T, t *tile, level kernel.Level) {
	for r := range t.rows {
		v := x[0]
		if level == kernel.Row {
			v = x[r]
		}
		fill(d[r*t.width:(r+1)*t.width], v)
	}
}

// store writes a register to its operand.
func (c *coder) store(i int) {
	n := c.k.body[i]
	from, arg := int(n.In[0]), int(n.Arg)
	a := &c.k.args[arg]
	typ := c.k.body[from].Type
	level := n.Level
	flat := c.k.body[from].Level == kernel.Uniform && level == kernel.Row
	rowStep := int64(0)
	if len(a.outer) > 0 && !c.k.long {
		rowStep = a.outer[len(a.outer)-1]
	}
	c.add(i, func(w *worker, k *tileKernel) {
		t := &w.tile
		var p unsafe.Pointer
		switch classOf(typ) {
		case single:
			p = unsafe.Pointer(unsafe.SliceData(t.f[from]))
		case double:
			p = unsafe.Pointer(unsafe.SliceData(t.d[from]))
		default:
			p = unsafe.Pointer(unsafe.SliceData(t.i[from]))
		}
		size := int64(4)
		if classOf(typ) != single {
			size = 8
		}
		to := t.arg[arg]
		if level != kernel.Point {
			for r := range t.values(level) {
				q := p
				if !flat {
					q = unsafe.Add(p, int64(r)*size)
				}
				storeRun(unsafe.Add(to, int64(r)*rowStep*a.size), 1, typ, q, 1)
			}
			return
		}
		if t.rows*t.width == 0 {
			return
		}
		if a.direct {
			storeRun(to, 1, typ, p, int64(t.rows*t.width))
			return
		}
		last := len(a.inner) - 1
		for r := range t.rows {
			row, x := unsafe.Add(to, int64(r)*rowStep*a.size), unsafe.Add(p, int64(r*t.width)*size)
			if last == 0 {
				storeRun(row, a.inner[0], typ, x, int64(t.width))
				continue
			}
			walkRuns(k.inner, a.inner, func(at int, off int64) {
				storeRun(unsafe.Add(row, off*a.size), a.inner[last], typ, unsafe.Add(x, int64(at)*size), k.inner[last])
			})
		}
	})
}

func wrapFloat(v float64, d ir.DType) int64 {
	if d == ir.U64 && v >= math.MaxInt64 {
		return int64(uint64(v))
	}
	return int64(v)
}
