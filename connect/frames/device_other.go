//go:build !linux

package frames

import "errors"

// ErrUnsupported is that of systems that are not Linux.
var ErrUnsupported = errors.New("the packet driver needs Linux")

// Open returns ErrUnsupported.
func Open(Options) (Device, error) { return nil, ErrUnsupported }
