package recording

import (
	"slices"
	"strings"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/balance"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

// OverAll are verdicts on several calls that are about the same, as if they had been one.
type OverAll struct {
	About
	Calls    int64
	Verdicts []Judgement
}

// Failed counts the verdicts that do not hold.
func (o *OverAll) Failed() int { return (&Call{Verdicts: o.Verdicts}).Failed() }

// JudgeOverAll judges floods, holds and traffic, where there were several that are about the same, by what they add up to. The verdicts on each of
// them stay as they were. Of results alone it is not known what was expected.
func (r *Report) JudgeOverAll() {
	r.OverAll = nil
	for _, c := range r.ByCall {
		if c.Bare {
			continue
		}
		if list := c.overAll(); c.Calls > 1 && len(list) > 0 {
			r.OverAll = append(r.OverAll, OverAll{c.About, c.Calls, judgements(list)})
		}
	}
}

func (c *Call) overAll() []connect.Verdict {
	switch c.Call {
	case "flood":
		r, expect := c.asFlood(), c.Expect
		expect.Affinity, expect.Source = false, false // of which source was answered by whom, no more is known
		verdicts.Flood(r, &expect, c.Answers)
		return r.Verdicts
	case "hold":
		r := c.asHold()
		verdicts.HoldExcused(r, &c.Expect)
		return r.Verdicts
	case "traffic":
		if c.Packets == nil {
			return nil
		}
		r := c.asTraffic()
		verify := slices.ContainsFunc(c.Verdicts, func(j Judgement) bool { return j.Name == verdicts.Intact })
		verdicts.TrafficExcused(r, &c.Expect, verify)
		return r.Verdicts
	}
	return nil
}

// asFlood is what a flood that was all of these would have resulted in.
func (c *Call) asFlood() *connect.FloodResult {
	r := &connect.FloodResult{
		Hosts: c.Hosts, Connects: c.Asked, FailedConnects: c.FailedConnects, FailedReads: c.FailedReads, Timeout: c.Duration,
		Errors: c.Errors, ConnectErrors: c.ConnectErrors, First: c.first(), ConnectTime: c.ConnectTime.Summary, ReplyTime: c.ReplyTime.Summary, RTT: c.RTT.Summary,
		Balance: balance.Of(c.Hosts, c.Weights), Weights: c.Weights, SourcesUsed: c.SourcesUsed, Retried: c.Retried, ByHost: map[string]connect.HostTimes{},
		Unread: !c.Answers && strings.HasPrefix(c.Network, "udp"),
	}
	r.States.NotInitiated = c.Asked - c.Begun
	for name, d := range c.ByHost {
		r.ByHost[name] = connect.HostTimes{Answers: d.Number, ReplyTime: d.Summary}
	}
	return r
}

func (c *Call) asHold() *connect.HoldResult {
	r := &connect.HoldResult{
		Hosts: c.Hosts, Connects: c.Asked, FailedConnects: c.FailedConnects, Timeout: c.Duration, Errors: c.Errors,
		ConnectErrors: c.ConnectErrors, First: c.first(), EstablishedTotal: c.Established, Retried: c.Retried,
		Unasked: c.Unasked > 0 && c.Unasked == c.Established,
	}
	r.States.NotInitiated = c.Asked - c.Begun
	r.Losses = c.asLosses()
	r.Lifetime.Avg, r.ConnectTime, r.EchoTime, r.RTT = c.lifetime(), c.ConnectTime.Summary, c.ReplyTime.Summary, c.RTT.Summary
	return r
}

func (c *Call) asTraffic() *connect.TrafficResult {
	return &connect.TrafficResult{
		Network: c.Network, Targets: c.Targets, Connections: c.Asked, Begun: c.Begun, FailedFirst: c.Begun - c.Established, FailedConnects: c.FailedConnects,
		Errors: c.Errors, FirstErrors: c.ConnectErrors, First: c.first(), Timeout: c.Duration, Duration: c.Duration,
		Lost: c.Lost, Lasting: c.Held, Down: c.Down, Losses: c.asLosses(),
		Sent: c.Packets.Sent, Received: c.Packets.Received, Corrupted: c.Packets.Corrupted, Moved: c.Packets.Moved, Reconnect: !c.Packets.Once,
		Dropped: c.Packets.Dropped, Retransmits: c.Packets.Retransmits, RoundTrip: c.ReplyTime.Summary, RTT: c.RTT.Summary,
	}
}

func (c *Call) asLosses() connect.Losses {
	return connect.Losses{
		Needless: c.NeedlessByHost.Total(), Excused: c.Excused, NeedlessByHost: c.NeedlessByHost, ClosedBy: c.ClosedBy, Outages: c.Outages, Changes: c.Changes,
	}
}

// lifetime is how long lost connections had stood, on average, as far as the course of the hold tells.
func (c *Call) lifetime() time.Duration {
	var sum time.Duration
	var lost int64
	for i := range c.OverTime {
		sum += time.Duration(c.OverTime[i].Lost) * c.OverTime[i].Time
		lost += c.OverTime[i].Lost
	}
	return sum / time.Duration(max(lost, 1))
}

func (c *Call) first() map[connect.Class]connect.Failure {
	first := make(map[connect.Class]connect.Failure, len(c.First))
	for class, text := range c.First {
		first[class] = connect.Failure{Class: class, Text: text}
	}
	return first
}

// Expected are the shares that hosts are due: by their weights, else the same for all that answered. nil if there are none.
func (c *Call) Expected() map[string]float64 {
	if len(c.Hosts) == 0 && len(c.Weights) == 0 {
		return nil
	}
	if due := balance.Of(c.Hosts, c.Weights).Expected; due != nil {
		return due
	}
	due := make(map[string]float64, len(c.Hosts))
	for name := range c.Hosts {
		due[name] = 1 / float64(len(c.Hosts))
	}
	return due
}
