package tools

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
)

const ctrafficHelp = `
Sets up, maintains and monitors many continuous connections. This is ctraffic's command line, of k6 x mconnect.

Ctraffic has 3 modes;

 1. Server - simple echo-server
 2. Client - traffic generator
 3. Analyze - Post-analysis of stored statistics

Options;
 `

// ctrafficFlags are ctraffic's.
type ctrafficFlags struct {
	server, version, monitor, udp, reconnect          bool
	address, client, stats, file, analyze, cidr, from string
	nconn, retries, psize                             int
	timeout                                           time.Duration
	rate                                              float64
}

func (o *ctrafficFlags) flagSet(p *Process) *flag.FlagSet {
	f := newFlags(p, "ctraffic", ctrafficHelp)
	f.BoolVar(&o.server, "server", false, "Act as server")
	f.StringVar(&o.client, "client", "echo", "echo")
	f.StringVar(&o.file, "stat_file", "", "File for post-test analyzing")
	f.StringVar(&o.address, "address", "[::1]:5003", "Server address")
	f.IntVar(&o.nconn, "nconn", 1, "Number of connections")
	f.IntVar(&o.retries, "retries", 10, "Number of re-connection retries; more than that many times nconn connections end the test")
	f.BoolVar(&o.version, "version", false, "Print version and quit")
	f.DurationVar(&o.timeout, "timeout", 10*time.Second, "Timeout")
	f.BoolVar(&o.monitor, "monitor", false, "Monitor")
	f.IntVar(&o.psize, "psize", 1024, "Packet size")
	f.Float64Var(&o.rate, "rate", 10.0, "Rate in KB/second")
	f.BoolVar(&o.reconnect, "reconnect", true, "Re-connect on failures")
	f.StringVar(&o.stats, "stats", "summary", "none|summary|all")
	f.StringVar(&o.analyze, "analyze", "throughput", "Post-test analyze throughput|hosts|connections")
	f.StringVar(&o.cidr, "srccidr", "", "Source CIDR")
	f.BoolVar(&o.udp, "udp", false, "Use UDP")
	f.StringVar(&o.from, "srcfile", "", "Sources from file")
	return f
}

func ctraffic(p *Process, args []string) int {
	o := &ctrafficFlags{}
	f := o.flagSet(p)
	if code, done := parse(f, args); done {
		return code
	}
	switch {
	case o.version:
		fmt.Fprintln(p.Stdout, p.Version)
		return exitOK
	case o.file != "":
		return o.analyzeFile(p)
	case o.server:
		return p.Serve("-address", "127.0.0.1:0", "-udp", "-echo", o.address) // the responder is not asked for, and has to be somewhere
	}
	w := &watch{to: p.Stderr, monitor: o.monitor, most: int64(o.nconn) * int64(o.retries)}
	r, err := o.run(p, w)
	if err != nil {
		return p.fail(err)
	}
	if o.stats != "none" {
		_ = json.NewEncoder(p.Stdout).Encode(trafficOf(r, o)) // a reader that is gone reads nothing
	}
	if w.tooMany() {
		return p.fail(fmt.Errorf("Too many re-connects: %d; -nconn %d and -retries %d allow %d connections", w.made, o.nconn, o.retries, w.most)) //nolint:staticcheck // begins with ctraffic's words
	}
	return exitOK
}

// run makes the traffic. A rate of 0 is not as fast as possible there.
func (o *ctrafficFlags) run(p *Process, w *watch) (*connect.TrafficResult, error) {
	if o.client != "echo" {
		return nil, fmt.Errorf("Unsupported client;  %s", o.client) //nolint:staticcheck // ctraffic's words
	}
	t, err := target(o.address)
	if err != nil {
		return nil, err
	}
	plan := connect.TrafficPlan{
		Plan:     connect.Plan{Targets: []connect.Target{t}, Connections: int64(o.nconn)},
		Duration: o.timeout, Throughput: o.rate, PacketSizes: []int{max(o.psize, connect.MinPacketSize)}, NoReconnect: !o.reconnect,
	}
	if o.udp {
		plan.Network = "udp"
		plan.PacketSizes[0] = max(o.psize, connect.MinDatagramSize)
	}
	cidr := o.cidr
	if o.from != "" {
		if cidr, err = listed(o.from); err != nil {
			return nil, err
		}
	}
	if plan.Sources, err = sources(cidr, false, 0); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(p.Ctx)
	defer cancel()
	w.stop = cancel
	plan.Observer, plan.Packets, plan.Monitor = w, w, time.Second
	return connect.Traffic(ctx, plan)
}

// listed are the addresses in a file, one a line.
func listed(name string) (string, error) {
	const most = 1 << 20
	file, err := os.Open(name) // #nosec G304 -- which the user names
	if err != nil {
		return "", err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, most))
	return strings.Join(strings.Fields(string(text)), ","), err
}

// watch prints ctraffic's line, and ends the traffic once there were too many connections. Its methods are called by one goroutine.
type watch struct {
	to      io.Writer
	monitor bool
	most    int64 // connections, with those that are dialed again
	stop    func()

	made, lost, sent, received, dropped int64
	active, connecting                  int64
}

var (
	_ connect.Observer       = &watch{}
	_ connect.PacketObserver = &watch{}
)

// Outcomes implements connect.Observer.
func (*watch) Outcomes([]connect.Outcome) {}

// Second implements connect.Observer.
func (*watch) Second() {}

// Echoes implements connect.PacketObserver.
func (*watch) Echoes([]connect.Echo) {}

// Sample implements connect.PacketObserver: what has happened since it was called last.
func (w *watch) Sample(s connect.TrafficSample, _, _ int64) {
	w.made += s.New
	w.lost += s.Lost
	w.sent += s.Sent
	w.received += s.Received
	w.dropped += s.Dropped
	w.active, w.connecting = s.Active, s.Connecting
	if w.tooMany() {
		w.stop()
	}
}

func (w *watch) tooMany() bool { return w.made > w.most }

// Monitor implements connect.Observer.
func (w *watch) Monitor(connect.States) {
	if w.monitor {
		fmt.Fprintf(w.to, "Conn act/fail/connecting: %d/%d/%d, Packets send/rec/dropped: %d/%d/%d\n", w.active, w.lost, w.connecting, w.sent, w.received, w.dropped)
	}
}
