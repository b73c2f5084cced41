package connect

import (
	"net/netip"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/balance"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/disruption"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/rules"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
)

// floodTally adds up the outcomes of a flood.
type floodTally struct {
	tally
	flood       *FloodPlan
	hosts       Hosts
	byHost      map[string]*answers
	failedReads int64
	doubled     int64               // answers that were united
	sources     map[uint64]struct{} // positions used, if taken at random
	flows       *disruption.Flows   // nil unless the plan asks for them
	affinity    disruption.Sources
}

func newFloodTally(plan *FloodPlan) *floodTally {
	t := &floodTally{tally: newTally(&plan.Plan, mostExactTimes), flood: plan, hosts: Hosts{}, byHost: map[string]*answers{}}
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
		t.dialEnded(o)
		switch {
		case o.Class != ClassNone:
			t.fail(o)
			if o.Connected {
				t.failedReads++
			}
		case !t.flood.SkipReply:
			t.answered(o)
			if t.flood.Affinity {
				t.affinity.Add(o.Number%int64(len(t.plan.Targets)), t.plan.Sources.Position(uint64(o.Number)), o.Host) // #nosec G115 -- connections count from 0
			}
			if t.flows != nil {
				t.flows.Record(o.Number, o.Host)
			}
		}
		t.source(o)
	}
}

// answers are the times of one host's answers.
type answers struct{ connect, reply stats.Times }

func (t *floodTally) answered(o *Outcome) {
	a := t.byHost[o.Host]
	if a == nil {
		a = t.meet(o.Host)
	}
	a.connect.Add(o.Connect)
	a.reply.Add(o.Reply)
}

// meet returns the answers of a host that is new, or of all others together if there are too many.
func (t *floodTally) meet(host string) *answers {
	t.hosts.Add(host, 0)
	if _, known := t.hosts[host]; !known {
		host = engine.OtherHosts
	}
	a := t.byHost[host]
	if a == nil {
		a = &answers{}
		if rules.HalfOf(host) == "" { // else each time may be asked for; see unite
			a.connect.Limit, a.reply.Limit = mostExactTimes, mostExactTimes
		}
		t.byHost[host] = a
	}
	return a
}

// replies are all answers' times.
func (t *floodTally) replies() stats.Times {
	all := stats.Times{Limit: mostExactTimes}
	for _, a := range t.byHost {
		all.Join(&a.reply)
	}
	return all
}

// times are those of the hosts that answered most.
func (t *floodTally) times() map[string]HostTimes {
	names := stats.MostFirst(t.hosts)
	times := map[string]HostTimes{}
	for _, name := range names[:min(len(names), MaxHostTimes)] {
		a := t.byHost[name]
		replies := a.reply.RoughDistribution()
		times[name] = HostTimes{Answers: a.reply.Count(), ConnectTime: a.connect.Summary(), ReplyTime: replies.Summary, ReplySpread: replies}
	}
	return times
}

// unite turns answers that are a known host's name twice over, and came before that host had answered, into bad replies.
func (t *floodTally) unite() {
	if t.plan.Reply != nil {
		return
	}
	for host, a := range t.byHost {
		half := rules.HalfOf(host)
		if _, expected := t.flood.Weights[host]; half == "" || expected || t.byHost[half] == nil {
			continue
		}
		delete(t.byHost, host)
		delete(t.hosts, host)
		if len(t.plan.Payload) > 0 && t.plan.Protocol() != "udp" { // our server answers that, too
			t.byHost[half].connect.Join(&a.connect)
			t.byHost[half].reply.Join(&a.reply)
			continue
		}
		connects, replies := a.connect.All(), a.reply.All()
		for i := range replies {
			t.fail(&Outcome{Class: ClassBadReply, Err: ReasonTwice, Connected: true, At: connects[i] + replies[i]})
		}
		t.failedReads += int64(len(replies))
		t.places.unknown = true
		t.doubled += int64(len(replies))
	}
}

// count fills in how often each host has answered.
func (t *floodTally) count() {
	for host, a := range t.byHost {
		t.hosts[host] = a.reply.Count()
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
		return int64(min(s.Pool.Size(), uint64(t.dials()))) // #nosec G115 -- at most the number of connections
	}
}

func (t *floodTally) result(j *engine.Job) *FloodResult {
	t.unite()
	t.count()
	byHost := t.times() // sorts each host's, so that sorting all is quick
	all := t.replies()
	connects, replies := t.connect.Distribution(), all.Distribution()
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
		First:          t.firsts(),
		ConnectTime:    connects.Summary, // sorts them
		ConnectTimes:   t.connect.Buckets(),
		ReplyTime:      replies.Summary,
		ErrorTime:      t.error.Summary(),
		RTT:            t.rtt.Summary(),
		SYNRetransmits: t.synRetransmits,
		SourcesUsed:    t.sourcesUsed(),
		Weights:        t.flood.Weights,
		Fixed:          j.Plan.Sources.Ports.Count() > 0,
		Unread:         j.Plan.Protocol == "udp" && t.flood.SkipReply,
		Balance:        balance.Of(t.hosts, t.flood.Weights),
		ByHost:         byHost,
		Missing:        []string{},
		Unexpected:     Hosts{},
		ConnectErrors:  counts(&t.connectClasses),
		Retried:        t.retried,
		DroppedSYNs:    t.droppedSYNs(),
		FailedAt:       t.failedAt(),
		Making:         t.making,
		ConnectSpread:  connects,
		ReplySpread:    replies,
		RTTSpread:      t.rtt.Distribution(),
	}
	r.States.Completed -= t.doubled
	r.States.Error += t.doubled
	switch {
	case t.flows != nil:
		affinity := t.flows.Affinity()
		r.Flows, r.Affinity = t.flows, &affinity
	case t.flood.Affinity:
		r.Affinity = t.affinity.Affinity()
	}
	return r
}
