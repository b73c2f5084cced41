package connect

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/rules"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
)

// IdlePlan says how long connections may be silent before they are used again. Plan.Connections is how many are silent at the same time,
// by default DefaultIdleConnections. Plan.Payload is what a connection is used with, by default 64 bytes of NULs, which echo servers
// return; any answer is right unless Plan.Reply is set. Plan.ConnectTimeout bounds the first answer on each connection; if it is given, also
// those after a silence, which otherwise have ten times as long as the slowest one took, and a second more. Plan.Timeout is by default what a
// long search may take.
type IdlePlan struct {
	Plan
	From      time.Duration // the shortest silence that is tried; 0 means DefaultIdleFrom
	To        time.Duration // the longest one; 0 means DefaultIdleTo
	Precision time.Duration // how closely the timeout is to be known; 0 means a twentieth of it
	Expect    time.Duration // one connection is silent for exactly so long; 0 means none

	// Progress, if set, is told between which silences the timeout is known to be, each time that Observer.Monitor is called. atMost is nil
	// while no silence was too long.
	Progress func(atLeast time.Duration, atMost *time.Duration)
}

// Defaults of an IdlePlan.
const (
	DefaultIdleConnections = 20
	DefaultIdleFrom        = time.Second
	DefaultIdleTo          = time.Hour

	// MaxIdleConnections bounds how many connections an IdlePlan has.
	MaxIdleConnections = 1000
)

func (p IdlePlan) withDefaults() IdlePlan {
	if p.Connections == 0 {
		p.Connections = DefaultIdleConnections
	}
	if p.From == 0 {
		p.From = DefaultIdleFrom
	}
	if p.To == 0 {
		p.To = max(DefaultIdleTo, p.From)
	}
	if p.Payload == nil {
		p.Payload = make([]byte, rules.HelloSize)
	}
	if p.Timeout == 0 && p.Connections > 0 {
		p.Timeout = 4*p.To + 24*p.To/time.Duration(p.Connections) + p.Expect + time.Minute // far more than it should take
	}
	p.Plan = p.Plan.withDefaults()
	return p
}

// Silent is how many connections are silent at the same time: Connections, or its default.
func (p IdlePlan) Silent() int64 { return p.withDefaults().Connections }

// Range returns the shortest and the longest silence that are tried: From and To, or their defaults.
func (p IdlePlan) Range() (from, to time.Duration) {
	p = p.withDefaults()
	return p.From, p.To
}

// TimeLimit is how long a call of the plan may take: Timeout, or its default.
func (p IdlePlan) TimeLimit() time.Duration { return p.withDefaults().Timeout }

// validate returns a *PlanError for what is wrong.
func (p *IdlePlan) validate() error {
	if err := p.check(); err != nil {
		return &PlanError{err}
	}
	return p.Plan.validate()
}

func (p *IdlePlan) check() error {
	switch {
	case p.Connections > MaxIdleConnections:
		return fmt.Errorf("connections %d; want 1 to %d", p.Connections, MaxIdleConnections)
	case p.From < 0 || p.To < 0 || p.Precision < 0 || p.Expect < 0:
		return errors.New("a silence or precision below 0; want positive durations")
	case p.From > p.To:
		return fmt.Errorf("silences from %s to %s; want the shorter one first", p.From, p.To)
	}
	return nil
}

// IdleHow says what becomes of a connection that is silent for too long.
type IdleHow = rules.How

// IdleEarly are connections that were forgotten although others were well after longer silences.
type IdleEarly = rules.Early

// The ways in which a connection ends that was silent for too long.
const (
	IdleUnknown  = rules.HowUnknown  // the search has not come so far
	IdleFIN      = rules.HowFIN      // the peer, or a device on the way, closes it, by itself or when it is used again
	IdleRST      = rules.HowRST      // it is reset, by itself or when it is used again
	IdleSilently = rules.HowSilently // what is sent is swallowed, or another host answers it (UDP)
	IdleNever    = rules.HowNever    // it does not: it is alive after the longest silence that was tried
)

// IdleResult is how long a connection may be silent. As JSON, durations are in nanoseconds.
type IdleResult struct {
	// Timeout is the middle of AtLeast and AtMost; nil if no silence was too long, or none is known to be.
	Timeout *time.Duration `json:"timeout"`
	How     IdleHow        `json:"how"`
	AtLeast time.Duration  `json:"at_least"` // connections that were silent for so long were well
	// AtMost is how long connections were silent that were not well. If they end by themselves, AtLeast and AtMost are the first and the
	// last time at which they did. nil if Timeout is.
	AtMost      *time.Duration `json:"at_most"`
	Finished    bool           `json:"finished"`    // the timeout is known as closely as was asked for, or that there is none up to To
	Connections int64          `json:"connections"` // silent at the same time
	Dialed      int64          `json:"dialed"`      // connections that were begun, those in place of others included

	Control  IdleControl   `json:"control"`
	Expected *IdleExpected `json:"expected,omitempty"` // if the plan expects a silence to be well

	FailedConnects int64             `json:"failed_connects"`
	States         States            `json:"states"` // of all connections; closed are those that the peer, or a device, has ended
	Errors         map[Class]int64   `json:"errors"` // adds up to States.Error
	First          map[Class]Failure `json:"first_errors"`
	StartTime      time.Time         `json:"start_time"`
	TimeLimit      time.Duration     `json:"time_limit"`
	Duration       time.Duration     `json:"duration"`
	ConnectTime    stats.Summary     `json:"connect_time"`
	ReplyTime      stats.Summary     `json:"reply_time"` // until the answers, of whichever use
	ErrorTime      stats.Summary     `json:"error_time"`
	RTT            stats.Summary     `json:"rtt"`
	SYNRetransmits int64             `json:"syn_retransmits"`

	// OnlyOnce is set if no connection has answered a second time, on a stream whose answers may be anything: what seemed to be the first answer may
	// have been a late greeting.
	OnlyOnce bool `json:"-"`
	// AtOnce is set if connections end as soon as they have answered for the first time: the peer has done with them, and forgets none.
	AtOnce bool `json:"-"`
	// Spoken is how often the peer has ended a silence by itself.
	Spoken int64 `json:"-"`
	// Early are connections that were forgotten, too many for chance, although others were well after longer silences.
	Early IdleEarly `json:"-"`

	From      time.Duration `json:"-"` // the plan's
	To        time.Duration `json:"-"`
	Precision time.Duration `json:"-"` // 0 is a twentieth of the result
}

// IdleControl is what became of the connection that was used at once: a service that does not answer on that one never does.
type IdleControl struct {
	Answered bool          `json:"answered"`
	Time     time.Duration `json:"time"` // until the answer
	Host     string        `json:"host"` // that has answered, where it tells its name
	// Error is why it has not answered; ClassNone if it has, or if no connection was established at all.
	Error   Class    `json:"error"`
	Message string   `json:"message"` // the same in words
	Failure *Failure `json:"-"`       // nil if there is none
}

// IdleExpected is what became of the connection that was silent for exactly as long as should be well.
type IdleExpected struct {
	Silence  time.Duration `json:"silence"`  // that was asked for
	Measured time.Duration `json:"measured"` // that it was; 0 if it did not come to that
	How      IdleHow       `json:"how"`      // IdleNever if it has answered; IdleUnknown if it did not come to that
}

// Idle leaves connections silent, each for a time of its own, and uses them after it, until it knows for how long they may be. It returns
// when it does, when the plan's time is up, or soon after ctx is done. An error means that the plan is wrong or the event loops could not
// start.
func (e *Engine) Idle(ctx context.Context, plan IdlePlan) (*IdleResult, error) {
	c, err := e.newIdle(plan)
	if err != nil {
		return nil, err
	}
	r, err := e.start(c.job, c.rules.New)
	if err != nil {
		return nil, err
	}
	defer r.Release()
	collector := collector{
		job: c.job, runner: r, observer: progressing{c.plan.Observer, c}, monitor: c.plan.Monitor, tally: c.tally, atEnd: ClassAborted,
	}
	collector.run(ctx)
	return c.tally.result(c), nil
}

// Idle makes one call on an engine of its own; see [Engine.Idle].
func Idle(ctx context.Context, plan IdlePlan) (*IdleResult, error) {
	var e Engine
	return e.Idle(ctx, plan)
}

// idleCall is a search for the timeout under way.
type idleCall struct {
	plan  IdlePlan
	job   *engine.Job
	rules *rules.Idle
	tally *idleTally
}

func (e *Engine) newIdle(plan IdlePlan) (*idleCall, error) {
	patience := plan.ConnectTimeout // 0 is by what answers take
	plan = plan.withDefaults()
	if err := plan.validate(); err != nil {
		return nil, err
	}
	c := &idleCall{plan: plan, rules: &rules.Idle{
		Exchange: keepalive(&plan.Plan),
		From:     plan.From, To: plan.To, Precision: plan.Precision, Expect: plan.Expect, Patience: patience,
	}}
	c.job = e.newJob(&plan.Plan, func(p *engine.Plan) { p.Keeps, p.OneCore = true, true })
	c.tally = newIdleTally(&c.plan)
	return c, nil
}

// progressing is the plan's observer, and calls the plan's Progress.
type progressing struct {
	Observer
	call *idleCall
}

// Monitor implements Observer.
func (p progressing) Monitor(now States) {
	p.Observer.Monitor(now)
	if progress := p.call.plan.Progress; progress != nil {
		found := p.call.rules.Found()
		progress(found.AtLeast, atMost(&found))
	}
}
