package ping

import (
	"context"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
)

// What the network does to a connect can't be had on every machine, so the system's errors are made here.
func TestAdvice(t *testing.T) {
	t.Parallel()
	for errno, want := range map[syscall.Errno]struct {
		class  class.Class
		advice string
	}{
		syscall.ENETUNREACH:  {class.NetUnreachable, "; this host has no route there"},
		syscall.EHOSTUNREACH: {class.HostUnreachable, "; check that the host is up"},
		syscall.ECONNRESET:   {class.Reset, "; the server, or a firewall on the way, resets"},
	} {
		r := &Result{URL: "http://a/"}
		r.fail(context.Background(), context.Background(), PhaseConnect, os.NewSyscallError("connect", errno))
		assert.Equal(t, want.class.String(), r.Class.String())
		assert.ErrorContains(t, r.Err, want.advice)
	}
}

// Each class of failure has advice, except an abort, which was asked for, and an unknown error.
func TestEveryClassHasAdvice(t *testing.T) {
	t.Parallel()
	for c := range class.Count {
		switch c {
		case class.None, class.Aborted, class.Other:
			assert.Empty(t, advice[c], c.String())
		default:
			assert.NotEmpty(t, advice[c], c.String())
		}
	}
}
