package connect_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/reply"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/wire"
)

// disorderly is a server at an address that no host has. It answers each handshake with a text in three segments and FIN, the last of them
// first, and sends nothing again.
func (i *intruder) disorderly(t *testing.T, at netip.AddrPort, done <-chan struct{}) {
	t.Helper()
	const iss = ^uint32(0) - 4 // so that the numbers wrap
	frame, buffer := make([]byte, 2048), make([]byte, 2048)
	for {
		select {
		case <-done:
			return
		default:
		}
		n, from, err := unix.Recvfrom(i.fd, buffer, 0)
		if err != nil {
			continue // the time is up
		}
		if l, ok := from.(*unix.SockaddrLinklayer); !ok || l.Pkttype == unix.PACKET_OUTGOING {
			continue
		}
		e, _ := wire.ParseEthernet(buffer[:n])
		ip, ok := e.Parse()
		if !ok || ip.Dst != at.Addr() {
			continue
		}
		s, ok := ip.TCP(wire.PartialChecksums)
		if !ok {
			continue
		}
		send := func(offset uint32, flags wire.Flags, text string) {
			s := wire.TCP{SrcPort: at.Port(), DstPort: s.SrcPort, Seq: iss + offset, Ack: s.Seq + s.Length(), Flags: flags | wire.ACK, Window: 1000, Payload: []byte(text)}
			i.send(t, frame[:wire.PutTCP(frame, &i.path, at.Addr(), ip.Src, &s)])
		}
		switch {
		case s.Has(wire.SYN):
			send(0, wire.SYN, "")
		case s.Ack == iss+1 && !s.Has(wire.FIN):
			send(7, wire.FIN, "")
			send(5, 0, "1\n")
			send(2, 0, "eb-")
			send(1, 0, "w")
		case s.Has(wire.FIN):
			send(8, 0, "")
		}
	}
}

// Segments that overtake each other are put in order: nothing is lost, and nothing has to be sent again.
func TestSegmentsOutOfOrder(t *testing.T) {
	t.Parallel()
	onEachWay(t, testSegmentsOutOfOrder)
}

func testSegmentsOutOfOrder(t *testing.T, w *wired) {
	t.Helper()
	i := newIntruder(t, w)
	at := netip.MustParseAddrPort("10.99.0.9:5001")
	require.NoError(t, w.in(w.client, func() error {
		l, err := netlink.LinkByName("wire")
		if err != nil {
			return err
		}
		return netlink.NeighAdd(&netlink.Neigh{LinkIndex: l.Attrs().Index, IP: at.Addr().AsSlice(), HardwareAddr: i.path.Own[:], State: netlink.NUD_PERMANENT})
	}))
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		i.disorderly(t, at, done)
	}()
	defer func() {
		close(done)
		<-ended
	}()
	r := w.flood(t, connect.FloodPlan{Plan: connect.Plan{Targets: targetsOf(at.String()), Connections: 20, Reply: &reply.Want{Until: []byte("\n")}}})
	assert.Equal(t, connect.Hosts{"web-1": 20}, r.Hosts, "%v", r.First)
}
