package frames

import (
	"net/netip"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
)

// Filter says which packets are taken out of the kernel's way: TCP segments and UDP datagrams to a local address and port, and ICMP
// errors about those that were sent from there.
type Filter struct {
	Locals  []Local
	Ports   []source.Ports   // local
	Remotes []netip.AddrPort // nil is any; a device has either some in all of its filters, or in none
}

// Local is a set of local addresses.
type Local struct {
	Prefix netip.Prefix
	// Answer takes the questions who has such an address, too: ARP requests and neighbour solicitations. No interface has it.
	Answer bool
}
