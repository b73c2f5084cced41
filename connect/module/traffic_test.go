package module_test

import (
	"net"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
)

// trafficResult is what tests look at of a TrafficResult.
type trafficResult struct {
	Network     string               `json:"network"`
	Targets     []string             `json:"targets"`
	PacketSize  int64                `json:"packet_size"`
	Connections int64                `json:"connections"`
	Lost        int64                `json:"lost"`
	Lasting     int64                `json:"lasting"`
	Reconnects  int64                `json:"reconnects"`
	Failed      int64                `json:"failed_connects"`
	Sent        int64                `json:"sent"`
	Received    int64                `json:"received"`
	Dropped     int64                `json:"dropped"`
	LostBy      map[string]int64     `json:"lost_by_host"`
	LastingBy   map[string]int64     `json:"lasting_by_host"`
	States      map[string]int64     `json:"states"`
	Errors      map[string]int64     `json:"errors"`
	FirstLoss   *float64             `json:"first_loss"`
	Recovered   *float64             `json:"recovered"`
	Samples     []map[string]float64 `json:"samples"`
	Records     []map[string]any     `json:"records"`
	Duration    float64              `json:"duration"`
}

func TestTraffic(t *testing.T) {
	t.Parallel()
	v := newVU(t, settings{})
	r := get[trafficResult](t, v, `
		const echo = listen({echo: true, hostname: 'web-1'});
		const result = await traffic(echo.address, {connections: 4, rate: 40, duration: '500ms', packetSize: 512});
		await echo.close();
		return result;`)
	assert.Equal(t, "tcp", r.Network)
	assert.Len(t, r.Targets, 1)
	assert.EqualValues(t, 512, r.PacketSize)
	assert.EqualValues(t, 4, r.Connections)
	assert.EqualValues(t, 4, r.Lasting)
	assert.Zero(t, r.Lost)
	assert.Positive(t, r.Sent)
	assert.Equal(t, r.Sent, r.Received)
	assert.Equal(t, map[string]int64{"web-1": 4}, r.LastingBy)
	assert.Nil(t, r.FirstLoss)
	assert.Len(t, r.Records, 4)
	assert.Equal(t, "web-1", r.Records[0]["host"])
	sent := 0.0
	for _, sample := range r.Samples {
		sent += sample["sent"]
	}
	assert.InDelta(t, r.Sent, sent, 0, "samples add up")

	s := v.taken()
	assert.InDelta(t, r.Sent, s.sum("mconnect_packets_sent"), 0)
	assert.InDelta(t, r.Received, s.sum("mconnect_packets_received"), 0)
	assert.InDelta(t, r.Dropped, s.sum("mconnect_packets_dropped"), 0)
	assert.InDelta(t, r.Sent*512, s.sum("data_sent"), 0)
	assert.EqualValues(t, r.Received, s.count("mconnect_round_trip"), "few enough for all to be samples")
	assert.InDelta(t, 4, s.sum("mconnect_connects"), 0)
}

// Connections that die are lost and dialed again, unless the script does not want that.
func TestTrafficIsLost(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		reconnect           string
		lasting, reconnects int64
		recovers            bool
	}{
		"dialed again":     {"true", 2, 2, true},
		"not dialed again": {"false", 0, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var accepted atomic.Int64
			peer := startPeer(t, func(conn net.Conn) {
				if accepted.Add(1) <= 2 {
					buf := make([]byte, 1024)
					_, _ = conn.Read(buf) // the first packet, of which nothing comes back
					return
				}
				echoing(conn)
			})
			v := newVU(t, settings{})
			r := get[trafficResult](t, v, `return traffic('%s', {connections: 2, rate: 40, duration: '1s', reconnect: %s})`, peer, row.reconnect)
			assert.EqualValues(t, 2, r.Lost)
			assert.Equal(t, row.lasting, r.Lasting)
			assert.Equal(t, row.reconnects, r.Reconnects)
			assert.Equal(t, map[string]int64{"(unknown)": 2}, r.LostBy)
			assert.NotNil(t, r.FirstLoss)
			assert.Equal(t, row.recovers, r.Recovered != nil)
			s := v.taken()
			assert.Equal(t, map[string]float64{"(unknown)": 2}, s.by("mconnect_connections_lost", "host"))
			assert.Equal(t, map[string]float64{"closed": 2}, s.by("mconnect_connections_lost", "error"))
			assert.InDelta(t, row.reconnects, s.sum("mconnect_reconnects"), 0)
			assert.Len(t, v.logged("2 connections were lost under traffic"), 1)
		})
	}
}

// Packets that nobody echoes are lost, and so is the connection, after lossTimeout.
func TestTrafficToASilentPeer(t *testing.T) {
	t.Parallel()
	v := newVU(t, settings{})
	r := get[trafficResult](t, v, `return traffic('%s', {connections: 1, rate: 10, duration: '600ms', lossTimeout: '200ms', reconnect: false})`, startPeer(t, silent))
	assert.EqualValues(t, 1, r.Lost)
	assert.Equal(t, map[string]int64{"no_reply": 1}, r.Errors)
	assert.Zero(t, r.Received)
	assert.Positive(t, r.Sent)
}

func TestTrafficOverUDP(t *testing.T) {
	t.Parallel()
	v := newVU(t, settings{})
	r := get[trafficResult](t, v, `
		const echo = listen({echo: true, hostname: 'web-1', network: 'udp'});
		return traffic(echo.address, {network: 'udp', connections: 2, rate: 20, duration: '300ms', packetSize: 100});`)
	assert.Equal(t, "udp", r.Network)
	assert.EqualValues(t, 2, r.Lasting)
	assert.Equal(t, r.Sent, r.Received)
	assert.Equal(t, []string{"udp"}, tagValues(v.taken().of("mconnect_packets_sent"), "proto"))
}

// tagValues are the different values of a tag.
func tagValues(of samples, tag string) []string {
	var values []string
	seen := map[string]bool{}
	for _, sample := range of {
		if value, _ := sample.Tags.Get(tag); !seen[value] {
			seen[value] = true
			values = append(values, value)
		}
	}
	return values
}

// A timeout that is shorter than the duration ends the call, which the log tells.
func TestTrafficIsCutShort(t *testing.T) {
	t.Parallel()
	v := newVU(t, settings{})
	get[trafficResult](t, v, `
		const echo = listen({echo: true});
		return traffic(echo.address, {rate: 10, duration: '1h', timeout: '300ms'});`)
	assert.Len(t, v.logged("may take 300ms (timeout), so it ends before its duration"), 1)
}

// The records are parsed when a script first looks at them, and are then as any other property.
func TestTrafficRecords(t *testing.T) {
	t.Parallel()
	v := newVU(t, settings{})
	got := get[[]any](t, v, `
		const echo = listen({echo: true});
		const result = await traffic(echo.address, {rate: 10, duration: '200ms', connections: 2});
		const named = Object.keys(result).includes('records');
		const copied = {...result}.records.length;
		result.records.push('mine');
		return [named, copied, result.records.length, JSON.parse(JSON.stringify(result)).records[2]];`)
	assert.Equal(t, []any{true, 2.0, 3.0, "mine"}, got)
}
