//go:build linux

package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Orion's test: clients ask the slow listener and never hang up, so they all end in CLOSE_WAIT.
func TestSlowListener(t *testing.T) {
	const clients = 200
	for _, test := range []struct {
		name  string
		flags []string
	}{
		{"after -timeout", []string{"-timeout", "1s"}},
		{"-close", []string{"-close"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			ns := newNamespace(t)
			slow := freePort(t)
			c := startCompanion(t, ns, "127.0.0.1", append([]string{"-http", slow, "-delay", "3s", "-stats", "200ms"}, test.flags...)...)
			c.awaitLine(t, `"HTTP on; `)
			conns := askSlowly(t, ns, slow, clients)
			done := holdTest{
				ns: ns, args: object{"slow": slow, "clients": clients},
				body: `
					tell('pending', await sockets({ remote: args.slow }));
					await until(async () => (await sockets({ remote: args.slow })).close_wait === args.clients);
					tell('left', await sockets({ remote: args.slow }));
				`,
			}.start(t)
			awaitMetric(t, ns, slow, fmt.Sprintf("mconnect_server_http_requests_pending %d", clients))
			h := done.await(t, exitOK)
			assert.InDelta(t, clients, tells[socketTable](t, h, "pending").Established, 2, "besides, awaitMetric may be asking just then")
			left := tells[socketTable](t, h, "left")
			assert.EqualValues(t, clients, left.CloseWait)
			assert.Zero(t, left.Established)
			for _, conn := range conns {
				answer, err := io.ReadAll(conn)
				require.NoError(t, err)
				require.Contains(t, string(answer), "HTTP/1.1 200 OK")
				require.True(t, strings.HasSuffix(string(answer), "OK"), "%s", answer)
				require.Equal(t, test.name == "-close", strings.Contains(string(answer), "Connection: close"), "%s", answer)
			}
			awaitMetric(t, ns, slow, fmt.Sprintf("mconnect_server_http_requests_served_total %d", clients))
			awaitReceived(t, c, clients)
		})
	}
}

// askSlowly sends requests on connections of their own, which stay open until the test ends.
func askSlowly(t *testing.T, ns *namespace, address string, n int) []net.Conn {
	t.Helper()
	conns := make([]net.Conn, 0, n)
	t.Cleanup(func() {
		for _, conn := range conns {
			_ = conn.Close()
		}
	})
	require.NoError(t, ns.inside(func() error {
		for range n {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				return err
			}
			conns = append(conns, conn)
			if _, err := fmt.Fprintf(conn, "POST /v2/entities HTTP/1.1\r\nHost: %s\r\nContent-Length: 2\r\n\r\n{}", address); err != nil {
				return err
			}
		}
		return nil
	}))
	return conns
}

// awaitMetric waits for a line of /metrics.
func awaitMetric(t *testing.T, ns *namespace, address, line string) {
	t.Helper()
	limit := time.After(patience)
	for {
		text := metricsOf(t, ns, address)
		if strings.Contains(text, "\n"+line+"\n") {
			return
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-limit:
			require.Fail(t, "no such line", "%s in:\n%s", line, text)
		}
	}
}

func metricsOf(t *testing.T, ns *namespace, address string) string {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, address string) (conn net.Conn, err error) {
			err = ns.inside(func() (err error) {
				conn, err = new(net.Dialer).DialContext(ctx, network, address)
				return err
			})
			return conn, err
		},
	}}
	answer, err := client.Get("http://" + address + "/metrics")
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return string(text)
}

// awaitReceived waits for Orion's line with a number of requests on standard output.
func awaitReceived(t *testing.T, c *companion, requests int) {
	t.Helper()
	want := fmt.Sprintf("Received  %d Rate ", requests)
	limit := time.After(patience)
	for {
		grown := c.stdout.grows()
		if line, ok := c.stdout.line(want); ok {
			assert.Regexp(t, `^Received  \d+ Rate \d+ r/s$`, line)
			return
		}
		select {
		case <-grown:
		case <-limit:
			require.Fail(t, "no such line", "%q in:\n%s", want, c.stdout)
		}
	}
}
