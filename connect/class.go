package connect

import "fmt"

// Class says why a connection failed. The zero value means that it did not.
type Class uint8

// The classes of failure.
const (
	ClassNone             Class = iota
	ClassRefused                // nothing listens, or the backlog is full and the system says so
	ClassTimeout                // no connection within the time allowed
	ClassReset                  // the peer reset the connection
	ClassClosed                 // the peer closed before it answered
	ClassHostUnreachable        // a router, or the neighbour table, knows no way to the host
	ClassNetUnreachable         // this host has no route there
	ClassAddrInUse              // the fixed source address and port are taken
	ClassAddrNotAvailable       // the source is not usable here, or its ports are used up
	ClassFDLimit                // this process, or the system, has no file descriptor left
	ClassNoReply                // connected, but no answer within the time allowed
	ClassBadReply               // the answer is no host name
	ClassDNS                    // the target's name does not resolve
	ClassBlocked                // the caller's rules, or this host's firewall, forbid the target
	ClassTLS                    // the TLS handshake failed
	ClassAborted                // the call was ended from outside
	ClassOther                  // anything else
	classCount
)

var classNames = [classCount]string{
	"", "refused", "timeout", "reset", "closed", "host_unreachable", "net_unreachable", "addr_in_use", "addr_not_available",
	"fd_limit", "no_reply", "bad_reply", "dns", "blocked", "tls", "aborted", "other",
}

// String is the name of the class in results and metric tags; "" for ClassNone.
func (c Class) String() string {
	if c >= classCount {
		return fmt.Sprintf("Class(%d)", uint8(c))
	}
	return classNames[c]
}

// MarshalText makes a class a readable key in JSON.
func (c Class) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads the name of a class; one that this version does not know counts as ClassOther.
func (c *Class) UnmarshalText(text []byte) error {
	*c = ClassOther
	for class, name := range classNames {
		if name == string(text) {
			*c = Class(class) // #nosec G115 -- an index below classCount
		}
	}
	return nil
}
