package frames

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/wire"
	"github.com/seed-aa7fe5b5/xk6-mconnect/internal/needs"
)

// judge is the program without an interface: the kernel runs it on frames that it is given, as each kind of hook gets them.
type judge struct {
	*table
	programs map[ebpf.ProgramType]*ebpf.Program
}

const taken = 4 // XDP_REDIRECT

func newJudge(t *testing.T, anyRemote bool) *judge {
	t.Helper()
	const purpose = "load BPF programs"
	needs.Root(t, purpose)
	maps, err := newTable(anyRemote)
	needs.Allowed(t, purpose, supported(err))
	require.NoError(t, err)
	t.Cleanup(maps.close)
	j := &judge{maps, map[ebpf.ProgramType]*ebpf.Program{}}
	for kind, skb := range map[ebpf.ProgramType]bool{ebpf.XDP: false, ebpf.SchedCLS: true} {
		program, err := maps.load(hook{kind, skb, xdpPass, asm.Instructions{asm.Mov.Imm(asm.R0, taken), asm.Return()}})
		require.NoError(t, err)
		t.Cleanup(func() { _ = program.Close() })
		j.programs[kind] = program
	}
	return j
}

// supported is an error of package ebpf in the words of package errors.
func supported(err error) error {
	if errors.Is(err, ebpf.ErrNotSupported) {
		return errors.Join(errors.ErrUnsupported, err)
	}
	return err
}

func (j *judge) takes(t *testing.T, frame []byte) bool {
	t.Helper()
	verdicts := map[ebpf.ProgramType]uint32{ebpf.SchedCLS: xdpPass}
	for kind, program := range j.programs {
		if kind == ebpf.SchedCLS && len(frame) < headersOf(frame) {
			continue // the kernel runs no program on a socket buffer without IP header
		}
		verdict, err := program.Run(&ebpf.RunOptions{Data: frame})
		require.NoError(t, err)
		require.Contains(t, []uint32{xdpPass, taken}, verdict)
		verdicts[kind] = verdict
	}
	require.Equal(t, verdicts[ebpf.XDP], verdicts[ebpf.SchedCLS])
	return verdicts[ebpf.XDP] == taken
}

func headersOf(frame []byte) int {
	switch binary.BigEndian.Uint16(frame[12:]) {
	case uint16(wire.TypeIPv4):
		return ethernet + ipv4
	case uint16(wire.TypeIPv6):
		return ethernet + ipv6
	default:
		return ethernet + 1
	}
}

// world is a call's 5-tuples in one IP version.
type world struct {
	ours, own, other netip.Addr // a source that no interface has, one that an interface has, and no source
	target, router   netip.Addr
	sources          netip.Prefix
}

var worlds = map[string]world{
	"IPv4": {
		netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("10.1.0.1"), netip.MustParseAddr("10.2.0.1"),
		netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("10.0.0.1"), netip.MustParsePrefix("10.1.0.0/16"),
	},
	"IPv6": {
		netip.MustParseAddr("fd01::2:3"), netip.MustParseAddr("fd01::1"), netip.MustParseAddr("fd02::1"),
		netip.MustParseAddr("fd00::2"), netip.MustParseAddr("fd00::1"), netip.MustParsePrefix("fd01::/64"),
	},
}

func (w *world) filter() *Filter {
	return &Filter{
		Locals:  []Local{{Prefix: w.sources, Answer: true}, {Prefix: netip.PrefixFrom(w.own, w.own.BitLen())}},
		Ports:   []source.Ports{{First: 10_000, Last: 10_099}},
		Remotes: []netip.AddrPort{netip.AddrPortFrom(w.target, 5001)},
	}
}

var anyPath = wire.Path{Own: wire.MAC{2, 0, 0, 0, 0, 2}, Next: wire.MAC{2, 0, 0, 0, 0, 1}}

func segment(from, to netip.Addr, fromPort, toPort uint16) []byte {
	frame := make([]byte, 128)
	return frame[:wire.PutTCP(frame, &anyPath, from, to, &wire.TCP{SrcPort: fromPort, DstPort: toPort, Flags: wire.ACK, Payload: []byte("hello")})]
}

func datagram(from, to netip.Addr, fromPort, toPort uint16) []byte {
	frame := make([]byte, 128)
	return frame[:wire.PutUDP(frame, &anyPath, from, to, &wire.UDP{SrcPort: fromPort, DstPort: toPort, Payload: []byte("hello")})]
}

// about is an ICMP error about a packet, without a checksum: whoever takes it looks at that.
func about(frame []byte, from, to netip.Addr) []byte {
	const ethernetSize, udpHeader = 14, 8
	packet := frame[ethernetSize:]
	carrier := make([]byte, 256)
	payload := make([]byte, len(packet)) // of the datagram that is made an ICMP error: its header has the same size
	copy(payload, packet)
	carrier = carrier[:wire.PutUDP(carrier, &anyPath, from, to, &wire.UDP{Payload: payload})]
	icmp := carrier[len(carrier)-len(packet)-udpHeader:]
	if from.Is4() {
		carrier[ethernetSize+9], icmp[0], icmp[1] = 1, 3, 3
	} else {
		carrier[ethernetSize+6], icmp[0], icmp[1] = 58, 1, 4
	}
	return carrier
}

// question asks who has an address.
func question(who, asker netip.Addr) []byte {
	const arpSize, solicitationSize = 28, 24
	frame := make([]byte, 128)
	if who.Is4() {
		frame = frame[:14+arpSize]
		binary.BigEndian.PutUint16(frame[12:], uint16(wire.TypeARP))
		binary.BigEndian.PutUint64(frame[14:], 0x0001_0800_0604_0001)
		target := who.As4()
		copy(frame[14+24:], target[:])
		return frame
	}
	frame = frame[:wire.PutUDP(frame, &anyPath, asker, who, &wire.UDP{Payload: make([]byte, solicitationSize-8)})]
	frame[14+6], frame[14+40], frame[14+41] = 58, 135, 0
	target := who.As16()
	copy(frame[14+40+8:], target[:])
	return frame
}

// The program takes the call's 5-tuples, errors about them, and questions for its sources, and nothing else.
func TestWhatIsTaken(t *testing.T) {
	t.Parallel()
	for family, w := range worlds {
		j := newJudge(t, false)
		ours := map[string][]byte{
			"TCP":                        segment(w.target, w.ours, 5001, 10_000),
			"UDP":                        datagram(w.target, w.ours, 5001, 10_099),
			"to an interface's address":  segment(w.target, w.own, 5001, 10_050),
			"an error about TCP":         about(segment(w.ours, w.target, 10_000, 5001), w.router, w.ours),
			"an error about UDP":         about(datagram(w.ours, w.target, 10_000, 5001), w.router, w.ours),
			"who has one of the sources": question(w.ours, w.target),
		}
		others := map[string][]byte{
			"a port below":                   segment(w.target, w.ours, 5001, 9_999),
			"a port above":                   segment(w.target, w.ours, 5001, 10_100),
			"another source":                 segment(w.target, w.other, 5001, 10_000),
			"another target":                 segment(w.router, w.ours, 5001, 10_000),
			"another port of the target":     segment(w.target, w.ours, 5002, 10_000),
			"to the target":                  segment(w.ours, w.target, 10_000, 5001),
			"an error about another source":  about(segment(w.other, w.target, 10_000, 5001), w.router, w.other),
			"an error about the other way":   about(segment(w.target, w.ours, 5001, 10_000), w.router, w.ours),
			"who has an interface's address": question(w.own, w.target),
			"who has the target":             question(w.target, w.router),
		}
		for name, frame := range ours {
			assert.False(t, j.takes(t, frame), "%s, %s: before there is a filter", family, name)
		}
		f := w.filter()
		require.NoError(t, j.Take(f))
		require.NoError(t, j.Take(f))
		j.Leave(f) // one of two users
		for name, frame := range ours {
			assert.True(t, j.takes(t, frame), "%s, %s", family, name)
			for n := ethernet; n < len(frame); n++ {
				j.takes(t, frame[:n]) // reads nothing beyond the end: the kernel would say so
			}
			assert.False(t, j.takes(t, frame[:33]), "%s, %s: cut off", family, name)
		}
		for name, frame := range others {
			assert.False(t, j.takes(t, frame), "%s, %s", family, name)
		}
		j.Leave(f)
		for name, frame := range ours {
			assert.False(t, j.takes(t, frame), "%s, %s: without a filter any more", family, name)
		}
	}
}

// Fragments and IP options are left to the kernel, since nobody here reads them.
func TestFragmentsAreNotTaken(t *testing.T) {
	t.Parallel()
	w := worlds["IPv4"]
	j := newJudge(t, false)
	require.NoError(t, j.Take(w.filter()))
	for name, change := range map[string]func(ip []byte){
		"first fragment":   func(ip []byte) { ip[6] |= 0x20 },
		"last fragment":    func(ip []byte) { ip[7] = 1 },
		"options":          func(ip []byte) { ip[0] = 0x46 },
		"another protocol": func(ip []byte) { ip[9] = 132 },
	} {
		frame := segment(w.target, w.ours, 5001, 10_000)
		assert.True(t, j.takes(t, frame))
		change(frame[14:])
		assert.False(t, j.takes(t, frame), name)
	}
}

// A server takes packets from anybody.
func TestAnyRemoteIsTaken(t *testing.T) {
	t.Parallel()
	for family, w := range worlds {
		j := newJudge(t, true)
		require.NoError(t, j.Take(&Filter{
			Locals: []Local{{Prefix: netip.PrefixFrom(w.target, w.target.BitLen()), Answer: true}}, Ports: []source.Ports{{First: 5001, Last: 5001}},
		}))
		assert.True(t, j.takes(t, segment(w.ours, w.target, 10_000, 5001)), family)
		assert.True(t, j.takes(t, datagram(w.other, w.target, 7, 5001)), family)
		assert.True(t, j.takes(t, question(w.target, w.router)), family)
		assert.False(t, j.takes(t, segment(w.ours, w.target, 10_000, 22)), family)
		assert.False(t, j.takes(t, segment(w.target, w.ours, 5001, 10_000)), family)
	}
}
