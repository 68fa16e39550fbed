package data

import (
	"bytes"
	"encoding/json"
	"image/color"
	"os"
	"path/filepath"
	"testing"

	"modelc/internal/data/files"
	"modelc/internal/data/idx"
	"modelc/internal/data/images"
	"modelc/internal/data/npy"
	"modelc/recipe"
)

func FuzzIdx(f *testing.F) {
	f.Add(idxFile([]uint32{2, 2}, []byte{1, 2, 3, 4}))
	f.Add(zipped(idxFile([]uint32{3}, []byte{1, 2, 3})))
	f.Add(idxFile([]uint32{1 << 31, 1 << 31}, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := files.Bytes("f", bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		if a, err := idx.Read(r); err == nil && product(a.Dims) != int64(len(a.Bytes)) {
			t.Fatalf("%v of %d bytes", a.Dims, len(a.Bytes))
		}
	})
}

func FuzzNpy(f *testing.F) {
	f.Add(npyFile("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1), }", make([]byte, 4)))
	f.Add(npyFile("{'descr': '|O', 'fortran_order': False, 'shape': (3,), }", nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := files.Bytes("f", bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		if a, err := npy.Read(r); err == nil && product(a.Dims) != int64(len(a.U8)+len(a.Ints)+len(a.Floats)) {
			t.Fatalf("%v", a.Dims)
		}
	})
}

func FuzzPicture(f *testing.F) {
	f.Add(pngFile(picture(3, 2, color.White)))
	f.Add(jpegFile(picture(9, 9, color.Black)))
	f.Add(pngHeader(65535, 65535))
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, w, err := images.Size(b); err != nil || h*w > 1<<20 {
			return
		}
		images.Decode(make([]byte, 3*25), b, 3, 5, 5, true)
	})
}

// FuzzFitted reads saved fits of any contents and applies those that are accepted.
func FuzzFitted(f *testing.F) {
	f.Add([]byte(`{"transforms":{"t":{"kind":"Char","size":4,"tokenizer":{"kind":"Char","size":4,"begin":-1,"end":-1,"unknown":3,"entries":["a"]}}}}`), "ab")
	f.Add([]byte(`{"transforms":{"t":{"kind":"Category","size":3,"values":[["a"]]}}}`), "b")
	f.Add([]byte(`{"transforms":{"t":{"kind":"BPE","tokenizer":{"kind":"BPE","size":300,"begin":-1,"end":-1,"unknown":-1,"merges":[[97,98]]}}}}`), "abab")
	f.Fuzz(func(t *testing.T, b []byte, text string) {
		var fitted Fitted
		if json.Unmarshal(b, &fitted) != nil {
			return
		}
		s := &Set{block: &recipe.Data{Name: "D"}, rows: 1, source: map[string]*values{"a": {kind: textsKind, rows: 1, texts: []string{text}}, "n": {kind: floatsKind, rows: 1, floats: []float64{3}}}}
		for name := range fitted.Transforms {
			for _, c := range []string{"a", "n"} {
				s.evaluator(&fitted).eval(op("fit:"+name, col(c)))
			}
		}
	})
}

// FuzzCSV opens files of any contents.
func FuzzCSV(f *testing.F) {
	f.Add([]byte("a,b\n1,x\n,y\n"))
	f.Add([]byte("a,b\n\"1\n"))
	f.Add([]byte("a,b\n1e999,x|y\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := t.TempDir()
		if os.WriteFile(filepath.Join(dir, "f.csv"), b, 0o644) != nil {
			t.Skip()
		}
		list := scalar("text")
		list.List = true
		d := &recipe.Data{Name: "D", Sources: []recipe.Source{{Kind: "csv", Paths: []string{"f.csv"}, Base: dir}},
			Columns:    []*recipe.Column{source("a", nullable("float")), source("b", list), derived("x", scalar("float"), op("fill", col("a"), num(0))), derived("h", tensor("float", 5), typed(tensor("float", 5), op("multi_hot", op("fit:c", col("b")))))},
			Transforms: []*recipe.Transform{{Name: "c", Kind: "Category", Size: 5, Inputs: []*recipe.Expr{col("b")}}},
			Split:      recipe.Split{By: "hash", Parts: []recipe.Part{{Name: "train", Share: 0.8}, {Name: "valid"}}}}
		Open(d, nil, Options{})
	})
}
