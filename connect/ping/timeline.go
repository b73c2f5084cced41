package ping

import (
	"crypto/tls"
	"net/http/httptrace"
	"net/netip"
	"sync"
	"time"
)

// moment is when a phase ends and the next begins, so that the phases are contiguous and add up.
type moment int

const (
	begun moment = iota
	resolved
	connected
	secured // plain HTTP: at once
	answered
	complete
	moments
)

// phases name what leads to each moment.
var phases = [moments]string{"", "name resolution", "TCP connect", "TLS handshake", "waiting for the first byte", "reading the answer"}

// timeline notes each moment once. http.Transport calls it from goroutines of its own, even after it has given up.
type timeline struct {
	mu     sync.Mutex
	at     [moments]time.Time
	last   moment
	remote netip.AddrPort
	ended  bool
}

func (t *timeline) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
			if err == nil {
				t.mark(secured)
			}
		},
		GotFirstResponseByte: func() { t.mark(answered) },
	}
}

func (t *timeline) mark(m moment) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return
	}
	t.at[m], t.last = now, m
}

// markResolved notes that the addresses are known, which took no time if there was nothing to look up.
func (t *timeline) markResolved(lookedUp bool) {
	t.mark(resolved)
	t.mu.Lock()
	defer t.mu.Unlock()
	if !lookedUp {
		t.at[begun] = t.at[resolved]
	}
}

// markConnected notes that TCP is established; without TLS, the connection is as secure as it gets.
func (t *timeline) markConnected(secure bool) {
	t.mark(connected)
	t.mu.Lock()
	defer t.mu.Unlock()
	if !secure && !t.ended {
		t.at[secured], t.last = t.at[connected], secured
	}
}

// dialling notes the address that is tried; the last one is the peer's.
func (t *timeline) dialling(remote netip.AddrPort) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.ended {
		t.remote = remote
	}
}

// finish ends the timeline and puts it into the result. A phase that has failed counts until now.
func (t *timeline) finish(r *Result) (failedIn moment) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	failedIn = min(t.last+1, complete)
	for m := failedIn; m < moments; m++ {
		if t.at[m].IsZero() {
			t.at[m] = now
		}
	}
	r.DNS = t.between(begun, resolved)
	r.Connect = t.between(resolved, connected)
	r.TLS = t.between(connected, secured)
	r.FirstByte = t.between(secured, answered)
	r.LastByte = t.between(answered, complete)
	r.Total = t.between(resolved, complete)
	r.RemoteAddr = t.remote
	return failedIn
}

func (t *timeline) between(from, to moment) time.Duration { return t.at[to].Sub(t.at[from]) }
