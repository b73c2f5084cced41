package connect

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// peer is a TCP server that treats each connection as its script says, until the test ends.
func peer(t *testing.T, script func(*net.TCPConn)) Target {
	t.Helper()
	return peerAt(t, "127.0.0.1:0", script)
}

func peerAt(t *testing.T, address string, script func(*net.TCPConn)) Target {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	require.NoError(t, err)
	var serving sync.WaitGroup
	var mu sync.Mutex
	var open []*net.TCPConn
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			tcp := conn.(*net.TCPConn)
			mu.Lock()
			open = append(open, tcp)
			mu.Unlock()
			serving.Go(func() {
				defer tcp.Close()
				script(tcp)
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		mu.Lock()
		for _, conn := range open {
			conn.Close()
		}
		mu.Unlock()
		serving.Wait()
	})
	return target(t, listener.Addr())
}

func target(t *testing.T, addr net.Addr) Target {
	t.Helper()
	parsed, err := ParseTarget(addr.String())
	require.NoError(t, err)
	return parsed
}

// untilClosed waits for the client to hang up.
func untilClosed(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

func answer(text string) func(*net.TCPConn) {
	return func(conn *net.TCPConn) {
		_, _ = io.WriteString(conn, text)
		untilClosed(conn)
	}
}

func resetAtOnce(conn *net.TCPConn) { _ = conn.SetLinger(0) }

func closeAtOnce(*net.TCPConn) {}

func binaryMegabyte(conn *net.TCPConn) {
	_, _ = conn.Write(bytes.Repeat([]byte{0xff, 0x00, 0xfe}, 1<<20/3))
	untilClosed(conn)
}

// refusing is a TCP address on which nothing listens.
func refusing(t *testing.T) Target {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	keeper, err := net.Dial("tcp", listener.Addr().String()) // so that nobody else gets the port
	require.NoError(t, err)
	t.Cleanup(func() { keeper.Close() })
	return target(t, keeper.LocalAddr())
}

// free is a TCP address whose port nobody has.
func free(t *testing.T) Target {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return target(t, listener.Addr())
}

// udpPeer answers each datagram with what reply makes of it; nil is no answer.
func udpPeer(t *testing.T, reply func(datagram []byte) []byte) Target {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	require.NoError(t, err)
	var serving sync.WaitGroup
	serving.Go(func() {
		buf := make([]byte, 64<<10)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			if answer := reply(buf[:n]); answer != nil {
				_, _ = conn.WriteToUDPAddrPort(answer, from)
			}
		}
	})
	t.Cleanup(func() {
		conn.Close()
		serving.Wait()
	})
	return target(t, conn.LocalAddr())
}
