package disruption

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
)

// version of the encoding.
const version = 1

// encoded is Flows as JSON. Numbers of 64 bits are text, as JavaScript's numbers can't hold them.
type encoded struct {
	Version  int      `json:"version"`
	Protocol string   `json:"protocol"`
	Targets  []string `json:"targets"` // "" is one that did not resolve
	Source   string   `json:"source"`  // "" is the operating system's choice
	Ports    string   `json:"ports"`
	Start    uint64   `json:"start,string"`
	Random   bool     `json:"random"`
	Seed     uint64   `json:"seed,string"`
	Hosts    []string `json:"hosts"`
	Answers  []byte   `json:"answers"` // a place of one byte for each connection, or two (little endian) if there are more hosts than that can tell
}

const mostInOneByte = 255

// MarshalJSON implements json.Marshaler.
func (f *Flows) MarshalJSON() ([]byte, error) {
	e := encoded{
		Version: version, Protocol: f.protocol, Targets: make([]string, len(f.targets)),
		Ports: f.sources.Ports.String(), Start: f.sources.Start, Random: f.sources.Random, Seed: f.sources.Seed,
		Hosts: f.hosts, Answers: make([]byte, 0, 2*len(f.answers)),
	}
	for i, t := range f.targets {
		if t.IsValid() {
			e.Targets[i] = t.String()
		}
	}
	if f.sources.Pool != nil {
		e.Source = f.sources.Pool.String()
	}
	for _, place := range f.answers {
		if len(f.hosts) <= mostInOneByte {
			e.Answers = append(e.Answers, byte(place)) // #nosec G115 -- not more than the number of hosts
		} else {
			e.Answers = binary.LittleEndian.AppendUint16(e.Answers, place)
		}
	}
	return json.Marshal(e)
}

// UnmarshalJSON implements json.Unmarshaler. It takes nothing for granted: the text may come from anywhere.
func (f *Flows) UnmarshalJSON(text []byte) error {
	const hint = "want the flows of a flood's result, unchanged"
	var e encoded
	if err := json.Unmarshal(text, &e); err != nil {
		return fmt.Errorf("no record of flows: %w; %s", err, hint)
	}
	if e.Version != version {
		return fmt.Errorf("no record of flows of version %d, but of version %d; %s", version, e.Version, hint)
	}
	if err := f.decode(&e); err != nil {
		return fmt.Errorf("a broken record of flows: %w; %s", err, hint)
	}
	return nil
}

func (f *Flows) decode(e *encoded) (err error) {
	d := Flows{protocol: e.Protocol, hosts: e.Hosts, sources: source.Sequence{Start: e.Start, Random: e.Random, Seed: e.Seed}}
	if e.Source != "" {
		if d.sources.Pool, err = source.ParsePool(e.Source); err != nil {
			return err
		}
	}
	if d.sources.Ports, err = source.ParsePorts(e.Ports); err != nil {
		return err
	}
	for _, text := range e.Targets {
		var target netip.AddrPort
		if text != "" {
			if target, err = netip.ParseAddrPort(text); err != nil {
				return fmt.Errorf("target %q: %w", text, err)
			}
		}
		d.targets = append(d.targets, target)
	}
	if len(d.targets) == 0 {
		return errors.New("it has no target")
	}
	if err := d.decodeAnswers(e.Answers); err != nil {
		return err
	}
	*f = d
	return nil
}

func (f *Flows) decodeAnswers(answers []byte) error {
	width := 1
	if len(f.hosts) > mostInOneByte {
		width = 2
	}
	if len(f.hosts) > maxHosts+1 || len(answers)%width != 0 || len(answers)/width > MaxFlows {
		return fmt.Errorf("it has %d hosts and %d bytes of answers", len(f.hosts), len(answers))
	}
	f.places = make(map[string]uint16, len(f.hosts))
	for i, host := range f.hosts {
		f.places[host] = uint16(i + 1) // #nosec G115 -- checked above
	}
	if len(f.places) != len(f.hosts) {
		return errors.New("it has two hosts of the same name")
	}
	f.answers = make([]uint16, len(answers)/width)
	for i := range f.answers {
		place := uint16(answers[i*width])
		if width == 2 {
			place = binary.LittleEndian.Uint16(answers[i*width:])
		}
		if int(place) > len(f.hosts) {
			return fmt.Errorf("connection %d was answered by host %d of %d", i, place, len(f.hosts))
		}
		f.answers[i] = place
	}
	return nil
}
