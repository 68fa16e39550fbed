package cpu

import "unsafe"

// foldRow folds each row of the tile, or, for long rows, the tile's stretch into the scratch of the fold.
func (c *coder) foldRow(i int) {
	n := c.k.body[i]
	from := int(n.In[0])
	if c.k.long {
		slot := int64(len(c.k.slots))
		c.k.slots[int32(i)] = slot
		c.k.code = append(c.k.code, func(w *worker, k *tileKernel) {
			t := &w.tile
			p := k.partial(w, slot, int64(t.chunk))
			switch classOf(n.Type) {
			case single:
				*(*float32)(p) = fold32(n.Code, t.f[from])
			case double:
				*(*float64)(p) = fold64(n.Code, t.d[from])
			default:
				*(*int64)(p) = foldWhole(n.Code, n.Type, t.i[from])
			}
		})
		finish := func(do func(w *worker, p unsafe.Pointer, n int64)) {
			c.k.finish = append(c.k.finish, func(w *worker, k *tileKernel) {
				do(w, k.partial(w, slot, int64(w.tile.chunk)), int64(w.tile.part))
			})
		}
		switch classOf(n.Type) {
		case single:
			d := c.dest32(i)
			finish(func(w *worker, p unsafe.Pointer, m int64) {
				x := view[float64](p, m) // scratch has eight bytes per value
				for j := range x {
					x[j] = float64(*(*float32)(unsafe.Add(p, j*8)))
				}
				d(w)[0] = round32(float32(fold64(n.Code, x)), n.Type)
			})
		case double:
			d := c.dest64(i)
			finish(func(w *worker, p unsafe.Pointer, m int64) { d(w)[0] = fold64(n.Code, view[float64](p, m)) })
		default:
			d := c.destWhole(i)
			finish(func(w *worker, p unsafe.Pointer, m int64) { d(w)[0] = foldWhole(n.Code, n.Type, view[int64](p, m)) })
		}
		return
	}
	switch classOf(n.Type) {
	case single:
		d := c.dest32(i)
		c.add(i, func(w *worker, k *tileKernel) {
			x, width := w.tile.f[from], w.tile.width
			for r, out := 0, d(w); r < len(out); r++ {
				out[r] = round32(fold32(n.Code, x[r*width:(r+1)*width]), n.Type)
			}
		})
	case double:
		d := c.dest64(i)
		c.add(i, func(w *worker, k *tileKernel) {
			x, width := w.tile.d[from], w.tile.width
			for r, out := 0, d(w); r < len(out); r++ {
				out[r] = fold64(n.Code, x[r*width:(r+1)*width])
			}
		})
	default:
		d := c.destWhole(i)
		c.add(i, func(w *worker, k *tileKernel) {
			x, width := w.tile.i[from], w.tile.width
			for r, out := 0, d(w); r < len(out); r++ {
				out[r] = foldWhole(n.Code, n.Type, x[r*width:(r+1)*width])
			}
		})
	}
}

// foldColumn adds the rows of the tile to the sums of the worker's part.
func (c *coder) foldColumn(i int) {
	n := c.k.body[i]
	from := int(n.In[0])
	slot := int64(len(c.k.slots))
	c.k.slots[int32(i)] = slot
	c.add(i, func(w *worker, k *tileKernel) {
		t := &w.tile
		p := unsafe.Add(k.partial(w, slot, int64(t.part)*k.width()), int64(t.column)*registerSize(n.Type))
		for r := range t.rows {
			switch classOf(n.Type) {
			case single:
				accumulate32(n.Code, view[float32](p, int64(t.width)), t.f[from][r*t.width:(r+1)*t.width])
			case double:
				accumulate64(n.Code, view[float64](p, int64(t.width)), t.d[from][r*t.width:(r+1)*t.width])
			default:
				accumulateWhole(n.Code, n.Type, view[int64](p, int64(t.width)), t.i[from][r*t.width:(r+1)*t.width])
			}
		}
	})
}
