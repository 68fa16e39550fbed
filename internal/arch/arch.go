// Package arch holds the plan of the house: which package may import which. Its test reads the sources and compares. A change of the plan is a change of
// this table, on purpose and in review.
package arch

// Plan lists every package below the module, from the ground up, with the packages of ours that it may import and, behind a semicolon, those of others. A package stands below
// all that import it, so a line names only what stands above it in the list. "…/*" stands for the packages below a folder. Tests are free to import more.
const Plan = `
lang/source:                ; github.com/mattn/go-runewidth
lang/diag:                  lang/source
lang/syntax:                lang/source lang/diag ; github.com/alecthomas/participle/v2 github.com/alecthomas/participle/v2/lexer
stdlib:

ir:
ir/scalar:
ir/ops:                     ir ir/scalar ; gonum.org/v1/gonum/blas/blas64 gonum.org/v1/gonum/lapack/lapack64
ir/eval:                    ir ir/scalar ir/ops
ir/irtest:                  ir ir/scalar ir/ops ir/eval ; github.com/stretchr/testify/assert github.com/stretchr/testify/require
recipe:

compiler/size:
compiler/core:              lang/source compiler/size
compiler/resolve:           lang/source lang/diag lang/syntax stdlib
compiler/check:             lang/source lang/diag lang/syntax recipe compiler/size compiler/core compiler/resolve
compiler/grad:              ir ir/ops
compiler/lower:             lang/source lang/diag recipe ir ir/scalar ir/ops compiler/size compiler/core compiler/grad
compiler/opt:               ir ir/scalar ir/ops ir/eval
compiler:                   stdlib lang/source lang/diag lang/syntax recipe ir compiler/size compiler/core compiler/resolve compiler/check compiler/lower compiler/opt

backend:                    ir
backend/reference:          ir ir/eval backend
backend/kernel:             ir ir/scalar
backend/plan:               ir ir/scalar ir/ops backend/kernel
backend/cpu/asm:            ; golang.org/x/sys/cpu
backend/cpu/asm/gen:
backend/cpu/pool:           backend/cpu/asm ; golang.org/x/sys/unix
backend/cpu:                ir ir/scalar ir/ops backend backend/kernel backend/plan backend/cpu/asm backend/cpu/pool ; golang.org/x/sys/unix
backend/backendtest:        ir ir/scalar ir/ops ir/eval ir/irtest backend ; github.com/stretchr/testify/assert github.com/stretchr/testify/require

internal/arch:
internal/data/files:
internal/data/idx:          internal/data/files
internal/data/npy:          internal/data/files
internal/data/images:       internal/data/files ; golang.org/x/image/draw golang.org/x/image/bmp golang.org/x/image/webp
internal/data/table:        internal/data/files
internal/data/tokenizer:
internal/data/catalogue:    internal/data/files internal/data/table
internal/data:              recipe ir backend internal/data/*
internal/checkpoint:        ir
internal/report:            ; github.com/mattn/go-runewidth github.com/vbauerster/mpb/v8 github.com/vbauerster/mpb/v8/decor
internal/run:               recipe ir ir/ops backend internal/data internal/data/tokenizer internal/checkpoint internal/report
internal/docs:              lang/source lang/diag lang/syntax stdlib ir ir/scalar ir/ops compiler/check
internal/docs/gen:          internal/docs

cmd/modelc:                 lang/* stdlib recipe ir compiler compiler/lower backend backend/cpu backend/plan backend/reference internal/data internal/checkpoint internal/report internal/run ; github.com/alecthomas/kong github.com/mattn/go-runewidth github.com/rogpeppe/go-internal/diff
bench:                      lang/* stdlib recipe ir ir/eval compiler compiler/lower backend backend/cpu backend/cpu/asm backend/cpu/pool backend/reference internal/*
`

// Pure lists the packages that do no input or output: what they read comes in as bytes.
const Pure = `lang/source lang/syntax ir ir/scalar ir/ops ir/eval recipe compiler compiler/* backend backend/reference backend/kernel backend/plan`
