// Package stdlib is the standard library of the language, written in the language.
//
// Its files form the prelude: every declaration in them is in scope of every user's file without an import, and any user's
// declaration may take the place of one. Nothing here is known to the compiler by name. What the library cannot say in the
// language is a builtin of the compiler; what it can say is not.
//
// The files lie one per family (linear.model, convolution.model, loss.model, …); tests/ holds a file of test blocks for each,
// which run on the user's device as the user's own tests do.
package stdlib

import (
	"embed"
	"path"
	"slices"
	"strings"
	"sync"
)

//go:embed *.model tests/*.model
var tree embed.FS

// File is one source file of the library. Name is its path below the library, such as "loss.model" or "tests/loss.model".
type File struct {
	Name string
	Text string
}

var (
	prelude = sync.OnceValue(func() []File { return read(".") })
	tests   = sync.OnceValue(func() []File { return read("tests") })
)

// Files returns the files of the prelude in the order of their names. The caller owns the slice.
func Files() []File { return slices.Clone(prelude()) }

// Tests returns the files with the library's test blocks in the order of their names. The caller owns the slice.
func Tests() []File { return slices.Clone(tests()) }

// read returns the .model files directly in dir. The tree is part of the program, so a failure is a bug of the build.
func read(dir string) []File {
	entries, err := tree.ReadDir(dir)
	if err != nil {
		panic("stdlib: " + err.Error())
	}
	var files []File
	for _, e := range entries {
		if e.IsDir() || !strings.HasSuffix(e.Name(), ".model") {
			continue
		}
		name := path.Join(dir, e.Name())
		text, err := tree.ReadFile(name)
		if err != nil {
			panic("stdlib: " + err.Error())
		}
		files = append(files, File{Name: name, Text: string(text)})
	}
	return files
}
