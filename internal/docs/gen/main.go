// Command gen writes docs/library.md and docs/ir.md. It runs in internal/docs, where go generate starts it.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"modelc/internal/docs"
)

func main() {
	ir, err := docs.IR(filepath.Join("..", "..", "ir"))
	if err == nil {
		err = write("library.md", docs.Library())
	}
	if err == nil {
		err = write("ir.md", ir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func write(name, text string) error {
	return os.WriteFile(filepath.Join("..", "..", "docs", name), []byte(text), 0o644)
}
