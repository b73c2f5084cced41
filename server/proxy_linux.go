package server

import (
	"net/netip"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
)

// heads are the connections of a loop that have not sent their PROXY header yet. Its methods run on the loop's goroutine; of a nil
// *heads, which has none, awaits, tick and end can be called.
type heads struct {
	loop    *tcpLoop
	parser  *headerParser
	clients shelf[*head] // nil where a connection has begun
	waiting *loop.Queue
}

// A head is the beginning of a connection.
type head struct {
	own  netip.AddrPort // where the connection comes from
	kept []byte         // what has come of the header, if that is not all
}

func newHeads(t *tcpLoop) *heads {
	return &heads{loop: t, parser: newHeaderParser(), waiting: loop.NewQueue(int64(t.server.options.headerTimeout()))}
}

// await waits for a new connection's header.
func (h *heads) await(key uint32, own netip.AddrPort) {
	h.clients.makeRoom(key)
	*h.clients.at(key) = &head{own: own}
	h.waiting.Push(key, h.loop.source.Now())
}

func (h *heads) awaits(key uint32) bool { return h != nil && *h.clients.at(key) != nil }

// ready reads what has come, and lets the connection begin once its header is whole. It returns false when the connection is over.
func (h *heads) ready(key uint32, events loop.Events) (open bool) {
	client := *h.clients.at(key)
	data, open := h.loop.read(key, events, echoReadSize)
	if !open {
		h.reject(client, errHeaderEnd)
		return false
	}
	if len(client.kept) > 0 {
		client.kept = append(client.kept, data...)
		data = client.kept
	}
	source, rest, whole, err := h.parser.parse(data, client.own)
	switch {
	case err != nil:
		client.kept = data // for the log
		h.reject(client, err)
		return false
	case !whole:
		if len(client.kept) == 0 {
			client.kept = append(client.kept, data...)
		}
		return true
	}
	return h.begin(key, source, rest)
}

// begin serves a client whose header has been read, with what came behind the header.
func (h *heads) begin(key uint32, source netip.AddrPort, rest []byte) (open bool) {
	h.forget(key)
	h.loop.begin(key, source)
	if len(rest) == 0 {
		return true
	}
	h.loop.count.received.Add(int64(len(rest)))
	return h.loop.talk.heard(key, rest)
}

// reject counts a connection that has no header, and says so.
func (h *heads) reject(client *head, err error) {
	h.loop.server.rejectHeader(h.loop.count, client.own, client.kept, err)
}

// forget takes out a connection, which has begun or is over.
func (h *heads) forget(key uint32) {
	h.waiting.Remove(key)
	*h.clients.at(key) = nil
}

// tick closes connections whose header is late, and returns when the next one will be. What came in time counts, even if this process
// was paused and sees it late.
func (h *heads) tick() (wake int64) {
	if h == nil {
		return loop.Never
	}
	for {
		key, ok := h.waiting.Expired(h.loop.source.Seen())
		if !ok {
			break
		}
		h.reject(*h.clients.at(key), errHeaderLate)
		h.loop.hangUp(key)
	}
	_, deadline, _ := h.waiting.First()
	return deadline
}

// end closes all that still wait.
func (h *heads) end() {
	if h == nil {
		return
	}
	for key, _, ok := h.waiting.First(); ok; key, _, ok = h.waiting.First() {
		h.loop.hangUp(key)
	}
}
