// Package options checks what a script asks for. It knows nothing of JavaScript: values are what Go makes of them (text,
// int64, float64, bool, []byte, []any, map[string]any), results are plain structs.
package options

import (
	"errors"
	"fmt"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
)

// Flood is what a script asks of flood().
type Flood struct {
	Targets    []string          // each of the form that connect.SplitTarget reads
	Plan       connect.Plan      // without targets, TLS and observer
	ServerName string            // "" is the target's host
	Tags       map[string]string // added to those of the script
	Seed       *uint64           // of Plan.Sources.Random; nil is any
}

// ParseFlood checks the arguments of flood(): a target or a list of targets, and an object of options, which may be nil.
// An error names the option, its value and what is accepted.
func ParseFlood(target, options any) (*Flood, error) {
	f := &Flood{}
	if err := f.parse(target, options); err != nil {
		return nil, fmt.Errorf("flood(): %w", err)
	}
	return f, nil
}

func (f *Flood) parse(target, options any) error {
	var err error
	if f.Targets, err = parseTargets(target); err != nil {
		return err
	}
	if options == nil {
		return nil
	}
	object, ok := options.(map[string]any)
	if !ok {
		return fmt.Errorf("options: got %s; want an object such as {connections: 100}", show(options))
	}
	if err := parse(object, f.setters()); err != nil {
		return err
	}
	return f.settle()
}

func (f *Flood) setters() map[string]setter {
	p := &f.Plan
	return map[string]setter{
		"network":        oneOf(&p.Network, "tcp", "tcp4", "tcp6", "udp", "udp4", "udp6", "tls"),
		"connections":    whole(&p.Connections, 1, connect.MaxConnections),
		"concurrency":    whole(&p.Concurrency, 1, connect.MaxConcurrency),
		"rate":           number(&p.Rate, 0, 1e9),
		"connectTimeout": duration(&p.ConnectTimeout),
		"timeout":        duration(&p.Timeout),
		"source":         pool(&p.Sources.Pool),
		"sourceOrder":    choice(&p.Sources.Random, "sequential", "random"),
		"seed":           seed(&f.Seed),
		"sourcePorts":    ports(&p.Sources.Ports),
		"close":          choice(&p.Reset, "fin", "rst"),
		"payload":        payload(&p.Payload),
		"readReply":      unless(&p.SkipReply),
		"serverName":     text(&f.ServerName),
		"monitor":        duration(&p.Monitor),
		"tags":           tags(&f.Tags),
	}
}

// settle checks what depends on more than one option.
func (f *Flood) settle() error {
	p := &f.Plan
	switch {
	case f.Seed != nil && !p.Sources.Random:
		return fmt.Errorf("option \"seed\": got %d with sourceOrder 'sequential'; want sourceOrder 'random' with it", int64(*f.Seed)) // #nosec G115 -- as it was given
	case f.ServerName != "" && p.Protocol() != "tls":
		return fmt.Errorf("option \"serverName\": got %q with network '%s'; want network 'tls' with it", f.ServerName, p.Protocol())
	case p.Payload != nil && p.Protocol() != "udp":
		return fmt.Errorf("option \"payload\": got %d bytes with network '%s'; want a udp network with it", len(p.Payload), p.Protocol())
	}
	return nil
}

func parseTargets(v any) ([]string, error) {
	const accepted = "want 'host:port', '[v6]:port', or an array of these"
	if v == nil {
		return nil, errors.New("target is missing; " + accepted)
	}
	list, ok := stringList(v)
	if !ok || len(list) == 0 {
		return nil, fmt.Errorf("target: got %s; %s", show(v), accepted)
	}
	for _, t := range list {
		if _, _, err := connect.SplitTarget(t); err != nil {
			return nil, fmt.Errorf("target %w", err)
		}
	}
	return list, nil
}
