package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A process of either side that is started for one workload prints "first" after its first step, takes four more, and prints "memory MB", its peak resident memory.
const (
	firstStep = "first"
	moreSteps = 4
)

// once is such a process of ours: bench once NAME THREADS.
func once(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("once takes a workload and a number of threads")
	}
	i := slices.IndexFunc(workloads, func(w workload) bool { return w.name == args[0] })
	threads, err := strconv.Atoi(args[1])
	if i < 0 || err != nil {
		return fmt.Errorf("once %s: no such workload or number of threads", strings.Join(args, " "))
	}
	l, err := load(workloads[i], threads)
	if err != nil {
		return err
	}
	defer l.close()
	for n := range 1 + moreSteps {
		if err := l.step(); err != nil {
			return err
		}
		if n == 0 {
			fmt.Println(firstStep)
		}
	}
	mb, err := peakMemory()
	if err != nil {
		return err
	}
	fmt.Println("memory", mb)
	return nil
}

// peakMemory is the most memory that this process has held, in MB, or -1 where the system does not say.
func peakMemory() (float64, error) {
	text, err := os.ReadFile("/proc/self/status")
	if os.IsNotExist(err) {
		return -1, nil
	}
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 64)
			return kb * 1024 / 1e6, err
		}
	}
	return -1, nil
}

// openProcess is our side of a workload that starts a process each time.
func openProcess(w workload, threads int) *side {
	return &side{close: func() {}, cost: func(calls int) (float64, error) {
		binary, err := os.Executable()
		if err != nil {
			return 0, err
		}
		return processes(calls, w, func() *exec.Cmd { return exec.Command(binary, "once", w.name, strconv.Itoa(threads)) })
	}}
}

// processes starts a process per call, one after another, and returns the mean of what the workload asks for.
func processes(calls int, w workload, command func() *exec.Cmd) (float64, error) {
	if calls == 0 {
		return 0, nil
	}
	total := 0.0
	for range calls {
		ms, mb, err := process(command())
		if err != nil {
			return 0, err
		}
		if w.family == memory {
			if mb < 0 {
				return 0, fmt.Errorf("peak memory is read from /proc, which this system does not have")
			}
			ms = mb
		}
		total += ms
	}
	return total / float64(calls), nil
}

// process runs one to its end and returns the time to its first step and its peak memory.
func process(cmd *exec.Cmd) (ms, mb float64, err error) {
	cmd.Stderr = os.Stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return 0, 0, err
	}
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	out := bufio.NewReader(pipe)
	line, err := out.ReadString('\n')
	ms = time.Since(begin).Seconds() * 1e3
	rest, _ := io.ReadAll(out)
	if e := cmd.Wait(); e != nil {
		return 0, 0, fmt.Errorf("%s: %w", cmd.Path, e)
	}
	if err != nil || strings.TrimSpace(line) != firstStep {
		return 0, 0, fmt.Errorf("%s: no first step, but %q", cmd.Path, line)
	}
	if _, err := fmt.Sscanf(string(rest), "memory %g", &mb); err != nil {
		return 0, 0, fmt.Errorf("%s: no peak memory, but %q", cmd.Path, rest)
	}
	return ms, mb, nil
}
