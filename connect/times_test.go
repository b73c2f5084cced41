package connect

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
)

// What comes in for as long as a call lasts takes no more memory in a year than in a minute. This test measures the memory of the
// process, so nothing runs beside it.
func TestEndlessCallsAreBounded(t *testing.T) { //nolint:paralleltest // see above
	const batches, each = 4000, 256 // of 8 bytes: 8 MB, if all were kept
	plan := Plan{Targets: []Target{{Name: "somewhere:1"}}}
	for name, row := range map[string]struct {
		of    func() interface{ add([]Outcome) }
		batch Outcome
	}{
		"keepalives": {func() interface{ add([]Outcome) } { return newHoldTally(&plan) }, Outcome{Event: Echoed, Reply: time.Millisecond}},
		"redials": {func() interface{ add([]Outcome) } { return newTrafficTally(&TrafficPlan{Plan: plan}, nil, nil) }, Outcome{
			Event: Established, Connected: true, Connect: time.Millisecond, RTT: time.Microsecond,
		}},
		"redials in vain": {func() interface{ add([]Outcome) } { return newTrafficTally(&TrafficPlan{Plan: plan}, nil, nil) }, Outcome{Class: ClassRefused, At: time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			tally, batch := row.of(), make([]Outcome, each)
			for i := range batch {
				batch[i] = row.batch
			}
			before := heapInUse()
			for range batches {
				tally.add(batch)
			}
			assert.Less(t, heapInUse(), before+batches*each*8/4)
			runtime.KeepAlive(tally)
		})
	}
}

// heapInUse is how many bytes are in use.
func heapInUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestTimes(t *testing.T) {
	t.Parallel()
	few, many := times{limit: 100}, times{limit: 100}
	var all times
	for i := range 1000 {
		d := time.Duration(i+1) * time.Millisecond
		all.add(d)
		many.add(d)
		if i < 100 {
			few.add(d)
		}
		require.EqualValues(t, i+1, many.count())
	}
	assert.Equal(t, stats.Summarize(all.each[:100]), few.summary(), "exact, as long as there are few")
	assert.EqualValues(t, 1000, all.summary().Count, "no limit")
	exact, got := all.summary(), many.summary()
	assert.Equal(t, [4]time.Duration{exact.Min, exact.Avg, exact.Max, exact.Dev}, [4]time.Duration{got.Min, got.Avg, got.Max, got.Dev})
	assert.InEpsilon(t, exact.P99, got.P99, 0.003)

	copies := []times{few.clone(), many.clone()}
	few.add(time.Hour)
	many.add(time.Hour)
	assert.EqualValues(t, 100, copies[0].count())
	assert.EqualValues(t, 1000, copies[1].count())
	assert.Equal(t, time.Second, copies[1].summary().Max)
	assert.Equal(t, time.Hour, few.summary().Max, "beyond the limit by one")
}
