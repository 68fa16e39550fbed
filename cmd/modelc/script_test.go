package main

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"modelc": main})
}

// TestScripts runs the archives of testdata/script: each is a session at the command line with its files.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("NO_COLOR", "1")
			e.Setenv("MODELC_DATA", "")
			e.Setenv("TMPDIR", e.WorkDir)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "interrupt": interrupt, "killed": killed, "fifo": fifo, "repeat": repeat, "zeros": zeros,
		},
	})
}

// exits CODE COMMAND…: the command ends with the exit code; its output is matched as after exec.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	code := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		code = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if code != want {
		ts.Fatalf("exit code %d, want %d", code, want)
	}
}

// start runs modelc until a line of its stderr contains a text.
func start(ts *testscript.TestScript, until string, args []string) (*exec.Cmd, *bufio.Reader) {
	path, err := exec.LookPath("modelc")
	ts.Check(err)
	cmd := exec.Command(path, args...)
	cmd.Dir = ts.Getenv("WORK")
	cmd.Env = append(os.Environ(), "NO_COLOR=1", "MODELC_DATA=", "TMPDIR="+ts.Getenv("WORK"))
	out, err := cmd.StderrPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	r := bufio.NewReader(out)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			ts.Fatalf("modelc ended before it said %q", until)
		}
		if strings.Contains(line, until) {
			return cmd, r
		}
	}
}

// interrupt TEXT ARGS…: modelc is interrupted once when its stderr says TEXT; it must end with 130 and say what is saved.
func interrupt(ts *testscript.TestScript, neg bool, args []string) {
	cmd, r := start(ts, args[0], args[1:])
	ts.Check(cmd.Process.Signal(os.Interrupt))
	rest, _ := io.ReadAll(r)
	err := cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitInterrupted {
		ts.Fatalf("ended with %v, want exit code 130", err)
	}
	if !strings.Contains(string(rest), "is saved in") || strings.Contains(string(rest), "goroutine") {
		ts.Fatalf("said %q", rest)
	}
}

// killed TEXT ARGS…: modelc is killed when its stderr says TEXT.
func killed(ts *testscript.TestScript, neg bool, args []string) {
	cmd, r := start(ts, args[0], args[1:])
	time.Sleep(3 * time.Millisecond) // any instant will do
	ts.Check(cmd.Process.Kill())
	_, _ = io.Copy(io.Discard, r)
	_ = cmd.Wait() // killed
}

// fifo NAME makes a pipe that nobody writes.
func fifo(ts *testscript.TestScript, neg bool, args []string) {
	ts.Check(syscall.Mkfifo(ts.MkAbs(args[0]), 0o666))
}

// repeat FILE COUNT TEXT writes a text so often.
func repeat(ts *testscript.TestScript, neg bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Repeat(args[2], n)), 0o666))
}

// zeros FILE COUNT writes so many NUL bytes.
func zeros(ts *testscript.TestScript, neg bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), make([]byte, n), 0o666))
}
