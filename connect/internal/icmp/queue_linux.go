package icmp

import (
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/sys"
)

// A Queue is a second descriptor of a socket that is being connected: package net closes its own when that fails, and with it the queue
// that has the ICMP message behind the failure. The zero value has none.
type Queue struct {
	fd, family int
	open       bool
	stream     bool // TCP
}

// Keep makes the kernel keep the messages about a socket. Without a descriptor to spare there is no queue.
func (q *Queue) Keep(raw syscall.RawConn, network string) {
	q.family, q.stream = unix.AF_INET, strings.HasPrefix(network, "tcp")
	if strings.HasSuffix(network, "6") {
		q.family = unix.AF_INET6
	}
	_ = raw.Control(func(fd uintptr) {
		own, err := unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
		if q.fd, q.open = own, err == nil; q.open {
			sys.KeepICMP(own, q.family)
		}
	})
}

// Explain says of a connect that has failed which ICMP message was the reason, if there was one.
func (q *Queue) Explain(err error) error {
	if !q.open {
		return err
	}
	told, ok := sys.ICMPError(q.fd)
	if !ok {
		return err
	}
	return Error{Err: err, From: told.From, Kind: Kind(told.V6, told.Type, told.Code), Prohibited: told.Prohibited()}
}

// Close gives the descriptor back. A TCP connection that was established survives ICMP messages from here on.
func (q *Queue) Close() {
	if q.open {
		if q.stream {
			sys.SurviveICMP(q.fd, q.family)
		}
		_ = unix.Close(q.fd)
		q.open = false
	}
}
