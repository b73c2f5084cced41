package module_test

import (
	"net"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
)

// capacityResult is what tests look at of a CapacityResult.
type capacityResult struct {
	Connections int64            `json:"connections"`
	Limit       string           `json:"limit"`
	LowerBound  bool             `json:"lower_bound"`
	Explanation string           `json:"explanation"`
	Attempted   int64            `json:"attempted"`
	Closed      int64            `json:"closed"`
	Failed      int64            `json:"failed_connects"`
	Errors      map[string]int64 `json:"errors"`
}

func TestCapacity(t *testing.T) {
	t.Parallel()
	const most = 25
	var open atomic.Int64
	limited := startPeer(t, func(conn net.Conn) {
		defer open.Add(-1)
		if open.Add(1) <= most {
			greeting("web-1")(conn)
		}
	})
	for name, row := range map[string]struct {
		target, options string
		connections     int64
		limit           string
		lowerBound      bool
	}{
		"no limit":    {startPeer(t, greeting("web-1")), `{connections: 30, step: 15, patience: '500ms'}`, 30, "none", true},
		"application": {limited, `{connections: 30, step: 30, patience: '1s'}`, most, "application", false},
		"refused":     {refusing(t), `{connections: 5, step: 5, patience: '50ms'}`, 0, "refused", false},
		"an answer":   {startPeer(t, echoing), `{connections: 6, step: 3, patience: '500ms', payload: 'Hello'}`, 6, "none", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVU(t, settings{})
			r := get[capacityResult](t, v, `return capacity('%s', %s)`, row.target, row.options)
			assert.Equal(t, row.connections, r.Connections, "%+v", r)
			assert.Equal(t, row.limit, r.Limit)
			assert.Equal(t, row.lowerBound, r.LowerBound)
			assert.NotEmpty(t, r.Explanation)
			s := v.taken()
			assert.Equal(t, map[string]float64{"tcp|" + row.target: float64(row.connections)}, s.by("mconnect_capacity", "proto", "target"))
			assert.Zero(t, s.count("mconnect_connects")+s.count("mconnect_connect_failed"), "failures are what it looks for")
			assert.Positive(t, s.count("mconnect_completed"), "the gauges of the states count them")
			assert.Empty(t, v.logged("failed, class"))
		})
	}
}
