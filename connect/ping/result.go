package ping

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
)

// Result is what a ping came to. Its phases are contiguous: Total = Connect + TLS + FirstByte + LastByte, without DNS. Of a ping
// that failed, the phase in which it failed lasts until the failure, and later ones are 0.
type Result struct {
	Start time.Time
	URL   string // without a password
	From  string // as planned

	DNS       time.Duration // the resolver; 0 if the host is an address
	Connect   time.Duration // TCP handshake, with the attempts at addresses that failed before
	TLS       time.Duration // handshake; 0 for http
	FirstByte time.Duration // from there until the first byte of the answer's header
	LastByte  time.Duration // from there until the last byte of the answer's body
	Total     time.Duration // from the start of the TCP handshake until the last byte

	Status     int            // 0 if there was no answer
	Size       int64          // bytes of the answer's body
	RemoteAddr netip.AddrPort // the peer, or the last address that was tried
	Location   string         // where the peer says it is; "" if it does not

	Class connect.Class // why there is no whole answer; ClassNone if there is
	Err   error         // says the same in words
}

// failedFrom is the first HTTP status that pingmesh counts as a failure.
const failedFrom = 305

// Failed reports whether there was no whole answer, or one with an HTTP status from 305 up, as pingmesh counts.
func (r *Result) Failed() bool { return r.Class != connect.ClassNone || r.Status >= failedFrom }

// fail notes why there is no whole answer.
func (r *Result) fail(caller, limited context.Context, in moment, err error) {
	r.Class = classify(caller, limited, in, err)
	if r.Class == connect.ClassTimeout || r.Class == connect.ClassNoReply {
		err = fmt.Errorf("time is up: %w", err)
	}
	r.Err = fmt.Errorf("ping %s: %s: %w", r.URL, phases[in], err)
	if r.RemoteAddr.IsValid() {
		r.Err = fmt.Errorf("ping %s at %s: %s: %w", r.URL, r.RemoteAddr, phases[in], err)
	}
}

func classify(caller, limited context.Context, in moment, err error) connect.Class {
	var unresolved *resolveError
	var source *sourceError
	class := connect.Classify(err)
	switch {
	case caller.Err() != nil && !errors.Is(caller.Err(), context.DeadlineExceeded):
		return connect.ClassAborted
	case limited.Err() != nil || class == connect.ClassTimeout:
		if in > secured {
			return connect.ClassNoReply
		}
		return connect.ClassTimeout
	case errors.Is(err, ErrBlocked):
		return connect.ClassBlocked
	case errors.As(err, &unresolved):
		return connect.ClassDNS
	case errors.As(err, &source):
		return connect.ClassAddrNotAvailable
	case class != connect.ClassOther:
		return class
	case in == secured || isAlert(err):
		return connect.ClassTLS
	case in > secured:
		return connect.ClassBadReply
	}
	return class
}

// isAlert reports whether the peer has sent a TLS alert. With TLS 1.3, it does so after the handshake if it wants a
// certificate that it was not given.
func isAlert(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "remote error"
}
