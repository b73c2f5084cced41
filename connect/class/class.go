// Package class says why connections fail: the classes of failure that results and metrics tell, and how errors map to them.
package class

import "fmt"

// Class says why a connection failed. The zero value means that it did not.
type Class uint8

// The classes of failure.
const (
	None             Class = iota
	Refused                // nothing listens, or the backlog is full and the system says so
	Timeout                // no connection within the time allowed
	Reset                  // the peer reset the connection
	Closed                 // the peer closed before it answered
	HostUnreachable        // a router, or the neighbour table, knows no way to the host
	NetUnreachable         // this host has no route there
	AddrInUse              // the fixed source address and port are taken
	AddrNotAvailable       // the source is not usable here, or its ports are used up
	FDLimit                // this process, or the system, has no file descriptor left
	NoReply                // connected, but no answer within the time allowed
	BadReply               // the answer is no host name
	DNS                    // the target's name does not resolve
	Blocked                // the caller's rules, this host's firewall or routes, or a router on the way forbid the target
	TLS                    // the TLS handshake failed
	Aborted                // the call was ended from outside
	Other                  // anything else
	Count                  // of the classes
)

var names = [Count]string{
	"", "refused", "timeout", "reset", "closed", "host_unreachable", "net_unreachable", "addr_in_use", "addr_not_available",
	"fd_limit", "no_reply", "bad_reply", "dns", "blocked", "tls", "aborted", "other",
}

// String is the name of the class in results and metric tags; "" for None.
func (c Class) String() string {
	if c >= Count {
		return fmt.Sprintf("Class(%d)", uint8(c))
	}
	return names[c]
}

// IsOwn reports whether a connection failed on this host, before a packet of it went anywhere: that says nothing about the target.
func (c Class) IsOwn() bool {
	switch c {
	case NetUnreachable, AddrInUse, AddrNotAvailable, FDLimit, DNS, Aborted:
		return true
	default:
		return false
	}
}

// MarshalText makes a class a readable key in JSON.
func (c Class) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads the name of a class; one that this version does not know counts as Other.
func (c *Class) UnmarshalText(text []byte) error {
	*c = Other
	for class, name := range names {
		if name == string(text) {
			*c = Class(class) // #nosec G115 -- an index below Count
		}
	}
	return nil
}
