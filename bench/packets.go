package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/frames"
)

// packetFlood is a flood over the wire.
type packetFlood struct {
	name    string
	network string
	to      farEnd
	packets bool // by the packet driver; else by sockets
	reset   bool // closes with RST, so that a connection has fewer frames
	frames  frames.Way
	k6      bool // through k6, with all metrics; else by the Go library
}

var packetFloods = []packetFlood{
	{"sockets", "tcp", kernelServer, false, false, 0, false},
	{"packets", "tcp", kernelServer, true, false, frames.XDP, false},
	{"packets at both ends", "tcp", xdpServer, true, false, frames.XDP, false},
	{"packets at both ends, two queues", "tcp", twoQueuesServer, true, false, frames.XDP, false},
	{"packets at both ends, through k6", "tcp", xdpServer, true, false, frames.AnyWay, true},
	{"packets by AF_PACKET", "tcp", kernelServer, true, false, frames.Packet, false},
	{"packets by AF_PACKET at both ends", "tcp", afPacketServer, true, false, frames.Packet, false},
	{"sockets, RST", "tcp", kernelServer, false, true, 0, false},
	{"packets, RST", "tcp", kernelServer, true, true, frames.XDP, false},
	{"packets at both ends, RST", "tcp", xdpServer, true, true, frames.XDP, false},
	{"sockets, UDP", "udp", kernelServer, false, false, 0, false},
	{"packets at both ends, UDP", "udp", xdpServer, true, false, frames.XDP, false},
}

// packetRatios are what the packet driver aims for.
var packetRatios = []struct {
	of, to  string
	atLeast float64 // 0 for one that is only told
}{
	{"packets", "sockets", 2.2},
	{"packets at both ends", "sockets", 6},
	{"packets at both ends, through k6", "sockets", 5},
	{"packets at both ends, two queues", "packets at both ends", 0}, // each end has a thread for each queue, which takes four processors to gain
	{"packets by AF_PACKET", "sockets", 1.5},
	{"packets by AF_PACKET at both ends", "sockets", 3},
	{"packets, RST", "sockets, RST", 2.2},
	{"packets at both ends, RST", "sockets, RST", 6},
	{"packets at both ends, UDP", "sockets, UDP", 5},
}

func (p *packetFlood) flood(s *settings) flood {
	f := flood{Network: p.network, Reset: p.reset, Connections: s.connectionsOf(p.network), Concurrency: concurrency, Targets: []netip.AddrPort{netip.MustParseAddrPort(p.to.address())}}
	if p.packets {
		const more, inFlight = 10, 128 // fewer connections are done in no time, and with more in flight each takes longer
		f.Packets, f.Frames = true, p.frames
		f.Source, f.Connections, f.Concurrency = strangers, more*f.Connections, inFlight
	}
	return f
}

// runIn makes the flood on a wire.
func (p *packetFlood) runIn(w *wire, k6 string) func(context.Context, flood) (time.Duration, error) {
	if p.k6 {
		return byK6(k6, in(w.client)...)
	}
	return w.run
}

// racePackets compares the packet driver with sockets. It is left out where it can't be: it takes Linux and root.
func racePackets(ctx context.Context, s *settings, r *report) error {
	var wires [farEnds]*wire
	for end := range farEnds {
		w, err := newWire(ctx, s, end)
		if errors.As(err, new(errNoNetworks)) {
			fmt.Fprintf(os.Stderr, "packets: left out, since this user can't make networks here: %v\n", err)
			return nil
		}
		if err != nil {
			return err
		}
		defer w.remove()
		wires[end] = w
	}
	measured := rates{}
	for round := range s.rounds + 1 {
		for _, at := range order(round, len(packetFloods)) {
			p := &packetFloods[at]
			f := p.flood(s)
			time.Sleep(rest)
			took, err := bounded(ctx, f, p.runIn(wires[p.to], s.k6))
			if err != nil {
				return fmt.Errorf("%s, round %d: %w", p.name, round, err)
			}
			rate := float64(f.Connections) / took.Seconds()
			fmt.Fprintf(os.Stderr, "packets, round %d of %d: %s %.0f/s\n", round, s.rounds, p.name, rate)
			if round > 0 {
				measured[p.name] = append(measured[p.name], rate)
			}
		}
	}
	for _, ratio := range packetRatios {
		r.add(figure{Name: "over veth: " + ratio.of + " / " + ratio.to, Value: spreadOf(perRound(measured[ratio.of], measured[ratio.to])), Target: ratio.atLeast})
	}
	return wires[xdpServer].weighPackets(ctx, r)
}
