package pool

import (
	"sync/atomic"
	"syscall"
	"unsafe"
)

// sleeper puts threads to sleep on a word of memory by futex(2). A channel would do, but the goroutine that it readies lands
// in the run queue of the worker's processor, whose thread never lets go: another thread must steal it, after a nap of
// some 50 µs.
type sleeper struct{}

const (
	futexWaitPrivate = 128
	futexWakePrivate = 129
)

// sleep returns when the word may no longer be seen.
func (sleeper) sleep(word *atomic.Uint32, seen uint32) {
	syscall.Syscall6(syscall.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWaitPrivate, uintptr(seen), 0, 0, 0)
}

func (sleeper) wake(word *atomic.Uint32) {
	syscall.Syscall6(syscall.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWakePrivate, 1<<30, 0, 0, 0)
}

// yield lets another thread have this core. A spinning worker is locked to its thread, so runtime.Gosched would cost a
// thread switch each way and still not help threads of other goroutines.
func yield() { syscall.RawSyscall(syscall.SYS_SCHED_YIELD, 0, 0, 0) }
