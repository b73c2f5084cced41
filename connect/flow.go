package connect

import (
	"encoding/binary"
	"math"
	"net/netip"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/reply"
)

const (
	// helloSize is how much of a stream's beginning an echo server of ctraffic's overwrites with its host name.
	helloSize = 64
	// stampSize is the end of a datagram, where it carries the time when it was due.
	stampSize = 8
)

// flow is one of the connections that traffic keeps up: what is known of the present one, and of the packets on it. It knows no sockets.
type flow struct {
	number int64
	failed int   // dials, and connections without any echo, in a row
	lives  int64 // connections that were established so far
	slot   int64 // when the next packet is due

	waiting  int64 // when the oldest packet was due that has no echo yet; 0 if there is none
	since    int64 // when that was sent, or an echo came last
	toCome   int   // bytes of the echo (TCP) that are still to come
	lastSent int64 // when the last packet was due, and the last one that came back (UDP)
	lastEcho int64

	sent, received, dropped int64 // packets
	unheard                 int64 // packets sent since an echo came last
	answered                int64 // when the first echo came; 0 if none has
	local                   netip.AddrPort
	host                    string
	hello                   []byte // the beginning of the stream, until it is complete
	greeted                 bool   // the beginning of the stream has come
	moved                   bool   // another host went on to answer
}

// begin takes note of a new connection. What echoes come of the last one, if that had the same port, are none of its own.
func (f *flow) begin(local netip.AddrPort) {
	*f = flow{number: f.number, lives: f.lives + 1, failed: f.failed, local: local, lastEcho: f.lastSent}
}

// lost takes note that the connection has failed.
func (f *flow) lost() {
	if f.received == 0 {
		f.failed++ // a proxy takes connections whether it has a backend or not
	}
}

// took takes note of an echo.
func (f *flow) took(now int64) {
	if f.received++; f.received == 1 {
		f.answered = now
	}
	f.unheard, f.failed = 0, 0
}

// Back-off of dials, as ctraffic's.
const (
	firstBackoff = 100 * time.Millisecond
	maxBackoff   = time.Second
)

// backoff is how long to wait before the flow is dialled again.
func (f *flow) backoff() time.Duration {
	return min(firstBackoff<<min(max(f.failed-1, 0), 10), maxBackoff)
}

// pace says when packets are due, and judges what comes back.
type pace struct {
	start    int64 // of the call, loop time
	interval int64 // between two packets of a flow, in ns; 0 sends the next packet when the last one has come back
	size     int   // of a packet
	datagram bool
	names    names
}

func newPace(j *job) pace {
	p := pace{start: j.start, size: j.traffic.PacketSize, datagram: j.plan.Protocol() == "udp", names: names{}}
	if j.traffic.Throughput > 0 {
		perSecond := j.traffic.Throughput * kilobyte / float64(p.size) / float64(j.plan.Connections)
		p.interval = max(int64(math.Min(float64(time.Second)/perSecond, float64(never))), 1)
	}
	return p
}

// recordOf is what is known of a flow's connection.
func (p *pace) recordOf(f *flow, retransmits int64) *TrafficRecord {
	r := &TrafficRecord{Sent: f.sent, Received: f.received, Dropped: f.dropped, Retransmits: retransmits, Local: f.local, Host: f.host}
	if f.answered != 0 {
		r.Answered = time.Duration(f.answered - p.start)
	}
	return r
}

// firstSlot is when the first packet of a flow is due. Flows are spread over the interval by the golden ratio, which is even for any
// number of them, so that they never send in step.
func (p *pace) firstSlot(f *flow, now int64) int64 {
	const goldenRatio = 0.618033988749895
	_, part := math.Modf(float64(f.number) * goldenRatio)
	first := p.start + int64(part*float64(p.interval))
	if now > first {
		first += ((now-first)/p.interval + 1) * p.interval
	}
	return first
}

// takeSlots moves a flow on to the first slot after now, and returns when the packet is due that is to be sent instead of the
// slots in between. All that can't be used count as dropped; ok is false if none can.
func (p *pace) takeSlots(f *flow, now int64) (planned, dropped int64, ok bool) {
	planned = f.slot
	dropped = (now - f.slot) / p.interval
	f.slot += (dropped + 1) * p.interval
	if f.waiting != 0 && !p.datagram {
		dropped++ // the echo is late
	} else {
		ok = true
	}
	f.dropped += dropped
	return planned, dropped, ok
}

// stamp prepares a packet that was due at planned.
func (p *pace) stamp(packet []byte, planned int64) {
	if p.datagram {
		binary.BigEndian.PutUint64(packet[p.size-stampSize:], uint64(planned-p.start)) // #nosec G115 -- carried as bits
	}
}

// sending takes note of a packet that is being sent.
func (p *pace) sending(f *flow, planned, now int64) {
	f.sent++
	f.unheard++
	f.lastSent = planned
	if f.waiting == 0 {
		f.waiting, f.since = planned, now
	}
	f.toCome = p.size
}

// lacksLast reports whether a flow is well though it waits for an echo when the call has ended: datagrams may get lost, and no further
// ones are sent that would show it.
func (p *pace) lacksLast(f *flow) bool {
	return p.datagram && f.received > 0 && f.unheard < unheardPart
}

// tookStream takes what came on a stream. If that completes an echo, planned is when its packet was due, else 0. ok is false if more
// came than was sent.
func (p *pace) tookStream(f *flow, data []byte, now int64) (planned int64, ok bool) {
	if len(data) > f.toCome {
		return 0, false
	}
	p.greet(f, data)
	if f.toCome -= len(data); f.toCome > 0 {
		return 0, true
	}
	planned, f.waiting = f.waiting, 0
	f.took(now)
	return planned, true
}

// greet looks for the server's name in the first bytes of a stream.
func (p *pace) greet(f *flow, data []byte) {
	if f.greeted {
		return
	}
	if len(f.hello) > 0 || len(data) < helloSize {
		f.hello = append(f.hello, data[:min(len(data), helloSize-len(f.hello))]...)
		data = f.hello
	}
	if len(data) >= helloSize {
		f.greeted, f.hello = true, nil
		p.name(f, data[:helloSize])
	}
}

// name notes who answers. A plain echo server tells no name.
func (p *pace) name(f *flow, packet []byte) {
	if host, ok := reply.Parse(packet); ok && string(host) != f.host {
		f.host = p.names.intern(host)
	}
}

// tookDatagram takes a datagram that came. If that is the echo of a packet not seen before, planned is when that was due, else 0. moved
// reports that another host than the last one has answered, once for each connection.
func (p *pace) tookDatagram(f *flow, data []byte, now int64) (planned int64, moved bool) {
	if len(data) != p.size || f.received >= f.sent {
		return 0, false
	}
	planned = p.start + int64(binary.BigEndian.Uint64(data[p.size-stampSize:])) // #nosec G115 -- checked below
	if planned <= f.lastEcho || planned > f.lastSent {
		return 0, false // twice, overtaken by a later one, or never sent
	}
	f.lastEcho = planned
	f.took(now)
	if planned == f.lastSent {
		f.waiting = 0
	} else {
		f.since = now
	}
	before := f.host
	p.name(f, data[:min(p.size-stampSize, reply.MaxLength+1)])
	if f.moved || before == "" || f.host == before {
		return planned, false
	}
	f.moved = true
	return planned, true
}
