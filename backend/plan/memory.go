package plan

import (
	"math"
	"slices"

	"modelc/backend/kernel"
)

// layout gives every buffer that lives in the arena its offset: the largest first, each at the lowest place that is free during its life.
func (p *Program) layout(buffers []*Buffer) {
	l := &lives{spans: map[*Step][2]int{}}
	l.number(p.Steps)
	l.touch(p.Steps, nil)
	for i := range p.Out {
		p.Out[i].Buf.last = math.MaxInt
		if p.Out[i].Buf.first < 0 {
			p.Out[i].Buf.first = 0
		}
	}
	l.merge(p.Steps)
	var live []*Buffer
	for _, b := range buffers {
		if b.Space != Arena {
			if b.Space == Kept {
				b.Offset = p.Kept
				p.Kept += slot(b.Bytes)
			}
			p.Buffers = append(p.Buffers, b)
			continue
		}
		if b.first < 0 {
			continue // never used
		}
		p.Buffers = append(p.Buffers, b)
		if b.merged == nil {
			live = append(live, b)
		}
	}
	slices.SortStableFunc(live, func(a, b *Buffer) int {
		switch {
		case a.Bytes > b.Bytes:
			return -1
		case a.Bytes < b.Bytes:
			return 1
		}
		return a.ID - b.ID
	})
	var placed []*Buffer // by offset
	for _, b := range live {
		size := slot(b.Bytes)
		at := int64(0)
		for _, x := range placed {
			if x.first > b.last || x.last < b.first {
				continue
			}
			if at+size <= x.Offset {
				break
			}
			at = max(at, x.Offset+slot(x.Bytes))
		}
		b.Offset = at
		p.Arena = max(p.Arena, at+size)
		i, _ := slices.BinarySearchFunc(placed, at, func(x *Buffer, at int64) int {
			switch {
			case x.Offset < at:
				return -1
			case x.Offset > at:
				return 1
			}
			return 0
		})
		placed = slices.Insert(placed, i, b)
	}
	for _, b := range buffers {
		if b.merged != nil {
			b.Offset = b.Home().Offset
		}
	}
}

func slot(bytes int64) int64 {
	return (bytes + SpareBytes + SlotBytes - 1) / SlotBytes * SlotBytes
}

type lives struct {
	next  int
	spans map[*Step][2]int
}

func (l *lives) number(steps []*Step) {
	for i, s := range steps {
		if s.After {
			l.spans[s] = l.spans[steps[i-1]]
			continue
		}
		start := l.next
		l.next++
		if s.Scan != nil {
			l.number(s.Scan.Body)
			l.next++
		}
		l.spans[s] = [2]int{start, l.next - 1}
	}
}

// touch extends lives over all uses; a use inside a scan of what lives outside counts for the whole scan.
func (l *lives) touch(steps []*Step, scans []*Step) {
	for _, s := range steps {
		for _, list := range [][]Operand{s.In, s.Out} {
			for i := range list {
				l.use(list[i].Buf, l.spans[s], scans)
			}
		}
		if s.Scan != nil {
			l.touch(s.Scan.Body, append(slices.Clip(scans), s))
		}
	}
}

func (l *lives) use(b *Buffer, span [2]int, scans []*Step) {
	if b.Space != Arena {
		return
	}
	// scans[i] is the scan whose body has depth i.
	if at := b.region.depth + 1; at < len(scans) {
		span = l.spans[scans[at]]
	}
	if b.first < 0 || span[0] < b.first {
		b.first = span[0]
	}
	b.last = max(b.last, span[1])
}

// merge lets a kernel's result take the memory of an operand that dies with the step.
func (l *lives) merge(steps []*Step) {
	for at, s := range steps {
		if s.Scan != nil {
			l.merge(s.Scan.Body)
			continue
		}
		var made *Buffer // by the product whose parts s works on
		if s.After {
			made = steps[at-1].Out[0].Buf
		}
		if s.Kernel == nil {
			continue
		}
		now := l.spans[s][0]
		for i := range s.Out {
			out := s.Out[i].Buf
			if out.Space != Arena || out.merged != nil || out.first != now || out.Bytes == 0 {
				continue
			}
			for j := range s.In {
				in := s.In[j].Buf
				if in.Space != Arena {
					continue
				}
				home := in.Home()
				if home == out || home.last != now || home.region != out.region || home.Bytes != out.Bytes || home.first == now && in != made || !l.mayOverwrite(s, i, j) {
					continue
				}
				if s.After && in != made && slices.ContainsFunc(steps[at-1].In, func(o Operand) bool { return o.Buf.Home() == home }) {
					continue // the product still reads it elsewhere
				}
				out.merged = home
				home.last = out.last
				break
			}
		}
	}
}

// mayOverwrite reports whether result i of a kernel may lie where operand j lies: the operand is read nowhere but at the element that is written, and
// not after.
func (l *lives) mayOverwrite(s *Step, i, j int) bool {
	f := s.Kernel
	a, b := f.Args[len(s.In)+i], f.Args[j]
	if a.Type.Size() != b.Type.Size() || !slices.Equal(a.Stride, b.Stride) || s.In[j].Offset != s.Out[i].Offset || len(s.In[j].Turn)+len(s.Out[i].Turn) != 0 {
		return false
	}
	home := s.In[j].Buf.Home()
	for k := range s.In {
		if k != j && s.In[k].Buf.Home() == home {
			return false
		}
	}
	for k := range s.Out {
		if k != i && s.Out[k].Buf.Home() == home {
			return false
		}
	}
	made := int32(-1) // the node that makes the result, and when it is stored
	for _, n := range f.Body {
		if (n.Kind == kernel.Store || n.Kind == kernel.FoldColumn) && int(n.Arg) == len(s.In)+i {
			if n.Kind == kernel.FoldColumn || n.Level != kernel.Point {
				return false
			}
			made = n.In[0]
		}
	}
	for at, n := range f.Body {
		for _, in := range n.In {
			if d := f.Body[in]; d.Kind == kernel.Load && int(d.Arg) == j && int32(at) > made {
				return false
			}
		}
	}
	return true
}
