package asm

// PackRows serves Pack hooks whose K is contiguous: it writes src[offsets[i]+k] to dst[k*stride+i], i < len(offsets) <=
// MaxColumns, k < n. It may overwrite up to 16 floats of dst from each dst[k*stride] on that lie beyond the panel, before
// writing the next k; dst must reach so far, which what a Pack hook is given does.
func PackRows(dst []float32, stride int, src []float32, offsets []int, n int) {
	if n == 0 || len(offsets) == 0 {
		return
	}
	_ = [MaxColumns]struct{}{}[len(offsets)-1]
	for _, o := range offsets {
		_ = src[o : o+n]
	}
	packRows(dst, stride, src, offsets, n)
}

func packRowsGo(dst []float32, stride int, src []float32, offsets []int, from, to int) {
	for k := from; k < to; k++ {
		d := dst[k*stride:][:len(offsets)]
		for i, o := range offsets {
			d[i] = src[o+k]
		}
	}
}
