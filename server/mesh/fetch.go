package mesh

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/ping"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
)

// Limits of what peers are asked for besides pings.
const (
	fetchTimeout = 5 * time.Second
	maxHeader    = 16 << 10
	// fetchers is how many rows are asked for at once, and listers how many lists: each so that the other never waits for it.
	fetchers = 16
	listers  = 8
)

// fetch lets read have a page of a peer as it comes, at an address that overrides DNS if it is valid. It follows no redirects and
// uses no proxy.
func (m *Mesh) fetch(ctx context.Context, page string, ip netip.Addr, read func(*document) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, fetchTimeout, errSlow)
	defer cancel()
	err := m.fetchWithin(ctx, page, ip, read)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx) // not what its end did to the connection
	}
	if err != nil {
		return fmt.Errorf("GET %s: %w", page, err)
	}
	return nil
}

var errSlow = fmt.Errorf("time is up after %s", fetchTimeout)

func (m *Mesh) fetchWithin(ctx context.Context, page string, ip netip.Addr, read func(*document) error) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, page, http.NoBody)
	if err != nil {
		return err //nolint:wrapcheck // fetch says of what
	}
	request.Header.Set("User-Agent", "mconnect-mesh")
	transport := &http.Transport{
		// With this context, not the transport's, which lets a dial and a handshake go on when the request has been given up.
		DialContext:            func(_ context.Context, _, to string) (net.Conn, error) { return m.dial(ctx, to, ip) },
		TLSClientConfig:        m.tls(),
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: maxHeader,
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return err //nolint:wrapcheck // fetch says of what
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("HTTP status %d", response.StatusCode)
	}
	return read(newDocument(response.Body))
}

// dial connects to the first address that answers. The connection ends with the context.
func (m *Mesh) dial(ctx context.Context, to string, ip netip.Addr) (net.Conn, error) {
	host, service, err := net.SplitHostPort(to)
	if err != nil {
		return nil, fmt.Errorf("address %q: %w", to, err)
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("port of %q: %w", to, err)
	}
	if ip.IsValid() {
		host = ip.String()
	}
	addrs, err := m.resolve(ctx, host, uint16(port))
	if err != nil {
		return nil, err
	}
	conn, err := ping.Dial(ctx, addrs, source.Dialer{}.DialContext)
	if err != nil {
		return nil, err //nolint:wrapcheck // says what was dialed
	}
	context.AfterFunc(ctx, func() { _ = conn.Close() })
	return conn, nil
}

func hostname(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return u.Hostname()
}
