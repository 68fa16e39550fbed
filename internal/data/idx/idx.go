// Package idx reads the IDX format of the MNIST files: two zero bytes, a type, the number of axes, the sizes as big-endian 32-bit numbers,
// and the elements. The first axis counts the records. The format is described on the home page of MNIST (LeCun, Cortes, Burges 1998).
package idx

import (
	"encoding/binary"
	"fmt"
	"io"

	"modelc/internal/data/files"
)

// Array is the contents of a file of unsigned bytes.
type Array struct {
	Dims  []int64 // Dims[0] records
	Bytes []byte
}

// Read reads a whole file. The sizes of the header are checked against the size of the file before memory is taken for the elements.
func Read(r *files.Reader) (*Array, error) {
	dims, err := Header(r)
	if err != nil {
		return nil, err
	}
	n := int64(1)
	for _, d := range dims {
		if d != 0 && n > files.Max/d {
			return nil, fmt.Errorf("%s: the sizes %v in the header make more than %d bytes", r.Path, dims, files.Max)
		}
		n *= d
	}
	b, err := r.Full(n)
	if err != nil {
		return nil, err
	}
	return &Array{dims, b}, r.End()
}

var types = map[byte]string{0x09: "i8", 0x0b: "i16", 0x0c: "i32", 0x0d: "f32", 0x0e: "f64"}

// Header reads the sizes of a file.
func Header(r *files.Reader) ([]int64, error) {
	var b [4]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return nil, short(r.Path, err)
	}
	if b[0] != 0 || b[1] != 0 {
		return nil, fmt.Errorf("%s is no idx file: it begins with % x", r.Path, b)
	}
	if b[2] != 0x08 {
		if t, ok := types[b[2]]; ok {
			return nil, fmt.Errorf("%s: an idx file of %s elements; unsigned bytes are read", r.Path, t)
		}
		return nil, fmt.Errorf("%s is no idx file: type 0x%02x is unknown", r.Path, b[2])
	}
	if b[3] < 1 || b[3] > 8 {
		return nil, fmt.Errorf("%s: an idx file with %d axes; 1 to 8 are possible", r.Path, b[3])
	}
	dims := make([]int64, b[3])
	for i := range dims {
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return nil, short(r.Path, err)
		}
		dims[i] = int64(binary.BigEndian.Uint32(b[:]))
	}
	return dims, nil
}

func short(path string, err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("%s is no idx file: it ends within the header", path)
	}
	return err
}
