//go:build !unix

package run

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// lock is a file that is there as long as the run is written.
type lock struct{ path string }

func lockFile(path string) (*lock, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("another modelc is writing it; if none is, remove %s", path)
	}
	if err != nil {
		return nil, err
	}
	return &lock{path}, f.Close()
}

func (l *lock) release() { _ = os.Remove(l.path) }
