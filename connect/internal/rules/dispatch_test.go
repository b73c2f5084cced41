package rules_test

import (
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/rules"
)

// nullDriver carries nothing: what it costs is the core and the rules.
type nullDriver struct {
	dialed []uint32 // keys that have been dialed, and not yet been reported
	now    int64
}

func (d *nullDriver) Dial(key uint32, _ int64) (at int64, fault engine.Fault) {
	d.dialed = append(d.dialed, key)
	return d.now, engine.Fault{}
}

func (d *nullDriver) Send(_ uint32, p []byte) (n int, at int64, fault engine.Fault) {
	return len(p), d.now, engine.Fault{}
}

func (d *nullDriver) Shut(uint32)                       {}
func (d *nullDriver) Deadline(uint32, int64)            {}
func (d *nullDriver) Handshake(uint32) engine.Handshake { return engine.Handshake{RTT: 40} }
func (d *nullDriver) Local(uint32) netip.AddrPort       { return netip.AddrPort{} }
func (d *nullDriver) Close(uint32, bool)                {}

// dispatch is a flood on the null driver.
type dispatch struct {
	nullDriver
	job       *engine.Job
	core      *engine.Core
	completed int64
}

func newDispatch() *dispatch {
	d := &dispatch{}
	d.job = engine.NewJob(engine.Plan{
		Protocol: "tcp", Targets: []engine.Target{{Name: "target:5001"}}, Connections: math.MaxInt64, Concurrency: 64,
		ConnectTimeout: time.Second, Timeout: time.Hour,
	}, &engine.Counters{}, 0)
	flood := &rules.Flood{Exchange: rules.Exchange{Payload: []byte("PING\r\n")}}
	d.core = engine.NewCore(d.job, &d.nullDriver, 64, flood.New, engine.Hooks{})
	return d
}

var answer = []byte("web-1")

// turn dials as many connections as the core wants, establishes all that were dialed, and answers them.
func (d *dispatch) turn() {
	d.now += 1000
	d.core.Turn(d.now, d.now)
	keys := d.dialed
	d.dialed = d.dialed[:0]
	for _, key := range keys {
		d.core.Handle(&engine.Event{Key: key, Kind: engine.Connected, At: d.now})
		d.core.Handle(&engine.Event{Key: key, Kind: engine.Data, At: d.now + 1, Data: answer})
	}
	select {
	case <-d.job.Outcomes.Wake:
		d.job.Outcomes.Drain(func(batch []engine.Outcome) { d.completed += int64(len(batch)) })
	default:
	}
}

// perTurn is how many connections a turn makes.
const perTurn = 16

// BenchmarkDispatch measures what a connection costs without the system: dial, handshake, payload, answer, close, and its record.
func BenchmarkDispatch(b *testing.B) {
	d := newDispatch()
	b.ReportAllocs()
	for i := 0; i < b.N; i += perTurn {
		d.turn()
	}
}

func TestDispatchAllocatesNothing(t *testing.T) {
	d := newDispatch()
	for range 100 { // until there are enough batches, and the name is known
		d.turn()
	}
	before := d.job.Counters.States().Completed
	const turns = 1000
	assert.Zero(t, testing.AllocsPerRun(turns, d.turn))
	after := d.job.Counters.States()
	require.Equal(t, int64(perTurn*(turns+1)), after.Completed-before, "all that were dialed are completed")
	assert.Zero(t, after.Error)
	assert.InDelta(t, after.Completed, d.completed, 2*256, "all are recorded but for a batch on its way")
}
