package mesh

import (
	"fmt"
	"strings"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/ping"
	"github.com/seed-aa7fe5b5/xk6-mconnect/server/lines"
)

// output is what a mesh prints: a line for each ping, and the averages when a peer ends.
type output struct{ *lines.Printer }

// ping prints perftest's line.
func (o output) ping(r *ping.Result) {
	if o.Printer != nil {
		o.Print(r.Format() + "\n")
	}
}

// averages prints what pingmesh prints at the end of a peer.
func (o output) averages(p *peer) {
	if o.Printer == nil {
		return
	}
	p.mu.Lock()
	text := p.averages(time.Now())
	p.mu.Unlock()
	o.Print(text)
}

func (p *peer) averages(now time.Time) string {
	f := &p.figures
	if f.pings == 0 {
		return fmt.Sprintf("\nRecorded 0 valid samples, %d of %d failures\t%s\n", f.fails, max(p.MaxFail, 0), p.URL)
	}
	elapsed := clock(now.Sub(f.sums.Start))
	var b strings.Builder
	fmt.Fprintf(&b, "\nRecorded %d samples in %s, average values:\n%s\n%d %-6s", f.pings, elapsed, ping.Header, f.pings, elapsed)
	for _, sum := range []time.Duration{f.sums.DNS, f.sums.Connect, f.sums.TLS, f.sums.FirstByte, f.sums.LastByte, f.sums.Total} {
		fmt.Fprintf(&b, "\t%.3f", sum.Seconds()*1000/float64(f.pings))
	}
	// The status is empty, and the remote address left out, so there are 11 columns under a header of 12.
	fmt.Fprintf(&b, "\t\t%d\t%s\t%s\n\n", f.sums.Size/int64(f.pings), f.sums.From, p.URL)
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
