package data

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"modelc/ir"
	"modelc/recipe"
)

// dataFolder returns the folder of real data sets, or skips. A relative MODELC_DATA counts from the module's root, as it does for the command run there.
func dataFolder(t testing.TB) string {
	dir := os.Getenv("MODELC_DATA")
	if dir == "" {
		t.Skip("MODELC_DATA names no folder of real data")
	}
	if !filepath.IsAbs(dir) {
		dir = filepath.Join("../..", dir)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("MODELC_DATA names no folder of real data: %v", err)
	}
	return dir
}

func mnist(dir string) *recipe.Data {
	field := func(part string) map[string]string {
		return map[string]string{"image": "images/mnist/" + part + "-images-idx3-ubyte.gz", "label": "images/mnist/" + part + "-labels-idx1-ubyte.gz"}
	}
	return &recipe.Data{Name: "Digits", Sources: []recipe.Source{{Kind: "idx", Base: dir, Fields: field("train")}, {Kind: "idx", Base: dir, Split: "test", Fields: field("t10k")}},
		Columns: []*recipe.Column{source("image", tensor("u8", 1, 28, 28)), source("label", id(10))},
		Split:   recipe.Split{By: "hash", Parts: []recipe.Part{{Name: "train", Share: 0.9}, {Name: "valid", Share: 0.1}}}}
}

func TestMNIST(t *testing.T) {
	start := time.Now()
	s := open(t, mnist(dataFolder(t)))
	t.Logf("opened in %v", time.Since(start))
	assert.Equal(t, 10000, s.Rows("test"))
	assert.Equal(t, 60000, s.Rows("train")+s.Rows("valid"))
	assert.InDelta(t, 6000, s.Rows("valid"), 300)
	counts := make([]int, 10)
	for _, l := range i32s(all(t, s, "test", "batch.label").Tensors[0].Bytes) {
		counts[l]++
	}
	assert.Equal(t, 892, slices.Min(counts))
	assert.Equal(t, 1135, slices.Max(counts))
	images, err := Open(mnist(dataFolder(t)), nil, Options{Columns: []string{"batch.image"}})
	require.NoError(t, err)
	assert.Equal(t, s.splits, images.splits, "what is read does not move a row")
	d := mnist(dataFolder(t))
	d.Columns[1].Type.Range = 5
	fails(t, d, "train-labels", "outside of id(5)")
	d = mnist(dataFolder(t))
	d.Columns[0].Type.Dims = []int64{28, 27}
	fails(t, d, "[28 28]")
}

func BenchmarkMNISTBatch(b *testing.B) {
	s, err := Open(mnist(dataFolder(b)), nil, Options{})
	require.NoError(b, err)
	l, err := s.Loader(recipe.Rows{Split: "train", Batch: 128}, []string{"batch.image", "batch.label"}, Order{Seed: 1, Shuffle: true})
	require.NoError(b, err)
	defer l.Close()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := l.Next(); err != nil {
			b.Fatal(err)
		}
	}
}

func TestAdult(t *testing.T) {
	dir := dataFolder(t)
	text := func(n string) *recipe.Column { return source(n, scalar("text")) }
	d := &recipe.Data{Name: "Adult", Sources: []recipe.Source{{Kind: "csv", Paths: []string{"tabular/adult-train.csv"}, Base: dir, Missing: []string{"?"}, Trim: true}},
		Columns: []*recipe.Column{source("age", scalar("float")), source("education_num", scalar("float")), source("workclass", nullable("text")), text("education"), text("sex"), text("income")},
		Split:   recipe.Split{By: "hash", Parts: []recipe.Part{{Name: "train", Share: 0.8}, {Name: "test"}}, Seed: 7}}
	work := &recipe.Expr{Op: "fill", Args: []*recipe.Expr{col("workclass"), txt("none")}}
	d.Columns = append(d.Columns,
		derived("x", tensor("float", 2), op("fit:norm", op("gather", col("age"), col("education_num")))),
		derived("w", tensor("float", 10), typed(tensor("float", 10), op("one_hot", op("fit:works", work)))),
		derived("e", id(17), op("fit:schools", col("education"))),
		derived("y", scalar("bool"), op("==", col("income"), txt(">50K"))))
	d.Transforms = []*recipe.Transform{
		{Name: "norm", Kind: "Standardize", Inputs: []*recipe.Expr{op("gather", col("age"), col("education_num"))}},
		{Name: "works", Kind: "Category", Size: 10, Inputs: []*recipe.Expr{work}},
		{Name: "schools", Kind: "Category", Size: 17, Inputs: []*recipe.Expr{col("education")}},
	}
	start := time.Now()
	s := open(t, d)
	t.Logf("opened in %v", time.Since(start))
	b := all(t, s, "", "batch.y", "batch.x")
	rich := 0
	for _, y := range b.Tensors[0].Bytes {
		rich += int(y)
	}
	assert.Equal(t, 32561, b.Rows)
	assert.Equal(t, 7841, rich)
	assert.Equal(t, ir.Of(ir.F32, 32561, 2), b.Tensors[1].Type)
	assert.Equal(t, 1836, s.Report().Filled[0].Values)
	b = all(t, s, "train", "batch.x")
	sum := 0.0
	for i, x := range f32s(b.Tensors[0].Bytes) {
		if i%2 == 0 {
			sum += float64(x)
		}
	}
	assert.InDelta(t, 0, sum/float64(b.Rows), 1e-5)

	d.Sources[0].Missing = nil
	d.Columns[2].Type.Nullable = false
	s = open(t, d)
	assert.Empty(t, s.Report().Filled)
	d.Sources[0].Missing = []string{"?"}
	fails(t, d, "adult-train.csv:29", "workclass", "1836 in all")
}

func TestShakespeare(t *testing.T) {
	dir := dataFolder(t)
	d := &recipe.Data{Name: "T", Sources: []recipe.Source{{Kind: "text", Paths: []string{"text/tiny-shakespeare.txt"}, Base: dir}}, Columns: []*recipe.Column{
		source("text", scalar("text")),
		hidden(derived("stream", id(65, -1<<40), op("fit:tok", col("text")))),
		derived("x", id(65, 64), op("windows", col("stream"), num(64))),
	}, Transforms: []*recipe.Transform{{Name: "tok", Kind: "Char", Size: 65, Inputs: []*recipe.Expr{col("text")}}},
		Split: recipe.Split{By: "position", Parts: []recipe.Part{{Name: "train", Share: 0.9}, {Name: "valid", Share: 0.1}}}}
	start := time.Now()
	s := open(t, d)
	t.Logf("opened in %v", time.Since(start))
	assert.Equal(t, 1003855/64, s.Rows("train"))
	tok, err := s.Fitted().Tokenizer("tok")
	require.NoError(t, err)
	assert.Equal(t, 65, tok.Used())
	x := i32s(all(t, s, "train", "batch.x").Tensors[0].Bytes)[:64]
	ids := make([]int64, len(x))
	for i := range x {
		ids[i] = int64(x[i])
	}
	assert.True(t, strings.HasPrefix(tok.Decode(ids), "First Citizen:\nBefore we proceed"))
}

func TestCatsAndDogs(t *testing.T) {
	dir := dataFolder(t)
	d := &recipe.Data{Name: "Pets", Sources: []recipe.Source{{Kind: "images", Paths: []string{"images/cats-dogs/test"}, Base: dir, Size: [2]int{64, 64}}},
		Columns: []*recipe.Column{source("image", tensor("u8", 3, 64, 64)), source("label", id(2))}}
	start := time.Now()
	s := open(t, d)
	t.Logf("opened in %v", time.Since(start))
	assert.Equal(t, 1000, s.Rows("train"))
	assert.Equal(t, []string{"cats", "dogs"}, s.Classes("label"))
	b := all(t, s, "", "batch.image", "batch.label")
	mean := 0.0
	for _, p := range b.Tensors[0].Bytes {
		mean += float64(p)
	}
	assert.InDelta(t, 115, mean/float64(len(b.Tensors[0].Bytes)), 20)
	d.Sources[0].Size = [2]int{}
	fails(t, d, "cat.4001.jpg", "size=(64, 64)")
}

func TestTranslation(t *testing.T) {
	dir := dataFolder(t)
	d := &recipe.Data{Name: "Pairs", Sources: []recipe.Source{{Kind: "text", Base: dir, Fields: map[string]string{"de": "translation/multi30k-en-de/train.de", "en": "translation/multi30k-en-de/train.en"}}},
		Columns: []*recipe.Column{source("de", scalar("text")), source("en", scalar("text")),
			derived("src", id(8000, -64), op("truncate", op("fit:tok", col("de")), num(64))),
			derived("tgt", id(8000, -64), op("truncate", with(op("fit:tok", col("en")), map[string]float64{"eos": 1}), num(64)))},
		Transforms: []*recipe.Transform{{Name: "tok", Kind: "BPE", Size: 8000, Inputs: []*recipe.Expr{col("de"), col("en")}}}}
	start := time.Now()
	s := open(t, d)
	t.Logf("opened in %v", time.Since(start))
	assert.Equal(t, 29000, s.Rows("train"))
	tok, err := s.Fitted().Tokenizer("tok")
	require.NoError(t, err)
	assert.Equal(t, 7999, tok.End())
	l, err := s.Loader(recipe.Rows{Split: "train", Batch: 64, Last: "drop"}, []string{"batch.src", "batch.src.mask", "batch.tgt"}, Order{Seed: 2, Shuffle: true, Epochs: 1})
	require.NoError(t, err)
	defer l.Close()
	taken, full := 0, 0
	for {
		b, err := l.Next()
		if err == io.EOF {
			break
		}
		require.Equal(t, b.Lengths[0], b.Lengths[1])
		require.Contains(t, []int{16, 32, 64}, b.Lengths[0])
		require.Equal(t, ir.Of(ir.Bool, 64, int64(b.Lengths[0])), b.Tensors[1].Type)
		for _, m := range b.Tensors[1].Bytes {
			full += int(m)
		}
		taken += 64 * b.Lengths[0]
	}
	assert.Greater(t, float64(full)/float64(taken), 0.6, "batches of like lengths are padded little")
}

func TestTimeSeries(t *testing.T) {
	dir := dataFolder(t)
	d := &recipe.Data{Name: "Air", Sources: []recipe.Source{{Kind: "csv", Paths: []string{"timeseries/airline-passengers.csv"}, Base: dir}}, Columns: []*recipe.Column{
		source("Month", scalar("time")), hidden(source("Passengers", scalar("float"))),
		hidden(derived("z", scalar("float"), op("fit:norm", col("Passengers")))),
		derived("x", tensor("float", 12), with(op("windows", col("z"), num(12)), map[string]float64{"stride": 1})),
		derived("y", scalar("float"), with(op("windows", col("z"), num(1)), map[string]float64{"stride": 1, "offset": 12}))},
		Transforms: []*recipe.Transform{{Name: "norm", Kind: "Standardize", Inputs: []*recipe.Expr{col("Passengers")}}},
		Split:      recipe.Split{By: "time", Column: "Month", Before: 283996800 - 24*365*86400 + 86400*366, Parts: []recipe.Part{{Name: "train"}, {Name: "valid"}}}}
	s := open(t, d)
	assert.Equal(t, 144-24, s.Rows("train")+s.Rows("valid"))
	b := all(t, s, "train", "batch.x", "batch.y")
	x, y := f32s(b.Tensors[0].Bytes), f32s(b.Tensors[1].Bytes)
	assert.Equal(t, x[12+11], y[0])
}
