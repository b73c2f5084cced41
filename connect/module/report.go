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
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
)

// callsReport adds up calls under the names, and in the nanoseconds, of `mconnect -output json`.
type callsReport struct {
	Hosts          connect.Hosts `json:"hosts"`
	Connects       int64         `json:"connects"`
	FailedConnects int64         `json:"failed_connects"`
	FailedReads    int64         `json:"failed_reads"`
	StartTime      time.Time     `json:"start_time"` // of the first call
	Timeout        time.Duration `json:"timeout"`    // the longest
	Duration       time.Duration `json:"duration"`   // from the first call's start to the last one's end

	Calls          int64                    `json:"calls"`
	States         connect.States           `json:"states"`
	Errors         map[connect.Class]int64  `json:"errors"`
	First          map[connect.Class]string `json:"first_errors"`
	ConnectTime    spread                   `json:"connect_time"`
	ReplyTime      spread                   `json:"reply_time"`
	ErrorTime      spread                   `json:"error_time"`
	RTT            spread                   `json:"rtt"`
	Balance        balance.Balance          `json:"balance"`
	SYNRetransmits int64                    `json:"syn_retransmits"`

	Traffic     []*connect.TrafficResult `json:"traffic,omitempty"` // the last maxTraffic calls of traffic()
	Disruptions []*disruption.Verdict    `json:"disruptions"`       // the first maxDisruptions
}

// maxDisruptions bounds the report.
const maxDisruptions = 1000

// spread is the part of a summary that can be told of many calls together.
type spread struct {
	Min time.Duration `json:"min"`
	Avg time.Duration `json:"avg"`
	Max time.Duration `json:"max"`
	Dev time.Duration `json:"dev"`
}

// ledger adds up all calls of the process.
type ledger struct {
	mu                         sync.Mutex
	sum                        callsReport
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
}

// maxTraffic and maxRecords bound what the ledger keeps of traffic(): the last calls, and records of a call that has few. A part
// of the records would mislead, so it's all or none; scripts have the results themselves.
const (
	maxTraffic = 100
	maxRecords = 1000
)

// enterTraffic enters a call of traffic(), which is kept as it is, and is no part of the sums.
func (l *ledger) enterTraffic(r *connect.TrafficResult) {
	kept := *r
	if len(kept.Records) > maxRecords {
		kept.Records = []connect.TrafficRecord{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	last := l.sum.Traffic[max(0, len(l.sum.Traffic)-maxTraffic+1):]
	l.sum.Traffic = append(slices.Clone(last), &kept) // a copy: reports may have the old slice
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
		Errors: r.Errors, First: r.First, SYNRetransmits: r.SYNRetries,
	})
}

// enterHold enters a hold, which has no answers.
func (l *ledger) enterHold(r *connect.HoldResult) {
	l.enter(&connect.FloodResult{
		Connects: r.Connects, FailedConnects: r.FailedConnects,
		StartTime: r.StartTime, Timeout: r.Timeout, Duration: r.Duration,
		Errors: r.Errors, First: r.First,
		ConnectTime: r.ConnectTime, ErrorTime: r.ErrorTime, RTT: r.RTT, SYNRetransmits: r.SYNRetransmits,
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

func (l *ledger) report(now connect.States) callsReport {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.sum
	r.States = now
	r.Disruptions = append([]*disruption.Verdict{}, r.Disruptions...)
	r.Hosts, r.Errors, r.First = copyOf(r.Hosts), copyOf(r.Errors), copyOf(r.First)
	if r.Calls > 0 {
		r.Duration = l.end.Sub(r.StartTime)
	}
	r.ConnectTime, r.ReplyTime, r.ErrorTime, r.RTT = toSpread(l.connect), toSpread(l.reply), toSpread(l.error), toSpread(l.rtt)
	r.Balance = balance.Of(r.Hosts, l.weights)
	return r
}

// copyOf is never nil, so that JSON has an object and not null.
func copyOf[K comparable, V any](m map[K]V) map[K]V {
	c := make(map[K]V, len(m))
	maps.Copy(c, m)
	return c
}

func toSpread(s stats.Summary) spread { return spread{s.Min, s.Avg, s.Max, s.Dev} }

// report is report() of the JS API: all calls of this process that have ended, in mconnect's own format.
func (i *instance) report() (sobek.Value, error) {
	object, err := i.plain(i.root.ledger.report(i.root.engine.Total.States()))
	if err != nil {
		return nil, fmt.Errorf("report(): %w", err)
	}
	return object, nil
}
