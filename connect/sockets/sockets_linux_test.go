package sockets

import (
	"context"
	"io/fs"
	"math"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/limits"
)

const (
	patience = 20 * time.Second
	often    = time.Millisecond
)

// lastPort is below the ports that the system chooses for clients (ip_local_port_range), since these would be counted too.
var lastPort atomic.Uint32

func init() { lastPort.Store(10_000 + rand.Uint32N(10_000)) }

// freePort is a local port that no socket has, not even one in TIME_WAIT.
func freePort(tb testing.TB) uint16 {
	tb.Helper()
	for {
		free := uint16(lastPort.Add(1))
		byPort, err := Count(tb.Context(), Query{Port: free})
		require.NoError(tb, err)
		byPeer, err := Count(tb.Context(), Query{Peer: netip.AddrPortFrom(netip.Addr{}, free)})
		require.NoError(tb, err)
		if byPort.Total+byPeer.Total == 0 {
			return free
		}
	}
}

// listenTCP listens on a free port; control, if any, sets options first.
func listenTCP(t *testing.T, host string, control func(fd int)) *net.TCPListener {
	t.Helper()
	address := net.JoinHostPort(host, strconv.Itoa(int(freePort(t))))
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) {
			if control != nil {
				control(int(fd))
			}
		})
	}}
	config.SetMultipathTCP(false)
	listener, err := config.Listen(t.Context(), "tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	return listener.(*net.TCPListener)
}

func port(listener net.Listener) uint16 { return uint16(listener.Addr().(*net.TCPAddr).Port) }

func dial(t *testing.T, listener net.Listener) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn.(*net.TCPConn)
}

// pair is a connection, from both ends.
func pair(t *testing.T, listener net.Listener) (client, server *net.TCPConn) {
	t.Helper()
	client = dial(t, listener)
	accepted, err := listener.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { _ = accepted.Close() })
	return client, accepted.(*net.TCPConn)
}

// fill writes until nothing more goes out, since the other end does not read.
func fill(t *testing.T, conn *net.TCPConn) {
	t.Helper()
	raw, err := conn.SyscallConn()
	require.NoError(t, err)
	chunk := make([]byte, 64<<10)
	require.NoError(t, raw.Write(func(fd uintptr) bool {
		for err == nil {
			_, err = unix.Write(int(fd), chunk)
		}
		return true
	}))
	require.ErrorIs(t, err, unix.EAGAIN)
}

// eventually counts until the table is as wanted: the kernel takes a moment to shake hands.
func eventually(t *testing.T, q Query, want Table) {
	t.Helper()
	var have Table
	if !assert.Eventually(t, func() bool {
		table, err := Count(t.Context(), q)
		have = table
		have.FDs, have.FDLimit = nil, nil
		return err == nil && assert.ObjectsAreEqual(want, have)
	}, patience, often) {
		t.Fatalf("%s: have %+v, want %+v", q, have, want)
	}
}

func TestStates(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		make           func(t *testing.T, listener *net.TCPListener)
		server, client Table // by local port, and by that port as peer
	}{
		"listening": {
			func(*testing.T, *net.TCPListener) {},
			Table{Listen: 1, Total: 1},
			Table{},
		},
		"established": {
			func(t *testing.T, l *net.TCPListener) { pair(t, l); pair(t, l) },
			Table{Listen: 1, Established: 2, Total: 3},
			Table{Established: 2, Total: 2},
		},
		"not accepted": {
			func(t *testing.T, l *net.TCPListener) { dial(t, l) },
			Table{Listen: 1, Established: 1, Total: 2},
			Table{Established: 1, Total: 1},
		},
		"the server closes first": {
			func(t *testing.T, l *net.TCPListener) {
				_, server := pair(t, l)
				require.NoError(t, server.Close())
			},
			Table{Listen: 1, FinWait2: 1, Total: 2},
			Table{CloseWait: 1, Total: 1},
		},
		"the client closes first": {
			func(t *testing.T, l *net.TCPListener) {
				client, _ := pair(t, l)
				require.NoError(t, client.Close())
			},
			Table{Listen: 1, CloseWait: 1, Total: 2},
			Table{FinWait2: 1, Total: 1},
		},
		"closed, the server first": {
			func(t *testing.T, l *net.TCPListener) {
				client, server := pair(t, l)
				require.NoError(t, server.Close())
				_, _ = client.Read(make([]byte, 1))
				require.NoError(t, client.Close())
			},
			Table{Listen: 1, TimeWait: 1, Total: 2},
			Table{},
		},
		"the client does not read": {
			func(t *testing.T, l *net.TCPListener) {
				_, server := pair(t, l)
				fill(t, server)
				require.NoError(t, server.CloseWrite())
			},
			Table{Listen: 1, FinWait1: 1, Total: 2},
			Table{Established: 1, Total: 1},
		},
		"the client closes, and does not read": {
			func(t *testing.T, l *net.TCPListener) {
				client, server := pair(t, l)
				require.NoError(t, client.CloseWrite())
				fill(t, server)
				_, _ = server.Read(make([]byte, 1))
				require.NoError(t, server.CloseWrite())
			},
			Table{Listen: 1, LastAck: 1, Total: 2},
			Table{FinWait2: 1, Total: 1},
		},
	} {
		for _, address := range []string{"127.0.0.1", "::1"} {
			t.Run(name+" on "+address, func(t *testing.T) {
				t.Parallel()
				listener := listenTCP(t, address, nil)
				row.make(t, listener)
				eventually(t, Query{Port: port(listener)}, row.server)
				eventually(t, Query{Peer: listener.Addr().(*net.TCPAddr).AddrPort()}, row.client)
				eventually(t, Query{Peer: netip.AddrPortFrom(netip.Addr{}, port(listener))}, row.client)
			})
		}
	}
}

// With TCP_DEFER_ACCEPT the handshake counts as done when the client sends something (tcp(7)).
func TestHalfOpen(t *testing.T) {
	t.Parallel()
	listener := listenTCP(t, "127.0.0.1", func(fd int) {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, 60)
	})
	client := dial(t, listener)
	eventually(t, Query{Port: port(listener)}, Table{Listen: 1, SynRecv: 1, Total: 2})
	_, err := client.Write([]byte("x"))
	require.NoError(t, err)
	eventually(t, Query{Port: port(listener)}, Table{Listen: 1, Established: 1, Total: 2})
}

func TestDualStack(t *testing.T) {
	t.Parallel()
	listener := listenTCP(t, "::", nil)
	for _, host := range []string{"127.0.0.1", "::1"} {
		conn, err := net.Dial("tcp", net.JoinHostPort(host, strconv.Itoa(int(port(listener)))))
		require.NoError(t, err)
		defer conn.Close()
		eventually(t, Query{Port: port(listener), Peer: conn.LocalAddr().(*net.TCPAddr).AddrPort()}, Table{Established: 1, Total: 1})
	}
	eventually(t, Query{Port: port(listener)}, Table{Listen: 1, Established: 2, Total: 3})
}

// A backlog of 1 takes 2 connections; what comes after that gets no answer.
func TestFullAcceptQueue(t *testing.T) {
	t.Parallel()
	listener := listenTCP(t, "127.0.0.1", nil)
	raw, err := listener.SyscallConn()
	require.NoError(t, err)
	require.NoError(t, raw.Control(func(fd uintptr) { err = unix.Listen(int(fd), 1) }))
	require.NoError(t, err)
	q := Query{Port: port(listener), Queue: true}
	eventually(t, q, Table{Listen: 1, Total: 1, AcceptQueue: new(int64(0)), Backlog: new(int64(1))})
	dial(t, listener)
	dial(t, listener)
	ctx, cancel := context.WithCancel(t.Context())
	third := make(chan error, 1)
	go func() {
		_, err := new(net.Dialer).DialContext(ctx, "tcp", listener.Addr().String())
		third <- err
	}()
	eventually(t, q, Table{Listen: 1, Established: 2, Total: 3, AcceptQueue: new(int64(2)), Backlog: new(int64(1))})
	eventually(t, Query{Peer: listener.Addr().(*net.TCPAddr).AddrPort()}, Table{Established: 2, SynSent: 1, Total: 3})
	cancel()
	require.Error(t, <-third)
}

func TestOfThisProcess(t *testing.T) {
	t.Parallel()
	listener := listenTCP(t, "127.0.0.1", nil)
	client, server := pair(t, listener)
	eventually(t, Query{Port: port(listener), PID: os.Getpid()}, Table{Listen: 1, Established: 1, Total: 2})
	eventually(t, Query{Port: uint16(client.LocalAddr().(*net.TCPAddr).Port), PID: os.Getpid()}, Table{Established: 1, Total: 1})
	require.NoError(t, server.Close()) // FIN_WAIT2 belongs to nobody
	eventually(t, Query{Port: port(listener), PID: os.Getpid()}, Table{Listen: 1, Total: 1})
}

// child is another process that lives for the length of the test, with a copy of a listening socket, if any. Tests with one
// are not parallel: between fork and exec, it has every socket of the others.
func child(t *testing.T, listener *net.TCPListener) (pid int) {
	t.Helper()
	command := exec.Command("cat")
	if listener != nil {
		file, err := listener.File()
		require.NoError(t, err)
		defer file.Close()
		command.ExtraFiles = []*os.File{file}
	}
	stdin, err := command.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = command.Wait()
	})
	return command.Process.Pid
}

// descriptors is how many there are of a process that opens and closes none.
func descriptors(t *testing.T, pid int) int64 {
	t.Helper()
	entries, err := os.ReadDir(procPath(pid, "fd"))
	require.NoError(t, err)
	require.Greater(t, len(entries), 3)
	return int64(len(entries))
}

func TestOfAnotherProcess(t *testing.T) {
	listener := listenTCP(t, "127.0.0.1", nil)
	pair(t, listener)
	pid := child(t, listener)
	eventually(t, Query{PID: pid}, Table{Listen: 1, Total: 1})

	table, err := Count(t.Context(), Query{PID: pid})
	require.NoError(t, err)
	assert.Equal(t, descriptors(t, pid), *table.FDs)
	assert.EqualValues(t, limits.Descriptors(), *table.FDLimit)

	table, err = Count(t.Context(), Query{Port: port(listener)})
	require.NoError(t, err)
	assert.Nil(t, table.FDs, "two processes share the listener")
	assert.Nil(t, table.FDLimit)
}

func TestFindsWhoListens(t *testing.T) {
	listener := listenTCP(t, "127.0.0.1", nil)
	pid := child(t, listener)
	q := Query{Port: port(listener)}
	require.NoError(t, listener.Close()) // now only the child's
	for range 2 {
		table, err := Count(t.Context(), q)
		require.NoError(t, err)
		require.NotNil(t, table.FDs)
		assert.Equal(t, descriptors(t, pid), *table.FDs)
		assert.EqualValues(t, limits.Descriptors(), *table.FDLimit)
	}
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	eventually(t, q, Table{})
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	listener := listenTCP(t, "127.0.0.1", nil)
	q := Query{Port: port(listener), Queue: true}
	require.NoError(t, listener.Close())
	table, err := Count(t.Context(), q)
	require.NoError(t, err)
	assert.Equal(t, Table{AcceptQueue: new(int64(0)), Backlog: new(int64(0))}, table)
}

func TestFailures(t *testing.T) {
	t.Parallel()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, row := range map[string]struct {
		ctx     context.Context
		query   Query
		cause   error
		message string
	}{
		"no such process": {t.Context(), Query{PID: math.MaxInt32}, fs.ErrNotExist, "TCP sockets of process 2147483647: open /proc/2147483647/fd: no such file or directory: no process has that number here"},
		"cancelled":       {cancelled, Query{Port: 80}, context.Canceled, "TCP sockets of local port 80: sock_diag of IPv4: context canceled"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Count(row.ctx, row.query)
			require.ErrorIs(t, err, row.cause)
			assert.ErrorContains(t, err, row.message)
		})
	}
}

func TestProcessError(t *testing.T) {
	t.Parallel()
	for cause, row := range map[syscall.Errno]struct {
		is      error
		message string
	}{
		unix.EACCES: {fs.ErrPermission, "open /proc/7/fd: permission denied: run as the user of the process, or as root"},
		unix.ENOENT: {fs.ErrNotExist, "open /proc/7/fd: no such file or directory: no process has that number here"},
		unix.ESRCH:  {fs.ErrNotExist, "open /proc/7/fd: no such process (file does not exist): the process has ended"},
		unix.EIO:    {unix.EIO, "open /proc/7/fd: input/output error"},
	} {
		err := processError(&fs.PathError{Op: "open", Path: "/proc/7/fd", Err: cause})
		require.ErrorIs(t, err, row.is)
		require.ErrorContains(t, err, row.message)
	}
}

// The kernel would show none of its sockets here.
func TestProcessInAnotherNamespace(t *testing.T) {
	command := exec.Command("cat")
	command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if os.Geteuid() != 0 {
		command.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER // in which anybody may make a network namespace
	}
	stdin, err := command.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start(), "making a network namespace takes root, or user namespaces (sysctl user.max_user_namespaces)")
	defer func() {
		_ = stdin.Close()
		_ = command.Wait()
	}()
	_, err = Count(t.Context(), Query{PID: command.Process.Pid})
	assert.ErrorContains(t, err, "is in another network namespace (net:[")
}

// crowd holds n connections that nobody accepts, which takes one descriptor each, and so many listeners on
// one port that their backlogs have room for all.
func crowd(tb testing.TB, n int) (listenPort uint16, listeners int64) {
	tb.Helper()
	text, err := os.ReadFile("/proc/sys/net/core/somaxconn")
	require.NoError(tb, err)
	backlog, err := strconv.Atoi(strings.TrimSpace(string(text)))
	require.NoError(tb, err)
	listenPort = freePort(tb)
	for at := 0; at < n; listeners++ {
		host := [4]byte{127, 0, byte(listeners / 200), byte(1 + listeners%200)}
		fd := tcpSocket(tb)
		to := &unix.SockaddrInet4{Addr: host, Port: int(listenPort)}
		require.NoError(tb, unix.Bind(fd, to))
		require.NoError(tb, unix.Listen(fd, backlog))
		for most := min(n, at+backlog); at < most; at++ {
			client := tcpSocket(tb)
			require.NoError(tb, unix.SetsockoptLinger(client, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}))
			require.NoError(tb, unix.Connect(client, to))
		}
	}
	return listenPort, listeners
}

func tcpSocket(tb testing.TB) int {
	tb.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}

func crowdSize() int { return int(min(10_000, limits.Descriptors()-500)) }

func TestManyConnections(t *testing.T) {
	n := int64(crowdSize())
	listenPort, listeners := crowd(t, int(n))
	eventually(t, Query{Port: listenPort, Queue: true}, Table{
		Established: n, Listen: listeners, Total: n + listeners,
		AcceptQueue: &n, Backlog: backlogOf(t, listenPort),
	})
	eventually(t, Query{Peer: netip.AddrPortFrom(netip.Addr{}, listenPort)}, Table{Established: n, Total: n})
	table, err := Count(t.Context(), Query{PID: os.Getpid()})
	require.NoError(t, err)
	assert.GreaterOrEqual(t, table.Established, n)
	assert.GreaterOrEqual(t, *table.FDs, n+listeners)
}

func backlogOf(t *testing.T, listenPort uint16) *int64 {
	t.Helper()
	table, err := Count(t.Context(), Query{Port: listenPort, Queue: true})
	require.NoError(t, err)
	require.GreaterOrEqual(t, *table.Backlog, table.Established)
	return table.Backlog
}

func BenchmarkCount(b *testing.B) {
	n := crowdSize()
	listenPort, _ := crowd(b, n)
	for name, q := range map[string]Query{
		"all": {}, "port": {Port: listenPort}, "peer": {Peer: netip.AddrPortFrom(netip.Addr{}, listenPort)}, "pid": {PID: os.Getpid()},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				table, err := Count(b.Context(), q)
				if err != nil || table.Established < int64(n) {
					b.Fatal(table, err)
				}
			}
		})
	}
}
