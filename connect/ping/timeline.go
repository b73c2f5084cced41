package ping

import (
	"crypto/tls"
	"net/http/httptrace"
	"net/netip"
	"sync"
	"time"
)

// timeline notes when each phase ends, which is when the next begins, so that they add up. http.Transport calls it from
// goroutines of its own, even after it has given up.
type timeline struct {
	mu     sync.Mutex
	ends   [phaseCount]time.Time // [PhaseNone] is the ping's begin
	last   Phase                 // that has ended
	remote netip.AddrPort
	over   bool
}

func (t *timeline) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
			if err == nil {
				t.end(PhaseTLS)
			}
		},
		GotFirstResponseByte: func() { t.end(PhaseFirstByte) },
	}
}

func (t *timeline) begin() { t.end(PhaseNone) }

// end notes that phases are over now, all of them at this instant.
func (t *timeline) end(phases ...Phase) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return
	}
	for _, p := range phases {
		t.ends[p], t.last = now, p
	}
}

// dialling notes the address that is tried; the last one is the peer's.
func (t *timeline) dialling(remote netip.AddrPort) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.over {
		t.remote = remote
	}
}

// finish puts the times into the result, and returns the phase that has not ended: that one counts until now.
func (t *timeline) finish(r *Result) (unfinished Phase) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = true
	for p := t.last + 1; p < phaseCount; p++ {
		t.ends[p] = now
	}
	r.DNS, r.Connect, r.TLS = t.length(PhaseDNS), t.length(PhaseConnect), t.length(PhaseTLS)
	r.FirstByte, r.LastByte = t.length(PhaseFirstByte), t.length(PhaseLastByte)
	r.Total = t.ends[PhaseLastByte].Sub(t.ends[PhaseDNS])
	r.RemoteAddr = t.remote
	return min(t.last+1, PhaseLastByte)
}

func (t *timeline) length(p Phase) time.Duration { return t.ends[p].Sub(t.ends[p-1]) }
