package rules

import (
	"math"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
)

// pace says when the packets of a session are due: one in each interval. Sessions are spread over the interval by the golden ratio, which is
// even for any number of them, so that they never send in step.
type pace struct {
	job      *engine.Job
	interval int64 // ns; 0 is no pace: the next packet is due when the last one has come back
}

// paceOf returns the pace at which all connections of a job send so many KB/s together.
func paceOf(j *engine.Job, throughput float64, sizes []int) pace {
	if throughput == 0 {
		return pace{job: j}
	}
	const kilobyte = 1024
	const never = 100 * 365 * 24 * time.Hour // does not pass while the process lives, and does not overflow when it is added to the time
	sum := 0
	for _, size := range sizes {
		sum += size
	}
	perSecond := throughput * kilobyte * float64(len(sizes)) / float64(sum) / float64(j.Plan.Connections)
	return pace{j, max(int64(math.Min(float64(time.Second)/perSecond, float64(never))), 1)}
}

// first is when the first packet of a session is due that begins now.
func (p *pace) first(session, now int64) int64 {
	const goldenRatio = 0.618033988749895
	_, part := math.Modf(float64(session) * goldenRatio)
	first := p.job.Start() + int64(part*float64(p.interval))
	if now > first {
		first += ((now-first)/p.interval + 1) * p.interval
	}
	return first
}

// after is when the next packet is due, and how many were in the meantime. The last one that was sent was due at slot.
func (p *pace) after(slot, now int64) (next, missed int64) {
	missed = (now - slot) / p.interval
	return slot + (missed+1)*p.interval, missed
}
