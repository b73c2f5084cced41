package connect

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
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
