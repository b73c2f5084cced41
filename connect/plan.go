package connect

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/frames"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/reply"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
)

// Defaults of a Plan's fields that are left zero.
const (
	DefaultConcurrency    = 64
	DefaultConnectTimeout = 5 * time.Second
	DefaultPayload        = "Hello"
)

// Plan says which connections a call makes; each kind of call adds what it does with them. Only Targets must be set: every other
// field's zero value is its default.
type Plan struct {
	Network     string   // tcp (the default), tcp4, tcp6, udp, udp4, udp6 or tls
	Targets     []Target // used in turn
	Connections int64    // how many; 0 means 1
	Concurrency int      // most connections in flight at once; 0 means DefaultConcurrency

	// Rate is the number of new connections per second. Each is due at a fixed instant, from which its durations count,
	// whatever happened to the others (open loop). 0 dials as fast as Concurrency allows.
	Rate float64

	// ConnectTimeout bounds each connection twice: from its dial until it is established, and from then until the answer.
	// 0 means DefaultConnectTimeout.
	ConnectTimeout time.Duration
	// Timeout bounds the whole call. 0 means 1 ms per connection, or Connections/Rate if that is longer, plus 2 s, or plus
	// ConnectTimeout if that is set and longer.
	Timeout time.Duration

	Sources source.Sequence // where connections come from; the zero value leaves it to the operating system
	Payload []byte          // what is sent once a connection is established; nil means nothing, or DefaultPayload over UDP
	// Reply says what counts as an answer; nil means a host name in the first read, or, from a connection that stays open, anything.
	Reply *reply.Want
	// ProxyProtocol is the version of the PROXY header that each connection begins with, 1 or 2; 0 is none. It is not for UDP.
	ProxyProtocol int
	// Reset closes with a RST, which leaves no TIME_WAIT behind and frees the port at once, instead of a FIN.
	Reset bool
	// KernelBypass makes connections of packets of our own, past the kernel, instead of sockets (Linux, TCP and UDP; see docs/packets.md).
	KernelBypass bool
	// Frames is how these packets travel; the zero value is the best way that the interface has. Calls at the same time share an interface: there,
	// the first one's way counts.
	Frames frames.Way
	// TLS configures the handshake for network tls. A nil Config means Go's defaults; an empty ServerName means the target's host.
	TLS *tls.Config

	// Observer, if set, is told what happens while the call runs.
	Observer Observer
	// Monitor is the interval between two calls of Observer.Monitor; 0 means none.
	Monitor time.Duration
}

// Observer is told what happens while a call runs. Its methods are called by one goroutine, never two at once.
type Observer interface {
	// Outcomes is given connections that have ended, in batches. The slice is reused after it returns.
	Outcomes(batch []Outcome)
	// Second is called every second.
	Second()
	// Monitor is called at the interval that the plan asks for.
	Monitor(States)
}

// unobserved is the observer of a plan that has none.
type unobserved struct{}

func (unobserved) Outcomes([]Outcome) {}
func (unobserved) Second()            {}
func (unobserved) Monitor(States)     {}

// withDefaults returns the plan with every zero field filled in.
func (p Plan) withDefaults() Plan {
	if p.Network == "" {
		p.Network = "tcp"
	}
	if p.Connections == 0 {
		p.Connections = 1
	}
	if p.Concurrency == 0 {
		p.Concurrency = DefaultConcurrency
	}
	if p.Timeout == 0 {
		p.Timeout = p.defaultTimeout()
	}
	if p.ConnectTimeout == 0 {
		p.ConnectTimeout = DefaultConnectTimeout
	}
	if p.Payload == nil && p.Protocol() == "udp" {
		p.Payload = []byte(DefaultPayload)
	}
	if p.Observer == nil {
		p.Observer = unobserved{}
	}
	return p
}

func (p *Plan) defaultTimeout() time.Duration {
	length := time.Duration(p.Connections) * time.Millisecond
	if p.Rate > 0 {
		length = max(length, engine.Seconds(float64(p.Connections)/p.Rate))
	}
	return length + max(2*time.Second, p.ConnectTimeout)
}

// TimeLimit is how long a call of the plan may take: Timeout, or its default.
func (p Plan) TimeLimit() time.Duration { return p.withDefaults().Timeout }

// Bounds of a plan, so that what it costs in memory stays within reason: about 100 bytes for each connection in flight.
const (
	MaxConnections = 100_000_000
	MaxConcurrency = 1_000_000
)

// PlanError says which field of a plan is wrong, its value, and what is accepted. Other errors are the system's.
type PlanError struct{ Err error }

// Error implements error.
func (e *PlanError) Error() string { return e.Err.Error() }

// Unwrap returns the reason.
func (e *PlanError) Unwrap() error { return e.Err }

// validate returns a *PlanError for what is wrong.
func (p *Plan) validate() error {
	if err := p.check(); err != nil {
		return &PlanError{err}
	}
	return nil
}

func (p *Plan) check() error {
	switch {
	case len(p.Targets) == 0:
		return errors.New("no target; want at least one host:port")
	case p.Connections < 0 || p.Connections > MaxConnections:
		return fmt.Errorf("connections %d; want 1 to %d", p.Connections, MaxConnections)
	case p.Concurrency < 0 || p.Concurrency > MaxConcurrency:
		return fmt.Errorf("concurrency %d; want 1 to %d", p.Concurrency, MaxConcurrency)
	case p.Rate < 0:
		return fmt.Errorf("rate %v; want connections per second, or 0 for as fast as concurrency allows", p.Rate)
	case p.ConnectTimeout < 0:
		return fmt.Errorf("connect timeout %v; want a positive duration", p.ConnectTimeout)
	case p.Timeout < 0:
		return fmt.Errorf("timeout %v; want a positive duration", p.Timeout)
	}
	return p.checkNetwork()
}

// checkNetwork checks what depends on the network.
func (p *Plan) checkNetwork() error {
	proto, version := p.protocol()
	if p.ProxyProtocol < 0 || p.ProxyProtocol > 2 || p.ProxyProtocol > 0 && proto == "udp" {
		return fmt.Errorf("PROXY protocol %d with network %s; want version 1 or 2 with tcp or tls", p.ProxyProtocol, p.Network)
	}
	if proto != "tcp" && proto != "udp" && (proto != "tls" || version != "") {
		return fmt.Errorf("network %q; want tcp, tcp4, tcp6, udp, udp4, udp6 or tls", p.Network)
	}
	return p.checkFamilies(version)
}

func (p *Plan) checkFamilies(version string) error {
	for i := range p.Targets {
		t := &p.Targets[i]
		if t.Err != nil {
			continue
		}
		is4 := t.Addr.Addr().Is4()
		if !t.Addr.IsValid() || t.Addr.Port() == 0 {
			return fmt.Errorf("target %q has no address and port; see ParseTarget", t.Name)
		}
		if version != "" && is4 != (version == "4") {
			return fmt.Errorf("target %q has address %s, which network %s can't reach; want network %s", t.Name, t.Addr.Addr(), p.Network, strings.TrimRight(p.Network, "46"))
		}
		if pool := p.Sources.Pool; pool != nil && pool.Size() > 0 && is4 != pool.Is4() {
			return fmt.Errorf("source %q and target %q (%s) are of different families; want both IPv4 or both IPv6", pool, t.Name, t.Addr.Addr())
		}
	}
	return nil
}

// protocol splits the network into tcp, udp or tls, and the IP version it insists on ("", "4" or "6").
func (p *Plan) protocol() (proto, version string) {
	if n := len(p.Network); n > 1 && (p.Network[n-1] == '4' || p.Network[n-1] == '6') {
		return p.Network[:n-1], p.Network[n-1:]
	}
	return p.Network, ""
}

// Protocol is tcp, udp or tls: the network without the IP version it may insist on.
func (p *Plan) Protocol() string {
	if p.Network == "" {
		return "tcp"
	}
	proto, _ := p.protocol()
	return proto
}
