package options_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/limits"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
)

func TestParseHold(t *testing.T) {
	t.Parallel()
	h, err := options.ParseHold("10.0.0.1:1", object{"connections": int64(5), "duration": "10s", "keepalive": int64(500), "payload": "ping", "rate": int64(10)})
	require.NoError(t, err)
	assert.EqualValues(t, 5, h.Plan.Connections)
	assert.Equal(t, 10*time.Second, h.Duration)
	assert.Equal(t, 500*time.Millisecond, h.Keepalive)
	assert.Equal(t, "ping", string(h.Plan.Payload))
}

// Each call's default time limit is that of its engine.
func TestLimits(t *testing.T) {
	t.Parallel()
	given := object{"timeout": "7s"}
	hold, err := options.ParseHold("10.0.0.1:1", nil)
	require.NoError(t, err)
	assert.Equal(t, 7001*time.Millisecond, hold.Limit, "flood's default and the connect timeout")
	hold, err = options.ParseHold("10.0.0.1:1", given)
	require.NoError(t, err)
	assert.Equal(t, 7*time.Second, hold.Limit)
	traffic, err := options.ParseTraffic("10.0.0.1:1", object{"duration": "20s", "lossTimeout": "4s"})
	require.NoError(t, err)
	assert.Equal(t, 25*time.Second, traffic.Limit)
	capacity, err := options.ParseCapacity("10.0.0.1:1", given)
	require.NoError(t, err)
	assert.Equal(t, 7*time.Second, capacity.Limit)
}

func TestParseCapacity(t *testing.T) {
	t.Parallel()
	c, err := options.ParseCapacity("10.0.0.1:1", object{"step": int64(10), "patience": "2s", "payload": "hi"})
	require.NoError(t, err)
	assert.EqualValues(t, 10, c.Step)
	assert.Equal(t, 2*time.Second, c.Patience)
	assert.Zero(t, c.Plan.Connections, "what the machine has descriptors for")
	assert.Greater(t, c.Most, int64(1), "iterations that search at the same time have different sources")
}

func TestParseTraffic(t *testing.T) {
	t.Parallel()
	tr, err := options.ParseTraffic("10.0.0.1:1", object{
		"connections": int64(400), "rate": int64(4000), "duration": "30s", "packetSize": int64(2048), "lossTimeout": int64(1500), "reconnect": false,
	})
	require.NoError(t, err)
	assert.EqualValues(t, 400, tr.Plan.Connections)
	assert.InDelta(t, 4000, tr.Rate, 0)
	assert.Zero(t, tr.Plan.Rate, "connections are dialed at once")
	assert.Equal(t, 30*time.Second, tr.Duration)
	assert.Equal(t, []int{2048}, tr.PacketSizes)
	assert.Equal(t, 1500*time.Millisecond, tr.LossTimeout)
	assert.True(t, tr.NoReconnect)
}

func TestParseSockets(t *testing.T) {
	t.Parallel()
	all, err := options.ParseSockets(nil)
	require.NoError(t, err)
	assert.True(t, all.Query.Queue)
	assert.Empty(t, all.Remote)
	s, err := options.ParseSockets(object{"port": int64(80), "pid": int64(7), "remote": "10.0.0.1:8090", "tags": object{"site": "ham"}})
	require.NoError(t, err)
	assert.EqualValues(t, 80, s.Query.Port)
	assert.Equal(t, 7, s.Query.PID)
	assert.Equal(t, netip.MustParseAddrPort("10.0.0.1:8090"), s.Query.Peer)
	assert.Equal(t, map[string]string{"site": "ham"}, s.Tags)
	s, err = options.ParseSockets(object{"remote": "http://10.0.0.1:8090", "peer": ":80"})
	require.NoError(t, err)
	assert.Equal(t, "http://10.0.0.1:8090", s.Remote)
	assert.Equal(t, netip.AddrPortFrom(netip.Addr{}, 80), s.Query.Peer)
	for _, peer := range []object{{"peer": "10.0.0.1:8090"}, {"peer": "10.0.0.1:8090", "remote": nil}, {"remote": "10.0.0.1:8090", "peer": nil}} {
		s, err = options.ParseSockets(peer)
		require.NoError(t, err)
		assert.Empty(t, s.Remote)
		assert.Equal(t, netip.MustParseAddrPort("10.0.0.1:8090"), s.Query.Peer)
	}
}

func TestParsePreflight(t *testing.T) {
	t.Parallel()
	need, err := options.ParsePreflight(object{"connections": int64(5000), "source": "10.0.0.0/24", "targets": int64(2), "rate": int64(1000)})
	require.NoError(t, err)
	require.NotNil(t, need.From)
	assert.Equal(t, "10.0.0.0/24", need.From.String())
	need.From = nil
	assert.Equal(t, limits.Need{Connections: 5000, Sources: 254, Targets: 2, Rate: 1000}, need)
	need, err = options.ParsePreflight(object{"driver": "packets"})
	require.NoError(t, err)
	assert.Equal(t, limits.Need{Connections: 1, Targets: 1, Packets: true}, need)
	need, err = options.ParsePreflight(nil)
	require.NoError(t, err)
	assert.Equal(t, limits.Need{Connections: 1, Targets: 1}, need)
}

func TestCallsSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	hold := func(o any) error { _, err := options.ParseHold("a:1", o); return err }
	capacity := func(o any) error { _, err := options.ParseCapacity("a:1", o); return err }
	traffic := func(o any) error { _, err := options.ParseTraffic("a:1", o); return err }
	sockets := func(o any) error { _, err := options.ParseSockets(o); return err }
	preflight := func(o any) error { _, err := options.ParsePreflight(o); return err }
	for name, row := range map[string]struct {
		parse   func(any) error
		options any
		says    []string
	}{
		"hold: flood's option":          {hold, object{"readReply": true}, []string{"hold(): ", `"readReply" is unknown`, "keepalive"}},
		"hold: no duration":             {hold, object{"duration": "long"}, []string{`"duration": got "long"`, "'8s'"}},
		"hold: payload for nothing":     {hold, object{"payload": "x"}, []string{"without keepalive", "keepalive: '10s'"}},
		"hold: UDP in silence":          {hold, object{"network": "udp4"}, []string{"got 'udp4' without keepalive"}},
		"capacity: UDP in silence":      {capacity, object{"network": "udp"}, []string{"got 'udp' without payload"}},
		"hold: options as list":         {hold, []any{}, []string{"hold(): options: got []"}},
		"capacity: no step":             {capacity, object{"step": int64(0)}, []string{"capacity(): ", `"step": got 0`, "1 to"}},
		"capacity: hold's option":       {capacity, object{"keepalive": "1s"}, []string{`"keepalive" is unknown`}},
		"traffic: flood's option":       {traffic, object{"readReply": true}, []string{"traffic(): ", `"readReply" is unknown`, "lossTimeout"}},
		"traffic: no payload":           {traffic, object{"payload": "x"}, []string{`"payload" is unknown`}},
		"traffic: small packets":        {traffic, object{"packetSize": int64(63)}, []string{`"packetSize": got 63`, "64 to 1048576"}},
		"traffic: small datagrams":      {traffic, object{"packetSize": int64(64), "network": "udp"}, []string{`got 64 with network 'udp'`, "72 to 65507"}},
		"traffic: no rate":              {traffic, object{"rate": int64(-1)}, []string{`"rate": got -1`}},
		"traffic: reconnect in words":   {traffic, object{"reconnect": "yes"}, []string{`"reconnect": got "yes"`}},
		"sockets: no port":              {sockets, object{"port": int64(70000)}, []string{"sockets(): ", "got 70000", "1 to 65535"}},
		"sockets: no pid":               {sockets, object{"pid": "self"}, []string{`got "self"`}},
		"sockets: no remote":            {sockets, object{"remote": "web server"}, []string{`got "web server"`, "http://"}},
		"sockets: remote as number":     {sockets, object{"remote": int64(5)}, []string{"got 5", "http://"}},
		"sockets: peer as a URL":        {sockets, object{"peer": "http://10.0.0.1:80"}, []string{`option "peer": got "http://10.0.0.1:80"`, "'10.0.0.1:80'"}},
		"sockets: two peers":            {sockets, object{"peer": ":80", "remote": "10.0.0.1:81"}, []string{`peer: ":80", remote: "10.0.0.1:81"`, "http://"}},
		"sockets: unknown":              {sockets, object{"host": "x"}, []string{`"host" is unknown`, "peer, pid, port, remote, tags"}},
		"sockets: options as number":    {sockets, int64(80), []string{"got 80", "{port: 5001}"}},
		"preflight: text":               {preflight, object{"connections": "5"}, []string{"preflight(): ", `got "5"`, "Number("}},
		"preflight: options as boolean": {preflight, true, []string{"got true"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := row.parse(row.options)
			require.Error(t, err)
			for _, part := range row.says {
				assert.ErrorContains(t, err, part)
			}
		})
	}
}
