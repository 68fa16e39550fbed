package cpu

import "unsafe"

// localImage is the most elements of a padded image that a worker copies into its own scratch: it must stay in L2 beside packed panels.
const localImage = 96 << 10

// A padding says how planes of an image are copied with zeros around and between their elements, as far as patches reach.
type padding struct {
	reach, block, step, from []int64 // of the copy; what is copied; strides there and in x
	offset, source           int64   // of the first element that is copied, there and in x
	area                     int64   // of a plane of the copy
	n, g, xc                 int64   // strides in x: of images, groups and channels
	empty                    bool
}

// padding returns nil where every patch lies inside of x.
func (g *convShape) padding() *padding {
	p := &padding{n: g.xn, g: g.xg, xc: g.xc}
	plain := true
	for i := range g.in {
		reach := max((g.out[i]-1)*g.stride[i]+(g.kernel[i]-1)*g.dilate[i]+1, 0)
		p.reach = append(p.reach, reach)
		plain = plain && g.lo[i] == 0 && g.gap[i] == 1 && reach <= g.in[i] && g.xs[i] >= 0
	}
	if plain && g.xc >= 0 && g.xn >= 0 {
		return nil
	}
	st := strides(p.reach)
	for i, reach := range p.reach {
		first := int64(0)
		if g.lo[i] < 0 {
			first = (-g.lo[i] + g.gap[i] - 1) / g.gap[i]
		}
		last := min(g.in[i]-1, floorDiv(reach-1-g.lo[i], g.gap[i]))
		p.block = append(p.block, max(last-first+1, 0))
		p.step, p.from = append(p.step, st[i]*g.gap[i]), append(p.from, g.xs[i])
		p.source += first * g.xs[i]
		p.offset += (g.lo[i] + first*g.gap[i]) * st[i]
	}
	p.area, p.empty = product(p.reach), product(p.block) == 0
	return p
}

// plane copies one plane; to may hold anything before.
func (p *padding) plane(to, x unsafe.Pointer, size int64) {
	clear(view[byte](to, p.area*size))
	if !p.empty {
		copyBlock(unsafe.Add(to, p.offset*size), unsafe.Add(x, p.source*size), p.block, p.step, p.from, size)
	}
}

// planes copies n planes of f32, which lie stride apart in x, one behind the other.
func (p *padding) planes(to, x unsafe.Pointer, n, stride int64) {
	for i := range n {
		p.plane(unsafe.Add(to, i*p.area*4), unsafe.Add(x, i*stride*4), 4)
	}
}

// padded makes the copy the image that patches are read from.
func (g *convShape) padded(p *padding) {
	g.xs, g.xc = strides(p.reach), p.area
	if g.local == nil {
		g.xg, g.xn = p.area*g.channels, p.area*g.channels*g.groups
	}
}

// padAll is the phase that copies all planes to scratch that the workers share.
func (g *convShape) padAll(p *padding, shared int, base, size int64) phase {
	image, x := location{buf: shared, off: base}, g.x
	planes, groups, channels := g.images*g.groups*g.channels, g.groups, g.channels
	g.x = image
	return phase{int(planes), small(planes * p.area), func(w *worker, lo, hi int) {
		for q := int64(lo); q < int64(hi); q++ {
			n, gr, c := q/channels/groups, q/channels%groups, q%channels
			p.plane(unsafe.Add(w.at(&image), q*p.area*size), unsafe.Add(w.at(&x), (n*p.n+gr*p.g+c*p.xc)*size), size)
		}
	}}
}
