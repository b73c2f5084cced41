package server_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
)

// get asks the probe over a connection of its own; malfunction "" leaves the header out.
func get(t *testing.T, method string, srv *server.Server, malfunction string) *http.Response {
	t.Helper()
	request, err := http.NewRequest(method, "http://"+srv.ProbeAddr().String()+"/healthz", nil)
	require.NoError(t, err)
	if malfunction != "" {
		request.Header.Set("X-Malfunction", malfunction)
	}
	return do(t, request)
}

func do(t *testing.T, request *http.Request) *http.Response {
	t.Helper()
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

// Clients that stay must not keep a kubelet out.
func TestProbeHangsUp(t *testing.T) {
	t.Parallel()
	srv := start(t, server.Options{Probe: "127.0.0.1:0"})
	response, err := http.Get("http://" + srv.ProbeAddr().String() + "/healthz")
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.True(t, response.Close)
}

func TestProbeMalfunctionSticks(t *testing.T) {
	t.Parallel()
	srv := start(t, server.Options{Probe: "127.0.0.1:0"})
	for _, step := range []struct {
		method, malfunction string
		want                int
	}{
		{"GET", "", 200},
		{"HEAD", "", 200},
		{"GET", "no", 200},
		{"HEAD", "yes", 500},
		{"GET", "", 500},
		{"HEAD", "", 500},
		{"GET", "yes", 500},
		{"GET", "no", 200},
		{"GET", "", 200},
		{"GET", "yes", 500},
		{"HEAD", "Yes", 200}, // anything but "yes"
		{"GET", "", 200},
		{"POST", "yes", 405},
		{"GET", "", 200},
	} {
		response := get(t, step.method, srv, step.malfunction)
		assert.Equal(t, step.want, response.StatusCode, "%+v", step)
	}
}

func TestProbeTellsNameAndCaller(t *testing.T) {
	t.Parallel()
	for _, listen := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(listen, func(t *testing.T) {
			t.Parallel()
			srv := start(t, server.Options{Probe: listen})
			conn, err := net.Dial("tcp", srv.ProbeAddr().String())
			require.NoError(t, err)
			defer conn.Close()
			require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
			_, err = io.WriteString(conn, "GET /healthz HTTP/1.0\r\n\r\n")
			require.NoError(t, err)
			answer, err := io.ReadAll(conn)
			require.NoError(t, err)
			assert.Regexp(t, "(?s)^HTTP/1.0 200 OK\r\n.*\r\n\r\n", string(answer))
			assert.Contains(t, string(answer), "\r\n\r\n"+name+","+conn.LocalAddr().String())
		})
	}
}

func TestProbeHasNothingElse(t *testing.T) {
	t.Parallel()
	srv := start(t, server.Options{Probe: "127.0.0.1:0"})
	request, err := http.NewRequest(http.MethodGet, "http://"+srv.ProbeAddr().String()+"/", nil)
	require.NoError(t, err)
	assert.Equal(t, 404, do(t, request).StatusCode)
}

func TestProbeRefusesLongHeaders(t *testing.T) {
	t.Parallel()
	srv := start(t, server.Options{Probe: "127.0.0.1:0"})
	request, err := http.NewRequest(http.MethodGet, "http://"+srv.ProbeAddr().String()+"/healthz", nil)
	require.NoError(t, err)
	request.Header.Set("X-Long", strings.Repeat("x", 16<<10))
	assert.Equal(t, 431, do(t, request).StatusCode)
}
