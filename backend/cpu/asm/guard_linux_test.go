package asm

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// guarded gives memory between two pages that fault, and slices of it that touch one or the other.
type guarded struct{ mem []byte }

const page = 4096

func newGuarded(t *testing.T, pages int) *guarded {
	m, err := syscall.Mmap(-1, 0, (pages+2)*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	require.NoError(t, err)
	require.NoError(t, syscall.Mprotect(m[:page], syscall.PROT_NONE))
	require.NoError(t, syscall.Mprotect(m[(pages+1)*page:], syscall.PROT_NONE))
	t.Cleanup(func() { _ = syscall.Munmap(m) })
	return &guarded{m[page : (pages+1)*page]}
}

// cut gives n elements that start at the front page, or end at the back page, shifted inwards by off elements.
func cut[T any](g *guarded, n, off int, back bool) []T {
	var z T
	all := unsafe.Slice((*T)(unsafe.Pointer(&g.mem[0])), len(g.mem)/int(unsafe.Sizeof(z)))
	if back {
		return all[len(all)-n-off:][:n:n]
	}
	return all[off:][:n:n]
}

func TestPrimitivesStayInside(t *testing.T) {
	gd, gx, gy, gz := newGuarded(t, 2), newGuarded(t, 2), newGuarded(t, 2), newGuarded(t, 2)
	onEach(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(31, 32))
		sizes := append(upTo(70), 127, 128, 129, 255, 256, 257)
		for _, n := range sizes {
			for _, back := range []bool{false, true} {
				off := r.IntN(20)
				if n%2 == 0 {
					off = 0
				}
				dst := cut[float32](gd, n, off, back)
				x, y, z := cut[float32](gx, n, 0, back), cut[float32](gy, n, 0, back), cut[float32](gz, n, 0, back)
				copy(x, samples(r, n))
				copy(y, samples(r, n))
				copy(z, samples(r, n))
				around := cut[float32](gd, n+2*off, 0, back) // dst and what lies beside it
				check := func(name string, f func(dst, x, y, z []float32)) {
					want := make([]float32, n)
					f(want, append([]float32{}, x...), append([]float32{}, y...), append([]float32{}, z...))
					for i := range around {
						around[i] = 123
					}
					f(dst, x, y, z)
					sameBits(t, want, dst, name, n, back)
					for i := range off {
						require.EqualValues(t, 123, around[i], name)
						require.EqualValues(t, 123, around[len(around)-1-i], name)
					}
				}
				for _, c := range unaryCases {
					check(c.name, func(dst, x, _, _ []float32) { c.f(dst, x) })
				}
				check("sin", func(dst, x, _, _ []float32) { Sin(dst, x) })
				for _, c := range binaryCases {
					check(c.name, func(dst, x, y, _ []float32) { c.vv(dst, x, y) })
					check(c.name, func(dst, x, _, _ []float32) { c.vs(dst, x, 2.5) })
				}
				check("fma", FMA)
				check("select", Select)
				check("in place", func(dst, x, y, _ []float32) { copy(dst, x); Add(dst, dst, y) })
				u8, u16, i32, u32 := cut[uint8](gy, n, 0, back), cut[uint16](gz, n, 0, back), cut[int32](gy, n, 0, back), cut[uint32](gz, n, 0, back)
				F32ToI32(i32, x)
				I32ToF32(dst, i32)
				F32ToBF16(u16, x)
				BF16ToF32(dst, u16)
				F32ToBool(u8, x)
				U8ToF32(dst, u8)
				Key{1, 2}.Bits(u32, uint64(off))
				UniformFromBits(dst, u32)
				Key{1, 2}.Normal(dst, uint64(off))
				_ = Sum(x) + Dot(x, y) + MaxOf(x) + MinOf(x)
			}
		}
	})
}

func TestGemmStaysInside(t *testing.T) {
	ga, gb, gc := newGuarded(t, 32), newGuarded(t, 32), newGuarded(t, 32)
	onEach(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(33, 34))
		for _, size := range [][3]int{{1, 1, 1}, {1, 70, 30}, {3, 63, 17}, {4, 5, 100}, {13, 33, 31}, {14, 32, 16}, {30, 65, 41}, {100, 31, 33}, {229, 17, 19}, {20, 100, 64}} {
			m, n, k := size[0], size[1], size[2]
			for mode := range 8 {
				back := mode&4 != 0
				p := Product{Batch: 1, M: m, N: n, K: k}
				var la, lb, lc int
				p.A, la = layout(1, m, k, mode&1 != 0, 0)
				p.B, lb = layout(1, k, n, mode&2 != 0, 0)
				p.C, lc = layout(1, m, n, false, 0)
				a, b, c := cut[float32](ga, la, 0, back), cut[float32](gb, lb, 0, back), cut[float32](gc, lc, 0, back)
				copy(a, fill(r, la))
				copy(b, fill(r, lb))
				runAll(NewGemm(p, false), &GemmArgs{A: a, B: b, C: c}, 1)
				checkGemm(t, r, p, a, b, nil, c, fmt.Sprint(mode))
			}
		}
	})
}
