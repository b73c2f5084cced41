package server

import (
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/frames"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/reply"
)

// What an option is when it has its zero value.
const (
	DefaultAddress = "[::1]:5001"
	// DefaultIdleTimeout is above the hour for which "mconnect -keep" holds connections on which it only reads.
	DefaultIdleTimeout = 65 * time.Minute
	DefaultDrain       = 5 * time.Second
	mostLoops          = 4

	DefaultHTTPStats   = 5 * time.Second
	DefaultHTTPTimeout = 30 * time.Second
)

// Options are what a server is started with. The zero value is a plain TCP responder on DefaultAddress.
type Options struct {
	// Address is the host:port of the TCP and UDP responder; "" is DefaultAddress, or none if there is an Echo. Port 0 lets the
	// system choose one, the same for TCP and UDP. An empty host or [::] takes both IPv4 and IPv6.
	Address string
	// UDP also answers datagrams on Address.
	UDP bool
	// NoTCP leaves TCP out there, and on Echo: datagrams alone are answered.
	NoTCP bool
	// Echo is the host:port of ctraffic's echo, for TCP and UDP, in the form of Address; "" is none.
	Echo string
	// Probe is the host:port of the Kubernetes liveness probe, http://Probe/healthz; "" is no probe.
	Probe string
	// ProxyProtocol wants a PROXY header, version 1 or 2, at the beginning of each TCP connection to Address and Echo, before TLS. One
	// that does not begin with a header, within 5 s or IdleTimeout, is closed. The client's address is then the header's source.
	ProxyProtocol bool
	// TellSource makes the responder, not the echo, answer with the host name, a TAB, and the client's address and port.
	TellSource bool
	// Packets is an interface of Linux on which Address and Echo are answered from packets alone, past the kernel: nothing is kept per
	// connection (see package packets). Neither has to be an address of an interface. "" is the kernel's sockets.
	Packets string
	// Frames is how these packets travel; the zero value is the best way that the interface has.
	Frames frames.Way
	// Hostname is the name in the answers: 1 to 255 bytes of printable UTF-8; "" is the system's host name.
	Hostname string

	// HTTP is the host:port of the HTTP listener: /metrics, /sockets, the mesh, and the slow listener under every other path; ""
	// is none.
	HTTP string
	// HTTPDelay is how long the slow listener lets each request wait; 0 is not at all.
	HTTPDelay time.Duration
	// HTTPTimeout is the time for reading a request's header, for reading its body and writing its answer once the delay is
	// over, and for the next request on the same connection; 0 is DefaultHTTPTimeout.
	HTTPTimeout time.Duration
	// HTTPClose makes the slow listener close the connection with its answer.
	HTTPClose bool
	// HTTPOutput gets a line "Received  N Rate R r/s" each HTTPStats; nil is none. HTTPStats 0 is DefaultHTTPStats, from the
	// slow listener's first request on; below 0 is never.
	HTTPOutput io.Writer
	HTTPStats  time.Duration

	// Mesh, if set, is called with the HTTP listener's address, and makes it a part of a mesh, whose API is at /v1. MeshPage gives its
	// page the path /, which is the slow listener's otherwise. MeshDescriptors is how many file descriptors it takes at most, which are
	// set aside.
	Mesh            func(listening netip.AddrPort) (Mesh, error)
	MeshPage        bool
	MeshDescriptors int
	// Endpoints are further paths of the HTTP listener, before the slow listener's.
	Endpoints map[string]http.Handler

	// Collectors are told on /metrics, besides the server's own.
	Collectors []prometheus.Collector

	// MaxConnections is how many TCP connections are served at once, HTTP's included; those beyond are closed as soon as they
	// are accepted. 0 is what the limit of file descriptors allows, less a reserve.
	MaxConnections int
	// IdleTimeout closes a connection on which nothing has arrived for so long; 0 is DefaultIdleTimeout.
	IdleTimeout time.Duration
	// Drain is how long Stop lets clients finish; 0 is DefaultDrain, below 0 is not at all.
	Drain time.Duration
	// Loops is the number of event loops (Linux, plain TCP); 0 is one per processor that Go uses, at most 4.
	Loops int

	// TLSCert and TLSKey are PEM files; with both, the responder and the echo speak TLS over TCP. "" is plain TCP.
	TLSCert, TLSKey string
	// TLS, if set, makes these speak TLS with a certificate that is not in files.
	TLS *tls.Config

	// Log gets one line per listener and rare, rate-limited warnings; nil is no log.
	Log *slog.Logger

	// OnAccept, if set, is told the address of every TCP client that the responder or the echo serves, before its first answer: the one in
	// the PROXY header, with ProxyProtocol. OnDatagram is told that of every datagram, before its answer. Both are called from several
	// goroutines at once, and must neither block nor stop the server.
	OnAccept   func(client netip.AddrPort)
	OnDatagram func(client netip.AddrPort)
}

// An OptionError says which option was wrong, and what is accepted.
type OptionError struct {
	Option string // the field of Options
	Value  string // what was given
	Reason string // why it is wrong, and what is accepted
}

func (e *OptionError) Error() string {
	return fmt.Sprintf("%s %q: %s", e.Option, e.Value, e.Reason)
}

// complete fills in the defaults and checks the rest.
func (o *Options) complete() error {
	if err := o.completeName(); err != nil {
		return err
	}
	if err := o.completeAddresses(); err != nil {
		return err
	}
	if err := o.checkPackets(); err != nil {
		return err
	}
	if err := o.completeHTTP(); err != nil {
		return err
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o.completeLimits()
}

func (o *Options) completeName() error {
	if o.Hostname == "" {
		name, err := os.Hostname()
		if err != nil {
			return &OptionError{"Hostname", "", "the system does not tell its host name (" + err.Error() + "): give one"}
		}
		o.Hostname = name
	}
	if !reply.Valid([]byte(o.Hostname)) {
		reason := fmt.Sprintf("not a name that clients accept: use 1 to %d bytes of printable UTF-8", reply.MaxLength)
		return &OptionError{"Hostname", o.Hostname, reason}
	}
	return nil
}

func (o *Options) completeAddresses() error {
	if o.Address == "" && o.Echo == "" {
		o.Address = DefaultAddress
	}
	for _, a := range []struct{ option, address string }{{"Address", o.Address}, {"Echo", o.Echo}, {"Probe", o.Probe}, {"HTTP", o.HTTP}} {
		if a.address == "" {
			continue
		}
		if err := checkAddress(a.option, a.address); err != nil {
			return err
		}
	}
	return nil
}

func (o *Options) completeHTTP() error {
	switch {
	case o.HTTPDelay < 0:
		return &OptionError{"HTTPDelay", o.HTTPDelay.String(), "must be 0 or more"}
	case o.HTTPTimeout < 0:
		return &OptionError{"HTTPTimeout", o.HTTPTimeout.String(), "must be above 0, or 0 for " + DefaultHTTPTimeout.String()}
	case o.HTTPTimeout == 0:
		o.HTTPTimeout = DefaultHTTPTimeout
	}
	if o.Mesh != nil && o.HTTP == "" {
		return &OptionError{"HTTP", "", "the mesh is served there: give an address, such as [::]:8090"}
	}
	return nil
}

func checkAddress(option, address string) error {
	const accepted = "use host:port or [IPv6]:port, such as [::]:5001"
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		reason := err.Error()
		if ae, ok := err.(*net.AddrError); ok { //nolint:errorlint // SplitHostPort returns just that
			reason = ae.Err
		}
		return &OptionError{option, address, reason + ": " + accepted}
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return &OptionError{option, address, "port is not a number from 0 to 65535: " + accepted}
	}
	return nil
}

func (o *Options) completeLimits() error {
	most := mostConnections()
	if o.Mesh != nil {
		most = max(most/2, most-o.MeshDescriptors)
	}
	switch {
	case o.MaxConnections < 0:
		return &OptionError{"MaxConnections", strconv.Itoa(o.MaxConnections), "must be 1 or more, or 0 for what the descriptor limit allows"}
	case o.MaxConnections > most:
		reason := fmt.Sprintf("the limit of file descriptors leaves room for %d: raise the limit (ulimit -n) or ask for fewer", most)
		return &OptionError{"MaxConnections", strconv.Itoa(o.MaxConnections), reason}
	case o.MaxConnections == 0:
		o.MaxConnections = most
	}
	if o.IdleTimeout < 0 {
		return &OptionError{"IdleTimeout", o.IdleTimeout.String(), "must be above 0, or 0 for " + DefaultIdleTimeout.String()}
	}
	if o.IdleTimeout == 0 {
		o.IdleTimeout = DefaultIdleTimeout
	}
	if o.Drain == 0 {
		o.Drain = DefaultDrain
	}
	if o.Loops < 0 {
		return &OptionError{"Loops", strconv.Itoa(o.Loops), "must be 1 or more, or 0 for one per processor"}
	}
	if o.Loops == 0 {
		o.Loops = min(runtime.GOMAXPROCS(0), runtime.NumCPU(), mostLoops)
	}
	return nil
}

// tls returns nil for plain TCP.
func (o *Options) tls() (*tls.Config, error) {
	if o.TLSCert == "" && o.TLSKey == "" {
		return o.TLS, nil
	}
	const accepted = "TLS needs both a certificate and its key, as PEM files"
	if o.TLSCert == "" {
		return nil, &OptionError{"TLSCert", "", accepted}
	}
	if o.TLSKey == "" {
		return nil, &OptionError{"TLSKey", "", accepted}
	}
	pair, err := tls.LoadX509KeyPair(o.TLSCert, o.TLSKey)
	if err != nil {
		return nil, &OptionError{"TLSCert", o.TLSCert, fmt.Sprintf("with the key %q: %v: %s", o.TLSKey, err, accepted)}
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}
