package ops

import (
	"fmt"

	"modelc/ir"
)

// Conv is convolution (without turning the kernel, as the field means it) over any number of spatial axes:
//
//	y[n, g, o, p…] = Σ c, k…  x̂[n, g, c, p·Stride + k·DilateW - PadLo …] · w[g, o, c, k…]
//
// where x̂ is x with DilateX-1 zeros between neighbours, and zero outside. The group axis g is there only when Grouped; it is an axis of its own in x, w and y,
// so that grouped channels [G·C] are a reshape away (Convolve does it). Flip reads the kernel from its far end: k stands for K-1-k in w.
//
// X, W and Y say where the axes lie: axis numbers in the order batch, (group), channel, spatial… for X; (group), output channel, input channel, spatial… for W;
// batch, (group), output channel, spatial… for Y. Empty stands for 0, 1, 2, …. With them the op is closed under differentiation: the gradient by x is
// a Conv of dy and the flipped w, that by w a Conv of x and dy whose summed channel is the batch.
//
// Every list of sizes has one entry per spatial axis. Pads may be negative: they cut off.
type Conv struct {
	Stride, DilateX, DilateW, PadLo, PadHi ir.Ints
	X, W, Y                                ir.Axes
	Grouped, Flip                          bool
}

// ConvAxes says where the axes of one operand of a Conv lie. Group is -1 when there is none.
type ConvAxes struct {
	Outer   int // batch of x and y; output channel of w
	Group   int
	Channel int // input channel of x and w; output channel of y
	Spatial []int
}

func (Conv) Name() string { return "conv" }

// Axes returns where the axes of x, w and y lie.
func (o Conv) Axes() (x, w, y ConvAxes) {
	n := o.Stride.Len()
	head := 2
	if o.Grouped {
		head = 3
	}
	at := func(a ir.Axes, groupFirst bool) ConvAxes {
		l := a.List()
		if len(l) == 0 {
			l = order(head + n)
		}
		r := ConvAxes{Outer: l[0], Group: -1, Channel: l[head-1], Spatial: l[head:]}
		if o.Grouped {
			r.Group = l[1]
			if groupFirst {
				r.Outer, r.Group = l[1], l[0]
			}
		}
		return r
	}
	return at(o.X, false), at(o.W, true), at(o.Y, false)
}

// order returns 0, 1, …, n-1.
func order(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// standard replaces the list 0, 1, 2, … by the empty one, which means the same, so that equal ops compare equal.
func standard(axes []int) ir.Axes {
	for i, a := range axes {
		if a != i {
			return ir.NewAxes(axes...)
		}
	}
	return ir.Axes{}
}

// Infer requires equal channels and groups, and a kernel that fits into the padded input.
func (o Conv) Infer(c *ir.Instr) ([]ir.Type, error) {
	if err := arity(o, c, 2); err != nil {
		return nil, err
	}
	x, w := c.Args[0].Type, c.Args[1].Type
	if !x.DType.IsFloat() {
		return nil, argument(o, 0, "a floating-point type", x.DType.String())
	}
	if w.DType != x.DType {
		return nil, argument(o, 1, x.DType.String(), w.DType.String())
	}
	n := o.Stride.Len()
	rank := n + 2
	if o.Grouped {
		rank++
	}
	if rank > ir.MaxRank {
		return nil, attribute(o, "fewer spatial axes", fmt.Sprint(n))
	}
	if err := lengths(o, n, o.Stride, o.DilateX, o.DilateW, o.PadLo, o.PadHi); err != nil {
		return nil, err
	}
	for _, l := range []ir.Ints{o.Stride, o.DilateX, o.DilateW} {
		if err := atLeast(o, "stride and dilation", l, 1); err != nil {
			return nil, err
		}
	}
	for _, l := range []ir.Axes{o.X, o.W, o.Y} {
		if l.Len() != 0 && l.Len() != rank {
			return nil, attribute(o, fmt.Sprintf("%d axes", rank), fmt.Sprint(l.List()))
		}
		if err := distinct(o, l, rank); err != nil {
			return nil, err
		}
	}
	for i, t := range []ir.Type{x, w} {
		if t.Shape.Rank() != rank {
			return nil, argument(o, i, fmt.Sprintf("%d axes", rank), t.Shape.String())
		}
	}
	ax, aw, ay := o.Axes()
	if want, got := x.Shape.Dim(ax.Channel), w.Shape.Dim(aw.Channel); want != got {
		return nil, size(o, 1, aw.Channel, want, got)
	}
	dims := make([]int64, rank)
	dims[ay.Outer], dims[ay.Channel] = x.Shape.Dim(ax.Outer), w.Shape.Dim(aw.Outer)
	if o.Grouped {
		if want, got := x.Shape.Dim(ax.Group), w.Shape.Dim(aw.Group); want != got {
			return nil, size(o, 1, aw.Group, want, got)
		}
		dims[ay.Group] = x.Shape.Dim(ax.Group)
	}
	for i := range n {
		full, ok1 := spread(x.Shape.Dim(ax.Spatial[i]), o.DilateX.At(i))
		kernel, ok2 := spread(w.Shape.Dim(aw.Spatial[i]), o.DilateW.At(i))
		full += o.PadLo.At(i) + o.PadHi.At(i)
		if !ok1 || !ok2 || kernel < 1 || full < kernel {
			return nil, &ir.ShapeError{Op: "conv", Arg: 1, Axis: aw.Spatial[i], Want: fmt.Sprintf("a kernel of extent 1 to %d, the padded input", full), Got: fmt.Sprint(kernel)}
		}
		dims[ay.Spatial[i]] = (full-kernel)/o.Stride.At(i) + 1
	}
	return one(o, x.DType, dims...)
}

// list returns the axis numbers in the order that the attributes X and Y (groupFirst: W) have.
func (a ConvAxes) list(groupFirst bool) []int {
	out := []int{a.Outer, a.Channel}
	switch {
	case a.Group >= 0 && groupFirst:
		out = []int{a.Group, a.Outer, a.Channel}
	case a.Group >= 0:
		out = []int{a.Outer, a.Group, a.Channel}
	}
	return append(out, a.Spatial...)
}

// swapped exchanges the outer axis with the channel axis.
func (a ConvAxes) swapped() ConvAxes {
	a.Outer, a.Channel = a.Channel, a.Outer
	return a
}

// Grad is two convolutions.
//
// By x: place i of x meets place p of y through kernel place k where p·S + k·D - L = i·E (S stride, D and E dilations, L pad). So dx is the convolution of dy
// dilated by S with the flipped kernel dilated by D, with stride E and pad (K-1)·D - L; its summed channel is the output channel. By w: dw[k] = Σ x̂[p·S + k·D - L]·dy[p]: the
// convolution of x with dy as the kernel dilated by S, stride D and pad L; its summed channel is the batch.
func (o Conv) Grad(b *ir.Builder, c *ir.Instr, dy []*ir.Value) []*ir.Value {
	if dy[0] == nil {
		return []*ir.Value{nil, nil}
	}
	x, w := c.Args[0], c.Args[1]
	ax, aw, ay := o.Axes()
	n := o.Stride.Len()
	loX, hiX, hiW := make([]int64, n), make([]int64, n), make([]int64, n)
	empty := false
	for i := range n {
		size, kernel := x.Type.Shape.Dim(ax.Spatial[i]), w.Type.Shape.Dim(aw.Spatial[i])
		reach := (kernel - 1) * o.DilateW.At(i)
		full, _ := spread(dy[0].Type.Shape.Dim(ay.Spatial[i]), o.Stride.At(i))
		extent, _ := spread(size, o.DilateX.At(i))
		loX[i] = reach - o.PadLo.At(i)
		hiX[i] = extent + reach - full - loX[i]
		hiW[i] = reach + full - extent - o.PadLo.At(i)
		empty = empty || size == 0
	}
	if empty {
		return []*ir.Value{Zeros(b, x.Type), Zeros(b, w.Type)}
	}
	dx := b.Op(Conv{
		Stride: o.DilateX, DilateX: o.Stride, DilateW: o.DilateW, PadLo: ir.NewInts(loX...), PadHi: ir.NewInts(hiX...),
		X: standard(ay.list(false)), W: standard(aw.swapped().list(true)), Y: standard(ax.list(false)),
		Grouped: o.Grouped, Flip: !o.Flip,
	}, dy[0], w)
	// In the result the summed input channel of w is in the place of the batch: read x with batch and channel exchanged, and write likewise.
	yw := ConvAxes{Outer: aw.Channel, Group: aw.Group, Channel: aw.Outer, Spatial: aw.Spatial}
	dw := b.Op(Conv{
		Stride: o.DilateW, DilateX: o.DilateX, DilateW: o.Stride, PadLo: o.PadLo, PadHi: ir.NewInts(hiW...),
		X: standard(ax.swapped().list(false)), W: standard(ConvAxes{Outer: ay.Channel, Group: ay.Group, Channel: ay.Outer, Spatial: ay.Spatial}.list(true)),
		Y: standard(yw.list(false)), Grouped: o.Grouped,
	}, x, dy[0])
	if o.Flip {
		dw = b.Op(Reverse{ir.NewAxes(aw.Spatial...)}, dw)
	}
	return []*ir.Value{dx, dw}
}

// Eval follows the formula. Which places of the kernel meet which places of the input is worked out once for each spatial place of the result.
func (o Conv) Eval(in, out []ir.Ref) {
	sx, sw, sy := in[0].Type.Shape, in[1].Type.Shape, out[0].Type.Shape
	tx, tw, ty := rowMajor(sx.Dims()), rowMajor(sw.Dims()), rowMajor(sy.Dims())
	ax, aw, ay := o.Axes()
	groups, gx, gw, gy := int64(1), int64(0), int64(0), int64(0)
	if o.Grouped {
		groups, gx, gw, gy = sx.Dim(ax.Group), tx[ax.Group], tw[aw.Group], ty[ay.Group]
	}
	channels, cx, cw := sx.Dim(ax.Channel), tx[ax.Channel], tw[aw.Channel]
	var meet [][2]int64 // offsets in x and w
	each(dimsAt(sy, ay.Spatial), func(p []int64) {
		meet = meet[:0]
		each(dimsAt(sw, aw.Spatial), func(k []int64) {
			var ix, iw int64
			for i := range p {
				v := p[i]*o.Stride.At(i) + k[i]*o.DilateW.At(i) - o.PadLo.At(i)
				e := o.DilateX.At(i)
				if v < 0 || v%e != 0 || v/e >= sx.Dim(ax.Spatial[i]) {
					return
				}
				q := k[i]
				if o.Flip {
					q = sw.Dim(aw.Spatial[i]) - 1 - q
				}
				ix += v / e * tx[ax.Spatial[i]]
				iw += q * tw[aw.Spatial[i]]
			}
			meet = append(meet, [2]int64{ix, iw})
		})
		at := int64(0)
		for i, v := range p {
			at += v * ty[ay.Spatial[i]]
		}
		for n := range sx.Dim(ax.Outer) {
			for g := range groups {
				for m := range sw.Dim(aw.Outer) {
					acc := 0.0
					for c := range channels {
						x := in[0].Data[n*tx[ax.Outer]+g*gx+c*cx:]
						w := in[1].Data[m*tw[aw.Outer]+g*gw+c*cw:]
						for _, k := range meet {
							acc += x[k[0]] * w[k[1]]
						}
					}
					out[0].Data[at+n*ty[ay.Outer]+g*gy+m*ty[ay.Channel]] = acc
				}
			}
		}
	})
}

// Form returns a Product over [the axes of y | channel, kernel axes].
func (o Conv) Form(c *ir.Instr) ir.Form {
	sx, sw := c.Args[0].Type.Shape, c.Args[1].Type.Shape
	ax, aw, ay := o.Axes()
	n := o.Stride.Len()
	f := ir.Form{Kind: ir.Product, Space: c.Results[0].Type.Shape.Dims(), Folds: 1 + n}
	r := len(f.Space)
	f.Space = append(append(f.Space, sx.Dim(ax.Channel)), dimsAt(sw, aw.Spatial)...)
	rx, rw := ir.Access{Axes: make([]ir.Affine, sx.Rank()), Padded: true}, ir.Access{Axes: make([]ir.Affine, sw.Rank())}
	rx.Axes[ax.Outer], rw.Axes[aw.Outer] = ir.Along(ay.Outer), ir.Along(ay.Channel)
	rx.Axes[ax.Channel], rw.Axes[aw.Channel] = ir.Along(r), ir.Along(r)
	if o.Grouped {
		rx.Axes[ax.Group], rw.Axes[aw.Group] = ir.Along(ay.Group), ir.Along(ay.Group)
	}
	for i := range n {
		k := r + 1 + i
		rx.Axes[ax.Spatial[i]] = ir.Affine{Base: -o.PadLo.At(i), Step: o.DilateX.At(i), Axis: []int{ay.Spatial[i], k}, Coef: []int64{o.Stride.At(i), o.DilateW.At(i)}}
		if rw.Axes[aw.Spatial[i]] = ir.Along(k); o.Flip {
			rw.Axes[aw.Spatial[i]] = ir.Affine{Base: sw.Dim(aw.Spatial[i]) - 1, Axis: []int{k}, Coef: []int64{-1}}
		}
	}
	f.Reads = []ir.Access{rx, rw}
	return f
}
