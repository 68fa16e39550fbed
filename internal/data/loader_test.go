package data

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"modelc/ir"
	"modelc/recipe"
)

// numbered is a block of n rows whose column a is the number of the row and whose words have row%40 elements.
func numbered(t *testing.T, n int) *recipe.Data {
	var b strings.Builder
	b.WriteString("a,words\n")
	for i := range n {
		fmt.Fprintf(&b, "%d,%s\n", i, strings.TrimSpace(strings.Repeat("w ", 1+i%40)))
	}
	d := tableOf(t, b.String(), source("a", scalar("int")), source("words", scalar("text")),
		derived("w", id(4, -50), op("fit:tok", col("words"))))
	d.Transforms = []*recipe.Transform{{Name: "tok", Kind: "Words", Size: 4, Inputs: []*recipe.Expr{col("words")}}}
	return d
}

// trace reads batches as texts: everything there is to see.
func trace(t *testing.T, s *Set, rows recipe.Rows, o Order, most int, wait time.Duration) []string {
	l, err := s.Loader(rows, []string{"batch.a", "batch.w", "batch.w.mask", "row"}, o)
	require.NoError(t, err)
	defer l.Close()
	var out []string
	for len(out) < most {
		b, err := l.Next()
		if err == io.EOF {
			_, err = l.Next()
			require.Equal(t, io.EOF, err, "the end stays the end")
			break
		}
		time.Sleep(wait)
		text := fmt.Sprint(b.Epoch, b.Step, b.Slice, b.First, b.Rows, b.Lengths)
		for _, x := range b.Tensors {
			require.Equal(t, x.Type.Bytes(), int64(len(x.Bytes)))
			text += fmt.Sprint(x.Type, x.Bytes)
		}
		out = append(out, text)
	}
	return out
}

func TestLoaderIsAFunctionOfItsOrder(t *testing.T) {
	s := open(t, numbered(t, 1000))
	rows := recipe.Rows{Split: "train", Batch: 32, Last: "drop"}
	o := Order{Seed: 5, Shuffle: true, Epochs: 3}
	whole := trace(t, s, rows, o, 1<<30, 0)
	assert.Len(t, whole, 3*31)
	assert.Equal(t, whole, trace(t, s, rows, o, 1<<30, 200*time.Microsecond), "a slow consumer sees the same")
	for _, at := range []int{1, 30, 31, 40, 92} {
		o.Epoch, o.Step = int64(at/31), int64(at%31)
		assert.Equal(t, whole[at:], trace(t, s, rows, o, 1<<30, 0), "resumed at %d", at)
	}
	o.Epoch, o.Step, o.Seed = 0, 0, 6
	assert.NotEqual(t, whole[0], trace(t, s, rows, o, 1, 0)[0])
}

func TestLoaderGivesEachRowOnce(t *testing.T) {
	s := open(t, numbered(t, 1000))
	for _, shuffle := range []bool{false, true} {
		for _, accumulate := range []int64{1, 4} {
			l, err := s.Loader(recipe.Rows{Split: "train", Batch: 40}, []string{"batch.a", "row"}, Order{Seed: 1, Shuffle: shuffle, Epochs: 1, Accumulate: accumulate})
			require.NoError(t, err)
			var seen []int32
			for n := 0; ; n++ {
				b, err := l.Next()
				if err == io.EOF {
					assert.Equal(t, 25*int(accumulate), n)
					break
				}
				require.Equal(t, int(40/accumulate), b.Rows)
				require.Equal(t, n%int(accumulate), b.Slice)
				require.Equal(t, b.Slice*b.Rows, b.First)
				require.Equal(t, b.Tensors[0].Bytes, b.Tensors[1].Bytes)
				seen = append(seen, i32s(b.Tensors[0].Bytes)...)
			}
			l.Close()
			assert.Equal(t, !shuffle, slices.IsSorted(seen))
			slices.Sort(seen)
			for i := range seen {
				require.Equal(t, int32(i), seen[i])
			}
		}
	}
}

func TestLoaderKeepsTheRest(t *testing.T) {
	s := open(t, numbered(t, 70))
	l, err := s.Loader(recipe.Rows{Batch: 32, Last: "keep"}, []string{"batch.a", "batch.w", "batch.w.mask"}, Order{Epochs: 1})
	require.NoError(t, err)
	defer l.Close()
	assert.Equal(t, int64(3), l.Steps())
	var b *Batch
	for range 3 {
		b, err = l.Next()
		require.NoError(t, err)
	}
	assert.Equal(t, 6, b.Rows)
	assert.Equal(t, ir.Of(ir.I32, 6), b.Tensors[0].Type)
	assert.Equal(t, ir.Of(ir.I32, 6, 32), b.Tensors[1].Type)
	mask := b.Tensors[2].Bytes
	for i := range 6 {
		for j := range 32 {
			assert.Equal(t, j < 1+(64+i)%40, mask[32*i+j] == 1)
		}
	}
	_, err = l.Next()
	assert.Equal(t, io.EOF, err)
}

func TestLoaderErrors(t *testing.T) {
	s := open(t, numbered(t, 70))
	for _, c := range []struct {
		rows recipe.Rows
		col  string
		o    Order
		want string
	}{
		{recipe.Rows{Batch: 71}, "batch.a", Order{}, "fewer than one batch"},
		{recipe.Rows{Batch: 7, Split: "test"}, "batch.a", Order{}, "no split `test`"},
		{recipe.Rows{Batch: 7}, "batch.b", Order{}, "no batch column"},
		{recipe.Rows{Batch: 7}, "batch.a.mask", Order{}, "no mask"},
		{recipe.Rows{Batch: 7}, "batch.a", Order{Accumulate: 2}, "equal slices"},
		{recipe.Rows{Batch: 0}, "batch.a", Order{}, "batches of 0"},
		{recipe.Rows{Batch: 7}, "batch.a", Order{Step: 11}, "no step 11"},
	} {
		_, err := s.Loader(c.rows, []string{c.col}, c.o)
		require.Error(t, err)
		assert.Contains(t, err.Error(), c.want)
	}
}

func TestLoaderClosesEarly(t *testing.T) {
	s := open(t, numbered(t, 70))
	for taken := range 6 {
		l, err := s.Loader(recipe.Rows{Batch: 7}, []string{"batch.w"}, Order{Shuffle: true})
		require.NoError(t, err)
		for range taken {
			_, err := l.Next()
			require.NoError(t, err)
		}
		l.Close()
		l.Close()
	}
}

func TestLoaderDoesNotAllocate(t *testing.T) {
	s := open(t, numbered(t, 1000))
	l, err := s.Loader(recipe.Rows{Split: "train", Batch: 8}, []string{"batch.a", "batch.w", "batch.w.mask", "row"}, Order{Seed: 1, Shuffle: true})
	require.NoError(t, err)
	defer l.Close()
	for range 400 {
		_, err := l.Next()
		require.NoError(t, err)
	}
	assert.Zero(t, testing.AllocsPerRun(500, func() { l.Next() }))
}

func TestFolds(t *testing.T) {
	d := numbered(t, 103)
	d.Split = recipe.Split{By: "hash", Parts: []recipe.Part{{Name: "train", Share: 0.6}, {Name: "valid", Share: 0.2}, {Name: "test"}}}
	s := open(t, d)
	test := slices.Clone(i32s(all(t, s, "test", "batch.a").Tensors[0].Bytes))
	var seen []int32
	for k := range 5 {
		f, err := s.Fold(k, 5, 1, "")
		require.NoError(t, err)
		assert.Equal(t, 103-len(test), f.Rows("train")+f.Rows("valid"))
		assert.InDelta(t, (103-len(test))/5, f.Rows("valid"), 1)
		assert.Equal(t, test, i32s(all(t, f, "test", "batch.a").Tensors[0].Bytes))
		seen = append(seen, i32s(all(t, f, "valid", "batch.a").Tensors[0].Bytes)...)
		assert.Len(t, f.Report().Splits, 3)
	}
	seen = append(seen, test...)
	slices.Sort(seen)
	for i := range seen {
		require.Equal(t, int32(i), seen[i])
	}
	_, err := s.Fold(0, 200, 1, "")
	assert.ErrorContains(t, err, "200 folds")
}

func TestFoldsRefitAndGroup(t *testing.T) {
	text := "g,a\n"
	for i := range 60 {
		text += fmt.Sprintf("%c,%d\n", 'a'+i%6, i)
	}
	d := tableOf(t, text, source("g", scalar("text")), source("a", scalar("float")), derived("x", scalar("float"), op("fit:n", col("a"))), derived("k", id(7), op("fit:c", col("g"))))
	d.Transforms = []*recipe.Transform{{Name: "n", Kind: "Standardize", Inputs: []*recipe.Expr{col("a")}}, {Name: "c", Kind: "Category", Size: 7, Inputs: []*recipe.Expr{col("g")}}}
	s := open(t, d)
	means := map[float64]bool{}
	for k := range 3 {
		f, err := s.Fold(k, 3, 9, "g")
		require.NoError(t, err)
		means[f.Fitted().Transforms["n"].Mean[0]] = true
		groups := map[int32]bool{}
		for _, v := range f32s(all(t, f, "valid", "batch.a").Tensors[0].Bytes) {
			groups[int32(v)%6] = true
		}
		assert.Len(t, groups, 2)
		assert.Equal(t, 20, f.Rows("valid"))
		for _, k := range i32s(all(t, f, "valid", "batch.k").Tensors[0].Bytes) {
			assert.Equal(t, int32(6), k, "a group of the valid split was not seen by the fit")
		}
	}
	assert.Len(t, means, 3)
}
