package tcp_test

import (
	"bytes"
	"container/heap"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/tcp"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/wire"
	"github.com/seed-aa7fe5b5/xk6-mconnect/server/packets"
)

var (
	clientAddr = netip.MustParseAddrPort("10.0.0.1:40000")
	ownAddr    = netip.MustParseAddrPort("10.0.0.2:5001")
)

func newService(greet func([]byte, netip.AddrPort) []byte) *packets.Service {
	n := func() *atomic.Int64 { return new(atomic.Int64) }
	return &packets.Service{
		Greet: greet, Mark: func([]byte) {},
		Count: packets.Counters{Accepted: n(), Left: n(), Replies: n(), Received: n(), Sent: n(), Datagrams: n(), DatagramsAnswered: n()},
	}
}

// network joins a client and the service. From a seed, it loses segments, and has others arrive twice, late, and in another order.
type network struct {
	rand    *rand.Rand
	now     int64
	way     inFlight
	client  tcp.Conn
	service *packets.Service
	resets  int
	rests   int // of the client, between one segment and the next

	kept     []byte // by the client, until it is acknowledged
	received []byte
	news     map[tcp.What]int
}

type flying struct {
	at       int64
	toServer bool
	segment  wire.TCP
}

// inFlight are segments by when they arrive. It is a heap.
type inFlight []flying

func (f inFlight) Len() int           { return len(f) }
func (f inFlight) Less(i, j int) bool { return f[i].at < f[j].at }
func (f inFlight) Swap(i, j int)      { f[i], f[j] = f[j], f[i] }
func (f *inFlight) Push(x any)        { *f = append(*f, x.(flying)) }
func (f *inFlight) Pop() any {
	last := (*f)[len(*f)-1]
	*f = (*f)[:len(*f)-1]
	return last
}

func newNetwork(seed uint64, s *packets.Service) *network {
	n := &network{rand: rand.New(rand.NewPCG(seed, 0)), service: s, news: map[tcp.What]int{}} // #nosec G404 -- repeatable
	n.client.Open(n.rand.Uint32(), mss)
	return n
}

func (n *network) send(toServer bool, s wire.TCP) {
	if s.Has(wire.RST) {
		n.resets++
	}
	s.Payload = slices.Clone(s.Payload)
	const lost, twice, of = 15, 10, 100
	copies := 1
	switch luck := n.rand.IntN(of); {
	case luck < lost:
		copies = 0
	case luck < lost+twice:
		copies = 2
	}
	for range copies {
		heap.Push(&n.way, flying{n.now + n.rand.Int64N(300*ms), toServer, s})
	}
}

// step lets the client send what it has to, and then something arrive, or its timer run out. It returns false if nothing is left.
func (n *network) step() bool {
	for s, ok := n.client.Next(n.kept, n.now); ok; s, ok = n.client.Next(n.kept, n.now) {
		s.Window = window
		n.send(true, s)
	}
	n.rest()
	timer := n.client.Deadline(n.now)
	if len(n.way) == 0 || timer < n.way[0].at {
		if timer == tcp.Never {
			return false
		}
		n.now = timer
		n.client.Expire(n.now)
		return true
	}
	f := heap.Pop(&n.way).(flying) //nolint:forcetypeassert // nothing else is pushed
	n.now = f.at
	if f.toServer {
		if out, ok := n.service.Answer(&f.segment, clientAddr, ownAddr, mss, make([]byte, 0, 2048)); ok {
			n.send(false, out)
		}
		return true
	}
	news := n.client.Receive(&f.segment, window, n.now)
	n.kept = n.kept[news.Acked:]
	n.received = append(n.received, news.Data...)
	for _, what := range []tcp.What{tcp.Connected, tcp.Refused, tcp.Reset, tcp.PeerDone, tcp.Ended} {
		if news.Has(what) {
			n.news[what]++
		}
	}
	return true
}

// rest puts the client to rest and wakes it, if that can be.
func (n *network) rest() {
	if n.client.Rests() {
		r := n.client.Rest(0)
		n.client = r.Conn(n.client.Window())
		n.rests++
	}
}

// until lets time pass until something is so.
func (n *network) until(t *testing.T, is func() bool) {
	t.Helper()
	for steps := 0; !is(); steps++ {
		require.True(t, n.step() && steps < 10_000, "nothing happens any more, in %v", n.client.State())
	}
}

func (n *network) requireNoSurprises(t *testing.T, seed uint64) {
	t.Helper()
	n.until(t, func() bool { return n.client.State() == tcp.TimeWait })
	assert.Equal(t, map[tcp.What]int{tcp.Connected: 1, tcp.PeerDone: 1, tcp.Ended: 1}, n.news, "seed %d", seed)
	assert.Zero(t, n.resets, "seed %d", seed)
	for n.client.State() != tcp.Closed { // what is still on its way changes nothing
		n.step()
	}
	assert.Equal(t, 1, n.news[tcp.PeerDone], "seed %d", seed)
	assert.Zero(t, n.resets, "seed %d", seed)
}

// Whatever the network does, a client gets each byte back that it has sent, once and in order, and the connection ends in peace.
func TestEchoesOverALossyNetwork(t *testing.T) {
	t.Parallel()
	rests := 0
	for seed := range uint64(300) {
		n := newNetwork(seed, newService(nil))
		n.until(t, func() bool { return n.client.State() == tcp.Established })
		var sent []byte
		for range 8 {
			packet := make([]byte, 1+n.rand.IntN(mss))
			for i := range packet {
				packet[i] = byte(n.rand.Uint32())
			}
			require.LessOrEqual(t, len(packet), n.client.Room(len(n.kept)), "the last one has been acknowledged")
			sent = append(sent, packet...)
			n.kept = append(n.kept, packet...)
			n.until(t, func() bool { return len(n.received) >= len(sent) && len(n.kept) == 0 })
			require.True(t, bytes.Equal(sent, n.received), "seed %d", seed)
			pause := n.rand.IntN(2) == 0
			for pause && !n.client.Rests() {
				pause = n.step()
			}
		}
		n.client.Shut()
		n.requireNoSurprises(t, seed)
		assert.Len(t, n.received, len(sent), "seed %d", seed)
		assert.GreaterOrEqual(t, n.service.Count.Received.Load(), int64(len(sent)), "seed %d", seed)
		rests += n.rests
	}
	assert.Positive(t, rests)
}

// A client that asks gets the greeting once, even if the one that followed the handshake was lost.
func TestGreetsOverALossyNetwork(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		n := newNetwork(seed, newService(func(to []byte, _ netip.AddrPort) []byte { return append(to, "web-1"...) }))
		n.until(t, func() bool { return n.client.State() == tcp.Established })
		n.kept = []byte("Hello")
		n.until(t, func() bool { return len(n.received) > 0 && len(n.kept) == 0 })
		n.client.Shut()
		n.requireNoSurprises(t, seed)
		assert.Contains(t, []string{"web-1", "web-1web-1"}, string(n.received), "seed %d", seed)
	}
}
