package server

import (
	"net/netip"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/sys"
)

// What the kernel keeps for a client that sends but never reads; answers are short.
const responderSendBuffer = 16 << 10

func (responder) sendBuffer() int { return responderSendBuffer }

func (r responder) talkOn(t *tcpLoop) talk {
	talk := &responderTalk{responder: r, loop: t}
	if !r.options.TellSource {
		talk.answer = r.name
	}
	return talk
}

// responderTalk is the responder's part of a loop.
type responderTalk struct {
	responder responder
	loop      *tcpLoop
	clients   shelf[netip.AddrPort] // empty unless clients are told their addresses
	answer    []byte                // what the client that is answered is told; its memory is used for all
}

func (r *responderTalk) welcome(key uint32, client netip.AddrPort) {
	if r.responder.options.TellSource {
		r.clients.makeRoom(key)
		*r.clients.at(key) = client
	}
	r.tell(key)
}

func (r *responderTalk) ready(key uint32, events loop.Events) (open bool) {
	data, open := r.loop.hear(key, events, readSize)
	return open && r.heard(key, data)
}

func (r *responderTalk) heard(key uint32, data []byte) (open bool) {
	if len(data) > 0 {
		r.tell(key)
	}
	return true
}

func (*responderTalk) forget(uint32) {}

// tell writes the answer. A client that does not read loses answers: nothing is kept for it.
func (r *responderTalk) tell(key uint32) {
	if r.responder.options.TellSource {
		r.answer = r.responder.appendAnswer(r.answer[:0], *r.clients.at(key))
	}
	count := r.loop.count
	if n, _ := sys.Write(r.loop.conns.fd(key), r.answer); n < len(r.answer) {
		count.dropped.Add(1)
		return
	}
	count.replies.Add(1)
}
