//go:build !unix

package server

import "math"

// descriptorLimit is how many file descriptors this process may have open; these systems set none.
func descriptorLimit() uint64 { return math.MaxInt64 }
