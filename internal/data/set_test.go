package data

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"modelc/ir"
	"modelc/recipe"
)

// Short forms of recipes.

func scalar(elem string) recipe.Type { return recipe.Type{Elem: elem} }
func nullable(elem string) recipe.Type {
	return recipe.Type{Elem: elem, Nullable: true}
}
func id(n int64, dims ...int64) recipe.Type { return recipe.Type{Elem: "id", Range: n, Dims: dims} }
func tensor(elem string, dims ...int64) recipe.Type {
	return recipe.Type{Elem: elem, Dims: dims}
}
func col(name string) *recipe.Expr { return &recipe.Expr{Op: "column", Name: name} }
func num(x float64) *recipe.Expr   { return &recipe.Expr{Op: "number", Number: x} }
func txt(s string) *recipe.Expr    { return &recipe.Expr{Op: "text", Text: s} }
func op(name string, args ...*recipe.Expr) *recipe.Expr {
	return &recipe.Expr{Op: name, Args: args}
}
func typed(t recipe.Type, x *recipe.Expr) *recipe.Expr { x.Type = t; return x }
func with(x *recipe.Expr, options map[string]float64) *recipe.Expr {
	x.Options = options
	return x
}
func source(name string, t recipe.Type) *recipe.Column {
	return &recipe.Column{Name: name, Type: t, Batch: t.Elem != "text" && t.Elem != "time" && !t.Nullable && !t.List, At: recipe.Place{File: "net.model", Line: 3, Col: 3}}
}
func hidden(c *recipe.Column) *recipe.Column { c.Batch = false; return c }
func derived(name string, t recipe.Type, x *recipe.Expr) *recipe.Column {
	return &recipe.Column{Name: name, Type: t, From: x, Batch: true, At: recipe.Place{File: "net.model", Line: 4, Col: 3}}
}

// write puts a file into the test's folder.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	return path
}

// table returns a block over a csv file with the given text.
func tableOf(t *testing.T, text string, columns ...*recipe.Column) *recipe.Data {
	dir := t.TempDir()
	write(t, dir, "d.csv", text)
	return &recipe.Data{Name: "D", Sources: []recipe.Source{{Kind: "csv", Paths: []string{"d.csv"}, Base: dir}}, Columns: columns}
}

func open(t *testing.T, d *recipe.Data) *Set {
	t.Helper()
	s, err := Open(d, nil, Options{})
	require.NoError(t, err)
	return s
}

// fails opens a block and wants all the parts in the error.
func fails(t *testing.T, d *recipe.Data, parts ...string) {
	t.Helper()
	_, err := Open(d, nil, Options{})
	require.Error(t, err)
	for _, p := range parts {
		assert.Contains(t, err.Error(), p)
	}
}

// all returns a whole split in one batch.
func all(t *testing.T, s *Set, split string, columns ...string) *Batch {
	t.Helper()
	l, err := s.Loader(recipe.Rows{Split: split, Batch: int64(max(1, s.Rows(split)))}, columns, Order{Epochs: 1})
	require.NoError(t, err)
	t.Cleanup(l.Close)
	b, err := l.Next()
	require.NoError(t, err)
	return b
}

func f32s(b []byte) []float32 {
	out := make([]float32, len(b)/4)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return out
}

func i32s(b []byte) []int32 {
	out := make([]int32, len(b)/4)
	for i := range out {
		out[i] = int32(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return out
}

func TestCSV(t *testing.T) {
	d := tableOf(t, "\ufeffage,education-num,\"name\",ok,n\r\n1.5,3,\"a \"\"b\"\", c\",true,7\r\n2,4,\"x\ny\",0,8\r\n",
		source("age", scalar("float")), source("education_num", id(10)), source("name", scalar("text")), source("ok", scalar("bool")), source("n", scalar("u8")))
	s := open(t, d)
	b := all(t, s, "train", "batch.age", "batch.education_num", "batch.ok", "batch.n", "row")
	assert.Equal(t, []float32{1.5, 2}, f32s(b.Tensors[0].Bytes))
	assert.Equal(t, []int32{3, 4}, i32s(b.Tensors[1].Bytes))
	assert.Equal(t, []byte{1, 0}, b.Tensors[2].Bytes)
	assert.Equal(t, []byte{7, 8}, b.Tensors[3].Bytes)
	assert.Equal(t, []int32{0, 1}, i32s(b.Tensors[4].Bytes))
	assert.Equal(t, ir.Of(ir.F32, 2), b.Tensors[0].Type)
	assert.Equal(t, ir.Of(ir.Bool, 2), b.Tensors[2].Type)
	assert.Equal(t, []string{"a \"b\", c", "x\ny"}, s.source["name"].texts)
}

func TestCSVErrors(t *testing.T) {
	for _, c := range []struct {
		text  string
		col   *recipe.Column
		parts []string
	}{
		{"a,b\n1,2\nx,3\n", source("a", scalar("float")), []string{"d.csv:3", "`a`", `"x"`, "finite number", "net.model:3:3"}},
		{"a,b\n1,2\n9,3\n", source("a", id(5)), []string{"d.csv:3", "9 is outside of id(5)", "0 to 4"}},
		{"a,b\n1,2\n,3\n", source("a", scalar("int")), []string{"d.csv:3", "missing", "int?"}},
		{"a,b\n1,2\n1\n", source("a", scalar("int")), []string{"d.csv:3", "1 fields", "2"}},
		{"a,b\n1,\"2\n1,2\n", source("a", scalar("int")), []string{"d.csv:2", "not closed"}},
		{"a,b\n1,\"2\"x\n", source("a", scalar("int")), []string{"d.csv:2", "closing quote"}},
		{"a,b\n1,2\n", source("c", scalar("int")), []string{"no such column", "a, b"}},
		{"a,a\n1,2\n", source("a", scalar("int")), []string{"twice"}},
		{"x-y,x y\n1,2\n", source("x_y", scalar("int")), []string{`"x-y"`, `"x y"`}},
		{"a\nnan\n", source("a", scalar("float")), []string{"d.csv:2", "nan"}},
		{"a\ninf\n", source("a", scalar("float")), []string{"d.csv:2", "inf"}},
		{"a\n1e999\n", source("a", scalar("float")), []string{"d.csv:2", "1e999"}},
		{"a\n1e39\n", source("a", scalar("float")), []string{"d.csv:2", "too large"}},
		{"a\n1.5\n", source("a", scalar("int")), []string{"no whole number"}},
		{"a\nmaybe\n", source("a", scalar("bool")), []string{"no bool"}},
		{"a\nsoon\n", source("a", scalar("time")), []string{"no time"}},
		{"a\n", source("a", scalar("int")), []string{"no rows"}},
		{"", source("a", scalar("int")), []string{"empty"}},
		{"a\n\xff\xfe\n", source("a", scalar("text")), []string{"d.csv:2", "UTF-8"}},
		{"a\nx\x00y\n", source("a", scalar("text")), []string{"d.csv:2", "UTF-8"}},
	} {
		t.Run(c.parts[0], func(t *testing.T) { fails(t, tableOf(t, c.text, c.col), c.parts...) })
	}
}

func TestMissingFile(t *testing.T) {
	d := &recipe.Data{Name: "D", Sources: []recipe.Source{{Kind: "csv", Paths: []string{"no.csv"}, Base: "/here"}}, Columns: []*recipe.Column{source("a", scalar("int"))}}
	_, err := Open(d, []string{"/there"}, Options{})
	require.Error(t, err)
	assert.Contains(t, err.Error(), "/here/no.csv")
	assert.Contains(t, err.Error(), "/there/no.csv")
}

func TestEmbedded(t *testing.T) {
	iris := &recipe.Data{Name: "Iris", Sources: []recipe.Source{{Kind: "dataset", Paths: []string{"iris"}}}, Columns: []*recipe.Column{
		source("sepal_length", scalar("float")), source("petal_width", scalar("float")), source("species", id(3))}}
	s := open(t, iris)
	assert.Equal(t, 150, s.Rows("train"))
	b := all(t, s, "", "batch.sepal_length", "batch.species")
	assert.Equal(t, float32(5.1), f32s(b.Tensors[0].Bytes)[0])
	assert.Equal(t, int32(2), i32s(b.Tensors[1].Bytes)[149])

	digits := &recipe.Data{Name: "Digits", Sources: []recipe.Source{{Kind: "dataset", Paths: []string{"digits"}}},
		Columns: []*recipe.Column{source("image", tensor("u8", 1, 8, 8)), source("label", id(10))},
		Split:   recipe.Split{By: "hash", Parts: []recipe.Part{{Name: "train", Share: 0.7}, {Name: "valid", Share: 0.15}, {Name: "test"}}, Seed: 1}}
	s = open(t, digits)
	assert.Equal(t, 1797, s.Rows("train")+s.Rows("valid")+s.Rows("test"))
	assert.InDelta(t, 0.7*1797, s.Rows("train"), 60)
	b = all(t, s, "valid", "batch.image", "batch.label")
	assert.Equal(t, ir.Of(ir.U8, int64(s.Rows("valid")), 1, 8, 8), b.Tensors[0].Type)
	for _, p := range b.Tensors[0].Bytes {
		require.LessOrEqual(t, p, byte(16))
	}
}

func TestHashSplitDoesNotMoveRows(t *testing.T) {
	text := "a\n"
	for i := range 200 {
		text += strings.Repeat("7", 1+i%5) + string(rune('0'+i%10)) + "\n"
	}
	where := func(text string) map[float32]string {
		d := tableOf(t, text, source("a", scalar("float")))
		d.Split = recipe.Split{By: "hash", Parts: []recipe.Part{{Name: "train", Share: 0.5}, {Name: "valid"}}, Seed: 3}
		s := open(t, d)
		out := map[float32]string{}
		for _, split := range []string{"train", "valid"} {
			for _, v := range f32s(all(t, s, split, "batch.a").Tensors[0].Bytes) {
				assert.True(t, out[v] == "" || out[v] == split, "equal rows are in one split")
				out[v] = split
			}
		}
		return out
	}
	few, many := where(text), where("a\n12\n13\n14\n"+text[2:]+"99\n")
	for v, split := range few {
		assert.Equal(t, split, many[v])
	}
}

func TestFitOnTrainOnly(t *testing.T) {
	d := tableOf(t, "a,b,c\n1,x,1\n3,y,\n,x,3\n1000,z,4\n2000,z,\n",
		source("a", nullable("float")), source("b", scalar("text")), source("c", nullable("int")))
	filled := &recipe.Expr{Op: "fill", Name: "m", Args: []*recipe.Expr{col("a")}}
	whole := &recipe.Expr{Op: "fill", Name: "w", Args: []*recipe.Expr{col("c")}}
	d.Columns = append(d.Columns,
		derived("x", scalar("float"), op("fit:norm", filled)),
		derived("k", id(3), op("fit:kind", col("b"))),
		derived("n", scalar("int"), whole),
		derived("h", tensor("float", 3), typed(tensor("float", 3), op("one_hot", op("fit:kind", col("b"))))))
	d.Transforms = []*recipe.Transform{
		{Name: "m", Kind: "fill", Statistic: "median", Inputs: []*recipe.Expr{col("a")}},
		{Name: "w", Kind: "fill", Statistic: "mean", Inputs: []*recipe.Expr{col("c")}},
		{Name: "norm", Kind: "Standardize", Inputs: []*recipe.Expr{filled}},
		{Name: "kind", Kind: "Category", Size: 3, Inputs: []*recipe.Expr{col("b")}},
	}
	d.Split = recipe.Split{By: "position", Parts: []recipe.Part{{Name: "train", Share: 0.6}, {Name: "valid"}}}
	s := open(t, d)
	b := all(t, s, "", "batch.x", "batch.k", "batch.n", "batch.h")
	// train: 1 3 and the median 2; mean 2, variance 2/3.
	sd := math.Sqrt(2.0 / 3)
	for i, want := range []float64{-1 / sd, 1 / sd, 0, 998 / sd, 1998 / sd} {
		assert.InDelta(t, want, f32s(b.Tensors[0].Bytes)[i], 1e-3)
	}
	assert.Equal(t, []int32{0, 1, 0, 2, 2}, i32s(b.Tensors[1].Bytes), "z was not seen: the last id")
	assert.Equal(t, []int32{1, 2, 3, 4, 2}, i32s(b.Tensors[2].Bytes))
	assert.Equal(t, []float32{1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 1}, f32s(b.Tensors[3].Bytes))
	assert.Equal(t, []string{"x", "y"}, s.Classes("k"))
	r := s.Report()
	assert.Equal(t, []Count{{"train", 3}, {"valid", 2}}, r.Splits)
	require.Len(t, r.Filled, 2)
	assert.Equal(t, 1, r.Filled[0].Values)
	assert.Equal(t, 2, r.Filled[1].Values)

	// Saved and applied to other rows.
	saved, err := json.Marshal(s.Fitted())
	require.NoError(t, err)
	var f Fitted
	require.NoError(t, json.Unmarshal(saved, &f))
	other := tableOf(t, "a,b\n,q\n5,y\n").Sources
	d2 := *d
	d2.Sources = other
	s2, err := Open(&d2, nil, Options{Fitted: &f, Columns: []string{"batch.x", "batch.k", "row"}})
	require.NoError(t, err)
	b = all(t, s2, "", "batch.x", "batch.k")
	assert.InDelta(t, 0, f32s(b.Tensors[0].Bytes)[0], 1e-6)
	assert.InDelta(t, 3/sd, f32s(b.Tensors[0].Bytes)[1], 1e-5)
	assert.Equal(t, []int32{2, 1}, i32s(b.Tensors[1].Bytes))

	// No room for an unseen value.
	d.Transforms[3].Size = 2
	fails(t, d, "d.csv:5", `"z"`, "Category(3)")
	d.Transforms[3].Size = 1
	fails(t, d, "2 different values")
}

func TestDiscard(t *testing.T) {
	d := tableOf(t, "a,b\n1,x\n,y\n3,z\n4,\n", source("a", scalar("float")), source("b", scalar("text")))
	d.Discard = []*recipe.Expr{op("or", op("missing", col("a")), op("missing", col("b"))), op("==", col("b"), txt("z"))}
	s := open(t, d)
	assert.Equal(t, []float32{1}, f32s(all(t, s, "", "batch.a").Tensors[0].Bytes))
	assert.Equal(t, []int{2, 1}, []int{s.Report().Discarded[0].Rows, s.Report().Discarded[1].Rows})
	assert.Equal(t, 4, s.Report().Read)
	d.Discard = []*recipe.Expr{op("<", col("a"), num(2))}
	fails(t, d, "d.csv:3", "missing")
	d.Discard = []*recipe.Expr{op("or", op("missing", col("a")), op(">", col("a"), num(0)))}
	fails(t, d, "drops all 4 rows")
}

func TestTextStream(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "t.txt", strings.Repeat("abcdé", 40))
	d := &recipe.Data{Name: "T", Sources: []recipe.Source{{Kind: "text", Paths: []string{"t.txt"}, Base: dir}}, Columns: []*recipe.Column{
		source("text", scalar("text")),
		hidden(derived("stream", id(8, -1<<40), op("fit:tok", col("text")))),
		derived("x", id(8, 6), op("windows", col("stream"), num(6))),
		derived("y", id(8, 6), with(op("windows", col("stream"), num(6)), map[string]float64{"offset": 1})),
	}, Transforms: []*recipe.Transform{{Name: "tok", Kind: "Char", Size: 8, Inputs: []*recipe.Expr{col("text")}}},
		Split: recipe.Split{By: "position", Parts: []recipe.Part{{Name: "train", Share: 0.9}, {Name: "valid", Share: 0.1}}}}
	s := open(t, d)
	assert.Equal(t, (180-7)/6+1, s.Rows("train"))
	assert.Equal(t, (20-7)/6+1, s.Rows("valid"))
	b := all(t, s, "valid", "batch.x", "batch.y")
	assert.Equal(t, ir.Of(ir.I32, 3, 6), b.Tensors[0].Type)
	assert.Equal(t, []int32{0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1}, i32s(b.Tensors[0].Bytes)[:12])
	assert.Equal(t, []int32{1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2}, i32s(b.Tensors[1].Bytes)[:12])
	tok, err := s.Fitted().Tokenizer("tok")
	require.NoError(t, err)
	assert.Equal(t, "éa", tok.Decode([]int64{4, 0}))

	// Training moves the grid; every window is still a run of the text.
	l, err := s.Loader(recipe.Rows{Split: "train", Batch: 4, Last: "drop"}, []string{"batch.x", "batch.y"}, Order{Seed: 1, Shuffle: true, Epochs: 12})
	require.NoError(t, err)
	defer l.Close()
	begins := map[int32]bool{}
	for {
		b, err := l.Next()
		if err == io.EOF {
			break
		}
		x, y := i32s(b.Tensors[0].Bytes), i32s(b.Tensors[1].Bytes)
		begins[x[0]] = true
		for i := range x {
			require.Equal(t, (x[i]+1)%5, y[i])
		}
	}
	assert.Len(t, begins, 5)
}

func TestPredictNeedsNoLabels(t *testing.T) {
	d := tableOf(t, "a,y\n1,1\n2,0\n,1\n4,\n", source("a", nullable("float")), source("y", scalar("bool")), derived("x", scalar("float"), op("fit:n", col("a"))))
	d.Columns[0].NeverMissing = true
	d.Discard = []*recipe.Expr{op("missing", col("a")), op("missing", col("y"))}
	d.Transforms = []*recipe.Transform{{Name: "n", Kind: "MinMax", Inputs: []*recipe.Expr{col("a")}}}
	s := open(t, d)
	assert.Equal(t, 2, s.Rows("train"))
	write(t, d.Sources[0].Base, "d.csv", "a\n3\n\"\"\n1\n")
	p, err := Open(d, nil, Options{Fitted: s.Fitted(), Columns: []string{"batch.x"}})
	require.NoError(t, err)
	assert.Equal(t, []float32{2, 0}, f32s(all(t, p, "", "batch.x").Tensors[0].Bytes))
	assert.Equal(t, 1, p.Report().Discarded[0].Rows)
	assert.Equal(t, []string{"3"}, s.Fitted().Transforms["n"].Decode([]float64{2}))
}

func TestFitsInTheOrderTheyNeed(t *testing.T) {
	d := tableOf(t, "a,b\n1,10\n,20\n3,30\n", source("a", nullable("float")), source("b", scalar("float")))
	filled := &recipe.Expr{Op: "fill", Name: "m", Args: []*recipe.Expr{col("a")}}
	both := op("gather", filled, col("b"))
	d.Columns = append(d.Columns, derived("x", tensor("float", 2), op("fit:norm", filled, col("b"))))
	d.Transforms = []*recipe.Transform{{Name: "norm", Kind: "Standardize", Inputs: []*recipe.Expr{both}}, {Name: "m", Kind: "fill", Statistic: "mean", Inputs: []*recipe.Expr{col("a")}}}
	s := open(t, d)
	assert.Equal(t, []float64{2, 20}, s.Fitted().Transforms["norm"].Mean)
	d.Transforms[1].Inputs = []*recipe.Expr{op("fit:norm", filled, col("b"))}
	fails(t, d, "fitted on what it gives itself")
}

func TestWindowsMakeATableAStream(t *testing.T) {
	text := "a\n"
	for i := range 100 {
		text += fmt.Sprintln(i)
	}
	d := tableOf(t, text, hidden(source("a", scalar("float"))), derived("x", tensor("float", 4), op("+", op("windows", col("a"), num(4)), num(100))), derived("y", tensor("float", 1), with(op("windows", col("a"), num(1)), map[string]float64{"offset": 4})))
	d.Split = recipe.Split{By: "hash", Parts: []recipe.Part{{Name: "train", Share: 0.8}, {Name: "valid"}}}
	s := open(t, d)
	assert.Equal(t, []int{19, 4}, []int{s.Rows("train"), s.Rows("valid")})
	b := all(t, s, "valid", "batch.x", "batch.y")
	assert.Equal(t, []float32{180, 181, 182, 183, 184}, f32s(b.Tensors[0].Bytes)[:5])
	assert.Equal(t, []float32{84, 88, 92, 96}, f32s(b.Tensors[1].Bytes))
	_, err := s.Fold(0, 5, 1, "")
	assert.ErrorContains(t, err, "crossval needs rows")
	d.Columns = append(d.Columns, derived("z", scalar("float"), col("a")))
	fails(t, d, "`z`", "a row is a window")
}
