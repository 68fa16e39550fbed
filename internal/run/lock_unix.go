//go:build unix

package run

import (
	"errors"
	"os"
	"syscall"
)

// lock is held by the kernel, which lets go of it when the process ends, however it ends.
type lock struct{ file *os.File }

func lockFile(path string) (*lock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.New("another modelc is writing it")
		}
		return nil, err
	}
	return &lock{f}, nil
}

func (l *lock) release() { _ = l.file.Close() }
