// Package recording holds what the calls of a test have measured, and reads it back from files: those of this extension, and those
// that ctraffic and mconnect have written.
package recording

import (
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/balance"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/disruption"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
)

// Report adds up calls under the names, and in the nanoseconds, of `mconnect -output json`. Calls of traffic(), and verdicts of
// disruption(), are kept as they are.
type Report struct {
	Hosts          connect.Hosts `json:"hosts"`
	Connects       int64         `json:"connects"`
	FailedConnects int64         `json:"failed_connects"`
	FailedReads    int64         `json:"failed_reads"`
	StartTime      time.Time     `json:"start_time"` // of the first call
	Timeout        time.Duration `json:"timeout"`    // the longest
	Duration       time.Duration `json:"duration"`   // from the first call's start to the last one's end

	Calls          int64                             `json:"calls"`
	States         connect.States                    `json:"states"`
	Errors         map[connect.Class]int64           `json:"errors"`
	First          map[connect.Class]connect.Failure `json:"first_errors"`
	ConnectTime    Spread                            `json:"connect_time"`
	ReplyTime      Spread                            `json:"reply_time"`
	ErrorTime      Spread                            `json:"error_time"`
	RTT            Spread                            `json:"rtt"`
	ConnectTimes   []stats.Bucket                    `json:"connect_times"` // the distribution behind ConnectTime
	Balance        balance.Balance                   `json:"balance"`
	SYNRetransmits int64                             `json:"syn_retransmits"`

	Traffic     []*connect.TrafficResult `json:"traffic,omitempty"` // the last calls of traffic()
	Disruptions []Disruption             `json:"disruptions"`       // the first results of disruption()

	ByCall  []*Call   `json:"by_call"` // all calls; those that are about the same are added up
	OverAll []OverAll `json:"-"`       // as JudgeOverAll finds

	Thresholds []Threshold `json:"-"` // of the test, where they are known
}

// Threshold is a threshold of k6's, of any metric.
type Threshold struct {
	Metric string // with tags, as in mconnect_verdict_failed{call:flood}
	Source string // rate==0
	OK     bool
	Empty  bool   // the metric had no samples, so that it says nothing if the threshold holds
	Value  string // of the metric at the end, in words; "" if it is not known
}

// Disruption is what a change of the backends did to flows, and whether that was right.
type Disruption struct {
	*disruption.Verdict
	connect.Judged
}

// Spread is the part of a summary that can be told of many calls together.
type Spread struct {
	Count int64         `json:"count"`
	Min   time.Duration `json:"min"`
	Avg   time.Duration `json:"avg"`
	Max   time.Duration `json:"max"`
	Dev   time.Duration `json:"dev"`
}

// SpreadOf is the spread of a summary.
func SpreadOf(s stats.Summary) Spread { return Spread{s.Count, s.Min, s.Avg, s.Max, s.Dev} }

// Unjudged counts the connections that have failed, or were lost, in a recording without verdicts, as other tools write them.
func (r *Report) Unjudged() int64 {
	if len(r.ByCall) > 0 {
		return 0
	}
	failed := r.FailedConnects + r.FailedReads
	for _, t := range r.Traffic {
		failed += t.Lost + t.FailedConnects
	}
	return failed
}

// maxByCall bounds how many different calls are told apart. The rest is told by the kinds of calls alone.
const maxByCall = 200

// enter adds a call to those that are about the same.
func (r *Report) enter(c *Call) {
	if c.Targets == nil {
		c.Targets = []string{}
	}
	if r.add(c) {
		return
	}
	if len(r.ByCall) >= maxByCall {
		c.About = About{Call: c.Call, Targets: []string{"(others)"}, Answers: c.Answers}
		if r.add(c) {
			return
		}
	}
	r.ByCall = append(r.ByCall, c)
}

// add reports whether there was a call that is about the same.
func (r *Report) add(c *Call) bool {
	c.id = c.key()
	for i, known := range r.ByCall {
		if known.id == c.id {
			r.ByCall[i] = known.Plus(c)
			return true
		}
	}
	return false
}
