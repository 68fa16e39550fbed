package data

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"modelc/recipe"
)

// sample is a set of three rows without a file.
func sample() *Set {
	return &Set{block: &recipe.Data{Name: "D"}, rows: 3, where: func(row int) string { return "f:" + string(rune('2'+row)) }, source: map[string]*values{
		"i": {kind: intsKind, rows: 3, ints: []int64{7, -7, 0}},
		"x": {kind: floatsKind, rows: 3, floats: []float64{0.5, -2, 4}},
		"m": {kind: floatsKind, rows: 3, floats: []float64{1, 0, 3}, missing: []bool{false, true, false}},
		"u": {kind: bytesKind, rows: 3, u8: []uint8{0, 1, 255}},
		"s": {kind: textsKind, rows: 3, texts: []string{" Ab | c", "", "é月"}, missing: []bool{false, true, false}},
		"d": {kind: textsKind, rows: 3, texts: []string{"1970-01-01", "2024-02-29 13:45:10", "2023-12-31"}},
		"v": {kind: intsKind, rows: 3, dims: []int64{2}, ints: []int64{1, 2, 3, 4, 5, 6}},
		"l": {kind: intsKind, rows: 3, list: true, offset: []int{0, 2, 2, 5}, ints: []int64{0, 1, 2, 2, 0}},
	}}
}

func TestExpressions(t *testing.T) {
	n := math.NaN() // stands for missing
	b := func(x float64) *recipe.Expr { return typed(scalar("bool"), num(x)) }
	for _, c := range []struct {
		x    *recipe.Expr
		want any
	}{
		{op("+", col("i"), num(1)), []int64{8, -6, 1}},
		{op("+", col("i"), col("x")), []float64{7.5, -9, 4}},
		{op("-", col("u"), num(1)), []int64{-1, 0, 254}},
		{op("//", col("i"), num(2)), []int64{3, -4, 0}},
		{op("%", col("i"), num(4)), []int64{3, 1, 0}},
		{op("%", col("x"), num(3)), []float64{0.5, 1, 1}},
		{op("/", col("i"), num(2)), []float64{3.5, -3.5, 0}},
		{op("^", col("i"), num(3)), []int64{343, -343, 0}},
		{op("neg", col("x")), []float64{-0.5, 2, -4}},
		{op("abs", col("i")), []int64{7, 7, 0}},
		{op("floor", col("x")), []float64{0, -2, 4}},
		{op("exp", num(0)), []float64{1}},
		{op("min", col("i"), num(3)), []int64{3, -7, 0}},
		{op("clamp", col("i"), num(-1), num(1)), []int64{1, -1, 0}},
		{op("+", col("v"), col("i")), []int64{8, 9, -4, -3, 5, 6}},
		{op("*", col("m"), num(2)), []float64{2, n, 6}},
		{op("missing", col("m")), []uint8{0, 1, 0}},
		{op("fill", col("m"), num(9)), []float64{1, 9, 3}},
		{op("where", op("missing", col("m")), col("x"), col("m")), []float64{1, -2, 3}},
		{op("or", op("missing", col("m")), op(">", col("m"), num(1))), []uint8{0, 1, 1}},
		{op("and", b(0), op(">", col("m"), num(1))), []uint8{0, 0, 0}},
		{op("not", op("<=", col("x"), num(0))), []uint8{1, 0, 1}},
		{op("==", op("fill", col("s"), txt("q")), txt("q")), []uint8{0, 1, 0}},
		{op("!=", col("i"), num(7)), []uint8{0, 1, 1}},
		{op("length", op("fill", col("s"), txt(""))), []int64{7, 0, 2}},
		{op("length", col("l")), []int64{2, 0, 3}},
		{op("truncate", op("fill", col("s"), txt("")), num(1)), []string{" ", "", "é"}},
		{op("truncate", col("l"), num(2)), []int64{0, 1, 2, 2}},
		{op("split", op("fill", col("s"), txt("")), txt("|")), []string{"Ab", "c", "é月"}},
		{op("lower", op("strip", op("fill", col("s"), txt("Z")))), []string{"ab | c", "z", "é月"}},
		{op("contains", op("fill", col("s"), txt("x")), txt("|")), []uint8{1, 0, 0}},
		{op("starts_with", op("fill", col("s"), txt("x")), txt("é")), []uint8{0, 0, 1}},
		{op("gather", col("i"), col("v"), col("x")), []float64{7, 1, 2, 0.5, -7, 3, 4, -2, 0, 5, 6, 4}},
		{op("gather", col("m"), num(1)), []float64{1, 1, n, 1, 3, 1}},
		{typed(tensor("u8", 3), op("multi_hot", col("l"))), []uint8{1, 1, 0, 0, 0, 0, 1, 0, 1}},
		{typed(tensor("bool", 256), op("one_hot", col("u"))), nil},
		{typed(scalar("float"), op("cast", col("u"))), []float64{0, 1, 255}},
		{typed(scalar("int"), op("cast", col("x"))), []int64{0, -2, 4}},
		{typed(scalar("float"), op("cast", txt(" 1.5 "))), []float64{1.5}},
		{typed(scalar("text"), op("cast", col("i"))), []string{"7", "-7", "0"}},
		{op("year", op("date", col("d"))), []int64{1970, 2024, 2023}},
		{op("month", op("date", col("d"))), []int64{1, 2, 12}},
		{op("day", op("date", col("d"))), []int64{1, 29, 31}},
		{op("hour", op("date", col("d"))), []int64{0, 13, 0}},
		{op("weekday", op("date", col("d"))), []int64{3, 3, 6}},
	} {
		t.Run(c.x.Op, func(t *testing.T) {
			v, err := sample().evaluator(nil).eval(c.x)
			require.NoError(t, err)
			switch want := c.want.(type) {
			case []int64:
				assert.Equal(t, want, v.ints)
			case []uint8:
				assert.Equal(t, want, v.u8)
			case []string:
				assert.Equal(t, want, v.texts)
			case []float64:
				require.Len(t, v.floats, len(want))
				for i, w := range want {
					assert.Equal(t, math.IsNaN(w), v.isMissing(i))
					if w == w {
						assert.InDelta(t, w, v.floats[i], 1e-12)
					}
				}
			}
		})
	}
}

func TestExpressionErrors(t *testing.T) {
	for _, c := range []struct {
		x    *recipe.Expr
		want string
	}{
		{op("//", num(1), col("i")), "f:4: a division of a whole number by zero"},
		{op("^", col("i"), num(90)), "f:2: the result is too large"},
		{op("*", col("i"), num(1<<53)), ""},
		{op("^", col("i"), num(-1)), "no whole number"},
		{typed(scalar("u8"), op("cast", col("i"))), "f:3: -7 is outside of u8"},
		{typed(id(5), op("cast", col("i"))), "f:2: 7 is outside of id(5)"},
		{typed(scalar("int"), op("cast", col("d"))), "f:2: \"1970-01-01\""},
		{typed(tensor("float", 3), op("one_hot", col("i"))), "f:2: the class 7"},
		{op("+", col("s"), num(1)), "needs numbers"},
		{op("==", col("s"), num(1)), "a text with a number"},
		{op("gather", col("s"), col("i")), "texts and numbers"},
		{op("gather", col("l"), col("i")), "not lists"},
		{op("+", col("v"), typed(tensor("int", 3), op("gather", num(1), num(2), num(3)))), "sizes"},
		{op("date", col("s")), "f:2: \" Ab | c\""},
		{op("fit:t", col("i")), "fitted after"},
		{op("nonsense", col("i")), "`nonsense` cannot be computed"},
		{op("exp"), "0 arguments"},
		{col("q"), "no column `q`"},
		{op("truncate", col("l"), col("i")), "constant whole number"},
	} {
		_, err := sample().evaluator(nil).eval(c.x)
		if c.want == "" {
			assert.NoError(t, err)
			continue
		}
		assert.ErrorContains(t, err, c.want)
	}
}

func TestColumnOfItself(t *testing.T) {
	d := tableOf(t, "a\n1\n", source("a", scalar("float")), derived("x", scalar("float"), col("y")), derived("y", scalar("float"), col("x")))
	fails(t, d, "computed from itself")
}

func TestListIsTooLong(t *testing.T) {
	d := numbered(t, 60)
	d.Columns[2].Type.Dims = []int64{-30}
	fails(t, d, "d.csv:32", "31 elements", "truncate(x, 30)")
}

func TestJoin(t *testing.T) {
	d := tableOf(t, "user,film,r\n1,a,5\n2,b,4\n1,c,3\n", source("r", scalar("float")), source("age", nullable("int")), source("genre", recipe.Type{Elem: "text", List: true}),
		derived("g", tensor("float", 3), typed(tensor("float", 3), op("multi_hot", op("fit:tags", col("genre"))))),
		derived("years", scalar("int"), op("fill", col("age"), num(0))))
	d.Columns[2].Type.Nullable = false
	dir := d.Sources[0].Base
	write(t, dir, "u.csv", "user,age\n1,30\n")
	write(t, dir, "f.csv", "film,genre\na,x|y\nb,y\nc,z\n")
	d.Sources[0].Joined = []recipe.Source{{Kind: "csv", Paths: []string{"u.csv"}, Base: dir}, {Kind: "csv", Paths: []string{"f.csv"}, Base: dir}}
	d.Transforms = []*recipe.Transform{{Name: "tags", Kind: "Category", Size: 3, Inputs: []*recipe.Expr{col("genre")}}}
	b := all(t, open(t, d), "", "batch.g", "batch.years")
	assert.Equal(t, []float32{1, 1, 0, 0, 1, 0, 0, 0, 1}, f32s(b.Tensors[0].Bytes))
	assert.Equal(t, []int32{30, 0, 30}, i32s(b.Tensors[1].Bytes))
	names, err := Header(d.Sources[0], nil)
	require.NoError(t, err)
	assert.Equal(t, []string{"user", "film", "r", "age", "genre"}, names)
	write(t, dir, "u.csv", "user,age\n1,30\n1,31\n")
	fails(t, d, "u.csv:3", "line 2", "unique")
	write(t, dir, "u.csv", "person,age\n1,30\n")
	fails(t, d, "shares no column")
}
