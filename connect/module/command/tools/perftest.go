package tools

import (
	"cmp"
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/ping"
)

// perftestHelp has the name of the tool left out.
const perftestHelp = `Usage: %s [flags] URL ...
URLs to test, all in parallel: a request every -d seconds, until -n of them are done, -f have failed, or it is interrupted. With -s PORT it is
a server of a mesh, too. This is perftest's and pingmesh's command line, of k6 x mconnect.

Command line flags:
`

// perftestFlags are those of perftest and pingmesh, as far as they are about pings.
type perftestFlags struct {
	delay, maxFail, tests, port, told, stats int
	alert, alertInterval                     int
	location, host, ip, webhook              string
	quiet, verbose, more, cloudWatch, json   bool
}

func (o *perftestFlags) flagSet(p *Process) *flag.FlagSet {
	f := newFlags(p, p.Name, fmt.Sprintf(perftestHelp, cmp.Or(p.Name, "perftest")))
	f.IntVar(&o.delay, "d", 10, "delay in seconds between ping requests")
	f.IntVar(&o.maxFail, "f", 100, "maximum failures before pinger quits trying")
	f.IntVar(&o.tests, "n", 0, "number of tests to each endpoint (default 0 runs until interrupted)")
	f.IntVar(&o.port, "s", 0, "server listen port; default zero means don't run a server")
	f.IntVar(&o.told, "r", 0, "server port to report as SrvPort; accepted, a mesh finds it out")
	f.BoolVar(&o.cloudWatch, "c", false, "publish metrics to CloudWatch; mconnect-server -cloudwatch does")
	f.BoolVar(&o.verbose, "v", false, "be more verbose")
	f.BoolVar(&o.more, "V", false, "be even more verbose")
	f.BoolVar(&o.quiet, "q", false, "be less verbose")
	f.StringVar(&o.location, "L", "", "location to report (default: REP_LOCATION, or REP_CITY,REP_COUNTRY, or this host's name)")
	f.StringVar(&o.host, "H", "", "this host's name, for a server")
	f.BoolVar(&o.json, "j", false, "write detailed metrics in JSON (default is text)")
	f.IntVar(&o.alert, "A", 0, "alert threshold in milliseconds; an alert is a line on standard error")
	f.IntVar(&o.alertInterval, "M", 300, "minimum time between alerts, in seconds")
	f.StringVar(&o.webhook, "W", os.Getenv("HTTP_JSON_WEBHOOK"), "webhook, an https URL to which each ping is posted in JSON")
	f.IntVar(&o.stats, "p", 0, "port of a web server for /memstats, as long as pings run")
	f.StringVar(&o.ip, "I", "", "remote peer IP address override")
	return f
}

func perftest(p *Process, args []string) int {
	o := &perftestFlags{}
	f := o.flagSet(p)
	if code, done := parse(f, args); done {
		return code
	}
	if err := o.check(); err != nil {
		return p.fail(err)
	}
	urls := append(f.Args(), strings.Fields(os.Getenv("PERFTEST_URL")+" "+os.Getenv("PINGMESH_URL"))...)
	switch {
	case o.port > 0:
		return p.Serve(o.serverFlags(urls)...)
	case len(urls) == 0:
		fmt.Fprintln(p.Stderr, "Error: no destinations to test")
		f.Usage()
		return exitFailed
	}
	return o.pingAll(p, urls)
}

// serverFlags are those of mconnect-server that do the same.
func (o *perftestFlags) serverFlags(urls []string) []string {
	flags := []string{
		"-address", "127.0.0.1:0", "-http", fmt.Sprintf("[::]:%d", o.port), "-ping-delay", strconv.Itoa(max(o.delay, 1)),
		"-ping-limit", strconv.Itoa(o.tests), "-ping-maxfail", strconv.Itoa(o.maxFail),
	}
	if o.location != "" {
		flags = append(flags, "-location", o.location)
	}
	if o.host != "" {
		flags = append(flags, "-hostname", o.host)
	}
	for _, url := range urls {
		flags = append(flags, "-peer", url)
	}
	return flags
}

// where is the name of this place.
func (o *perftestFlags) where() string {
	city, country := os.Getenv("REP_CITY"), os.Getenv("REP_COUNTRY")
	switch {
	case o.location != "":
		return o.location
	case os.Getenv("REP_LOCATION") != "":
		return os.Getenv("REP_LOCATION")
	case city != "" && country != "":
		return city + "," + country
	}
	name, _ := os.Hostname()
	return name
}

func (o *perftestFlags) pingAll(p *Process, urls []string) int {
	plan := ping.Plan{From: o.where(), TLS: &tls.Config{MinVersion: tls.VersionTLS12}}
	if o.ip != "" {
		addr, err := netip.ParseAddr(o.ip)
		if err != nil {
			return p.fail(fmt.Errorf("-I: %w; want an IP address", err))
		}
		plan.IP = addr
	}
	plans := make([]ping.Plan, len(urls))
	for i, url := range urls {
		plans[i] = plan
		plans[i].URL, _, _ = strings.Cut(url, "#") // behind it, the location
		if err := plans[i].Check(); err != nil {
			return p.fail(err)
		}
	}
	end, err := o.serveStats()
	if err != nil {
		return p.fail(err)
	}
	defer end()
	results := newResults(p, o)
	if (o.verbose || o.more) && !o.json {
		results.out.Print(ping.Header + "\n")
	}
	var all sync.WaitGroup
	for i := range plans {
		all.Go(func() { o.pingOne(p.Ctx, plans[i], results) })
	}
	all.Wait()
	results.close()
	return exitOK
}

// pingOne pings a URL again and again, and prints the averages at the end.
func (o *perftestFlags) pingOne(ctx context.Context, plan ping.Plan, to *results) {
	var sums ping.Sums
	fails := 0
	for n := 0; o.tests == 0 || n < o.tests; n++ {
		if n > 0 && !pause(ctx, time.Duration(max(o.delay, 0))*time.Second) {
			break
		}
		r, err := ping.Do(ctx, plan)
		if err != nil || ctx.Err() != nil {
			break
		}
		to.tell(ctx, r)
		if !r.Failed() {
			sums.Add(r)
			continue
		}
		if fails++; fails >= o.maxFail {
			break
		}
	}
	to.out.Print(sums.Averages(time.Now(), plan.URL, fails, o.maxFail))
}

// pause waits, and reports whether the time is over; else somebody has had enough.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
