package module

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/grafana/sobek"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/balance"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/disruption"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/picture"
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

func (l *ledger) enter(r *connect.FloodResult) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &l.sum
	if s.Calls == 0 {
		s.Hosts, s.Errors, s.First = connect.Hosts{}, map[connect.Class]int64{}, map[connect.Class]string{}
		s.StartTime = r.StartTime
	}
	s.Calls++
	l.weigh(r)
	for name, n := range r.Hosts {
		s.Hosts.Add(name, n)
	}
	for class, n := range r.Errors {
		s.Errors[class] += n
	}
	for class, message := range r.First {
		if _, known := s.First[class]; !known {
			s.First[class] = message
		}
	}
	s.Connects += r.Connects
	s.FailedConnects += r.FailedConnects
	s.FailedReads += r.FailedReads
	s.SYNRetransmits += r.SYNRetransmits
	s.Timeout = max(s.Timeout, r.Timeout)
	if r.StartTime.Before(s.StartTime) {
		s.StartTime = r.StartTime
	}
	if end := r.StartTime.Add(r.Duration); end.After(l.end) {
		l.end = end
	}
	l.connect = l.connect.Merge(r.ConnectTime)
	l.reply = l.reply.Merge(r.ReplyTime)
	l.error = l.error.Merge(r.ErrorTime)
	l.rtt = l.rtt.Merge(r.RTT)
	s.ConnectTimes = stats.MergeBuckets(s.ConnectTimes, r.ConnectTimes)
}

// maxTraffic and maxRecords bound what the ledger keeps of traffic(): the last calls, and the records of a call that has few. A part
// of the records would mislead, so it's all or none; scripts have the results themselves.
const (
	maxTraffic = 100
	maxRecords = 1000
)

// enterTraffic enters a call of traffic(), which is kept as it is, and is no part of the sums.
func (l *ledger) enterTraffic(r *connect.TrafficResult) {
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

// weigh keeps the weights that all floods have in common.
func (l *ledger) weigh(r *connect.FloodResult) {
	switch {
	case len(r.Hosts) == 0:
	case !l.answered:
		l.weights, l.answered = r.Weights, true
	case !maps.Equal(l.weights, r.Weights):
		l.weights = nil
	}
}

// enterCapacity enters a search for a limit, whose failures are what it looked for.
func (l *ledger) enterCapacity(r *connect.CapacityResult) {
	failed := -r.Errors[connect.ClassNoReply] // these were connected
	for _, n := range r.Errors {
		failed += n
	}
	l.enter(&connect.FloodResult{
		Connects: r.Attempted + r.NotInitiated, FailedConnects: failed, StartTime: r.StartTime, Duration: r.Duration,
		Errors: r.Errors, First: r.First, SYNRetransmits: r.SYNRetransmits,
	})
}

// enterHold enters a hold, which has no answers.
func (l *ledger) enterHold(r *connect.HoldResult) {
	l.enter(&connect.FloodResult{
		Connects: r.Connects, FailedConnects: r.FailedConnects,
		StartTime: r.StartTime, Timeout: r.Timeout, Duration: r.Duration,
		Errors: r.Errors, First: r.First,
		ConnectTime: r.ConnectTime, ConnectTimes: r.ConnectTimes, ErrorTime: r.ErrorTime, RTT: r.RTT, SYNRetransmits: r.SYNRetransmits,
	})
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

// report is report(options) of the JS API: all calls of this process that have ended, in mconnect's own format or in pictures.
func (i *instance) report(opts sobek.Value) sobek.Value {
	o, err := options.ParseReport(exported(opts))
	if err != nil {
		i.throw(err)
	}
	value, err := i.reportAs(o)
	if err != nil {
		i.throw(failure{fmt.Errorf("report(): %w", err)})
	}
	return value
}

func (i *instance) reportAs(o *options.Report) (sobek.Value, error) {
	all := i.root.ledger.report(i.root.engine.Total.States())
	if o.Format == options.FormatObject {
		return i.plain(all)
	}
	page := picture.Draw(&all, o.Title)
	if o.Format == options.FormatSVG {
		return i.plain(page.SVGs())
	}
	text, err := page.HTML()
	return i.vu.Runtime().ToValue(text), err
}
