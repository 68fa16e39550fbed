// Command modelc checks, compiles and trains models written in the language of .model files.
//
//	modelc run examples/digits.model
//
// Exit codes: 0 good, 1 the file or the data is wrong, 2 usage, 3 a bug of modelc, 130 interrupted.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"modelc/internal/run"
	"modelc/lang/diag"
)

// Exit codes.
const (
	exitGood        = 0
	exitUser        = 1
	exitUsage       = 2
	exitBug         = 3
	exitInterrupted = 130
)

func main() {
	if os.Getenv("MODELC_DEBUG") == "" {
		debug.SetTraceback("none") // of what recover cannot reach, too
	}
	os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// streams are the three of a process.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// commands are the verbs with their flags; they are the one source of help.
type commands struct {
	Run      runCmd      `cmd:"" help:"Train what is stale, then run the other blocks of a file."`
	Check    checkCmd    `cmd:"" help:"Check a file without running it."`
	Fmt      fmtCmd      `cmd:"" help:"Print files in canonical form, or rewrite them."`
	IR       irCmd       `cmd:"" name:"ir" help:"Print what the compiler makes of an entry of a file."`
	Test     testCmd     `cmd:"" help:"Run the test blocks of files."`
	Summary  summaryCmd  `cmd:"" help:"List layers, shapes, parameters and memory."`
	Predict  predictCmd  `cmd:"" help:"Run the predict blocks of a file with its trained weights."`
	Generate generateCmd `cmd:"" help:"Run the generate blocks of a file with its trained weights."`
	Explain  explainCmd  `cmd:"" help:"Explain the code of a message."`
	Version  versionCmd  `cmd:"" help:"Print the version."`
}

// sticky is a stream that remembers the first error of writing to it: a command whose output is lost has not done what it was asked.
type sticky struct {
	io.Writer
	err error
}

func (w *sticky) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	if err != nil && w.err == nil {
		w.err = err
	}
	return n, err
}

// exit is panicked with by kong's exit, which help uses.
type exit int

// errShown ends a command with exit code 1 when all has been said.
var errShown = errors.New("shown")

// usageError is an error of the command line.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

// Main runs a command line and returns the exit code.
func Main(args []string, in io.Reader, out, errs io.Writer) (code int) {
	kept := &sticky{Writer: out}
	s := &streams{in, kept, errs}
	defer func() {
		switch r := recover().(type) {
		case nil:
		case exit:
			code = int(r)
		default:
			code = s.bug(args, fmt.Sprint(r), debug.Stack())
		}
		if kept.err != nil && code == exitGood {
			fmt.Fprintf(errs, "error: the standard output: %v\n", kept.err)
			code = exitUser
		}
	}()
	var c commands
	parser, err := kong.New(&c, kong.Name("modelc"), kong.Writers(kept, errs), kong.Exit(func(n int) { panic(exit(n)) }),
		kong.Description("A compiler and runtime for machine learning experiments."), kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if err != nil {
		panic(err)
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	ctx, err := parser.Parse(args)
	if err == nil {
		err = ctx.Run(s)
	}
	return s.code(args, err)
}

// code shows an error and gives its exit code.
func (s *streams) code(args []string, err error) int {
	var usage usageError
	var parse *kong.ParseError
	var bug *run.Bug
	var list diag.List
	switch {
	case err == nil:
		return exitGood
	case errors.Is(err, errShown):
		return exitUser
	case errors.Is(err, run.ErrInterrupted):
		return exitInterrupted
	case errors.As(err, &usage), errors.As(err, &parse):
		fmt.Fprintf(s.err, "modelc: %v\n\"modelc --help\" lists commands and flags.\n", err)
		return exitUsage
	case errors.As(err, &bug):
		return s.bug(args, err.Error(), debug.Stack())
	case errors.As(err, &list):
		s.show(list)
		return exitUser
	}
	fmt.Fprintf(s.err, "error: %v\n", err)
	return exitUser
}

// bug tells of an error of our own: what happened, in a sentence, and the rest in a file to report.
func (s *streams) bug(args []string, text string, stack []byte) int {
	first, _, _ := strings.Cut(text, "\n")
	fmt.Fprintf(s.err, "modelc: internal error: %s\n", first)
	report := fmt.Sprintf("modelc %s\narguments: %q\n\n%s\n\n%s", version(), args, text, stack)
	if os.Getenv("MODELC_DEBUG") != "" {
		fmt.Fprintln(s.err, report)
	}
	path := filepath.Join(os.TempDir(), fmt.Sprintf("modelc-bug-%s-%d.txt", time.Now().UTC().Format("20060102-150405"), os.Getpid()))
	if err := os.WriteFile(path, []byte(report), 0o600); err != nil {
		fmt.Fprintf(s.err, "This is a bug of modelc, not of your file. Please report it with the command line; MODELC_DEBUG=1 shows more.\n")
		return exitBug
	}
	fmt.Fprintf(s.err, "This is a bug of modelc, not of your file. Please report it with %s\n", path)
	return exitBug
}

// version is that of the build.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	if v == "" || v == "(devel)" {
		v = "development"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 && !strings.Contains(v, s.Value[:12]) {
			v += " " + s.Value[:12]
		}
	}
	return v
}
