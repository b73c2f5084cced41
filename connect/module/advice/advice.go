// Package advice says what to do about failures, in the words of a script's options.
package advice

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/limits"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/sockets"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
)

// Add adds to the first failure of each class what a script can do about it.
func Add(first map[connect.Class]connect.Failure) {
	for class, f := range first {
		f.Text = textOf(f)
		first[class] = f
	}
}

// textOf is what a failure reads like, with what to do about it.
func textOf(f connect.Failure) string {
	text := f.Error()
	if option, ok := optionOf[causeOf(f.Err)]; ok {
		text += " (" + option + ")"
	}
	if advice := adviceOn(f); advice != "" {
		text += "; " + advice
	}
	return text
}

// OnError adds to an error, if it is a failure, what a script can do about it.
func OnError(err error) error {
	if f, ok := errors.AsType[connect.Failure](err); ok {
		f.Text = textOf(f)
		return f
	}
	return err
}

func causeOf(err error) connect.Reason {
	reason, _ := errors.AsType[connect.Reason](err)
	return reason
}

// optionOf names the script's options that a reason has to do with.
var optionOf = map[connect.Reason]string{
	connect.ReasonTimeUp:           "option timeout, and duration of traffic",
	connect.ReasonTimeUpShaking:    "option timeout",
	connect.ReasonTimeUpUnanswered: "option timeout",
	connect.ReasonConnectTimeout:   "option connectTimeout",
	connect.ReasonHandshakeTimeout: "option connectTimeout",
	connect.ReasonNoAnswer:         "option connectTimeout",
	connect.ReasonUnfinished:       "option connectTimeout, with hold() keepaliveTimeout",
	connect.ReasonKeepalive:        "option keepaliveTimeout, else keepalive",
	connect.ReasonNoEcho:           "option lossTimeout",
	connect.ReasonNoFIN:            "option halfClose",
	connect.ReasonClosedShut:       "option halfClose",
}

// adviceOnReason says what to do where the reason tells more than the class.
var adviceOnReason = map[connect.Reason]string{
	connect.ReasonHandshakeTimeout: "the target accepts connections, but does not shake hands in time: check that it speaks TLS on this port, and its health, or allow more time",
	connect.ReasonNoMatch:          "the target answers something else than the option reply asks for: check both",
	connect.ReasonTooLong:          "check the option reply: until ends an answer, bytes is its length",
	connect.ReasonTwice: "it may be that something on the way puts data of its own before ours, which the server answers, too: most likely a header of the PROXY protocol (HAProxy's send-proxy, " +
		"a cloud balancer's proxy protocol); switch it off there, or on at the server, too (mconnect-server -proxy-protocol); if this is no mconnect server, and sends that text again by itself, say what its answer is (option reply)",
	connect.ReasonProxyHeader: "something on the way puts a header of the PROXY protocol before what the server sends, or the server echoes the one that a balancer has sent it (HAProxy's send-proxy): switch it off there, " +
		"or on at the server, too",
	connect.ReasonNoAnswer: "the connection was accepted, but nothing came: a balancer without a working backend, a backend that hangs, a device on the way that stalls connections or forgets them (a flush of its table), or a server that says nothing by itself, as an mconnect server does (with -proxy-protocol only after a header of the PROXY protocol); " +
		"look at the backends and their logs, allow more time, or want no answer (readReply: false)",
	connect.ReasonUnfinished: "the option reply waits for more of the answer than has come (until ends an answer, bytes is its length): compare them with what the service sends; " +
		"if they fit, the backend stopped in the middle of an answer, or needs more time, or large packets get lost on the way back, where a link has a smaller MTU (traffic() with a list of packetSize tells)",
	connect.ReasonNoEcho: "the backend hangs or is gone, a device on the way has forgotten the connection, or the server does not echo (mconnect-server -echo does): look at the backends and their logs, and at connection tables on the way",
	connect.ReasonKeepalive: "the connection is up, but the application hangs or is gone, or a device on the way has forgotten the connection: look at the backend and its log, and at idle timeouts on the way; " +
		"if the service does not answer this payload at all, give one that it does",
	connect.ReasonClosedShut: "a proxy on the way, or the server, ends both directions when one has ended: protocols that half-close lose the rest of their answers there; let it pass half-closes on (nginx: proxy_half_close on), or do not test that",
	connect.ReasonNoFIN:      "a proxy on the way does not pass on that one direction has ended, so peers wait for the end in vain; or the server keeps the connection",
	connect.ReasonTooMuch:    "the server sends something by itself, or echoes more than it gets: it takes a server that echoes what it gets and no more (mconnect-server -echo); or something on the way puts data of its own before ours, such as a header of the PROXY protocol (HAProxy's send-proxy): switch it off there, or on at the server, too (mconnect-server -proxy-protocol)",
	connect.ReasonForgotten:  forgotten,
	connect.ReasonElsewhere:  forgotten,
}

const forgotten = "the target, or a device on the way (firewall, NAT, load balancer), has forgotten the connection: send keepalives more often than that, or raise its idle timeout"

const noDatagram = "nothing listens there, the backend is gone or hangs, or the datagram or its answer was dropped on the way (firewall, connection table, a queue): look at the backends, and at drop counters on the way; allow more time, or want no answer (readReply: false)"

// longWait is how long a peer takes to answer only if something is wrong.
const longWait = time.Second

// adviceOn says what to do about a failure, "" if its error says enough.
func adviceOn(f connect.Failure) string {
	if f.Dropped != "" {
		return adviceOnDrops(f)
	}
	return adviceOnOthers(f)
}

// adviceOnOthers is adviceOn for failures that no packets which this host itself has dropped account for.
func adviceOnOthers(f connect.Failure) string {
	if f.Class == connect.ClassTimeout || f.Class == connect.ClassNoReply {
		if lost := lostRoute(f.Addr); lost != "" {
			return lost
		}
	}
	text := adviceOnCause(f)
	if text != "" && (f.Class == connect.ClassTimeout || likelyReason(f) == connect.ReasonNoEcho) && isNeighbour(f.Addr.Addr()) {
		text += "; the target is in a network of this host's own, so if its address has moved to another host, this one's neighbour entry may be the old one still (ip neigh)"
	}
	return text
}

// adviceOnCause is what to do by the reason, else the class.
func adviceOnCause(f connect.Failure) string {
	reason := likelyReason(f)
	if reason == connect.ReasonNoAnswer && strings.HasPrefix(f.Network, "udp") {
		return cmp.Or(manyHosts(f.Addr.Addr()), noDatagram)
	}
	if text, ok := adviceOnReason[reason]; ok || reason == connect.ReasonTimeUp || reason == connect.ReasonTimeUpShaking {
		return text
	}
	if _, otherFamily := errors.AsType[*source.FamilyError](f.Err); otherFamily {
		return "" // says it already
	}
	if icmp, ok := errors.AsType[connect.ICMPError](f.Err); ok && (f.Class != connect.ClassRefused || !icmp.NotListening(f.Network, f.Addr.Addr())) {
		return icmp.Advice()
	}
	if _, plain := errors.AsType[tls.RecordHeaderError](f.Err); plain {
		return "the target does not speak TLS on this port: check the port, or take network: 'tcp'"
	}
	if own := ownFault(f); own != "" {
		return own
	}
	if strings.HasPrefix(f.Network, "udp") && f.Class == connect.ClassRefused {
		return "check that a server listens there"
	}
	return byClass[f.Class]
}

// adviceOnDrops is adviceOn for failures that packets which this host itself has dropped account for, unless those were of other programs.
func adviceOnDrops(f connect.Failure) string {
	text := f.Dropped
	switch f.Class {
	case connect.ClassTimeout:
		if full := ownConntrack(); full != "" {
			return full
		}
	case connect.ClassRefused:
		text += "; a rule that rejects with a reset looks like a target that refuses"
	}
	if others := adviceOnOthers(f); others != "" {
		text += ". If those are others: " + others
	}
	return text
}

// likelyReason is why a connection failed. If the call's time was up first, but what it waited for had long been due, it is that.
func likelyReason(f connect.Failure) connect.Reason {
	reason := causeOf(f.Err)
	if f.After < longWait {
		return reason
	}
	switch reason {
	case connect.ReasonTimeUp:
		return connect.ReasonConnectTimeout
	case connect.ReasonTimeUpShaking:
		return connect.ReasonHandshakeTimeout
	case connect.ReasonTimeUpUnanswered:
		return connect.ReasonNoAnswer
	}
	return reason
}

// ownFault tells what this host lacks, "" if nothing shows that it lacks anything.
func ownFault(f connect.Failure) string {
	switch f.Class {
	case connect.ClassTimeout, connect.ClassBlocked:
		return cmp.Or(manyHosts(f.Addr.Addr()), ownConntrack(), ownRule(f.Err))
	case connect.ClassAddrNotAvailable:
		return ownPorts(f.Addr)
	case connect.ClassNetUnreachable:
		return cmp.Or(manyHosts(f.Addr.Addr()), noInterface(f.Addr.Addr()), foreignSource(f.Source.Addr()))
	}
	return ""
}

// ownConntrack tells that this host's own connection table is full, or nearly so, "" if it is not.
func ownConntrack() string {
	const nearly = 0.95
	count, most, ok := limits.Conntrack()
	if !ok || most == 0 || float64(count) < nearly*float64(most) {
		return ""
	}
	return fmt.Sprintf("this host's own connection table is full (%d of %d, nf_conntrack), so its packets are dropped: raise it (sysctl -w net.netfilter.nf_conntrack_max=%d), or do without tracking (nft … notrack)", count, most, 4*most)
}

// ownRule tells that this host's own system forbids a connection, "" if it is somebody else who does.
func ownRule(err error) string {
	if _, bySystem := errors.AsType[syscall.Errno](err); !bySystem {
		return ""
	}
	return "this host itself forbids it: look at its firewall (nft list ruleset) and at its routes of type prohibit and blackhole (ip route get)"
}

// ownPorts tells that most of this host's ports to a target are used, "" if they are not, or that is not known.
func ownPorts(target netip.AddrPort) string {
	first, last, ok := limits.EphemeralPorts()
	if !ok || !target.IsValid() {
		return ""
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	to, err := sockets.Count(ctx, sockets.Query{Peer: target})
	ports := int64(last-first) + 1
	if err != nil || to.Total < ports/2 {
		return ""
	}
	return fmt.Sprintf("of the %d local ports that this host has for %s (net.ipv4.ip_local_port_range), %d are in TIME_WAIT and %d in use: close with close: 'rst', "+
		"use more sources (source: '10.0.0.0/24') or a wider range (sysctl -w net.ipv4.ip_local_port_range='1024 65535'), or wait for a minute", ports, target, to.TimeWait, to.Total-to.TimeWait)
}

// OnStart adds what to do to the system's refusal to start.
func OnStart(err error) error {
	if advice := byClass[class.Of(err)]; advice != "" {
		return fmt.Errorf("%w; %s", err, advice)
	}
	return err
}

var byClass = map[connect.Class]string{
	connect.ClassRefused:          "check that a server listens there and that its backlog is larger than the concurrency; a firewall that rejects with a reset, on the way or this host's own (nft list ruleset), looks the same",
	connect.ClassTimeout:          "check the route and firewalls, this host's too (nft list ruleset), the server's backlog, that answers to the source come back to this host, and that this host keeps up (its processors; a lower rate or concurrency)",
	connect.ClassReset:            "the target, or a firewall or balancer on the way, resets the connection, as one does that has forgotten it (a flush of its table): check its log, its limit of connections, that its backend is up, and whether it wants a header of the PROXY protocol (proxyProtocol)",
	connect.ClassClosed:           "the target, or a balancer on the way, closes the connection: check its log, its limit of connections, that its backend is up, and whether it wants a header of the PROXY protocol (proxyProtocol)",
	connect.ClassHostUnreachable:  "check that the host is up and in the network that its address belongs to, and the routers on the way (traceroute)",
	connect.ClassNetUnreachable:   "this host has no route there, or none from the source: check its routes (ip route get), and that it has an address of this IP version",
	connect.ClassAddrInUse:        "other sockets, or other connections of this call, have these source ports: use others, fewer connections than sources x ports x targets, or close: 'rst'",
	connect.ClassAddrNotAvailable: "the source is not an address of this host, or can't reach the target (127.0.0.0/8 reaches none but this host), or its ports to it are used up (net.ipv4.ip_local_port_range, TIME_WAIT): use others, more of them, or close: 'rst'",
	connect.ClassFDLimit:          "raise the limit of open files (ulimit -n, LimitNOFILE= of a service), or lower the connections",
	connect.ClassNoReply:          "check that the target answers, as an mconnect server does (with -proxy-protocol only after a header of the PROXY protocol), and allow it more time; flood() needs no answer with readReply: false, traffic() needs a server that echoes (mconnect-server -echo)",
	connect.ClassBadReply:         "the target answers something else than a host name: check that it is an mconnect server; for other services give payload and reply, or want no answer (readReply: false)",
	connect.ClassBlocked:          "allow the target in k6's options blacklistIPs and blockHostnames, in this host's firewall and routes (prohibit), and on the routers between",
	connect.ClassDNS:              "check the name, and the resolver's settings",
	connect.ClassTLS:              "check the certificate, the server name and the TLS options",
}
