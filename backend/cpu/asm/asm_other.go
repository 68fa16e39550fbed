//go:build !amd64

package asm

func kernelsFor(Level) *gemmKernels         { return &goKernels }
func sumOne(x []float32) float32            { return sumGo(x) }
func dotOne(x, y []float32) float32         { return dotGo(x, y) }
func maxOf(x []float32) float32             { return maxOfGo(x) }
func minOf(x []float32) float32             { return minOfGo(x) }
func (k Key) blocks(dst []uint32, n uint64) { k.blocksGo(dst, n) }

func pack(dst []float32, stride int, src []float32, at, step, depth, width, n int) {
	packGo(dst, stride, src, at, step, depth, width, n)
}

// Pause tells the processor that a loop spins.
func Pause() {}

// FlushDenormals makes the calling thread treat denormal floats as zero and returns whether the processor can. The caller
// must have locked its goroutine to the thread, and must not hand the thread back.
func FlushDenormals() bool { return false }

func packRows(dst []float32, stride int, src []float32, offsets []int, n int) {
	packRowsGo(dst, stride, src, offsets, 0, n)
}

func packColumns(dst []float32, stride int, src []float32, rows, columns []int) {
	packColumnsGo(dst, stride, src, rows, columns)
}

func dot4(sums *[4]float32, x, y []float32, stride int) { dot4Go(sums, x, y, stride) }

func maxPairs([]float32, []int32, []float32, []float32, int, int) int { return 0 }
