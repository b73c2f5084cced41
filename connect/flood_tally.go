package connect

import (
	"net/netip"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/balance"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/disruption"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
)

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

func (t *floodTally) result(j *engine.Job) *FloodResult {
	r := &FloodResult{
		Hosts:          t.hosts,
		Connects:       j.Plan.Connections,
		FailedConnects: t.failedConnects,
		FailedReads:    t.failedReads,
		StartTime:      loop.Time(j.Start()),
		Timeout:        j.Plan.Timeout,
		Duration:       j.Length(),
		States:         j.Counters.States(),
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
