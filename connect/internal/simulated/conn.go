package simulated

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
)

// Conn is a connection, and the truth about it.
type Conn struct {
	Key       uint32
	Number    int64
	Script    Script
	Local     netip.AddrPort
	Bare      bool // without a descriptor, which the core is told later
	Next      *Conn
	Due, Told int64 // the test's own

	Dialed      int64
	Established int64 // when the core was told; 0 if it was not
	Ended       int64 // when the core closed it
	EndedIn     Phase // what the driver was doing then
	SeenThen    int64 // all that had arrived by then had been told
	IsClosed    bool
	DialFault   class.Class // that the core was told
	PeerEnded   bool        // the core was told that the peer has ended the connection, or that it has failed
	EndFault    class.Class
	Holding     int64 // connections of the job that had a descriptor when this one was told to have none
	Beside      int64 // connections of the job that were open beside it then

	FirstData []byte // that the core was told, if not empty
	FirstTold int64  // when
	HasData   bool
	Answers   int     // that were complete
	Answered  bool    // all that was asked for has come
	Begun     bool    // a part of it has
	Verdict   Verdict // of the last answer
	LastHost  string  // that the last of these has named
	Moved     bool    // another host than before has answered
	Sent      int64   // bytes
	Received  int64   // bytes that the core was told

	Packets     int   // sends that began a packet
	NotTaken    int   // sends that this host did not take
	LastPacket  int64 // when the last packet was begun, or not taken
	SentFirst   int64 // when the first packet was sent that has no answer yet; 0 if there is none
	SinceAnswer int   // packets
	LastTold    int64 // when the core was told of bytes last
	Silence     int64 // from then until the packet was sent that waits for its answer, or has it
	Gap         int64 // from the bytes before the last ones until these
	Took        int64 // from the packet to its answer
	LastAnswer  int64 // when all that was asked for had come last
	Sending     bool  // a packet has not been sent in full
	HasShut     bool
	ShutAt      int64
	SendFault   class.Class
	Rejected    class.Class // what was told last of datagrams that wait for an answer, such as by ICMP

	Echoes    int // whole echoes that the core was told
	FirstEcho int64
	LastEcho  int64
	Corrupted int  // echoes that were spoilt
	TooMuch   bool // the core was told more than was sent
	Sizes     []Size

	driver   *Driver
	readIn   uint64              // look of the driver
	isUp     bool                // at the peer
	lastSaid int64               // when what the peer said last arrives: a stream keeps its order
	toEcho   int                 // bytes of the packet that is being sent that are still to be sent
	size     int                 // of that packet
	owed     int                 // bytes of it that are still to come back
	spoilt   bool                // some of them were
	heard    []byte              // of an answer
	stamps   map[uint64]datagram // those without an echo
	last     uint64              // the last one's
	got      int64               // bytes that the peer has got
	active   int64               // when something passes last on its way
	forgot   bool                // something on the way has forgotten the connection
	first    Verdict             // of the first answer
}

// datagram is one that was sent.
type datagram struct {
	size int
	at   int64
}

// Size is what has become of the packets of one size.
type Size struct{ Size, Sent, Received int }

func (c *Conn) sizeOf(size int) *Size {
	for i := range c.Sizes {
		if c.Sizes[i].Size == size {
			return &c.Sizes[i]
		}
	}
	c.Sizes = append(c.Sizes, Size{Size: size})
	return &c.Sizes[len(c.Sizes)-1]
}

// Job is the job that the connection belongs to.
func (c *Conn) Job() *engine.Job { return c.driver.Job }

// Driver is the driver that carries the connection.
func (c *Conn) Driver() *Driver { return c.driver }

func (c *Conn) handshake() engine.Handshake {
	if c.driver.datagram {
		return engine.Handshake{}
	}
	h := engine.Handshake{RTT: c.Script.RTT, Retransmits: c.Script.SYNRetries}
	if c.Packets > 0 {
		h.Retransmits += c.Script.Answers.Retrans
	}
	return h
}

// later lets something arrive.
func (c *Conn) later(after int64, a arrival) {
	if after == Never {
		return
	}
	w := c.driver.World
	w.push(w.reported(w.now+after), happening{conn: c, arrival: a})
}

// arrives puts something before the process.
func (c *Conn) arrives(a arrival) {
	if c.IsClosed {
		if c = c.heir(&a); c == nil {
			return
		}
	}
	switch a.kind {
	case engine.Connected:
		c.up(true)
	case engine.Ended:
		if !c.driver.datagram || a.fault != class.HostUnreachable { // else see isRejected
			c.up(false)
		}
	case engine.Data, engine.Writable, engine.Expired:
	}
	c.driver.inbox = append(c.driver.inbox, delivery{c, a})
	c.driver.look(c.driver.World.now + 100)
}

// heir is the connection that gets what comes too late, if it has the same port.
func (c *Conn) heir(a *arrival) *Conn {
	if !c.driver.SamePorts || a.kind != engine.Data {
		return nil
	}
	a.inherit = true
	for next := c.Next; next != nil; next = next.Next {
		if !next.IsClosed && next.isUp {
			return next
		}
	}
	return nil
}

// up takes note of whether the peer has the connection.
func (c *Conn) up(now bool) {
	if c.isUp == now {
		return
	}
	c.isUp = now
	n := &c.driver.World.ups
	if c.driver.Ups != nil {
		n = c.driver.Ups
	}
	if now {
		n.Now++
		n.Most = max(n.Most, n.Now)
	} else {
		n.Now--
	}
}

func (c *Conn) shakeHands() {
	s := &c.Script
	switch {
	case c.Bare:
		c.later(10_000, arrival{kind: engine.Ended, fault: class.FDLimit})
		return
	case s.Refused != class.None:
		c.later(s.Handshake, arrival{kind: engine.Ended, fault: s.Refused})
		return
	}
	c.later(s.Handshake, arrival{kind: engine.Connected})
	if s.Handshake == Never {
		return
	}
	at := s.Handshake
	for _, said := range s.Greeting {
		at += said.After
		c.later(at, arrival{kind: engine.Data, data: said.Data})
		c.lastSaid = c.driver.World.now + at
	}
	c.touch(at)
	if s.End != Never {
		c.end(max(s.Handshake+s.End, at))
	}
}

var errEnded, errDescriptor = errors.New("connect: refused, or read: reset"), errors.New("socket: too many open files")

// asFault is a fault as the core is told of it.
func asFault(of class.Class) engine.Fault {
	switch of {
	case class.None:
		return engine.Fault{}
	case class.FDLimit:
		return engine.Fault{Class: of, Err: errDescriptor}
	}
	return engine.Fault{Class: of, Err: errEnded}
}

// host is what an echo names.
func (a *arrival) host(s *Script) string {
	if a.moved {
		return "moved"
	}
	return s.Host
}

// end lets the peer end the connection.
func (c *Conn) end(after int64) {
	c.later(after, arrival{kind: engine.Ended, fault: c.Script.EndClass})
}

// touch notes that something passes after a while, so that silence begins then.
func (c *Conn) touch(after int64) {
	s, w := &c.Script, c.driver.World
	if s.Idle == 0 {
		return
	}
	c.active = max(c.active, w.reported(w.now+after))
	if s.IdleEnd > IdleResets {
		return
	}
	since := c.active
	w.At(since+s.Idle, func() {
		if c.active == since && !c.forgot && !c.IsClosed {
			c.isForgotten()
		}
	})
}

// isForgotten ends the connection by itself, after the peer has said good-bye.
func (c *Conn) isForgotten() {
	c.forgot = true
	ended := arrival{kind: engine.Ended}
	if c.Script.IdleEnd == IdleResets {
		ended.fault = class.Reset
	}
	if c.Script.Bye != nil {
		c.arrives(arrival{kind: engine.Data, data: c.Script.Bye})
		c.later(c.Script.Answers.Delay, ended)
		return
	}
	c.arrives(ended)
}

// forgets reports whether something that is sent now is lost, since the connection is forgotten.
func (c *Conn) forgets() bool {
	s, now := &c.Script, c.driver.World.now
	if s.Idle == 0 {
		return false
	}
	c.forgot = c.forgot || now-c.active >= s.Idle
	if c.forgot && s.IdleEnd != IdleMoves {
		if s.IdleEnd == IdleRejects {
			c.later(s.Answers.Delay, arrival{kind: engine.Ended, fault: class.Reset})
		}
		return true
	}
	c.touch(s.Answers.Delay) // until the answer
	return false
}

// told notes what the core is about to be told. It returns false for what a driver would not tell.
func (c *Conn) told(a *arrival, now int64) bool {
	switch a.kind {
	case engine.Connected:
		c.Established, c.Answered = now, !c.Script.Unasked
		c.driver.Dialing--
		c.driver.Established++
	case engine.Ended:
		if c.PeerEnded {
			return false
		}
		c.PeerEnded, c.EndFault = true, a.fault
		if c.SentFirst != 0 {
			c.Rejected = a.fault
		}
		if c.Established == 0 {
			c.DialFault = a.fault
		}
		if c.Bare {
			c.driver.starves(c)
		}
	case engine.Data:
		if c.PeerEnded && !c.isRejected() || c.Established == 0 {
			return false
		}
		c.tookData(a, now)
	case engine.Writable, engine.Expired:
	}
	return true
}

// isRejected reports whether what the core was told as the end of a UDP flow is an ICMP message, which ends nothing at the peer.
func (c *Conn) isRejected() bool { return c.driver.datagram && c.EndFault == class.HostUnreachable }

// isBack takes note of an answer: what was told before is over.
func (c *Conn) isBack() {
	if c.Rejected = class.None; c.isRejected() {
		c.PeerEnded, c.EndFault = false, class.None
	}
}

func (c *Conn) tookData(a *arrival, now int64) {
	if len(a.data) > 0 && c.FirstData == nil {
		c.FirstData, c.FirstTold = a.data, now
	}
	c.HasData = true
	c.Received += int64(len(a.data))
	c.Gap, c.LastTold = now-max(c.LastTold, c.Established), now
	switch {
	case !c.Script.Answers.Echo:
		c.tookAnswer(a.data)
	case c.driver.datagram:
		c.tookDatagram(a, now)
	default:
		c.tookStream(a, now)
	}
}

// tookAnswer notes bytes of an answer.
func (c *Conn) tookAnswer(data []byte) {
	if c.Answered {
		return
	}
	v := Verdict{Complete: true, Right: true}
	if c.Script.Judge != nil {
		c.heard = append(c.heard, data...)
		v = c.Script.Judge(c.heard)
	}
	if c.Begun = !v.Complete; c.Begun {
		return
	}
	now := c.driver.World.now
	c.isBack()
	c.Took = now - c.SentFirst
	c.Answered, c.Verdict, c.SentFirst, c.SinceAnswer, c.LastAnswer = true, v, 0, 0, now
	if c.Answers++; c.Answers == 1 {
		c.first = v
	}
	c.Moved = c.driver.datagram && v.Right && (v.Host != c.first.Host || v.Source != c.first.Source)
	if v.Host != "" && v.Host != engine.UnknownHost {
		c.LastHost = v.Host
	}
	if c.driver.Answered != nil {
		c.driver.Answered(c)
	}
}

// tookStream notes bytes of a stream's echo.
func (c *Conn) tookStream(a *arrival, now int64) {
	c.owed -= len(a.data)
	c.spoilt = c.spoilt || a.spoilt
	c.TooMuch = c.TooMuch || c.owed < c.toEcho
	if c.owed == 0 && c.toEcho == 0 {
		c.SentFirst = 0
		c.echoed(c.size, c.spoilt, now, c.LastPacket)
	}
}

// tookDatagram notes a datagram that may be an echo.
func (c *Conn) tookDatagram(a *arrival, now int64) {
	if a.noEcho || a.inherit {
		return
	}
	stamp := stampOf(a.data)
	sent, waits := c.stamps[stamp]
	if !waits {
		return
	}
	delete(c.stamps, stamp)
	if stamp == c.last {
		c.SentFirst = 0
	}
	c.echoed(sent.size, a.spoilt, now, sent.at)
	if host := a.host(&c.Script); host != "" {
		c.Moved = c.Moved || c.LastHost != "" && c.LastHost != host
		c.LastHost = host
	}
}

func (c *Conn) echoed(size int, spoilt bool, now, sent int64) {
	c.Echoes++
	if c.Echoes == 1 {
		c.FirstEcho = now
	}
	c.LastEcho, c.SinceAnswer = now, 0
	c.isBack()
	c.sizeOf(size).Received++
	if spoilt {
		c.Corrupted++
	}
	c.driver.Echoes++
	c.driver.EchoTimes += now - c.Job().Start()
	c.driver.RoundTrips += now - sent
}

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
	case c.Answered && c.driver.Phase == Expiring: // the rest is sent to ask once more
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
