//go:build linux

package e2e

import (
	"encoding/json"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
)

// companion is a running ./mconnect-server.
type companion struct {
	*process
	address, probe string
}

// serverLine is a line of its log.
type serverLine struct {
	Message  string `json:"msg"`
	Address  string `json:"address"`
	Accepted int64  `json:"accepted"`
	Replies  int64  `json:"replies"`
	Received int64  `json:"udp_datagrams"`
	Answered int64  `json:"udp_answered"`
	Sources  struct {
		Different int64 `json:"different"`
		Min       int64 `json:"min"`
		Max       int64 `json:"max"`
	} `json:"sources"`
}

// startCompanion starts ./mconnect-server, with the probe on a port that the system chooses.
func startCompanion(t testing.TB, ns *namespace, host string, flags ...string) *companion {
	t.Helper()
	address, probe := net.JoinHostPort(host, portOf(t, freePort(t))), net.JoinHostPort(host, "0")
	command := append([]string{serverPath, "-server", "-address", address, "-k8sprobe", probe, "-log", "json"}, flags...)
	c := &companion{process: start(t, ns, command...)}
	c.address = c.logged(t, `"Listen on address; `).Address
	c.probe = c.logged(t, `"K8s Liveness on; `).Address
	return c
}

func (c *companion) logged(t testing.TB, part string) serverLine {
	t.Helper()
	var line serverLine
	text := c.awaitLine(t, part)
	require.NoError(t, json.Unmarshal([]byte(text), &line), "%s", text)
	return line
}

// stop ends the server as Kubernetes does, and returns its own count of what it did.
func (c *companion) stop(t *testing.T) serverLine {
	t.Helper()
	c.signal(syscall.SIGTERM)
	assert.Equal(t, 0, c.wait(t), "exit code of mconnect-server")
	return c.logged(t, `"Stopped"`)
}

// startResponder runs the responder in this process.
func startResponder(t *testing.T, options server.Options) (address string) {
	t.Helper()
	options.Address = freePort(t)
	s, err := server.Start(options)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s.Addr().String()
}

// clients counts connections by the address they come from.
type clients struct {
	mu    sync.Mutex
	addrs map[netip.Addr]int
	ports map[netip.AddrPort]int
}

func newClients() *clients {
	return &clients{addrs: map[netip.Addr]int{}, ports: map[netip.AddrPort]int{}}
}

func (c *clients) add(client netip.AddrPort) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.addrs[client.Addr().Unmap()]++
	c.ports[client]++
}

// forget starts the count anew, and returns what it was.
func (c *clients) forget() *clients {
	c.mu.Lock()
	defer c.mu.Unlock()
	was := &clients{addrs: c.addrs, ports: c.ports}
	c.addrs, c.ports = map[netip.Addr]int{}, map[netip.AddrPort]int{}
	return was
}

// peer is a TCP server of the test's own.
type peer struct {
	address  string
	accepted atomic.Int64
}

// startPeer gives every connection to a function, in a goroutine of its own. At the test's end it closes all of them.
func startPeer(t *testing.T, ns *namespace, handle func(*net.TCPConn)) *peer {
	t.Helper()
	return startPeerAt(t, ns, "127.0.0.1:0", handle)
}

func startPeerAt(t *testing.T, ns *namespace, address string, handle func(*net.TCPConn)) *peer {
	t.Helper()
	var listener net.Listener
	require.NoError(t, ns.inside(func() (err error) {
		listener, err = net.Listen("tcp", address)
		return err
	}))
	p := &peer{address: listener.Addr().String()}
	var connections sync.Map
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			p.accepted.Add(1)
			connections.Store(conn, nil)
			running.Go(func() {
				defer connections.Delete(conn)
				defer conn.Close()
				handle(conn.(*net.TCPConn))
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		connections.Range(func(conn, _ any) bool {
			_ = conn.(net.Conn).Close()
			return true
		})
		running.Wait()
	})
	return p
}

// startUDPPeer answers every datagram with one that a function makes; nil is no answer.
func startUDPPeer(t *testing.T, answer func(request []byte) []byte) (address string) {
	t.Helper()
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	var running sync.WaitGroup
	running.Go(func() {
		buf := make([]byte, 1<<16)
		for {
			n, client, err := socket.ReadFrom(buf)
			if err != nil {
				return
			}
			if reply := answer(buf[:n]); reply != nil {
				_, _ = socket.WriteTo(reply, client)
			}
		}
	})
	t.Cleanup(func() {
		_ = socket.Close()
		running.Wait()
	})
	return socket.LocalAddr().String()
}

// refusing is a port that nothing listens on, and nobody else gets during the test.
func refusing(t *testing.T, kind int) (address string) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, kind|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = unix.Close(fd) })
	require.NoError(t, unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	if kind == unix.SOCK_DGRAM {
		// Connected elsewhere, it takes no datagrams of others.
		require.NoError(t, unix.Connect(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: 9}))
	}
	bound, err := unix.Getsockname(fd)
	require.NoError(t, err)
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(bound.(*unix.SockaddrInet4).Port))
}

// freePort is for servers that can't say which port the system chose for them, and for the responder, which does not
// answer datagrams that come from a port with its own number. It is below those that the system gives to clients.
func freePort(t testing.TB) (address string) {
	t.Helper()
	for port := 21000; port < 32000; port++ {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		if _, known := given.LoadOrStore(address, true); !known && isFree(address) {
			return address
		}
	}
	require.Fail(t, "no free port from 21000 to 32000")
	return ""
}

// isFree reports whether nobody uses an address, for TCP or UDP.
func isFree(address string) bool {
	tcp, err := net.Listen("tcp", address)
	if err != nil {
		return false
	}
	defer func() { _ = tcp.Close() }()
	udp, err := net.ListenPacket("udp", address)
	if err != nil {
		return false
	}
	_ = udp.Close()
	return true
}

func portOf(t testing.TB, address string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	return port
}

// given are the addresses that freePort has tried before.
var given sync.Map
