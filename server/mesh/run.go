package mesh

import (
	"context"
	"crypto/tls"
	"math/rand/v2"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/ping"
)

const (
	// absent is how long others are not believed about a peer that was given up, if that does not take longer itself.
	absent = time.Hour
	// doubted is how long a target is taken for this server, or for another that is known: a program may move to its address.
	doubted = 10 * time.Minute
	// spread is by how much the first pings of peers that come together are apart.
	spread = 2 * time.Millisecond
)

// run pings a peer until it is taken off the list, given up, or the mesh ends.
func (m *Mesh) run(ctx context.Context, p *peer) {
	plan := m.plan(p)
	follower := follower{mesh: m, peer: p}
	alarm := newAlarm(ctx)
	defer alarm.stop()
	next := time.Now().Add(m.head(p.Delay))
	for round := 0; ; round++ {
		if !alarm.wait(next) {
			m.output.averages(p)
			return
		}
		next = due(next, p.Delay, round)
		r, err := ping.Do(ctx, plan)
		if err != nil || ctx.Err() != nil {
			m.output.averages(p)
			return
		}
		if m.leaveDouble(p, r) {
			return
		}
		n := p.add(r)
		if n.ours {
			m.list.changed()
			m.save()
		}
		m.tell(p, r, n)
		if why, failed := p.spent(); why != "" {
			m.giveUp(p, why, failed)
			return
		}
		if p.Follow && !r.Failed() {
			follower.step(ctx, n.theirs)
		}
	}
}

func (m *Mesh) plan(p *peer) ping.Plan {
	return ping.Plan{
		URL: p.URL, IP: p.IP, Timeout: m.options.Timeout, From: m.options.Location, Resolve: m.resolve, TLS: m.tls(),
	}
}

// tls is nil for Go's default.
func (m *Mesh) tls() *tls.Config {
	if !m.options.Insecure {
		return nil
	}
	return &tls.Config{InsecureSkipVerify: true} // #nosec G402 -- asked for, as pingmesh does always
}

// head is when a new peer is pinged first: soon, but not all in the same instant.
func (m *Mesh) head(delay time.Duration) time.Duration {
	m.list.mu.Lock()
	defer m.list.mu.Unlock()
	most := min(delay, time.Duration(len(m.list.order))*spread)
	return time.Duration(rand.Int64N(int64(most) + 1)) // #nosec G404 -- no secret
}

// due is when the next ping is. The second comes after any part of the delay, so that peers that came together part.
func due(last time.Time, delay time.Duration, round int) time.Time {
	wait := jitter(delay)
	if round == 0 {
		wait = time.Duration(rand.Int64N(int64(delay))) // #nosec G404 -- no secret
	}
	next := last.Add(wait)
	if now := time.Now(); next.Before(now) {
		return now
	}
	return next
}

// jitter is the delay give or take half a percent: it varies by 1 %, as pingmesh's.
func jitter(delay time.Duration) time.Duration {
	return delay + time.Duration((rand.Float64()-0.5)*0.01*float64(delay)) // #nosec G404 -- no secret
}

// leaveDouble takes off the list what turns out to be this server itself, or one that is known under another name.
func (m *Mesh) leaveDouble(p *peer, r *ping.Result) bool {
	if r.Failed() {
		return false
	}
	instance, _ := readHeader(r.Header)
	if m.list.claim(p, instance) {
		return false
	}
	m.remove(p, absence{until: time.Now().Add(doubted)})
	return true
}

// tell says what a ping came to, to all who want to know.
func (m *Mesh) tell(p *peer, r *ping.Result, n news) {
	m.output.ping(r)
	if m.options.OnPing != nil {
		m.options.OnPing(Ping{Result: r, To: p.name()})
	}
	log := m.options.Log
	if n.found {
		log.Info("Peer found", "to", p.name(), "url", p.URL)
	}
	switch {
	case n.turned && r.Failed():
		log.Warn("Peer does not answer", "to", p.name(), "url", p.URL, "error", reason(r))
	case n.turned:
		log.Info("Peer answers again", "to", p.name(), "url", p.URL)
	}
}

// giveUp ends a peer that has come to one of its limits.
func (m *Mesh) giveUp(p *peer, why string, failed bool) {
	long := max(absent, 2*time.Duration(p.MaxFail)*p.Delay)
	m.options.Log.Info("Peer given up", "url", p.URL, "to", p.name(), "reason", why)
	m.remove(p, absence{until: time.Now().Add(long), gone: true, failed: failed})
	m.output.averages(p)
}
