package recording

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/balance"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
)

// maxDisruptions bounds the report.
const maxDisruptions = 1000

// Ledger adds up the calls of a process. Its methods may be called from several goroutines. The results that it is given, and the reports
// that it gives, share memory, and must not be changed any more.
type Ledger struct {
	mu                         sync.Mutex
	sum                        Report
	end                        time.Time
	connect, reply, error, rtt stats.Summary
	weights                    map[string]float64 // of all floods that were answered; nil if they differ, or have none
	answered                   bool
}

// totals are what a call adds to the sums.
type totals struct {
	connects, failedConnects, failedReads, synRetransmits int64

	start             time.Time
	timeout, duration time.Duration

	hosts   connect.Hosts
	weights map[string]float64
	errors  map[connect.Class]int64
	first   map[connect.Class]connect.Failure

	connectTime, replyTime, errorTime, rtt stats.Summary
	connectTimes                           []stats.Bucket
}

func (l *Ledger) enter(c *Call, t *totals) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &l.sum
	s.enter(c)
	if s.Calls == 0 {
		s.Hosts, s.Errors, s.First = connect.Hosts{}, map[connect.Class]int64{}, map[connect.Class]connect.Failure{}
		s.StartTime = t.start
	}
	s.Calls++
	l.weigh(t)
	for name, n := range t.hosts {
		s.Hosts.Add(name, n)
	}
	for class, n := range t.errors {
		s.Errors[class] += n
	}
	for class, message := range t.first {
		if _, known := s.First[class]; !known {
			s.First[class] = message
		}
	}
	s.Connects += t.connects
	s.FailedConnects += t.failedConnects
	s.FailedReads += t.failedReads
	s.SYNRetransmits += t.synRetransmits
	s.Timeout = max(s.Timeout, t.timeout)
	if t.start.Before(s.StartTime) {
		s.StartTime = t.start
	}
	if end := t.start.Add(t.duration); end.After(l.end) {
		l.end = end
	}
	l.connect = l.connect.Merge(t.connectTime)
	l.reply = l.reply.Merge(t.replyTime)
	l.error = l.error.Merge(t.errorTime)
	l.rtt = l.rtt.Merge(t.rtt)
	s.ConnectTimes = stats.MergeBuckets(s.ConnectTimes, t.connectTimes)
}

// weigh keeps the weights that all floods have in common.
func (l *Ledger) weigh(t *totals) {
	switch {
	case len(t.hosts) == 0:
	case !l.answered:
		l.weights, l.answered = t.weights, true
	case !maps.Equal(l.weights, t.weights):
		l.weights = nil
	}
}

// Flood enters a flood that has been judged.
func (l *Ledger) Flood(about About, r *connect.FloodResult) {
	l.enter(ofFlood(about, r), &totals{
		connects: r.Connects, failedConnects: r.FailedConnects, failedReads: r.FailedReads, synRetransmits: r.SYNRetransmits,
		start: r.StartTime, timeout: r.Timeout, duration: r.Duration,
		hosts: r.Hosts, weights: r.Weights, errors: r.Errors, first: r.First,
		connectTime: r.ConnectTime, replyTime: r.ReplyTime, errorTime: r.ErrorTime, rtt: r.RTT, connectTimes: r.ConnectTimes,
	})
}

// Hold enters a hold that has been judged.
func (l *Ledger) Hold(about About, r *connect.HoldResult) {
	l.enter(ofHold(about, r), &totals{
		connects: r.Connects, failedConnects: r.FailedConnects, synRetransmits: r.SYNRetransmits,
		start: r.StartTime, timeout: r.Timeout, duration: r.Duration, errors: r.Errors, first: r.First,
		connectTime: r.ConnectTime, errorTime: r.ErrorTime, rtt: r.RTT, connectTimes: r.ConnectTimes,
	})
}

// Capacity enters a search for a limit, whose failures are what it looked for, with the verdicts on it.
func (l *Ledger) Capacity(about About, r *connect.CapacityResult, verdicts []connect.Verdict) {
	l.enter(ofCapacity(about, r, verdicts), &totals{
		connects: r.Attempted + r.NotInitiated, failedConnects: r.FailedConnects, synRetransmits: r.SYNRetransmits,
		start: r.StartTime, duration: r.Duration, errors: r.Errors, first: r.First,
	})
}

// Idle enters a search for an idle timeout, whose failures are what it looked for, too, with the verdicts on it.
func (l *Ledger) Idle(about About, r *connect.IdleResult, verdicts []connect.Verdict) {
	l.enter(ofIdle(about, r, verdicts), &totals{
		connects: r.States.Total(), failedConnects: r.FailedConnects, synRetransmits: r.SYNRetransmits,
		start: r.StartTime, timeout: r.TimeLimit, duration: r.Duration, errors: r.Errors, first: r.First,
		connectTime: r.ConnectTime, errorTime: r.ErrorTime, rtt: r.RTT,
	})
}

// Traffic enters a call of traffic() that has been judged. It is also kept as it is.
func (l *Ledger) Traffic(about About, r *connect.TrafficResult) {
	l.enter(ofTraffic(about, r), &totals{
		connects: r.States.Total(), failedConnects: r.FailedConnects, synRetransmits: r.SYNRetransmits,
		start: r.StartTime, timeout: r.Timeout, duration: r.Duration, errors: r.Errors, first: r.First,
		connectTime: r.ConnectTime, errorTime: r.ErrorTime, rtt: r.RTT,
	})
	l.keep(r)
}

// maxTraffic and maxRecords bound what the ledger keeps of traffic(): the last calls, and the records of a call that has few. A part
// of the records would mislead, so it's all or none; scripts have the results themselves.
const (
	maxTraffic = 100
	maxRecords = 1000
)

func (l *Ledger) keep(r *connect.TrafficResult) {
	kept := *r
	if len(kept.Records) > maxRecords {
		kept.Omitted += int64(len(r.Records))
		kept.Records = []connect.TrafficRecord{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	last := l.sum.Traffic[max(0, len(l.sum.Traffic)-maxTraffic+1):]
	l.sum.Traffic = append(slices.Clone(last), &kept) // a copy: reports may have the old list
}

// Ping enters a request of ping() or tcpPing() that has been judged. It is in no totals, as it makes connections of its own kind.
func (l *Ledger) Ping(about About, p *Ping) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sum.enter(ofPing(about, p))
}

// Judged enters verdicts on what has no connections to be counted: sockets(), or a call that was rejected.
func (l *Ledger) Judged(about About, at time.Time, verdicts []connect.Verdict) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sum.enter(newCall(about, at, 0, 0, verdicts))
}

// Disruption enters a comparison of flows, with the verdicts on it.
func (l *Ledger) Disruption(about About, v Disruption) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sum.enter(newCall(about, time.Now(), 0, 0, v.Verdicts))
	if len(l.sum.Disruptions) < maxDisruptions {
		l.sum.Disruptions = append(l.sum.Disruptions, v)
	}
}

// Report returns what has been entered so far, with the states that all connections of the process are in now.
func (l *Ledger) Report(now connect.States) *Report {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.sum
	r.States = now
	r.Disruptions = append([]Disruption{}, r.Disruptions...)
	r.ByCall = append([]*Call{}, r.ByCall...)
	r.Hosts, r.Errors, r.First = copyOf(r.Hosts), copyOf(r.Errors), copyOf(r.First)
	r.ConnectTimes = append([]stats.Bucket{}, r.ConnectTimes...) // never nil either
	if r.Calls > 0 {
		r.Duration = l.end.Sub(r.StartTime)
	} else {
		r.StartTime = time.Now()
	}
	r.ConnectTime, r.ReplyTime, r.ErrorTime, r.RTT = SpreadOf(l.connect), SpreadOf(l.reply), SpreadOf(l.error), SpreadOf(l.rtt)
	r.Balance = balance.Of(r.Hosts, l.weights)
	return &r
}

// copyOf is never nil, so that JSON has an object and not null.
func copyOf[K comparable, V any](m map[K]V) map[K]V {
	c := make(map[K]V, len(m))
	maps.Copy(c, m)
	return c
}
