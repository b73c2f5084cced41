package engine

import (
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/blocks"
)

// A million connections are held: what each of them takes is on purpose.
func TestSizeOfConnections(t *testing.T) {
	t.Parallel()
	assert.EqualValues(t, 32, unsafe.Sizeof(Conn{}))
	assert.EqualValues(t, 16, unsafe.Sizeof(kept{}))
}

// Kept connections wake as they were.
func TestConnectionsSleep(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4)) // #nosec G404 -- repeatable
	for range 1000 {
		var want, got blocks.Awake[Conn]
		some := false
		planned, number := r.Int64N(1e15), r.Uint32N(1e8)
		for i := range want {
			if r.IntN(10) > 0 {
				want[i] = Conn{
					Planned: planned + r.Int64N(math.MaxUint32+1), Number: number + r.Uint32N(math.MaxUint16+1), Tag: uint16(r.Uint32()), // #nosec G115 -- some bits
					received: r.Uint32N(1 << receivedBits), rtt: r.Uint32N(1 << rttBits), retransmits: uint8(r.Uint32N(1 << resentBits)), // #nosec G115 -- it fits
					phase: established,
				}
				want[i].Since = want[i].Planned + r.Int64N(math.MaxUint32+1)
				some = true
			}
		}
		var a asleep
		used, ok := sleep(&want, &a)
		assert.True(t, ok)
		assert.Equal(t, some, used)
		wake(&a, &got)
		assert.Equal(t, want, got)
	}
}

// A connection of which sleep would lose something keeps its block awake.
func TestConnectionsStayAwake(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(c *Conn){
		"being dialed":                  func(c *Conn) { c.phase = dialing },
		"in its lane":                   func(c *Conn) { c.phase = settling },
		"a slow handshake":              func(c *Conn) { c.rtt = 1 << rttBits },
		"many bytes":                    func(c *Conn) { c.received = 1 << receivedBits },
		"many SYNs":                     func(c *Conn) { c.retransmits = 1 << resentBits },
		"planned long after the others": func(c *Conn) { c.Planned += math.MaxUint32 + 1; c.Since = c.Planned },
		"planned long before them":      func(c *Conn) { c.Planned -= math.MaxUint32 + 1; c.Since = c.Planned },
		"established late":              func(c *Conn) { c.Since = c.Planned + math.MaxUint32 + 1 },
		"established before its time":   func(c *Conn) { c.Since = c.Planned - 1 },
		"a number far from the others'": func(c *Conn) { c.Number += math.MaxUint16 + 1 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var awake blocks.Awake[Conn]
			for i := range awake {
				awake[i] = Conn{Planned: 1e12, Since: 1e12, Number: 1e6, phase: established}
			}
			_, ok := sleep(&awake, &asleep{})
			assert.True(t, ok)
			change(&awake[7])
			_, ok = sleep(&awake, &asleep{})
			assert.False(t, ok)
		})
	}
}
