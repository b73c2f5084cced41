package module

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
)

// maxEchoes is about how many answers to the keepalives of one call become samples of mconnect_echo_duration each second, since k6 keeps
// every value of a Trend, and a hold may last for days. The call's result has them all.
const maxEchoes = 1000

// maxAll is how many connections a call may have to be sampled one by one, if the script does not say otherwise, and maxThinned is about how
// many become samples of Trends else: enough for a p(99.9). Counters and Rates always have them all.
const (
	maxAll     = 1_000_000
	maxThinned = 10_000
)

// trendsOf returns of how many connections of a call one becomes a sample of its Trends.
func trendsOf(samples string, connections int64) oneIn {
	if samples == options.SamplesAll || samples == "" && connections <= maxAll {
		return 1
	}
	return oneIn((connections + maxThinned - 1) / maxThinned)
}

// oneIn chooses one in so many, by chance: whoever counts may count in step with targets, or with the backends behind one. 0 and 1
// choose all.
type oneIn int64

func (n oneIn) chosen() bool {
	return n <= 1 || rand.Int64N(int64(n)) == 0 // #nosec G404 -- picks samples, not secrets
}

// thinned returns how many answers to take that each of so many connections gives once in an interval. It knows their number in
// advance, as they may come all at once, and the first of them are the fastest.
func thinned(connections int64, interval time.Duration) oneIn {
	if interval <= 0 {
		return 1
	}
	return oneIn(math.Ceil(float64(connections) / interval.Seconds() / maxEchoes))
}
