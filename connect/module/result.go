package module

import (
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
)

// floodResult is a connect.FloodResult with durations in milliseconds, as k6 scripts expect them.
type floodResult struct {
	*connect.FloodResult
	Timeout     float64 `json:"timeout"`
	Duration    float64 `json:"duration"`
	ConnectTime summary `json:"connect_time"`
	ReplyTime   summary `json:"reply_time"`
	ErrorTime   summary `json:"error_time"`
	RTT         summary `json:"rtt"`
}

// summary is a stats.Summary in milliseconds.
type summary struct {
	Min float64 `json:"min"`
	Avg float64 `json:"avg"`
	Med float64 `json:"med"`
	Max float64 `json:"max"`
	Dev float64 `json:"dev"`
	P90 float64 `json:"p(90)"`
	P95 float64 `json:"p(95)"`
	P99 float64 `json:"p(99)"`
}

func toFloodResult(r *connect.FloodResult) *floodResult {
	return &floodResult{
		FloodResult: r,
		Timeout:     ms(r.Timeout),
		Duration:    ms(r.Duration),
		ConnectTime: toSummary(r.ConnectTime),
		ReplyTime:   toSummary(r.ReplyTime),
		ErrorTime:   toSummary(r.ErrorTime),
		RTT:         toSummary(r.RTT),
	}
}

// holdResult is a connect.HoldResult with durations in milliseconds.
type holdResult struct {
	*connect.HoldResult
	Timeout     float64 `json:"timeout"`
	Duration    float64 `json:"duration"`
	ConnectTime summary `json:"connect_time"`
	ErrorTime   summary `json:"error_time"`
	RTT         summary `json:"rtt"`
	Lifetime    summary `json:"lifetime"`
	EchoTime    summary `json:"echo_time"`
}

func toHoldResult(r *connect.HoldResult) *holdResult {
	return &holdResult{
		HoldResult:  r,
		Timeout:     ms(r.Timeout),
		Duration:    ms(r.Duration),
		ConnectTime: toSummary(r.ConnectTime),
		ErrorTime:   toSummary(r.ErrorTime),
		RTT:         toSummary(r.RTT),
		Lifetime:    toSummary(r.Lifetime),
		EchoTime:    toSummary(r.EchoTime),
	}
}

func toSummary(s stats.Summary) summary {
	return summary{ms(s.Min), ms(s.Avg), ms(s.Med), ms(s.Max), ms(s.Dev), ms(s.P90), ms(s.P95), ms(s.P99)}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
