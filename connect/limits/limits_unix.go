//go:build unix

package limits

import (
	"math"
	"syscall"
)

// Descriptors is how many file descriptors this process may have open (getrlimit(2)). Go's runtime has raised the soft
// limit to the hard one when the process started.
func Descriptors() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return math.MaxInt64
	}
	return uint64(limit.Cur) //nolint:unconvert // signed on some systems
}
