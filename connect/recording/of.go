package recording

import (
	"slices"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
)

// newCall has all that calls have in common.
func newCall(about About, start time.Time, length, making time.Duration, verdicts []connect.Verdict) *Call {
	c := &Call{
		About: about, Calls: 1, StartTime: start, Duration: length, Making: []Span{}, Verdicts: judgements(verdicts),
		Errors: map[connect.Class]int64{}, ConnectErrors: map[connect.Class]int64{}, First: map[connect.Class]string{},
		Hosts: connect.Hosts{}, NeedlessByHost: connect.Hosts{}, ByHost: map[string]stats.Distribution{},
		Outages: []connect.Outage{}, Changes: []connect.Change{}, OverTime: []connect.HoldSample{},
	}
	c.ConnectTime.Counts, c.ReplyTime.Counts, c.RTT.Counts = []stats.Bin{}, []stats.Bin{}, []stats.Bin{}
	if making > 0 {
		c.Making = []Span{{0, making}}
	}
	return c
}

// failures takes over how many there are, and the texts of the first ones, with the advice that these carry.
func (c *Call) failures(errors map[connect.Class]int64, first map[connect.Class]connect.Failure) {
	c.Errors = plusCounts(errors, nil)
	for class, failure := range first {
		c.First[class] = failure.Error()
	}
}

func (c *Call) losses(l *connect.Losses) {
	c.Lost, c.Excused = l.Needless+l.Excused, l.Excused
	c.NeedlessByHost, c.ClosedBy = plusHosts(l.NeedlessByHost, nil), l.ClosedBy
	c.Outages, c.Changes = last(slices.Clone(l.Outages), maxOutages), slices.Clone(l.Changes)
}

func ofFlood(about About, r *connect.FloodResult) *Call {
	c := newCall(about, r.StartTime, r.Duration, r.Making, r.Verdicts)
	c.Asked, c.Begun = r.Connects, r.Connects-r.States.NotInitiated
	c.Established = c.Begun - r.FailedConnects
	c.FailedConnects, c.FailedReads = r.FailedConnects, r.FailedReads
	if about.Answers {
		c.Answered = c.Established - r.FailedReads
	}
	c.SYNRetransmits, c.Retried, c.SourcesUsed = r.SYNRetransmits, r.Retried, r.SourcesUsed
	c.failures(r.Errors, r.First)
	c.ConnectErrors = plusCounts(r.ConnectErrors, nil)
	c.ConnectTime, c.ReplyTime, c.RTT = r.ConnectSpread, r.ReplySpread, r.RTTSpread
	c.Hosts = plusHosts(r.Hosts, nil)
	for name, times := range r.ByHost {
		c.ByHost[name] = times.ReplySpread
	}
	return c
}

func ofHold(about About, r *connect.HoldResult) *Call {
	c := newCall(about, r.StartTime, r.Duration, r.Making, r.Verdicts)
	c.Asked, c.Begun = r.Connects, r.Connects-r.States.NotInitiated
	c.Established, c.FailedConnects = r.EstablishedTotal, r.FailedConnects
	c.Held, c.HeldMax = r.EstablishedAtClose, r.EstablishedMax
	c.SYNRetransmits, c.Retried = r.SYNRetransmits, r.Retried
	c.failures(r.Errors, r.First)
	if r.Unasked {
		c.Unasked = r.EstablishedTotal
	}
	c.ConnectErrors = plusCounts(r.ConnectErrors, nil)
	c.ConnectTime, c.ReplyTime, c.RTT = r.ConnectSpread, r.EchoSpread, r.RTTSpread
	c.Hosts = plusHosts(r.Hosts, nil)
	c.losses(&r.Losses)
	c.OverTime = r.OverTime
	return c
}

func ofTraffic(about About, r *connect.TrafficResult) *Call {
	c := newCall(about, r.StartTime, r.Duration, 0, r.Verdicts)
	c.Asked, c.Begun = r.Connections, r.Begun
	c.Established, c.FailedConnects = r.Begun-r.FailedFirst, r.FailedConnects
	c.Held, c.HeldMax = r.Lasting, 0
	for i := range r.Samples {
		c.HeldMax = max(c.HeldMax, r.Samples[i].Active)
	}
	c.SYNRetransmits = r.SYNRetransmits
	c.failures(r.Errors, r.First)
	c.ConnectErrors = plusCounts(r.FirstErrors, nil)
	c.ConnectTime, c.ReplyTime, c.RTT = r.ConnectSpread, r.RoundTripSpread, r.RTTSpread
	c.Hosts = plusHosts(r.LastingByHost, r.LostByHost)
	c.losses(&r.Losses)
	c.Lost = r.Lost
	if c.Down = min(r.Down, r.Connections); !r.Reconnect {
		c.Down -= min(r.TakenDown(), c.Down)
	}
	c.Packets = &Packets{r.Sent, r.Received, r.Dropped, r.Retransmits, r.Corrupted, r.Reconnects, r.Moved, !r.Reconnect}
	return c
}

func ofCapacity(about About, r *connect.CapacityResult, verdicts []connect.Verdict) *Call {
	c := newCall(about, r.StartTime, r.Duration, 0, verdicts)
	c.Asked, c.Begun = r.Attempted+r.NotInitiated, r.Attempted
	c.Established, c.FailedConnects = r.Attempted-r.FailedConnects, r.FailedConnects
	c.Held, c.SYNRetransmits = r.Connections, r.SYNRetransmits
	c.failures(r.Errors, r.First)
	c.Limits = []CapacityFound{{r.Connections, r.Limit, r.LowerBound, r.Explanation, r.Steps}}
	return c
}

func ofIdle(about About, r *connect.IdleResult, verdicts []connect.Verdict) *Call {
	c := newCall(about, r.StartTime, r.Duration, 0, verdicts)
	c.Asked, c.Begun = r.States.Total(), r.Dialed
	c.Established, c.FailedConnects, c.SYNRetransmits = r.Dialed-r.FailedConnects, r.FailedConnects, r.SYNRetransmits
	c.failures(r.Errors, r.First)
	c.Silences = []SilenceFound{{r.Timeout, r.How, r.AtLeast, r.AtMost, r.Finished, r.From, r.To}}
	return c
}

// Ping is a request that was made, by ping() or tcpPing().
type Ping struct {
	Start     time.Time
	Connected bool
	Answered  bool          // or, where no answer is asked for, Connected
	Connect   time.Duration // 0 if it was not connected
	DNS       time.Duration // 0 if it did not happen, as of the following
	TLS       time.Duration
	FirstByte time.Duration
	LastByte  time.Duration
	Total     time.Duration
	Why       string // it failed
	Verdicts  []connect.Verdict
}

func ofPing(about About, p *Ping) *Call {
	c := newCall(about, p.Start, p.Total, 0, p.Verdicts)
	c.Asked, c.Begun = 1, 1
	c.Phases = &Phases{distributionOf(p.DNS), distributionOf(p.TLS), distributionOf(p.FirstByte), distributionOf(p.LastByte)}
	beat := Beat{Pings: 1, Slow: p.Total}
	if p.Connected {
		c.Established = 1
		c.ConnectTime = stats.Distributed([]time.Duration{p.Connect})
	}
	if p.Answered {
		c.Answered = 1
		c.ReplyTime = stats.Distributed([]time.Duration{p.Total})
	} else {
		beat.Failed = 1
		c.First[connect.ClassOther] = p.Why
	}
	c.Health = []Beat{beat}
	return c
}
