package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/frames"
)

// wire is a veth pair between two networks of its own: the bench's client is 10.0.0.1 in one of them, and a server is in the other one.
type wire struct {
	client, server string
	run            func(context.Context, flood) (time.Duration, error) // in the client's network
	stop           func()                                              // of the server
}

// strangers are sources that no interface has.
const strangers = "10.1.0.0/16"

// farEnd is a server that has a wire for itself: one that takes packets costs those that pass it by, too.
type farEnd int

const (
	kernelServer farEnd = iota
	xdpServer
	twoQueuesServer // the same, and the wire has two receive queues at each end
	afPacketServer
	farEnds
)

func (e farEnd) address() string {
	if e == kernelServer {
		return "10.0.0.2:5001"
	}
	return "10.0.0.3:5001" // which no interface has
}

// newWire makes the networks, and starts the server. All is gone after remove.
func newWire(ctx context.Context, s *settings, end farEnd) (*wire, error) {
	name := fmt.Sprintf("bench-%d-%d-", os.Getpid(), end)
	w := &wire{client: name + "client", server: name + "server", stop: func() {}}
	w.run = byChild("engine", in(w.client)...)
	queues := ""
	if end == twoQueuesServer {
		queues = " numrxqueues 2 numtxqueues 2"
	}
	for _, line := range []string{
		"netns add " + w.client,
		"netns add " + w.server,
		"-n " + w.client + " link add wire" + queues + " type veth peer name wire netns " + w.server + queues,
		"-n " + w.client + " addr add 10.0.0.1/24 dev wire",
		"-n " + w.server + " addr add 10.0.0.2/24 dev wire",
		"-n " + w.client + " link set wire up",
		"-n " + w.server + " link set wire up",
		"-n " + w.server + " route add " + strangers + " via 10.0.0.1", // not one neighbor for each of them
	} {
		if text, err := exec.CommandContext(ctx, "ip", strings.Fields(line)...).CombinedOutput(); err != nil { // #nosec G204 -- lines of its own
			w.remove()
			return nil, errNoNetworks{fmt.Errorf("ip %s: %w: %s", line, err, text)}
		}
	}
	err := w.serve(ctx, s.server, end)
	if err == nil {
		err = w.await(ctx, end)
	}
	if err != nil {
		w.remove()
		return nil, err
	}
	return w, nil
}

// errNoNetworks is that this user can't make networks here.
type errNoNetworks struct{ error }

func (w *wire) remove() {
	w.stop()
	for _, name := range []string{w.client, w.server} {
		_ = exec.Command("ip", "netns", "del", name).Run() // #nosec G204 -- a name of its own
	}
}

// in is the command that runs another one in a network.
func in(network string) []string { return []string{"ip", "netns", "exec", network} }

// serve starts the server.
func (w *wire) serve(ctx context.Context, path string, end farEnd) error {
	flags := []string{"-udp", "-hostname", "web-1", "-address", end.address()}
	switch end {
	case xdpServer, twoQueuesServer:
		flags = append(flags, "-packets", "wire")
	case afPacketServer:
		c, err := startChild(ctx, "packets-server", responderTask{"wire", end.address(), frames.Packet}, in(w.server)...)
		if err != nil {
			return err
		}
		w.stop = func() { _ = c.end() }
		return nil
	}
	command := append(append(in(w.server), path), flags...)
	server := exec.CommandContext(ctx, command[0], command[1:]...) // #nosec G204 -- the user's own server
	server.Stderr = io.Discard
	if err := server.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", path, err)
	}
	w.stop = func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	}
	return nil
}

// await makes short floods until the server answers.
func (w *wire) await(ctx context.Context, end farEnd) (err error) {
	const few = 10
	for start := time.Now(); time.Since(start) < patience; time.Sleep(50 * time.Millisecond) {
		err = nil
		for i := range packetFloods {
			if p := &packetFloods[i]; p.to == end {
				_, failed := bounded(ctx, p.flood(&settings{connections: few}), w.run)
				err = errors.Join(err, failed)
			}
		}
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
	return fmt.Errorf("the server at the other end of the wire does not answer: %w", err)
}
