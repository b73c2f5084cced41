package ping

import (
	"fmt"
	"strings"
	"time"
)

// Sums add up the pings of a URL that were answered.
type Sums struct {
	Pings int64
	Total Result // of them; Start and From are those of the first
}

// Add adds a ping.
func (s *Sums) Add(r *Result) {
	if s.Pings == 0 {
		s.Total.Start, s.Total.From = r.Start, r.From
	}
	s.Pings++
	s.Total.DNS += r.DNS
	s.Total.Connect += r.Connect
	s.Total.TLS += r.TLS
	s.Total.FirstByte += r.FirstByte
	s.Total.LastByte += r.LastByte
	s.Total.Total += r.Total
	s.Total.Size += r.Size
}

// Averages is what pingmesh prints at the end of the pings of a URL, of which some have failed, and at most so many may.
func (s *Sums) Averages(now time.Time, url string, fails, maxFail int) string {
	if s.Pings == 0 {
		return fmt.Sprintf("\nRecorded 0 valid samples, %d of %d failures\t%s\n", fails, max(maxFail, 0), column(url))
	}
	elapsed := clock(now.Sub(s.Total.Start))
	var b strings.Builder
	fmt.Fprintf(&b, "\nRecorded %d samples in %s, average values:\n%s\n%d %-6s", s.Pings, elapsed, Header, s.Pings, elapsed)
	for _, sum := range []time.Duration{s.Total.DNS, s.Total.Connect, s.Total.TLS, s.Total.FirstByte, s.Total.LastByte, s.Total.Total} {
		fmt.Fprintf(&b, "\t%.3f", sum.Seconds()*1000/float64(s.Pings))
	}
	// The status is empty, and the remote address left out, so there are 11 columns under a header of 12.
	fmt.Fprintf(&b, "\t\t%d\t%s\t%s\n\n", s.Total.Size/s.Pings, column(s.Total.From), column(url))
	return b.String()
}

// clock is a time as pingmesh writes it: 1d2h03m04s, without leading zeros.
func clock(d time.Duration) string {
	seconds := int64(d / time.Second)
	days, hours, minutes, seconds := seconds/86400, seconds/3600%24, seconds/60%60, seconds%60
	switch {
	case days > 0:
		return fmt.Sprintf("%dd%dh%02dm%02ds", days, hours, minutes, seconds)
	case hours > 0:
		return fmt.Sprintf("%dh%02dm%02ds", hours, minutes, seconds)
	case minutes > 0:
		return fmt.Sprintf("%dm%02ds", minutes, seconds)
	}
	return fmt.Sprintf("%ds", seconds)
}
