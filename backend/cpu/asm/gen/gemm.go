package main

import (
	"fmt"
	"strings"
)

// Register tiles of the matrix product. A tile of rows x columns keeps its sums in registers; each step of K loads the
// columns of B (packed, or in place for few rows), broadcasts each row's element of A, and multiplies.
//
//	AX: a, one float per row and step   BX: b   R10: b's stride in bytes
//	CX: c   DX: c's stride in bytes     SI: steps   DI: columns   R8: 1 to add to c
type tile struct {
	t       target
	rows    int
	vectors int  // columns, in vectors
	inPlace bool // B is not packed: its stride is an argument
}

func (k tile) lanes() int { return map[target]int{avx512: 16, avx2: 8}[k.t] }

func (k tile) name() string {
	s := map[target]string{avx512: "AVX512", avx2: "AVX2"}[k.t]
	if k.inPlace {
		return fmt.Sprintf("row%d%s", k.rows, s)
	}
	return fmt.Sprintf("tile%d%s", k.rows, s)
}

func (k tile) signature() string {
	if k.inPlace {
		return "a, b, c *float32, ldb, ldc, k, n, acc int"
	}
	return "a, b, c *float32, ldc, k, n, acc int"
}

// tiles are all register tiles of a target.
func tiles(t target) (ts []tile) {
	mr, v := 14, 2
	if t == avx2 {
		mr = 6
	}
	for r := 1; r <= mr; r++ {
		ts = append(ts, tile{t, r, v, false})
	}
	for r := 1; r <= 4; r++ {
		v := 4
		if t == avx2 {
			v = 2
		}
		ts = append(ts, tile{t, r, v, true})
	}
	return
}

func (k tile) print() string {
	var w strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&w, "\t"+format+"\n", args...) }
	label := func(s string) { fmt.Fprintf(&w, "%s:\n", s) }
	bytes := 4 * k.lanes()
	names := []string{"a", "b", "c", "ldc", "k", "n", "acc"}
	regs := []string{"AX", "BX", "CX", "DX", "SI", "DI", "R8"}
	if k.inPlace {
		names = []string{"a", "b", "c", "ldb", "ldc", "k", "n", "acc"}
		regs = []string{"AX", "BX", "CX", "R10", "DX", "SI", "DI", "R8"}
	}
	fmt.Fprintf(&w, "// func %s(%s)\nTEXT ·%s(SB), NOSPLIT, $0-%d\n", k.name(), k.signature(), k.name(), 8*len(names))
	for i := range names {
		line("MOVQ %s+%d(FP), %s", names[i], 8*i, regs[i])
	}
	line("SHLQ $2, DX")
	if k.inPlace {
		line("SHLQ $2, R10")
	}
	sum := func(r, v int) string { return vreg(k.t, r*k.vectors+v) }
	n := k.rows * k.vectors
	colReg := func(v int) string { return vreg(k.t, n+v) }
	total := map[target]int{avx512: 32, avx2: 16}[k.t]
	bc := func(r int) string { return vreg(k.t, n+k.vectors+r%min(2, total-n-k.vectors)) }
	for i := range n {
		if k.t == avx512 {
			line("VPXORD %s, %s, %s", vreg(k.t, i), vreg(k.t, i), vreg(k.t, i))
		} else {
			line("VXORPS %s, %s, %s", vreg(k.t, i), vreg(k.t, i), vreg(k.t, i))
		}
	}
	// Masks of the last columns: K1.. under AVX-512, loaded when needed under AVX2.
	full := k.vectors * k.lanes()
	mask := func(v int) { // AVX2: Y15 = mask of vector v
		line("MOVQ DI, R11")
		if v > 0 {
			line("SUBQ $%d, R11", v*k.lanes())
		}
		line("XORL R12, R12")
		line("TESTQ R11, R11")
		line("CMOVQLT R12, R11")
		line("MOVL $%d, R12", k.lanes())
		line("CMPQ R11, R12")
		line("CMOVQGT R12, R11")
		line("LEAQ ·tailMask+32(SB), R12")
		line("SHLQ $2, R11")
		line("SUBQ R11, R12")
		line("VMOVUPS (R12), Y15")
	}
	masks := func() {
		if k.t == avx512 {
			line("MOVQ $-1, R11")
			line("SHLXQ DI, R11, R11")
			line("NOTQ R11")
			for v := range k.vectors {
				line("KMOVW R11, K%d", v+1)
				line("SHRQ $16, R11")
			}
		}
	}
	step := func(masked bool) {
		for v := range k.vectors {
			at := fmt.Sprintf("%d(BX)", v*bytes)
			switch {
			case !masked:
				line("VMOVUPS %s, %s", at, colReg(v))
			case k.t == avx512:
				line("VMOVUPS.Z %s, K%d, %s", at, v+1, colReg(v))
			default:
				mask(v)
				line("VMASKMOVPS %s, Y15, %s", at, colReg(v))
			}
		}
		for r := range k.rows {
			line("VBROADCASTSS %d(AX), %s", 4*r, bc(r))
			for v := range k.vectors {
				line("VFMADD231PS %s, %s, %s", colReg(v), bc(r), sum(r, v))
			}
		}
		line("ADDQ $%d, AX", 4*k.rows)
		if k.inPlace {
			line("ADDQ R10, BX")
		} else {
			line("ADDQ $%d, BX", k.vectors*bytes)
		}
	}
	line("TESTQ SI, SI")
	line("JZ sums")
	if k.inPlace {
		line("CMPQ DI, $%d", full)
		line("JLT edge")
		label("loop")
		line("PREFETCHT0 (BX)(R10*8)")
		if k.vectors*bytes > 64 {
			line("LEAQ (BX)(R10*8), R11")
			for o := 64; o < k.vectors*bytes; o += 64 {
				line("PREFETCHT0 %d(R11)", o)
			}
		}
		step(false)
		line("DECQ SI")
		line("JNZ loop")
		line("JMP sums")
		label("edge")
		masks()
		label("edgeLoop")
		step(true)
		line("DECQ SI")
		line("JNZ edgeLoop")
	} else {
		// B streams from L2 while A stays in L1.
		label("loop")
		line("PREFETCHT0 %d(BX)", 8*k.vectors*bytes)
		if k.vectors*bytes > 64 {
			line("PREFETCHT0 %d(BX)", 8*k.vectors*bytes+64)
		}
		step(false)
		line("DECQ SI")
		line("JNZ loop")
	}
	label("sums")
	line("CMPQ DI, $%d", full)
	line("JLT partial")
	line("TESTQ R8, R8")
	line("JZ store")
	line("MOVQ CX, R9")
	for r := range k.rows {
		for v := range k.vectors {
			line("VADDPS %d(R9), %s, %s", v*bytes, sum(r, v), sum(r, v))
		}
		if r < k.rows-1 {
			line("ADDQ DX, R9")
		}
	}
	label("store")
	for r := range k.rows {
		for v := range k.vectors {
			line("VMOVUPS %s, %d(CX)", sum(r, v), v*bytes)
		}
		if r < k.rows-1 {
			line("ADDQ DX, CX")
		}
	}
	line("VZEROUPPER")
	line("RET")
	label("partial")
	masks()
	if k.t == avx512 {
		line("TESTQ R8, R8")
		line("JZ storePartial")
		line("MOVQ CX, R9")
		for r := range k.rows {
			for v := range k.vectors {
				line("VADDPS %d(R9), %s, K%d, %s", v*bytes, sum(r, v), v+1, sum(r, v))
			}
			if r < k.rows-1 {
				line("ADDQ DX, R9")
			}
		}
		label("storePartial")
		for r := range k.rows {
			for v := range k.vectors {
				line("VMOVUPS %s, K%d, %d(CX)", sum(r, v), v+1, v*bytes)
			}
			if r < k.rows-1 {
				line("ADDQ DX, CX")
			}
		}
	} else {
		for v := range k.vectors {
			mask(v)
			skip := fmt.Sprintf("over%d", v)
			line("MOVQ CX, R9")
			line("TESTQ R8, R8")
			line("JZ %s", skip)
			for r := range k.rows {
				line("VMASKMOVPS %d(R9), Y15, Y14", v*bytes)
				line("VADDPS Y14, %s, %s", sum(r, v), sum(r, v))
				if r < k.rows-1 {
					line("ADDQ DX, R9")
				}
			}
			line("MOVQ CX, R9")
			label(skip)
			for r := range k.rows {
				line("VMASKMOVPS %s, Y15, %d(R9)", sum(r, v), v*bytes)
				if r < k.rows-1 {
					line("ADDQ DX, R9")
				}
			}
		}
	}
	line("VZEROUPPER")
	line("RET\n")
	return w.String()
}

func gemmAssembly(t target) []byte {
	var w strings.Builder
	w.WriteString(header + "#include \"textflag.h\"\n\n")
	for _, k := range tiles(t) {
		w.WriteString(k.print())
	}
	if t == avx512 {
		w.WriteString(packAVX512())
	} else {
		w.WriteString(packAVX2())
	}
	return []byte(w.String())
}

func gemmStubs() string {
	var w strings.Builder
	w.WriteString("package asm\n\n")
	for _, t := range []target{avx512, avx2} {
		for _, k := range tiles(t) {
			fmt.Fprintf(&w, "//go:noescape\nfunc %s(%s)\n\n", k.name(), k.signature())
		}
	}
	for _, t := range []target{avx512, avx2} {
		s := map[target]string{avx512: "AVX512", avx2: "AVX2"}[t]
		for _, inPlace := range []bool{false, true} {
			name, sig, args := "tile", "rows int, a, b, c *float32, ldc, k, n, acc int", "a, b, c, ldc, k, n, acc"
			if inPlace {
				name, sig, args = "row", "rows int, a, b, c *float32, ldb, ldc, k, n, acc int", "a, b, c, ldb, ldc, k, n, acc"
			}
			fmt.Fprintf(&w, "func %s%s(%s) {\n\tswitch rows {\n", name, s, sig)
			for _, k := range tiles(t) {
				if k.inPlace == inPlace {
					fmt.Fprintf(&w, "\tcase %d:\n\t\t%s(%s)\n", k.rows, k.name(), args)
				}
			}
			w.WriteString("\tdefault:\n\t\tpanic(\"asm: no tile of so many rows\")\n\t}\n}\n\n")
		}
	}
	return w.String()
}
