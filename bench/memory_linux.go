package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// residentBytes is the memory that a process has in use (Rss of proc_pid_smaps(5): unlike statm's, exact).
func residentBytes(pid int) (int64, error) {
	path := fmt.Sprintf("/proc/%d/smaps_rollup", pid)
	text, err := os.ReadFile(path) // #nosec G304 -- of a process of ours
	if err != nil {
		return 0, fmt.Errorf("measuring memory: %w", err)
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		var kilobytes int64
		if n, _ := fmt.Sscanf(lines.Text(), "Rss: %d kB", &kilobytes); n == 1 {
			return kilobytes << 10, nil
		}
	}
	return 0, fmt.Errorf("measuring memory: %s has no line Rss", path)
}

// peakBytes is the most memory that a process had in use at once (ru_maxrss, getrusage(2)).
func peakBytes(of *os.ProcessState) (int64, error) {
	usage, ok := of.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0, errors.New("measuring memory: the system tells nothing of a process that has ended")
	}
	return usage.Maxrss << 10, nil
}

// processorTime is what this process has used, in user mode and in the kernel.
func processorTime() time.Duration {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage) // fails for other subjects only
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
