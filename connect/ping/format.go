package ping

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"
	"unicode"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/quote"
)

// Header names the columns of Format, as perftest does.
const Header = "# timestamp\tDNS\tTCP\tTLS\tFirst\tLastB\tTotal\tHTTP\tSize\tFrom_Location\tRemote_Addr\tproto://uri"

// Format is perftest's line: epoch seconds, the six times in milliseconds, HTTP status, size, from, remote address, URL, with
// tabs between. Control characters in from and URL become spaces; others that can't be shown are escaped.
func (r *Result) Format() string {
	return fmt.Sprintf("%d\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f\t%d\t%d\t%s\t%s\t%s", r.Start.Unix(),
		ms(r.DNS), ms(r.Connect), ms(r.TLS), ms(r.FirstByte), ms(r.LastByte), ms(r.Total),
		r.Code(), r.Size, column(r.From), bracketed(r.RemoteAddr.Addr()), column(r.URL))
}

// column is a text that leaves a line and its columns whole: what would end either, or drive a terminal, becomes a space. Other characters
// that can't be shown are escaped.
func column(text string) string {
	return quote.Printable(strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp) {
			return ' '
		}
		return r
	}, text))
}

// String implements fmt.Stringer: it is Format.
func (r *Result) String() string { return r.Format() }

// Code is the HTTP status, or 500 if there was no whole answer: pingmesh tells failures by their status.
func (r *Result) Code() int {
	if r.Status == 0 || r.Class != class.None {
		return http.StatusInternalServerError
	}
	return r.Status
}

// bracketed is an address as perftest prints it: IPv6 in brackets.
func bracketed(addr netip.Addr) string {
	switch {
	case !addr.IsValid():
		return "-"
	case addr.Is6():
		return "[" + addr.String() + "]"
	}
	return addr.String()
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
