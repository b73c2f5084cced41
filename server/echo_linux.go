package server

import (
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/sys"
)

// What the kernel keeps for a client that does not read its echo; besides, a read's worth is kept here.
const echoSendBuffer = 128 << 10

func (echo) sendBuffer() int { return echoSendBuffer }

func (e echo) talkOn(t *tcpLoop) talk { return &echoTalk{echo: e, loop: t} }

// echoTalk is the echo's part of a loop. A client is read only when all that it sent before has been taken back, so it
// is bounded what is kept for each.
type echoTalk struct {
	echo    echo
	loop    *tcpLoop
	clients shelf[echoClient]
}

type echoClient struct {
	marked bool
	kept   []byte // until marked, what has come of the head; then what the kernel has not taken yet
}

func (e *echoTalk) welcome(key uint32, _ netip.AddrPort) { e.clients.makeRoom(key) }

func (e *echoTalk) forget(key uint32) { *e.clients.at(key) = echoClient{} }

func (e *echoTalk) ready(key uint32, events loop.Events) (open bool) {
	client := e.clients.at(key)
	if client.marked && len(client.kept) > 0 {
		return e.flush(key, client, events)
	}
	data, open := e.loop.hear(key, events, echoReadSize)
	return open && e.heard(key, data)
}

func (e *echoTalk) heard(key uint32, data []byte) (open bool) {
	client := e.clients.at(key)
	if !client.marked {
		data = e.introduce(client, data)
	}
	return len(data) == 0 || e.send(key, client, data)
}

// introduce keeps data until there is a whole head, and then returns it marked, with all that came after it.
func (e *echoTalk) introduce(client *echoClient, data []byte) []byte {
	if len(client.kept) > 0 || len(data) < echoHead {
		client.kept = append(client.kept, data...)
		data = client.kept
	}
	if len(data) < echoHead {
		return nil
	}
	e.echo.mark(data[:echoHead])
	client.marked, client.kept = true, nil
	return data
}

// send writes what the kernel takes and keeps the rest, until when nothing more is read from this client.
func (e *echoTalk) send(key uint32, client *echoClient, data []byte) (open bool) {
	n, open := e.write(key, data)
	if !open || n == len(data) {
		return open
	}
	client.kept = slices.Clone(data[n:])
	return e.loop.watch(key, loop.Writable)
}

func (e *echoTalk) flush(key uint32, client *echoClient, events loop.Events) (open bool) {
	n, open := e.write(key, client.kept)
	client.kept = client.kept[n:]
	switch {
	case !open || n == 0 && events&(loop.Failed|loop.HungUp) != 0:
		return false
	case len(client.kept) > 0:
		return true
	}
	client.kept = nil // gives the memory back
	return e.loop.watch(key, loop.Readable)
}

func (e *echoTalk) write(key uint32, data []byte) (n int, open bool) {
	n, errno := sys.Write(e.loop.conns.fd(key), data)
	e.loop.count.sent.Add(int64(n))
	return n, errno == sys.OK || errno == unix.EAGAIN
}
