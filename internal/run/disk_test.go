package run

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"modelc/internal/checkpoint"
	"modelc/recipe"
)

// fullDisk is the machine's file system until so many bytes were written; then it has no space.
type fullDisk struct {
	checkpoint.FS
	left *int64
}

type fullFile struct {
	checkpoint.File
	left *int64
}

func (d fullDisk) Create(name string) (checkpoint.File, error) {
	f, err := d.FS.Create(name)
	return fullFile{f, d.left}, err
}

func (f fullFile) Write(p []byte) (int, error) {
	if int64(len(p)) > *f.left {
		n, _ := f.File.Write(p[:*f.left])
		*f.left = 0
		return n, &fs.PathError{Op: "write", Path: "disk", Err: syscall.ENOSPC}
	}
	*f.left -= int64(len(p))
	return f.File.Write(p)
}

// TestAFullDiskStopsTheRunAndLosesNothing fills the disk at many places of a run. It ends with an error that says so; with room again it goes on and ends as one that was never
// stopped.
func TestAFullDiskStopsTheRunAndLosesNothing(t *testing.T) {
	dir := t.TempDir()
	c := newLine(t, dir)
	c.r.Blocks[0].Train.Checkpoint = recipe.Every{Steps: 4}
	o, _ := options(filepath.Join(dir, "whole"))
	whole, err := Run(context.Background(), c, o)
	require.NoError(t, err)
	stopped := 0
	for room := int64(2000); room < 40000; room += 3700 {
		o, _ := options(filepath.Join(dir, "full"+itoa(room)))
		left := room
		o.FS = fullDisk{unsynced{checkpoint.OS}, &left}
		if _, err := Run(context.Background(), c, o); err != nil {
			require.ErrorIs(t, err, syscall.ENOSPC)
			assert.True(t, strings.Contains(err.Error(), "cannot be saved") || strings.Contains(err.Error(), "cannot be written"), err.Error())
			var bug *Bug
			assert.False(t, errors.As(err, &bug))
			stopped++
		}
		o.FS, o.Resume = unsynced{checkpoint.OS}, true
		r, err := Run(context.Background(), c, o)
		require.NoError(t, err)
		assert.Equal(t, whole.Metrics, r.Metrics)
		_, _, metrics := artifacts(t, r.Runs[0].Folder)
		_, _, want := artifacts(t, whole.Runs[0].Folder)
		assert.Equal(t, want, metrics)
	}
	assert.Greater(t, stopped, 2)
}
