//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
)

// A scenario is a k6 script, and how it is called.
type scenario struct {
	name    string
	script  string
	backend func(servers int) int // which one it is about, if any
	udp     bool                  // makes sense only where UDP is balanced
	tracked bool                  // makes sense only where the load balancer shows its connections
	own     bool                  // is about the lab's own network
	ends    bool                  // servers end
	model   bool                  // makes sense only where there is a model for live connections
	netem   string                // what is wrong with the network meanwhile. Is about the network, so that one load balancer is enough
	red     []string              // verdicts that have to fail
}

func (s *scenario) title() string { return s.name }

var scenarios = []*scenario{
	{name: "balance", script: "balance.js"},
	{name: "flows-edge", script: "flows.js", backend: last},
	{name: "flows-middle", script: "flows.js", backend: middle},
	{name: "live-edge", script: "live.js", backend: last, ends: true, model: true},
	{name: "live-middle", script: "live.js", backend: middle, ends: true, model: true},
	{name: "drain", script: "drain.js", backend: middle, model: true},
	{name: "udp", script: "udp.js", backend: middle, udp: true, ends: true, model: true},
	{name: "kill", script: "kill.js", backend: middle, ends: true},
	{name: "loss", script: "loss.js", own: true},
	{name: "steady", script: "steady.js"},
	{name: "ends", script: "ends.js"},
	{name: "cost", script: "cost.js"},
	{name: "two", script: "two.js", ends: true, model: true},
	{name: "stuck", script: "stuck.js", backend: middle, model: true},
	{name: "tracked", script: "tracked.js", tracked: true},
	{name: "netem-delay", script: "netem.js", netem: "delay 100ms"},
	{name: "netem-jitter", script: "netem.js", netem: "delay 100ms 50ms"},
	{name: "netem-loss", script: "netem.js", netem: "loss 10%", red: []string{"loss", "prompt"}},
	{name: "netem-reorder", script: "netem.js", netem: "delay 20ms reorder 50%"},
	{name: "netem-duplicate", script: "netem.js", netem: "duplicate 20%"},
}

// fits says whether it makes sense for this load balancer.
func (s *scenario) fits(k *kind, n *network) bool {
	return (!s.udp || k.udp) && (!s.tracked || k.tracks) && (!s.ends || !n.endless) && (!s.model || k.live != "") &&
		(!s.own || !k.bypass) && (!s.own && s.netem == "" || n.lb != nil)
}

func last(servers int) (backend int)   { return servers }
func middle(servers int) (backend int) { return (servers + 1) / 2 }

// k6 exits with this code when a threshold fails; others mean that the script could not do its work.
const thresholdsFailed = 99

// briefing is what a script is told, as the environment variable LAB.
type briefing struct {
	Control   string   `json:"control"` // URL of the operations
	Balancer  string   `json:"balancer"`
	Live      string   `json:"live"`  // disruption()'s model for connections with traffic
	Flows     string   `json:"flows"` // and for connections made again; "" for none
	UDP       bool     `json:"udp"`
	Affinity  bool     `json:"affinity"`
	Proxy     bool     `json:"proxy"`
	Backends  []string `json:"backends"`
	Servers   []string `json:"servers"`
	Responder string   `json:"responder"`
	Echo      string   `json:"echo"`
	Source    string   `json:"source"`
	Driver    string   `json:"driver"` // that makes connections
	Red       []string `json:"red"`    // verdicts that have to fail

	Weights map[string]int `json:"weights"` // of the backends
}

// mostPatience is how many times the usual time a script may have on a busy machine.
const mostPatience = 8

// play runs a scenario over one IP version, and again with twice the time if its script finds the machine too busy. It returns false if the script's thresholds
// failed.
func (l *lab) play(ctx context.Context, s *scenario, family string) (ok bool, err error) {
	for patience := 1; ; patience *= 2 {
		run, err := l.playOnce(ctx, s, family, patience)
		if l.busy.Load() && patience < mostPatience && ctx.Err() == nil {
			continue
		}
		if err != nil {
			return false, err
		}
		if !run.ok || l.verbose {
			fmt.Fprintf(os.Stderr, "%s\n", run.log)
		}
		measured, ideal := list(run.verdicts.Red), list(s.red)
		verdicts := row{Change: "all", What: verdictsRow, Measured: measured, Ideal: ideal, Accepted: ideal, OK: measured == ideal}
		for _, r := range append(l.rows, verdicts) {
			l.table.print(entry{Row: &told{l.kind.name, family, s.name, r}})
		}
		return run.ok, nil
	}
}

func (l *lab) playOnce(ctx context.Context, s *scenario, family string, patience int) (*k6Run, error) {
	l.rows = nil
	l.busy.Store(false)
	if err := l.reset(); err != nil {
		return nil, err
	}
	if s.netem != "" {
		if err := l.network.netem(s.netem); err != nil {
			return nil, err
		}
	}
	environment := []string{"NETEM=" + s.netem, fmt.Sprintf("PATIENCE=%d", patience)}
	if s.backend != nil {
		environment = append(environment, fmt.Sprintf("BACKEND=%d", s.backend(len(l.network.backends))))
	}
	return l.k6Run(ctx, s.script, family, s.red, environment...)
}

// A k6Run is a script that could do its work.
type k6Run struct {
	ok       bool // no threshold failed
	verdicts verdicts
	log      string
}

// verdicts are the names of those that were given, by the metric that counts them.
type verdicts struct {
	Red   []string `json:"red"`
	Green []string `json:"green"`
}

// list is what the table says of names.
func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// k6Run runs a script in the client's namespace. Its thresholds demand that the verdicts in red fail, and no others.
func (l *lab) k6Run(ctx context.Context, script, family string, red []string, environment ...string) (*k6Run, error) {
	told, err := json.Marshal(l.briefing(family, red))
	if err != nil {
		return nil, err
	}
	words := []string{l.k6, "run", "--quiet", "--no-color", "-e", "LAB=" + string(told)}
	for _, variable := range slices.Concat(l.env, environment) {
		words = append(words, "-e", variable)
	}
	var summary, log bytes.Buffer
	k6, err := l.network.client.start(ctx, func(cmd *exec.Cmd) {
		cmd.Stdout, cmd.Stderr = &summary, &log
		cmd.Env = append(os.Environ(), "K6_NO_USAGE_REPORT=true")
	}, append(words, "examples/lab/"+script)...)
	if err != nil {
		return nil, err
	}
	<-k6.ended
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	code := k6.cmd.ProcessState.ExitCode()
	run := &k6Run{ok: code == 0, log: log.String()}
	if code != 0 && code != thresholdsFailed {
		return nil, fmt.Errorf("k6 exited with code %d:\n%s", code, run.log)
	}
	if err := json.Unmarshal(summary.Bytes(), &run.verdicts); err != nil {
		return nil, fmt.Errorf("%s: the verdicts: %w: %s\n%s", script, err, &summary, run.log)
	}
	return run, nil
}

func (l *lab) briefing(family string, red []string) briefing {
	vip, source := l.network.vips[family], l.network.sources[family]
	b := briefing{
		Control: l.control.url, Balancer: l.kind.name, Live: l.kind.live, Flows: l.kind.flows, UDP: l.kind.udp, Affinity: l.kind.affinity, Proxy: l.kind.proxy,
		Responder: at(vip, responderPort), Echo: at(vip, echoPort), Source: source.String(), Driver: l.driver, Red: append([]string{}, red...), Weights: map[string]int{},
	}
	for _, server := range l.network.backends {
		b.Backends = append(b.Backends, server.name)
		b.Servers = append(b.Servers, "http://"+at(server.v4, httpPort))
		b.Weights[server.name] = l.kind.weighs(server)
	}
	return b
}

func at(address netip.Addr, port int) string {
	return net.JoinHostPort(address.String(), strconv.Itoa(port))
}
