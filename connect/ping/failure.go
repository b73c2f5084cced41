package ping

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/icmp"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/quote"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
)

// shownURL is how many bytes of the URL a failure names.
const shownURL = 300

// fail notes why there is no whole answer. limited is the caller's context with the plan's timeout.
func (r *Result) fail(caller, limited context.Context, in Phase, err error) {
	r.FailedIn, r.Class = in, classify(caller, limited, in, err)
	at := ""
	if r.RemoteAddr.IsValid() {
		at = " at " + r.RemoteAddr.String()
	}
	doing := doing[in]
	if r.Status != 0 {
		doing = fmt.Sprintf("reading the answer's body, after status %d and %d bytes of it", r.Status, r.Size)
	}
	// What a peer sends, such as the names of its certificate, may be anything.
	r.Err = fmt.Errorf("ping %s%s: %s: %w", quote.Cut(r.URL, shownURL), at, doing, quote.Error(err))
	if advice := r.advice(); advice != "" {
		r.Err = fmt.Errorf("%w; %s", r.Err, advice)
	}
}

// advice is what to do next. Of an answer that has begun, it is not to be found out whether there is one.
func (r *Result) advice() string {
	if _, otherFamily := errors.AsType[*source.FamilyError](r.Err); otherFamily || errors.Is(r.Err, errTooLarge) {
		return "" // says it already
	}
	if text := adviceOnProtocol(r.Err); text != "" {
		return text
	}
	if text, ok := adviceInAnswer[r.Class]; ok && r.FailedIn == PhaseLastByte {
		return text
	}
	if r.Class == class.Timeout && r.FailedIn == PhaseTLS {
		return "the server accepts connections, but does not shake hands in time: check that it speaks TLS on this port, and its health, or allow more time"
	}
	if told, ok := errors.AsType[icmp.Error](r.Err); ok {
		return told.Advice()
	}
	return advice[r.Class]
}

func classify(caller, limited context.Context, in Phase, err error) class.Class {
	known := class.Of(err)
	_, unresolved := errors.AsType[*resolveError](err)
	told, _ := errors.AsType[icmp.Error](err)
	_, unusable := errors.AsType[*source.FamilyError](err)
	switch {
	case caller.Err() != nil:
		return class.Aborted
	case errors.Is(err, ErrBlocked) || told.Prohibited:
		return class.Blocked
	case limited.Err() != nil || known == class.Timeout:
		return timedOut(in)
	case unresolved:
		return class.DNS
	case unusable:
		return class.AddrNotAvailable
	case known != class.Other:
		return known
	case in == PhaseTLS || isAlert(err):
		return class.TLS
	case in > PhaseTLS:
		return class.BadReply
	}
	return known
}

func timedOut(in Phase) class.Class {
	switch in {
	case PhaseDNS:
		return class.DNS
	case PhaseFirstByte, PhaseLastByte:
		return class.NoReply
	}
	return class.Timeout
}

// isAlert reports whether the peer has sent a TLS alert. With TLS 1.3, it does so after the handshake if it wants a
// certificate that it was not given.
func isAlert(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "remote error"
}

var advice = map[class.Class]string{
	class.DNS:              "check the name and the resolver, or give the address with the option for the IP",
	class.Refused:          "check that a server listens there; a firewall that rejects with a reset, on the way or this host's own (nft list ruleset), looks the same",
	class.Timeout:          "check the route and firewalls, this host's too (nft list ruleset), or allow more time",
	class.Reset:            "the server, or a firewall on the way, resets the connection: check the server's log and its limit of connections",
	class.HostUnreachable:  "check that the host is up and in the network that its address belongs to, and the routers on the way (traceroute)",
	class.NetUnreachable:   "this host has no route there: check its routes (ip route), and that it has an address of this IP version",
	class.AddrInUse:        "the source's ports are used up: use another source, or several",
	class.NoReply:          "the server accepts connections, but does not answer in time: check its health, or allow more time",
	class.Closed:           "the server ends the connection without an answer: check that it speaks this protocol on this port",
	class.BadReply:         "check that the server speaks HTTP/1.1 on this port",
	class.TLS:              "check the certificate, the host name and the TLS options",
	class.AddrNotAvailable: "use a source of this host, of the target's IP version",
	class.FDLimit:          "raise the limit of open files (ulimit -n, LimitNOFILE= of a service)",
	class.Blocked:          "the caller's rules, this host's firewall or a route (ip route: prohibit, blackhole), or a router on the way forbid the target",
}

// adviceInAnswer is for answers that begin, and do not end as they should.
var adviceInAnswer = map[class.Class]string{
	class.NoReply: "the server begins its answer, but does not end it in time: check its health and the way from there, or allow more time",
	class.Closed:  "the server ends the connection before its answer is whole: check its log",
	class.Reset:   "the server, or a firewall on the way, resets the connection before the answer is whole: check the server's log",
}
