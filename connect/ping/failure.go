package ping

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
)

// fail notes why there is no whole answer. limited is the caller's context with the plan's timeout.
func (r *Result) fail(caller, limited context.Context, in Phase, err error) {
	r.FailedIn, r.Class = in, classify(caller, limited, in, err)
	at := ""
	if r.RemoteAddr.IsValid() {
		at = " at " + r.RemoteAddr.String()
	}
	r.Err = fmt.Errorf("ping %s%s: %s: %w", r.URL, at, doing[in], err)
	if advice := advice[r.Class]; advice != "" {
		r.Err = fmt.Errorf("%w; %s", r.Err, advice)
	}
}

func classify(caller, limited context.Context, in Phase, err error) connect.Class {
	class := connect.Classify(err)
	_, unresolved := errors.AsType[*resolveError](err)
	_, unusable := errors.AsType[*sourceError](err)
	switch {
	case errors.Is(caller.Err(), context.Canceled):
		return connect.ClassAborted
	case errors.Is(err, ErrBlocked):
		return connect.ClassBlocked
	case limited.Err() != nil || class == connect.ClassTimeout:
		return timedOut(in)
	case unresolved:
		return connect.ClassDNS
	case unusable:
		return connect.ClassAddrNotAvailable
	case errors.Is(err, io.ErrUnexpectedEOF):
		return connect.ClassClosed
	case class != connect.ClassOther:
		return class
	case in == PhaseTLS || isAlert(err):
		return connect.ClassTLS
	case in > PhaseTLS:
		return connect.ClassBadReply
	}
	return class
}

func timedOut(in Phase) connect.Class {
	switch in {
	case PhaseDNS:
		return connect.ClassDNS
	case PhaseFirstByte, PhaseLastByte:
		return connect.ClassNoReply
	}
	return connect.ClassTimeout
}

// isAlert reports whether the peer has sent a TLS alert. With TLS 1.3, it does so after the handshake if it wants a
// certificate that it was not given.
func isAlert(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "remote error"
}

var advice = map[connect.Class]string{
	connect.ClassDNS:              "check the name and the resolver, or give the address with the option for the IP",
	connect.ClassRefused:          "check that a server listens there",
	connect.ClassTimeout:          "check the route and firewalls, or allow more time",
	connect.ClassNoReply:          "the server accepts connections, but does not answer in time: check its health, or allow more time",
	connect.ClassClosed:           "the server ends the connection without an answer: check that it speaks this protocol on this port",
	connect.ClassBadReply:         "check that the server speaks HTTP/1.1 on this port",
	connect.ClassTLS:              "check the certificate, the host name and the TLS options",
	connect.ClassAddrNotAvailable: "use a source of this host, of the target's IP version",
	connect.ClassFDLimit:          "raise the limit of open files (ulimit -n, LimitNOFILE= of a service)",
	connect.ClassBlocked:          "the caller's rules, or this host's firewall, forbid the target",
}
