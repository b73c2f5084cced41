package mesh

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/ping"
)

// outputRoom is how many lines wait for a reader before more are dropped: a terminal on hold must not stop the pings.
const outputRoom = 4096

// output prints lines in the order in which they come. A nil output prints nothing.
type output struct {
	lines   chan string
	dropped atomic.Int64
	writer  sync.WaitGroup
}

func startOutput(w io.Writer) *output {
	if w == nil {
		return nil
	}
	o := &output{lines: make(chan string, outputRoom)}
	o.writer.Go(func() {
		for line := range o.lines {
			_, _ = io.WriteString(w, line)
		}
		if n := o.dropped.Load(); n > 0 {
			fmt.Fprintf(w, "# %d lines are missing, since nobody read them in time\n", n)
		}
	})
	return o
}

// stop waits until all is written. Nobody may print after it.
func (o *output) stop() {
	if o != nil {
		close(o.lines)
		o.writer.Wait()
	}
}

func (o *output) print(text string) {
	select {
	case o.lines <- text:
	default:
		o.dropped.Add(1)
	}
}

// ping prints perftest's line.
func (o *output) ping(r *ping.Result) {
	if o != nil {
		o.print(r.Format() + "\n")
	}
}

// averages prints what pingmesh prints at the end of a peer.
func (o *output) averages(p *peer) {
	if o == nil {
		return
	}
	p.mu.Lock()
	text := p.averages(time.Now())
	p.mu.Unlock()
	o.print(text)
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
	fmt.Fprintf(&b, "\t\t%d\t%s\t\t%s\n\n", f.sums.Size/int64(f.pings), f.sums.From, p.URL)
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
