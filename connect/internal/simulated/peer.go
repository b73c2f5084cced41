package simulated

import (
	"bytes"
	"encoding/binary"
	"errors"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
)

const stampSize = 8

func stampOf(datagram []byte) uint64 {
	return binary.BigEndian.Uint64(datagram[len(datagram)-stampSize:])
}

// send takes what is sent to the peer.
func (c *Conn) send(p []byte) (int, engine.Fault) {
	w := c.driver.World
	if c.Script.Answers.SendFail != class.None && c.Packets > 0 {
		c.SendFault = c.Script.Answers.SendFail
		if c.driver.datagram && !c.Script.Answers.Echo {
			c.LastPacket, c.Rejected = w.now, c.SendFault
			c.awaits()
		}
		return 0, engine.Fault{Class: c.SendFault, Err: errEnded}
	}
	if c.HasShut {
		w.Fail(errAfterShut)
	}
	if c.driver.datagram {
		return c.sendDatagram(p), engine.Fault{}
	}
	switch {
	case c.toEcho == 0: // a new packet
		c.began(len(p))
		c.toEcho, c.size, c.spoilt = len(p), len(p), false
		c.owed = len(p)
	case len(p) != c.toEcho:
		w.Fail(errNotTheRest)
	case c.Answered && (c.driver.Phase == Expiring || c.driver.Phase == Stopping): // the rest is sent to ask once more
		c.LastPacket = w.now
		c.awaits()
	}
	n := len(p)
	if s := c.Script.Segment; s > 0 && n > s {
		n = s
		c.later(max(c.Script.Drain, 50_000), arrival{kind: engine.Writable})
	}
	c.toEcho -= n
	c.Sending = c.toEcho > 0
	c.Sent += int64(n)
	if !c.forgets() {
		c.answerStream(p[:n])
	}
	return n, engine.Fault{}
}

var (
	errAfterShut  = errors.New("something is sent after the sending side was shut down")
	errNotTheRest = errors.New("something else is sent than the rest of the packet")
)

// began takes note of a packet that is sent.
func (c *Conn) began(size int) {
	now := c.driver.World.now
	c.Packets++
	c.SinceAnswer++
	c.LastPacket = now
	c.awaits()
	if c.Script.Answers.Echo {
		c.sizeOf(size).Sent++
	}
}

// awaits takes note that an answer is waited for from now on, unless one is already.
func (c *Conn) awaits() {
	if c.SentFirst == 0 {
		c.SentFirst, c.Silence, c.heard, c.Begun = c.LastPacket, c.LastPacket-c.LastTold, c.heard[:0], false
	}
	c.Answered = false
}

func (c *Conn) sendDatagram(p []byte) int {
	s := &c.Script
	if s.Full > 0 && c.driver.World.Random.IntN(s.Full) == 0 {
		c.NotTaken++
		c.LastPacket = c.driver.World.now
		if !s.Answers.Echo { // as good as lost
			c.awaits()
		}
		return 0
	}
	c.began(len(p))
	c.Sent += int64(len(p))
	if s.Answers.Echo {
		if c.stamps == nil {
			c.stamps = map[uint64]datagram{}
		}
		c.last = stampOf(p)
		c.stamps[c.last] = datagram{len(p), c.LastPacket}
	}
	if !c.forgets() {
		c.answerDatagram(p)
	}
	return len(p)
}

// answerStream says what the peer answers to a part of a stream.
func (c *Conn) answerStream(p []byte) {
	a := &c.Script.Answers
	if a.CloseAt > 0 && c.Packets >= a.CloseAt {
		if c.toEcho == 0 {
			c.end(a.Delay)
		}
		return
	}
	begins, ends := c.toEcho+len(p) == c.size, c.toEcho == 0
	switch {
	case a.Until > 0 && c.Packets > a.Until:
	case a.Echo:
		c.say(c.echoPart(p))
	case a.Any != nil && (a.Early && begins || !a.Early && ends):
		c.say(c.answer(), false)
	}
}

// echoPart is the echo of a part of a stream, and whether it is spoilt.
func (c *Conn) echoPart(p []byte) (said []byte, spoilt bool) {
	a := &c.Script.Answers
	said = append(said, p...)
	if c.got < helloSize {
		c.greet(said)
	}
	c.got += int64(len(p))
	if spoilt = a.Corrupt > 0 && a.Corrupt == c.Packets && c.got > helloSize; spoilt {
		said[max(len(p)-int(c.got-helloSize), 0)] ^= 0xff
	}
	if a.Too > 0 && a.Too <= c.Packets {
		said = append(said, 'x')
	}
	return said, spoilt
}

// answer is what is said to a packet without Echo.
func (c *Conn) answer() []byte {
	a := &c.Script.Answers
	switch {
	case a.WrongAt > 0 && c.Packets >= a.WrongAt:
		return a.Wrong
	case c.forgot:
		return a.Moved
	}
	return a.Any
}

const helloSize = 64

// greet writes the peer's name at the beginning of the stream.
func (c *Conn) greet(said []byte) {
	for i := range said {
		if at := int(c.got) + i; at < len(c.Script.Host) {
			said[i] = c.Script.Host[at]
		}
	}
}

// say lets an answer on a stream arrive, in order.
func (c *Conn) say(said []byte, spoilt bool) {
	now := c.driver.World.now
	at := max(now+c.Script.Answers.Delay, c.lastSaid)
	pieces := max(c.Script.Answers.Pieces, 1)
	for i := range pieces {
		part := said[i*len(said)/pieces : (i+1)*len(said)/pieces]
		if len(part) == 0 {
			continue
		}
		c.later(at-now, arrival{kind: engine.Data, data: part, spoilt: spoilt})
		c.lastSaid = at
		at += 20_000
	}
}

// answerDatagram says what the peer answers to a datagram.
func (c *Conn) answerDatagram(p []byte) {
	a, random := &c.Script.Answers, c.driver.World.Random
	if a.Until > 0 && c.Packets > a.Until || !a.Echo && a.Any == nil || c.oneIn(a.Lose) {
		return
	}
	delay := a.Delay
	if a.Jitter > 0 {
		delay += random.Int64N(a.Jitter)
	}
	if !a.Echo {
		c.later(delay, arrival{kind: engine.Data, data: c.answer()})
		return
	}
	if c.oneIn(a.Late) {
		delay += random.Int64N(a.LateBy)
	}
	said := c.echo(p)
	c.later(delay, said)
	if c.oneIn(a.Twice) {
		c.later(delay+a.Jitter, said)
	}
	if c.oneIn(a.Stray) {
		c.stray(delay, said)
	}
}

// oneIn is true one time in so many; 0 is never.
func (c *Conn) oneIn(n int) bool { return n > 0 && c.driver.World.Random.IntN(n) == 0 }

// echo is a datagram's.
func (c *Conn) echo(p []byte) arrival {
	a := &c.Script.Answers
	said := arrival{kind: engine.Data, data: bytes.Clone(p)}
	said.moved = a.MoveAt > 0 && c.Packets >= a.MoveAt && (c.Packets-a.MoveAt)%4 < 2
	clear(said.data[:helloSize])
	copy(said.data, said.host(&c.Script))
	if last := len(said.data) - stampSize - 1; a.Corrupt == c.Packets && last >= helloSize {
		said.spoilt = true
		said.data[last] ^= 0xff
	}
	return said
}

// stray lets datagrams come that are no echoes.
func (c *Conn) stray(delay int64, said arrival) {
	said.noEcho, said.spoilt = true, false
	whole := said.data
	for _, data := range [][]byte{
		whole[:helloSize+stampSize-1], // too short
		append([]byte{'x'}, whole...), // longer than what was sent
		binary.BigEndian.AppendUint64(whole[:helloSize:helloSize], stampOf(whole)+1000), // from the future
		{},
	} {
		said.data = data
		c.later(delay, said)
	}
}

// shut takes note that this side sends nothing more.
func (c *Conn) shut() {
	now := c.driver.World.now
	if c.HasShut || c.Sending {
		c.driver.World.Fail(errShut)
	}
	c.HasShut, c.ShutAt = true, now
	if !c.Script.Answers.NoFIN {
		c.later(max(c.lastSaid-now, 0)+c.Script.Answers.Delay, arrival{kind: engine.Ended})
	}
}

var errShut = errors.New("the sending side is shut down twice, or before all was sent")
