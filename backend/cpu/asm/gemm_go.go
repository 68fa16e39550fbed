package asm

import "unsafe"

var goKernels = gemmKernels{
	mr: 8, nr: 16, nrow: 64,
	tile: func(rows int, a, b, c *float32, ldc, k, n, acc int) { tileGo(rows, a, b, c, 16, ldc, k, n, acc) },
	row:  tileGo,
}

func tileGo(rows int, a, b, c *float32, ldb, ldc, k, n, acc int) {
	cs := unsafe.Slice(c, (rows-1)*ldc+n)
	var as, bs []float32
	if k > 0 {
		as, bs = unsafe.Slice(a, k*rows), unsafe.Slice(b, (k-1)*ldb+n)
	}
	for r := range rows {
		var sum [64]float32
		for q := range k {
			v := as[q*rows+r]
			for j, w := range bs[q*ldb:][:n] {
				sum[j] = fma32(v, w, sum[j])
			}
		}
		row := cs[r*ldc:][:n]
		if acc != 0 {
			for j, v := range sum[:n] {
				row[j] += v
			}
		} else {
			copy(row, sum[:n])
		}
	}
}

// packGo writes src[at + i*step + k*depth] to dst[k*stride + i], i < width, k < n.
func packGo(dst []float32, stride int, src []float32, at, step, depth, width, n int) {
	for k := range n {
		d := dst[k*stride:][:width]
		q := at + k*depth
		for i := range d {
			d[i] = src[q]
			q += step
		}
	}
}
