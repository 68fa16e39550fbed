//go:build !linux

package pool

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// sleeper puts goroutines to sleep until a word changes.
type sleeper struct {
	mu   sync.Mutex
	cond *sync.Cond
}

func (s *sleeper) sleep(word *atomic.Uint32, seen uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cond == nil {
		s.cond = sync.NewCond(&s.mu)
	}
	for word.Load() == seen {
		s.cond.Wait()
	}
}

func (s *sleeper) wake(*atomic.Uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cond != nil {
		s.cond.Broadcast()
	}
}

// yield lets another goroutine have this processor.
func yield() { runtime.Gosched() }
