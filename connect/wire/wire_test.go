package wire_test

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/wire"
)

var (
	path = wire.Path{Own: wire.MAC{2, 0, 0, 0, 0, 1}, Next: wire.MAC{2, 0, 0, 0, 0, 2}}
	ends = map[string][2]netip.Addr{
		"IPv4": {netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")},
		"IPv6": {netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")},
	}
)

func parse(t *testing.T, frame []byte) (wire.Ethernet, wire.IP) {
	t.Helper()
	e, ok := wire.ParseEthernet(frame)
	require.True(t, ok)
	ip, ok := e.Parse()
	require.True(t, ok)
	return e, ip
}

// What is built is read again, and not with any bit of it changed.
func TestTCP(t *testing.T) {
	t.Parallel()
	for family, addrs := range ends {
		for name, want := range map[string]wire.TCP{
			"SYN":        {SrcPort: 1, DstPort: 2, Seq: 3, Flags: wire.SYN, Window: 65535, MSS: 1460},
			"odd":        {SrcPort: 40000, DstPort: 5001, Seq: 1 << 31, Ack: 1<<32 - 1, Flags: wire.ACK | wire.PSH | wire.FIN, Window: 1, Payload: []byte("hello")},
			"no payload": {SrcPort: 40000, DstPort: 5001, Seq: 7, Flags: wire.RST, Payload: []byte{}},
		} {
			frame := make([]byte, 2048)
			n := wire.PutTCP(frame, &path, addrs[0], addrs[1], &want)
			e, ip := parse(t, frame[:n])
			got, ok := ip.TCP(wire.FullChecksums)
			require.True(t, ok, "%s %s", family, name)
			assert.Equal(t, want.Payload, append(want.Payload[:0:0], got.Payload...))
			got.Payload = want.Payload
			assert.Equal(t, want, got)
			assert.Equal(t, wire.Path{Own: e.Src, Next: e.Dst}, path)
			assert.Equal(t, [2]netip.Addr{ip.Src, ip.Dst}, addrs)
			for bit := range 8 * len(ip.Payload) {
				ip.Payload[bit/8] ^= 1 << (bit % 8)
				_, ok := ip.TCP(wire.FullChecksums)
				assert.False(t, ok, "%s %s with bit %d changed", family, name, bit)
				ip.Payload[bit/8] ^= 1 << (bit % 8)
			}
		}
	}
}

// The kernel at the other end of a veth pair leaves the sum of the pseudo-header where the checksum should be.
func TestPartialChecksum(t *testing.T) {
	t.Parallel()
	frame := make([]byte, 2048)
	s := wire.TCP{SrcPort: 1, DstPort: 2, Flags: wire.ACK, Payload: []byte("x")}
	n := wire.PutTCP(frame, &path, ends["IPv4"][0], ends["IPv4"][1], &s)
	_, ip := parse(t, frame[:n])
	pseudo := uint32(0x0a00) + 0x0001 + 0x0a00 + 0x0002 + 6 + uint32(len(ip.Payload))
	ip.Payload[16], ip.Payload[17] = byte(pseudo>>8), byte(pseudo)
	_, full := ip.TCP(wire.FullChecksums)
	_, partial := ip.TCP(wire.PartialChecksums)
	assert.False(t, full)
	assert.True(t, partial)
}

func TestUDP(t *testing.T) {
	t.Parallel()
	for family, addrs := range ends {
		frame := make([]byte, 2048)
		want := wire.UDP{SrcPort: 9, DstPort: 5001, Payload: []byte("Hello")}
		n := wire.PutUDP(frame, &path, addrs[0], addrs[1], &want)
		_, ip := parse(t, frame[:n])
		got, ok := ip.UDP(wire.FullChecksums)
		require.True(t, ok, family)
		assert.Equal(t, want, got)
		ip.Payload[9] ^= 1
		_, ok = ip.UDP(wire.FullChecksums)
		assert.False(t, ok, "%s with a changed byte", family)
		assert.Zero(t, wire.PutUDP(frame[:n-1], &path, addrs[0], addrs[1], &want), "no room")
	}
}

func TestMSS(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		family string
		mtu    int
		want   uint16
	}{{"IPv4", 1500, 1460}, {"IPv6", 1500, 1440}, {"IPv4", 1400, 1360}, {"IPv4", 65536, 1460}, {"IPv4", 100, 536}} {
		assert.Equal(t, row.want, wire.MSS(ends[row.family][0], row.mtu), "%v", row)
	}
}

// An ARP request and a neighbour solicitation, as Linux sends them, and their answers.
func TestNeighbour(t *testing.T) {
	t.Parallel()
	asker, own := wire.MAC{2, 0, 0, 0, 0, 9}, wire.MAC{2, 0, 0, 0, 0, 1}
	request := slices.Concat(wire.Broadcast[:], asker[:])
	request = append(request, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1)
	request = append(append(request, asker[:]...), 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 77)
	e, ok := wire.ParseEthernet(request)
	require.True(t, ok)
	n, ok := e.Neighbour()
	require.True(t, ok)
	assert.Equal(t, wire.Neighbour{Asker: asker, Address: netip.MustParseAddr("10.0.0.1"), Target: netip.MustParseAddr("10.0.0.77")}, n)
	frame := make([]byte, 128)
	size := n.PutAnswer(frame, own)
	assert.Equal(t, append(append(append(asker[:], own[:]...), 8, 6, 0, 1, 8, 0, 6, 4, 0, 2), append(append(own[:], 10, 0, 0, 77), append(asker[:], 10, 0, 0, 1)...)...), frame[:size])
	e, _ = wire.ParseEthernet(frame[:size])
	_, ok = e.Neighbour()
	assert.False(t, ok, "an answer is no question")
}

func FuzzParse(f *testing.F) {
	frame := make([]byte, 2048)
	for _, addrs := range ends {
		f.Add(append([]byte(nil), frame[:wire.PutTCP(frame, &path, addrs[0], addrs[1], &wire.TCP{Flags: wire.SYN, MSS: 1460})]...))
		f.Add(append([]byte(nil), frame[:wire.PutUDP(frame, &path, addrs[0], addrs[1], &wire.UDP{Payload: []byte("Hello")})]...))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		e, ok := wire.ParseEthernet(frame)
		if !ok {
			return
		}
		if n, ok := e.Neighbour(); ok {
			assert.NotZero(t, n.PutAnswer(make([]byte, 128), path.Own))
		}
		ip, ok := e.Parse()
		if !ok {
			return
		}
		assert.Equal(t, ip.Src.Is4(), ip.Dst.Is4())
		assert.LessOrEqual(t, len(ip.Payload), len(frame))
		if s, ok := ip.TCP(wire.PartialChecksums); ok {
			assert.LessOrEqual(t, len(s.Payload), len(frame))
		}
		_, _ = ip.UDP(wire.PartialChecksums)
		_, _ = ip.Rejection()
	})
}
