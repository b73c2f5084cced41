package wire_test

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/wire"
)

// leavePartial does as the kernel does that leaves a checksum to a network card.
func leavePartial(ip *wire.IP) {
	at := 16
	if ip.Protocol == wire.ProtocolUDP {
		at = 6
	}
	sum := uint32(ip.Protocol) + uint32(len(ip.Payload)) // #nosec G115 -- small
	for _, b := range [][]byte{ip.Src.AsSlice(), ip.Dst.AsSlice()} {
		for ; len(b) > 0; b = b[2:] {
			sum += uint32(binary.BigEndian.Uint16(b))
		}
	}
	sum = sum>>16 + sum&0xffff
	binary.BigEndian.PutUint16(ip.Payload[at:], uint16(sum+sum>>16)) // #nosec G115 -- folded
}

// A checksum that the kernel has left undone becomes the one of the sender's own making.
func TestCompleteChecksum(t *testing.T) {
	t.Parallel()
	for family, addrs := range ends {
		for _, payload := range []string{"", "x", "Hello", "Hello, you"} {
			for protocol, put := range map[wire.Protocol]func(frame []byte) int{
				wire.ProtocolTCP: func(frame []byte) int {
					return wire.PutTCP(frame, &path, addrs[0], addrs[1], &wire.TCP{SrcPort: 1, DstPort: 2, Flags: wire.ACK, Payload: []byte(payload)})
				},
				wire.ProtocolUDP: func(frame []byte) int {
					return wire.PutUDP(frame, &path, addrs[0], addrs[1], &wire.UDP{SrcPort: 1, DstPort: 2, Payload: []byte(payload)})
				},
			} {
				frame := make([]byte, 128)
				frame = frame[:put(frame)]
				want := append([]byte(nil), frame...)
				_, ip := parse(t, frame)
				leavePartial(&ip)
				assert.NotEqual(t, want, frame)
				wire.CompleteChecksum(frame)
				assert.Equal(t, want, frame, "%s, protocol %d, %q", family, protocol, payload)
			}
		}
	}
}

// What has no such checksum, or is cut off, stays as it is.
func TestCompleteChecksumOfOthers(t *testing.T) {
	t.Parallel()
	whole := make([]byte, 128)
	whole = whole[:wire.PutTCP(whole, &path, ends["IPv4"][0], ends["IPv4"][1], &wire.TCP{Payload: []byte("x")})]
	for n := range whole {
		frame := append([]byte{}, whole[:n]...)
		wire.CompleteChecksum(frame)
		assert.Equal(t, whole[:n], frame)
	}
}
