package connect

import (
	"net/netip"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/balance"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/disruption"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
)

// FloodResult is what a flood's connections amount to. As JSON it extends the report of `mconnect -output json`: the
// names are the same, and durations are in nanoseconds.
//
// Connects = the sum of Hosts + FailedConnects + FailedReads + States.NotInitiated, unless the plan skips replies.
type FloodResult struct {
	Hosts          Hosts         `json:"hosts"`
	Connects       int64         `json:"connects"`
	FailedConnects int64         `json:"failed_connects"`
	FailedReads    int64         `json:"failed_reads"`
	StartTime      time.Time     `json:"start_time"`
	Timeout        time.Duration `json:"timeout"`
	Duration       time.Duration `json:"duration"`

	States States           `json:"states"`
	Errors map[Class]int64  `json:"errors"` // adds up to States.Error
	First  map[Class]string `json:"first_errors"`

	ConnectTime stats.Summary `json:"connect_time"` // of the connections that were established
	ReplyTime   stats.Summary `json:"reply_time"`   // of those that were answered
	ErrorTime   stats.Summary `json:"error_time"`   // of those that failed
	RTT         stats.Summary `json:"rtt"`          // kernel's handshake round trip, where it has one

	ConnectTimes []stats.Bucket `json:"-"` // the distribution behind ConnectTime

	Balance        balance.Balance `json:"balance"`
	SYNRetransmits int64           `json:"syn_retransmits"`
	SourcesUsed    int64           `json:"sources_used"` // different source addresses of the plan's own

	Weights map[string]float64 `json:"-"` // the plan's, by which Balance is judged

	// If the plan asks for flows, who answered which 5-tuple, and whether sources stay with a host; else nil.
	Flows    *disruption.Flows    `json:"flows,omitempty"`
	Affinity *disruption.Affinity `json:"affinity,omitempty"`
}

// floodTally adds up the outcomes of a flood.
type floodTally struct {
	failures
	flood       *FloodPlan
	hosts       Hosts
	reply       []time.Duration
	failedReads int64
	sources     map[uint64]struct{} // positions used, if taken at random
	started     int64
	flows       *disruption.Flows // nil unless the plan asks for them
}

func newFloodTally(plan *FloodPlan) *floodTally {
	t := &floodTally{failures: newFailures(&plan.Plan), flood: plan, hosts: Hosts{}}
	if plan.Flows {
		t.flows = disruption.New(plan.Protocol(), addresses(plan.Targets), plan.Sources)
	}
	return t
}

// addresses are those of targets; one that did not resolve has none.
func addresses(targets []Target) []netip.AddrPort {
	list := make([]netip.AddrPort, len(targets))
	for i := range targets {
		list[i] = targets[i].Addr
	}
	return list
}

func (t *floodTally) add(batch []Outcome) {
	for i := range batch {
		o := &batch[i]
		t.started++
		t.dialled(o)
		switch {
		case o.Class != ClassNone:
			t.fail(o)
			if o.Connected {
				t.failedReads++
			}
		case !t.flood.SkipReply:
			t.reply = append(t.reply, o.Reply)
			t.hosts.Add(o.Host, 1)
			if t.flows != nil {
				t.flows.Record(o.Number, o.Host)
			}
		}
		t.source(o)
	}
}

// source notes a source that was taken at random; those taken in order need no notes.
func (t *floodTally) source(o *Outcome) {
	if s := &t.plan.Sources; s.Random && s.Pool != nil {
		if t.sources == nil {
			t.sources = map[uint64]struct{}{}
		}
		t.sources[s.Position(uint64(o.Number))] = struct{}{} // #nosec G115 -- connections count from 0
	}
}

func (t *floodTally) sourcesUsed() int64 {
	switch s := &t.plan.Sources; {
	case s.Pool == nil:
		return 0
	case s.Random:
		return int64(len(t.sources))
	default:
		return int64(min(s.Pool.Size(), uint64(t.started))) // #nosec G115 -- at most the number of connections
	}
}

func (t *floodTally) result(j *job) *FloodResult {
	r := &FloodResult{
		Hosts:          t.hosts,
		Connects:       j.plan.Connections,
		FailedConnects: t.failedConnects,
		FailedReads:    t.failedReads,
		StartTime:      loop.Time(j.start),
		Timeout:        j.plan.Timeout,
		Duration:       j.length(true),
		States:         j.counters.States(),
		Errors:         t.byClass(),
		First:          t.first,
		ConnectTime:    t.connect.summary(), // sorts them
		ConnectTimes:   stats.BucketsOf(t.connect.each),
		ReplyTime:      stats.Summarize(t.reply),
		ErrorTime:      t.error.summary(),
		RTT:            t.rtt.summary(),
		SYNRetransmits: t.synRetransmits,
		SourcesUsed:    t.sourcesUsed(),
		Weights:        t.flood.Weights,
		Balance:        balance.Of(t.hosts, t.flood.Weights),
	}
	if t.flows != nil {
		affinity := t.flows.Affinity()
		r.Flows, r.Affinity = t.flows, &affinity
	}
	return r
}
