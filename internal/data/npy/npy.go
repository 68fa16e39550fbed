// Package npy reads NumPy's .npy format, versions 1 to 3: a magic text, a header with element type, order and shape, and the elements. The format is
// NEP 1 of NumPy. Only plain numbers are read: an object array is a pickle, which could run any code, and is refused.
package npy

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"

	"modelc/internal/data/files"
)

// Array is the contents of a file. Exactly one of U8, Ints and Floats is set.
type Array struct {
	Type   string // as the file says it: "<f4", "|u1", …
	Dims   []int64
	U8     []uint8 // u1 and b1
	Ints   []int64
	Floats []float64
}

var (
	descr   = regexp.MustCompile(`'descr'\s*:\s*'([^']*)'`)
	fortran = regexp.MustCompile(`'fortran_order'\s*:\s*(True|False)`)
	shape   = regexp.MustCompile(`'shape'\s*:\s*\(([^)]*)\)`)
)

// Read reads a whole file. The shape is checked against the size of the file before memory is taken.
func Read(r *files.Reader) (*Array, error) {
	var pre [8]byte
	if _, err := io.ReadFull(r, pre[:]); err != nil {
		return nil, short(r.Path, err)
	}
	if string(pre[:6]) != "\x93NUMPY" {
		switch {
		case pre[0] == 0x80 && pre[1] <= 5:
			return nil, fmt.Errorf("%s is a Python pickle, which is never read: it could run any code; save it with numpy.save", r.Path)
		case string(pre[:2]) == "PK":
			return nil, fmt.Errorf("%s is a zip archive (.npz or .pt); save each array with numpy.save", r.Path)
		}
		return nil, fmt.Errorf("%s is no npy file", r.Path)
	}
	size := 2
	if pre[6] >= 2 {
		size = 4
	}
	if pre[6] < 1 || pre[6] > 3 {
		return nil, fmt.Errorf("%s: version %d of the npy format is unknown", r.Path, pre[6])
	}
	var n [4]byte
	if _, err := io.ReadFull(r, n[:size]); err != nil {
		return nil, short(r.Path, err)
	}
	length := int64(binary.LittleEndian.Uint32(n[:]))
	if length > 1<<16 {
		return nil, fmt.Errorf("%s: a header of %d bytes; at most %d are read", r.Path, length, 1<<16)
	}
	head, err := r.Full(length)
	if err != nil {
		return nil, err
	}
	a := &Array{}
	text := string(head)
	d, f, s := descr.FindStringSubmatch(text), fortran.FindStringSubmatch(text), shape.FindStringSubmatch(text)
	if f == nil || s == nil {
		return nil, fmt.Errorf("%s: the header gives no shape and order", r.Path)
	}
	if d == nil {
		return nil, fmt.Errorf("%s: an array of records; arrays of plain numbers are read", r.Path)
	}
	a.Type = d[1]
	if f[1] == "True" {
		return nil, fmt.Errorf("%s: the array is in Fortran order; save numpy.ascontiguousarray(a)", r.Path)
	}
	count := int64(1)
	for _, part := range strings.Split(s[1], ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		k, err := strconv.ParseInt(strings.TrimSuffix(part, "L"), 10, 64)
		if err != nil || k < 0 {
			return nil, fmt.Errorf("%s: %q is no size of a shape", r.Path, part)
		}
		if k != 0 && count > files.Max/k {
			return nil, fmt.Errorf("%s: the shape (%s) is too large", r.Path, s[1])
		}
		count *= k
		a.Dims = append(a.Dims, k)
	}
	if len(a.Dims) == 0 {
		return nil, fmt.Errorf("%s: an array without axes has no rows", r.Path)
	}
	if len(a.Dims) > 12 {
		return nil, fmt.Errorf("%s: %d axes, at most 12 are possible", r.Path, len(a.Dims))
	}
	return a, a.elements(r, count)
}

func (a *Array) elements(r *files.Reader, count int64) error {
	t := a.Type
	if strings.HasSuffix(t, "O") {
		return fmt.Errorf("%s: an array of Python objects is a pickle, which is never read: it could run any code", r.Path)
	}
	if len(t) < 3 || !strings.ContainsRune("<>|=", rune(t[0])) {
		return fmt.Errorf("%s: elements of type %q are not read", r.Path, t)
	}
	var order binary.ByteOrder = binary.LittleEndian
	if t[0] == '>' {
		order = binary.BigEndian
	}
	var width int64
	var integer func(b []byte) int64
	var float func(b []byte) float64
	switch t[1:] {
	case "b1", "u1":
		width = 1
	case "i1":
		width, integer = 1, func(b []byte) int64 { return int64(int8(b[0])) }
	case "i2":
		width, integer = 2, func(b []byte) int64 { return int64(int16(order.Uint16(b))) }
	case "u2":
		width, integer = 2, func(b []byte) int64 { return int64(order.Uint16(b)) }
	case "i4":
		width, integer = 4, func(b []byte) int64 { return int64(int32(order.Uint32(b))) }
	case "u4":
		width, integer = 4, func(b []byte) int64 { return int64(order.Uint32(b)) }
	case "i8":
		width, integer = 8, func(b []byte) int64 { return int64(order.Uint64(b)) }
	case "f4":
		width, float = 4, func(b []byte) float64 { return float64(math.Float32frombits(order.Uint32(b))) }
	case "f8":
		width, float = 8, func(b []byte) float64 { return math.Float64frombits(order.Uint64(b)) }
	default:
		return fmt.Errorf("%s: elements of type %q are not read; convert with astype", r.Path, t)
	}
	if count > files.Max/8 {
		return fmt.Errorf("%s: %d elements are too many", r.Path, count)
	}
	b, err := r.Full(count * width)
	if err != nil {
		return err
	}
	if err := r.End(); err != nil {
		return err
	}
	switch {
	case integer != nil:
		a.Ints = make([]int64, count)
		for i := range a.Ints {
			a.Ints[i] = integer(b[int64(i)*width:])
		}
	case float != nil:
		a.Floats = make([]float64, count)
		for i := range a.Floats {
			a.Floats[i] = float(b[int64(i)*width:])
		}
	default:
		if t[1] == 'b' {
			for i, x := range b {
				if x > 1 {
					return fmt.Errorf("%s: element %d of a bool array is %d", r.Path, i, x)
				}
			}
		}
		a.U8 = b
	}
	return nil
}

func short(path string, err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("%s is no npy file: it ends within the header", path)
	}
	return err
}
