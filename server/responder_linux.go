package server

import (
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/socket"
)

// What the kernel keeps for a client that sends but never reads; answers are short.
const responderSendBuffer = 16 << 10

func (responder) sendBuffer() int { return responderSendBuffer }

func (responder) talkOn(t *tcpLoop) talk { return responderTalk{t} }

// responderTalk is the responder's part of a loop.
type responderTalk struct{ loop *tcpLoop }

func (r responderTalk) welcome(key uint32) { r.tell(key) }

func (r responderTalk) ready(key uint32, events loop.Events) (open bool) {
	data, open := r.loop.hear(key, events, readSize)
	if len(data) > 0 {
		r.tell(key)
	}
	return open
}

func (responderTalk) forget(uint32) {}

// tell writes the host name. A client that does not read loses answers: nothing is kept for it.
func (r responderTalk) tell(key uint32) {
	name, count := r.loop.server.name, r.loop.count
	if n, _ := socket.Write(r.loop.conns.fd(key), name); n < len(name) {
		count.dropped.Add(1)
		return
	}
	count.replies.Add(1)
}
