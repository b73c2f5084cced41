package mesh

import (
	"fmt"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/ping"
)

// phases are those of a ping, in the order in which they come, as the label phase on /metrics and the API name them.
var phases = [...]struct {
	name string
	of   func(*ping.Result) time.Duration
}{
	{"dns", func(r *ping.Result) time.Duration { return r.DNS }},
	{"connect", func(r *ping.Result) time.Duration { return r.Connect }},
	{"tls", func(r *ping.Result) time.Duration { return r.TLS }},
	{"first_byte", func(r *ping.Result) time.Duration { return r.FirstByte }},
	{"last_byte", func(r *ping.Result) time.Duration { return r.LastByte }},
	{"total", func(r *ping.Result) time.Duration { return r.Total }},
}

// A Phase is how long one phase of the answered pings took, in ms. 0 means that the phase did not occur: DNS of an address, TLS of
// http.
type Phase struct {
	Last float32 `json:"last"` // of the last ping that was answered
	Mean float32 `json:"mean"` // of the last hour
	Max  float32 `json:"max"`  // of the last hour
}

// Phases are those of a ping. They have means, not medians, because means of parts add up to the mean of the whole. The total is
// without DNS.
type Phases struct {
	DNS       Phase `json:"dns"`
	Connect   Phase `json:"connect"`
	TLS       Phase `json:"tls"`
	FirstByte Phase `json:"first_byte"`
	LastByte  Phase `json:"last_byte"`
	Total     Phase `json:"total"`
}

// each are the phases in the order of the table phases.
func (p *Phases) each() [len(phases)]*Phase {
	return [...]*Phase{&p.DNS, &p.Connect, &p.TLS, &p.FirstByte, &p.LastByte, &p.Total}
}

// maxMilliseconds is more than any phase takes, since a ping has a time limit.
const maxMilliseconds = float32(24 * time.Hour / time.Millisecond)

func (p *Phases) check() error {
	for i, phase := range p.each() {
		for _, ms := range [...]float32{phase.Last, phase.Mean, phase.Max} {
			if ms < 0 || ms > maxMilliseconds {
				return fmt.Errorf("phase %s of %v ms", phases[i].name, ms)
			}
		}
	}
	return nil
}

// sums are what the phases of some answered pings come to, in ms.
type sums [len(phases)]struct{ sum, most float32 }

func (s *sums) add(r *ping.Result) {
	for i, phase := range phases {
		ms := float32(milli(phase.of(r)))
		s[i].sum += ms
		s[i].most = max(s[i].most, ms)
	}
}

func (s *sums) merge(other *sums) {
	for i := range s {
		s[i].sum += other[i].sum
		s[i].most = max(s[i].most, other[i].most)
	}
}

// phases are the means over so many pings; last is the last one.
func (s *sums) phases(answered int, last *ping.Result) (p Phases) {
	if answered == 0 {
		return p
	}
	for i, phase := range p.each() {
		*phase = Phase{
			Last: micro(milli(phases[i].of(last))), Mean: micro(float64(s[i].sum) / float64(answered)), Max: micro(float64(s[i].most)),
		}
	}
	return p
}

func milli(d time.Duration) float64 { return d.Seconds() * 1000 }

// micro rounds ms to a microsecond.
func micro(ms float64) float32 { return float32(float64(int64(ms*1000+0.5)) / 1000) }
