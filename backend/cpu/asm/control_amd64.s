#include "textflag.h"

// func Pause()
TEXT ·Pause(SB), NOSPLIT, $0-0
	PAUSE
	RET

// func FlushDenormals() bool
TEXT ·FlushDenormals(SB), NOSPLIT, $8-1
	STMXCSR mode-4(SP)
	ORL $0x8040, mode-4(SP) // flush to zero; denormals are zero
	LDMXCSR mode-4(SP)
	MOVB $1, ret+0(FP)
	RET
