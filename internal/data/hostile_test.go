package data

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"modelc/recipe"
)

func zipped(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	z.Write(b)
	z.Close()
	return out.Bytes()
}

func idxFile(dims []uint32, elements []byte) []byte {
	out := []byte{0, 0, 8, byte(len(dims))}
	for _, d := range dims {
		out = binary.BigEndian.AppendUint32(out, d)
	}
	return append(out, elements...)
}

func npyFile(header string, elements []byte) []byte {
	out := append([]byte("\x93NUMPY\x01\x00"), byte(len(header)), byte(len(header)>>8))
	return append(append(out, header...), elements...)
}

func picture(w, h int, c color.Color) image.Image {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for i := range w * h {
		m.Set(i%w, i/w, c)
	}
	return m
}

func pngFile(m image.Image) []byte {
	var b bytes.Buffer
	png.Encode(&b, m)
	return b.Bytes()
}

func jpegFile(m image.Image) []byte {
	var b bytes.Buffer
	jpeg.Encode(&b, m, nil)
	return b.Bytes()
}

// pngHeader declares a size in a few bytes.
func pngHeader(w, h uint32) []byte {
	chunk := []byte("IHDR")
	chunk = binary.BigEndian.AppendUint32(chunk, w)
	chunk = binary.BigEndian.AppendUint32(chunk, h)
	chunk = append(chunk, 8, 2, 0, 0, 0)
	out := append([]byte("\x89PNG\r\n\x1a\n"), 0, 0, 0, 13)
	out = append(out, chunk...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(chunk))
}

// cheap runs f and wants little memory to be taken on the way.
func cheap(t *testing.T, f func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<20), "memory follows what a file holds, not what it declares")
}

func TestHostileFiles(t *testing.T) {
	dir := t.TempDir()
	put := func(name string, b []byte) string { return write(t, dir, name, string(b)) }
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	w, _ := z.Create("../../escape.npy")
	w.Write([]byte("x"))
	z.Close()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "folder"), 0o755))
	require.NoError(t, os.Symlink("loop", filepath.Join(dir, "loop")))
	put("empty", nil)
	put("binary", bytes.Repeat([]byte{0, 1, 2, 255}, 100))
	put("wide.csv", []byte(strings.Repeat("a,", 1<<20)+"a\n"))
	put("field.csv", []byte("a\n"+strings.Repeat("x", 17<<20)+"\n"))
	put("quoted.csv", []byte("a\n\""+strings.Repeat("x", 17<<20)+"\"\n"))
	put("open.csv", []byte("a\n\""+strings.Repeat("x\n", 1000)))
	put("bomb.csv.gz", zipped(bytes.Repeat([]byte{'\n'}, 1<<20)))
	put("cut.csv.gz", zipped([]byte("a\n1\n2\n3\n"))[:20])
	put("utf16.csv", []byte("\xff\xfea\x00\n\x00"))

	put("huge.idx", idxFile([]uint32{1 << 31, 1 << 31, 1 << 31}, nil))
	put("wrap.idx", idxFile([]uint32{4194305, 4194305, 2111061979}, nil))
	put("more.idx", idxFile([]uint32{2, 2}, []byte{1, 2, 3, 4, 5}))
	put("short.idx", idxFile([]uint32{1000, 1000}, make([]byte, 10)))
	put("short.idx.gz", zipped(idxFile([]uint32{1000, 1000}, make([]byte, 10))))
	put("float.idx", []byte{0, 0, 0x0d, 1, 0, 0, 0, 1, 0, 0, 0, 0})
	put("axes.idx", []byte{0, 0, 8, 255})
	put("none.idx", idxFile([]uint32{0, 28}, nil))

	put("object.npy", npyFile("{'descr': '|O', 'fortran_order': False, 'shape': (3,), }", []byte("cos\nsystem\n")))
	put("wrap.npy", npyFile("{'descr': '<f8', 'fortran_order': False, 'shape': (4194305, 4194305, 211106198978564), }", nil))
	put("negative.npy", npyFile("{'descr': '<f8', 'fortran_order': False, 'shape': (-1, 2), }", nil))
	put("fortran.npy", npyFile("{'descr': '<f8', 'fortran_order': True, 'shape': (1, 2), }", make([]byte, 16)))
	put("short.npy", npyFile("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000,), }", make([]byte, 16)))
	put("record.npy", npyFile("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (2,), }", make([]byte, 16)))
	put("pickle.npy", []byte("\x80\x04\x95\x0a\x00\x00\x00\x00\x00"))
	put("zip.npy", archive.Bytes())

	number, text := source("a", scalar("int")), source("a", scalar("text"))
	for _, c := range []struct {
		kind, path string
		col        *recipe.Column
		want       string
	}{
		{"csv", "folder", number, "folder is a folder"},
		{"csv", "/dev/zero", number, "a device"},
		{"csv", "loop", number, "loop"},
		{"csv", "empty", number, "empty"},
		{"csv", "binary", number, "UTF-8"},
		{"csv", "nul\x00", number, "no path"},
		{"csv", "wide.csv", number, "columns"},
		{"csv", "field.csv", text, "at most"},
		{"csv", "quoted.csv", text, "more than"},
		{"csv", "open.csv", text, "open.csv:2"},
		{"csv", "bomb.csv.gz", number, "line that names the columns"},
		{"csv", "cut.csv.gz", number, "cut off"},
		{"csv", "utf16.csv", number, "UTF-16"},
		{"text", "/dev/zero", text, "a device"},
		{"text", "binary", text, "binary:1"},
		{"text", "empty", text, "empty"},
		{"idx", "empty", number, "no idx file"},
		{"idx", "binary", number, "no idx file"},
		{"idx", "huge.idx", number, "bytes"},
		{"idx", "wrap.idx", number, "bytes"},
		{"idx", "more.idx", number, "more bytes"},
		{"idx", "short.idx", number, "declares"},
		{"idx", "short.idx.gz", number, "declares"},
		{"idx", "float.idx", number, "f32 elements"},
		{"idx", "axes.idx", number, "255 axes"},
		{"idx", "none.idx", source("a", tensor("u8", 28)), "no rows"},
		{"npy", "binary", number, "no npy file"},
		{"npy", "object.npy", number, "pickle"},
		{"npy", "wrap.npy", number, "too large"},
		{"npy", "negative.npy", number, "no size"},
		{"npy", "fortran.npy", number, "Fortran"},
		{"npy", "short.npy", number, "declares"},
		{"npy", "record.npy", number, "records"},
		{"npy", "pickle.npy", number, "pickle"},
		{"npy", "zip.npy", number, "zip archive"},
		{"images", "empty", source("image", tensor("u8", 3, 8, 8)), "is a file"},
		{"images", "folder", source("image", tensor("u8", 3, 8, 8)), "empty"},
		{"dataset", "cifar", number, "there are digits, iris"},
		{"parquet", "x", number, "there is no source"},
	} {
		t.Run(c.kind+" "+strings.ReplaceAll(c.path, "/", "_"), func(t *testing.T) {
			d := &recipe.Data{Name: "D", Sources: []recipe.Source{{Kind: c.kind, Paths: []string{c.path}, Base: dir}}, Columns: []*recipe.Column{c.col}}
			check := func() { fails(t, d, c.want) }
			if strings.HasPrefix(c.path, "field") || strings.HasPrefix(c.path, "quoted") || strings.HasPrefix(c.path, "wide") {
				check()
			} else {
				cheap(t, check)
			}
		})
	}
}

func TestHostilePictures(t *testing.T) {
	good := pngFile(picture(8, 8, color.RGBA{255, 128, 0, 255}))
	outside := t.TempDir()
	write(t, outside, "secret.png", string(good))
	for name, c := range map[string]struct {
		b    []byte
		want string
	}{
		"vast.png":    {pngHeader(65535, 65535), "65535×65535"},
		"large.png":   {pngHeader(8000, 8000), "cannot hold"},
		"cut.png":     {good[:len(good)-20], "cut off"},
		"cut.jpg":     {jpegFile(picture(8, 8, color.White))[:300], "cut.jpg"},
		"empty.jpg":   {nil, "empty file"},
		"text.jpg":    {[]byte("hello"), "neither JPEG nor PNG"},
		"vast.gif":    {[]byte("GIF89a\xff\xff\xff\xff\x00\x00\x00"), "a GIF"},
		"vast.bmp":    {[]byte("BM\xff\xff\xff\xff"), "a BMP"},
		"vast.webp":   {[]byte("RIFF\x00\x00\x00\x00WEBPVP8 "), "a WebP"},
		"another.png": {pngFile(picture(9, 8, color.White)), "8×9"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "p/a/1.png", string(good))
			write(t, dir, "p/b/"+name, string(c.b))
			d := &recipe.Data{Name: "D", Sources: []recipe.Source{{Kind: "images", Paths: []string{"p"}, Base: dir}}, Columns: []*recipe.Column{source("image", tensor("u8", 3, 8, 8)), source("label", id(2))}}
			cheap(t, func() { fails(t, d, name, c.want) })
		})
	}
	t.Run("links", func(t *testing.T) {
		dir := t.TempDir()
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "p/a"), 0o755))
		require.NoError(t, os.Symlink(filepath.Join(outside, "secret.png"), filepath.Join(dir, "p/a/1.png")))
		d := &recipe.Data{Name: "D", Sources: []recipe.Source{{Kind: "images", Paths: []string{"p"}, Base: dir}}, Columns: []*recipe.Column{source("image", tensor("u8", 3, 8, 8))}}
		fails(t, d, "1.png", "escapes")
	})
	t.Run("a folder beside files", func(t *testing.T) {
		dir := t.TempDir()
		write(t, dir, "p/a/1.png", string(good))
		write(t, dir, "p/notes.txt", "x")
		d := &recipe.Data{Name: "D", Sources: []recipe.Source{{Kind: "images", Paths: []string{"p"}, Base: dir}}, Columns: []*recipe.Column{source("image", tensor("u8", 3, 8, 8))}}
		fails(t, d, "notes.txt lies beside")
	})
}

func TestPictures(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "p/red/1.jpg", string(pngFile(picture(8, 8, color.RGBA{250, 0, 0, 255})))) // a wrong extension does not matter
	write(t, dir, "p/blue/2.png", string(pngFile(picture(32, 16, color.RGBA{0, 0, 250, 255}))))
	write(t, dir, "p/.hidden", "x")
	d := &recipe.Data{Name: "D", Sources: []recipe.Source{{Kind: "images", Paths: []string{"p"}, Base: dir, Size: [2]int{4, 4}}}, Columns: []*recipe.Column{
		source("image", tensor("u8", 3, 4, 4)), source("label", id(2)),
		derived("g", tensor("u8", 1, 4, 4), op("gray", col("image"))),
		derived("s", tensor("u8", 3, 2, 2), op("resize", col("image"), num(2), num(2)))}}
	s := open(t, d)
	b := all(t, s, "", "batch.image", "batch.label", "batch.g", "batch.s")
	assert.Equal(t, []string{"blue", "red"}, s.Classes("label"))
	assert.Equal(t, []int32{0, 1}, i32s(b.Tensors[1].Bytes))
	p := b.Tensors[0].Bytes
	assert.Equal(t, []byte{0, 0, 250, 250, 0, 0}, []byte{p[0], p[16], p[32], p[48], p[64], p[80]})
	assert.Equal(t, byte(28), b.Tensors[2].Bytes[0], "0.114 · 250")
	assert.Equal(t, byte(75), b.Tensors[2].Bytes[16], "0.299 · 250")
	assert.Equal(t, []byte{0, 0, 0, 0, 0, 0, 0, 0, 250, 250, 250, 250}, b.Tensors[3].Bytes[:12])
	d.Columns[1].Type.Range = 3
	fails(t, d, "id(3)", "2 folders: blue, red")
}

func TestPathsInRows(t *testing.T) {
	d := tableOf(t, "path,y\na/1.png,0\na/2.png,1\n", source("path", scalar("text")), source("y", scalar("int")),
		derived("x", tensor("u8", 3, 8, 8), typed(tensor("u8", 3, 8, 8), op("image", col("path")))))
	dir := d.Sources[0].Base
	write(t, dir, "a/1.png", string(pngFile(picture(8, 8, color.RGBA{1, 2, 3, 255}))))
	fails(t, d, "d.csv:3", "a/2.png")
	write(t, dir, "a/2.png", string(pngFile(picture(6, 8, color.RGBA{4, 5, 6, 255}))))
	fails(t, d, "d.csv:3", "a/2.png", "8×6")
	d.Columns[2].From = typed(tensor("u8", 3, 8, 8), op("resize", op("image", col("path")), num(8), num(8)))
	b := all(t, open(t, d), "", "batch.x")
	assert.Equal(t, byte(1), b.Tensors[0].Bytes[0])
	assert.Equal(t, byte(6), b.Tensors[0].Bytes[2*3*64-1])
	write(t, dir, "d.csv", "path,y\n../x.png,0\n")
	fails(t, d, "d.csv:2", "x.png")
	write(t, dir, "d.csv", "path,y\n/etc/hostname,0\n")
	fails(t, d, "d.csv:2", "hostname")
}

func TestNpy(t *testing.T) {
	dir := t.TempDir()
	f := []byte{0, 0, 128, 63, 0, 0, 0, 64, 0, 0, 64, 64, 0, 0, 128, 64}
	write(t, dir, "x.npy", string(npyFile("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }", f)))
	write(t, dir, "y.npy", string(npyFile("{'descr': '>i2', 'fortran_order': False, 'shape': (2,), }", []byte{0, 1, 0, 2})))
	write(t, dir, "z.npy", string(npyFile("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", []byte{0, 0, 192, 127})))
	d := &recipe.Data{Name: "D", Sources: []recipe.Source{{Kind: "npy", Base: dir, Fields: map[string]string{"x": "x.npy", "y": "y.npy"}}}, Columns: []*recipe.Column{source("x", tensor("float", 2)), source("y", id(3))}}
	b := all(t, open(t, d), "", "batch.x", "batch.y")
	assert.Equal(t, []float32{1, 2, 3, 4}, f32s(b.Tensors[0].Bytes))
	assert.Equal(t, []int32{1, 2}, i32s(b.Tensors[1].Bytes))
	d.Columns[1].Type.Range = 2
	fails(t, d, "y.npy, record 2", "2 is outside of id(2)")
	d.Columns[1].Type = scalar("int")
	d.Sources[0].Fields["y"] = "z.npy"
	fails(t, d, "1 records")
	delete(d.Sources[0].Fields, "x")
	d.Columns = []*recipe.Column{source("y", scalar("float"))}
	fails(t, d, "finite")
}

func TestDamagedFit(t *testing.T) {
	for _, text := range []string{
		`{"transforms":{"t":null}}`, `{"transforms":{"t":{"kind":"Standardize"}}}`, `{"transforms":{"t":{"kind":"Nonsense"}}}`,
		`{"transforms":{"t":{"kind":"Category","size":1,"values":[["a","b"]]}}}`, `{"transforms":{"t":{"kind":"BPE"}}}`,
		`{"transforms":{"t":{"kind":"BPE","tokenizer":{"kind":"BPE","size":300,"merges":[[256,0]]}}}}`,
		`{"transforms":{"t":{"kind":"Char","tokenizer":{"kind":"Char","size":-3}}}}`, `{"transforms":{"t":{"kind":"Words","tokenizer":{"kind":"Words","size":3,"unknown":9}}}}`,
	} {
		var f Fitted
		assert.ErrorContains(t, json.Unmarshal([]byte(text), &f), "damaged", text)
	}
}
