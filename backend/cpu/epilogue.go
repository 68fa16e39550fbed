package cpu

import (
	"unsafe"

	"modelc/backend/cpu/asm"
)

// An epilogue runs the kernel that follows a product on each part of the result as soon as that is finished, while it is near.
type epilogue struct {
	kernel *tileKernel
	out    location // of the product
	below  int64    // bytes of scratch that the kernel's registers take; the product's packed panels lie behind
	run    *call
}

// longestStretch is the most elements that a product finishes at a time.
const longestStretch = 512

// epilogue returns the one of the present step, or nil.
func (b *compiler) epilogue(out location) (*epilogue, error) {
	if b.after == nil {
		return nil, nil
	}
	outer := b.scratch
	b.scratch = 0
	k, err := b.tileKernel(b.after)
	below := (b.scratch + 63) &^ 63
	b.scratch = max(outer, below)
	if err != nil {
		return nil, err
	}
	if k.rows*k.chunk < min(int(k.inner[0]), longestStretch) {
		return nil, nil // its tiles are smaller than what the product finishes at a time
	}
	b.taken = true
	return &epilogue{kernel: k, out: out, below: below, run: b.call}, nil
}

// bytes is what the epilogue takes of each worker's scratch.
func (e *epilogue) bytes() int64 {
	if e == nil {
		return 0
	}
	return e.below
}

// hook is what the product calls; nil for no epilogue.
func (e *epilogue) hook() asm.Epilogue {
	if e == nil {
		return nil
	}
	return func(id, _, _, _ int, c []float32) {
		w := e.run.workers[id]
		at := uintptr(unsafe.Pointer(&c[0])) - uintptr(w.at(&e.out))
		e.kernel.stretch(w, int(at/4), len(c))
	}
}

func (e *epilogue) open(w *worker) {
	if e != nil {
		e.kernel.open(w)
	}
}
