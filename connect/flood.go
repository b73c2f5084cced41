package connect

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/balance"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/disruption"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/rules"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
)

// FloodPlan says which connections to make, and what to take from the answers.
type FloodPlan struct {
	Plan
	// SkipReply ends a connection once it is established (UDP: once its datagram is sent), without waiting for an answer.
	SkipReply bool
	// Flows makes the result say which host answered which 5-tuple; wants fixed source ports.
	Flows bool
	// Weights are the shares of the connections that hosts are due, in relation to each other; nil means equal ones for all
	// that answer. The result's balance is judged by them.
	Weights map[string]float64
	// Affinity makes the result say whether sources stay with a host. Source makes it say whether the answers tell the source that was
	// used, as those of mconnect-server -tell-source do.
	Affinity, Source bool
}

// validate returns a *PlanError for what is wrong.
func (p *FloodPlan) validate() error {
	if p.Flows {
		if err := p.checkFlows(); err != nil {
			return &PlanError{err}
		}
	}
	return p.Plan.validate()
}

// checkFlows checks that the flows can be told from each other and dialed again.
func (p *FloodPlan) checkFlows() error {
	switch {
	case p.Sources.Ports.Count() == 0:
		return errors.New("flows without source ports; want a range of fixed ones, since 5-tuples with ports of the system's choice can't be dialed again")
	case p.SkipReply:
		return errors.New("flows without replies; want replies to be read, since they tell which host has answered")
	case p.Connections > disruption.MaxFlows:
		return fmt.Errorf("flows of %d connections; want at most %d", p.Connections, disruption.MaxFlows)
	}
	return nil
}

// FloodResult is what a flood's connections amount to. As JSON it extends the report of `mconnect -output json`: the
// names are the same, and durations are in nanoseconds.
//
// Connects = the sum of Hosts + FailedConnects + FailedReads + States.NotInitiated, unless the plan skips replies.
type FloodResult struct {
	Hosts          Hosts         `json:"hosts"`
	Connects       int64         `json:"connects"`
	FailedConnects int64         `json:"failed_connects"`
	FailedReads    int64         `json:"failed_reads"`
	StartTime      time.Time     `json:"start_time"`
	Timeout        time.Duration `json:"timeout"`
	Duration       time.Duration `json:"duration"`

	States States            `json:"states"`
	Errors map[Class]int64   `json:"errors"` // adds up to States.Error
	First  map[Class]Failure `json:"first_errors"`

	ConnectTime stats.Summary `json:"connect_time"` // of the connections that were established
	ReplyTime   stats.Summary `json:"reply_time"`   // of those that were answered
	ErrorTime   stats.Summary `json:"error_time"`   // of those that failed
	RTT         stats.Summary `json:"rtt"`          // kernel's handshake round trip, where it has one

	ConnectTimes []stats.Bucket `json:"-"` // the distribution behind ConnectTime

	Balance        balance.Balance `json:"balance"`
	SYNRetransmits int64           `json:"syn_retransmits"`
	SourcesUsed    int64           `json:"sources_used"` // different source addresses of the plan's own

	Weights map[string]float64 `json:"-"` // the plan's, by which Balance is judged
	Fixed   bool               `json:"-"` // the source ports are the plan's
	Unread  bool               `json:"-"` // over UDP, no answer was wanted: whether anybody is there is not known

	ByHost     map[string]HostTimes `json:"by_host"`    // of the hosts that answered, at most MaxHostTimes
	Missing    []string             `json:"missing"`    // hosts that were expected, and did not answer
	Unexpected Hosts                `json:"unexpected"` // hosts that answered, and were not expected
	Judged

	Source        SourceSeen      `json:"-"` // whether backends saw the sources that were used, if the plan asks for it
	ConnectErrors map[Class]int64 `json:"-"` // the part of Errors that failed to connect
	Retried       int64           `json:"-"` // connections that took more than one SYN
	FailedAt      FailedAt        `json:"-"`
	DroppedSYNs   string          `json:"-"` // how packets that this host itself has dropped account for these, "" if they do not
	Making        time.Duration   `json:"-"` // since the start, until the last connection was established, or begun if it failed

	ConnectSpread, ReplySpread, RTTSpread stats.Distribution `json:"-"` // what the times add up from
	Interrupted                           bool               `json:"-"` // the call was ended from outside before all was done

	// If the plan asks for flows, who answered which 5-tuple, and whether sources stay with a host; else nil.
	Flows    *disruption.Flows    `json:"flows,omitempty"`
	Affinity *disruption.Affinity `json:"affinity,omitempty"`
}

// HostTimes are the answers of one host.
type HostTimes struct {
	Answers     int64         `json:"answers"`
	ConnectTime stats.Summary `json:"connect_time"` // of the connections that it answered
	ReplyTime   stats.Summary `json:"reply_time"`

	ReplySpread stats.Distribution `json:"-"` // roughly
}

// MaxHostTimes bounds how many hosts' times are told one by one.
const MaxHostTimes = 1000

// Flood connects to the plan's targets, reads the host name that each answers with, and closes. It returns when every
// connection has ended, when the plan's time is up, or soon after ctx is done. The result accounts for every connection
// in each of these cases; an error means that the plan is wrong or the event loops could not start, and nothing was dialed.
func (e *Engine) Flood(ctx context.Context, plan FloodPlan) (*FloodResult, error) {
	c, err := e.newFlood(plan)
	if err != nil {
		return nil, err
	}
	r, err := e.start(c.job, c.rules.New)
	if err != nil {
		return nil, err
	}
	defer r.Release()
	collector := collector{job: c.job, runner: r, observer: c.plan.Observer, monitor: c.plan.Monitor, tally: c.tally, atEnd: ClassAborted}
	collector.run(ctx)
	result := c.tally.result(c.job)
	result.Source = c.rules.Seen()
	result.Interrupted = ctx.Err() != nil && result.Errors[ClassAborted]+result.States.NotInitiated > 0
	return result, nil
}

// floodCall is a flood under way.
type floodCall struct {
	plan  FloodPlan
	job   *engine.Job
	rules rules.Flood
	tally *floodTally
}

func (e *Engine) newFlood(plan FloodPlan) (*floodCall, error) {
	plan.Plan = plan.withDefaults()
	if err := plan.validate(); err != nil {
		return nil, err
	}
	c := &floodCall{plan: plan, job: e.newJob(&plan.Plan, func(p *engine.Plan) { p.Unread = plan.SkipReply })}
	c.rules = rules.Flood{Exchange: exchange(&plan.Plan), SkipReply: plan.SkipReply, TellSource: plan.Source, Expected: plan.Weights}
	c.tally = newFloodTally(&c.plan)
	return c, nil
}

// Flood makes one call on an engine of its own; see [Engine.Flood].
func Flood(ctx context.Context, plan FloodPlan) (*FloodResult, error) {
	var e Engine
	return e.Flood(ctx, plan)
}
