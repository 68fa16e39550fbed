//go:build unix

package main

import (
	"bufio"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
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
			"exits": exits, "interrupt": interrupt, "killed": killed, "killoften": killOften, "samemetrics": sameMetrics, "fifo": fifo, "repeat": repeat, "zeros": zeros,
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

// killoften COUNT ARGS…: modelc is started and killed so often, each time at another instant, and then runs to its end.
func killOften(ts *testscript.TestScript, neg bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	path, err := exec.LookPath("modelc")
	ts.Check(err)
	random := rand.New(rand.NewPCG(1, uint64(n)))
	for i := 0; ; i++ {
		cmd := exec.Command(path, args[1:]...)
		cmd.Dir = ts.Getenv("WORK")
		cmd.Env = append(os.Environ(), "MODELC_DATA=", "TMPDIR="+ts.Getenv("WORK"))
		ts.Check(cmd.Start())
		if i >= n {
			ts.Check(cmd.Wait())
			return
		}
		time.Sleep(time.Duration(60+random.IntN(250)) * time.Millisecond)
		_ = cmd.Process.Kill() // it may have come to its end before
		_ = cmd.Wait()
	}
}

// samemetrics A B: the newest runs below two folders have written the same metrics.
func sameMetrics(ts *testscript.TestScript, neg bool, args []string) {
	newest := func(dir string) string {
		entries, err := os.ReadDir(ts.MkAbs(dir))
		ts.Check(err)
		last := 0
		for _, e := range entries {
			if n, err := strconv.Atoi(e.Name()); err == nil {
				last = max(last, n)
			}
		}
		return ts.ReadFile(filepath.Join(dir, strconv.Itoa(last), "metrics.jsonl"))
	}
	if a, b := newest(args[0]), newest(args[1]); a != b || a == "" {
		ts.Fatalf("metrics differ:\n%s\n%s", a, b)
	}
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
