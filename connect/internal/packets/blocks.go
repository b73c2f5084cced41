package packets

import (
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/arena"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/tcp"
)

// blockSize is how many connections fall asleep together: few enough that waking them all for one is no matter.
const blockSize = 1 << 6

// block has blockSize neighboring connections, awake or asleep. While all of them are at rest, as held ones are, they sleep, which takes
// less than half the memory. Both are nil if there are no connections.
type block struct {
	awake  *[blockSize]conn
	asleep *[blockSize]tcp.Rest
}

// blocks is an array of connections, in blocks.
type blocks struct {
	arena       arena.Arena
	all         []block
	awake       []uint32 // indices of blocks
	next        int      // of these, to be looked at
	spareAwake  pool[[blockSize]conn]
	spareAsleep pool[[blockSize]tcp.Rest]
}

func (s *blocks) makeRoom(i uint32) {
	for int(i/blockSize) >= len(s.all) {
		s.all = append(s.all, block{})
	}
}

// at wakes a connection and returns it, valid until rest.
func (s *blocks) at(i uint32) *conn {
	b := &s.all[i/blockSize]
	if b.awake == nil {
		s.wake(i / blockSize)
	}
	return &b.awake[i%blockSize]
}

func (s *blocks) isAwake(i uint32) bool { return s.all[i/blockSize].awake != nil }

func (s *blocks) wake(index uint32) {
	s.awake = append(s.awake, index)
	b := &s.all[index]
	b.awake = s.spareAwake.get(&s.arena)
	if b.asleep == nil {
		return
	}
	for i := range b.asleep {
		b.awake[i] = wakened(&b.asleep[i])
	}
	s.spareAsleep.put(b.asleep)
	b.asleep = nil
}

// port returns a connection's port, and wakes nothing.
func (s *blocks) port(i uint32) uint16 {
	switch b := &s.all[i/blockSize]; {
	case b.awake != nil:
		return b.awake[i%blockSize].port
	case b.asleep != nil:
		return b.asleep[i%blockSize].Port
	}
	return 0
}

// copy returns a connection as it is, and wakes nothing.
func (s *blocks) copy(i uint32) conn {
	if b := &s.all[i/blockSize]; b.awake == nil {
		return wakened(&b.asleep[i%blockSize])
	}
	return *s.at(i)
}

// remove removes a connection, and wakes nothing.
func (s *blocks) remove(i uint32) {
	b := &s.all[i/blockSize]
	if b.awake == nil {
		b.asleep[i%blockSize] = tcp.Rest{}
		return
	}
	c := &b.awake[i%blockSize]
	*c = conn{marks: c.marks & dirty}
}

const (
	restEvery   = tickNs
	looksAtOnce = 1 << 6 // half a million connections can fall asleep in a second
)

// rest puts some of the blocks to sleep that are at rest.
func (s *blocks) rest() {
	for range min(looksAtOnce, len(s.awake)) {
		if s.next >= len(s.awake) {
			s.next = 0
		}
		if !s.putToSleep(&s.all[s.awake[s.next]]) {
			s.next++
			continue
		}
		last := len(s.awake) - 1
		s.awake[s.next], s.awake = s.awake[last], s.awake[:last]
	}
}

// putToSleep returns false for a block that is not at rest.
func (s *blocks) putToSleep(b *block) (ok bool) {
	some := false
	for i := range b.awake {
		c := &b.awake[i]
		if !c.atRest() {
			return false
		}
		some = some || c.port != 0
	}
	if some {
		b.asleep = s.spareAsleep.get(&s.arena)
		for i := range b.awake {
			b.asleep[i] = b.awake[i].rest()
		}
	}
	s.spareAwake.put(b.awake)
	b.awake = nil
	return true
}

// atRest reports whether nothing would be lost of a connection that falls asleep. Its entry in alarms comes for nothing.
func (c *conn) atRest() bool { return c.marks&^armed == 0 && (c.port == 0 || c.Rests()) }

// rest is what is kept of a connection in its sleep.
func (c *conn) rest() tcp.Rest {
	if c.port == 0 {
		return tcp.Rest{}
	}
	return c.Rest(c.port)
}

func wakened(r *tcp.Rest) conn {
	if r.Port == 0 {
		return conn{}
	}
	return conn{Conn: r.Conn(), port: r.Port}
}

// pool keeps what is to be used again.
type pool[T any] []*T

// get returns something that is zero, from the arena if there is nothing to be used again.
func (p *pool[T]) get(from *arena.Arena) *T {
	last := len(*p) - 1
	if last < 0 {
		return arena.New[T](from)
	}
	t := (*p)[last]
	*p = (*p)[:last]
	return t
}

func (p *pool[T]) put(t *T) {
	var zero T
	*t = zero
	*p = append(*p, t)
}
