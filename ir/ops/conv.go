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
