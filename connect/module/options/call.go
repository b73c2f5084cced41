package options

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"
	"unicode"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/hostname"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/quote"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

// Call is what flood(), hold(), capacity(), traffic() and idle() have in common.
type Call struct {
	Targets      []string          // each of the form that connect.SplitTarget reads
	Plan         connect.Plan      // without targets, TLS and observer
	ServerName   string            // "" is the target's host
	Tags         map[string]string // added to those of the script
	Samples      string            // SamplesAll or SamplesThinned; "" leaves it to the number of connections
	Seed         *uint64           // of Plan.Sources.Random; nil is any
	Most         int64             // connections that the call makes at most; 0 is Plan.Connections
	Limit        time.Duration     // Plan.Timeout, or the default that the call has
	Expect       verdicts.Expect
	AllAddresses bool // of a name, each is a target
}

// Common returns the options that all calls have.
func (c *Call) Common() *Call { return c }

// lookUpPatience is what names have at least to resolve in if no timeout is set: a resolver asks again after 5 s.
const lookUpPatience = 10 * time.Second

// LookUpLimit is how long the names of the targets may take to resolve.
func (c *Call) LookUpLimit() time.Duration {
	if c.Plan.Timeout == 0 {
		return max(c.Limit, lookUpPatience)
	}
	return c.Limit
}

// What of the connections' times becomes samples of Trends.
const (
	SamplesAll     = "all"
	SamplesThinned = "thinned" // a fair sample
)

// parse checks the arguments of a call: a target or a list of targets, and an object of options, which may be nil. settle checks options of the call
// that depend on each other.
func (c *Call) parse(target, options any, table map[string]setter, settle func() error) (err error) {
	if c.Targets, err = parseTargets(target); err != nil {
		return err
	}
	if err := parseArgument(options, "{connections: 100}", table); err != nil {
		return err
	}
	if err := settle(); err != nil {
		return err
	}
	return c.settleShared()
}

// setters are those of the shared options, and more.
func (c *Call) setters(more map[string]setter) map[string]setter {
	p := &c.Plan
	known := map[string]setter{
		"network":        oneOf(&p.Network, "tcp", "tcp4", "tcp6", "udp", "udp4", "udp6", "tls"),
		"connections":    whole(&p.Connections, 1, connect.MaxConnections),
		"concurrency":    whole(&p.Concurrency, 1, connect.MaxConcurrency),
		"rate":           number(&p.Rate, 0, 1e9),
		"connectTimeout": duration(&p.ConnectTimeout),
		"timeout":        duration(&p.Timeout),
		"source":         pool(&p.Sources.Pool),
		"sourceOrder":    choice(&p.Sources.Random, "sequential", "random"),
		"seed":           seed(&c.Seed),
		"sourcePorts":    ports(&p.Sources.Ports),
		"close":          choice(&p.Reset, "fin", "rst"),
		"payload":        payload(&p.Payload),
		"serverName":     hostName(&c.ServerName),
		"monitor":        duration(&p.Monitor),
		"proxyProtocol":  whole(&p.ProxyProtocol, 1, 2),
		"addresses":      choice(&c.AllAddresses, "one", "all"),
		"samples":        oneOf(&c.Samples, SamplesAll, SamplesThinned),
		"driver":         choice(&p.KernelBypass, "sockets", "packets"),
		"tags":           tags(&c.Tags),
	}
	maps.Copy(known, more)
	return known
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
		if err := checkTarget(t); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// maxTarget is how many bytes a target may have: as many as the longest name in another alphabet.
const maxTarget = 1100

func checkTarget(text string) error {
	if len(text) > maxTarget {
		return fmt.Errorf("target %s has %d bytes; want host:port or [v6]:port", quote.Text(text, readable), len(text))
	}
	if _, _, err := connect.SplitTarget(text); err != nil {
		return fmt.Errorf("target %w", quote.Shorten(err, maxReason))
	}
	return nil
}

// hostName is a name as DNS and certificates have it.
func hostName(to *string) setter {
	return text(to).and(func() (err error) {
		if strings.ContainsFunc(*to, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
			return errors.New("want a name without spaces and control characters")
		}
		*to, err = hostname.ASCII(*to)
		return err
	})
}

// settleShared checks options that depend on each other in all calls, and settles what follows from the network.
func (c *Call) settleShared() error {
	if c.Plan.ProxyProtocol > 0 && c.Plan.Protocol() == "udp" {
		return fmt.Errorf("option \"proxyProtocol\": got %d with network '%s'; want tcp or tls with it", c.Plan.ProxyProtocol, c.Plan.Network)
	}
	if c.Plan.KernelBypass && c.Plan.Protocol() == "tls" {
		return errors.New("option \"driver\": got 'packets' with network 'tls'; want tcp or udp with it, since the packet driver does not speak TLS")
	}
	if c.Expect.ConnectTime > 0 && c.Plan.Protocol() == "udp" {
		return fmt.Errorf("option \"expect\": connectTime with network '%s'; want tcp or tls with it, since UDP has no connects that could take time", c.Plan.Network)
	}
	c.Expect.NoSYN = c.Plan.Protocol() == "udp"
	return nil
}
