package tools

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/quote"
)

const mconnectHelp = `
Makes many connects to an address, which is supposed to be a virtual one that is balanced to many servers, and
prints how many each of them has answered, by host name. This is mconnect's command line, of k6 x mconnect.

Options;
`

// mconnectFlags are mconnect's, older versions' included.
type mconnectFlags struct {
	server, keep, udp, version         bool
	address, srccidr, k8sprobe, output string
	src                                string
	nconn, srcmax, seed, maxconcurrent int
	timeout                            time.Duration
}

// statistics is what mconnect -output json writes.
type statistics struct {
	Hosts          map[string]int64 `json:"hosts"`
	Connects       int64            `json:"connects"`
	FailedConnects int64            `json:"failed_connects"`
	FailedReads    int64            `json:"failed_reads"`
	Start          time.Time        `json:"start_time"`
	Timeout        time.Duration    `json:"timeout"`
	Duration       time.Duration    `json:"duration"`
}

func (o *mconnectFlags) flagSet(p *Process) *flag.FlagSet {
	f := newFlags(p, "mconnect", mconnectHelp)
	f.BoolVar(&o.server, "server", false, "Act as server")
	f.StringVar(&o.address, "address", "[::1]:5001", "Server address")
	f.StringVar(&o.srccidr, "srccidr", "", "Base source CIDR to use")
	f.IntVar(&o.nconn, "nconn", 1, "Number of connections")
	f.BoolVar(&o.keep, "keep", false, "Keep connections open")
	f.StringVar(&o.k8sprobe, "k8sprobe", "", "k8s liveness address (http)")
	f.BoolVar(&o.udp, "udp", false, "Use UDP")
	f.BoolVar(&o.version, "version", false, "Print version and quit")
	f.IntVar(&o.seed, "seed", 0, "Rnd seed. 0 = init from time")
	f.IntVar(&o.maxconcurrent, "maxconcurrent", 64, "Max concurrent connects")
	f.StringVar(&o.output, "output", "txt", "Output format; json|txt")
	f.DurationVar(&o.timeout, "timeout", 0, "Timeout")
	f.StringVar(&o.src, "src", "", "Base source to use, a prefix; of older versions")
	f.IntVar(&o.srcmax, "srcmax", 100, "Number of sources; of older versions")
	return f
}

func mconnect(p *Process, args []string) int {
	o := &mconnectFlags{}
	f := o.flagSet(p)
	if code, done := parse(f, args); done {
		return code
	}
	switch {
	case o.version:
		fmt.Fprintln(p.Stdout, p.Version)
		return exitOK
	case o.server:
		return p.Serve(args...)
	}
	s, err := o.run(p)
	if err != nil {
		return p.fail(err)
	}
	if o.output == "json" {
		_ = json.NewEncoder(p.Stdout).Encode(s) // a reader that is gone reads nothing
	} else {
		s.print(p)
	}
	if s.FailedConnects > 0 || s.FailedReads > 0 {
		return exitFailed
	}
	return exitOK
}

func (s *statistics) print(p *Process) {
	fmt.Fprintln(p.Stdout, "Failed connects;", s.FailedConnects)
	fmt.Fprintln(p.Stdout, "Failed reads;", s.FailedReads)
	for _, host := range slices.Sorted(maps.Keys(s.Hosts)) {
		fmt.Fprintln(p.Stdout, quote.Printable(host), s.Hosts[host])
	}
}

// plan is a flood's, or of -keep a hold's.
func (o *mconnectFlags) plan() (plan connect.Plan, err error) {
	t, err := target(o.address)
	if err != nil {
		return plan, err
	}
	plan = connect.Plan{Targets: []connect.Target{t}, Connections: int64(o.nconn), Concurrency: max(o.maxconcurrent, 1)}
	if o.udp {
		plan.Network = "udp"
	}
	plan.Timeout = o.timeout
	if plan.Timeout == 0 {
		plan.Timeout = time.Duration(o.nconn)*time.Millisecond + 2*time.Second
	}
	plan.ConnectTimeout = plan.Timeout // the whole run has one deadline
	cidr := o.srccidr
	if o.src != "" {
		if cidr, err = ofPrefix(o.src, o.srcmax); err != nil {
			return plan, err
		}
	}
	plan.Sources, err = sources(cidr, true, int64(o.seed))
	return plan, err
}

// ofPrefix is the range of addresses that older versions made of a prefix, to which they added a number: 222.222.222 and 5000:.
func ofPrefix(prefix string, most int) (string, error) {
	first, last := prefix+".1", fmt.Sprintf("%s.%d", prefix, most)
	if strings.Contains(prefix, ":") {
		first, last = prefix+":1", fmt.Sprintf("%s:%x", prefix, most)
	}
	for _, addr := range []string{first, last} {
		if _, err := netip.ParseAddr(addr); err != nil {
			return "", fmt.Errorf("-src %s -srcmax %d: %w; want a prefix such as 222.222.222, or 5000: for IPv6", prefix, most, err)
		}
	}
	return first + "-" + last, nil
}

// keepFor is how long mconnect keeps connections.
const keepFor = time.Hour

func (o *mconnectFlags) run(p *Process) (*statistics, error) {
	plan, err := o.plan()
	if err != nil {
		return nil, err
	}
	if o.keep {
		return o.hold(p, plan)
	}
	if !o.udp {
		plan.Observer = readErrors{p}
	}
	r, err := connect.Flood(p.Ctx, connect.FloodPlan{Plan: plan})
	if err != nil {
		return nil, err
	}
	return &statistics{
		Hosts: r.Hosts, Connects: r.Connects, FailedConnects: r.FailedConnects + r.States.NotInitiated, FailedReads: r.FailedReads,
		Start: r.StartTime, Timeout: r.Timeout, Duration: r.Duration,
	}, nil
}

// hold keeps connections: each read that fails, at the end all, is a failed one.
func (o *mconnectFlags) hold(p *Process, plan connect.Plan) (*statistics, error) {
	var e connect.Engine
	h, err := e.Hold(context.WithoutCancel(p.Ctx), connect.HoldPlan{Plan: plan, Duration: keepFor})
	if err != nil {
		return nil, err
	}
	select {
	case <-h.Done():
	case <-p.Ctx.Done():
	}
	r := h.Close()
	return &statistics{
		Hosts: r.Hosts, Connects: r.Connects, FailedConnects: r.FailedConnects + r.States.NotInitiated, FailedReads: r.EstablishedTotal - r.EstablishedAtClose,
		Start: r.StartTime, Timeout: keepFor, Duration: r.Duration,
	}, nil
}

// readErrors prints a line for each read that fails.
type readErrors struct{ p *Process }

// Outcomes implements connect.Observer.
func (r readErrors) Outcomes(batch []connect.Outcome) {
	for i := range batch {
		switch o := &batch[i]; {
		case !o.Connected || o.Class == connect.ClassNone:
		case o.Class == connect.ClassClosed:
			fmt.Fprintln(r.p.Stdout, "Read err: EOF")
		case o.Err != nil:
			fmt.Fprintln(r.p.Stdout, "Read err:", quote.Error(o.Err))
		default:
			fmt.Fprintln(r.p.Stdout, "Read err:", o.Class)
		}
	}
}

// Second implements connect.Observer.
func (readErrors) Second() {}

// Monitor implements connect.Observer.
func (readErrors) Monitor(connect.States) {}
