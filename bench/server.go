package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"strconv"
	"time"
)

// responder is a running mconnect-server, the other end for all contenders.
type responder struct {
	cmd    *exec.Cmd
	port   uint16
	stderr bytes.Buffer
}

// startResponder returns when the server answers.
func startResponder(ctx context.Context, path string) (*responder, error) {
	ports, err := freePorts(1)
	if err != nil {
		return nil, err
	}
	return startResponderOn(ctx, ports[0], path)
}

// startResponderOn is startResponder on a port, with more arguments.
func startResponderOn(ctx context.Context, port uint16, path string, more ...string) (*responder, error) {
	address := net.JoinHostPort("0.0.0.0", strconv.Itoa(int(port)))
	r := &responder{port: port}
	r.cmd = exec.CommandContext(ctx, path, append([]string{"-udp", "-address", address}, more...)...) // #nosec G204 -- the user's own server
	r.cmd.Stderr = &r.stderr
	if err := r.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", path, err)
	}
	if err := awaitAnswer(ctx, net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port)))); err != nil {
		r.stop()
		return nil, fmt.Errorf("%s -udp -address %s does not answer: %w", path, address, explain(err, r.stderr.String()))
	}
	return r, nil
}

// stop ends the server. It has nothing to lose, so it need not drain.
func (r *responder) stop() {
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait()
}

// freePorts returns different ports that nobody listened on a moment ago.
func freePorts(n int) (ports []uint16, err error) {
	var listeners []net.Listener
	defer func() {
		for _, l := range listeners {
			_ = l.Close()
		}
	}()
	for range n {
		listener, err := net.Listen("tcp4", "0.0.0.0:0") // #nosec G102 -- for every loopback address, and for a moment only
		if err != nil {
			return nil, fmt.Errorf("finding a free port: %w", err)
		}
		listeners, ports = append(listeners, listener), append(ports, portOf(listener))
	}
	return ports, nil
}

func portOf(listener net.Listener) uint16 {
	return netip.MustParseAddrPort(listener.Addr().String()).Port()
}

func awaitAnswer(ctx context.Context, address string) (err error) {
	for start := time.Now(); time.Since(start) < patience; time.Sleep(20 * time.Millisecond) {
		if err = connectOnce(ctx, "tcp", address); err == nil || ctx.Err() != nil {
			return err
		}
	}
	return err
}
