package table

import (
	"encoding/csv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	tab, err := Parse("t", []byte("a, b ,c\n1, \"x, y\" ,3\n\n4,5,\"6\n7\"\r\n8,9,10"), Options{Delimiter: ',', Trim: true})
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "b", "c"}, tab.Header)
	require.Equal(t, 3, tab.Rows())
	assert.Equal(t, []string{"1", "x, y", "3"}, tab.Fields(0))
	assert.Equal(t, []string{"4", "5", "6\n7"}, tab.Fields(1))
	assert.Equal(t, []int{2, 4, 6}, []int{tab.Line(0), tab.Line(1), tab.Line(2)})
}

func TestTSVTakesQuotesAsTheyAre(t *testing.T) {
	tab, err := Parse("t", []byte("\"a\tb\nx\t\"y\" z\n"), Options{Delimiter: '\t', Plain: true, Columns: []string{"l", "r"}})
	require.NoError(t, err)
	assert.Equal(t, []string{"\"a", "b"}, tab.Fields(0))
	assert.Equal(t, []string{"x", "\"y\" z"}, tab.Fields(1))
}

func TestIdentifier(t *testing.T) {
	for header, want := range map[string]string{"education-num": "education_num", "2nd": "_nd", "a b.c": "a_b_c", "größe": "größe", "年龄": "年龄", "x2": "x2"} {
		assert.Equal(t, want, Identifier(header))
	}
}

// What both accept, the standard library's reader reads alike.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"a,b\n1,2\n", "a,\"b\"\"c\"\n\"1\n2\",3\r\n", "\xef\xbb\xbfa\n1", "a\n\"", "a,b\n\n1,2", "\"a\" ,b\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, o := range []Options{{Delimiter: ',', Trim: true}, {Delimiter: '\t', Plain: true}, {Delimiter: ',', Columns: []string{"x", "y"}}} {
			if tab, err := Parse("t", []byte(s), o); err == nil {
				for i := range tab.Rows() {
					require.Len(t, tab.Fields(i), len(tab.Header))
				}
			}
		}
		tab, err := Parse("t", []byte(s), Options{Delimiter: ','})
		if err != nil || strings.ContainsAny(s, "\r") {
			return
		}
		r := csv.NewReader(strings.NewReader(strings.TrimPrefix(s, "\xef\xbb\xbf")))
		rows, err := r.ReadAll()
		if err != nil || len(tab.Header) == 1 {
			return // a single empty column is an empty line there
		}
		require.Equal(t, len(rows), tab.Rows()+1)
		for i, row := range rows[1:] {
			require.Equal(t, row, tab.Fields(i))
		}
	})
}
