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
	"strconv"
)

// A scenario is a k6 script, and how it is called.
type scenario struct {
	name    string
	script  string
	backend func(servers int) int // which one it is about, if any
	udp     bool                  // makes sense only where UDP is balanced
}

func (s *scenario) title() string { return s.name }

var scenarios = []*scenario{
	{name: "balance", script: "balance.js"},
	{name: "flows-edge", script: "flows.js", backend: last},
	{name: "flows-middle", script: "flows.js", backend: middle},
	{name: "live-edge", script: "live.js", backend: last},
	{name: "live-middle", script: "live.js", backend: middle},
	{name: "drain", script: "drain.js", backend: middle},
	{name: "udp", script: "udp.js", backend: middle, udp: true},
	{name: "kill", script: "kill.js", backend: middle},
	{name: "loss", script: "loss.js"},
	{name: "steady", script: "steady.js"},
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
	Backends  []string `json:"backends"`
	Responder string   `json:"responder"`
	Echo      string   `json:"echo"`
	Source    string   `json:"source"`
}

// play runs a scenario over one IP version. It returns false if the script's thresholds failed.
func (l *lab) play(ctx context.Context, s *scenario, family string) (ok bool, err error) {
	if err := l.reset(); err != nil {
		return false, err
	}
	l.table.begin(l.kind.name, family, s.name)
	told, err := json.Marshal(l.briefing(family))
	if err != nil {
		return false, err
	}
	environment := append([]string{"LAB=" + string(told)}, l.env...)
	if s.backend != nil {
		environment = append(environment, fmt.Sprintf("BACKEND=%d", s.backend(l.servers)))
	}
	words := []string{l.k6, "run", "--quiet", "--summary-mode=disabled"}
	for _, variable := range environment {
		words = append(words, "-e", variable)
	}
	return l.k6Run(ctx, append(words, "examples/lab/"+s.script))
}

func (l *lab) k6Run(ctx context.Context, words []string) (ok bool, err error) {
	var output bytes.Buffer
	k6, err := l.network.client.start(ctx, func(cmd *exec.Cmd) {
		cmd.Stdout, cmd.Stderr = &output, &output
		cmd.Env = append(os.Environ(), "K6_NO_USAGE_REPORT=true")
	}, words...)
	if err != nil {
		return false, err
	}
	<-k6.ended
	code := k6.cmd.ProcessState.ExitCode()
	switch {
	case ctx.Err() != nil:
		return false, ctx.Err()
	case code != 0 && code != thresholdsFailed:
		return false, fmt.Errorf("k6 exited with code %d:\n%s", code, &output)
	case code != 0 || l.verbose:
		fmt.Fprintf(os.Stderr, "%s\n", &output)
	}
	return code == 0, nil
}

func (l *lab) briefing(family string) briefing {
	vip, source := vip4, sources4
	if family == "6" {
		vip, source = vip6, sources6
	}
	b := briefing{
		Control: l.control.url, Balancer: l.kind.name, Live: l.kind.live, Flows: l.kind.flows, UDP: l.kind.udp,
		Responder: at(vip, responderPort), Echo: at(vip, echoPort), Source: source.String(),
	}
	for _, server := range l.network.backends {
		b.Backends = append(b.Backends, server.name)
	}
	return b
}

func at(address netip.Addr, port int) string {
	return net.JoinHostPort(address.String(), strconv.Itoa(port))
}
