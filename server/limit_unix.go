//go:build unix

package server

import (
	"math"
	"syscall"
)

// descriptorLimit is how many file descriptors this process may have open (getrlimit(2)).
func descriptorLimit() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return math.MaxInt64
	}
	return uint64(limit.Cur) //nolint:unconvert // signed on some systems
}
