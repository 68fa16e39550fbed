package checkpoint

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"modelc/ir"
)

// Tensor is a named tensor in host memory, little endian, row major.
type Tensor struct {
	Name  string
	Type  ir.Type
	Bytes []byte
}

// maxHeader bounds the JSON header of a file.
const maxHeader = 64 << 20

var errNotRegular = errors.New("it is no regular file")

var dtypeNames = map[ir.DType]string{
	ir.Bool: "BOOL", ir.U8: "U8", ir.I8: "I8", ir.I32: "I32", ir.I64: "I64", ir.U32: "U32", ir.U64: "U64",
	ir.F16: "F16", ir.BF16: "BF16", ir.F32: "F32", ir.F64: "F64",
}

func parseDType(name string) (ir.DType, bool) {
	for d, n := range dtypeNames {
		if n == name {
			return d, true
		}
	}
	return ir.Invalid, false
}

// Info is a tensor of a file: its type and where its bytes lie behind the header.
type Info struct {
	Name string
	Type ir.Type
	From int64
}

type headerEntry struct {
	DType   string   `json:"dtype"`
	Shape   []int64  `json:"shape"`
	Offsets [2]int64 `json:"data_offsets"`
}

// Write writes tensors in the safetensors format, in the order given.
func Write(w io.Writer, tensors []Tensor) error {
	var head bytes.Buffer
	head.WriteByte('{')
	seen := map[string]bool{}
	at := int64(0)
	for i, t := range tensors {
		if seen[t.Name] || t.Name == "__metadata__" {
			return fmt.Errorf("two tensors are called %q", t.Name)
		}
		seen[t.Name] = true
		if int64(len(t.Bytes)) != t.Type.Bytes() {
			return fmt.Errorf("the tensor %s is %v but has %d bytes", t.Name, t.Type, len(t.Bytes))
		}
		if i > 0 {
			head.WriteByte(',')
		}
		key, err := json.Marshal(t.Name)
		if err != nil {
			return err
		}
		shape := t.Type.Shape.Dims()
		if shape == nil {
			shape = []int64{}
		}
		value, err := json.Marshal(headerEntry{dtypeNames[t.Type.DType], shape, [2]int64{at, at + t.Type.Bytes()}})
		if err != nil {
			return err
		}
		head.Write(key)
		head.WriteByte(':')
		head.Write(value)
		at += t.Type.Bytes()
	}
	head.WriteByte('}')
	for head.Len()%8 != 0 {
		head.WriteByte(' ')
	}
	var n [8]byte
	binary.LittleEndian.PutUint64(n[:], uint64(head.Len()))
	if _, err := w.Write(n[:]); err != nil {
		return err
	}
	if _, err := w.Write(head.Bytes()); err != nil {
		return err
	}
	for _, t := range tensors {
		if _, err := w.Write(t.Bytes); err != nil {
			return err
		}
	}
	return nil
}

// ReadHeader reads the header of a file of the given size. The tensors come in the order of their bytes and cover the file to its end.
func ReadHeader(r io.Reader, size int64) ([]Info, error) {
	var first [8]byte
	if size < 8 {
		return nil, fmt.Errorf("it has %d bytes, a safetensors file has at least 8", size)
	}
	if _, err := io.ReadFull(r, first[:]); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint64(first[:])
	if n > maxHeader || int64(n) > size-8 {
		switch { // the first bytes of other files are lengths that cannot be
		case bytes.HasPrefix(first[:], []byte("PK\x03\x04")), first[0] == 0x80 && first[1] <= 5:
			return nil, errors.New("it is a PyTorch pickle, which can run any code and is never read; save it as safetensors: safetensors.torch.save_file(model.state_dict(), \"x.safetensors\")")
		case bytes.HasPrefix(first[:], []byte("\x89HDF")):
			return nil, errors.New("it is an HDF5 file; only safetensors files can be loaded")
		}
		return nil, fmt.Errorf("its header would have %d bytes; it is damaged or no safetensors file", n)
	}
	head := make([]byte, n)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	return parseHeader(head, size-8-int64(n))
}

// parseHeader reads the JSON of a header; data is the number of bytes behind it. Keys are read one by one, since two of one name would hide each other.
func parseHeader(head []byte, data int64) ([]Info, error) {
	d := json.NewDecoder(bytes.NewReader(head))
	open, err := d.Token()
	if err != nil || open != json.Delim('{') {
		return nil, errors.New("its header is no JSON object; it is damaged or no safetensors file")
	}
	var out []Info
	seen := map[string]bool{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("its header is damaged: %v", err)
		}
		name := key.(string) // a key of an object: the decoder gives nothing else
		if seen[name] {
			return nil, fmt.Errorf("its header names the tensor %q twice", name)
		}
		seen[name] = true
		if name == "__metadata__" {
			var skip map[string]string
			if err := d.Decode(&skip); err != nil {
				return nil, fmt.Errorf("its metadata is damaged: %v", err)
			}
			continue
		}
		var e headerEntry
		if err := d.Decode(&e); err != nil {
			return nil, fmt.Errorf("the header of the tensor %q is damaged: %v", name, err)
		}
		dt, ok := parseDType(e.DType)
		if !ok {
			return nil, fmt.Errorf("the tensor %q has the element type %q, which is not known", name, e.DType)
		}
		shape, err := ir.NewShape(e.Shape...)
		if err != nil {
			return nil, fmt.Errorf("the tensor %q: %v", name, err)
		}
		t := ir.Type{DType: dt, Shape: shape}
		if e.Offsets[0] < 0 || e.Offsets[1] > data || e.Offsets[1]-e.Offsets[0] != t.Bytes() {
			return nil, fmt.Errorf("the tensor %q is %v, but its bytes go from %d to %d of %d", name, t, e.Offsets[0], e.Offsets[1], data)
		}
		out = append(out, Info{name, t, e.Offsets[0]})
	}
	if _, err := d.Token(); err != nil {
		return nil, fmt.Errorf("its header is damaged: %v", err)
	}
	if rest := bytes.TrimRight(head[d.InputOffset():], " "); len(rest) > 0 {
		return nil, errors.New("its header has text behind its end")
	}
	slices.SortStableFunc(out, func(a, b Info) int {
		switch {
		case a.From != b.From:
			return int(min(1, max(-1, a.From-b.From)))
		default:
			return int(min(1, max(-1, a.Type.Bytes()-b.Type.Bytes())))
		}
	})
	at := int64(0)
	for _, x := range out {
		if x.From != at {
			return nil, fmt.Errorf("the bytes of the tensor %q begin at %d, those before it end at %d", x.Name, x.From, at)
		}
		at += x.Type.Bytes()
	}
	if at != data {
		return nil, fmt.Errorf("%d bytes follow the header, its tensors have %d; the file is cut or damaged", data, at)
	}
	return out, nil
}

// ReadFile reads all tensors of a safetensors file.
func ReadFile(fs FS, name string) ([]Tensor, error) {
	f, size, err := fs.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	infos, err := ReadHeader(f, size)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	out := make([]Tensor, len(infos))
	for i, x := range infos {
		out[i] = Tensor{x.Name, x.Type, make([]byte, x.Type.Bytes())}
		if _, err := io.ReadFull(f, out[i].Bytes); err != nil {
			return nil, fmt.Errorf("%s: the tensor %s: %w", name, x.Name, err)
		}
	}
	return out, nil
}

// MismatchError says in what tensors differ from those that a program has.
type MismatchError struct {
	Missing, Unexpected, Different []string
}

func (e *MismatchError) Error() string {
	var b strings.Builder
	b.WriteString("the saved tensors are those of another model")
	part := func(title string, list []string) {
		if len(list) == 0 {
			return
		}
		fmt.Fprintf(&b, "\n  %s (%d):", title, len(list))
		for i, s := range list {
			if i == 10 {
				fmt.Fprintf(&b, "\n    … and %d more", len(list)-i)
				break
			}
			b.WriteString("\n    " + s)
		}
	}
	part("of another size", e.Different)
	part("missing in the file", e.Missing)
	part("in the file and not in the model", e.Unexpected)
	return b.String()
}

// Match checks that tensors are exactly those wanted, by name and type, and returns them in the order of want; else the error is a *MismatchError.
func Match(tensors []Tensor, want []Info) ([]Tensor, error) {
	byName := map[string]int{}
	for i, t := range tensors {
		byName[t.Name] = i
	}
	e := &MismatchError{}
	out := make([]Tensor, len(want))
	used := map[string]bool{}
	for i, w := range want {
		k, ok := byName[w.Name]
		used[w.Name] = true
		switch {
		case !ok:
			e.Missing = append(e.Missing, fmt.Sprintf("%s %v", w.Name, w.Type))
		case tensors[k].Type != w.Type:
			e.Different = append(e.Different, fmt.Sprintf("%s: the file has %v, the model %v", w.Name, tensors[k].Type, w.Type))
		default:
			out[i] = tensors[k]
		}
	}
	for _, t := range tensors {
		if !used[t.Name] {
			e.Unexpected = append(e.Unexpected, fmt.Sprintf("%s %v", t.Name, t.Type))
		}
	}
	if e.Missing != nil || e.Unexpected != nil || e.Different != nil {
		return nil, e
	}
	return out, nil
}
