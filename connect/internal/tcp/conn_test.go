package tcp_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/tcp"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/wire"
)

const (
	iss    = 100
	irs    = 5000
	mss    = 1460
	window = 65535
	ms     = 1e6
)

// step is something that happens to a connection, and the segments that leave then.
type step struct {
	arrives *wire.TCP
	after   int64  // ms since the step before
	sends   string // by the caller
	does    func(c *tcp.Conn)
	leaves  []wire.TCP
	state   tcp.State
	what    tcp.What
	data    string
}

func seg(flags wire.Flags, seq, ack uint32, data string) *wire.TCP {
	return &wire.TCP{Flags: flags, Seq: seq, Ack: ack, Window: window, Payload: []byte(data)}
}

func out(flags wire.Flags, seq, ack uint32, data string) wire.TCP {
	return wire.TCP{Flags: flags, Seq: seq, Ack: ack, Payload: []byte(data)}
}

var (
	syn        = wire.TCP{Flags: wire.SYN, Seq: iss, MSS: mss}
	open       = step{does: func(c *tcp.Conn) { c.Open(iss, mss) }, leaves: []wire.TCP{syn}, state: tcp.SynSent}
	synAck     = step{arrives: seg(wire.SYN|wire.ACK, irs, iss+1, ""), leaves: []wire.TCP{out(wire.ACK, iss+1, irs+1, "")}, state: tcp.Established, what: tcp.Connected}
	finish     = func(c *tcp.Conn) { c.Shut() }
	rst        = wire.RST
	ack        = wire.ACK
	challenged = []wire.TCP{out(wire.ACK, iss+1, irs+1, "")}
)

// What arrives, and what leaves.
func TestConn(t *testing.T) {
	t.Parallel()
	for name, steps := range map[string][]step{
		"a flood's connection": {
			open, synAck,
			{arrives: seg(ack|wire.PSH, irs+1, iss+1, "web-1"), does: finish, data: "web-1", leaves: []wire.TCP{out(ack|wire.FIN, iss+1, irs+6, "")}, state: tcp.FinWait1},
			{arrives: seg(ack, irs+6, iss+2, ""), state: tcp.FinWait2, what: tcp.Opened},
			{arrives: seg(ack|wire.FIN, irs+6, iss+2, ""), leaves: []wire.TCP{out(ack, iss+2, irs+7, "")}, state: tcp.TimeWait, what: tcp.PeerDone | tcp.Ended},
			{arrives: seg(ack|wire.FIN, irs+6, iss+2, ""), leaves: []wire.TCP{out(ack, iss+2, irs+7, "")}, state: tcp.TimeWait},
			{after: 999, state: tcp.TimeWait},
			{arrives: seg(ack|wire.FIN, irs+6, iss+2, ""), leaves: []wire.TCP{out(ack, iss+2, irs+7, "")}, state: tcp.TimeWait},
			{after: 999, state: tcp.TimeWait},
			{after: 2, state: tcp.Closed},
		},
		"the peer closes first": {
			open, synAck,
			{arrives: seg(ack|wire.FIN, irs+1, iss+1, "bye"), data: "bye", leaves: []wire.TCP{out(ack, iss+1, irs+5, "")}, state: tcp.CloseWait, what: tcp.PeerDone},
			{does: finish, leaves: []wire.TCP{out(ack|wire.FIN, iss+1, irs+5, "")}, state: tcp.LastAck},
			{arrives: seg(ack, irs+5, iss+2, ""), state: tcp.Closed, what: tcp.Opened | tcp.Ended},
		},
		"both close at once": {
			open, synAck,
			{does: finish, leaves: []wire.TCP{out(ack|wire.FIN, iss+1, irs+1, "")}, state: tcp.FinWait1},
			{arrives: seg(ack|wire.FIN, irs+1, iss+1, ""), leaves: []wire.TCP{out(ack, iss+2, irs+2, "")}, state: tcp.Closing, what: tcp.PeerDone},
			{arrives: seg(ack, irs+2, iss+2, ""), state: tcp.TimeWait, what: tcp.Opened | tcp.Ended},
		},
		"nothing listens": {open, {arrives: seg(rst|ack, 0, iss+1, ""), state: tcp.Closed, what: tcp.Refused}},
		"a SYN is lost": {
			open,
			{after: 999, state: tcp.SynSent},
			{after: 1, leaves: []wire.TCP{syn}, state: tcp.SynSent},
			{after: 2000, leaves: []wire.TCP{syn}, state: tcp.SynSent},
			synAck,
		},
		"text is lost": {
			open,
			{after: 5, state: tcp.SynSent},
			synAck,
			{sends: "hello", leaves: []wire.TCP{out(ack|wire.PSH, iss+1, irs+1, "hello")}, state: tcp.Established},
			{after: 200, leaves: []wire.TCP{out(ack|wire.PSH, iss+1, irs+1, "hello")}, state: tcp.Established},
			{after: 199, state: tcp.Established},
			{after: 1, leaves: []wire.TCP{out(ack|wire.PSH, iss+1, irs+1, "hello")}, state: tcp.Established},
			{after: 400, leaves: []wire.TCP{out(ack|wire.PSH, iss+1, irs+1, "hello")}, state: tcp.Established},
			{arrives: seg(ack, irs+1, iss+3, ""), state: tcp.Established, what: tcp.Opened},
			{after: 800, leaves: []wire.TCP{out(ack|wire.PSH, iss+3, irs+1, "llo")}, state: tcp.Established},
		},
		"text and FIN are one segment": {
			open, synAck,
			{sends: "hello", does: finish, leaves: []wire.TCP{out(ack|wire.PSH|wire.FIN, iss+1, irs+1, "hello")}, state: tcp.FinWait1},
			{arrives: seg(ack, irs+1, iss+7, ""), state: tcp.FinWait2, what: tcp.Opened},
		},
		"a reset": {open, synAck, {arrives: seg(rst, irs+1, 0, ""), state: tcp.Closed, what: tcp.Reset}},
		"the peer has a connection of before": {
			open,
			{arrives: seg(ack, irs, iss-9, ""), leaves: []wire.TCP{{Flags: rst, Seq: iss - 9}}, state: tcp.SynSent},
			{after: 2, leaves: open.leaves, state: tcp.SynSent},
			{arrives: seg(ack, irs, iss-9, ""), leaves: []wire.TCP{{Flags: rst, Seq: iss - 9}}, state: tcp.SynSent},
			{after: 1000, state: tcp.SynSent},
			{after: 1000, leaves: open.leaves, state: tcp.SynSent},
		},
		"an old connection's segments flood in": {
			open,
			{arrives: seg(ack, irs, iss-9, ""), leaves: []wire.TCP{{Flags: rst, Seq: iss - 9}}, state: tcp.SynSent},
			{after: 1, arrives: seg(ack, irs, iss-9, ""), leaves: []wire.TCP{{Flags: rst, Seq: iss - 9}, syn}, state: tcp.SynSent},
		},
		"surprises": {
			open,
			{arrives: seg(wire.SYN|ack, irs, iss+7, ""), leaves: []wire.TCP{{Flags: rst, Seq: iss + 7}}, state: tcp.SynSent},
			{arrives: seg(rst, irs, iss+1, ""), state: tcp.SynSent},
			{arrives: seg(rst|ack, irs, iss+7, ""), state: tcp.SynSent},
			{arrives: seg(wire.SYN, irs, 0, ""), state: tcp.SynSent},
			{arrives: seg(ack, irs, iss+1, "x"), state: tcp.SynSent},
			synAck,
			{arrives: synAck.arrives, leaves: challenged, state: tcp.Established},
			{arrives: seg(rst, irs+2, 0, ""), leaves: challenged, state: tcp.Established},
			{arrives: seg(rst, irs, 0, ""), state: tcp.Established},
			{arrives: seg(rst, irs+1+window, 0, ""), state: tcp.Established},
			{arrives: seg(wire.SYN, irs+9, 0, ""), leaves: challenged, state: tcp.Established},
			{arrives: seg(0, irs+1, 0, "no ACK"), state: tcp.Established},
			{arrives: seg(ack, irs+1, iss+9, "not sent yet"), leaves: challenged, state: tcp.Established},
			{arrives: seg(ack, irs+1, 1<<32+iss-window, "a blind guess"), leaves: challenged, state: tcp.Established},
			{arrives: seg(ack, irs+1, 1<<31+iss, "another one"), leaves: challenged, state: tcp.Established},
			{arrives: seg(ack, irs+3, iss+1, "too early"), leaves: challenged, state: tcp.Established},
			{arrives: seg(ack|wire.FIN, irs+3, iss+1, ""), leaves: challenged, state: tcp.Established},
			{arrives: seg(ack, irs, iss+1, ""), leaves: challenged, state: tcp.Established},
			{arrives: seg(ack, irs+1, iss+1, "abc"), data: "abc", leaves: []wire.TCP{out(ack, iss+1, irs+4, "")}, state: tcp.Established},
			{arrives: seg(ack, irs+2, iss+1, "bcd"), data: "d", leaves: []wire.TCP{out(ack, iss+1, irs+5, "")}, state: tcp.Established},
			{arrives: seg(ack, irs+1, iss+1, "abcd"), leaves: []wire.TCP{out(ack, iss+1, irs+5, "")}, state: tcp.Established},
		},
		"a window that is shut": {
			open,
			{arrives: &wire.TCP{Flags: wire.SYN | ack, Seq: irs, Ack: iss + 1}, leaves: challenged, state: tcp.Established, what: tcp.Connected},
			{does: func(c *tcp.Conn) { c.Starve(0) }, state: tcp.Established},
			{after: 1000, leaves: []wire.TCP{out(ack, iss, irs+1, "")}, state: tcp.Established},
			{arrives: seg(ack, irs+1, iss+1, ""), state: tcp.Established, what: tcp.Opened},
			{after: 60_000, state: tcp.Established},
		},
		"nobody answers": {
			open, synAck,
			{sends: "x", leaves: []wire.TCP{out(ack|wire.PSH, iss+1, irs+1, "x")}, state: tcp.Established},
			{does: func(c *tcp.Conn) {
				for range 10 {
					assert.True(t, c.Expire(c.Deadline(0)))
					c.Next([]byte("x"), 0)
				}
			}, state: tcp.Established},
			{after: 60_000, state: tcp.Closed},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, steps)
		})
	}
}

func run(t *testing.T, steps []step) {
	t.Helper()
	var c tcp.Conn
	var kept []byte
	now := int64(0)
	for i, s := range steps {
		now += s.after * ms
		var leaves []wire.TCP
		if s.arrives != nil {
			n := c.Receive(s.arrives, window, now)
			assert.Equal(t, s.what, n.What, "step %d", i)
			assert.Equal(t, s.data, string(n.Data), "step %d", i)
			kept = kept[n.Acked:]
			if n.Reply != nil {
				leaves = append(leaves, *n.Reply)
			}
		}
		if s.sends != "" {
			assert.GreaterOrEqual(t, c.Room(len(kept)), len(s.sends))
			kept = append(kept, s.sends...)
		}
		if s.does != nil {
			s.does(&c)
		}
		c.Expire(now)
		for next, ok := c.Next(kept, now); ok; next, ok = c.Next(kept, now) {
			leaves = append(leaves, next)
		}
		assert.Equal(t, text(s.leaves), text(leaves), "step %d", i)
		assert.Equal(t, s.state.String(), c.State().String(), "step %d", i)
	}
}

// A segment that has come before its turn is kept only if its ACK field is one that the peer may have sent.
func TestMisses(t *testing.T) {
	t.Parallel()
	var c tcp.Conn
	c.Open(iss, mss)
	c.Next(nil, 0)
	c.Receive(synAck.arrives, window, 0)
	const first = 1<<32 + iss + 1
	for acked, want := range map[uint32]bool{
		iss + 1: true, iss: true, (first - window) % (1 << 32): true, (first - window - 1) % (1 << 32): false, iss + 2: false, 1<<31 + iss: false,
	} {
		assert.Equal(t, want, c.Misses(seg(ack, irs+3, acked, "early"), window), acked)
	}
}

// text makes no difference between no payload and an empty one.
func text(segments []wire.TCP) []wire.TCP {
	segments = slices.Clone(segments) // which several rows share
	for i := range segments {
		segments[i].Payload = append([]byte{}, segments[i].Payload...)
	}
	return segments
}

// Whatever arrives, what leaves is of this connection, and what is taken is in order.
func FuzzReceive(f *testing.F) {
	f.Add(uint32(irs+1), uint32(iss+1), uint8(ack), uint16(window), []byte("hello"))
	f.Add(uint32(irs+3), uint32(iss+6), uint8(ack|wire.FIN), uint16(0), []byte{})
	f.Add(uint32(irs), uint32(iss+1), uint8(wire.SYN|ack), uint16(1), []byte{})
	f.Fuzz(func(t *testing.T, seq, acked uint32, flags uint8, wnd uint16, data []byte) {
		for _, text := range []string{"", "hello"} {
			var c tcp.Conn
			kept := []byte(text)
			c.Open(iss, mss)
			c.Next(nil, 0)
			c.Receive(synAck.arrives, window, 0)
			c.Next(kept, 0)
			data := data[:min(len(data), mss)]
			n := c.Receive(&wire.TCP{Seq: seq, Ack: acked, Flags: wire.Flags(flags), Window: wnd, Payload: data}, window, ms)
			assert.LessOrEqual(t, n.Acked, len(kept))
			assert.LessOrEqual(t, len(n.Data), len(data))
			kept = kept[n.Acked:]
			for range 4 {
				if s, ok := c.Next(kept, ms); ok {
					assert.LessOrEqual(t, len(s.Payload), len(kept))
				}
			}
		}
	})
}
