//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os/exec"
	"strings"
	"sync"
)

// Ports of every server.
const (
	responderPort = 5001
	echoPort      = 5003
	httpPort      = 5004 // on the backend's own addresses
)

// A backend is a server with a network of its own behind the load balancer.
type backend struct {
	name   string // its host name, which it answers with
	nic    string // the load balancer's interface to it
	number int
	v4, v6 netip.Addr
	ns     *namespace
	binary string

	outside *external // has commands for its server; nil for one of the lab's own

	mu     sync.Mutex
	server *process // nil while it is down
}

func newBackend(lb *namespace, number int, binary string) (*backend, error) {
	b := &backend{
		name: fmt.Sprintf("web-%02d", number), nic: fmt.Sprintf("to-web-%02d", number), number: number, binary: binary,
		v4: netip.AddrFrom4([4]byte{10, 1, byte(number), 2}), // #nosec G115 -- at most 100
		v6: netip.MustParseAddr(fmt.Sprintf("fd00:1:%x::2", number)),
	}
	ns, err := newNamespace(b.name)
	if err != nil {
		return b, err
	}
	b.ns = ns
	lb4, lb6 := b.v4.Prev(), b.v6.Prev()
	return b, errors.Join(
		lb.ip(
			fmt.Sprintf("link add %s type veth peer name lb netns %s", b.nic, ns.name),
			fmt.Sprintf("link set %s up", b.nic),
			fmt.Sprintf("address add %s/30 dev %s", lb4, b.nic),
			fmt.Sprintf("address add %s/64 dev %s nodad", lb6, b.nic),
		),
		ns.ip(
			"link set lb up",
			fmt.Sprintf("address add %s/30 dev lb", b.v4),
			fmt.Sprintf("address add %s/64 dev lb nodad", b.v6),
			fmt.Sprintf("route add default via %s", lb4),
			fmt.Sprintf("route add default via %s", lb6),
			fmt.Sprintf("address add %s/32 dev lo", vip4),
			fmt.Sprintf("address add %s/128 dev lo nodad", vip6),
		),
	)
}

// start starts the server, if it is down, and returns when it answers.
func (b *backend) start() error {
	if b.outside != nil {
		return b.outside.tell(b, b.outside.start)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.server != nil {
		return nil
	}
	// Its log ends with a line that says so when it can't go on; until then, it tells what it listens on.
	log, logged := io.Pipe()
	server, err := b.ns.start(context.Background(), func(cmd *exec.Cmd) { cmd.Stderr = logged }, b.binary,
		"-hostname", b.name, "-udp", "-address", fmt.Sprintf("[::]:%d", responderPort), "-echo", fmt.Sprintf("[::]:%d", echoPort),
		"-http", fmt.Sprintf("[::]:%d", httpPort))
	if err != nil {
		return fmt.Errorf("%s: %w", b.name, err)
	}
	go func() {
		<-server.ended
		_ = logged.Close()
	}()
	lines := bufio.NewScanner(log)
	var said strings.Builder
	for lines.Scan() {
		fmt.Fprintln(&said, lines.Text())
		if strings.Contains(lines.Text(), "Echo on;") { // the last of its listeners
			b.server = server
			go func() { _, _ = io.Copy(io.Discard, log) }()
			return nil
		}
	}
	return fmt.Errorf("%s ended:\n%s", b.name, said.String())
}

// kill ends the server, if it is up, as a crash does: its connections are closed by its kernel.
func (b *backend) kill() error {
	if b.outside != nil {
		return b.outside.tell(b, b.outside.stop)
	}
	b.end()
	return nil
}

// end kills a server of the lab's own.
func (b *backend) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.server != nil {
		b.server.kill()
		b.server = nil
	}
}
