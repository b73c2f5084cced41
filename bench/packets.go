package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/frames"
)

// wire is a veth pair between two networks of its own: the bench's client is 10.0.0.1 in one of them, and the servers are in the other one.
type wire struct{ client, server string }

const (
	kernelServer   = "10.0.0.2:5001"
	packetsServer  = "10.0.0.3:5001"
	afPacketServer = "10.2.0.3:5001" // over AF_PACKET, on a wire of its own, where no XDP program comes first
	// strangers are sources that no interface has.
	strangers = "10.1.0.0/16"
)

// newWire makes the networks. They are gone after remove.
func newWire(ctx context.Context) (*wire, error) {
	w := &wire{fmt.Sprintf("bench-%d-client", os.Getpid()), fmt.Sprintf("bench-%d-server", os.Getpid())}
	for _, line := range []string{
		"netns add " + w.client,
		"netns add " + w.server,
		"-n " + w.client + " link add wire type veth peer name wire netns " + w.server,
		"-n " + w.client + " addr add 10.0.0.1/24 dev wire",
		"-n " + w.server + " addr add 10.0.0.2/24 dev wire",
		"-n " + w.client + " link set wire up",
		"-n " + w.server + " link set wire up",
		"-n " + w.client + " link add second type veth peer name second netns " + w.server,
		"-n " + w.client + " addr add 10.2.0.1/24 dev second",
		"-n " + w.client + " link set second up",
		"-n " + w.server + " link set second up",
		"-n " + w.server + " route add " + strangers + " via 10.0.0.1", // not one neighbor for each of them
	} {
		if text, err := exec.CommandContext(ctx, "ip", strings.Fields(line)...).CombinedOutput(); err != nil { // #nosec G204 -- lines of its own
			w.remove()
			return nil, fmt.Errorf("ip %s: %w: %s", line, err, text)
		}
	}
	return w, nil
}

func (w *wire) remove() {
	for _, name := range []string{w.client, w.server} {
		_ = exec.Command("ip", "netns", "del", name).Run() // #nosec G204 -- a name of its own
	}
}

// in is the command that runs another one in a network.
func in(network string) []string { return []string{"ip", "netns", "exec", network} }

// serve starts mconnect-server at the far end. It is killed by stop.
func (w *wire) serve(ctx context.Context, path string, flags ...string) (stop func(), err error) {
	command := append(append(in(w.server), path, "-udp", "-hostname", "web-1"), flags...)
	server := exec.CommandContext(ctx, command[0], command[1:]...) // #nosec G204 -- the user's own server
	server.Stderr = io.Discard
	if err := server.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", path, err)
	}
	return func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	}, nil
}

// packetFlood is a flood over the wire.
type packetFlood struct {
	name    string
	network string
	to      string
	packets bool // by the packet driver; else by sockets
	reset   bool // closes with RST, so that a connection has fewer frames
	frames  frames.Way
}

var packetFloods = []packetFlood{
	{"sockets", "tcp", kernelServer, false, false, 0},
	{"packets", "tcp", kernelServer, true, false, frames.XDP},
	{"packets at both ends", "tcp", packetsServer, true, false, frames.XDP},
	{"packets by AF_PACKET", "tcp", kernelServer, true, false, frames.Packet},
	{"packets by AF_PACKET at both ends", "tcp", afPacketServer, true, false, frames.Packet},
	{"sockets, RST", "tcp", kernelServer, false, true, 0},
	{"packets, RST", "tcp", kernelServer, true, true, frames.XDP},
	{"packets at both ends, RST", "tcp", packetsServer, true, true, frames.XDP},
	{"sockets, UDP", "udp", kernelServer, false, false, 0},
	{"packets at both ends, UDP", "udp", packetsServer, true, false, frames.XDP},
}

// packetRatios are what the packet driver aims for.
var packetRatios = []struct {
	of, to  string
	atLeast float64
}{
	{"packets", "sockets", 2.2},
	{"packets at both ends", "sockets", 6},
	{"packets by AF_PACKET", "sockets", 1.5},
	{"packets by AF_PACKET at both ends", "sockets", 3},
	{"packets, RST", "sockets, RST", 2.2},
	{"packets at both ends, RST", "sockets, RST", 6},
	{"packets at both ends, UDP", "sockets, UDP", 5},
}

func (p *packetFlood) flood(s *settings) flood {
	f := flood{Network: p.network, Reset: p.reset, Connections: s.connectionsOf(p.network), Concurrency: concurrency, Targets: []netip.AddrPort{netip.MustParseAddrPort(p.to)}}
	if p.packets {
		const more, inFlight = 5, 128 // fewer connections are done in no time, and with more in flight each takes longer
		f.Packets, f.Frames = true, p.frames
		f.Source, f.Connections, f.Concurrency = strangers, more*f.Connections, inFlight
	}
	return f
}

// racePackets compares the packet driver with sockets. It is left out where it can't be: it takes Linux and root.
func racePackets(ctx context.Context, s *settings, r *report) error {
	w, err := newWire(ctx)
	if err != nil {
		fmt.Fprintf(os.Stderr, "packets: left out, since this user can't make networks here: %v\n", err)
		return nil
	}
	defer w.remove()
	for _, flags := range [][]string{{"-address", kernelServer}, {"-packets", "wire", "-address", packetsServer}} {
		stop, err := w.serve(ctx, s.server, flags...)
		if err != nil {
			return err
		}
		defer stop()
	}
	over, err := startChild(ctx, "packets-server", responderTask{"second", afPacketServer, frames.Packet}, in(w.server)...)
	if err != nil {
		return err
	}
	defer func() { _ = over.end() }()
	run := byChild("engine", in(w.client)...)
	if err := w.await(ctx, run); err != nil {
		return err
	}
	measured := rates{}
	for round := range s.rounds + 1 {
		for _, at := range order(round, len(packetFloods)) {
			p := &packetFloods[at]
			f := p.flood(s)
			time.Sleep(rest)
			took, err := bounded(ctx, f, run)
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
	return w.weighPackets(ctx, r)
}

// await makes a short flood of each kind until all servers answer.
func (w *wire) await(ctx context.Context, run func(context.Context, flood) (time.Duration, error)) (err error) {
	const few = 10
	for start := time.Now(); time.Since(start) < patience; time.Sleep(50 * time.Millisecond) {
		err = nil
		for i := range packetFloods {
			f := packetFloods[i].flood(&settings{connections: few})
			_, failed := bounded(ctx, f, run)
			err = errors.Join(err, failed)
		}
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
	return fmt.Errorf("the servers at the other end of the wire do not answer: %w", err)
}
