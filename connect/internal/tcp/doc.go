// Package tcp is the state machine of RFC 9293 for connections that this side opens, told in the RFC's words. It has no socket, no
// buffer and no clock: segments and instants come in as arguments, and [Conn.Next] tells what is to be sent.
//
// It does what a load generator's peers need, and no more: SYN with MSS, in-order data, retransmission by RFC 6298 with Karn's rule, FIN
// in both directions, TIME-WAIT, and RST. RFC 5961's checks keep blind attackers, and old duplicates, out. Segments that come out of order
// are asked for again, unless the caller keeps them (see [Conn.Misses]). There is no window scaling, SACK, urgent data, simultaneous open or congestion control: what is on its
// way is bounded by one segment.
package tcp
