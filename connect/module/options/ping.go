package options

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/ping"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

// Pinging is what ping() and tcpPing() have in common.
type Pinging struct {
	Source   *source.Pool // nil is the VU's
	Timeout  time.Duration
	From, To string // names of the two ends; "" leaves them to the caller
	Tags     map[string]string
	Expect   verdicts.Expect

	AllAddresses bool // of a name, each is pinged
}

// Ping is what a script asks of ping().
type Ping struct {
	Pinging
	Plan ping.Plan // without source, TLS and resolver
}

// TCPPing is what a script asks of tcpPing().
type TCPPing struct {
	Pinging
	Target string
}

// ParsePing checks the arguments of ping().
func ParsePing(url, options any) (*Ping, error) {
	p := &Ping{}
	var ok bool
	if p.Plan.URL, ok = url.(string); !ok {
		return nil, fmt.Errorf("ping(): URL: got %s; want a text such as 'https://10.0.0.1/v1/ping'", show(url))
	}
	err := parseArgument(options, "{timeout: '2s'}", p.table())
	if err == nil && p.AllAddresses && p.Plan.IP.IsValid() {
		err = fmt.Errorf("options \"addresses\" and \"ip\": got 'all' and %s; want one of them, since ip is the address", p.Plan.IP)
	}
	if err == nil {
		if err = p.Plan.Check(); err != nil && !strings.Contains(p.Plan.URL, "://") {
			err = fmt.Errorf("%w; for host:port without HTTP there is tcpPing()", err)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("ping(): %w", err)
	}
	p.Plan.Timeout, p.Plan.From = p.Timeout, p.From
	return p, nil
}

// ParseTCPPing checks the arguments of tcpPing().
func ParseTCPPing(target, options any) (*TCPPing, error) {
	p := &TCPPing{}
	var ok bool
	if p.Target, ok = target.(string); !ok {
		return nil, fmt.Errorf("tcpPing(): target: got %s; want 'host:port' or '[v6]:port'", show(target))
	}
	if err := checkTarget(p.Target); err != nil {
		return nil, fmt.Errorf("tcpPing(): %w", err)
	}
	if err := parseArgument(options, "{timeout: '2s'}", p.table()); err != nil {
		return nil, fmt.Errorf("tcpPing(): %w", err)
	}
	return p, nil
}

func (p *Ping) table() map[string]setter {
	return p.setters(map[string]setter{
		"method":  text(&p.Plan.Method),
		"headers": headers(&p.Plan.Header),
		"ip":      address(&p.Plan.IP),
		"expect":  expect(&p.Expect, "{connected: true}", []string{verdicts.Connected, verdicts.Answered}, nil),
	})
}

func (p *TCPPing) table() map[string]setter {
	return p.setters(map[string]setter{"expect": expect(&p.Expect, "{connected: true}", []string{verdicts.Connected}, nil)})
}

// setters are those of the shared options, and more.
func (p *Pinging) setters(more map[string]setter) map[string]setter {
	known := map[string]setter{
		"source":  pool(&p.Source),
		"timeout": duration(&p.Timeout),
		"from":    place(&p.From),
		"to":      place(&p.To),
		"tags":    tags(&p.Tags, "from", "to", "url", "status"),

		"addresses": choice(&p.AllAddresses, "one", "all"),
	}
	maps.Copy(known, more)
	return known
}

// place is the name of one end of a ping. It becomes a column of a line, and a tag.
func place(to *string) setter {
	return text(to).and(func() error {
		if breaksLines(*to) {
			return errors.New("want a text without control characters, such as tabs and newlines")
		}
		return nil
	})
}

func address(to *netip.Addr) setter {
	return setter{kind: KindText, set: func(v any) error {
		s, _ := v.(string)
		addr, err := netip.ParseAddr(s)
		if err != nil {
			return errors.New("want an IP address such as '10.0.0.1' or '2001:db8::1'")
		}
		*to = addr.Unmap()
		return nil
	}}
}

func headers(to *http.Header) setter {
	return setter{kind: KindHeaders, set: func(v any) error {
		const accepted = "want an object of names and texts, such as {Accept: 'text/html'}"
		object, ok := v.(map[string]any)
		if !ok {
			return errors.New(accepted)
		}
		*to = http.Header{}
		for name, value := range object {
			s, ok := value.(string)
			if !ok {
				return fmt.Errorf("header %q is no text; %s", name, accepted)
			}
			if _, twice := (*to)[http.CanonicalHeaderKey(name)]; twice {
				return fmt.Errorf("header %q is there twice, in two spellings; %s", http.CanonicalHeaderKey(name), accepted)
			}
			to.Set(name, s)
		}
		return nil
	}}
}
