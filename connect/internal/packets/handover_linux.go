package packets

import (
	"encoding/binary"
	"sync/atomic"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/wire"
)

// handover has frames for another end, until all that have arrived with them are taken. In front of each are its length and how often it has
// been handed over.
type handover []byte

const handoverHeader = 3

func (h *handover) add(frame []byte, hops uint8) {
	*h = binary.NativeEndian.AppendUint16(*h, uint16(len(frame))) // #nosec G115 -- a frame has up to 64 KiB
	*h = append(append(*h, hops), frame...)
}

func (h handover) each(take func(frame []byte, hops uint8)) {
	for len(h) > 0 {
		n := handoverHeader + int(binary.NativeEndian.Uint16(h))
		take(h[handoverHeader:n], h[handoverHeader-1])
		h = h[n:]
	}
}

// inbox has the frames that others have received for an end.
type inbox struct {
	handovers engine.Outbox[byte]
	bytes     atomic.Int64
	called    atomic.Bool // the end has been told of some
}

// mostInInbox is how many bytes wait in an inbox; further ones are dropped, as an interface does whose queue is full.
const mostInInbox = 16 << 20

// mostHops is how often a frame is handed over: two ends may have its connection.
const mostHops = 2

// ownersOf are the ends that may have a connection, the likelier one first: the one which the 5-tuple names, and the first, where the
// connections are that go by no hash.
func (l *link) ownersOf(t *tuple) [mostHops]int {
	hashed := t.owner(len(l.ends))
	for _, c := range l.odd.all() {
		if c.mayHave(t) {
			return [...]int{0, hashed}
		}
	}
	return [...]int{hashed, 0}
}

// handOn hands on a frame for whose connection this end has looked in vain. It returns false if no other end may have that.
func (e *end) handOn(t *tuple, frame []byte, hops uint8) bool {
	if len(e.ends) == 1 {
		return false
	}
	for i, owner := range e.ownersOf(t) {
		if i >= int(hops) && owner != e.at {
			e.handovers[owner].add(frame, uint8(i+1)) // #nosec G115 -- up to mostHops
			return true
		}
	}
	return false
}

// forward hands on a frame that another loop has received for this end's.
func (e *end) forward(frame []byte) {
	to := 0
	var p packet
	if outer, ok := wire.ParseEthernet(frame); ok && p.parse(&outer, e.checksums) {
		to = e.ownersOf(&p.tuple)[0]
	}
	e.handovers[to].add(frame, 1)
}

// look takes the frames that have arrived, and returns how many.
func (e *end) look(take func(frame []byte)) (n int) {
	if len(e.ends) == 1 {
		return e.queue.Receive(take)
	}
	e.receiving.Lock()
	defer e.receiving.Unlock()
	return e.lookAround(take)
}

func (e *end) lookAround(take func(frame []byte)) (n int) {
	at := loop.Now()
	n = e.queue.Receive(take)
	e.deliver()
	e.looked.Store(at)
	return n
}

// seen is the instant up to which everything that had arrived for this end's connections, wherever, has been handled: at most own, which is
// that for the loop. If something is due that should be own; else others are let sleep for a moment.
func (e *end) seen(own int64, due bool) (seen int64) {
	if len(e.ends) == 1 {
		return own
	}
	const moment = 1e6
	e.looked.Store(own)
	seen = own
	for _, other := range e.ends {
		at := other.looked.Load()
		if own-at > moment || due && at < own {
			at = other.lookInstead()
		}
		seen = min(seen, at)
	}
	e.open()
	return seen
}

// lookInstead hands on the frames that have arrived at an end whose loop has not looked, such as because it sleeps. It returns up to which
// instant.
func (e *end) lookInstead() (upTo int64) {
	if e.receiving.TryLock() {
		defer e.receiving.Unlock()
		e.lookAround(e.forward)
	}
	return e.looked.Load()
}

// deliver hands over what is for other ends.
func (e *end) deliver() {
	for i, h := range e.handovers {
		if len(h) == 0 {
			continue
		}
		to := &e.ends[i].inbox
		if to.bytes.Add(int64(len(h))) > mostInInbox {
			to.bytes.Add(-int64(len(h)))
			e.handovers[i] = h[:0]
			continue
		}
		e.handovers[i] = to.handovers.Deliver(h)
		if !to.called.Swap(true) {
			e.ends[i].loop.Do(e.ends[i].open)
		}
	}
}

// open takes the frames in the inbox.
func (e *end) open() {
	if e.closed {
		return
	}
	e.inbox.called.Store(false)
	e.receiving.Lock() // since some may have to be handed on
	defer e.receiving.Unlock()
	e.now = loop.Now()
	e.inbox.handovers.Drain(func(batch []byte) {
		e.inbox.bytes.Add(-int64(len(batch)))
		handover(batch).each(e.take)
	})
	e.deliver()
}
