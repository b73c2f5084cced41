package ping

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/quote"
)

// Limits of a ping.
const (
	DefaultTimeout = 10 * time.Second
	MaxBody        = 64 << 20 // bytes of the answer's body
	maxHeader      = 64 << 10 // bytes of the answer's header
	maxRequest     = 64 << 10 // bytes of the URL, and of the request's headers
	shownInput     = 100      // bytes of a wrong input that an error repeats
)

// Plan is what to ping, and how. All but URL has a zero value that makes sense.
type Plan struct {
	// URL is absolute, http or https; see ParseURL. Redirects are not followed, proxies not used.
	URL string
	// Method is the request's; "" is GET.
	Method string
	// Header is sent with the request. Its Host, if any, replaces the URL's in the request, though not in SNI.
	Header http.Header
	// IP, if valid, is connected to in place of what the URL's host resolves to. Host header and SNI stay the URL's.
	IP netip.Addr
	// Source is the local address; not valid leaves the choice to the system.
	Source netip.Addr
	// Timeout bounds the whole ping, name resolution included; 0 is DefaultTimeout.
	Timeout time.Duration
	// TLS is for https; nil is Go's default. Its ServerName, if any, replaces the URL's host.
	TLS *tls.Config
	// From names the place that this ping comes from, for Result.Format.
	From string
	// Resolve finds the addresses; nil is the system's resolver. It is also asked for an address that needs no look-up, such as
	// IP, so that it can forbid it.
	Resolve Resolver
}

// Resolver finds the addresses of a host, which are tried in turn. How long that takes is Result.DNS, unless the host is an
// address already. An error that wraps ErrBlocked says that the caller's rules forbid the host.
type Resolver func(ctx context.Context, host string, port uint16) ([]netip.AddrPort, error)

// ErrBlocked is wrapped by the error of a Resolver that forbids a host or an address.
var ErrBlocked = errors.New("blocked")

// SystemResolver asks the operating system. It is what a Plan without Resolve uses.
func SystemResolver(ctx context.Context, host string, port uint16) ([]netip.AddrPort, error) {
	return With(net.DefaultResolver)(ctx, host, port)
}

// With asks a resolver of package net.
func With(resolver *net.Resolver) Resolver {
	return func(ctx context.Context, host string, port uint16) ([]netip.AddrPort, error) {
		addrs, err := resolver.LookupNetIP(ctx, "ip", host)
		if err != nil {
			return nil, err
		}
		found := make([]netip.AddrPort, len(addrs))
		for i, addr := range addrs {
			found[i] = netip.AddrPortFrom(addr.Unmap(), port)
		}
		return found, nil
	}
}

// Check says what is wrong with the plan, and what is accepted; nil if nothing is.
func (p *Plan) Check() error {
	if err := CheckURL(p.URL); err != nil {
		return err
	}
	if p.Method != "" && !httpguts.ValidHeaderFieldName(p.Method) { // RFC 9110: both are tokens
		return fmt.Errorf("method %s: want one such as GET or HEAD", quote.Text(p.Method, shownInput))
	}
	var size int
	for name, values := range p.Header {
		size += len(name)
		for _, value := range values {
			size += len(value)
			if err := checkHeader(name, value); err != nil {
				return err
			}
		}
	}
	if size > maxRequest {
		return fmt.Errorf("headers: got %d bytes; want at most %d", size, maxRequest)
	}
	return nil
}

func checkHeader(name, value string) error {
	header := "header " + quote.Text(name, shownInput)
	switch {
	case !httpguts.ValidHeaderFieldName(name):
		return fmt.Errorf("%s: want a name such as Accept", header)
	case slices.Contains(framing, http.CanonicalHeaderKey(name)):
		return fmt.Errorf("%s: says how a request is framed, and this one has no body; leave it out", header)
	case !httpguts.ValidHeaderFieldValue(value):
		return fmt.Errorf("%s: got %s; want a value without control characters", header, quote.Text(value, shownInput))
	case !strings.EqualFold(name, "Host"):
		return nil
	}
	if _, err := hostHeader(value); err != nil {
		return fmt.Errorf("%s: got %s; want a host, such as example.com or example.com:8080", header, quote.Text(value, shownInput))
	}
	return nil
}

// framing are headers that package http writes as the request needs them.
var framing = []string{"Content-Length", "Transfer-Encoding", "Trailer"}

func (p *Plan) timeout() time.Duration {
	if p.Timeout > 0 {
		return p.Timeout
	}
	return DefaultTimeout
}

func (p *Plan) request() (*http.Request, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	u, err := ParseURL(p.URL)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(context.Background(), p.Method, u.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	if p.Header != nil {
		request.Header = p.Header.Clone()
	}
	if host := request.Header.Get("Host"); host != "" {
		request.Host, _ = hostHeader(host) // has been checked
	}
	if user := request.URL.User; user != nil && request.Header.Get("Authorization") == "" {
		password, _ := user.Password()
		request.SetBasicAuth(user.Username(), password)
	}
	if _, given := request.Header["User-Agent"]; !given {
		request.Header.Set("User-Agent", "mconnect-ping")
	}
	if !httpguts.HeaderValuesContainsToken(request.Header["Connection"], "upgrade") {
		request.Header.Set("Connection", "close")
	}
	return request, nil
}
