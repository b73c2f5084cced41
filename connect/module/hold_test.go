package module_test

import (
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// holdResult is what tests look at of a HoldResult.
type holdResult struct {
	Connects    int64              `json:"connects"`
	FailedDials int64              `json:"failed_connects"`
	Total       int64              `json:"established_total"`
	Max         int64              `json:"established_max"`
	AtClose     int64              `json:"established_at_close"`
	Received    int64              `json:"bytes_received"`
	States      map[string]int64   `json:"states"`
	Errors      map[string]int64   `json:"errors"`
	Lifetime    map[string]float64 `json:"lifetime"`
	EchoTime    map[string]float64 `json:"echo_time"`
	Duration    float64            `json:"duration"`
}

// echoing sends back what it reads.
func echoing(conn net.Conn) { _, _ = io.Copy(conn, conn) }

func TestHold(t *testing.T) {
	t.Parallel()
	v := newVU(t, settings{})
	r := get[struct {
		Before, After map[string]int64
		Between, End  holdResult
	}](t, v, `
		const held = await hold('%s', {connections: 30});
		const before = held.states(), between = held.result();
		const end = await held.close();
		return {before, between, end, after: held.states()};`, startPeer(t, greeting("four")))
	assert.EqualValues(t, 30, r.Before["established"])
	assert.EqualValues(t, 30, r.Between.Total)
	assert.EqualValues(t, 30, r.Between.AtClose)
	assert.EqualValues(t, 30, r.End.Connects)
	assert.EqualValues(t, 30, r.End.Max)
	assert.EqualValues(t, 30, r.End.AtClose)
	assert.EqualValues(t, 30, r.After["completed"])
	s := v.taken()
	assert.InDelta(t, 30, s.sum("mconnect_connects"), 0)
	assert.Equal(t, 30, s.count("mconnect_connect_duration"))
	assert.Zero(t, s.count("mconnect_reply_failed"), "nobody has to answer")
	assert.InDelta(t, 30, s.last("mconnect_established_max"), 0)
	assert.InDelta(t, 0, s.last("mconnect_established"), 0)
	assert.InDelta(t, r.End.Received, s.sum("data_received"), 0)
}

// Peers that hang up are seen at once, and told in the log.
func TestHoldOfAPeerThatCloses(t *testing.T) {
	t.Parallel()
	hangUp := make(chan struct{})
	peer := startPeer(t, func(net.Conn) { <-hangUp })
	v := newVU(t, settings{})
	require.NoError(t, v.VU.Runtime().Set("hangUp", func() { close(hangUp) }))
	r := get[holdResult](t, v, `
		const held = await hold('%s', {connections: 10});
		hangUp();
		while (held.states().closed < 10) { await wait(5); }
		return held.close();`, peer)
	assert.EqualValues(t, 10, r.States["closed"])
	assert.EqualValues(t, 10, r.Total)
	assert.Zero(t, r.AtClose)
	assert.Positive(t, r.Lifetime["max"])
	assert.InDelta(t, 10, v.taken().last("mconnect_closed"), 0)
	assert.Len(t, v.logged("10 of 10 held connections were closed by the peer"), 1)
}

func TestHoldThatFails(t *testing.T) {
	t.Parallel()
	v := newVU(t, settings{})
	r := get[holdResult](t, v, `return (await hold('%s', {connections: 5})).close()`, refusing(t))
	assert.EqualValues(t, 5, r.FailedDials)
	assert.Equal(t, map[string]int64{"refused": 5}, r.Errors)
	assert.Equal(t, map[string]float64{"refused": 5}, v.taken().by("mconnect_connect_failed", "error"))
}

// Connections that must answer, do; those that don't are dead.
func TestHoldWithKeepalive(t *testing.T) {
	t.Parallel()
	v := newVU(t, settings{})
	r := get[holdResult](t, v, `
		const held = await hold('%s', {connections: 4, keepalive: '50ms', payload: 'ping'});
		while (held.result().echo_time.max === 0) { await wait(10); }
		return held.close();`, startPeer(t, echoing))
	assert.EqualValues(t, 4, r.States["completed"])
	assert.Positive(t, r.EchoTime["min"])
	s := v.taken()
	assert.Positive(t, s.count("mconnect_echo_duration"))
	assert.GreaterOrEqual(t, s.sum("data_sent"), 4.0, "the payload")

	r = get[holdResult](t, v, `
		const held = await hold('%s', {connections: 4, keepalive: '50ms'});
		while (held.states().error < 4) { await wait(10); }
		return held.close();`, startPeer(t, silent))
	assert.Equal(t, map[string]int64{"no_reply": 4}, r.Errors)
}

// With a duration, the script's function returns, but the iteration lasts until all are closed.
func TestHoldForADuration(t *testing.T) {
	t.Parallel()
	v := newVU(t, settings{})
	peer := startPeer(t, silent)
	before := get[map[string]int64](t, v, `globalThis.held = await hold('%s', {connections: 3, duration: '300ms'}); return held.states();`, peer)
	assert.EqualValues(t, 3, before["established"])
	after := get[map[string]int64](t, v, `return held.states()`)
	assert.EqualValues(t, 3, after["completed"], "k6's event loop has waited for them")
	assert.InDelta(t, 3, v.taken().last("mconnect_completed"), 0)
}

// What a script leaves open is closed with the iteration, and k6 waits until it is all reported.
func TestHoldEndsWithTheIteration(t *testing.T) {
	t.Parallel()
	p := newProcess(t)
	v := p.newVU(t).begin(t, settings{})
	states := get[map[string]int64](t, v, `return (await hold('%s', {connections: 6})).states()`, startPeer(t, silent))
	assert.EqualValues(t, 6, states["established"])
	v.end(t)
	s := p.taken()
	assert.InDelta(t, 6, s.last("mconnect_completed"), 0)
	assert.InDelta(t, 0, s.last("mconnect_established"), 0)
	summary := p.newVU(t).begin(t, settings{setup: true})
	assert.Equal(t, 1, get[int](t, summary, `return report().calls`))
}

// A hold that is interrupted while it opens its connections resolves all the same.
func TestHoldIsAborted(t *testing.T) {
	t.Parallel()
	v := newVU(t, settings{})
	require.NoError(t, v.VU.Runtime().Set("interrupt", v.CancelContext))
	r := get[holdResult](t, v, `
		const holding = hold('%s', {connections: 1000, rate: 100, timeout: '1h'});
		await wait(100);
		interrupt();
		return (await holding).result();`, startPeer(t, silent))
	assert.EqualValues(t, 1000, r.Connects)
	assert.Positive(t, r.States["not_initiated"])
	assert.Zero(t, r.States["established"])
	assert.Empty(t, v.logged("were not begun"), "it did not run out of time")
}

// A hold that is interrupted before its duration is over says so; one that the script closes does not.
func TestHoldIsCutShort(t *testing.T) {
	t.Parallel()
	for by, says := range map[string]string{"interrupt": "of a duration of 1h0m0s", "held.close": "3 of 3 connections were kept to the end"} {
		v := newVU(t, settings{})
		require.NoError(t, v.VU.Runtime().Set("interrupt", v.CancelContext))
		text := get[string](t, v, `
			const held = await hold('%s', {connections: 3, duration: '1h'});
			`+by+`();
			return (await held.close()).verdicts.find((v) => v.name === 'kept').text;`, startPeer(t, silent))
		assert.Contains(t, text, says)
		assert.Equal(t, by == "interrupt", len(v.logged("was ended with the iteration")) > 0, by)
	}
}
