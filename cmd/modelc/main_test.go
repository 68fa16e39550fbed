package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"modelc/internal/run"
	"modelc/lang/source"
	"modelc/recipe"
)

// A bug of ours is one line, a sentence and a file to report; no stack is shown to who cannot use it.
func TestBugs(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Setenv("MODELC_DEBUG", "")
	var errs bytes.Buffer
	s := &streams{err: &errs}
	assert.Equal(t, exitBug, s.code([]string{"run", "x.model"}, &run.Bug{Err: errors.New("the plan has no place")}))
	assert.Contains(t, errs.String(), "modelc: internal error: the plan has no place\nThis is a bug of modelc")
	assert.NotContains(t, errs.String(), "goroutine")
	files, err := filepath.Glob(filepath.Join(dir, "modelc-bug-*.txt"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	text, err := os.ReadFile(files[0])
	require.NoError(t, err)
	assert.Contains(t, string(text), `arguments: ["run" "x.model"]`)
	assert.Contains(t, string(text), "goroutine")
	t.Setenv("MODELC_DEBUG", "1")
	errs.Reset()
	s.code(nil, &run.Bug{Err: errors.New("x")})
	assert.Contains(t, errs.String(), "goroutine")
}

func TestExitCodes(t *testing.T) {
	var out, errs bytes.Buffer
	s := &streams{out: &out, err: &errs}
	assert.Equal(t, exitGood, s.code(nil, nil))
	assert.Equal(t, exitUser, s.code(nil, errShown))
	assert.Equal(t, exitUser, s.code(nil, &run.Error{Text: "the disk is full"}))
	assert.Equal(t, exitUsage, s.code(nil, usageError{"x"}))
	assert.Equal(t, exitInterrupted, s.code(nil, run.ErrInterrupted))
	assert.Contains(t, errs.String(), "error: the disk is full\n")
}

func TestPlacesBecomeSpans(t *testing.T) {
	f := source.NewFile("网.model", []byte("一 = 二\nloss = 学习(x)\n"))
	for _, c := range []struct {
		line, col int
		want      string
	}{{2, 8, "学习"}, {1, 1, "一"}, {2, 1, "loss"}, {2, 10, "("}, {1, 99, "一 = 二"}} {
		assert.Equal(t, c.want, spanAt(f, recipe.Place{File: f.Name, Line: c.line, Col: c.col}).Text(), "%d:%d", c.line, c.col)
	}
	assert.False(t, spanAt(f, recipe.Place{File: f.Name, Line: 9}).Valid())
	assert.False(t, spanAt(f, recipe.Place{File: "other.model", Line: 1, Col: 1}).Valid())
	assert.False(t, spanAt(nil, recipe.Place{}).Valid())
}
