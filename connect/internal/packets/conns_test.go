package packets

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/blocks"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/tcp"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/wire"
)

// Connections are what they were, whatever falls asleep and is woken meanwhile, and those that are not at rest stay awake.
func TestConnsSleep(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 8)) // #nosec G404 -- repeatable
	all := newConns()
	want := map[connID]conn{}
	const keys = 3*blocks.Size + blocks.Size/2
	slept := 0
	for now := range int64(4_000) {
		id := idOf(r.Uint32N(keys))
		known, some := want[id]
		switch r.IntN(5) {
		case 0:
			all.known.RestSome(now * 1e9)
		case 1:
			if some {
				all.remove(id)
				delete(want, id)
			}
		case 2:
			if some {
				c := all.copy(id.index())
				assertSame(t, known, c)
				moved, at := all.linger(&c, id.index())
				all.remove(id)
				delete(want, id)
				want[moved] = *at
				if len(want) > 2*keys {
					all.remove(moved)
					delete(want, moved)
				}
			}
		case 3:
			if some {
				c := all.at(id)
				assertSame(t, known, *c)
				c.marks ^= writing
				want[id] = *c
			}
		case 4:
			if !some {
				_, c := all.add(id.index(), uint16(1+r.Uint32N(1<<16-1))) // #nosec G115 -- it fits
				c.Conn = established(r)
				want[id] = *c
			}
		}
		for id, c := range want {
			assert.Equal(t, c.port, all.port(id))
			if asleep := all.awake(id) == nil; asleep {
				slept++
				assert.Zero(t, c.marks)
			}
		}
	}
	assert.Positive(t, slept)
	for now := range int64(keys) {
		all.known.RestSome((4_000 + now) * 1e9)
	}
	lingering := 0
	all.eachLingerer(func(id connID, c *conn) {
		lingering++
		assertSame(t, want[id], *c)
	})
	for id, c := range want {
		assertSame(t, c, *all.at(id))
		if id.lingers() {
			lingering--
		}
	}
	assert.Zero(t, lingering)
}

// assertSame compares all but when the timer was started, which does not run.
func assertSame(t *testing.T, want, got conn) {
	t.Helper()
	assert.Equal(t, want.Rest(want.port), got.Rest(got.port))
	assert.Equal(t, want.Window(), got.Window())
	assert.Equal(t, want.marks, got.marks)
}

// established returns a connection whose round trip took no time that is lost in sleep.
func established(r *rand.Rand) (c tcp.Conn) {
	now := r.Int64N(1e9)
	c.Open(r.Uint32(), 1460)
	syn, _ := c.Next(nil, now)
	c.Receive(&wire.TCP{Seq: r.Uint32(), Ack: syn.Seq + 1, Flags: wire.SYN | wire.ACK, Window: 512 + uint16(r.Uint32N(2)), MSS: 1000}, 65535, now+4e6)
	c.Next(nil, now)
	return c
}
