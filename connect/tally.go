package connect

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/limits"
)

// failures adds up what all calls have in common: how long connects took, and what failed.
type failures struct {
	plan                *Plan
	connect, error, rtt times
	synRetransmits      int64
	failedConnects      int64
	classes             [class.Count]int64
	first               map[Class]string
}

func newFailures(plan *Plan) failures {
	return failures{plan: plan, first: map[Class]string{}}
}

// newEndlessFailures is newFailures for calls that dial again what is lost, for as long as they last.
func newEndlessFailures(plan *Plan) failures {
	f := newFailures(plan)
	f.connect.limit, f.error.limit, f.rtt.limit = maxTimes, maxTimes, maxTimes
	return f
}

// dialled takes note of the end of dialling, good or bad.
func (f *failures) dialled(o *Outcome) {
	f.synRetransmits += o.SYNRetransmits
	if o.Connected {
		f.connect.add(o.Connect)
	} else {
		f.failedConnects++
	}
	if o.RTT > 0 {
		f.rtt.add(o.RTT)
	}
}

// fail takes note of an error.
func (f *failures) fail(o *Outcome) {
	f.error.add(o.Elapsed())
	f.classes[o.Class]++
	if _, known := f.first[o.Class]; !known {
		f.first[o.Class] = f.plan.explain(o)
	}
}

func (f *failures) byClass() map[Class]int64 {
	errors := map[Class]int64{}
	for class, n := range f.classes {
		if n > 0 {
			errors[Class(class)] = n // #nosec G115 -- an index below class.Count
		}
	}
	return errors
}

// sourceText leaves out what the system chooses.
func sourceText(from netip.AddrPort) string {
	switch {
	case !from.Addr().IsValid():
		return fmt.Sprintf("port %d", from.Port())
	case from.Port() == 0:
		return from.Addr().String()
	}
	return from.String()
}

// explain says what a failed connection tried, why it failed, and what can be done.
func (p *Plan) explain(o *Outcome) string {
	target := &p.Targets[o.Number%int64(len(p.Targets))]
	text := fmt.Sprintf("%s %s", p.Network, target.Name)
	if p.Sources.Chosen() {
		text += " from " + sourceText(p.Sources.At(uint64(o.Number))) // #nosec G115 -- connections count from 0
	}
	text += fmt.Sprintf(": %s after %s: %v", o.Class, o.Elapsed().Round(time.Microsecond), o.Err)
	if o.Class == ClassFDLimit {
		text += fmt.Sprintf("; this process may open %d files", limits.Descriptors())
	}
	if advice := advice[o.Class]; advice != "" {
		text += "; " + advice
	}
	return text
}

var advice = map[Class]string{
	ClassRefused:          "check that a server listens there and that its backlog is larger than the concurrency",
	ClassTimeout:          "check the route and firewalls, the server's backlog, that answers to the source come back to this host, and that this host keeps up (its processors; a lower rate or concurrency)",
	ClassReset:            "the target, or a firewall or balancer on the way, resets the connection: check its log, its limit of connections, and that its backend is up",
	ClassHostUnreachable:  "check that the host is up and in the network that its address belongs to, and the routers on the way (traceroute)",
	ClassNetUnreachable:   "this host has no route there, or none from the source: check its routes (ip route get), and that it has an address of this IP version",
	ClassAddrInUse:        "other sockets, or other connections of this call, have these source ports: use others, fewer connections than sources x ports x targets, or close: 'rst'",
	ClassAddrNotAvailable: "the source is not an address of this host, or can't reach the target (127.0.0.0/8 reaches none but this host), or its ports to it are used up (net.ipv4.ip_local_port_range, TIME_WAIT): use others, more of them, or close: 'rst'",
	ClassFDLimit:          "raise the limit of open files (ulimit -n, LimitNOFILE= of a service), or lower the connections",
	ClassNoReply:          "check that the target answers, as an mconnect server does, and allow it more time; flood() needs no answer with readReply: false, traffic() needs a server that echoes (mconnect-server -echo)",
	ClassBadReply:         "the target answers something else than a host name: check that it is an mconnect server; flood() needs no answer with readReply: false, traffic() needs a server that echoes what it gets and no more (mconnect-server -echo)",
	ClassBlocked:          "allow the target in k6's options blacklistIPs and blockHostnames, in this host's firewall and routes (prohibit), and on the routers between",
	ClassDNS:              "check the name, and the resolver's settings",
	ClassTLS:              "check the certificate, the server name and the TLS options",
}
