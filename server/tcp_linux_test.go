package server_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
)

// A server that waited for this client, or kept its answers, would stop serving others, or grow.
func TestClientNeverReads(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 255)
	srv := start(t, server.Options{Hostname: long, Loops: 1})
	// A small window from the beginning; later than that, the kernel would drop what is on its way.
	dialer := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 4096) })
	}}
	conn, err := dialer.Dial("tcp", srv.Addr().String())
	require.NoError(t, err)
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for {
			if _, err := conn.Write([]byte("x")); err != nil {
				return
			}
		}
	}()
	eventually(t, srv, func(s server.Stats) bool { return s.Dropped > 100 })

	other := transports["plain"].connect(t, srv.Addr())
	_, err = io.ReadFull(other, make([]byte, len(long)))
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	<-sent
	eventually(t, srv, func(s server.Stats) bool { return s.Active == 1 })
}

// Not parallel: it counts the allocations of the whole process.
func TestTCPAllocatesNothing(t *testing.T) {
	for name, options := range map[string]server.Options{"the name": {}, "the source too": {TellSource: true}} {
		t.Run(name, func(t *testing.T) { assert.Zero(t, allocationsOfAnswer(t, options)) })
	}
}

func allocationsOfAnswer(t *testing.T, options server.Options) float64 {
	t.Helper()
	srv := start(t, options)
	to := &unix.SockaddrInet4{Addr: srv.Addr().Addr().As4(), Port: int(srv.Addr().Port())}
	answer := make([]byte, 512)
	return testing.AllocsPerRun(200, func() {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			err = unix.Connect(fd, to)
		}
		if err == nil {
			_, err = unix.Read(fd, answer)
		}
		_ = unix.Close(fd)
		if err != nil {
			t.Error(err)
		}
	})
}

func init() { children["few descriptors"] = serveWithFewDescriptors }

// serveWithFewDescriptors is a server in a process whose limit of descriptors its parent sets: a line on standard input
// is either how many descriptors are to be free, or "usage". Each is answered with the share of a
// processor used since the line before, in percent; the first line of output is the address.
func serveWithFewDescriptors() error {
	srv, err := server.Start(server.Options{Address: "127.0.0.1:0", Hostname: name, Loops: 1})
	if err != nil {
		return err
	}
	defer srv.Close()
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		return err
	}
	fmt.Println(srv.Addr())
	since, used := time.Now(), cpuTime()
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var beyond uint64
		if _, err := fmt.Sscan(lines.Text(), &beyond); err == nil {
			limit := before
			limit.Cur = limitThatLeaves(beyond)
			if beyond == 0 {
				limit.Cur = 3 // not even what is given up can be had again
			}
			if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
				return err
			}
		}
		share := 100 * (cpuTime() - used).Seconds() / time.Since(since).Seconds()
		since, used = time.Now(), cpuTime()
		fmt.Printf("%.0f refused=%d\n", share, srv.Stats().Refused)
	}
	return nil
}

func cpuTime() time.Duration {
	var usage unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// limitThatLeaves is the limit below which so many descriptors are free.
func limitThatLeaves(free uint64) (limit uint64) {
	for ; free > 0; limit++ {
		if _, err := unix.FcntlInt(uintptr(limit), unix.F_GETFD, 0); err != nil {
			free--
		}
	}
	return limit
}

// A fewDescriptors is the parent's side.
type fewDescriptors struct {
	address string
	in      io.Writer
	out     *bufio.Reader
}

func startFewDescriptors(t *testing.T) *fewDescriptors {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childVariable+"=few descriptors")
	child.Stderr = os.Stderr
	in, err := child.StdinPipe()
	require.NoError(t, err)
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	c := &fewDescriptors{in: in, out: bufio.NewReader(out)}
	t.Cleanup(func() {
		_ = in.Close()
		assert.NoError(t, child.Wait())
	})
	address, err := c.out.ReadString('\n')
	require.NoError(t, err)
	c.address = strings.TrimSpace(address)
	return c
}

func (c *fewDescriptors) tell(t *testing.T, line string) (share float64, refused int) {
	t.Helper()
	_, err := fmt.Fprintln(c.in, line)
	require.NoError(t, err)
	_, err = fmt.Fscanf(c.out, "%f refused=%d\n", &share, &refused)
	require.NoError(t, err)
	return share, refused
}

// dial returns nil for a client that is turned away.
func (c *fewDescriptors) dial(t *testing.T) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", c.address)
	require.NoError(t, err)
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	n, err := io.ReadFull(conn, make([]byte, len(name)))
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "neither served nor turned away")
	if n == len(name) {
		return conn
	}
	_ = conn.Close()
	return nil
}

func TestDescriptorsUsedUp(t *testing.T) {
	t.Parallel()
	const room, clients = 10, 30
	c := startFewDescriptors(t)
	c.tell(t, fmt.Sprint(room))
	var served []net.Conn
	for range clients {
		if conn := c.dial(t); conn != nil {
			served = append(served, conn)
			defer conn.Close()
		}
	}
	assert.GreaterOrEqual(t, len(served), room)
	_, refused := c.tell(t, "usage")
	assert.Equal(t, clients-len(served), refused)
	assert.Positive(t, refused)

	for _, conn := range served {
		ask(t, conn)
		require.NoError(t, conn.Close())
	}
	require.Eventually(t, func() bool {
		conn := c.dial(t)
		if conn != nil {
			_ = conn.Close()
		}
		return conn != nil
	}, patience, often, "no room, although all have left")
}

func TestNoDescriptorAtAll(t *testing.T) {
	t.Parallel()
	c := startFewDescriptors(t)
	c.tell(t, "0")
	conn, err := net.Dial("tcp", c.address)
	require.NoError(t, err)
	defer conn.Close()
	// The client waits in the backlog, and that is what has to go by without a busy loop: half a second of it.
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(500*time.Millisecond)))
	_, err = conn.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	share, _ := c.tell(t, "usage")
	assert.Less(t, share, 50.0, "percent of a processor, for doing nothing")

	c.tell(t, "100")
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	expectName(t, conn)
}
