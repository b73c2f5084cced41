//go:build linux

package main

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/internal/needs"
)

// Verdicts of XDP programs.
const (
	xdpPass     = 2
	xdpRedirect = 4
)

// A testFrame is a packet to an XDP program.
type testFrame struct {
	source, destination string
	protocol            byte
	port                uint16 // of the source
	flags               byte
	edit                func(frame []byte) []byte // may be nil
}

func (f testFrame) bytes() []byte {
	source, destination := netip.MustParseAddr(f.source), netip.MustParseAddr(f.destination)
	transport := make([]byte, 20)
	binary.BigEndian.PutUint16(transport, f.port)
	binary.BigEndian.PutUint16(transport[2:], echoPort)
	transport[tcpFlags] = f.flags
	frame := make([]byte, 12, 80)
	if source.Is4() {
		frame = append(frame, 0x08, 0x00, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, f.protocol, 0, 0)
	} else {
		frame = append(frame, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 20, f.protocol, 64)
	}
	frame = slices.Concat(frame, source.AsSlice(), destination.AsSlice(), transport)
	if f.edit != nil {
		return f.edit(frame)
	}
	return frame
}

// A testXDP is the program with two backends: web-02 has all places of the table but those that a test changes.
type testXDP struct {
	xdpMaps
	program *ebpf.Program
}

func newTestXDP(t testing.TB, tracks bool) *testXDP {
	t.Helper()
	needs.Root(t, "load XDP programs")
	if missing := missingXDP(); missing != "" {
		needs.LeaveOut(t, missing)
	}
	maps, err := newXDPMaps(2, tracks)
	t.Cleanup(maps.close)
	require.NoError(t, err)
	for number := range uint32(3) {
		require.NoError(t, maps.hops.Put(number, hop{Interface: 1, To: [6]byte{2, 0, 0, 0, 0, byte(number)}, From: [6]byte{4}}))
	}
	x := &testXDP{xdpMaps: maps}
	x.program, err = ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.XDP, License: "MIT", Instructions: maps.program()})
	require.NoError(t, err)
	t.Cleanup(func() { _ = x.program.Close() })
	x.all(t, 2)
	return x
}

// all makes a backend that of all places.
func (x *testXDP) all(t testing.TB, number uint32) {
	t.Helper()
	for place := range uint32(maglevSize) {
		require.NoError(t, x.maglev.Put(place, number))
	}
}

// run returns what the program does with a frame, and which backend's MAC address it has then.
func (x *testXDP) run(t *testing.T, f testFrame) (verdict uint32, backend byte) {
	t.Helper()
	verdict, after, err := x.program.Test(f.bytes())
	require.NoError(t, err)
	return verdict, after[5]
}

func TestXDPProgram(t *testing.T) {
	t.Parallel()
	x := newTestXDP(t, false)
	change := func(offset int, value byte) func([]byte) []byte {
		return func(frame []byte) []byte { frame[offset] = value; return frame }
	}
	for _, test := range []struct {
		name  string
		frame testFrame
		dealt bool
	}{
		{"TCP", testFrame{source: "10.10.0.1", destination: "10.0.0.1", protocol: tcp, port: 20000}, true},
		{"UDP", testFrame{source: "10.10.0.1", destination: "10.0.0.1", protocol: udp, port: 20000}, true},
		{"TCP over IPv6", testFrame{source: "fd00:10::1", destination: "fd00::1", protocol: tcp, port: 20000}, true},
		{"UDP over IPv6", testFrame{source: "fd00:10::1", destination: "fd00::1", protocol: udp, port: 20000}, true},
		{"another address", testFrame{source: "10.10.0.1", destination: "10.0.0.2", protocol: tcp, port: 20000}, false},
		{"another address of IPv6", testFrame{source: "fd00:10::1", destination: "fd00::1:0:1", protocol: tcp, port: 20000}, false},
		{"ICMP", testFrame{source: "10.10.0.1", destination: "10.0.0.1", protocol: 1}, false},
		{"a fragment", testFrame{source: "10.10.0.1", destination: "10.0.0.1", protocol: udp, edit: change(v4Fragment+1, 8)}, false},
		{"more fragments", testFrame{source: "10.10.0.1", destination: "10.0.0.1", protocol: udp, edit: change(v4Fragment, 0x20)}, false},
		{"IP options", testFrame{source: "10.10.0.1", destination: "10.0.0.1", protocol: tcp, edit: change(ipHeader, 0x46)}, false},
		{"ARP", testFrame{source: "10.10.0.1", destination: "10.0.0.1", protocol: tcp, edit: change(etherType+1, 6)}, false},
		{"half a TCP header", testFrame{source: "10.10.0.1", destination: "10.0.0.1", protocol: tcp, edit: func(f []byte) []byte { return f[:v4Ports+8] }}, false},
		{"half an IPv6 header", testFrame{source: "fd00:10::1", destination: "fd00::1", protocol: tcp, edit: func(f []byte) []byte { return f[:v6Destination] }}, false},
		{"don't fragment", testFrame{source: "10.10.0.1", destination: "10.0.0.1", protocol: tcp, edit: change(v4Fragment, 0x40)}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			verdict, backend := x.run(t, test.frame)
			if test.dealt {
				assert.EqualValues(t, xdpRedirect, verdict)
				assert.EqualValues(t, 2, backend)
				return
			}
			assert.EqualValues(t, xdpPass, verdict)
			assert.Zero(t, backend)
		})
	}
}

// A connection stays where its SYN went; the next one with the same ports goes by the table. Without state, all do.
func TestXDPProgramTracks(t *testing.T) {
	t.Parallel()
	const ack = 0x10
	for name, test := range map[string]struct {
		tracks bool
		later  byte // backend of the connection's packets after the table has changed
	}{"with a connection table": {true, 2}, "without state": {false, 1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for family, of := range map[string]testFrame{
				"IPv4": {source: "10.10.0.1", destination: "10.0.0.1", protocol: tcp, port: 20000},
				"IPv6": {source: "fd00:10::1", destination: "fd00::1", protocol: tcp, port: 20000},
			} {
				x := newTestXDP(t, test.tracks)
				send := func(flags byte) byte {
					of.flags = flags
					verdict, backend := x.run(t, of)
					require.EqualValues(t, xdpRedirect, verdict)
					return backend
				}
				assert.EqualValues(t, 2, send(syn), family)
				assert.EqualValues(t, 2, send(ack), family)
				x.all(t, 1)
				assert.Equal(t, test.later, send(ack), "%s: the same connection", family)
				assert.EqualValues(t, 1, send(syn), "%s: a new one", family)
				assert.EqualValues(t, 1, send(ack), "%s: and its packets", family)
			}
		})
	}
}

// The hash uses all of the table alike.
func TestXDPProgramSpreads(t *testing.T) {
	t.Parallel()
	x := newTestXDP(t, false)
	for place := range uint32(maglevSize) {
		require.NoError(t, x.maglev.Put(place, place%2+1))
	}
	const flows = 4000
	first := 0
	for i := range flows {
		address := netip.AddrFrom4([4]byte{10, 10, 0, byte(i % 250)})                                                                    // #nosec G115 -- below 250
		_, backend := x.run(t, testFrame{source: address.String(), destination: "10.0.0.1", protocol: tcp, port: uint16(20000 + i/250)}) // #nosec G115 -- small
		if backend == 1 {
			first++
		}
	}
	assert.InDelta(t, flows/2, first, 5*32, "five standard deviations")
}

// What the program costs for each packet, without the driver and the redirection.
func BenchmarkXDPProgram(b *testing.B) {
	for name, tracks := range map[string]bool{"stateless": false, "with a connection table": true} {
		b.Run(name, func(b *testing.B) {
			x := newTestXDP(b, tracks)
			frame := testFrame{source: "10.10.0.1", destination: "10.0.0.1", protocol: tcp, port: 20000, flags: 0x10}.bytes()
			_, each, err := x.program.Benchmark(frame, max(b.N, 1000), b.ResetTimer)
			require.NoError(b, err)
			b.ReportMetric(float64(each.Nanoseconds()), "ns/packet")
		})
	}
}
