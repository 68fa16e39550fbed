package cpu

import (
	"bytes"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// allocate returns zeroed memory outside the Go heap, in whole pages.
func allocate(n int64) ([]byte, error) {
	return unix.Mmap(-1, 0, int(n), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
}

func release(b []byte) error { return unix.Munmap(b) }

// available returns the bytes that the machine, and the control group of the process, can still give; -1 if that is not known.
func available() int64 {
	free := int64(-1)
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		for line := range bytes.Lines(text) {
			if f := bytes.Fields(line); len(f) == 3 && string(f[0]) == "MemAvailable:" {
				if kb, err := strconv.ParseInt(string(f[1]), 10, 64); err == nil {
					free = kb << 10
				}
			}
		}
	}
	for _, group := range [][2]string{
		{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"},
		{"/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"},
	} {
		limit, ok1 := readNumber(group[0])
		used, ok2 := readNumber(group[1])
		if ok1 && ok2 && (free < 0 || limit-used < free) {
			free = max(limit-used, 0)
		}
	}
	return free
}

func readNumber(file string) (int64, bool) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 64)
	return n, err == nil // "max" is no number: no limit
}
