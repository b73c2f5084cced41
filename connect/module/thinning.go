package module

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
)

// maxEchoes is about how many answers to the keepalives of one call become samples of mconnect_echo_duration each second: k6 keeps every
// value of a Trend, and a hold may last for days. The call's result has them all.
const maxEchoes = 1000

// A call with up to maxAll connections makes a sample of each, if the script does not say otherwise. Above that, a fair sample of about
// maxThinned goes into the Trends, which is enough for a p(99.9). Counters and Rates always have them all.
const (
	maxAll     = 1_000_000
	maxThinned = 10_000
)

// trendsOf returns which connections of a call become samples of its Trends.
func trendsOf(samples string, connections int64) oneIn {
	if samples == options.SamplesAll || samples == "" && connections <= maxAll {
		return 1
	}
	return oneIn((connections + maxThinned - 1) / maxThinned)
}

// oneIn samples one of n at random, since every n-th could be in step with targets, or with the backends behind one. 0 and 1 choose all.
type oneIn int64

func (n oneIn) chosen() bool {
	return n <= 1 || rand.Int64N(int64(n)) == 0 // #nosec G404 -- picks samples, not secrets
}

// thinned returns which answers to take if each connection gives one in each interval. It goes by their number, not by how many have come:
// they may come all at once, and the first of them are the fastest.
func thinned(connections int64, interval time.Duration) oneIn {
	if interval <= 0 {
		return 1
	}
	return oneIn(math.Ceil(float64(connections) / interval.Seconds() / maxEchoes))
}
