package recording

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/quote"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
)

// WriteText writes what a recording amounts to: totals, lost and lasting connections by host, and, as ctraffic's own analyses word
// them, connections and throughput by second.
func WriteText(w io.Writer, r *Report) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if r.Connects > 0 {
		writeCalls(out, r)
	}
	for _, t := range r.Traffic {
		writeTraffic(out, t)
	}
	for _, v := range r.Disruptions {
		writeRows(out, "Flows moved", [][2]any{
			{"Model", quote.Printable(string(v.Model))},
			{"Flows", v.Flows},
			{"Moved", v.Moved},
			{"Moved share", fmt.Sprintf("%.4f", v.MovedShare)},
			{"Ideal share", fmt.Sprintf("%.4f", v.IdealShare)},
			{"Lost", v.Lost},
		})
	}
	return out.Flush()
}

func writeCalls(w io.Writer, r *Report) {
	writeRows(w, "Connects", [][2]any{
		{"Connects", r.Connects},
		{"Failed connects", r.FailedConnects},
		{"Failed reads", r.FailedReads},
		{"Duration", r.Duration.Round(time.Millisecond)},
	})
	writeErrors(w, r.Errors)
	if len(r.Hosts) > 0 {
		fmt.Fprintln(w, "Host\tAnswers")
		for _, name := range stats.MostFirst(r.Hosts) {
			fmt.Fprintf(w, "%s\t%d\n", quote.Printable(name), r.Hosts[name])
		}
		fmt.Fprintln(w)
	}
}

func writeTraffic(w io.Writer, t *connect.TrafficResult) {
	title := "Traffic"
	if len(t.Targets) > 0 {
		title += " to " + quote.Printable(strings.Join(t.Targets, ", "))
	}
	writeRows(w, title, [][2]any{
		{"Start", t.StartTime.Format(time.RFC3339)},
		{"Duration", t.Duration.Round(time.Millisecond)},
		{"Rate", perSecond(t.Rate)},
		{"Packet size", t.PacketSize},
		{"Connections", t.Connections},
		{"Failed connections", t.Lost}, // as ctraffic calls them
		{"Lost", t.Lost},
		{"Lasting", lasting(t)},
		{"Reconnects", t.Reconnects},
		{"Failed connects", t.FailedConnects},
		{"Packets sent", t.Sent},
		{"Packets received", t.Received},
		{"Packets dropped", t.Dropped},
		{"Retransmits", t.Retransmits},
		{"Throughput", perSecond(KBPerSecond(t.Received, t.PacketSize, t.Duration))},
		{"First loss", instant(t.FirstLoss)},
		{"Last loss", instant(t.LastLoss)},
		{"Recovered", instant(t.Recovered)},
	})
	writeErrors(w, t.Errors)
	writeHosts(w, t)
	writeSeconds(w, t)
}

// perSecond is a rate in KB/s; 0 stands for none that was asked for.
func perSecond(rate float64) string {
	if rate == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f KB/s", rate)
}

// lasting is how many connections were alive at the end, which a summary of ctraffic's does not tell.
func lasting(t *connect.TrafficResult) any {
	if isSummary(t) {
		return "-"
	}
	return t.Lasting
}

// isSummary reports whether a result has totals alone.
func isSummary(t *connect.TrafficResult) bool { return len(t.Samples) == 0 }

func writeHosts(w io.Writer, t *connect.TrafficResult) {
	all := connect.Hosts{}
	for _, some := range []connect.Hosts{t.LostByHost, t.LastingByHost} {
		for name, n := range some {
			all.Add(name, n)
		}
	}
	if len(all) == 0 {
		return
	}
	fmt.Fprintf(w, "Lost connections:\t%d\nLasting connections:\t%d\n", t.LostByHost.Total(), t.LastingByHost.Total())
	fmt.Fprintln(w, "Host\tLost\tLasting")
	for _, name := range stats.MostFirst(all) {
		fmt.Fprintf(w, "%s\t%d\t%d\n", quote.Printable(name), t.LostByHost[name], t.LastingByHost[name])
	}
	fmt.Fprintln(w)
}

// writeSeconds writes ctraffic's two tables side by side. Its instants are the middles of the seconds, its throughput is in KB/s.
func writeSeconds(w io.Writer, t *connect.TrafficResult) {
	if isSummary(t) {
		return
	}
	fmt.Fprintln(w, "Time\tActive\tNew\tFailed\tConnecting\tThroughput\tDropped")
	var last time.Duration
	for _, s := range Whole(t.Samples) {
		fmt.Fprintf(w, "%.1f\t%d\t%d\t%d\t%d\t%.1f\t%d\n", ((last + s.Time) / 2).Seconds(), s.Active, s.New, s.Lost, s.Connecting,
			KBPerSecond(s.Received, t.PacketSize, s.Time-last), s.Dropped)
		last = s.Time
	}
	fmt.Fprintln(w)
}

// KBPerSecond is the throughput of a number of packets, in the KB of 1024 bytes that ctraffic counts.
func KBPerSecond(packets int64, size int, in time.Duration) float64 {
	if in <= 0 {
		return 0
	}
	return float64(packets) * float64(size) / 1024 / in.Seconds()
}

func writeRows(w io.Writer, title string, rows [][2]any) {
	fmt.Fprintln(w, title)
	for _, row := range rows {
		fmt.Fprintf(w, "  %s\t%v\n", row[0], row[1])
	}
	fmt.Fprintln(w)
}

func writeErrors(w io.Writer, errors map[connect.Class]int64) {
	if len(errors) == 0 {
		return
	}
	fmt.Fprintln(w, "Error\tConnections")
	for _, class := range slices.Sorted(maps.Keys(errors)) {
		fmt.Fprintf(w, "%s\t%d\n", class, errors[class])
	}
	fmt.Fprintln(w)
}

func instant(d *time.Duration) string {
	if d == nil {
		return "-"
	}
	return d.Round(time.Millisecond).String()
}
