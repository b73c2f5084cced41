package simulated

import (
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
)

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
	if c.owed < c.toEcho && c.TooMuch == 0 {
		c.TooMuch = now
	}
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
