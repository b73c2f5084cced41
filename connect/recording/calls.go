package recording

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/balance"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/disruption"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

// calls is a Report as it stands in a file, and likewise the output of mconnect and the result of one flood or hold.
type calls struct {
	Hosts          hosts                    `json:"hosts"`
	Connects       count                    `json:"connects"`
	FailedConnects count                    `json:"failed_connects"`
	FailedReads    count                    `json:"failed_reads"`
	StartTime      time.Time                `json:"start_time"`
	Timeout        span                     `json:"timeout"`
	Duration       span                     `json:"duration"`
	Calls          count                    `json:"calls"`
	States         connect.States           `json:"states"`
	Errors         map[connect.Class]count  `json:"errors"`
	First          map[connect.Class]string `json:"first_errors"`
	ConnectTime    summary                  `json:"connect_time"`
	ReplyTime      summary                  `json:"reply_time"`
	ErrorTime      summary                  `json:"error_time"`
	RTT            summary                  `json:"rtt"`
	ConnectTimes   bounded[bucket]          `json:"connect_times"`
	Balance        *judged                  `json:"balance"`
	SYNRetransmits count                    `json:"syn_retransmits"`
	Traffic        bounded[traffic]         `json:"traffic"`
	Disruptions    bounded[verdict]         `json:"disruptions"`
	ByCall         json.RawMessage          `json:"by_call"`

	EstablishedTotal   *count `json:"established_total"` // of a result of hold() alone, and so are the next ones
	EstablishedMax     count  `json:"established_max"`
	EstablishedAtClose count  `json:"established_at_close"`
	lossList
	judgedCall // of a result
}

// judged is a balance.Balance as it stands in a file.
type judged struct {
	balance.Balance
	Expected shares `json:"expected"`
}

// verdict is a disruption.Verdict as it stands in a file.
type verdict struct {
	disruption.Verdict
	From hosts `json:"from"`
	To   hosts `json:"to"`
	judgedCall
}

func readReport(text []byte) (*Report, error) {
	var c calls
	if err := json.Unmarshal(text, &c); err != nil {
		return nil, err
	}
	unit := c.unit()
	r := &Report{
		Hosts: connect.Hosts(c.Hosts), Connects: int64(c.Connects), FailedConnects: int64(c.FailedConnects), FailedReads: int64(c.FailedReads),
		StartTime: c.StartTime, Timeout: c.Timeout.in(unit), Duration: c.Duration.in(unit),
		Calls: int64(c.Calls), States: c.States, Errors: toErrors(c.Errors), First: toFirst(c.First),
		ConnectTime: c.ConnectTime.spread(unit), ReplyTime: c.ReplyTime.spread(unit),
		ErrorTime: c.ErrorTime.spread(unit), RTT: c.RTT.spread(unit),
		ConnectTimes:   toBuckets(c.ConnectTimes, unit),
		SYNRetransmits: int64(c.SYNRetransmits),
	}
	if r.Balance = balance.Of(c.Hosts, nil); c.Balance != nil {
		r.Balance = c.Balance.Balance
		r.Balance.Expected = c.Balance.Expected
	}
	var err error
	if r.ByCall, err = readCalls(c.ByCall); err != nil {
		return nil, err
	}
	if len(r.ByCall) == 0 && len(c.Verdicts) > 0 {
		r.ByCall = []*Call{c.bare(r, unit)}
	}
	left := maxLength
	for i := range c.Traffic {
		result, err := c.Traffic[i].result(&left)
		if err != nil {
			return nil, err
		}
		r.Traffic = append(r.Traffic, result)
	}
	for i := range c.Disruptions {
		v := c.Disruptions[i].Verdict
		if !share(v.MovedShare) || !share(v.IdealShare) || v.Flows < 0 || v.Moved < 0 || v.Moved > v.Flows {
			return nil, fmt.Errorf("a disruption with %d of %d flows moved, %v of them, %v ideally; want shares from 0 to 1", v.Moved, v.Flows, v.MovedShare, v.IdealShare)
		}
		v.Model = disruption.Model(name(string(v.Model)))
		v.Backends, v.Removed, v.Added = namesOf(v.Backends), namesOf(v.Removed), namesOf(v.Added)
		v.From, v.To = c.Disruptions[i].From, c.Disruptions[i].To
		r.Disruptions = append(r.Disruptions, Disruption{Verdict: &v, Judged: c.Disruptions[i].judged()})
	}
	return r, nil
}

// bare is a result of flood() or hold() as a call, with the verdicts on it.
func (c *calls) bare(r *Report, unit time.Duration) *Call {
	call := r.bareFlood()
	if c.EstablishedTotal != nil {
		call.Call, call.Established, call.Held, call.HeldMax = "hold", int64(*c.EstablishedTotal), int64(c.EstablishedAtClose), int64(c.EstablishedMax)
		losses := c.in(unit)
		call.losses(&losses)
	}
	call.Verdicts = judgements(c.judged().Verdicts)
	call.Answers = slices.ContainsFunc(call.Verdicts, func(j Judgement) bool { return j.Name == verdicts.Answered })
	return call
}

// bareFlood is what mconnect's output tells, as a call.
func (r *Report) bareFlood() *Call {
	call := newCall(About{Call: "flood", Targets: []string{}, Answers: true, Bare: true}, r.StartTime, r.Duration, 0, nil)
	call.Asked, call.FailedConnects, call.FailedReads = r.Connects, r.FailedConnects, r.FailedReads
	call.Begun = max(r.Connects-r.States.NotInitiated, 0)
	call.Established = max(call.Begun-r.FailedConnects, 0)
	call.Answered = max(call.Established-r.FailedReads, 0)
	call.SYNRetransmits = r.SYNRetransmits
	call.failures(r.Errors, r.First)
	call.Hosts = plusHosts(r.Hosts, nil)
	return call
}

// bareTraffic is a result of traffic() as a call, with the verdicts on it.
func bareTraffic(r *connect.TrafficResult) *Call {
	call := ofTraffic(About{Call: "traffic", Network: r.Network, Targets: r.Targets, Bare: true}, r)
	call.Established = max(r.Lost+r.Lasting-r.Reconnects, 0)
	call.Begun = max(call.Asked-r.States.NotInitiated, call.Established)
	return call
}

func share(part float64) bool { return part >= 0 && part <= 1 }

// unit tells results of flood(), in milliseconds, from the nanoseconds of the others. No time limit is as short as 100 ms, or as
// long as a day.
func (c *calls) unit() time.Duration {
	if c.Calls == 0 && c.Timeout > 0 && c.Timeout < span(100*time.Millisecond) {
		return time.Millisecond
	}
	return time.Nanosecond
}
