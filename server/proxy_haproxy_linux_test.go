package server_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/reply"
	"github.com/seed-aa7fe5b5/xk6-mconnect/internal/needs"
	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
)

// haproxy starts a TCP load balancer in front of one server, of which line is the rest of HAProxy's description, and returns its address.
func haproxy(t *testing.T, line string) (address string) {
	t.Helper()
	path := needs.Program(t, "haproxy")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	address = listener.Addr().String()
	inherited, err := listener.(*net.TCPListener).File() // else another could take the port before HAProxy does
	require.NoError(t, err)
	defer inherited.Close()
	config := fmt.Sprintf("defaults\n mode tcp\n timeout connect 10s\n timeout client 1m\n timeout server 1m\nlisten vip\n bind fd@3\n server web-1 %s\n", line)
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
	said := &lockedBuffer{}
	proxy := exec.Command(path, "-db", "-f", file)
	proxy.Stdout, proxy.Stderr = said, said
	proxy.ExtraFiles = []*os.File{inherited}
	proxy.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, proxy.Start())
	t.Cleanup(func() {
		_ = proxy.Process.Kill()
		_ = proxy.Wait()
	})
	return address
}

// Behind a real load balancer the source that is told is the client's if it sends PROXY headers, and its own if it does not.
func TestSourceBehindHAProxy(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		header, secure bool
		line           string
	}{
		"none":                     {false, false, ""},
		"send-proxy":               {true, false, "send-proxy"},
		"send-proxy-v2":            {true, false, "send-proxy-v2"},
		"send-proxy-v2 with TLVs":  {true, false, "send-proxy-v2 proxy-v2-options crc32c,unique-id"},
		"send-proxy-v2 before TLS": {true, true, "send-proxy-v2 ssl verify none"},
		"checked":                  {true, false, "send-proxy-v2 check inter 100ms check-send-proxy"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			options := server.Options{ProxyProtocol: row.header, TellSource: true, Echo: "127.0.0.1:0"}
			if row.secure {
				options.TLSCert, options.TLSKey = certificate(t)
			}
			srv := start(t, options)
			address := haproxy(t, srv.Addr().String()+" "+row.line)
			for range 20 {
				conn, err := net.Dial("tcp", address)
				require.NoError(t, err)
				require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
				for range 2 {
					answer := make([]byte, 256)
					n, err := conn.Read(answer)
					require.NoError(t, err)
					host, _ := reply.Parse(answer[:n])
					assert.Equal(t, "web-1", string(host))
					source, ok := reply.Source(answer[:n])
					assert.True(t, ok, "%q", answer[:n])
					assert.Equal(t, row.header, source.String() == conn.LocalAddr().String(), "%s at %s", source, conn.LocalAddr())
					_, err = conn.Write([]byte("x"))
					require.NoError(t, err)
				}
				require.NoError(t, conn.Close())
			}
			assert.Zero(t, srv.Stats().HeaderErrors)

			conn, err := net.Dial("tcp", haproxy(t, srv.EchoAddr().String()+" "+row.line))
			require.NoError(t, err)
			defer conn.Close()
			require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
			_, err = conn.Write(make([]byte, 100))
			require.NoError(t, err)
			back := make([]byte, 100)
			_, err = io.ReadFull(conn, back)
			require.NoError(t, err)
			assert.Equal(t, "web-1"+strings.Repeat("\x00", 95), string(back))
		})
	}
}
