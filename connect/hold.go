package connect

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/rules"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
)

// HoldPlan says which connections to open and to keep. Plan.Timeout bounds the time in which connections are opened, and is by
// default as for a flood, plus ConnectTimeout.
type HoldPlan struct {
	Plan
	// Duration is the time from the start until all connections are closed; 0 leaves that to Close. A connection that owes an answer then
	// is closed when that has come, or has failed to.
	Duration time.Duration
	// Keepalive is the interval in which each connection is sent Payload, by default DefaultPayload. It must answer, with what Reply
	// asks for if that is set, or it fails with ClassNoReply or ClassBadReply. 0 sends nothing.
	Keepalive time.Duration
	// KeepaliveTimeout is the time within which a keepalive must be answered; 0 means Keepalive.
	KeepaliveTimeout time.Duration
	// Hosts are names that hosts are expected to have, with their weights; nil if nothing is known of them.
	Hosts map[string]float64
}

func (p HoldPlan) withDefaults() HoldPlan {
	untimed := p.Timeout == 0
	p.Plan = p.Plan.withDefaults()
	if untimed {
		p.Timeout += p.ConnectTimeout
	}
	if p.Payload == nil {
		p.Payload = []byte(DefaultPayload)
	}
	return p
}

// HoldResult is what has become of the connections of a hold. As JSON, durations are in nanoseconds.
type HoldResult struct {
	Connects       int64             `json:"connects"`
	FailedConnects int64             `json:"failed_connects"`
	StartTime      time.Time         `json:"start_time"`
	Timeout        time.Duration     `json:"timeout"`
	Duration       time.Duration     `json:"duration"`
	States         States            `json:"states"`
	Errors         map[Class]int64   `json:"errors"` // adds up to States.Error
	First          map[Class]Failure `json:"first_errors"`

	ConnectTime stats.Summary `json:"connect_time"` // of the connections that were established
	ErrorTime   stats.Summary `json:"error_time"`   // from the planned instant until the failure
	RTT         stats.Summary `json:"rtt"`          // kernel's handshake round trip, where it has one
	Lifetime    stats.Summary `json:"lifetime"`     // of the connections that the peer closed, from established to closed
	EchoTime    stats.Summary `json:"echo_time"`    // from a keepalive to its answer

	ConnectTimes []stats.Bucket `json:"-"` // the distribution behind ConnectTime

	EstablishedTotal   int64 `json:"established_total"`    // connections that were established at some time
	EstablishedMax     int64 `json:"established_max"`      // most at once
	EstablishedAtClose int64 `json:"established_at_close"` // when they were closed from here; until then, now
	SYNRetransmits     int64 `json:"syn_retransmits"`
	BytesReceived      int64 `json:"bytes_received"` // by connections that have ended

	Hosts      Hosts    `json:"hosts"`      // connections by the host that has told its name on them
	Missing    []string `json:"missing"`    // hosts that were expected, and told no name
	Unexpected Hosts    `json:"unexpected"` // hosts that were not expected
	Losses
	Judged

	ConnectErrors map[Class]int64 `json:"-"` // the part of Errors that failed to connect
	Unheard       bool            `json:"-"` // over UDP, nothing has come on any connection: whether somebody is there is not known
	Unasked       bool            `json:"-"` // over a stream, nothing was asked: what has come, came by itself
	Unanswered    bool            `json:"-"` // there were to be keepalives, and none has been answered
	Owing         int64           `json:"-"` // connections that were cut while they owed an answer
	Owed          time.Duration   `json:"-"` // for how long, the longest of them
	Greeted       int64           `json:"-"` // connections on which the peer spoke first, where nothing was asked
	Greeting      time.Duration   `json:"-"` // how long that took at most
	Ungreeted     int64           `json:"-"` // connections that were closed from here, and on which it had said nothing for far longer
	Talked        int64           `json:"-"` // reads that came unasked, where any read counts as the answer to a keepalive
	Planned       time.Duration   `json:"-"` // the duration that was asked for, 0 if close() was to end the call
	Instead       time.Duration   `json:"-"` // the duration that was asked for, if the end of the iteration came first; else 0
	Retried       int64           `json:"-"` // connections that took more than one SYN
	FailedAt      FailedAt        `json:"-"`
	DroppedSYNs   string          `json:"-"` // how packets that this host itself has dropped account for these, "" if they do not
	Making        time.Duration   `json:"-"` // as in FloodResult
	Interrupted   bool            `json:"-"` // the connections were closed before all were begun, and before the time for that was up
	OverTime      []HoldSample    `json:"-"`

	ConnectSpread, EchoSpread, RTTSpread stats.Distribution `json:"-"` // what the times add up from
}

// Held are connections that are kept open. Close frees them, or the end of their context.
type Held struct {
	job     *engine.Job
	rules   rules.Hold
	tally   *holdTally
	settled chan struct{}
	stop    chan Class // with which connections that are still being dialed fail
	ended   chan struct{}
	close   sync.Once
	cut     sync.Once
}

// Hold opens connections and keeps them, until Close, the plan's duration, or ctx is done. It returns at once; an error
// means that the plan is wrong or the event loops could not start.
func (e *Engine) Hold(ctx context.Context, plan HoldPlan) (*Held, error) {
	plan = plan.withDefaults()
	if err := plan.validate(); err != nil {
		return nil, err
	}
	h := e.newHold(plan)
	r, err := e.start(h.job, h.rules.New)
	if err != nil {
		return nil, err
	}
	c := collector{
		job: h.job, runner: r, observer: plan.Observer, monitor: plan.Monitor, tally: h.tally, stop: h.stop, onAbort: h.rules.Cut,
		onSettle: func() { close(h.settled) },
	}
	go func() {
		defer close(h.ended)
		defer r.Release()
		c.run(ctx)
	}()
	return h, nil
}

// newHold starts the time of a plan, which has its defaults.
func (e *Engine) newHold(plan HoldPlan) *Held {
	j := e.newJob(&plan.Plan, func(p *engine.Plan) {
		p.Keeps, p.Duration, p.Late = true, plan.Duration, ClassAborted
	})
	tally := newHoldTally(&plan.Plan)
	tally.interval = plan.Keepalive
	return &Held{
		job: j, rules: rules.Hold{Exchange: keepalive(&plan.Plan), Interval: plan.Keepalive, Patience: plan.KeepaliveTimeout, Expected: plan.Hosts},
		tally: tally, settled: make(chan struct{}), stop: make(chan Class, 2), ended: make(chan struct{}),
	}
}

// TimeLimit is how long opening the connections may take: Timeout, or its default.
func (p HoldPlan) TimeLimit() time.Duration { return p.withDefaults().Timeout }

// Settled is closed when every connection is established or has failed.
func (h *Held) Settled() <-chan struct{} { return h.settled }

// Done is closed when no connection is left: all have failed, were closed by the peer, or from here.
func (h *Held) Done() <-chan struct{} { return h.ended }

// States returns how many connections are in each state now.
func (h *Held) States() States { return h.job.Counters.States() }

// Close closes all connections, those that owe an answer once it has come or its time is over, waits for that, and returns what has become of
// them. Closing again returns the same.
func (h *Held) Close() *HoldResult {
	h.hangUp(ClassAborted)
	<-h.ended
	return h.Result()
}

// Cut is Close that waits for no answers.
func (h *Held) Cut() *HoldResult {
	h.rules.Cut()
	h.cut.Do(func() { h.stop <- ClassAborted })
	<-h.ended
	return h.Result()
}

// hangUp begins to close all connections. Those that are still being dialed fail with the class dialed.
func (h *Held) hangUp(dialed Class) {
	h.close.Do(func() { h.stop <- dialed })
}

// Result returns what has become of the connections so far. It may be a tenth of a second behind States: a connection whose outcome
// has not been collected yet counts as being dialed. Losses are not judged; see [Losses.Excuse].
//
// At every instant Connects = EstablishedTotal + FailedConnects + States.NotInitiated + States.Dialing.
func (h *Held) Result() *HoldResult {
	if s := h.States(); s.NotInitiated+s.Dialing+s.Established == 0 {
		<-h.ended // all has happened, and is about to be collected
	}
	over := false
	select {
	case <-h.ended:
		over = true
	default:
	}
	t := h.tally.snapshot()
	states := t.states(h.States().NotInitiated, h.job.Plan.Connections)
	total := t.connect.Count()
	connects, echoes := t.connect.Distribution(), t.echo.Distribution()
	r := &HoldResult{
		Connects:       h.job.Plan.Connections,
		FailedConnects: t.failedConnects,
		StartTime:      loop.Time(h.job.Start()),
		Timeout:        h.job.Plan.Timeout,
		Planned:        h.job.Plan.Duration,
		Duration:       h.length(over),
		States:         states,
		Errors:         t.byClass(),
		First:          t.first,
		ConnectTime:    connects.Summary, // sorts them
		ConnectTimes:   t.connect.Buckets(),
		ErrorTime:      t.error.Summary(),
		RTT:            t.rtt.Summary(),
		Lifetime:       stats.Summarize(t.lifetime),
		EchoTime:       echoes.Summary,

		EstablishedTotal:   total,
		EstablishedMax:     min(max(h.job.Counters.EstablishedMax(), states.Established+states.Completed), total), // the counter is ahead of the tally
		EstablishedAtClose: states.Established + states.Completed,
		SYNRetransmits:     t.synRetransmits,
		BytesReceived:      t.received,
		Hosts:              t.hosts,
		Missing:            []string{},
		Unexpected:         Hosts{},
		Losses:             t.losses,
		ConnectErrors:      counts(&t.connectClasses),
		Unheard:            h.job.Plan.Protocol == "udp" && total > 0 && echoes.Count == 0 && t.received == 0,
		Unasked:            h.job.Plan.Protocol != "udp" && h.rules.Interval == 0 && total > 0,
		Unanswered:         h.rules.Interval > 0 && total > 0 && echoes.Count == 0,
		FailedAt:           t.failedAt(),
		Owing:              t.owing,
		Owed:               t.owed,
		Greeted:            t.greeted,
		Greeting:           t.greeting,
		Ungreeted:          t.ungreeted,
		Retried:            t.retried,
		DroppedSYNs:        t.droppedSYNs(),
		Making:             t.making,
		Interrupted:        over && states.NotInitiated > 0 && h.length(over) < min(h.job.Plan.Timeout, cmp.Or(h.job.Plan.Duration, h.job.Plan.Timeout)),
		OverTime:           t.series.samples(),
		ConnectSpread:      connects,
		EchoSpread:         echoes,
		RTTSpread:          t.rtt.Distribution(),
	}
	if h.rules.Any && h.rules.Interval > 0 {
		r.Talked = h.rules.Unasked()
	}
	return r
}

// length is the time from the start to the end, or to now if it has not ended.
func (h *Held) length(over bool) time.Duration {
	if over {
		return h.job.Length()
	}
	return h.job.Since(loop.Now())
}
