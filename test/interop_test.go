//go:build linux

package e2e

import (
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// request makes one HTTP request on a connection of its own.
func request(method, address string, header http.Header) (status int, body []byte, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, address, nil)
	if err != nil {
		return 0, nil, err
	}
	maps.Copy(r.Header, header)
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(r)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	body, err = io.ReadAll(response.Body)
	return response.StatusCode, body, err
}

// An mconnect client takes the first read as the server's name, and with -keep goes on to read and write.
func TestServerAnswersAnMconnectClient(t *testing.T) {
	name, err := os.Hostname()
	require.NoError(t, err)
	c := startCompanion(t, nil, "127.0.0.1", "-udp")
	for _, test := range []struct {
		network    string
		speaksLast bool // the client has to ask first
	}{
		{"tcp", false},
		{"udp", true},
	} {
		t.Run(test.network, func(t *testing.T) {
			conn, err := net.Dial(test.network, c.address)
			require.NoError(t, err)
			defer conn.Close()
			require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
			buf := make([]byte, 1024)
			for turn := range 3 {
				if turn > 0 || test.speaksLast {
					_, err := conn.Write([]byte("Hello"))
					require.NoError(t, err)
				}
				n, err := conn.Read(buf)
				require.NoError(t, err)
				assert.Equal(t, name, string(buf[:n]), "turn %d", turn)
			}
		})
	}
	stopped := c.stop(t)
	assert.EqualValues(t, 1, stopped.Accepted)
	assert.EqualValues(t, 3, stopped.Replies)
	assert.EqualValues(t, 3, stopped.Answered)
}

// An mconnect server that is not ours is flooded like ours.
func TestFloodOfAnMconnectServer(t *testing.T) {
	mconnect := startPeer(t, nil, func(conn *net.TCPConn) {
		buf := make([]byte, 1024)
		for _, err := conn.Write([]byte("seed-1")); err == nil; _, err = conn.Write([]byte("seed-1")) {
			if _, err := conn.Read(buf); err != nil {
				return
			}
		}
	})
	udp := startUDPPeer(t, func(request []byte) []byte {
		if string(request) != "Hello" {
			return nil
		}
		return []byte("seed-1")
	})
	for network, target := range map[string]string{"tcp": mconnect.address, "udp": udp} {
		t.Run(network, func(t *testing.T) {
			done := floodTest{calls: []call{{target, object{"network": network, "connections": 500}}}}.flood(t)
			assert.Equal(t, map[string]int64{"seed-1": 500}, done.Report.Hosts)
		})
	}
}

// The liveness probe tells name and caller, and fails on request until it is told to stop that.
// Whoever ends the server lets its clients finish, if that is a terminal that is closed.
func TestServerDrainsAtSignals(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		t.Run(signal.String(), func(t *testing.T) {
			c := startCompanion(t, nil, "127.0.0.1")
			c.signal(signal)
			assert.Equal(t, 0, c.wait(t))
			assert.Zero(t, c.logged(t, `"Stopped"`).Accepted)
		})
	}
}

func TestLivenessProbe(t *testing.T) {
	name, err := os.Hostname()
	require.NoError(t, err)
	c := startCompanion(t, nil, "127.0.0.1")
	healthy := "^" + name + `,127\.0\.0\.1:\d+$`
	for _, step := range []struct {
		name, method string
		malfunction  string // "" is no such header
		status       int
		body         string
	}{
		{"healthy", http.MethodGet, "", http.StatusOK, healthy},
		{"HEAD", http.MethodHead, "", http.StatusOK, "^$"},
		{"asked to fail", http.MethodGet, "yes", http.StatusInternalServerError, ""},
		{"still failing", http.MethodGet, "", http.StatusInternalServerError, ""},
		{"HEAD fails too", http.MethodHead, "", http.StatusInternalServerError, "^$"},
		{"asked to recover", http.MethodGet, "no", http.StatusOK, healthy},
		{"recovered", http.MethodGet, "", http.StatusOK, healthy},
	} {
		header := http.Header{}
		if step.malfunction != "" {
			header.Set("X-Malfunction", step.malfunction)
		}
		status, body, err := request(step.method, "http://"+c.probe+"/healthz", header)
		require.NoError(t, err, step.name)
		assert.Equal(t, step.status, status, step.name)
		assert.Regexp(t, step.body, string(body), step.name)
	}
}
