package packets

import (
	"encoding/binary"
	"hash/maphash"
	"net/netip"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/wire"
)

const (
	// window is a segment: the kernel at the other end of a virtual link would send more of them in one frame, which has no room for them.
	window = 1460
	// farthest is how many bytes of an answer a client may have acknowledged. Above that, an ACK is of no connection.
	farthest = 1 << 31
	// markSize is how much of an echo's beginning is marked.
	markSize = 64
)

// seed makes sequence numbers that only this server knows.
var seed = maphash.MakeSeed()

// number is the initial sequence number of a connection.
func number(client, service netip.AddrPort) uint32 {
	var b [36]byte
	from, to := client.Addr().As16(), service.Addr().As16()
	copy(b[:], from[:])
	copy(b[16:], to[:])
	binary.NativeEndian.PutUint16(b[32:], client.Port())
	binary.NativeEndian.PutUint16(b[34:], service.Port())
	return uint32(maphash.Bytes(seed, b[:])) // #nosec G115 -- some of the bits
}

// Answer returns the segment that answers one of a client's; ok is false if none does. buffer is for its payload.
func (s *Service) Answer(in *wire.TCP, client, own netip.AddrPort, mss uint16, buffer []byte) (out wire.TCP, ok bool) {
	first := number(client, own)
	switch {
	case in.Has(wire.RST):
		return out, false
	case in.Has(wire.SYN | wire.ACK):
		return refuse(in), true
	case in.Has(wire.SYN):
		return wire.TCP{Seq: first, Ack: in.Seq + 1, Flags: wire.SYN | wire.ACK, Window: window, MSS: mss}, true
	case !in.Has(wire.ACK):
		return out, false
	}
	position := in.Ack - first - 1 // of what the client has got
	if position >= farthest {
		return refuse(in), true
	}
	out = wire.TCP{Seq: in.Ack, Ack: in.Seq + in.Length(), Flags: wire.ACK, Window: window}
	isHandshake := position == 0 && in.Length() == 0
	if isHandshake {
		s.Count.Accepted.Add(1)
		if s.OnAccept != nil {
			s.OnAccept(client)
		}
	}
	out.Payload = s.say(in, position, client, buffer)
	if len(out.Payload) > 0 {
		out.Flags |= wire.PSH
	}
	if in.Has(wire.FIN) {
		s.Count.Left.Add(1)
		out.Flags |= wire.FIN
	}
	return out, in.Length() > 0 || len(out.Payload) > 0
}

// say returns what a client is told. One that closes, or sends, before it has read the greeting gets that once more, in the same place.
func (s *Service) say(in *wire.TCP, position uint32, client netip.AddrPort, buffer []byte) []byte {
	s.Count.Received.Add(int64(len(in.Payload)))
	switch {
	case s.Greet == nil:
		echo := buffer[:copy(buffer[:cap(buffer)], in.Payload)] // which has room for a frame
		if position == 0 {
			s.Mark(echo[:min(len(echo), markSize)])
		}
		s.Count.Sent.Add(int64(len(echo)))
		return echo
	case position == 0 || len(in.Payload) > 0:
		s.Count.Replies.Add(1)
		return s.Greet(buffer, client)
	}
	return nil
}

// refuse is the RST for a segment of no connection (RFC 9293, section 3.10.7.1).
func refuse(in *wire.TCP) wire.TCP {
	if in.Has(wire.ACK) {
		return wire.TCP{Seq: in.Ack, Flags: wire.RST}
	}
	return wire.TCP{Ack: in.Seq + in.Length(), Flags: wire.RST | wire.ACK}
}
