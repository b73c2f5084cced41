//go:build !linux

package sockets

import (
	"context"
	"errors"
	"fmt"
	"runtime"
)

// Count is for Linux; here it returns an error that wraps errors.ErrUnsupported.
func Count(_ context.Context, q Query) (Table, error) {
	return Table{}, fmt.Errorf("%s: this needs Linux's sock_diag, which %s lacks (%w): "+
		"run mconnect-server -http on the Linux host whose sockets you want, and ask it (remote: 'http://host:port')",
		q, runtime.GOOS, errors.ErrUnsupported)
}
