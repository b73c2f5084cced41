package connect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/limits"
)

// CapacityPlan says how to find out how many connections a target holds. Plan.Connections is the most to hold: 0 means what
// this process has descriptors for. If Plan.Payload is set, every connection is sent it once, and must answer.
type CapacityPlan struct {
	Plan
	// Step is how many connections are opened at first before their fate is looked at; it doubles up to ten times as many.
	// 0 means DefaultStep.
	Step int64
	// Patience is how long each connection is watched: one that is not closed until then is held. With a payload, it is sent
	// after that time, in which the target may greet, and answered within the same time again, unless answers still come in.
	// 0 means DefaultPatience.
	Patience time.Duration
}

// Defaults of a CapacityPlan.
const (
	DefaultStep     = 100
	DefaultPatience = 500 * time.Millisecond

	capacityConcurrency = 8 // few at once, so that the last connection that fits is told from the first that does not
	descriptorReserve   = 200
)

// Limit says what kept a target from holding more connections.
type Limit string

// The limits that can be told apart.
const (
	LimitNone         Limit = "none"         // none was reached
	LimitApplication  Limit = "application"  // it closes further connections: a limit of its own
	LimitNotAccepted  Limit = "not_accepted" // the kernel takes further connections, the application does not serve them
	LimitAcceptQueue  Limit = "accept_queue" // SYNs are no longer answered: the queue of connections to accept is full
	LimitPath         Limit = "path"         // SYNs, or flows over UDP, are no longer answered, though all before them are served: they vanish on the way
	LimitIntermittent Limit = "intermittent" // connections go wrong, but later ones get through
	LimitRefused      Limit = "refused"      // it refuses: the listener is gone, or a firewall or its system says no
	LimitUnreachable  Limit = "unreachable"  // connects fail in another way
	LimitLocalFDs     Limit = "local_fds"    // this process has no descriptors left
	LimitLocalPorts   Limit = "local_ports"  // this host has no source ports left
	LimitTime         Limit = "time"         // the call ended first
)

// lowerBound reports whether the target may hold more than was found.
func (l Limit) lowerBound() bool {
	switch l {
	case LimitNone, LimitIntermittent, LimitLocalFDs, LimitLocalPorts, LimitTime:
		return true
	default:
		return false
	}
}

// CapacityResult is how many connections a target holds, and why not more. As JSON, durations are in nanoseconds.
type CapacityResult struct {
	Connections    int64             `json:"connections"` // held at once, and served as far as that can be told
	Limit          Limit             `json:"limit"`
	LowerBound     bool              `json:"lower_bound"` // the target may hold more
	Explanation    string            `json:"explanation"`
	Asked          int64             `json:"asked"`         // connections of the last step that were wanted, until a limit was found
	Begun          int64             `json:"begun"`         // connections of the last step that were begun
	Attempted      int64             `json:"attempted"`     // connections that were begun, in all steps
	NotInitiated   int64             `json:"not_initiated"` // connections of the last step that were not
	FailedConnects int64             `json:"failed_connects"`
	Errors         map[Class]int64   `json:"errors"`
	First          map[Class]Failure `json:"first_errors"`
	Closed         int64             `json:"closed"`   // by the target
	Unserved       int64             `json:"unserved"` // established, but without the bytes that others got, or without an answer
	SYNRetransmits int64             `json:"syn_retransmits"`
	StartTime      time.Time         `json:"start_time"`
	Duration       time.Duration     `json:"duration"`

	Steps       []CapacityStep `json:"-"` // in the order in which they were taken
	TellsServed bool           `json:"-"` // connections that are held are known to be served, not only established
}

// CapacityStep is what was found when one more step of a search had been watched.
type CapacityStep struct {
	Time  time.Duration `json:"time"`  // since the start, at the step's end
	Asked int64         `json:"asked"` // connections of this step and all before
	Held  int64         `json:"held"`  // of these
}

// Capacity opens connections step by step, and keeps them, until some fail, are closed by the target, or are not served. A
// target that greets (sends something by itself, as mconnect's server does) must greet every connection.
func (e *Engine) Capacity(ctx context.Context, plan CapacityPlan) (*CapacityResult, error) {
	s := newSearch(e, plan.withDefaults())
	defer s.end()
	ctx, cancel := context.WithTimeout(ctx, s.plan.Timeout)
	defer cancel()
	limit, err := s.run(ctx)
	switch {
	case err != nil:
		return nil, err
	case limit == LimitTime:
		return s.result(limit, class.Of(ctx.Err())), nil
	}
	return s.result(limit, ClassAborted), nil
}

func (p CapacityPlan) withDefaults() CapacityPlan {
	if p.Connections == 0 {
		p.Connections = int64(min(max(limits.Descriptors(), 2*descriptorReserve)-descriptorReserve, MaxConnections)) // #nosec G115 -- below MaxConnections
	}
	if p.Concurrency == 0 {
		p.Concurrency = capacityConcurrency
	}
	if p.ConnectTimeout == 0 {
		p.ConnectTimeout = 3 * time.Second // a SYN that is lost is sent again after 1 s
	}
	if p.Step == 0 {
		p.Step = DefaultStep
	}
	if p.Patience == 0 {
		p.Patience = DefaultPatience
	}
	if p.Timeout == 0 {
		const rounds = 2 // of connects that fail, and of round trips: a connect's, and a greeting's
		p.Timeout = rounds*p.defaultTimeout() + time.Duration(p.mostSteps())*p.watching() + rounds*p.ConnectTimeout + 2*p.grace()
	}
	return p
}

// Most is how many connections the search holds at most: Connections, or its default.
func (p CapacityPlan) Most() int64 { return p.withDefaults().Connections }

// TimeLimit is how long a call of the plan may take: Timeout, or its default.
func (p CapacityPlan) TimeLimit() time.Duration { return p.withDefaults().Timeout }

// mostSteps is about how many steps there are, and no less.
func (p *CapacityPlan) mostSteps() int64 {
	const growing = 4 // until a step is ten times the first
	return growing + p.Connections/(10*p.Step) + 1
}

// watching is how long it takes until each connection of a step has had its time, and that is known.
func (p *CapacityPlan) watching() time.Duration {
	const collecting = 100 * time.Millisecond // outcomes travel together
	if p.Payload != nil {
		return 2*p.Patience + collecting // to greet, and to answer
	}
	return p.Patience + collecting
}

// grace is how long connections that were not served in their time are watched after the last one that was: a busy target takes longer,
// and where a burst has overflown its accept queue, its kernel sends the SYN-ACK again after 1 s, and after 2 s more.
func (p *CapacityPlan) grace() time.Duration { return max(p.Patience, 2500*time.Millisecond) }

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
	tried        int64           // connections that were begun after others had gone wrong, or would
	passed       int64           // of these, those that got through

	wasTried      bool  // further connections were tried, to be sure
	passedFurther int64 // of these, those that got through
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

// connections is how many are held. Where something puts data of its own before ours, that the target has not answered it on some tells
// nothing of these.
func (e *evidence) connections() int64 {
	switch {
	case e.isMisplaced():
		return 0
	case e.hasServed:
		return e.served
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

// getsThrough reports whether connections that were begun later than those that went wrong still get through.
func (e *evidence) getsThrough() bool {
	if e.wasTried {
		return e.passedFurther > 0
	}
	return e.passed > 0
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
	case LimitNone, LimitApplication, LimitNotAccepted, LimitLocalFDs, LimitLocalPorts, LimitTime:
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
	note(e.dials.total, "connects failed", "packets are lost by chance on the way, or some 5-tuples lead nowhere, such as one in n to a dead backend behind a hash, the target's accept queue overflows now and then, or a limit on the way is reached for some backends before others (ports for address translation)")
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

// quote is the failure that stands for the most frequent of some classes, the first of several.
func (e *evidence) quote(among ...Class) string {
	most := ClassNone
	for _, class := range among {
		if e.errors[class] > e.errors[most] {
			most = class
		}
	}
	if failure, known := e.first[most]; known {
		return fmt.Sprintf(" (%s)", failure)
	}
	return ""
}
