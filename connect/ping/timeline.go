package ping

import (
	"net/netip"
	"time"
)

// timeline notes when each phase ends, which is when the next begins, so that they add up.
type timeline struct {
	ends    [phaseCount]time.Time // [PhaseNone] is the ping's begin
	last    Phase                 // that has ended
	remote  netip.AddrPort        // that was tried last
	retried time.Time             // when that was, if others had failed before
}

func (t *timeline) begin() { t.end(PhaseNone) }

// end notes that phases are over now, all of them at this instant.
func (t *timeline) end(phases ...Phase) {
	now := time.Now()
	for _, p := range phases {
		t.ends[p], t.last = now, p
	}
}

// reopen notes that the end of a phase, the last that has ended, was none.
func (t *timeline) reopen(p Phase) { t.last = p - 1 }

// dialing notes the address that is tried; the last one is the peer's.
func (t *timeline) dialing(remote netip.AddrPort) {
	if t.remote.IsValid() {
		t.retried = time.Now()
	}
	t.remote = remote
}

// finish puts the times into the result, and returns the phase that has not ended: that one counts until now.
func (t *timeline) finish(r *Result) (unfinished Phase) {
	now := time.Now()
	for p := t.last + 1; p < phaseCount; p++ {
		t.ends[p] = now
	}
	r.DNS, r.Connect, r.TLS = t.length(PhaseDNS), t.length(PhaseConnect), t.length(PhaseTLS)
	r.FirstByte, r.LastByte = t.length(PhaseFirstByte), t.length(PhaseLastByte)
	if !t.retried.IsZero() {
		r.Fallback = t.retried.Sub(t.ends[PhaseDNS])
		r.Connect -= r.Fallback
	}
	r.Total = t.ends[PhaseLastByte].Sub(t.ends[PhaseDNS])
	r.RemoteAddr = t.remote
	return min(t.last+1, PhaseLastByte)
}

func (t *timeline) length(p Phase) time.Duration { return t.ends[p].Sub(t.ends[p-1]) }
