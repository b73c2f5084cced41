package module

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/balance"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/disruption"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/recording"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
)

// maxDisruptions bounds the report.
const maxDisruptions = 1000

// ledger adds up all calls of the process.
type ledger struct {
	mu                         sync.Mutex
	sum                        recording.Report
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

func (l *ledger) enter(t *totals) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &l.sum
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
func (l *ledger) weigh(t *totals) {
	switch {
	case len(t.hosts) == 0:
	case !l.answered:
		l.weights, l.answered = t.weights, true
	case !maps.Equal(l.weights, t.weights):
		l.weights = nil
	}
}

func (l *ledger) enterFlood(r *connect.FloodResult) {
	l.enter(&totals{
		connects: r.Connects, failedConnects: r.FailedConnects, failedReads: r.FailedReads, synRetransmits: r.SYNRetransmits,
		start: r.StartTime, timeout: r.Timeout, duration: r.Duration,
		hosts: r.Hosts, weights: r.Weights, errors: r.Errors, first: r.First,
		connectTime: r.ConnectTime, replyTime: r.ReplyTime, errorTime: r.ErrorTime, rtt: r.RTT, connectTimes: r.ConnectTimes,
	})
}

// enterHold enters a hold, which has no answers.
func (l *ledger) enterHold(r *connect.HoldResult) {
	l.enter(&totals{
		connects: r.Connects, failedConnects: r.FailedConnects, synRetransmits: r.SYNRetransmits,
		start: r.StartTime, timeout: r.Timeout, duration: r.Duration, errors: r.Errors, first: r.First,
		connectTime: r.ConnectTime, errorTime: r.ErrorTime, rtt: r.RTT, connectTimes: r.ConnectTimes,
	})
}

// enterCapacity enters a search for a limit, whose failures are what it looked for.
func (l *ledger) enterCapacity(r *connect.CapacityResult) {
	l.enter(&totals{
		connects: r.Attempted + r.NotInitiated, failedConnects: r.FailedConnects, synRetransmits: r.SYNRetransmits,
		start: r.StartTime, duration: r.Duration, errors: r.Errors, first: r.First,
	})
}

// enterIdle enters a search for an idle timeout, whose failures are what it looked for, too.
func (l *ledger) enterIdle(r *connect.IdleResult) {
	l.enter(&totals{
		connects: r.States.Total(), failedConnects: r.FailedConnects, synRetransmits: r.SYNRetransmits,
		start: r.StartTime, timeout: r.TimeLimit, duration: r.Duration, errors: r.Errors, first: r.First,
		connectTime: r.ConnectTime, errorTime: r.ErrorTime, rtt: r.RTT,
	})
}

// enterTraffic enters a call of traffic(), which is also kept as it is.
func (l *ledger) enterTraffic(r *connect.TrafficResult) {
	l.enter(&totals{
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

func (l *ledger) keep(r *connect.TrafficResult) {
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

// enterDisruption enters a verdict. It must not be changed any more.
func (l *ledger) enterDisruption(v *disruption.Verdict) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.sum.Disruptions) < maxDisruptions {
		l.sum.Disruptions = append(l.sum.Disruptions, v)
	}
}

func (l *ledger) report(now connect.States) recording.Report {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.sum
	r.States = now
	r.Disruptions = append([]*disruption.Verdict{}, r.Disruptions...)
	r.Hosts, r.Errors, r.First = copyOf(r.Hosts), copyOf(r.Errors), copyOf(r.First)
	r.ConnectTimes = append([]stats.Bucket{}, r.ConnectTimes...) // never nil either
	if r.Calls > 0 {
		r.Duration = l.end.Sub(r.StartTime)
	} else {
		r.StartTime = time.Now()
	}
	r.ConnectTime, r.ReplyTime, r.ErrorTime, r.RTT = recording.SpreadOf(l.connect), recording.SpreadOf(l.reply), recording.SpreadOf(l.error), recording.SpreadOf(l.rtt)
	r.Balance = balance.Of(r.Hosts, l.weights)
	return r
}

// copyOf is never nil, so that JSON has an object and not null.
func copyOf[K comparable, V any](m map[K]V) map[K]V {
	c := make(map[K]V, len(m))
	maps.Copy(c, m)
	return c
}
