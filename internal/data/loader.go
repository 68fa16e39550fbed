package data

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
	"slices"
	"strings"
	"sync"

	"modelc/backend"
	"modelc/ir"
	"modelc/recipe"
)

// Order says in which order a loader gives the rows of a split.
type Order struct {
	Seed    int64
	Shuffle bool // a new order each epoch, and a shifted grid of windows: for training
	Epochs  int64
	// Epoch and Step are where to begin: what was given before is passed over exactly. Epochs counts from the first epoch, not from here; 0: without end.
	Epoch, Step int64
	// Accumulate cuts each step's batch into so many equal slices, given one after another; 0 and 1: one.
	Accumulate int64
}

// Batch is what one call of a program takes. It is valid until the next call of Next.
type Batch struct {
	Epoch int64 // from 0
	Step  int64 // within the epoch, from 0
	Slice int   // of the step, from 0
	First int   // the number of the slice's first row within the step
	Rows  int
	// Tensors are in the order of the columns that were asked for: [rows, …] for a fixed column, [rows, length, …] for a list, padded by zeros.
	Tensors []backend.Tensor
	// Lengths has the padded length of each tensor that is a list or a mask of one, else 0. It is 16, 32, 64, … or the bound of the column.
	Lengths []int

	numbers []int32
	buffers [][]byte
	dims    [ir.MaxRank + 1]int64
	shift   int
	end     bool
}

// Loader gives the batches of a split. One goroutine works ahead of the caller; what it gives depends on the set and the order alone.
type Loader struct {
	set     *Set
	split   string
	fields  []field
	order   Order
	batch   int // rows of a slice
	slices  int
	steps   int64
	keep    bool
	rows    []int32 // of the split; nil: windows
	windows int
	shifts  int

	full, free chan *Batch
	stop       chan struct{}
	done       sync.WaitGroup
	current    *Batch
}

// field is one tensor of a batch.
type field struct {
	p    *packed // nil: the row's number
	mask bool
}

// Loader returns the batches of rows.Split ("": of all splits), rows.Batch rows each; a last short batch is given where rows.Last is "keep", else dropped. The
// columns are "batch.NAME", "batch.NAME.mask" (bool, where a list has elements) and "row" (i32, the number of the row in the set, of a window in the split).
func (s *Set) Loader(rows recipe.Rows, columns []string, o Order) (*Loader, error) {
	fail := func(format string, args ...any) error {
		return &Error{At: s.block.At, Text: fmt.Sprintf(format, args...)}
	}
	l := &Loader{set: s, split: rows.Split, order: o, keep: rows.Last == "keep", slices: 1, shifts: 1}
	lists := false
	for _, name := range columns {
		if name == recipe.InRow {
			l.fields = append(l.fields, field{})
			continue
		}
		column, ok := strings.CutPrefix(name, "batch.")
		column, mask := strings.CutSuffix(column, ".mask")
		p := s.packed[column]
		if !ok || p == nil {
			return nil, fail("the data %s has no batch column `%s`", s.block.Name, name)
		}
		if mask && !p.list {
			return nil, fail("`%s` has a fixed length and no mask", column)
		}
		lists = lists || p.list
		l.fields = append(l.fields, field{p, mask})
	}
	n := 0
	switch {
	case s.windows != nil:
		if rows.Split == "" {
			if len(s.order) != 1 {
				return nil, fail("windows are taken within a split; name one of %s", strings.Join(s.order, ", "))
			}
			l.split = s.order[0]
		}
		if _, ok := s.splits[l.split]; !ok {
			return nil, fail("the data %s has no split `%s`; it has %s", s.block.Name, l.split, strings.Join(s.order, ", "))
		}
		n = s.windows.count(l.split, 0)
		if o.Shuffle {
			n, l.shifts = s.windows.shifts(l.split)
		}
		l.windows = n
	case rows.Split == "":
		for _, name := range s.order {
			l.rows = append(l.rows, s.splits[name]...)
		}
		slices.Sort(l.rows)
		n = len(l.rows)
	default:
		r, ok := s.splits[rows.Split]
		if !ok {
			return nil, fail("the data %s has no split `%s`; it has %s", s.block.Name, rows.Split, strings.Join(s.order, ", "))
		}
		l.rows = r
		n = len(r)
	}
	if rows.Batch < 1 || rows.Batch > maxRows {
		return nil, fail("batches of %d rows", rows.Batch)
	}
	batch := int(rows.Batch)
	if o.Accumulate > 1 {
		l.slices = int(o.Accumulate)
		if rows.Batch%o.Accumulate != 0 || l.keep {
			return nil, fail("accumulate = %d cuts a batch into equal slices; %d rows (last=%s) cannot be cut so", o.Accumulate, rows.Batch, rows.Last)
		}
	}
	l.batch = batch / l.slices
	l.steps = int64(n / batch)
	if l.keep && n%batch != 0 {
		l.steps++
	}
	if l.steps == 0 {
		return nil, fail("the split %s has %d rows, fewer than one batch of %d", l.split, n, batch)
	}
	if o.Epoch < 0 || o.Step < 0 || o.Step > l.steps {
		return nil, fail("there is no step %d of epoch %d; an epoch has %d steps", o.Step, o.Epoch, l.steps)
	}
	const ahead = 3
	l.full, l.free, l.stop = make(chan *Batch, ahead), make(chan *Batch, ahead), make(chan struct{})
	for range ahead {
		b := &Batch{numbers: make([]int32, l.batch), Tensors: make([]backend.Tensor, len(l.fields)), Lengths: make([]int, len(l.fields)), buffers: make([][]byte, len(l.fields))}
		l.free <- b
	}
	l.done.Add(1)
	go l.run(n, lists)
	return l, nil
}

// Steps returns the steps of an epoch.
func (l *Loader) Steps() int64 { return l.steps }

// Next returns the next batch, which is valid until the next call; io.EOF after the last epoch.
func (l *Loader) Next() (*Batch, error) {
	if l.current != nil {
		if l.current.end {
			return nil, io.EOF
		}
		l.free <- l.current
		l.current = nil
	}
	b, ok := <-l.full
	if !ok {
		return nil, io.EOF
	}
	l.current = b
	if b.end {
		return nil, io.EOF
	}
	return b, nil
}

// Close ends the goroutine. No call of Next may be under way.
func (l *Loader) Close() {
	select {
	case <-l.stop:
	default:
		close(l.stop)
	}
	l.done.Wait()
}

// run fills batches ahead of the caller.
func (l *Loader) run(n int, lists bool) {
	defer l.done.Done()
	defer close(l.full)
	order := make([]int32, n)
	var scratch []int32
	per := l.batch * l.slices
	step := l.order.Step
	for epoch := l.order.Epoch; l.order.Epochs == 0 || epoch < l.order.Epochs; epoch++ {
		for i := range order {
			order[i] = int32(i)
		}
		shift := 0
		if l.order.Shuffle {
			g := generator(mix(mix(uint64(l.order.Seed), 0x73687566), uint64(epoch)))
			shift = g.below(l.shifts)
			g.shuffle(order)
			if lists {
				scratch = l.bucket(order, per, &g, scratch)
			}
		}
		for ; step < l.steps; step++ {
			rows := order[int(step)*per : min(n, int(step+1)*per)]
			for slice := range l.slices {
				var b *Batch
				select {
				case <-l.stop:
					return
				case b = <-l.free:
				}
				part := rows[slice*l.batch : min(len(rows), (slice+1)*l.batch)]
				b.Epoch, b.Step, b.Slice, b.First, b.Rows, b.shift = epoch, step, slice, slice*l.batch, len(part), shift
				l.fill(b, part)
				select {
				case <-l.stop:
					return
				case l.full <- b:
				}
			}
		}
		step = 0
	}
	select {
	case <-l.stop:
	case b := <-l.free:
		b.end = true
		l.full <- b
	}
}

// fill copies the rows, given by their places in the split, into the batch.
func (l *Loader) fill(b *Batch, places []int32) {
	n := len(places)
	for i, p := range places {
		if l.rows != nil {
			p = l.rows[p]
		}
		b.numbers[i] = p
	}
	for f, x := range l.fields {
		dims := &b.dims // on the heap already: a batch costs no allocation
		dims[0] = int64(n)
		length := 0
		if x.p == nil {
			buf := b.reserve(f, 4*n)
			for i, r := range b.numbers[:n] {
				binary.LittleEndian.PutUint32(buf[4*i:], uint32(r))
			}
			b.Tensors[f] = backend.Tensor{Type: ir.Of(ir.I32, dims[:1]...), Bytes: buf}
			continue
		}
		p := x.p
		rank := 1
		dtype := p.dtype
		switch {
		case p.window != nil:
			w := int(p.window.length) * p.width
			buf := b.reserve(f, n*w)
			base := l.set.windows.start[l.split] + b.shift + int(p.window.offset)
			for i, r := range b.numbers[:n] {
				at := (base + int(r)*l.set.windows.stride) * p.width
				copy(buf[i*w:(i+1)*w], p.bytes[at:at+w])
			}
			b.Tensors[f].Bytes = buf
			if !p.scalar {
				dims[1], rank = p.window.length, 2
			}
		case p.list:
			for _, r := range b.numbers[:n] {
				length = max(length, p.offset[r+1]-p.offset[r])
			}
			length = padded(length, p.bound)
			dims[1], rank = int64(length), 2
			width := p.width
			if x.mask {
				dtype, width = ir.Bool, 1
			}
			w := length * width
			buf := b.reserve(f, n*w)
			for i, r := range b.numbers[:n] {
				row := buf[i*w : (i+1)*w]
				k := (p.offset[r+1] - p.offset[r]) * width
				if x.mask {
					for j := range k {
						row[j] = 1
					}
				} else {
					copy(row, p.bytes[p.offset[r]*width:][:k])
				}
				clear(row[k:])
			}
			b.Tensors[f].Bytes = buf
		default:
			w := p.width
			buf := b.reserve(f, n*w)
			for i, r := range b.numbers[:n] {
				copy(buf[i*w:(i+1)*w], p.bytes[int(r)*w:])
			}
			b.Tensors[f].Bytes = buf
		}
		if !x.mask {
			rank += copy(dims[rank:], p.dims)
		}
		b.Lengths[f] = length
		b.Tensors[f].Type = ir.Of(dtype, dims[:rank]...)
	}
}

// reserve returns the buffer of a tensor; it grows when a longer bucket is first met.
func (b *Batch) reserve(f, n int) []byte {
	if cap(b.buffers[f]) < n {
		b.buffers[f] = make([]byte, n)
	}
	return b.buffers[f][:n]
}

// padded is the length that a list is padded to: 16, 32, 64, … but at most the bound.
func padded(n, bound int) int {
	p := 16
	for p < n {
		p *= 2
	}
	return min(p, bound)
}

// bucket groups rows of like lengths into the same batch, within pools of 64 batches, so that little is padded; then it shuffles the batches. A last short batch
// stays the last.
func (l *Loader) bucket(order []int32, per int, g *random, scratch []int32) []int32 {
	whole := len(order) / per
	key := func(i int32) int {
		r := i
		if l.rows != nil {
			r = l.rows[i]
		}
		k := 0
		for _, f := range l.fields {
			if f.p != nil && f.p.list && !f.mask {
				k = k<<6 | bits.Len(uint(padded(f.p.offset[r+1]-f.p.offset[r], f.p.bound)))
			}
		}
		return k
	}
	for at := 0; at < whole*per; at += 64 * per {
		pool := order[at:min(at+64*per, whole*per)]
		slices.SortStableFunc(pool, func(a, b int32) int { return key(a) - key(b) })
	}
	if scratch == nil {
		scratch = make([]int32, whole*per+whole)
	}
	batches, copyOf := scratch[:whole], scratch[whole:]
	for i := range batches {
		batches[i] = int32(i)
	}
	g.shuffle(batches)
	copy(copyOf, order[:whole*per])
	for i, k := range batches {
		copy(order[i*per:(i+1)*per], copyOf[int(k)*per:(int(k)+1)*per])
	}
	return scratch
}

// random is the SplitMix64 generator (Steele, Lea, Flood 2014): small, and the same everywhere.
type random uint64

func generator(seed uint64) random { return random(seed) }

func (r *random) next() uint64 {
	*r += hashPrime
	z := uint64(*r)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below returns a number of 0 … n-1 without bias (Lemire 2019).
func (r *random) below(n int) int {
	hi, lo := bits.Mul64(r.next(), uint64(n))
	if lo < uint64(n) {
		for t := -uint64(n) % uint64(n); lo < t; {
			hi, lo = bits.Mul64(r.next(), uint64(n))
		}
	}
	return int(hi)
}

// shuffle is Fisher's and Yates'.
func (r *random) shuffle(x []int32) {
	for i := len(x) - 1; i > 0; i-- {
		j := r.below(i + 1)
		x[i], x[j] = x[j], x[i]
	}
}
