package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"time"
)

// atLeastOfSources is the least share of the rate with many sources that is due with this host's one address, whose ports are in TIME_WAIT.
const atLeastOfSources = 0.9

// manySources are more addresses than connections, so that no port is ever used again.
const manySources = "127.0.0.0/9"

// racePorts measures the case that most people start with: one target, no source, and a FIN, which leaves each local port in TIME_WAIT. Round
// 0 puts more than 28,000 of them there.
func racePorts(ctx context.Context, s *settings, r *report) error {
	server, err := startResponder(ctx, s.server)
	if err != nil {
		return err
	}
	defer server.stop()
	task := flood{Network: "tcp", Connections: s.connectionsOf("tcp"), Concurrency: concurrency}
	task.Targets = []netip.AddrPort{newAddresses().take(1, server.port)[0]}
	fromMany := task
	fromMany.Source = manySources
	contenders := []struct {
		name string
		task flood
	}{{"one address", task}, {"many sources", fromMany}}
	run := byChild("engine")
	measured := rates{}
	for round := range s.rounds + 1 {
		for _, at := range order(round, len(contenders)) {
			who := contenders[at]
			time.Sleep(rest)
			took, err := bounded(ctx, who.task, run)
			if err != nil {
				return fmt.Errorf("%s, round %d: %w", who.name, round, err)
			}
			rate := float64(task.Connections) / took.Seconds()
			fmt.Fprintf(os.Stderr, "ports, round %d of %d: %s %.0f/s\n", round, s.rounds, who.name, rate)
			if round > 0 {
				measured[who.name] = append(measured[who.name], rate)
			}
		}
		if rate, ok, err := neper(ctx); err != nil {
			return err
		} else if ok && round > 0 {
			measured["neper"] = append(measured["neper"], rate)
		}
	}
	r.add(figure{
		Name:   "TCP, one target, ports in TIME_WAIT: engine / engine with many sources",
		Value:  spreadOf(perRound(measured["one address"], measured["many sources"])),
		Target: atLeastOfSources,
	})
	if len(measured["neper"]) > 0 {
		r.add(figure{
			Name:   "the same: engine / neper's tcp_crr, which closes with a RST",
			Value:  spreadOf(perRound(measured["one address"], measured["neper"])),
			Target: 0.95,
		})
	}
	return nil
}

// neperLimit is far more than a run of neper takes.
const neperLimit = 30 * time.Second

var throughput = regexp.MustCompile(`(?m)^throughput=([0-9.]+)`)

// neper measures connections per second with tcp_crr of github.com/google/neper, if that is in the PATH: a request of a byte, and an answer of
// a byte, on each connection.
func neper(ctx context.Context) (rate float64, ok bool, err error) {
	path, err := exec.LookPath("tcp_crr")
	if err != nil {
		return 0, false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, neperLimit)
	defer cancel()
	logs, err := os.MkdirTemp("", "neper") // it writes them into the current directory
	if err != nil {
		return 0, false, fmt.Errorf("a directory for neper's logs: %w", err)
	}
	defer func() { _ = os.RemoveAll(logs) }()
	tcpCRR := func(more ...string) *exec.Cmd {
		options := append([]string{"-F", strconv.Itoa(concurrency), "-T", "2", "-l", "2"}, more...)
		c := exec.CommandContext(ctx, path, options...) // #nosec G204 -- a program of the user's
		c.Dir = logs
		return c
	}
	server := tcpCRR()
	if err := server.Start(); err != nil {
		return 0, false, fmt.Errorf("starting neper's server: %w", err)
	}
	defer func() {
		cancel() // ends the server, unless it has ended with its client
		_ = server.Wait()
	}()
	for start := time.Now(); time.Since(start) < patience; time.Sleep(20 * time.Millisecond) { // until the server listens
		var text []byte
		text, err = tcpCRR("-c", "-H", "127.0.0.1").Output()
		if found := throughput.FindSubmatch(text); err == nil && found != nil {
			rate, err = strconv.ParseFloat(string(found[1]), 64)
			return rate, err == nil, err
		}
	}
	return 0, false, fmt.Errorf("neper's tcp_crr gave no throughput: %w", err)
}
