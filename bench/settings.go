package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
)

const concurrency = 64 // of every contender

// settings are what the flags say.
type settings struct {
	k6, server  string
	rounds      int
	connections int // of TCP and of UDP; 0 for each one's own default
	held        int
	json        string
	only        string // a part's name; "" is all of them
}

// connectionsOf is the length of a flood: long enough for starting and ending it not to matter.
func (s *settings) connectionsOf(network string) int {
	switch {
	case s.connections > 0:
		return s.connections
	case network == "udp":
		return 60_000
	default:
		return 40_000
	}
}

func parse(args []string) (*settings, error) {
	s := &settings{}
	f := flag.NewFlagSet("bench", flag.ExitOnError)
	f.StringVar(&s.k6, "k6", "./k6", "`path` of k6 with this extension")
	f.StringVar(&s.server, "server", "./mconnect-server", "`path` of the companion server")
	f.IntVar(&s.rounds, "rounds", 7, "how many times each contender makes its flood")
	f.IntVar(&s.connections, "connections", 0, "connections of each flood (default 40000 for TCP, 60000 for UDP)")
	f.IntVar(&s.held, "held", 15_000, "connections to hold at once for the measure of memory")
	f.StringVar(&s.json, "json", "", "`file` to write the numbers to as well")
	f.StringVar(&s.only, "only", "", "`part` to run: floods, command, ports, packets, traffic, client, targets or server (memory); all if not given")
	_ = f.Parse(args) // exits on errors
	return s, s.check(f.Args())
}

func (s *settings) check(rest []string) error {
	switch {
	case len(rest) > 0:
		return fmt.Errorf("%q is not a flag; only flags are accepted, see -help", rest[0])
	case s.rounds < 1:
		return fmt.Errorf("invalid value %d for flag -rounds: must be 1 or more", s.rounds)
	case s.connections < 0:
		return fmt.Errorf("invalid value %d for flag -connections: must be 1 or more, or 0 for the defaults", s.connections)
	case s.held < 2*fewHeld:
		return fmt.Errorf("invalid value %d for flag -held: must be %d or more", s.held, 2*fewHeld)
	case s.only != "" && !slices.ContainsFunc(parts, func(p part) bool { return p.name == s.only }):
		return fmt.Errorf("invalid value %q for flag -only: see -help for the parts", s.only)
	}
	for name, path := range map[string]string{"k6": s.k6, "server": s.server} {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("flag -%s: %w; build it with make build, or name another", name, err)
		}
	}
	return nil
}
