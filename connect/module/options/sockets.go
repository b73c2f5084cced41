package options

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/sockets"
)

// Sockets is what a script asks of sockets().
type Sockets struct {
	Query  sockets.Query
	Remote string // URL of a companion server; "" is this host
	Tags   map[string]string
	Most   map[string]int64 // sockets that states may have; nil expects nothing
	Within time.Duration    // until then

	port int64
}

// ParseSockets checks the argument of sockets(), which may be nil.
func ParseSockets(options any) (*Sockets, error) {
	s := &Sockets{}
	if err := parseArgument(options, "{port: 5001}", s.table()); err != nil {
		return nil, fmt.Errorf("sockets(): %w", err)
	}
	object, _ := options.(map[string]any)
	if peer, remote := object["peer"], object["remote"]; peer != nil && remote != nil && s.Remote == "" {
		return nil, fmt.Errorf("sockets(): options \"peer\" and \"remote\": got peer: %s, remote: %s, two other ends; want one, or as remote a URL such as 'http://10.0.0.1:8090'",
			show(peer), show(remote))
	}
	s.Query.Port, s.Query.Queue = uint16(s.port), true // #nosec G115 -- checked above
	return s, nil
}

// Targets says in words what the table is of; none if it is of all sockets of this host.
func (s *Sockets) Targets() []string {
	of := []string{}
	values := s.Query.Values()
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if name != "queue" {
			of = append(of, name+" "+values.Get(name))
		}
	}
	if s.Remote != "" {
		of = append(of, "on "+s.Remote)
	}
	return of
}

func (s *Sockets) table() map[string]setter {
	return map[string]setter{
		"port":   whole(&s.port, 1, math.MaxUint16),
		"pid":    whole(&s.Query.PID, 1, math.MaxInt32),
		"peer":   {kind: KindText, set: s.peer},
		"remote": {kind: KindText, set: s.remote},
		"tags":   tags(&s.Tags),
		"expect": s.expectations(),
	}
}

// socketStates are the states that sockets can be expected in.
var socketStates = []string{
	"established", "syn_sent", "syn_recv", "fin_wait1", "fin_wait2", "time_wait", "close", "close_wait", "last_ack", "listen", "closing", "total",
}

// expectations are the most sockets that states may have, and how long to wait for that.
func (s *Sockets) expectations() setter {
	counts := make(map[string]*int64, len(socketStates))
	known := map[string]setter{"within": duration(&s.Within)}
	for _, state := range socketStates {
		n := new(int64)
		counts[state], known[state] = n, whole(n, 0, int64(1e12))
	}
	return setter{kind: KindObject, members: known, set: func(v any) error {
		object, ok := v.(map[string]any)
		if !ok {
			return fmt.Errorf("want an object of states and the most sockets in each, such as {close_wait: 0, within: '10s'}; states are %s", strings.Join(socketStates, ", "))
		}
		if err := parse(object, known); err != nil {
			return err
		}
		s.Most = map[string]int64{}
		for state, n := range counts {
			if object[state] != nil {
				s.Most[state] = *n
			}
		}
		return nil
	}}
}

func (s *Sockets) peer(v any) (err error) {
	const accepted = "want the other end of connections: '10.0.0.1:80', '[2001:db8::1]:80', '10.0.0.1' or ':80'"
	given, ok := v.(string)
	if !ok {
		return errors.New(accepted)
	}
	if s.Query.Peer, err = sockets.ParsePeer(given); err != nil {
		return errors.New(accepted)
	}
	return nil
}

// remote is a companion server's URL, or what peer takes.
func (s *Sockets) remote(v any) error {
	const accepted = "want the URL of the host's mconnect-server -http, such as 'http://10.0.0.1:8090', or the other end of connections, such as '10.0.0.1:80'"
	given, ok := v.(string)
	if !ok {
		return errors.New(accepted)
	}
	if strings.Contains(given, "://") {
		u, err := url.Parse(given)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return errors.New(accepted)
		}
		s.Remote = given
		return nil
	}
	if s.peer(given) != nil {
		return errors.New(accepted)
	}
	return nil
}
