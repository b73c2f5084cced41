//go:build !linux

package main

import (
	"errors"
	"os"
	"runtime"
	"time"
)

// residentBytes reads /proc, which only Linux has.
func residentBytes(int) (int64, error) {
	return 0, errors.New("measuring memory needs /proc/PID/smaps_rollup, which " + runtime.GOOS + " does not have: run the bench on Linux")
}

// peakBytes relies on Linux's unit of ru_maxrss.
func peakBytes(*os.ProcessState) (int64, error) {
	return 0, errors.New("measuring memory needs Linux's getrusage(2): run the bench on Linux")
}

// processorTime is 0: the packet driver, whose processor time is measured, needs Linux.
func processorTime() time.Duration { return 0 }
