//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// haproxy ends the clients' connections and makes its own to the backends (HAProxy in TCP mode). It is told over its
// runtime API which of them are in use, and looks itself whether they are up.
type haproxy struct{ socket string }

func newHAProxy() balancer { return &haproxy{} }

func missingHAProxy() string { return noTool("haproxy", "install it (`make test-deps` does)") }

func (h *haproxy) use(n *network, backends []*backend) error {
	if h.socket == "" {
		if err := h.start(n); err != nil {
			return err
		}
	}
	var commands []string
	for _, b := range n.backends {
		state := "maint"
		if slices.Contains(backends, b) {
			state = "ready"
		}
		for _, service := range []string{"responder", "echo"} {
			commands = append(commands, fmt.Sprintf("set server %s/%s state %s", service, b.name, state))
		}
	}
	return h.tell(strings.Join(commands, ";"))
}

// tell gives a command to the runtime API, which answers only what it can't do.
func (h *haproxy) tell(command string) error {
	conn, err := net.Dial("unix", h.socket)
	if err != nil {
		return fmt.Errorf("HAProxy's runtime API: %w", err)
	}
	defer conn.Close()
	fmt.Fprintln(conn, command)
	answer, err := io.ReadAll(conn)
	if text := strings.TrimSpace(string(answer)); err == nil && text != "" {
		err = errors.New(text)
	}
	if err != nil {
		return fmt.Errorf("HAProxy, %q: %w", command, err)
	}
	return nil
}

func (h *haproxy) start(n *network) error {
	if err := n.vipOnLB(); err != nil {
		return err
	}
	socket, file := filepath.Join(n.dir, "haproxy.sock"), filepath.Join(n.dir, "haproxy.cfg")
	config := fmt.Sprintf(haproxyHead, socket) +
		haproxyService("responder", responderPort, n.backends) + haproxyService("echo", echoPort, n.backends)
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return err
	}
	proxy, err := n.lb.start(context.Background(), nil, "haproxy", "-db", "-f", file)
	if err != nil {
		return err
	}
	n.processes = append(n.processes, proxy)
	h.socket = socket
	return awaitSocket(proxy, socket)
}

// awaitSocket waits until a program listens on its socket.
func awaitSocket(p *process, socket string) error {
	for {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-p.ended:
			return fmt.Errorf("%s ended:\n%s", p.cmd, &p.stderr)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// A proxy accepts connections before it has a server for them, tries again where one fails, and queues where there is none. To
// clients these are connections like others, only without echoes. Here it gives up at once, for outages to show.
const haproxyHead = `
global
  stats socket %s mode 600 level admin
  maxconn 4000
defaults
  mode tcp
  balance roundrobin
  timeout connect 2s
  timeout queue 50ms
  retries 0
  timeout client 1h
  timeout server 1h
`

// haproxyService is a frontend on the VIP, and its backend.
func haproxyService(name string, port int, backends []*backend) string {
	var text strings.Builder
	fmt.Fprintf(&text, "frontend %s\n  bind %s:%d\n  bind [%s]:%d\n  default_backend %s\n", name, vip4, port, vip6, port, name)
	fmt.Fprintf(&text, "backend %s\n  default-server check inter 200ms fall 2 rise 1\n", name)
	for _, b := range backends {
		fmt.Fprintf(&text, "  server %s %s:%d\n", b.name, b.v4, port)
	}
	return text.String()
}
