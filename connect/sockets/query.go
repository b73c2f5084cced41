package sockets

import (
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// Query says which TCP sockets to count: those for which all fields that are set hold. The zero value is all sockets.
type Query struct {
	// Port is the local port.
	Port uint16
	// PID is the process that has the sockets open. No process has those in TIME_WAIT, and those not accepted yet.
	PID int
	// Peer is the other end: an address, a port, or both.
	Peer netip.AddrPort
	// Queue also asks for the listen queue of the sockets in LISTEN.
	Queue bool
}

func (q Query) String() string {
	var parts []string
	if q.Port != 0 {
		parts = append(parts, fmt.Sprintf("local port %d", q.Port))
	}
	if q.PID != 0 {
		parts = append(parts, fmt.Sprintf("process %d", q.PID))
	}
	if q.hasPeer() {
		parts = append(parts, "peer "+peerText(q.Peer))
	}
	if parts == nil {
		return "all TCP sockets"
	}
	return "TCP sockets of " + strings.Join(parts, " and ")
}

// Values is the query as the companion server takes it: port, pid, peer and queue.
func (q Query) Values() url.Values {
	v := url.Values{}
	if q.Port != 0 {
		v.Set("port", strconv.Itoa(int(q.Port)))
	}
	if q.PID != 0 {
		v.Set("pid", strconv.Itoa(q.PID))
	}
	if q.hasPeer() {
		v.Set("peer", peerText(q.Peer))
	}
	if q.Queue {
		v.Set("queue", "true")
	}
	return v
}

// ParseQuery is the reverse of Query.Values. The error says which parameter is wrong, and what is accepted.
func ParseQuery(values url.Values) (q Query, err error) {
	for name, given := range values {
		if len(given) != 1 {
			return Query{}, fmt.Errorf("%s: given %d times: give it once", name, len(given))
		}
		if err := q.set(name, given[0]); err != nil {
			return Query{}, err
		}
	}
	return q, nil
}

func (q *Query) set(name, value string) (err error) {
	const form = "%s %q: %s"
	switch name {
	case "port":
		port, wrong := strconv.ParseUint(value, 10, 16)
		if wrong != nil || port == 0 {
			return fmt.Errorf(form, name, value, "must be a local TCP port from 1 to 65535")
		}
		q.Port = uint16(port)
	case "pid":
		pid, wrong := strconv.ParseInt(value, 10, 32)
		if wrong != nil || pid < 1 {
			return fmt.Errorf(form, name, value, "must be the number of a process, 1 or above")
		}
		q.PID = int(pid)
	case "peer":
		if q.Peer, err = ParsePeer(value); err != nil {
			return err
		}
	case "queue":
		if q.Queue, err = strconv.ParseBool(value); err != nil {
			return fmt.Errorf(form, name, value, "must be true or false")
		}
	default:
		return fmt.Errorf("%q is not a parameter: use port, pid, peer and queue, such as ?port=8080", name)
	}
	return nil
}

// ParsePeer reads an address, address:port, [IPv6]:port or :port.
func ParsePeer(text string) (netip.AddrPort, error) {
	if address, err := netip.ParseAddr(text); err == nil {
		return netip.AddrPortFrom(address, 0), nil
	}
	if port, ok := strings.CutPrefix(text, ":"); ok {
		if n, err := strconv.ParseUint(port, 10, 16); err == nil && n > 0 {
			return netip.AddrPortFrom(netip.Addr{}, uint16(n)), nil
		}
	}
	peer, err := netip.ParseAddrPort(text)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("peer %q: must be an IP address, address:port, [IPv6]:port or :port", text)
	}
	return peer, nil
}

func (q Query) hasPeer() bool { return q.Peer != netip.AddrPort{} }

func peerText(peer netip.AddrPort) string {
	switch {
	case !peer.Addr().IsValid():
		return ":" + strconv.Itoa(int(peer.Port()))
	case peer.Port() == 0:
		return peer.Addr().String()
	}
	return peer.String()
}
