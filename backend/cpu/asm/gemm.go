package asm

// Strides locate element (row, column) of matrix b of a batch: data[b*Batch + row*Row + col*Col]. They may be 0 (the same
// row, column or matrix for all) and must not be negative.
type Strides struct{ Batch, Row, Col int }

// A Product is the shape of C[b] = A[b]·B[b], or C[b] += A[b]·B[b], for b < Batch: A is M x K, B is K x N, C is M x N.
// C.Col must be 1, and the elements of C distinct.
type Product struct {
	Batch, M, N, K int
	A, B, C        Strides
	Accumulate     bool // C += instead of C =
	Many           bool // one of many that workers share: its tiles may be large
}

// A Pack fills a panel of an operand that is not in memory as a matrix (a convolution's patches, a fused producer).
//
// For A, it writes element (m, k) of matrix batch, m in [lo, hi) and k in [k0, k1), to dst[(k-k0)*stride + m-lo]; for B,
// element (k, n), n in [lo, hi), to dst[(k-k0)*stride + n-lo]. What lies between the rows of dst is free to be
// overwritten; len(dst) is (k1-k0)*stride, at least. hi-lo is at most MaxRows for A, MaxColumns for B.
type Pack func(worker, batch, k0, k1, lo, hi int, dst []float32, stride int)

// The largest panels that a Pack is asked for.
const (
	MaxRows    = 14
	MaxColumns = 32
)

// An Epilogue is given each part of C that is finished, while it is in L1: row row of matrix batch, columns from col on,
// len(c) of them. It may change c in place, or read it and write elsewhere. Which parts there are depends on the shape alone.
type Epilogue func(worker, batch, row, col int, c []float32)

// GemmArgs are the data of one product. The slices must reach as far as the strides say.
type GemmArgs struct {
	A, B, C []float32

	PackA, PackB Pack // instead of A, B

	// What happens to each finished element, in this order.
	ColumnBias []float32 // + ColumnBias[n]; nil: none
	RowBias    []float32 // + RowBias[m]; nil: none
	Relu       bool      // max(c, 0)
	Epilogue   Epilogue  // nil: none
}

func (a *GemmArgs) hasEpilogue() bool {
	return a.ColumnBias != nil || a.RowBias != nil || a.Relu || a.Epilogue != nil
}

// chunkK is the longest stretch of K that one pass over a C tile sums: a panel of A (14 x 320) then takes a third of L1,
// a block of B (320 x 512) two thirds of 1 MB of L2.
const (
	chunkK = 320
	blockN = 512
	// Up to residentM rows, all of A's panels stay packed while the columns go by.
	residentM = 224
	// Fewest multiply-adds worth a tile of its own: about 5 µs.
	tileWork = 1 << 19
)

// A Gemm is a product cut into tiles, by shape alone. Each element of C is the sum over K in order, in chunks of equal length
// by K alone, each product added with one rounding, so neither the number of threads nor the instruction set changes a bit.
//
// Tiles are independent. A run of consecutive tiles shares packing work, so give each worker one contiguous range.
type Gemm struct {
	p        Product
	path     gemmPath
	kernels  *gemmKernels
	mc, nc   int // rows and columns of a tile
	kc       int // depth of a chunk; the last may be shorter
	mBlocks  int
	nBlocks  int
	hooked   bool
	resident bool // A's panels are kept; columns go by inside
}

type gemmPath uint8

const (
	packed gemmPath = iota
	narrow          // M <= 4, rows of B are contiguous: B is read in place
	dots            // M <= 4 or N <= 4, and K is contiguous in both operands
)

const narrowM = 4

// gemmKernels are one path's register tiles.
type gemmKernels struct {
	mr, nr int // the largest tile
	// tile computes c[r*ldc + j] (+)= sum over k of a[k*rows+r] * b[k*nr+j], r < rows <= mr, j < n <= nr.
	tile func(rows int, a, b, c *float32, ldc, k, n, acc int)
	// row is tile with rows <= narrowM, b in place with row stride ldb, and n <= nrow.
	row  func(rows int, a, b, c *float32, ldb, ldc, k, n, acc int)
	nrow int
}

// NewGemm plans a product under the current Level. hooked says that PackA or PackB will be given, and keeps to the path
// that packs; an Epilogue and biases go with any path.
func NewGemm(p Product, hooked bool) *Gemm {
	if p.C.Col != 1 && p.N > 1 {
		panic("asm: rows of C must be contiguous")
	}
	for _, s := range []Strides{p.A, p.B, p.C} {
		if s.Batch < 0 || s.Row < 0 || s.Col < 0 {
			panic("asm: negative stride of a product")
		}
	}
	if p.Batch < 0 || p.M < 0 || p.N < 0 || p.K < 0 {
		panic("asm: negative size of a product")
	}
	g := &Gemm{p: p, hooked: hooked, kernels: kernelsFor(level)}
	switch {
	case hooked:
	case (p.M <= narrowM || p.N <= narrowM) && p.A.Col == 1 && p.B.Row == 1:
		g.path = dots
	case p.M <= narrowM && p.B.Col == 1:
		g.path = narrow
	}
	chunks := max(1, (p.K+chunkK-1)/chunkK)
	g.kc = max(1, (p.K+chunks-1)/chunks)
	work := func(m, n int) int { return m * n * max(p.K, 1) }
	switch {
	case g.path != packed || p.M <= residentM:
		g.resident = true
		g.mc = max(1, p.M)
		g.nc = 128
		for g.nc < blockN && (work(g.mc, g.nc) < tileWork/2 || p.N > 32*g.nc) {
			g.nc *= 2
		}
		if p.Many {
			g.nc = even(p.N, blockN, MaxColumns)
		}
		for !p.Many && g.nc > MaxColumns && p.N < 8*g.nc && work(g.mc, g.nc) > 4*tileWork {
			g.nc /= 2
		}
	default:
		g.nc = even(p.N, blockN, MaxColumns)
		g.mc = MaxRows
		for work(g.mc, g.nc) < tileWork && g.mc < p.M {
			g.mc += MaxRows
		}
	}
	g.mBlocks = (p.M + g.mc - 1) / g.mc
	g.nBlocks = (p.N + g.nc - 1) / g.nc
	return g
}

// even is the part length, a multiple of unit, that cuts n into equal parts of at most limit.
func even(n, limit, unit int) int {
	parts := max(1, (n+limit-1)/limit)
	return max(unit, ((n+parts-1)/parts+unit-1)/unit*unit)
}

// Tiles returns how many tiles the product has; 0 if C is empty.
func (g *Gemm) Tiles() int { return g.p.Batch * g.mBlocks * g.nBlocks }

// Scratch returns how many floats of scratch each worker needs.
func (g *Gemm) Scratch() int { return g.scratchA() + g.scratchB() }

// slack is what packing may write beyond a panel.
const slack = 16

func (g *Gemm) scratchA() int {
	rows := MaxRows
	if g.resident {
		rows = g.mc
	}
	return (rows*g.kc + slack + 15) &^ 15
}

func (g *Gemm) scratchB() int {
	if g.path != packed {
		return 0
	}
	return (min(g.nc, (g.p.N+MaxColumns-1)/MaxColumns*MaxColumns)*g.kc + slack + 15) &^ 15
}

// MaxStrip returns the longest run of columns that an Epilogue is given.
func (g *Gemm) MaxStrip() int { return min(g.nc, g.p.N) }

// reach is how many elements a batch of rows x columns matrices spans; 0 if it is empty.
func (s Strides) reach(batch, rows, columns int) int {
	if batch == 0 || rows == 0 || columns == 0 {
		return 0
	}
	return (batch-1)*s.Batch + (rows-1)*s.Row + (columns-1)*s.Col + 1
}

// check guards memory: the kernels do not look at lengths.
func (g *Gemm) check(a *GemmArgs) {
	p := &g.p
	switch {
	case a.PackA == nil && p.A.reach(p.Batch, p.M, p.K) > len(a.A):
		panic("asm: A is too short")
	case a.PackB == nil && p.B.reach(p.Batch, p.K, p.N) > len(a.B):
		panic("asm: B is too short")
	case p.C.reach(p.Batch, p.M, p.N) > len(a.C):
		panic("asm: C is too short")
	case (a.PackA != nil || a.PackB != nil) && !g.hooked:
		panic("asm: NewGemm was not told of packing hooks")
	case g.kernels != kernelsFor(level):
		panic("asm: Gemm was made for another instruction set")
	}
}

// Run computes tiles from, ..., to-1. worker is what hooks are told; scratch has Scratch elements and is the worker's own.
func (g *Gemm) Run(worker, from, to int, a *GemmArgs, scratch []float32) {
	if from >= to {
		return
	}
	g.check(a)
	_ = scratch[:g.Scratch()]
	for t := from; t < to; {
		outer, inner := g.nBlocks, g.mBlocks
		if g.resident {
			outer, inner = g.mBlocks, g.nBlocks
		}
		batch, o, i := t/(outer*inner), t/inner%outer, t%inner
		n := min(inner-i, to-t)
		var r region
		if g.resident {
			r = region{worker, batch, o * g.mc, min((o+1)*g.mc, g.p.M), i * g.nc, min((i+n)*g.nc, g.p.N)}
		} else {
			r = region{worker, batch, i * g.mc, min((i+n)*g.mc, g.p.M), o * g.nc, min((o+1)*g.nc, g.p.N)}
		}
		switch g.path {
		case dots:
			g.runDots(r, a)
		case narrow:
			g.runNarrow(r, a, scratch)
		default:
			g.runPacked(r, a, scratch)
		}
		t += n
	}
}

// A region is a rectangle of C that one worker computes at a stretch.
type region struct{ worker, batch, m0, m1, n0, n1 int }

func (g *Gemm) runPacked(r region, args *GemmArgs, scratch []float32) {
	p, kr := &g.p, g.kernels
	bufA, bufB := scratch[:g.scratchA()], scratch[g.scratchA():g.Scratch()]
	c := args.C[r.batch*p.C.Batch:]
	for k0 := 0; k0 == 0 || k0 < p.K; k0 += g.kc {
		k1 := min(k0+g.kc, p.K)
		kc := k1 - k0
		acc := 0
		if k0 > 0 || p.Accumulate {
			acc = 1
		}
		last := k1 == p.K && args.hasEpilogue()
		if g.resident {
			for mb := r.m0; mb < r.m1; mb += g.mc {
				g.eachPanel(mb, func(lo, hi int) { g.packA(r, args, k0, k1, lo, hi, bufA[(lo-mb)*kc:]) })
			}
		}
		for n0 := r.n0; n0 < r.n1; n0 += g.nc {
			n1 := min(n0+g.nc, r.n1)
			for j := n0; j < n1; j += kr.nr {
				g.packB(r, args, k0, k1, j, min(j+kr.nr, n1), bufB[(j-n0)*kc:])
			}
			for mb := r.m0; mb < r.m1; mb += g.mc {
				m1 := min(mb+g.mc, p.M)
				panels := (m1 - mb + kr.mr - 1) / kr.mr
				for i := range panels {
					lo, hi := mb+(m1-mb)*i/panels, mb+(m1-mb)*(i+1)/panels
					a := bufA
					if g.resident {
						a = bufA[(lo-mb)*kc:]
					} else {
						g.packA(r, args, k0, k1, lo, hi, a)
					}
					for j := n0; j < n1; j += kr.nr {
						kr.tile(hi-lo, &a[0], &bufB[(j-n0)*kc], &c[lo*p.C.Row+j], p.C.Row, kc, min(kr.nr, n1-j), acc)
					}
					if last {
						for row := lo; row < hi; row++ {
							args.finish(r.worker, r.batch, row, n0, c[row*p.C.Row+n0:][:n1-n0])
						}
					}
				}
			}
		}
	}
}

// eachPanel cuts the tile rows from mb on into panels of nearly equal height.
func (g *Gemm) eachPanel(mb int, f func(lo, hi int)) {
	m := min(mb+g.mc, g.p.M) - mb
	panels := (m + g.kernels.mr - 1) / g.kernels.mr
	for i := range panels {
		f(mb+m*i/panels, mb+m*(i+1)/panels)
	}
}

func (g *Gemm) packA(r region, args *GemmArgs, k0, k1, lo, hi int, dst []float32) {
	if args.PackA != nil {
		args.PackA(r.worker, r.batch, k0, k1, lo, hi, dst, hi-lo)
		return
	}
	s := g.p.A
	pack(dst, hi-lo, args.A, r.batch*s.Batch+lo*s.Row+k0*s.Col, s.Row, s.Col, hi-lo, k1-k0)
}

func (g *Gemm) packB(r region, args *GemmArgs, k0, k1, lo, hi int, dst []float32) {
	if args.PackB != nil {
		args.PackB(r.worker, r.batch, k0, k1, lo, hi, dst, g.kernels.nr)
		return
	}
	s := g.p.B
	pack(dst, g.kernels.nr, args.B, r.batch*s.Batch+k0*s.Row+lo*s.Col, s.Col, s.Row, hi-lo, k1-k0)
}

func (g *Gemm) runNarrow(r region, args *GemmArgs, scratch []float32) {
	p, kr := &g.p, g.kernels
	b, c := args.B[r.batch*p.B.Batch:], args.C[r.batch*p.C.Batch:]
	for k0 := 0; k0 == 0 || k0 < p.K; k0 += g.kc {
		k1 := min(k0+g.kc, p.K)
		acc := 0
		if k0 > 0 || p.Accumulate {
			acc = 1
		}
		g.packA(r, args, k0, k1, r.m0, r.m1, scratch)
		for j := r.n0; j < r.n1; j += kr.nrow {
			var from *float32
			if k1 > k0 {
				from = &b[k0*p.B.Row+j]
			}
			kr.row(r.m1-r.m0, &scratch[0], from, &c[r.m0*p.C.Row+j], p.B.Row, p.C.Row, k1-k0, min(kr.nrow, r.n1-j), acc)
		}
	}
	g.finishRegion(r, args, c)
}

func (g *Gemm) runDots(r region, args *GemmArgs) {
	p := &g.p
	a, b, c := args.A[r.batch*p.A.Batch:], args.B[r.batch*p.B.Batch:], args.C[r.batch*p.C.Batch:]
	store := func(i, j int, v float32) {
		at := i*p.C.Row + j
		if p.Accumulate {
			v += c[at]
		}
		c[at] = v
	}
	// The operand with many vectors is read once, four at a time, the few of the other stay in L1.
	var four [4]float32
	if p.M <= narrowM {
		for j := r.n0; j < r.n1; {
			if j+4 <= r.n1 && p.K > 0 {
				for i := r.m0; i < r.m1; i++ {
					dot4(&four, a[i*p.A.Row:][:p.K], b[j*p.B.Col:], p.B.Col)
					for q, v := range four {
						store(i, j+q, v)
					}
				}
				j += 4
				continue
			}
			for i := r.m0; i < r.m1; i++ {
				store(i, j, g.dot(a, b, i, j))
			}
			j++
		}
	} else {
		for i := r.m0; i < r.m1; i++ {
			for j := r.n0; j < r.n1; j++ {
				store(i, j, g.dot(a, b, i, j))
			}
		}
	}
	g.finishRegion(r, args, c)
}

func (g *Gemm) dot(a, b []float32, i, j int) float32 {
	if g.p.K == 0 {
		return 0
	}
	return Dot(a[i*g.p.A.Row:][:g.p.K], b[j*g.p.B.Col:][:g.p.K])
}

func (g *Gemm) finishRegion(r region, args *GemmArgs, c []float32) {
	if !args.hasEpilogue() {
		return
	}
	for n0 := r.n0; n0 < r.n1; n0 += g.nc {
		n1 := min(n0+g.nc, r.n1)
		for row := r.m0; row < r.m1; row++ {
			args.finish(r.worker, r.batch, row, n0, c[row*g.p.C.Row+n0:][:n1-n0])
		}
	}
}

func (a *GemmArgs) finish(worker, batch, row, col int, c []float32) {
	if a.ColumnBias != nil {
		Add(c, c, a.ColumnBias[col:])
	}
	if a.RowBias != nil {
		AddScalar(c, c, a.RowBias[row])
	}
	if a.Relu {
		Relu(c, c)
	}
	if a.Epilogue != nil {
		a.Epilogue(worker, batch, row, col, c)
	}
}
