// Package live shows a call while it runs: on a terminal a few lines that stay in place, elsewhere a line now and then.
package live

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/quote"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
)

// Call is what is shown.
type Call struct {
	Title string        // what is done, and to what
	Asked int64         // connections; 0 if that is not known
	Limit time.Duration // how long the call may take; 0 if nobody knows
	Total bool          // it takes exactly that long
}

// mostHosts bounds the names that are remembered, mostShown those that are shown.
const (
	mostHosts = 1000
	mostShown = 20
)

// board is what is known of a call so far. It is a connect.Observer.
type board struct {
	call  Call
	start time.Time
	mu    sync.Mutex

	states  connect.States
	hosts   map[string]int64
	errors  map[connect.Class]int64
	lately  rate
	remarks string // what a search has found so far

	packets bool                  // are sent
	traffic connect.TrafficSample // of packets so far, and of connections now
}

var (
	_ connect.Observer       = &board{}
	_ connect.PacketObserver = &board{}
)

func newBoard(c Call) *board {
	return &board{call: c, start: time.Now(), hosts: map[string]int64{}, errors: map[connect.Class]int64{}}
}

// Outcomes implements connect.Observer.
func (b *board) Outcomes(batch []connect.Outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range batch {
		o := &batch[i]
		if o.Event != connect.Ended && o.Event != connect.Named {
			continue
		}
		if o.Class != connect.ClassNone && o.Event == connect.Ended {
			b.errors[o.Class]++
		}
		if _, known := b.hosts[o.Host]; o.Host != "" && (known || len(b.hosts) < mostHosts) {
			b.hosts[o.Host]++
		}
	}
}

// Second implements connect.Observer.
func (b *board) Second() {}

// Monitor implements connect.Observer.
func (b *board) Monitor(s connect.States) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.states = s
	b.lately.add(time.Now(), s.Total()-s.NotInitiated)
}

// Echoes implements connect.PacketObserver.
func (*board) Echoes([]connect.Echo) {}

// Sample implements connect.PacketObserver.
func (b *board) Sample(s connect.TrafficSample, _, _ int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := &b.traffic
	b.packets = true
	t.Sent, t.Received, t.Dropped, t.Lost = t.Sent+s.Sent, t.Received+s.Received, t.Dropped+s.Dropped, t.Lost+s.Lost
}

// echoes tells what has become of packets, "" if none are sent.
func (b *board) echoes() string {
	if !b.packets {
		return ""
	}
	t := &b.traffic
	return fmt.Sprintf("packets sent %s, received %s, dropped %s; connections lost %s", grouped(t.Sent), grouped(t.Received), grouped(t.Dropped), grouped(t.Lost))
}

func (b *board) remark(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.remarks = text
}

// lines are what a terminal shows, none wider than it.
func (b *board) lines(now time.Time, width int) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	head := fmt.Sprintf("%s  %s", quote.Printable(b.call.Title), clock(now.Sub(b.start)))
	if left := b.left(now); left != "" {
		head += ", " + left
	}
	lines := []string{head, b.bar(now, width), "  " + inWords(b.states)}
	for _, text := range []string{b.echoes(), b.shares(), b.failures(), b.remarks} {
		if text != "" {
			lines = append(lines, "  "+text)
		}
	}
	for i := range lines {
		lines[i] = fit(lines[i], width)
	}
	return lines
}

// left is how much longer it takes at most, or at this rate.
func (b *board) left(now time.Time) string {
	elapsed := now.Sub(b.start)
	if b.call.Total {
		return clock(max(b.call.Limit-elapsed, 0)) + " left"
	}
	perSecond, waiting := b.lately.perSecond(), b.states.NotInitiated
	if b.call.Asked > 0 && perSecond > 0 && waiting > 0 {
		return "about " + clock(time.Duration(float64(waiting)/perSecond*float64(time.Second))) + " left"
	}
	if b.call.Limit > 0 {
		return "at most " + clock(max(b.call.Limit-elapsed, 0)) + " left"
	}
	return ""
}

// bar is how far the call has come: of its time, or of its connections. Of a search nobody knows.
func (b *board) bar(now time.Time, width int) string {
	begun := b.states.Total() - b.states.NotInitiated
	part, known := 0.0, true
	switch {
	case b.call.Total && b.call.Limit > 0:
		part = float64(now.Sub(b.start)) / float64(b.call.Limit)
	case b.call.Asked > 0:
		part = float64(begun-b.states.Dialing) / float64(b.call.Asked)
	default:
		known = false
	}
	part = max(0, min(part, 1))
	figures := fmt.Sprintf(" %3.0f %%", 100*part)
	if begun > 0 {
		figures += fmt.Sprintf("  %s begun", grouped(begun))
		if perSecond := b.lately.perSecond(); perSecond > 0 {
			figures += fmt.Sprintf(", %s/s", grouped(int64(perSecond+0.5)))
		}
	}
	if !known {
		return "  " + grouped(begun) + " begun"
	}
	const margins, widest = 5, 50 // the last column stays free
	room := max(0, min(width-len(figures)-margins, widest))
	done := int(part * float64(room))
	return "  [" + strings.Repeat("=", done) + strings.Repeat(" ", room-done) + "]" + figures
}

// inWords tells the states that connections are in.
func inWords(s connect.States) string {
	parts := []string{"dialing " + grouped(s.Dialing), "established " + grouped(s.Established)}
	for _, more := range []struct {
		name string
		n    int64
	}{{"completed", s.Completed}, {"closed", s.Closed}, {"failed", s.Error}, {"to do", s.NotInitiated}} {
		if more.n > 0 {
			parts = append(parts, more.name+" "+grouped(more.n))
		}
	}
	return strings.Join(parts, ", ")
}

// shares tells who answers, the most frequent ones if there are many.
func (b *board) shares() string {
	var all int64
	for _, n := range b.hosts {
		all += n
	}
	names := stats.MostFirst(b.hosts)
	parts := make([]string, 0, mostShown)
	most := names[:min(len(names), mostShown)]
	slices.Sort(most) // so that they stay where they are while they answer by turns
	for _, name := range most {
		parts = append(parts, fmt.Sprintf("%s %.1f %%", quote.Printable(name), 100*float64(b.hosts[name])/float64(all)))
	}
	text := strings.Join(parts, "  ")
	if len(names) > mostShown {
		text += fmt.Sprintf("  and %d more", len(names)-mostShown)
	}
	return text
}

func (b *board) failures() string {
	classes := stats.MostFirst(b.errors)
	parts := make([]string, 0, len(classes))
	for _, class := range classes {
		parts = append(parts, fmt.Sprintf("%s %s", class, grouped(b.errors[class])))
	}
	if len(parts) == 0 {
		return ""
	}
	return "failures: " + strings.Join(parts, ", ")
}
