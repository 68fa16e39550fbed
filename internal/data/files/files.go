// Package files opens what an experiment reads. A path is looked for in a list of folders; only regular files are opened (a pipe or a device could
// give bytes for ever), a compressed file is recognised by its first bytes, and no more is read than a cap allows. Memory follows the bytes that really
// come, never a size that a header declares.
package files

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Max is the largest file that is read, and the most that a compressed one may unpack to, in bytes.
const Max = int64(8) << 30

// Find returns the first of the folders' path that exists. An absolute path is taken as it is. The error of a missing file names all places searched.
func Find(path string, dirs []string) (string, error) {
	if path == "" {
		return "", errors.New("an empty path names no file")
	}
	if strings.ContainsRune(path, 0) {
		return "", fmt.Errorf("%q is no path", path)
	}
	var tried []string
	if filepath.IsAbs(path) {
		dirs = []string{""}
	}
	for _, dir := range dirs {
		full := filepath.Join(dir, path)
		_, err := os.Stat(full)
		if err == nil {
			return full, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", plain(full, err)
		}
		tried = append(tried, full)
	}
	return "", fmt.Errorf("%s is not there; searched: %s", path, strings.Join(tried, ", "))
}

// plain is the error without the name of the system call.
func plain(path string, err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return fmt.Errorf("%s: %w", path, err)
}

// Regular refuses what is not a regular file and returns its size.
func Regular(path string) (int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, plain(path, err)
	}
	return regular(path, info)
}

func regular(path string, info fs.FileInfo) (int64, error) {
	mode := info.Mode()
	switch {
	case mode.IsRegular():
	case mode.IsDir():
		return 0, fmt.Errorf("%s is a folder, not a file", path)
	case mode&fs.ModeNamedPipe != 0:
		return 0, fmt.Errorf("%s is a pipe, not a regular file", path)
	case mode&fs.ModeDevice != 0:
		return 0, fmt.Errorf("%s is a device, not a regular file", path)
	default:
		return 0, fmt.Errorf("%s is not a regular file", path)
	}
	if info.Size() > Max {
		return 0, fmt.Errorf("%s has %d bytes, at most %d can be read", path, info.Size(), Max)
	}
	return info.Size(), nil
}

// Reader gives the bytes of a file, unpacked where it is compressed.
type Reader struct {
	Path string
	// Limit is an upper bound of the bytes to come: the size of a plain file; for a compressed one what its size can unpack to at most.
	Limit int64
	in    io.Reader
	left  int64
	close []io.Closer
}

// expansion is the most that deflate can unpack a byte to.
const expansion = 1032

// Open opens a regular file, plain or gzip.
func Open(path string) (*Reader, error) {
	size, err := Regular(path)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, plain(path, err)
	}
	// The file may have been exchanged since it was looked at.
	info, err := f.Stat()
	if err == nil {
		size, err = regular(path, info)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	r, err := unpack(path, f, size)
	if err != nil {
		f.Close()
		return nil, err
	}
	r.close = append(r.close, f)
	return r, nil
}

// Bytes opens contents that are in memory already.
func Bytes(name string, contents io.Reader, size int64) (*Reader, error) {
	return unpack(name, contents, size)
}

func unpack(path string, f io.Reader, size int64) (*Reader, error) {
	b := bufio.NewReaderSize(f, 1<<16)
	magic, err := b.Peek(2)
	if err != nil && err != io.EOF {
		return nil, plain(path, err)
	}
	if len(magic) < 2 || magic[0] != 0x1f || magic[1] != 0x8b {
		return &Reader{Path: path, Limit: size, in: b, left: size}, nil
	}
	z, err := gzip.NewReader(b)
	if err != nil {
		return nil, fmt.Errorf("%s: damaged gzip file: %w", path, err)
	}
	limit := min(Max, size*expansion)
	return &Reader{Path: path, Limit: limit, in: z, left: limit, close: []io.Closer{z}}, nil
}

// Read gives bytes; more than Limit is an error.
func (r *Reader) Read(p []byte) (int, error) {
	if r.left <= 0 {
		var one [1]byte
		n, err := r.in.Read(one[:])
		if n > 0 {
			return 0, fmt.Errorf("%s gives more than %d bytes", r.Path, r.Limit)
		}
		if err == nil {
			return 0, nil
		}
		return 0, r.explain(err)
	}
	if int64(len(p)) > r.left {
		p = p[:r.left]
	}
	n, err := r.in.Read(p)
	r.left -= int64(n)
	return n, r.explain(err)
}

func (r *Reader) explain(err error) error {
	switch {
	case err == nil || err == io.EOF:
		return err
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader):
		return fmt.Errorf("%s: the gzip file is cut off or damaged", r.Path)
	}
	return plain(r.Path, err)
}

// Full reads exactly n bytes in steps, so that a file which declares more than it holds costs no more memory than it has.
func (r *Reader) Full(n int64) ([]byte, error) {
	if n > r.Limit {
		return nil, fmt.Errorf("%s declares %d bytes of data, but has at most %d", r.Path, n, r.Limit)
	}
	const step = int64(64) << 20
	out := make([]byte, 0, min(n, step))
	for int64(len(out)) < n {
		m := min(n-int64(len(out)), step)
		if int64(cap(out)-len(out)) < m {
			// Doubling: at most twice what has really come.
			grown := make([]byte, len(out), min(n, int64(2*cap(out))))
			copy(grown, out)
			out = grown
			m = min(m, int64(cap(out)-len(out)))
		}
		k, err := io.ReadFull(r, out[len(out):len(out)+int(m)])
		out = out[:len(out)+k]
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil, fmt.Errorf("%s is cut off: %d bytes of data are declared, %d are there", r.Path, n, len(out))
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// End is nil if all bytes were read, else an error that says there are more.
func (r *Reader) End() error {
	var one [1]byte
	for {
		n, err := r.Read(one[:])
		if n > 0 {
			return fmt.Errorf("%s has more bytes than its header declares", r.Path)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// All reads the rest, at most limit bytes.
func (r *Reader) All(limit int64) ([]byte, error) {
	var out []byte
	if r.Limit <= limit && len(r.close) == 1 {
		out = make([]byte, 0, r.Limit+1) // a plain file: its size is known
	} else {
		out = make([]byte, 0, 1<<16)
	}
	for {
		if len(out) == cap(out) {
			out = append(out, 0)[:len(out)]
		}
		n, err := r.Read(out[len(out):cap(out)])
		out = out[:len(out)+n]
		if int64(len(out)) > limit {
			return nil, fmt.Errorf("%s has more than %d bytes, the most that can be read", r.Path, limit)
		}
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// Close closes the file.
func (r *Reader) Close() error {
	var first error
	for _, c := range r.close {
		if err := c.Close(); err != nil && first == nil {
			first = err
		}
	}
	return first
}
