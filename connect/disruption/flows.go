package disruption

import (
	"fmt"
	"net/netip"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
)

// MaxFlows bounds what one call can record: two bytes in memory for each connection, and one or two where it is encoded.
const MaxFlows = 10_000_000

// Names beyond the first maxHosts, which only a hostile server has, share one.
const (
	maxHosts   = 10_000
	otherHosts = "(other)"
)

// Flows says which host answered each connection of a call. What connection i was, its target and its source, follows from
// the call's plan, so nothing of it is stored but the host.
type Flows struct {
	protocol string
	targets  []netip.AddrPort // used in turn
	sources  source.Sequence

	hosts   []string
	answers []uint16 // by connection: its host's place among hosts, from 1; 0 is no answer
	places  map[string]uint16
}

// New makes a record of a call that takes targets in turn and sources in their sequence.
func New(protocol string, targets []netip.AddrPort, sources source.Sequence) *Flows {
	return &Flows{protocol: protocol, targets: targets, sources: sources, places: map[string]uint16{}}
}

// Record notes who answered the call's connection with that number, below MaxFlows.
func (f *Flows) Record(number int64, host string) {
	if missing := number + 1 - int64(len(f.answers)); missing > 0 {
		f.answers = append(f.answers, make([]uint16, missing)...)
	}
	f.answers[number] = f.place(host)
}

func (f *Flows) place(host string) uint16 {
	if place, known := f.places[host]; known {
		return place
	}
	if len(f.hosts) >= maxHosts && host != otherHosts {
		return f.place(otherHosts)
	}
	f.hosts = append(f.hosts, host)
	f.places[host] = uint16(len(f.hosts)) // #nosec G115 -- at most maxHosts + 1
	return f.places[host]
}

// Hosts are the names of those that answered.
func (f *Flows) Hosts() []string { return f.hosts }

// String describes the flows by what decides whether those of two calls are the same.
func (f *Flows) String() string {
	from := "the system's choice of address"
	if f.sources.Pool != nil {
		from = f.sources.Pool.String()
	}
	targets := make([]string, len(f.targets))
	for i, target := range f.targets {
		targets[i] = target.String()
	}
	return fmt.Sprintf("%d %.9s connections to %s from %.99s, ports %s, number %d of the test and on",
		len(f.answers), f.protocol, names(targets), from, f.sources.Ports, f.sources.Start)
}

// host is the name at a place.
func (f *Flows) host(place uint16) string { return f.hosts[place-1] }
