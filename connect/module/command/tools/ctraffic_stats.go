package tools

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/quote"
)

// trafficStatistics is what ctraffic writes; connections and samples only with -stats all.
type trafficStatistics struct {
	Started           time.Time
	Duration          time.Duration
	Rate              float64
	Connections       int64
	PacketSize        int
	FailedConnections int64
	Sent              int64
	Received          int64
	Dropped           int64
	Retransmits       int64
	FailedConnects    int64
	ConnStats         []connStatistics `json:",omitempty"`
	Samples           []packetSample   `json:",omitempty"`
}

// connStatistics is one connection; times are since the start, and Connect 0 if it never was established.
type connStatistics struct {
	Started, Connect, Ended              time.Duration
	Err                                  string
	Sent, Received, Dropped, Retransmits int64
	Local, Remote                        string
	Host                                 string `json:",omitempty"`
}

// packetSample is how many packets there had been by then.
type packetSample struct {
	Time                    time.Duration
	Sent, Received, Dropped int64
}

func trafficOf(r *connect.TrafficResult, o *ctrafficFlags) *trafficStatistics {
	s := &trafficStatistics{
		Started: r.StartTime, Duration: r.Duration, Rate: o.rate, Connections: int64(o.nconn), PacketSize: r.PacketSize,
		FailedConnections: r.Lost, Sent: r.Sent, Received: r.Received, Dropped: r.Dropped, Retransmits: r.Retransmits, FailedConnects: r.FailedConnects,
	}
	if o.stats != "all" {
		return s
	}
	for i := range r.Records {
		c := &r.Records[i]
		of := connStatistics{
			Started: c.Started, Connect: c.Connected, Ended: c.Ended, Sent: c.Sent, Received: c.Received, Dropped: c.Dropped, Retransmits: c.Retransmits, Host: c.Host,
		}
		if c.Error != class.None {
			of.Err = c.Error.String()
		}
		if c.Local.IsValid() {
			of.Local = c.Local.String()
		}
		if c.Remote.IsValid() {
			of.Remote = c.Remote.String()
		}
		s.ConnStats = append(s.ConnStats, of)
	}
	var sum packetSample
	for i := range r.Samples {
		in := &r.Samples[i]
		sum.Time = in.Time
		sum.Sent += in.Sent
		sum.Received += in.Received
		sum.Dropped += in.Dropped
		s.Samples = append(s.Samples, sum)
	}
	return s
}

// maxStatistics bounds a file of statistics.
const maxStatistics = 256 << 20

// analyzeFile prints one of ctraffic's analyses of a file.
func (o *ctrafficFlags) analyzeFile(p *Process) int {
	in := p.Stdin
	if o.file != "-" {
		file, err := os.Open(o.file)
		if err != nil {
			return p.fail(err)
		}
		defer file.Close()
		in = file
	}
	var s trafficStatistics
	if err := json.NewDecoder(io.LimitReader(in, maxStatistics)).Decode(&s); err != nil {
		return p.fail(quote.Error(err))
	}
	analyze, known := map[string]func(io.Writer, *trafficStatistics) error{
		"throughput": throughput, "connections": connections, "hosts": hosts,
	}[o.analyze]
	if !known {
		return p.fail(fmt.Errorf("Unsupported analyze;  %s", o.analyze)) //nolint:staticcheck // ctraffic's words
	}
	if err := analyze(p.Stdout, &s); err != nil {
		return p.fail(err)
	}
	return exitOK
}

// throughput tells the KB/s of each second. An instant is the middle of its interval.
func throughput(w io.Writer, s *trafficStatistics) error {
	if len(s.Samples) == 0 {
		return errors.New("No samples found") //nolint:staticcheck // ctraffic's words
	}
	fmt.Fprintln(w, "Time Throughput")
	last := s.Samples[0]
	for _, next := range s.Samples[1:] {
		interval := next.Time - last.Time
		received := (next.Received - last.Received) * int64(s.PacketSize) / 1024
		if interval > 0 {
			fmt.Fprintln(w, (last.Time + interval/2).Seconds(), float64(received)/interval.Seconds())
		}
		last = next
	}
	return nil
}

// mostSeconds bounds the analysis of a file that somebody else has written.
const mostSeconds = 1_000_000

// connections tells the connections of each second.
func connections(w io.Writer, s *trafficStatistics) error {
	if s.Duration > mostSeconds*time.Second {
		return fmt.Errorf("a duration of %s; want at most %d seconds", s.Duration, mostSeconds)
	}
	fmt.Fprintln(w, "Time Active New Failed Connecting")
	for last, now := time.Duration(0), time.Second; now < s.Duration; last, now = now, now+time.Second {
		var n connCounts
		for i := range s.ConnStats {
			n.add(&s.ConnStats[i], last, now)
		}
		fmt.Fprintln(w, (last + 500*time.Millisecond).Seconds(), n.active, n.fresh, n.failed, n.connecting)
	}
	return nil
}

// connCounts are the connections of a second: those that failed in it, and those that there are at its end.
type connCounts struct{ active, fresh, failed, connecting int }

func (n *connCounts) add(c *connStatistics, from, to time.Duration) {
	switch {
	case c.Ended < from || c.Ended >= to && c.Started > to:
		return
	case c.Ended < to:
		if c.Err != "" {
			n.failed++
		}
		return
	}
	if c.Started > from {
		n.fresh++
	}
	if c.Connect == 0 || c.Connect > to {
		n.connecting++
	} else {
		n.active++
	}
}

// hosts tells the lost and the lasting connections of each host.
func hosts(w io.Writer, s *trafficStatistics) error {
	lost, lasting := map[string]int{}, map[string]int{}
	for i := range s.ConnStats {
		switch c := &s.ConnStats[i]; {
		case c.Host == "":
		case c.Err == "":
			lasting[c.Host]++
		default:
			lost[c.Host]++
		}
	}
	for _, part := range []struct {
		title string
		by    map[string]int
	}{{"Lost connections", lost}, {"Lasting connections", lasting}} {
		all := 0
		for _, n := range part.by {
			all += n
		}
		fmt.Fprintf(w, "%s: %d\n", part.title, all)
		for _, host := range slices.Sorted(maps.Keys(part.by)) {
			fmt.Fprintf(w, "  %s %d\n", quote.Printable(host), part.by[host])
		}
	}
	return nil
}
