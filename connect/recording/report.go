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
	Disruptions []*disruption.Verdict    `json:"disruptions"`       // the first verdicts of disruption()
}

// Spread is the part of a summary that can be told of many calls together.
type Spread struct {
	Min time.Duration `json:"min"`
	Avg time.Duration `json:"avg"`
	Max time.Duration `json:"max"`
	Dev time.Duration `json:"dev"`
}

// SpreadOf is the spread of a summary.
func SpreadOf(s stats.Summary) Spread { return Spread{s.Min, s.Avg, s.Max, s.Dev} }
