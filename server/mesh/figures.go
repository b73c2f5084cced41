package mesh

import (
	"net/netip"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/ping"
)

// figures are what the pings of one peer came to: since the start, and in the last hour.
type figures struct {
	first, latest    time.Time   // of the pings that were answered
	pings, fails     int         // answered; failed
	row              int         // failed since the last answer
	failed           time.Time   // the first of these was sent
	last             ping.Result // that was answered, without its header
	sums             ping.Result
	durations        [len(phases)]histogram
	hour             hour
	remote           netip.Addr // pinged last
	lastCode         int
	lastError        string
	instance, listed string // what the peer's header said last: who it is, and the revision of its list
}

// add notes a ping.
func (f *figures) add(r *ping.Result) {
	f.hour.add(r)
	f.lastCode, f.lastError = r.Code(), ""
	if r.RemoteAddr.IsValid() {
		f.remote = r.RemoteAddr.Addr().Unmap()
	}
	if r.Failed() {
		if f.row == 0 {
			f.failed = r.Start
		}
		f.fails++
		f.row++
		f.lastError = reason(r)
		return
	}
	f.row, f.last = 0, *r
	f.last.Header = nil
	f.latest = r.Start.Add(r.DNS + r.Total)
	if f.pings == 0 {
		f.first = r.Start
	}
	f.pings++
	f.sum(r)
	for i, phase := range phases {
		if d := phase.of(r); d > 0 || phase.name == "total" {
			f.durations[i].observe(d)
		}
	}
}

// sum adds up what pingmesh adds up.
func (f *figures) sum(r *ping.Result) {
	s := &f.sums
	if f.pings == 1 {
		*s = *r
		s.Header = nil
		return
	}
	s.DNS += r.DNS
	s.Connect += r.Connect
	s.TLS += r.TLS
	s.FirstByte += r.FirstByte
	s.LastByte += r.LastByte
	s.Total += r.Total
	s.Size += r.Size
	s.RemoteAddr, s.Status = r.RemoteAddr, r.Status
}

// bounds are the upper limits of a histogram's buckets, in seconds.
var bounds = [...]float64{
	0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
}

// histogram is one of Prometheus', kept here so that it comes and goes with its peer, whose labels may still change.
type histogram struct {
	count   uint64
	sum     float64
	buckets [len(bounds)]uint64 // not cumulative
}

func (h *histogram) observe(d time.Duration) {
	seconds := d.Seconds()
	h.count++
	h.sum += seconds
	for i, bound := range bounds {
		if seconds <= bound {
			h.buckets[i]++
			return
		}
	}
}

// cumulative is as Prometheus wants the buckets.
func (h *histogram) cumulative() map[float64]uint64 {
	below := make(map[float64]uint64, len(bounds))
	total := uint64(0)
	for i, bound := range bounds {
		total += h.buckets[i]
		below[bound] = total
	}
	return below
}
