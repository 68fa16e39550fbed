package asm

//go:noescape
func packTurnAVX512(dst, src *float32, offsets *[16]int, n, stride int)

//go:noescape
func packCopyAVX512(dst, src *float32, width, n, stride, step int)

//go:noescape
func packLanesAVX512(dst, src *float32, rows *int, n, stride, base, mask int)

//go:noescape
func packGatherAVX512(dst, src *float32, rows *int, n, stride, base, mask int, lanes *[16]int32)

//go:noescape
func packTurnAVX2(dst, src *float32, offsets *[16]int, n, stride int)

var (
	avx512Kernels = gemmKernels{mr: 14, nr: 32, nrow: 64, tile: tileAVX512, row: rowAVX512}
	avx2Kernels   = gemmKernels{mr: 6, nr: 16, nrow: 16, tile: tileAVX2, row: rowAVX2}
)

func kernelsFor(l Level) *gemmKernels {
	return [...]*gemmKernels{&goKernels, &avx2Kernels, &avx512Kernels}[l]
}

// pack writes src[at + i*step + k*depth] to dst[k*stride + i], i < width <= 32, k < n. It may write slack beyond.
func pack(dst []float32, stride int, src []float32, at, step, depth, width, n int) {
	if n == 0 || width == 0 {
		return
	}
	switch {
	case level == AVX512 && step == 1:
		_ = src[at+(n-1)*depth+width-1]
		_ = dst[(n-1)*stride+(width+15)&^15-1]
		packCopyAVX512(&dst[0], &src[at], width, n, stride*4, depth*4)
	case level != Go && depth == 1:
		var offsets [MaxColumns]int
		for i := range width {
			offsets[i] = at + i*step
		}
		packRows(dst, stride, src, offsets[:width], n)
	default:
		packGo(dst, stride, src, at, step, depth, width, n)
	}
}

// packRows does PackRows' work on checked arguments.
func packRows(dst []float32, stride int, src []float32, offsets []int, n int) {
	lanes := 16
	if level == AVX2 {
		lanes = 8
	}
	for lo := 0; lo < len(offsets); lo += lanes {
		rows := offsets[lo:min(lo+lanes, len(offsets))]
		var at [16]int
		for i := range lanes {
			at[i] = 4 * rows[min(i, len(rows)-1)]
		}
		d := dst[lo:]
		switch level {
		case AVX512:
			_ = d[(n-1)*stride+15]
			packTurnAVX512(&d[0], &src[0], &at, n, stride*4)
		case AVX2:
			k := n &^ 7
			if k > 0 {
				_ = d[(k-1)*stride+7]
				packTurnAVX2(&d[0], &src[0], &at, k, stride*4)
			}
			packRowsGo(d, stride, src, rows, k, n)
		default:
			packRowsGo(d, stride, src, rows, 0, n)
		}
	}
}

// packColumns does PackColumns' work on checked arguments.
func packColumns(dst []float32, stride int, src []float32, rows, columns []int) {
	if level != AVX512 || columns[len(columns)-1]-columns[0] > 1<<28 {
		packColumnsGo(dst, stride, src, rows, columns)
		return
	}
	_ = dst[(len(rows)-1)*stride+len(columns)-1]
	for lo := 0; lo < len(columns); lo += 16 {
		part := columns[lo:min(lo+16, len(columns))]
		breaks := 0
		for i := 1; i < len(part); i++ {
			if part[i] != part[i-1]+1 {
				breaks++
			}
		}
		if breaks > 5 {
			var lanes [16]int32
			for i, c := range part {
				lanes[i] = int32(c - part[0])
			}
			packGatherAVX512(&dst[lo], &src[0], &rows[0], len(rows), stride*4, part[0], 1<<len(part)-1, &lanes)
			continue
		}
		for i := 0; i < len(part); {
			n := run(part[i:])
			packLanesAVX512(&dst[lo], &src[0], &rows[0], len(rows), stride*4, part[i]-i, (1<<n-1)<<i)
			i += n
		}
	}
}
