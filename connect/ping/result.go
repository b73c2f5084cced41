package ping

import (
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/quote"
)

// Result is what a ping came to. Its phases are contiguous: Total = Fallback + Connect + TLS + FirstByte + LastByte, without DNS. Of
// a ping that failed, the phase in which it failed lasts until the failure, and later ones are 0.
type Result struct {
	Start time.Time
	URL   string // without a password
	From  string // as planned

	DNS       time.Duration // the resolver; 0 if the host is an address
	Fallback  time.Duration // attempts at other addresses of the host, which failed; 0 if the first answered, as most do
	Connect   time.Duration // TCP handshake with RemoteAddr
	TLS       time.Duration // handshake; 0 for http
	FirstByte time.Duration // from there until the first byte of the answer's header
	LastByte  time.Duration // from there until the last byte of the answer's body
	Total     time.Duration // from the start of the first TCP handshake until the last byte

	Status     int            // 0 if there was no answer; of one that is not whole, what it began with
	Size       int64          // bytes of the answer's body
	RemoteAddr netip.AddrPort // the peer, or the last address that was tried
	Location   string         // where the peer says it is; "" if it does not
	Header     http.Header    // of the answer; nil if there was none

	Class    class.Class // why there is no whole answer; ClassNone if there is
	FailedIn Phase       // the phase that did not end; PhaseNone if all did
	Err      error       // says both in words, and what to do
}

// FailedFrom is the first HTTP status that pingmesh counts as a failure.
const FailedFrom = 305

// Failed reports whether there was no whole answer, or one with an HTTP status from 305 up, as pingmesh counts.
func (r *Result) Failed() bool { return r.Class != class.None || r.Status >= FailedFrom }

// Trouble says why the ping has failed: its error, or what its HTTP status means. It is "" if the ping has not failed.
func (r *Result) Trouble() string {
	switch {
	case !r.Failed():
		return ""
	case r.Err != nil:
		return quote.Error(r.Err).Error()
	}
	return fmt.Sprintf("it answers with HTTP status %d, and a ping fails from %d up: check the URL, and the service's log", r.Status, FailedFrom)
}
