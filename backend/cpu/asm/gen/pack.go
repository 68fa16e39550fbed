package main

import (
	"fmt"
	"strings"
)

// The packing routines. Panels are written k by k: dst[k*stride + i] for the panel's rows (or columns) i.
//
// packTurn reads panels whose K is contiguous: up to a vector's lanes of rows at src + offsets[i] bytes, transposed in
// registers. Rows beyond the panel repeat the last one, and each store writes a full vector, so that it may spill over into
// the next k's place, which is written later, or into the slack behind the last.
//
//	DI: dst   SI: src   DX: offsets, one per lane   CX: steps of K   R8: dst's stride in bytes
func packAVX512() string {
	var w strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&w, "\t"+format+"\n", args...) }
	w.WriteString("// func packTurnAVX512(dst, src *float32, offsets *[16]int, n, stride int)\nTEXT ·packTurnAVX512(SB), NOSPLIT, $0-40\n")
	for i, a := range []string{"dst", "src", "offsets", "n", "stride"} {
		line("MOVQ %s+%d(FP), %s", a, 8*i, []string{"DI", "SI", "DX", "CX", "R8"}[i])
	}
	transpose := func() {
		// Z0..Z15 hold rows; after four rounds of exchanges, output k lies in the register that out names.
		for i := 0; i < 16; i += 2 { // pairs of floats: (r0k0 r1k0 r0k1 r1k1)
			line("VUNPCKLPS Z%d, Z%d, Z%d", i+1, i, 16+i)
			line("VUNPCKHPS Z%d, Z%d, Z%d", i+1, i, 17+i)
		}
		for i := 0; i < 16; i += 4 { // four rows: Zi+q holds k = 4b+q in 128-bit block b
			line("VUNPCKLPD Z%d, Z%d, Z%d", 18+i, 16+i, i)
			line("VUNPCKHPD Z%d, Z%d, Z%d", 18+i, 16+i, i+1)
			line("VUNPCKLPD Z%d, Z%d, Z%d", 19+i, 17+i, i+2)
			line("VUNPCKHPD Z%d, Z%d, Z%d", 19+i, 17+i, i+3)
		}
		for q := range 4 { // blocks b = 0, 2 and 1, 3 of rows 0-7 and 8-15
			line("VSHUFF32X4 $0x88, Z%d, Z%d, Z%d", 4+q, q, 16+q)
			line("VSHUFF32X4 $0xdd, Z%d, Z%d, Z%d", 4+q, q, 20+q)
			line("VSHUFF32X4 $0x88, Z%d, Z%d, Z%d", 12+q, 8+q, 24+q)
			line("VSHUFF32X4 $0xdd, Z%d, Z%d, Z%d", 12+q, 8+q, 28+q)
		}
		for q := range 4 {
			line("VSHUFF32X4 $0x88, Z%d, Z%d, Z%d", 24+q, 16+q, q)    // k = q
			line("VSHUFF32X4 $0x88, Z%d, Z%d, Z%d", 28+q, 20+q, 4+q)  // k = 4+q
			line("VSHUFF32X4 $0xdd, Z%d, Z%d, Z%d", 24+q, 16+q, 8+q)  // k = 8+q
			line("VSHUFF32X4 $0xdd, Z%d, Z%d, Z%d", 28+q, 20+q, 12+q) // k = 12+q
		}
	}
	line("SUBQ $16, CX")
	line("JLT tail")
	w.WriteString("loop:\n")
	for i := range 16 {
		line("MOVQ %d(DX), R%d", 8*i, 10+i%4)
		line("VMOVUPS (SI)(R%d*1), Z%d", 10+i%4, i)
	}
	transpose()
	for i := range 16 {
		line("VMOVUPS Z%d, (DI)", i)
		line("ADDQ R8, DI")
	}
	line("ADDQ $64, SI")
	line("SUBQ $16, CX")
	line("JGE loop")
	w.WriteString("tail:\n")
	line("ADDQ $16, CX")
	line("JZ done")
	line("MOVL $1, BX")
	line("SHLL CX, BX")
	line("DECL BX")
	line("KMOVW BX, K1")
	for i := range 16 {
		line("MOVQ %d(DX), R%d", 8*i, 10+i%4)
		line("VMOVUPS.Z (SI)(R%d*1), K1, Z%d", 10+i%4, i)
	}
	transpose()
	for i := range 15 {
		line("VMOVUPS Z%d, (DI)", i)
		line("ADDQ R8, DI")
		line("DECQ CX")
		line("JZ done")
	}
	w.WriteString("done:\n")
	line("VZEROUPPER")
	line("RET\n")

	// Panels whose rows are contiguous: copy width floats per k; R9 is the source's stride in bytes.
	w.WriteString("// func packCopyAVX512(dst, src *float32, width, n, stride, step int)\nTEXT ·packCopyAVX512(SB), NOSPLIT, $0-48\n")
	for i, a := range []string{"dst", "src", "width", "n", "stride", "step"} {
		line("MOVQ %s+%d(FP), %s", a, 8*i, []string{"DI", "SI", "DX", "CX", "R8", "R9"}[i])
	}
	line("CMPQ DX, $32")
	line("JEQ whole")
	line("MOVQ $-1, R11")
	line("SHLXQ DX, R11, R11")
	line("NOTQ R11")
	line("KMOVW R11, K1")
	line("SHRQ $16, R11")
	line("KMOVW R11, K2")
	line("CMPQ DX, $16")
	line("JGT wide")
	w.WriteString("narrow:\n")
	line("VMOVUPS.Z (SI), K1, Z0")
	line("VMOVUPS Z0, (DI)")
	line("ADDQ R9, SI")
	line("ADDQ R8, DI")
	line("DECQ CX")
	line("JNZ narrow")
	line("VZEROUPPER")
	line("RET")
	w.WriteString("wide:\n")
	line("VMOVUPS (SI), Z0")
	line("VMOVUPS.Z 64(SI), K2, Z1")
	line("VMOVUPS Z0, (DI)")
	line("VMOVUPS Z1, 64(DI)")
	line("ADDQ R9, SI")
	line("ADDQ R8, DI")
	line("DECQ CX")
	line("JNZ wide")
	line("VZEROUPPER")
	line("RET")
	w.WriteString("whole:\n")
	line("PREFETCHT0 (SI)(R9*8)")
	line("VMOVUPS (SI), Z0")
	line("VMOVUPS 64(SI), Z1")
	line("VMOVUPS Z0, (DI)")
	line("VMOVUPS Z1, 64(DI)")
	line("ADDQ R9, SI")
	line("ADDQ R8, DI")
	line("DECQ CX")
	line("JNZ whole")
	line("VZEROUPPER")
	line("RET\n")
	// Panels whose columns lie at lists of offsets: lanes of a vector at src + rows[k] + base, the offsets in floats and stride in bytes. Lanes outside of
	// the mask are neither read nor written.
	w.WriteString("// func packLanesAVX512(dst, src *float32, rows *int, n, stride, base, mask int)\nTEXT ·packLanesAVX512(SB), NOSPLIT, $0-56\n")
	for i, a := range []string{"dst", "src", "rows", "n", "stride", "base", "mask"} {
		line("MOVQ %s+%d(FP), %s", a, 8*i, []string{"DI", "SI", "DX", "CX", "R8", "R9", "R11"}[i])
	}
	line("KMOVW R11, K1")
	line("LEAQ (SI)(R9*4), SI")
	line("SUBQ $4, CX")
	line("JLT rest")
	w.WriteString("four:\n")
	for i := range 4 {
		line("MOVQ %d(DX), R%d", 8*i, 10+i)
	}
	for i := range 4 {
		line("VMOVUPS.Z (SI)(R%d*4), K1, Z%d", 10+i, i)
	}
	for i := range 4 {
		line("VMOVUPS Z%d, K1, (DI)", i)
		line("ADDQ R8, DI")
	}
	line("ADDQ $32, DX")
	line("SUBQ $4, CX")
	line("JGE four")
	w.WriteString("rest:\n")
	line("ADDQ $4, CX")
	line("JZ end")
	w.WriteString("one:\n")
	line("MOVQ (DX), R10")
	line("VMOVUPS.Z (SI)(R10*4), K1, Z0")
	line("VMOVUPS Z0, K1, (DI)")
	line("ADDQ R8, DI")
	line("ADDQ $8, DX")
	line("DECQ CX")
	line("JNZ one")
	w.WriteString("end:\n")
	line("VZEROUPPER")
	line("RET\n")

	// The same with any offsets of the lanes, relative to base.
	w.WriteString("// func packGatherAVX512(dst, src *float32, rows *int, n, stride, base, mask int, lanes *[16]int32)\nTEXT ·packGatherAVX512(SB), NOSPLIT, $0-64\n")
	for i, a := range []string{"dst", "src", "rows", "n", "stride", "base", "mask", "lanes"} {
		line("MOVQ %s+%d(FP), %s", a, 8*i, []string{"DI", "SI", "DX", "CX", "R8", "R9", "R11", "R12"}[i])
	}
	line("LEAQ (SI)(R9*4), SI")
	line("VMOVDQU32 (R12), Z1")
	line("KMOVW R11, K1")
	w.WriteString("gather:\n")
	line("MOVQ (DX), R10")
	line("LEAQ (SI)(R10*4), R10")
	line("KMOVW R11, K2")
	line("VPXORD Z0, Z0, Z0")
	line("VGATHERDPS (R10)(Z1*4), K2, Z0")
	line("VMOVUPS Z0, K1, (DI)")
	line("ADDQ R8, DI")
	line("ADDQ $8, DX")
	line("DECQ CX")
	line("JNZ gather")
	line("VZEROUPPER")
	line("RET\n")
	return w.String()
}

// packAVX2 has the turning half alone: 8 rows, whole vectors of K.
func packAVX2() string {
	var w strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&w, "\t"+format+"\n", args...) }
	w.WriteString("// func packTurnAVX2(dst, src *float32, offsets *[16]int, n, stride int)\nTEXT ·packTurnAVX2(SB), NOSPLIT, $0-40\n")
	for i, a := range []string{"dst", "src", "offsets", "n", "stride"} {
		line("MOVQ %s+%d(FP), %s", a, 8*i, []string{"DI", "SI", "DX", "CX", "R8"}[i])
	}
	line("SHRQ $3, CX")
	line("JZ done")
	w.WriteString("loop:\n")
	for i := range 8 {
		line("MOVQ %d(DX), R%d", 8*i, 10+i%4)
		line("VMOVUPS (SI)(R%d*1), Y%d", 10+i%4, i)
	}
	for i := 0; i < 8; i += 2 {
		line("VUNPCKLPS Y%d, Y%d, Y%d", i+1, i, 8+i)
		line("VUNPCKHPS Y%d, Y%d, Y%d", i+1, i, 9+i)
	}
	for i := 0; i < 8; i += 4 {
		line("VUNPCKLPD Y%d, Y%d, Y%d", 10+i, 8+i, i)
		line("VUNPCKHPD Y%d, Y%d, Y%d", 10+i, 8+i, i+1)
		line("VUNPCKLPD Y%d, Y%d, Y%d", 11+i, 9+i, i+2)
		line("VUNPCKHPD Y%d, Y%d, Y%d", 11+i, 9+i, i+3)
	}
	for q := range 4 {
		line("VPERM2F128 $0x20, Y%d, Y%d, Y%d", 4+q, q, 8+q)
		line("VPERM2F128 $0x31, Y%d, Y%d, Y%d", 4+q, q, 12+q)
	}
	for i := range 8 {
		line("VMOVUPS Y%d, (DI)", 8+i)
		line("ADDQ R8, DI")
	}
	line("ADDQ $32, SI")
	line("DECQ CX")
	line("JNZ loop")
	w.WriteString("done:\n")
	line("VZEROUPPER")
	line("RET\n")
	return w.String()
}
