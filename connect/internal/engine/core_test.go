package engine_test

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
)

// recorder is a driver and rules at once, which write down what they are asked and told.
type recorder struct {
	core   *engine.Core
	log    []string
	faults []engine.Fault // of the next dials
	wake   int64          // that the rules want
}

func (r *recorder) note(format string, args ...any) {
	r.log = append(r.log, fmt.Sprintf(format, args...))
}

// took returns what was written down since it was called last.
func (r *recorder) took() []string {
	log := r.log
	r.log = nil
	return log
}

func (r *recorder) Dial(key uint32, number int64) (at int64, fault engine.Fault) {
	r.note("dial %d as %d", number, key)
	if len(r.faults) > 0 {
		fault, r.faults = r.faults[0], r.faults[1:]
	}
	return 0, fault
}

func (r *recorder) Send(_ uint32, p []byte) (n int, at int64, fault engine.Fault) {
	return len(p), 0, engine.Fault{}
}
func (r *recorder) Shut(key uint32)                   { r.note("shut %d", key) }
func (r *recorder) Deadline(key uint32, at int64)     { r.note("deadline of %d at %d", key, at) }
func (r *recorder) Handshake(uint32) engine.Handshake { return engine.Handshake{} }
func (r *recorder) Local(uint32) netip.AddrPort       { return netip.AddrPort{} }
func (r *recorder) Close(key uint32, reset bool)      { r.note("close %d, reset %v", key, reset) }

func (r *recorder) Connected(key uint32, _ int64)         { r.note("connected %d", key) }
func (r *recorder) Data(key uint32, data []byte, _ int64) { r.note("data %d %q", key, data) }
func (r *recorder) Writable(key uint32, _ int64)          { r.note("writable %d", key) }
func (r *recorder) Expired(key uint32, _ int64)           { r.note("expired %d", key) }
func (r *recorder) Failed(c engine.Claim, _ int64)        { r.note("failed %d", c.Number) }
func (r *recorder) TimeUp(int64)                          { r.note("time is up") }
func (r *recorder) Turn(int64) (wake int64)               { return r.wake }
func (r *recorder) Ended(key uint32, fault engine.Fault, now int64) {
	r.note("ended %d", key)
	r.core.Fail(key, now, fault)
}

func (r *recorder) Stop(now int64, as class.Class) {
	r.note("stop")
	r.core.Each(func(key uint32) { r.core.Fail(key, now, engine.Fault{Class: as, Err: engine.ReasonStopped}) })
}

// start begins a job with a recorder.
func start(plan engine.Plan, lanes int) (*recorder, *engine.Job) {
	plan.Targets = append(plan.Targets, engine.Target{Name: "target"})
	if plan.ConnectTimeout == 0 {
		plan.ConnectTimeout, plan.Timeout = 100, time.Hour
	}
	r := &recorder{wake: engine.Never}
	j := engine.NewJob(plan, &engine.Counters{}, 0)
	r.core = engine.NewCore(j, r, lanes, func(*engine.Core) engine.Rules { return r }, engine.Hooks{
		Settled: func() { r.note("settled") }, Finished: func() { r.note("finished") },
	})
	return r, j
}

func TestAfterItsEndACoreCallsNobody(t *testing.T) {
	t.Parallel()
	r, j := start(engine.Plan{Connections: 1}, 1)
	r.core.Turn(1, 1)
	r.core.Handle(&engine.Event{Key: 0, Kind: engine.Connected, At: 2})
	r.core.Handle(&engine.Event{Key: 0, Kind: engine.Ended, At: 3})
	r.core.Turn(4, 4)
	assert.Equal(t, []string{"dial 0 as 0", "deadline of 0 at 100", "deadline of 0 at 9223372036854775807", "connected 0", "ended 0", "close 0, reset false", "settled", "finished"}, r.took())
	assert.EqualValues(t, 4, j.Length())
	r.core.Stop(5, class.Aborted, class.Aborted)
	r.core.CheckTime(int64(2*time.Hour), int64(2*time.Hour))
	r.core.Redial(0, 6)
	assert.EqualValues(t, engine.Never, r.core.Turn(7, 7))
	assert.Empty(t, r.took())
}

func TestEventsThatDoNotBelongToADialAreIgnored(t *testing.T) {
	t.Parallel()
	r, j := start(engine.Plan{Connections: 1}, 1)
	r.core.Turn(1, 1)
	r.took()
	r.core.Handle(&engine.Event{Key: 0, Kind: engine.Data, Data: []byte("early")})
	r.core.Handle(&engine.Event{Key: 0, Kind: engine.Writable})
	assert.Empty(t, r.took())
	r.core.Handle(&engine.Event{Key: 0, Kind: engine.Connected, At: 2})
	r.took()
	r.core.Handle(&engine.Event{Key: 0, Kind: engine.Connected, At: 3})
	assert.Empty(t, r.took(), "established once")
	r.core.Turn(4, 4)
	assert.Equal(t, engine.States{Established: 1}, j.Counters.States())
}

func TestNoMoreThanSixteenDialsATurn(t *testing.T) {
	t.Parallel()
	r, _ := start(engine.Plan{Connections: 40}, 40)
	for _, dials := range []int{16, 16, 8} {
		wake := r.core.Turn(5, 5)
		assert.Len(t, r.took(), 2*dials, "each sets a deadline")
		assert.Equal(t, dials == 16, wake <= 5, "comes back at once as long as there may be more")
	}
}

func TestACanceledJobLeavesNothing(t *testing.T) {
	t.Parallel()
	var total engine.Counters
	j := engine.NewJob(engine.Plan{Connections: 9, Targets: []engine.Target{{}}}, &total, 0)
	assert.EqualValues(t, 9, total.States().NotInitiated)
	j.Cancel()
	assert.Zero(t, total.States())
}

func TestADescriptorIsAskedForAgain(t *testing.T) {
	t.Parallel()
	r, j := start(engine.Plan{Connections: 2}, 2)
	none := engine.Fault{Class: class.FDLimit, Err: syscall.EMFILE}
	r.faults = []engine.Fault{{}, none, {}}
	wake := r.core.Turn(1, 1)
	assert.Equal(t, engine.States{Dialing: 1, NotInitiated: 1}, j.Counters.States())
	assert.EqualValues(t, 1_000_000, wake, "a millisecond after the dial")
	assert.Equal(t, []string{"dial 0 as 0", "deadline of 0 at 100", "dial 1 as 1"}, r.took())
	r.core.Turn(2, 2)
	assert.Empty(t, r.took(), "not before")
	r.core.Turn(wake, wake)
	assert.Equal(t, []string{"dial 1 as 1", "deadline of 1 at 100"}, r.took())
	r.core.Handle(&engine.Event{Key: 1, Kind: engine.Ended, At: wake, Fault: none}) // told late, as package net does
	r.core.Turn(wake+1, wake+1)
	assert.Equal(t, engine.States{Dialing: 1, NotInitiated: 1}, j.Counters.States())
	r.core.Handle(&engine.Event{Key: 0, Kind: engine.Expired, At: wake})
	r.faults = []engine.Fault{none}
	r.core.Turn(2*wake+1, 2*wake+1)
	assert.Equal(t, engine.States{Error: 2}, j.Counters.States(), "no other connection would free one")
}

func TestNamesAreBounded(t *testing.T) {
	t.Parallel()
	names := engine.Names{}
	for i := range engine.MaxHosts {
		names.Intern(fmt.Appendf(nil, "host-%d", i))
	}
	assert.Equal(t, engine.OtherHosts, names.Intern([]byte("one more")))
	assert.Equal(t, "host-7", names.Intern([]byte("host-7")))
	assert.Len(t, names, engine.MaxHosts)
}

func TestSecondsDoNotOverflow(t *testing.T) {
	t.Parallel()
	assert.Equal(t, 1500*time.Millisecond, engine.Seconds(1.5))
	assert.Greater(t, engine.Seconds(1e300), 24*365*time.Hour)
	assert.Positive(t, engine.Seconds(1e300)+engine.Seconds(1e300), "more can be added")
}

func TestReasonsHaveTheirOwnWords(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{"": true}
	for r := engine.ReasonConnectTimeout; r <= engine.ReasonNotSent; r++ {
		assert.False(t, seen[r.Error()], "%d: %q", r, r.Error())
		seen[r.Error()] = true
	}
	errs := engine.CallErrors{}
	assert.Equal(t, "connect: connection refused", errs.Of("connect", syscall.ECONNREFUSED).Error())
	require.ErrorIs(t, errs.Of("connect", syscall.ECONNREFUSED), syscall.ECONNREFUSED)
	handshake := engine.HandshakeError{Err: errors.New("no certificate")}
	assert.EqualError(t, handshake, "connected, but the TLS handshake failed: no certificate")
	assert.ErrorIs(t, handshake, handshake.Err)
}

func TestAnOutboxGivesBatchesBack(t *testing.T) {
	t.Parallel()
	box := engine.Outbox[int]{Wake: make(chan struct{}, 1)}
	assert.Empty(t, box.Deliver([]int{1, 2}))
	box.Deliver([]int{3})
	<-box.Wake
	var got []int
	box.Drain(func(batch []int) { got = append(got, batch...) })
	assert.Equal(t, []int{1, 2, 3}, got)
	again := box.Deliver([]int{4})
	assert.Empty(t, again)
	assert.Positive(t, cap(again), "a batch that was shown is used again")
}

// What one core has not yet seen closed does not count beside what another has opened since; what both have open does.
func TestEstablishedMaxWaitsForAllCores(t *testing.T) {
	t.Parallel()
	for closes, want := range map[bool]int64{true: 1, false: 2} {
		first, j := start(engine.Plan{Connections: 2}, 1)
		second := &recorder{wake: engine.Never}
		second.core = engine.NewCore(j, second, 1, func(*engine.Core) engine.Rules { return second }, engine.Hooks{Settled: func() {}, Finished: func() {}})
		first.core.Turn(1, 1)
		second.core.Turn(1, 1)
		first.core.Handle(&engine.Event{Kind: engine.Connected, At: 2})
		first.core.Turn(3, 3)
		second.core.Handle(&engine.Event{Kind: engine.Connected, At: 4})
		second.core.Turn(5, 5)
		assert.EqualValues(t, 1, j.Counters.EstablishedMax(), "the first core has not looked since")
		if closes {
			first.core.Handle(&engine.Event{Kind: engine.Ended, At: 4})
		}
		first.core.Turn(6, 6)
		second.core.Turn(7, 7)
		assert.Equal(t, want, j.Counters.EstablishedMax(), "the peer has closed the first one: %v", closes)
	}
}
