package mesh

import (
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
	sums := ping.Sums{Pings: int64(f.pings), Total: f.sums}
	return sums.Averages(now, p.URL, f.fails, p.MaxFail)
}
