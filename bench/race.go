package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// contender is one way to make a flood. It fails unless every connection got its answer.
type contender struct {
	name  string
	flood func(context.Context, flood) (time.Duration, error)
}

func contenders(s *settings) []contender {
	return []contender{
		{"floor", byChild("floor")},
		{"net", byChild("net")},
		{"engine", byChild("engine")},
		{"k6", byK6(s.k6)},
	}
}

// ratioTargets are those of DESIGN.md, section 7.
var ratioTargets = []struct {
	of, to  string
	atLeast float64
}{
	{"engine", "floor", 0.95},
	{"k6", "floor", 0.85},
	{"k6", "net", 1.4},
}

// turnLimit is far more than a contender's turn should take.
const turnLimit = 5 * time.Minute

// rates are connections per second by contender, one for each round.
type rates map[string][]float64

// race runs the rounds for both networks.
func race(ctx context.Context, s *settings, r *report) error {
	server, err := startResponder(ctx, s.server)
	if err != nil {
		return err
	}
	defer server.stop()
	c := &course{settings: s, port: server.port, fresh: newAddresses(), contenders: contenders(s)}
	for _, network := range []string{"tcp", "udp"} {
		measured, err := c.rounds(ctx, network)
		if err != nil {
			return err
		}
		r.addRates(network, s.connectionsOf(network), measured)
	}
	return nil
}

// course is where the contenders race.
type course struct {
	settings   *settings
	port       uint16
	fresh      *addresses
	contenders []contender
}

// rounds lets all contenders run in every round. Round 0 only warms up: it brings the binaries
// into memory, and TIME_WAIT to where it stays.
func (c *course) rounds(ctx context.Context, network string) (rates, error) {
	all := c.contenders
	measured := rates{}
	for round := range c.settings.rounds + 1 {
		line := make([]string, len(all))
		for _, at := range order(round, len(all)) {
			rate, err := c.run(ctx, all[at], network)
			if err != nil {
				return nil, fmt.Errorf("%s, %s, round %d: %w", all[at].name, network, round, err)
			}
			line[at] = fmt.Sprintf("%s %.0f/s", all[at].name, rate)
			if round > 0 {
				measured[all[at].name] = append(measured[all[at].name], rate)
			}
		}
		fmt.Fprintf(os.Stderr, "%s, round %d of %d: %s\n", network, round, c.settings.rounds, strings.Join(line, ", "))
	}
	return measured, nil
}

// order gives everyone another place, and another one to follow, from round to round.
func order(round, n int) []int {
	places := make([]int, n)
	for i := range places {
		places[i] = (i + round/2) % n
	}
	if round%2 == 1 {
		slices.Reverse(places)
	}
	return places
}

// rest is how long the machine clears away what a contender has left, its memory and sockets, before the next one runs.
const rest = 150 * time.Millisecond

func (c *course) run(ctx context.Context, who contender, network string) (rate float64, err error) {
	count := c.settings.connectionsOf(network)
	f := flood{Network: network, Connections: count, Concurrency: concurrency, Targets: c.fresh.take(count, c.port)}
	time.Sleep(rest)
	took, err := bounded(ctx, f, who.flood)
	return float64(count) / took.Seconds(), err
}

// bounded lets a contender run for turnLimit at most.
func bounded[Task, Result any](ctx context.Context, task Task, run func(context.Context, Task) (Result, error)) (r Result, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, turnLimit, fmt.Errorf("no end after %v", turnLimit))
	defer cancel()
	if r, err = run(ctx, task); ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return r, err
}
