package connect

import (
	"context"
	"net/netip"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
)

// DefaultTCPPingTimeout bounds a TCP ping whose plan does not.
const DefaultTCPPingTimeout = 5 * time.Second

// TCPPing is one TCP connect, for peers that speak no HTTP (for those that do, see package ping).
type TCPPing struct {
	Target  Target
	Source  netip.Addr    // not valid leaves the choice to the system
	Timeout time.Duration // 0 is DefaultTCPPingTimeout
}

// TCPPong is what a TCPPing came to.
type TCPPong struct {
	Start          time.Time
	Connect        time.Duration // of the handshake as this process sees it, or until the failure
	RTT            time.Duration // the kernel's measure of it; 0 where it has none
	SYNRetransmits int64
	RemoteAddr     netip.AddrPort
	Class          Class // why it failed, ClassNone if it did not
	Err            error // a [Failure]
}

// Do connects and closes. Its failures are in the result.
func (p TCPPing) Do(ctx context.Context) TCPPong {
	pong := TCPPong{Start: time.Now(), RemoteAddr: p.Target.Addr}
	if p.Timeout <= 0 {
		p.Timeout = DefaultTCPPingTimeout
	}
	plan, err := p.plan()
	switch {
	case ctx.Err() != nil:
		pong.Class, pong.Err = ClassAborted, plan.failure(&Outcome{Class: ClassAborted, Err: ReasonStopped})
		return pong
	case err != nil:
		pong.Class = ClassAddrNotAvailable
		pong.Err = Failure{Class: pong.Class, Network: "tcp", Target: p.Target.Name, Source: netip.AddrPortFrom(p.Source, 0), Err: err}
		return pong
	}
	var only onlyOutcome
	plan.Observer = &only
	e := Engine{portable: true} // which starts no threads
	if _, err := e.Flood(ctx, FloodPlan{Plan: plan, SkipReply: true}); err != nil {
		pong.Class, pong.Err = ClassOther, err
		return pong
	}
	pong.Connect, pong.RTT, pong.SYNRetransmits, pong.Class = only.Elapsed(), only.RTT, only.SYNRetransmits, only.Class
	if only.Connected {
		pong.Connect = only.Connect
	}
	if only.Class != ClassNone {
		pong.Err = plan.failure(&only.Outcome)
	}
	return pong
}

func (p TCPPing) plan() (Plan, error) {
	plan := Plan{Network: "tcp", Targets: []Target{p.Target}, Connections: 1, Concurrency: 1, ConnectTimeout: p.Timeout, Timeout: p.Timeout + time.Minute}
	if !p.Source.IsValid() {
		return plan, nil
	}
	if p.Target.Err == nil {
		if err := (source.Dialer{Source: p.Source}).Check(p.Target.Addr.Addr()); err != nil {
			return plan, err
		}
	}
	var err error
	plan.Sources.Pool, err = source.ParsePool(p.Source.String())
	return plan, err
}

// onlyOutcome observes a call of one connection.
type onlyOutcome struct {
	unobserved
	Outcome
}

// Outcomes implements Observer.
func (o *onlyOutcome) Outcomes(batch []Outcome) { o.Outcome = batch[0] }
