// Package icmp tells what ICMP messages say about a connection that could not be made: which kind, and from whom.
package icmp

import (
	"fmt"
	"net/netip"
)

// Error is an error that an ICMP message has told.
type Error struct {
	Err  error // of the call that failed
	From netip.Addr
	Kind string // what the message says, such as "host unreachable"

	// Prohibited is set if a firewall or a router forbids the packet.
	Prohibited bool
}

// Error implements error.
func (e Error) Error() string {
	return fmt.Sprintf("%v (ICMP: %s, from %s)", e.Err, e.Kind, e.From)
}

// Unwrap returns the error of the call.
func (e Error) Unwrap() error { return e.Err }

// Kind is what an ICMP message says (RFC 792, RFC 1812, RFC 4443).
func Kind(v6 bool, kind, code uint8) string {
	names := icmp4
	if v6 {
		names = icmp6
	}
	if name, known := names[[2]uint8{kind, code}]; known {
		return name
	}
	return fmt.Sprintf("type %d, code %d", kind, code)
}

// The kinds that Advice tells apart.
const (
	hostUnreachable     = "host unreachable"
	portUnreachable     = "port unreachable" // in IPv6, too
	fragmentationNeeded = "fragmentation needed"
	addressUnreachable  = "address unreachable"
	packetTooBig        = "packet too big"
	timeToLiveExceeded  = "time to live exceeded"
	hopLimitExceeded    = "hop limit exceeded"
)

// icmp4 and icmp6 have the kinds by type and code.
var icmp4 = map[[2]uint8]string{
	{3, 0}: "net unreachable", {3, 1}: hostUnreachable, {3, 2}: "protocol unreachable", {3, 3}: portUnreachable,
	{3, 4}: fragmentationNeeded, {3, 5}: "source route failed", {3, 6}: "net unknown", {3, 7}: "host unknown",
	{3, 9}: "net administratively prohibited", {3, 10}: "host administratively prohibited", {3, 11}: "net unreachable for this type of service",
	{3, 12}: "host unreachable for this type of service", {3, 13}: "communication administratively prohibited",
	{11, 0}: timeToLiveExceeded, {11, 1}: "fragment reassembly time exceeded",
}

var icmp6 = map[[2]uint8]string{
	{1, 0}: "no route to destination", {1, 1}: "administratively prohibited", {1, 2}: "beyond scope of source address", {1, 3}: addressUnreachable,
	{1, 4}: portUnreachable, {1, 5}: "source address failed policy", {1, 6}: "reject route", {2, 0}: packetTooBig,
	{3, 0}: hopLimitExceeded, {3, 1}: "fragment reassembly time exceeded",
}
