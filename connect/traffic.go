package connect

import (
	"context"
	"fmt"
	"time"
)

// TrafficPlan says which connections to keep up, and how much to send on them. The peer is to echo what it gets, as ctraffic's server and
// `mconnect-server -echo` do. Connections are made as fast as Concurrency allows, so Plan.Rate must not be set, and
// packets are ctraffic's, so Plan.Payload is not sent. Plan.ConnectTimeout is by default DefaultTrafficConnectTimeout, and
// Plan.Timeout what the duration leaves time for.
//
// Each connection has one packet on its way at a time. Without an answer to that one in time, the next ones are dropped. Over UDP
// packets are sent however late the last one is, and an echo that a later one has overtaken counts as lost.
type TrafficPlan struct {
	Plan
	Duration    time.Duration // 0 means DefaultTrafficDuration
	Throughput  float64       // KB/s (1024 bytes) of all connections together; 0 sends a packet as soon as the last one has come back
	PacketSize  int           // bytes; 0 means DefaultPacketSize
	LossTimeout time.Duration // a connection without an echo for so long is lost; 0 means DefaultLossTimeout
	NoReconnect bool          // do not dial again what is lost

	// Packets, if set, is told what happens to packets while the call runs.
	Packets PacketObserver
}

// PacketObserver is told what happens to packets. Its methods are called by the goroutine that calls the plan's Observer.
type PacketObserver interface {
	// Echoes is given packets that have come back, in batches. The slice is reused after it returns.
	Echoes(batch []Echo)
	// Sample is told what has happened since it was called last: about every second, and at the end.
	Sample(s TrafficSample, reconnects, moved int64)
}

// Defaults of a TrafficPlan, those of ctraffic.
const (
	DefaultTrafficDuration       = 10 * time.Second
	DefaultPacketSize            = 1024
	DefaultLossTimeout           = time.Second
	DefaultTrafficConnectTimeout = 1500 * time.Millisecond
)

// Bounds of a TrafficPlan.
const (
	MinPacketSize   = helloSize
	MinDatagramSize = helloSize + stampSize
	MaxPacketSize   = 1 << 20
	MaxDatagramSize = 65507 // of UDP over IPv4
)

const (
	kilobyte = 1024
	// unheardPart is how many packets without an echo in a row lose a UDP flow that has no pace.
	unheardPart = 4
)

func (p TrafficPlan) withDefaults() TrafficPlan {
	if p.ConnectTimeout == 0 {
		p.ConnectTimeout = DefaultTrafficConnectTimeout
	}
	if p.Duration == 0 {
		p.Duration = DefaultTrafficDuration
	}
	if p.PacketSize == 0 {
		p.PacketSize = DefaultPacketSize
	}
	if p.LossTimeout == 0 {
		p.LossTimeout = DefaultLossTimeout
	}
	if p.Timeout == 0 {
		p.Timeout = p.Duration + p.LossTimeout + time.Second
	}
	p.Plan = p.Plan.withDefaults()
	return p
}

// validate returns a *PlanError for what is wrong.
func (p *TrafficPlan) validate() error {
	if err := p.check(); err != nil {
		return &PlanError{err}
	}
	return p.Plan.validate()
}

func (p *TrafficPlan) check() error {
	smallest, largest := MinPacketSize, MaxPacketSize
	if p.Protocol() == "udp" {
		smallest, largest = MinDatagramSize, MaxDatagramSize
	}
	switch {
	case p.Duration < 0:
		return fmt.Errorf("duration %v; want a positive duration", p.Duration)
	case p.Rate != 0:
		return fmt.Errorf("rate %v of connections; want none, but for packets a throughput", p.Rate)
	case p.Throughput < 0:
		return fmt.Errorf("throughput %v; want KB/s of all connections together, or 0 for as fast as the echoes come", p.Throughput)
	case p.PacketSize < smallest || p.PacketSize > largest:
		return fmt.Errorf("packet size %d; want %d to %d bytes with network %s", p.PacketSize, smallest, largest, p.Network)
	case p.LossTimeout < 0:
		return fmt.Errorf("loss timeout %v; want a positive duration", p.LossTimeout)
	}
	return nil
}

// Traffic keeps connections up, sends packets on them, and waits for their echoes, for the plan's duration or until ctx is done. An error
// means that the plan is wrong or the event loops could not start.
func (e *Engine) Traffic(ctx context.Context, plan TrafficPlan) (*TrafficResult, error) {
	plan = plan.withDefaults()
	if err := plan.validate(); err != nil {
		return nil, err
	}
	j := newJob(plan.Plan, &e.Total)
	j.keeps = true
	j.traffic = &trafficJob{TrafficPlan: plan}
	j.traffic.echoes.wake = j.wake
	r := e.newTraffic(j)
	if err := r.start(); err != nil {
		j.count(&steps{planned: -j.plan.Connections})
		return nil, err
	}
	defer r.close()
	t := newTrafficTally(j)
	stop := make(chan Class, 1)
	timer := time.AfterFunc(plan.Duration, func() { stop <- ClassTimeout })
	defer timer.Stop()
	j.plan.Observer = sampling{observer: plan.Observer, tally: t}
	c := collector{job: j, runner: r, tally: t, echoes: t.echoed, atEnd: ClassAborted, stop: stop}
	c.run(ctx)
	t.sample(j.length(true))
	return t.result(), nil
}

// Traffic makes one call on an engine of its own; see [Engine.Traffic].
func Traffic(ctx context.Context, plan TrafficPlan) (*TrafficResult, error) {
	var e Engine
	return e.Traffic(ctx, plan)
}

// sampling takes a sample every second, besides what the plan's own observer does.
type sampling struct {
	observer Observer // may be nil
	tally    *trafficTally
}

// Outcomes implements Observer.
func (s sampling) Outcomes(batch []Outcome) {
	if s.observer != nil {
		s.observer.Outcomes(batch)
	}
}

// Second implements Observer.
func (s sampling) Second() {
	s.tally.sample(s.tally.job.length(false))
	if s.observer != nil {
		s.observer.Second()
	}
}

// Monitor implements Observer.
func (s sampling) Monitor(now States) {
	if s.observer != nil {
		s.observer.Monitor(now)
	}
}
