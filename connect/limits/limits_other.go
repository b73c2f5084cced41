//go:build !unix

package limits

import "math"

// Descriptors is how many file descriptors this process may have open; these systems set no limit.
func Descriptors() uint64 { return math.MaxInt64 }
