package connect

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// evidence is what has become of all connections of a search so far.
type evidence struct {
	established  int64 // and still open
	served       int64 // of these
	hasServed    bool  // whether it can be told who is served
	protocol     string
	notInitiated int64
	failed       int64 // connects
	synRetries   int64
	closed       int64 // by the target
	closedLate   int64 // of these, those of earlier steps
	errors       map[Class]int64
	first        map[Class]Failure
	dials        dialFailures
	local        map[Class]int64 // errors without those of further tries, which may need more of this host than it has
	tried        int64           // connections that were begun later than others that failed, see step.later
	passed       int64           // of these, those that got through

	wasTried      bool  // further connections were tried, to be sure
	passedFurther int64 // of these, those that got through

	forgotten forgotten
}

// dialFailures counts connects that failed for a reason that tells of the target or the way to it.
type dialFailures struct {
	total      int64
	timeUp     int64 // not in total: the call's time was up first
	inVain     int64 // without an answer to any SYN
	vainSYNs   int64 // SYNs that these sent again
	handshakes int64 // established over TCP, but the TLS handshake took too long
	hungUp     int64 // closed or reset by the target within the TLS handshake
}

// unserved is the number of connections that lack what others got, or the answer.
func (e *evidence) unserved() int64 {
	if !e.hasServed {
		return e.dials.handshakes
	}
	return e.established - e.served + e.dials.handshakes
}

// unservedOpen is the part of unserved that may still be served.
func (e *evidence) unservedOpen() int64 { return e.unserved() - e.dials.handshakes }

// connections is how many are held: those that are served, if that can be told, less those that were forgotten for others. If something on the way
// puts data of its own before ours, none counts: what the target has answered may be that data.
func (e *evidence) connections() int64 {
	switch {
	case e.isMisplaced():
		return 0
	case e.hasServed:
		return e.served - e.forgotten.n
	}
	return e.established
}

// limit judges the evidence. SYNs without an answer come from the way or from a full queue, which is full because the application
// does not take connections out of it: then some that are established are not served.
func (e *evidence) limit() Limit {
	if here := e.limitHere(); here != LimitNone {
		return here
	}
	switch {
	case e.isApplication():
		return LimitApplication
	case e.unserved() > 0 && e.dials.inVain > 0:
		return LimitAcceptQueue
	case e.getsThrough():
		return LimitIntermittent
	case e.unserved() > 0:
		return e.limitUnserved()
	case e.dials.inVain > 0 && e.established > 0 && e.servesAll():
		return LimitPath
	case e.dials.inVain > 0 && e.established > 0:
		return LimitAcceptQueue
	case e.errors[ClassRefused] > 0:
		return LimitRefused
	case len(e.errors) > 0:
		return LimitUnreachable
	}
	return LimitNone
}

// limitUnserved judges connections that are established, but not served. Over UDP no kernel accepts them: either nobody answers, or there is no
// room for more flows.
func (e *evidence) limitUnserved() Limit {
	switch {
	case e.protocol != "udp":
		return LimitNotAccepted
	case e.served == 0:
		return LimitUnreachable
	}
	return LimitPath
}

// isApplication reports whether the application closes or answers wrongly what is too much, or whatever comes.
func (e *evidence) isApplication() bool {
	return e.isMisplaced() || e.closed+e.dials.hungUp+e.errors[ClassBadReply] > 0 && !e.getsThrough()
}

// limitHere is what this host lacks.
func (e *evidence) limitHere() Limit {
	switch {
	case e.local[ClassFDLimit] > 0:
		return LimitLocalFDs
	case e.local[ClassAddrNotAvailable]+e.local[ClassAddrInUse] > 0:
		return LimitLocalPorts
	}
	return LimitNone
}

// getsThrough reports whether connections that were begun later than those that went wrong still get through. Where most of what is held was
// there before, a few that do have found places that others left.
func (e *evidence) getsThrough() bool {
	const few = 20 // one in so many
	passed := e.passed
	if e.wasTried {
		passed = e.passedFurther
	}
	return passed > 0 && (few*e.passed >= e.tried || few*e.passed >= e.connections())
}

// servesAll reports whether all established connections are known to be served. A TLS handshake takes the application.
func (e *evidence) servesAll() bool {
	return e.hasServed && e.unserved() == 0 || e.protocol == "tls" && e.dials.handshakes == 0
}

// explain puts a limit into words: what has happened, the likeliest cause, and the next step.
func (e *evidence) explain(limit Limit) string {
	text := e.explainLimit(limit)
	dropped := ""
	switch limit {
	case LimitAcceptQueue, LimitPath, LimitIntermittent, LimitUnreachable:
		dropped = cmp.Or(e.first[ClassTimeout].Dropped, e.first[ClassNoReply].Dropped)
	case LimitRefused:
		dropped = e.first[ClassRefused].Dropped
	case LimitNone, LimitApplication, LimitNotAccepted, LimitLocalFDs, LimitLocalPorts, LimitForgotten, LimitTime:
	}
	if dropped != "" {
		return dropped + ", so the target may hold more. If that is not the cause: " + text
	}
	return text
}

func (e *evidence) explainLimit(limit Limit) string {
	switch limit {
	case LimitNone:
		return "every connection was held; the target may hold more, try more connections" + e.untold()
	case LimitApplication:
		return e.explainApplication()
	case LimitNotAccepted:
		return e.explainNotAccepted()
	case LimitAcceptQueue:
		return e.explainAcceptQueue()
	case LimitPath:
		return e.explainPath()
	case LimitIntermittent:
		return e.explainIntermittent()
	case LimitRefused:
		return e.explainRefused()
	case LimitUnreachable:
		return e.explainUnreachable()
	case LimitLocalFDs:
		return "this process has no file descriptors left, so the target may hold more: raise the limit (ulimit -n), or run several processes"
	case LimitLocalPorts:
		return "this host has no source ports left for the target, so it may hold more: use more source addresses (source)" + e.quote(ClassAddrInUse, ClassAddrNotAvailable)
	case LimitForgotten:
		return e.explainForgotten()
	case LimitTime:
		return "the call ended before a limit was found, so the target may hold more: allow a longer timeout" + e.retries()
	}
	return ""
}

func (e *evidence) explainRefused() string {
	first := e.first[ClassRefused]
	told, ok := errors.AsType[ICMPError](first.Err)
	byFirewall := ok && !told.NotListening(first.Network, first.Addr.Addr())
	switch {
	case byFirewall && e.established == 0:
		return "a firewall rejects every connection" + e.quote(ClassRefused) + ": " + told.Advice()
	case byFirewall:
		return "a firewall rejects further connections" + e.quote(ClassRefused) + ": " + told.Advice()
	case e.established == 0:
		return "the target refuses every connection: nothing listens there, or a firewall rejects this client" + e.quote(ClassRefused)
	}
	return "the target refuses further connections: its listener is gone, or a firewall or its system rejects them"
}

func (e *evidence) explainApplication() string {
	switch {
	case e.isMisplaced():
		return "something on the way puts data of its own before ours, which the target answers, too, or sends back, so no connection counts as served: most likely a header of the PROXY protocol " +
			"(HAProxy's send-proxy, or this call's own proxyProtocol); switch it off there, or on at the target, too (mconnect-server -proxy-protocol)" + e.quote(ClassBadReply)
	case e.connections() == 0 && e.errors[ClassBadReply] == 0:
		return "the target closes every connection: check that it serves this port, and this client, and whether it wants a header of the PROXY protocol first (proxyProtocol)"
	case e.connections() == 0:
		return "the target answers, but with something else than was asked for, so no connection counts as served: check payload, reply, and that this service listens there" + e.quote(ClassBadReply)
	case e.errors[ClassBadReply] > 0 && e.closed == 0:
		return "the target answers further connections with something else than was asked for: a limit of the application, which it tells" + e.quote(ClassBadReply)
	case e.closedLate > 0:
		return "the target closes connections when there are more: a limit of the application, such as a maximum number of connections; " +
			"it closes some so late that more seem to fit than do: allow more patience"
	}
	return "the target closes connections when there are more: a limit of the application, such as a maximum number of connections"
}

// isMisplaced reports whether answers show a header of the PROXY protocol that the target does not want.
func (e *evidence) isMisplaced() bool {
	err := e.first[ClassBadReply].Err
	return errors.Is(err, ReasonTwice) || errors.Is(err, ReasonProxyHeader)
}

// untold says that a target may hold connections without serving them, where that is so.
func (e *evidence) untold() string {
	if e.hasServed || e.protocol != "tcp" {
		return ""
	}
	return "; whether they are served can't be told, since the target sends nothing by itself (an mconnect server tells its name, with -proxy-protocol after a header of the PROXY protocol): give a payload that it answers"
}

func (e *evidence) explainNotAccepted() string {
	if e.dials.handshakes > 0 {
		return fmt.Sprintf("%d further connections were established over TCP, but their TLS handshake was not answered in time: ", e.dials.handshakes) +
			"the target's kernel takes them, but the application no longer accepts, or does not serve them, being out of file descriptors, threads or time"
	}
	if e.served == 0 && e.hasServed {
		return "the target's kernel takes connections, but the application serves none: it does not accept, hangs, or waits for more than payload; try a payload and reply that this service has"
	}
	return "the target's kernel takes further connections, but the application does not serve them: it no longer accepts, being out of file descriptors, threads or time"
}

func (e *evidence) explainPath() string {
	if e.protocol == "udp" {
		return fmt.Sprintf("%d further flows get no answer, while %d were answered: datagrams vanish between here and the target, or there. ", e.unserved(), e.served) +
			"A device on the way has no room for more flows: a connection table (conntrack -C against net.netfilter.nf_conntrack_max, \"table full\" in its log), " +
			"ports for address translation, or a firewall's limit; look there, and try more source addresses (source). Less likely, the target serves no more clients"
	}
	return e.silence() + fmt.Sprintf(", while all %d that are established are served: SYNs vanish between here and the target. ", e.established) +
		"A device on the way has no room for more: a connection table (conntrack -C against net.netfilter.nf_conntrack_max, \"table full\" in its log), " +
		"ports for address translation, or a firewall's limit; look there, and try more source addresses (source). " +
		"Less likely is a full accept queue of the target: nstat TcpExtListenOverflows there counts those"
}

func (e *evidence) explainForgotten() string {
	return fmt.Sprintf("%d of the %d connections that had answered did not when they were asked once more at the end, while the last ones did: something forgets earlier connections, most likely when there are more. ",
		e.forgotten.n, e.forgotten.asked) +
		"A connection table on the way makes room for new ones by dropping the oldest (LRU maps, as in Katran and Cilium): enlarge it. Or it forgets those that are silent for seconds: idle() tells. " +
		"Or a backend of several has stopped meanwhile: look there (" + cmp.Or(e.forgotten.first, "they were closed") + ")"
}

func (e *evidence) explainUnreachable() string {
	what := "further connects fail"
	switch {
	case e.unserved() > 0:
		return "no datagram gets an answer: nothing listens there, the way is closed, or the payload is none that this service answers"
	case e.established == 0:
		what = "no connect succeeds"
	}
	return what + "; see the errors" + e.quote(slices.Sorted(maps.Keys(e.errors))...)
}

func (e *evidence) explainAcceptQueue() string {
	text := e.silence()
	if e.unserved() > 0 {
		text += fmt.Sprintf(", and %d connections are established but not served", e.unserved())
	} else {
		text += fmt.Sprintf("; whether the %d that are established are served can't be told, since the target sends nothing by itself (give a payload that it answers)", e.established)
	}
	text += ": the target's accept queue is full (backlog, net.core.somaxconn) since the application does not accept; ss -ltn there shows Recv-Q above Send-Q"
	if e.passed > 0 {
		text += fmt.Sprintf(". %d that were begun later got through, so it accepts some, but too slowly", e.passed)
	}
	return text + ". If it does not, a device in between drops SYNs (connection table, ports for address translation, firewall)"
}

// silence says that connects were not answered.
func (e *evidence) silence() string {
	if e.dials.vainSYNs == 0 { // connectTimeout leaves no time for a second one
		return fmt.Sprintf("%d connects got no answer to their only SYN in time", e.dials.inVain)
	}
	return fmt.Sprintf("%d connects got no answer, though their SYNs were sent again %d times", e.dials.inVain, e.dials.vainSYNs)
}

func (e *evidence) explainIntermittent() string {
	var wrong, causes []string
	note := func(n int64, what, cause string) {
		if n > 0 {
			wrong = append(wrong, fmt.Sprintf("%d %s", n, what))
			if !slices.Contains(causes, cause) {
				causes = append(causes, cause)
			}
		}
	}
	const backend = "one backend of several hangs, has nothing behind it, or a limit of its own that it has reached"
	note(e.dials.total, "connects failed", "a limit of new connections a second on the way (give a rate below it), packets are lost by chance there, or some 5-tuples lead nowhere, such as one in n to a dead backend behind a hash, the target's accept queue overflows now and then, or a limit on the way is reached for some backends before others (ports for address translation)")
	note(e.closed, "connections were closed", backend)
	note(e.unservedOpen(), "connections were not served", backend)
	note(e.errors[ClassBadReply], "were answered wrongly", backend)
	return fmt.Sprintf("%s, but %d of %d that were begun later got through, so this is no limit of the number, and the target may hold more: ", strings.Join(wrong, " and "), e.passed, e.tried) +
		strings.Join(causes, "; or ") + "; flood() tells the share that fails, and with sourcePorts whether the same 5-tuples fail again" + e.quote(slices.Sorted(maps.Keys(e.errors))...)
}

// retries mentions SYNs that were sent again.
func (e *evidence) retries() string {
	if e.synRetries == 0 {
		return ""
	}
	return fmt.Sprintf("; SYNs had to be sent again %d times, which takes a second and more each: packets are lost on the way, or the accept queue overflows", e.synRetries)
}

// quote is the failure that stands for the most frequent of some classes, the first of several. If it tells only that nothing came in time, the most
// frequent one that tells more follows: routers report few of the packets that they drop. Those that the search itself has stopped dialing tell nothing.
func (e *evidence) quote(among ...Class) string {
	isSilent := func(c Class) bool { return c == ClassTimeout || c == ClassNoReply }
	most, telling := ClassNone, ClassNone
	for _, class := range among {
		if class == ClassAborted {
			continue
		}
		if e.errors[class] > e.errors[most] {
			most = class
		}
		if !isSilent(class) && e.errors[class] > e.errors[telling] {
			telling = class
		}
	}
	failure, known := e.first[most]
	if !known {
		return ""
	}
	if more, known := e.first[telling]; known && isSilent(most) {
		return fmt.Sprintf(" (%s; %s)", failure, more)
	}
	return fmt.Sprintf(" (%s)", failure)
}
