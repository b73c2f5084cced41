//go:build linux

package e2e

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
)

// stalling answers its first client late, and all others at once.
func stalling(t *testing.T, stall time.Duration) (address string) {
	t.Helper()
	var once sync.Once
	return startPeer(t, nil, func(conn *net.TCPConn) {
		once.Do(func() { time.Sleep(stall) })
		_, _ = io.WriteString(conn, "stalling")
		swallow(conn)
	}).address
}

// In an open loop, connections that a stall held up count from when they were due. As fast as possible, only the one
// that met the stall shows it.
func TestOpenLoopShowsAStall(t *testing.T) {
	const connections, rate = 200, 500
	const stall = 1000 * time.Millisecond // longer than all connections are due in
	options := object{"connections": connections, "concurrency": 1}
	closed := floodTest{calls: []call{{stalling(t, stall), options}}}.flood(t).results[0]
	options["rate"] = rate
	open := floodTest{calls: []call{{stalling(t, stall), options}}}.flood(t).results[0]
	assert.EqualValues(t, connections, closed.States.Completed)
	assert.EqualValues(t, connections, open.States.Completed)

	// All but the first connection wait from when they are due until the stall is over, which is at least this long:
	due := func(n int) float64 { return float64(n) / rate * 1000 }
	assert.GreaterOrEqual(t, open.ConnectTime.Med, float64(stall.Milliseconds())-due(connections/2+1))
	assert.GreaterOrEqual(t, open.ConnectTime.Max, float64(stall.Milliseconds())-due(1))
	assert.Less(t, closed.ConnectTime.Med, open.ConnectTime.Med/10, "as fast as possible, against in an open loop")
	assert.GreaterOrEqual(t, closed.Duration, float64(stall.Milliseconds()), "the stall itself")
}

// No connection is dialed before it is due.
func TestRateIsKept(t *testing.T) {
	const connections, rate = 200, 500.0
	address := startResponder(t, server.Options{Hostname: "web-1"})
	done := floodTest{calls: []call{{address, object{"connections": connections, "rate": rate}}}}.flood(t)
	assert.EqualValues(t, connections, done.Report.States.Completed)
	assert.GreaterOrEqual(t, done.results[0].Duration, (connections-1)/rate*1000)
	assert.Positive(t, done.results[0].ConnectTime.Min)
}
