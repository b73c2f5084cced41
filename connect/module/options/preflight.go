package options

import (
	"fmt"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/limits"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
)

// preflight is what a script asks of preflight().
type preflight struct {
	connections, targets int64
	rate                 int64 // connects a second
	sources              *source.Pool
	ports                source.Ports
	packets              bool
}

// ParsePreflight checks the argument of preflight(), which may be nil: the size of a test.
func ParsePreflight(options any) (limits.Need, error) {
	p := preflight{connections: 1, targets: 1}
	if err := parseArgument(options, "{connections: 5000}", p.table()); err != nil {
		return limits.Need{}, fmt.Errorf("preflight(): %w", err)
	}
	need := limits.Need{
		Connections: uint64(p.connections), // #nosec G115 -- not negative
		Targets:     uint64(p.targets),     // #nosec G115 -- likewise
		Rate:        uint64(p.rate),        // #nosec G115 -- likewise
		Ports:       p.ports.Count(),
		Packets:     p.packets,
	}
	if p.sources != nil {
		need.Sources, need.From = p.sources.Size(), p.sources
	}
	return need, nil
}

func (p *preflight) table() map[string]setter {
	return map[string]setter{
		"connections": whole(&p.connections, 1, 1<<53),
		"targets":     whole(&p.targets, 1, 1<<32),
		"rate":        whole(&p.rate, 1, 1e9),
		"source":      pool(&p.sources),
		"sourcePorts": ports(&p.ports),
		"driver":      choice(&p.packets, "sockets", "packets"),
	}
}
