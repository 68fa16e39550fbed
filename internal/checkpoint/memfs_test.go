package checkpoint

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"syscall"
)

// memFS is a file system in memory that fails when it is told to. What is written stays in a cache until Sync; what is renamed, created or removed, until SyncDir. A
// crash keeps any part of what was not synced.
type memFS struct {
	now     map[string]*inode // as programs see it
	durable map[string]*inode // as the disk has it
	pending []dirOp
	ops     int
	failAt  int   // the operation that fails; 0: none
	fault   error // what it fails with; errKilled: so does everything behind it
	dead    bool
}

type inode struct{ cache, disk []byte }

type dirOp struct {
	name string
	node *inode // nil: removed
}

var errKilled = errors.New("killed")

func newMemFS() *memFS { return &memFS{now: map[string]*inode{}, durable: map[string]*inode{}} }

func (m *memFS) step() error {
	if m.dead {
		return errKilled
	}
	m.ops++
	if m.failAt != 0 && m.ops == m.failAt {
		m.dead = m.fault == errKilled
		return m.fault
	}
	return nil
}

func (m *memFS) set(name string, n *inode) {
	if n == nil {
		delete(m.now, name)
	} else {
		m.now[name] = n
	}
	m.pending = append(m.pending, dirOp{name, n})
}

func (m *memFS) MkdirAll(string) error { return m.step() }

func (m *memFS) Create(name string) (File, error) {
	if err := m.step(); err != nil {
		return nil, err
	}
	n := &inode{}
	m.set(name, n)
	return &memFile{m, n}, nil
}

type memFile struct {
	fs *memFS
	n  *inode
}

func (f *memFile) Write(p []byte) (int, error) {
	if err := f.fs.step(); err != nil {
		k := len(p) / 2 // a short write
		f.n.cache = append(f.n.cache, p[:k]...)
		return k, err
	}
	f.n.cache = append(f.n.cache, p...)
	return len(p), nil
}

func (f *memFile) Sync() error {
	if err := f.fs.step(); err != nil {
		return err
	}
	f.n.disk = bytes.Clone(f.n.cache)
	return nil
}

func (f *memFile) Close() error { return f.fs.step() }

func (m *memFS) Open(name string) (io.ReadCloser, int64, error) {
	if err := m.step(); err != nil {
		return nil, 0, err
	}
	n := m.now[name]
	if n == nil {
		return nil, 0, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return io.NopCloser(bytes.NewReader(n.cache)), int64(len(n.cache)), nil
}

func (m *memFS) Rename(from, to string) error {
	if err := m.step(); err != nil {
		return err
	}
	n := m.now[from]
	if n == nil {
		return fs.ErrNotExist
	}
	m.set(to, n)
	m.set(from, nil)
	return nil
}

func (m *memFS) Remove(name string) error {
	if err := m.step(); err != nil {
		return err
	}
	if m.now[name] == nil {
		return fs.ErrNotExist
	}
	m.set(name, nil)
	return nil
}

func (m *memFS) List(dir string) ([]string, error) {
	if err := m.step(); err != nil {
		return nil, err
	}
	var out []string
	for name := range m.now {
		if filepath.Dir(name) == dir {
			out = append(out, filepath.Base(name))
		}
	}
	slices.Sort(out)
	return out, nil
}

func (m *memFS) SyncDir(string) error {
	if err := m.step(); err != nil {
		return err
	}
	for _, op := range m.pending {
		m.apply(op)
	}
	m.pending = nil
	return nil
}

func (m *memFS) apply(op dirOp) {
	if op.node == nil {
		delete(m.durable, op.name)
	} else {
		m.durable[op.name] = op.node
	}
}

// crash is the disk after the machine has lost its power.
func (m *memFS) crash(r *rand.Rand) *memFS {
	for _, op := range m.pending {
		if r.IntN(2) == 0 {
			m.apply(op)
		}
	}
	out := newMemFS()
	nodes := map[*inode]*inode{}
	for name, n := range m.durable {
		if nodes[n] == nil {
			data := n.disk
			if !bytes.Equal(n.disk, n.cache) {
				data = n.cache[:r.IntN(len(n.cache)+1)]
			}
			nodes[n] = &inode{bytes.Clone(data), bytes.Clone(data)}
		}
		out.now[name], out.durable[name] = nodes[n], nodes[n]
	}
	return out
}

var errFull = &fs.PathError{Op: "write", Path: "disk", Err: syscall.ENOSPC}
