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

// PackColumns serves Pack hooks whose columns lie in runs, or anywhere: it writes src[rows[k]+columns[i]] to dst[k*stride+i], i < len(columns) <=
// MaxColumns. Both lists must ascend from 0 or more.
func PackColumns(dst []float32, stride int, src []float32, rows, columns []int) {
	if len(rows) == 0 || len(columns) == 0 {
		return
	}
	_ = [MaxColumns]struct{}{}[len(columns)-1]
	_, _ = src[rows[0]+columns[0]], src[rows[len(rows)-1]+columns[len(columns)-1]]
	packColumns(dst, stride, src, rows, columns)
}

func packColumnsGo(dst []float32, stride int, src []float32, rows, columns []int) {
	for i := 0; i < len(columns); {
		n, c := run(columns[i:]), columns[i]
		for k, r := range rows {
			copy(dst[k*stride+i:][:n], src[r+c:][:n])
		}
		i += n
	}
}

// run returns how many offsets from the first on are neighbours.
func run(offsets []int) int {
	n := 1
	for n < len(offsets) && offsets[n] == offsets[n-1]+1 {
		n++
	}
	return n
}
