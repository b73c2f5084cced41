package connect

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/balance"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/limits"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
)

// FloodResult is what a flood's connections amount to. As JSON it extends the report of `mconnect -output json`: the
// names are the same, and durations are in nanoseconds.
//
// Connects = the sum of Hosts + FailedConnects + FailedReads + States.NotInitiated, unless the plan skips replies.
type FloodResult struct {
	Hosts          map[string]int64 `json:"hosts"` // answers by host name
	Connects       int64            `json:"connects"`
	FailedConnects int64            `json:"failed_connects"`
	FailedReads    int64            `json:"failed_reads"`
	StartTime      time.Time        `json:"start_time"`
	Timeout        time.Duration    `json:"timeout"`
	Duration       time.Duration    `json:"duration"`

	States States           `json:"states"`
	Errors map[Class]int64  `json:"errors"` // adds up to States.Error
	First  map[Class]string `json:"first_errors"`

	ConnectTime stats.Summary `json:"connect_time"` // of the connections that were established
	ReplyTime   stats.Summary `json:"reply_time"`   // of those that were answered
	ErrorTime   stats.Summary `json:"error_time"`   // of those that failed
	RTT         stats.Summary `json:"rtt"`          // kernel's handshake round trip, where it has one

	Balance        balance.Balance `json:"balance"`
	SYNRetransmits int64           `json:"syn_retransmits"`
	SourcesUsed    int64           `json:"sources_used"` // different source addresses of the plan's own
}

// tally adds up outcomes.
type tally struct {
	plan                        *Plan
	hosts                       map[string]int64
	errors                      [classCount]int64
	first                       map[Class]string
	failedConnects, failedReads int64
	connect, reply, error, rtt  []time.Duration
	synRetransmits              int64
	sources                     map[uint64]struct{} // positions used, if taken at random
	started                     int64
}

func newTally(plan *Plan) tally {
	return tally{plan: plan, hosts: map[string]int64{}, first: map[Class]string{}}
}

func (t *tally) add(batch []Outcome) {
	for i := range batch {
		o := &batch[i]
		t.started++
		t.synRetransmits += o.SYNRetransmits
		if o.Connected {
			t.connect = append(t.connect, o.Connect)
		}
		if o.RTT > 0 {
			t.rtt = append(t.rtt, o.RTT)
		}
		if o.Class != ClassNone {
			t.fail(o)
		} else if !t.plan.SkipReply {
			t.reply = append(t.reply, o.Reply)
			t.hosts[t.nameOf(o)]++
		}
		t.source(o)
	}
}

func (t *tally) nameOf(o *Outcome) string {
	if _, known := t.hosts[o.Host]; !known && len(t.hosts) >= maxHosts {
		return otherHosts
	}
	return o.Host
}

func (t *tally) fail(o *Outcome) {
	t.error = append(t.error, o.Elapsed())
	t.errors[o.Class]++
	if o.Connected {
		t.failedReads++
	} else {
		t.failedConnects++
	}
	if _, known := t.first[o.Class]; !known {
		t.first[o.Class] = t.plan.explain(o)
	}
}

// source notes a source that was taken at random; those taken in order need no notes.
func (t *tally) source(o *Outcome) {
	if s := &t.plan.Sources; s.Random && s.Pool != nil {
		if t.sources == nil {
			t.sources = map[uint64]struct{}{}
		}
		t.sources[s.Position(uint64(o.Number))] = struct{}{} // #nosec G115 -- connections count from 0
	}
}

func (t *tally) sourcesUsed() int64 {
	switch s := &t.plan.Sources; {
	case s.Pool == nil:
		return 0
	case s.Random:
		return int64(len(t.sources))
	default:
		return int64(min(s.Pool.Size(), uint64(t.started))) // #nosec G115 -- at most the number of connections
	}
}

func (t *tally) result(j *job, ended int64) *FloodResult {
	r := &FloodResult{
		Hosts:          t.hosts,
		Connects:       j.plan.Connections,
		FailedConnects: t.failedConnects,
		FailedReads:    t.failedReads,
		StartTime:      loop.Time(j.start),
		Timeout:        j.plan.Timeout,
		Duration:       time.Duration(ended - j.start),
		States:         j.counters.States(),
		Errors:         map[Class]int64{},
		First:          t.first,
		ConnectTime:    stats.Summarize(t.connect),
		ReplyTime:      stats.Summarize(t.reply),
		ErrorTime:      stats.Summarize(t.error),
		RTT:            stats.Summarize(t.rtt),
		SYNRetransmits: t.synRetransmits,
		SourcesUsed:    t.sourcesUsed(),
	}
	for class, n := range t.errors {
		if n > 0 {
			r.Errors[Class(class)] = n // #nosec G115 -- an index below classCount
		}
	}
	r.Balance = balance.Of(slices.Collect(maps.Values(t.hosts)))
	return r
}

// explain says what a failed connection tried, why it failed, and what can be done.
func (p *Plan) explain(o *Outcome) string {
	target := &p.Targets[o.Number%int64(len(p.Targets))]
	text := fmt.Sprintf("%s %s", p.Network, target.Name)
	if p.Sources.Chosen() {
		text += fmt.Sprintf(" from %s", p.Sources.At(uint64(o.Number))) // #nosec G115 -- connections count from 0
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
	ClassTimeout:          "check the route and firewalls, the server's backlog, and that answers to the source come back to this host",
	ClassAddrInUse:        "other sockets have these source ports: use other sourcePorts, or close: 'rst'",
	ClassAddrNotAvailable: "the source is not an address of this host, or its ports to this target are used up (net.ipv4.ip_local_port_range, TIME_WAIT): use more sources, or close: 'rst'",
	ClassFDLimit:          "raise the limit of open files (ulimit -n, LimitNOFILE= of a service), or lower the connections",
	ClassNoReply:          "check that the target is an mconnect server, or skip the answer with readReply: false",
	ClassBadReply:         "the target answers something else than a host name: check that it is an mconnect server, or set readReply: false",
	ClassDNS:              "check the name, and the resolver's settings",
	ClassTLS:              "check the certificate, the server name and the TLS options",
}
