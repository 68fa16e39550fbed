package source_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"modelc/lang/source"
)

func TestPositions(t *testing.T) {
	f := source.NewFile("a.model", []byte("x = 1\r\n\t步长 = 2\n"))
	assert.Equal(t, 3, f.Lines())
	assert.Equal(t, "x = 1", f.Line(1))
	assert.Equal(t, "\t步长 = 2", f.Line(2))
	assert.Equal(t, "", f.Line(3))
	assert.Equal(t, "", f.Line(4))
	equals := source.Span{File: f, Start: 15, End: 16}
	assert.Equal(t, "=", equals.Text())
	assert.Equal(t, source.Position{Name: "a.model", Line: 2, Column: 5, Width: 9}, equals.Position())
	assert.Equal(t, 6, equals.EndPosition().Column)
	assert.Equal(t, source.Position{}, source.Span{}.Position())
	end := source.Span{File: f, Start: 1000, End: 1000}
	assert.Equal(t, 3, end.Position().Line)
}

func TestWidth(t *testing.T) {
	assert.Equal(t, 4, source.Width("步长", 0))
	assert.Equal(t, 1, source.Width("e\u0301", 0), "a mark that combines takes no cell")
	assert.Equal(t, 4, source.Width("\t", 0))
	assert.Equal(t, 1, source.Width("\t", 3))
}
