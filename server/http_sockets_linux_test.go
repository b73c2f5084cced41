package server_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/sockets"
	"github.com/seed-aa7fe5b5/xk6-mconnect/internal/ports"
	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
)

func TestSocketsOverHTTP(t *testing.T) {
	t.Parallel()
	srv := startHTTP(t, server.Options{Address: ports.Outside(t)})
	expectName(t, transports["plain"].connect(t, srv.Addr()))
	response, body := fetch(t, srv, "GET", fmt.Sprintf("/sockets?port=%d&queue=true", srv.Addr().Port()), "")
	assert.Equal(t, 200, response.StatusCode)
	assert.Equal(t, "application/json", response.Header.Get("Content-Type"))
	var fields map[string]int64
	require.NoError(t, json.Unmarshal([]byte(body), &fields))
	for _, field := range []string{"established", "listen", "total", "backlog", "fds", "fd_limit"} {
		assert.Positive(t, fields[field], field)
	}
	assert.Contains(t, fields, "accept_queue")

	for name, q := range map[string]sockets.Query{
		"all":          {},
		"this process": {PID: os.Getpid()},
		"by peer":      {Peer: srv.Addr()},
	} {
		table, err := sockets.Fetch(t.Context(), sockets.Way{}, srv.HTTPAddr().String(), q)
		require.NoError(t, err, name)
		assert.GreaterOrEqual(t, table.Established, int64(1), name)
		assert.Equal(t, q.PID != 0, table.FDs != nil, name)
	}
	_, err := sockets.Fetch(t.Context(), sockets.Way{}, srv.HTTPAddr().String(), sockets.Query{PID: 1 << 30})
	assert.ErrorContains(t, err, "HTTP status 404 Not Found")
	assert.ErrorContains(t, err, "no process has that number here")
}

// What Orion's test looks at: clients that wait are ESTABLISHED, and go to CLOSE_WAIT when the listener has answered and
// closes: at once with -close, else when no second request comes within -timeout.
func TestSlowListenersClientsInTheTable(t *testing.T) {
	t.Parallel()
	const many = 50
	for name, options := range map[string]server.Options{
		"with -close":    {HTTPClose: true, HTTPDelay: 3 * time.Second},
		"after -timeout": {HTTPTimeout: time.Second, HTTPDelay: 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			options.HTTP = ports.Outside(t)
			srv := startHTTP(t, options)
			q := sockets.Query{Peer: netip.AddrPortFrom(srv.HTTPAddr().Addr(), srv.HTTPAddr().Port())}
			for range many {
				dialHTTP(t, srv, postRequest)
			}
			for _, want := range []sockets.Table{{Established: many, Total: many}, {CloseWait: many, Total: many}} {
				var table sockets.Table
				require.Eventually(t, func() bool {
					var err error
					table, err = sockets.Count(t.Context(), q)
					return err == nil && table == want
				}, patience, often, "%+v", want)
			}
			assert.EqualValues(t, many, srv.Stats().HTTP.Served)
		})
	}
}
