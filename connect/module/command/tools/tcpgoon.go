package tools

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
)

// tcpgoonFlags are tcpgoon's.
type tcpgoonFlags struct {
	connections, sleep, dialTimeout, interval int
	yes, verbose                              bool
}

// The exit codes of tcpgoon.
const (
	exitIncomplete = 1
	exitConnErrors = 2
)

// flagSet has the flags of the version with the command run, or of those before.
func (o *tcpgoonFlags) flagSet(p *Process, run bool) *pflag.FlagSet {
	usage, dialTimeout, debug, verbose := "tcpgoon", "d", "v", "verbose"
	if run {
		usage, dialTimeout, debug, verbose = "tcpgoon run", "t", "d", "debug"
	}
	f := pflag.NewFlagSet("tcpgoon", pflag.ContinueOnError)
	f.BoolVarP(&o.yes, "assume-yes", "y", false, "Force execution without asking for confirmation")
	f.IntVarP(&o.connections, "connections", "c", 100, "Number of connections you want to open")
	f.IntVarP(&o.dialTimeout, "dial-timeout", dialTimeout, 5000, "Connection dialing timeout, in ms")
	f.IntVarP(&o.interval, "interval", "i", 1, "Interval, in seconds, between stats updates")
	f.IntVarP(&o.sleep, "sleep", "s", 10, "Time you want to sleep between connections, in ms")
	f.BoolVarP(&o.verbose, verbose, debug, false, "Print debugging information to the standard error")
	f.SetOutput(io.Discard)
	f.Usage = func() {
		fmt.Fprintf(p.Stderr, "tcpgoon tests concurrent connections towards a server listening on a TCP port\n\nUsage:\n  %s [flags] <host> <port>\n\nFlags:\n%s", usage, f.FlagUsages())
	}
	return f
}

func tcpgoon(p *Process, args []string) int {
	run := len(args) > 0 && args[0] == "run"
	if run {
		args = args[1:]
	}
	o := &tcpgoonFlags{}
	f := o.flagSet(p, run)
	err := f.Parse(args)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return exitOK
	case err == nil && f.NArg() != 2:
		err = errors.New("Number of required parameters doesn't match") //nolint:staticcheck // tcpgoon's words
	}
	if err != nil {
		fmt.Fprintln(p.Stderr, err)
		f.Usage()
		return exitFailed
	}
	host, port := f.Arg(0), f.Arg(1)
	t, err := target(net.JoinHostPort(host, port))
	if err == nil && t.Err != nil {
		err = errors.New("Domain name not resolvable") //nolint:staticcheck // tcpgoon's words
	}
	if err != nil {
		return p.fail(err)
	}
	if !o.yes && !o.confirmed(p, host, port) {
		fmt.Fprintln(p.Stdout, "\n*** Execution aborted as prompted by the user ***")
		return exitIncomplete
	}
	r, err := o.run(p, t)
	if err != nil {
		return p.fail(err)
	}
	o.print(p, r, host, t)
	switch {
	case r.States.NotInitiated > 0:
		return exitIncomplete
	case r.EstablishedTotal < r.Connects:
		return exitConnErrors
	}
	return exitOK
}

// confirmed asks as tcpgoon does.
func (o *tcpgoonFlags) confirmed(p *Process, host, port string) bool {
	fmt.Fprintf(p.Stdout, `****************************** WARNING ******************************
* You are going to run a TCP stress check with these arguments:
*	- Host: %s
*	- TCP Port: %s
*	- # of concurrent connections: %d
*********************************************************************
`, host, port, o.connections)
	in := bufio.NewReader(p.Stdin)
	for {
		fmt.Fprint(p.Stdout, "Do you want to continue? (y/N): ")
		line, err := in.ReadString('\n')
		switch answer := strings.ToLower(strings.TrimSpace(line)); {
		case answer == "y" || answer == "yes":
			return true
		case err != nil && answer == "":
			fmt.Fprintf(p.Stderr, "\nnobody can answer: -y goes on. This is tcpgoon's command line, with its defaults; k6's own is: k6 x mconnect hold %s\n", net.JoinHostPort(host, port))
			return false
		case answer == "n" || answer == "no" || answer == "" || err != nil:
			return false
		}
		fmt.Fprintln(p.Stdout, "\nSorry, response not recognized. Try again, please")
	}
}

// run opens the connections one by one, and closes them when none is being dialed any more.
func (o *tcpgoonFlags) run(p *Process, t connect.Target) (*connect.HoldResult, error) {
	plan := connect.Plan{
		Targets: []connect.Target{t}, Connections: int64(o.connections), Concurrency: max(o.connections, 1),
		ConnectTimeout: time.Duration(o.dialTimeout) * time.Millisecond,
	}
	if o.sleep > 0 {
		plan.Rate = 1000 / float64(o.sleep)
	}
	var e connect.Engine
	h, err := e.Hold(context.WithoutCancel(p.Ctx), connect.HoldPlan{Plan: plan})
	if err != nil {
		return nil, err
	}
	line := func() { fmt.Fprintln(p.Stdout, h.States()) }
	if o.interval > 0 {
		line()
		defer ticks(time.Duration(o.interval)*time.Second, line)()
	}
	select {
	case <-h.Settled():
		const lookAround = 500 * time.Millisecond // in which closes are still seen, as tcpgoon looks so often
		select {
		case <-time.After(lookAround):
		case <-p.Ctx.Done():
		}
	case <-p.Ctx.Done():
	}
	return h.Close(), nil
}

func (o *tcpgoonFlags) print(p *Process, r *connect.HoldResult, host string, t connect.Target) {
	name := host
	if ip := t.Addr.Addr().String(); ip != host {
		name += "(" + ip + ")"
	}
	states := r.States
	states.Established, states.Completed = states.Established+states.Completed, 0 // those that were closed from here
	fmt.Fprintf(p.Stdout, "--- %s:%s tcp test statistics ---\n%s\n", name, strconv.Itoa(int(t.Addr.Port())), states)
	fmt.Fprintf(p.Stdout, "--- tcpgoon execution statistics ---\nTotal established connections: %d\nMax concurrent established connections: %d\nNumber of established connections on closure: %d\n",
		r.EstablishedTotal, r.EstablishedMax, r.EstablishedAtClose)
	if r.EstablishedTotal > 0 {
		fmt.Fprintf(p.Stdout, "Response time stats for %d successful connections min/avg/max/dev = %s\n", r.EstablishedTotal, spread(&r.ConnectTime))
	}
	if n := r.FailedConnects; n > 0 {
		fmt.Fprintf(p.Stdout, "Time to error stats for %d failed connections min/avg/max/dev = %s\n", n, spread(&r.ErrorTime))
	}
	fmt.Fprintln(p.Stdout)
}

func spread(s *stats.Summary) string {
	us := func(d time.Duration) string { return d.Truncate(time.Microsecond).String() }
	return us(s.Min) + "/" + us(s.Avg) + "/" + us(s.Max) + "/" + us(s.Dev)
}
