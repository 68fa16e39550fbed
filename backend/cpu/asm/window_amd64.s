#include "textflag.h"

// For 16 windows of 2 by 2: the even and the odd of 32 elements, and twice the lane.
DATA windowEven<>+0(SB)/4, $0
DATA windowEven<>+4(SB)/4, $2
DATA windowEven<>+8(SB)/4, $4
DATA windowEven<>+12(SB)/4, $6
DATA windowEven<>+16(SB)/4, $8
DATA windowEven<>+20(SB)/4, $10
DATA windowEven<>+24(SB)/4, $12
DATA windowEven<>+28(SB)/4, $14
DATA windowEven<>+32(SB)/4, $16
DATA windowEven<>+36(SB)/4, $18
DATA windowEven<>+40(SB)/4, $20
DATA windowEven<>+44(SB)/4, $22
DATA windowEven<>+48(SB)/4, $24
DATA windowEven<>+52(SB)/4, $26
DATA windowEven<>+56(SB)/4, $28
DATA windowEven<>+60(SB)/4, $30
GLOBL windowEven<>(SB), RODATA|NOPTR, $64

DATA windowOne<>+0(SB)/4, $1
GLOBL windowOne<>(SB), RODATA|NOPTR, $4

// func maxPairsAVX512(y *float32, at *int32, r0, r1 *float32, n, from, width int) bool
//
// Up to 16 windows. Z4 to Z7 are the four elements of each; the winner moves to Z4, its place to Z8.
TEXT ·maxPairsAVX512(SB), NOSPLIT, $0-57
	MOVQ y+0(FP), DI
	MOVQ at+8(FP), SI
	MOVQ r0+16(FP), R8
	MOVQ r1+24(FP), R9
	MOVQ n+32(FP), CX
	MOVQ from+40(FP), R10
	MOVQ width+48(FP), R11
	MOVQ $1, AX
	SHLQ CX, AX
	DECQ AX
	KMOVW AX, K3
	ADDQ CX, CX
	MOVQ $1, AX
	SHLQ CX, AX
	DECQ AX
	KMOVW AX, K1
	SHRQ $16, AX
	KMOVW AX, K2
	VMOVUPS.Z (R8), K1, Z4
	VMOVUPS.Z 64(R8), K2, Z1
	VMOVUPS.Z (R9), K1, Z6
	VMOVUPS.Z 64(R9), K2, Z3
	VMOVDQU32 windowEven<>(SB), Z10
	VPBROADCASTD windowOne<>(SB), Z9
	VPADDD Z9, Z10, Z11
	VMOVAPS Z4, Z5
	VMOVAPS Z6, Z7
	VPERMT2PS Z1, Z10, Z4
	VPERMT2PS Z1, Z11, Z5
	VPERMT2PS Z3, Z10, Z6
	VPERMT2PS Z3, Z11, Z7
	VCMPPS $3, Z5, Z4, K4
	VCMPPS $3, Z7, Z6, K5
	KORTESTW K4, K5
	JNE unordered
	VPBROADCASTD R10, Z8
	VPADDD Z10, Z8, Z8
	ADDQ R11, R10
	VPBROADCASTD R10, Z12
	VPADDD Z10, Z12, Z12
	VCMPPS $0x1e, Z4, Z5, K4
	VMOVAPS Z5, K4, Z4
	VPADDD Z9, Z8, K4, Z8
	VCMPPS $0x1e, Z6, Z7, K5
	VMOVAPS Z7, K5, Z6
	VPADDD Z9, Z12, K5, Z12
	VCMPPS $0x1e, Z4, Z6, K6
	VMOVAPS Z6, K6, Z4
	VMOVDQA32 Z12, K6, Z8
	VMOVUPS Z4, K3, (DI)
	VMOVDQU32 Z8, K3, (SI)
	VZEROUPPER
	MOVB $1, ret+56(FP)
	RET
unordered:
	VZEROUPPER
	MOVB $0, ret+56(FP)
	RET
