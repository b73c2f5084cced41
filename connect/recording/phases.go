package recording

import (
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
)

// Phases are where the time of pings went, besides the connect.
type Phases struct {
	DNS       stats.Distribution `json:"dns"`
	TLS       stats.Distribution `json:"tls"`
	FirstByte stats.Distribution `json:"first_byte"`
	LastByte  stats.Distribution `json:"last_byte"`
}

// NamedTimes are durations of one kind, in words.
type NamedTimes struct {
	Name  string
	Times *stats.Distribution
}

// PingTimes are all durations that pings have, in their order. Of those that did not happen there are none.
func (c *Call) PingTimes() []NamedTimes {
	p := c.Phases
	if p == nil { // a recording from before there were any
		p = &Phases{}
	}
	times := []NamedTimes{
		{"name look-up", &p.DNS},
		{"connect", &c.ConnectTime},
		{"TLS handshake", &p.TLS},
		{"first byte", &p.FirstByte},
		{"last byte", &p.LastByte},
		{"whole request", &c.ReplyTime},
	}
	if c.Call == "tcpPing" {
		return times[:2]
	}
	return times
}

// distributionOf is that of a phase, which a ping may not have had.
func distributionOf(phase time.Duration) stats.Distribution {
	if phase <= 0 {
		return stats.Distributed(nil)
	}
	return stats.Distributed([]time.Duration{phase})
}

// plus adds up the phases of two calls, either of which may have none. It changes neither.
func (p *Phases) plus(q *Phases) *Phases {
	switch {
	case p == nil:
		return q
	case q == nil:
		return p
	}
	return &Phases{p.DNS.Plus(q.DNS), p.TLS.Plus(q.TLS), p.FirstByte.Plus(q.FirstByte), p.LastByte.Plus(q.LastByte)}
}

func (p *Phases) normalize() {
	for _, d := range []*stats.Distribution{&p.DNS, &p.TLS, &p.FirstByte, &p.LastByte} {
		d.Valid()
	}
}
