// Package wire parses and builds the packets of the packet driver and its responder: Ethernet, IPv4, IPv6, TCP, UDP, ARP, and what
// both need of ICMP. It knows nothing of sockets, connections and time.
//
// Parsers trust nothing: a length that does not fit, a wrong checksum or a fragment is no packet. What they return are views of the
// frame, not copies. Checksums are always made, and always checked.
package wire
