package data

import (
	"encoding/binary"
	"fmt"
)

// Hash identifies what was read: the contents of all rows, in order, and their splits. Runs with equal hashes see equal data.
func (s *Set) Hash() string {
	var h uint64
	var b [8]byte
	for _, x := range s.hash {
		binary.LittleEndian.PutUint64(b[:], x)
		h = hashBytes(h, b[:])
	}
	for _, name := range s.order {
		h = hashText(h, name)
		for _, row := range s.splits[name] {
			binary.LittleEndian.PutUint64(b[:], uint64(row))
			h = hashBytes(h, b[:])
		}
	}
	return fmt.Sprintf("%016x", mix(h, 0))
}
