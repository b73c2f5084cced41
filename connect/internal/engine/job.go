package engine

import (
	"crypto/tls"
	"math"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/frames"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
)

// Target is where connections go.
type Target struct {
	Name string         // as the user wrote it; how results and metrics call it
	Addr netip.AddrPort // the resolved address

	// Err, if set, fails every connection to this target with Class, and none leaves this host: the name did not resolve
	// (class.DNS), or the caller's rules forbid the target (class.Blocked).
	Err   error
	Class class.Class
}

// Plan says which connections a job makes.
type Plan struct {
	Protocol       string // tcp, udp or tls
	Targets        []Target
	Connections    int64
	Concurrency    int     // lanes of all cores together, see Core
	Rate           float64 // new connections per second; 0 is as fast as Concurrency allows
	ConnectTimeout time.Duration
	Timeout        time.Duration // for the whole job
	Duration       time.Duration // when established connections are to be completed; 0 is not before the rules say so
	Late           class.Class   // of what is still being dialed after Duration
	Sources        source.Sequence
	Reset          bool // close with a RST
	KernelBypass   bool // connections are made of packets, past the kernel
	Frames         frames.Way
	TLS            *tls.Config
	// Header, if set, appends what a stream begins with, before TLS, to a buffer. It is given the connection's own address and the target's.
	Header   func(buffer []byte, local, remote netip.AddrPort) []byte
	Keeps    bool // established connections stay, so their descriptors are not freed by waiting
	OneCore  bool // the rules decide by what has become of all connections, so one core makes them all
	Unread   bool // nothing is read, so that the handshake must tell all
	ReadSize int  // bytes that a read of a stream should take at most
}

// Job is a plan at work: the connections not yet dialed, and the outcomes not yet collected. All cores of a call share it.
type Job struct {
	Plan     Plan
	Counters *Counters
	Outcomes Outbox[Outcome]

	looks           looks
	total           *Counters // of all jobs
	start, deadline int64
	until           int64 // start + Duration

	next  atomic.Int64 // the first connection that nobody has claimed
	ended atomic.Int64 // when the last connection ended
}

// NewJob starts a job's time. total counts the connections of all jobs.
func NewJob(plan Plan, total *Counters, now int64) *Job {
	j := &Job{Plan: plan, start: now, deadline: now + int64(plan.Timeout), until: Never, Counters: &Counters{}, total: total}
	if plan.Duration > 0 {
		j.until = now + int64(plan.Duration)
	}
	j.Outcomes.Wake = make(chan struct{}, 1)
	j.count(&delta{planned: plan.Connections})
	return j
}

// Begin starts the job's time anew, for a runner that had to prepare. No connection has been claimed yet.
func (j *Job) Begin(now int64) {
	moved := now - j.start
	j.start, j.deadline = now, j.deadline+moved
	if j.until != Never {
		j.until += moved
	}
}

// Cancel takes the job's connections out of the counters. No runner may have started the job.
func (j *Job) Cancel() { j.count(&delta{planned: -j.Plan.Connections}) }

// Start is when the job's time began.
func (j *Job) Start() int64 { return j.start }

// Length is the time from the start to the end of the last connection.
func (j *Job) Length() time.Duration { return time.Duration(j.ended.Load() - j.start) }

// Since is the time from the job's start to an instant.
func (j *Job) Since(at int64) time.Duration { return time.Duration(at - j.start) }

// Lanes is how many lanes all cores have together.
func (j *Job) Lanes() int { return int(min(int64(j.Plan.Concurrency), j.Plan.Connections)) }

// TargetOf returns the index of a connection's target. Targets are used in turn.
func (j *Job) TargetOf(number int64) int { return int(number % int64(len(j.Plan.Targets))) }

// count adds to the counters of the job and of all jobs, and starts the delta anew.
func (j *Job) count(d *delta) {
	if *d == (delta{}) {
		return
	}
	j.Counters.add(d)
	j.total.add(d)
	*d = delta{}
}

func (j *Job) opened(more int64) {
	if more != 0 {
		j.Counters.opened(more)
		j.total.opened(more)
	}
}

// end notes that a core has nothing left to do.
func (j *Job) end(now int64) {
	for last := j.ended.Load(); now > last && !j.ended.CompareAndSwap(last, now); {
		last = j.ended.Load()
	}
}

// Claim is the right to make one connection.
type Claim struct {
	Number  int64
	Planned int64 // when it is due
}

// claim takes the next connection if it is due. Otherwise wait says when to ask again, or Never if none is left.
func (j *Job) claim(now int64) (c Claim, wait int64, ok bool) {
	for {
		number := j.next.Load()
		if number >= j.Plan.Connections {
			return Claim{}, Never, false
		}
		planned := j.planned(number, now)
		if planned > now {
			return Claim{}, planned, false
		}
		if j.next.CompareAndSwap(number, number+1) {
			return Claim{Number: number, Planned: planned}, 0, true
		}
	}
}

func (j *Job) planned(number, now int64) int64 {
	if j.Plan.Rate == 0 {
		return now
	}
	return j.start + int64(Seconds(float64(number)/j.Plan.Rate))
}

// Seconds converts seconds to a duration. One that is too long for that becomes one of 73 years, which never ends.
func Seconds(n float64) time.Duration {
	const never = math.MaxInt64 / 4 // so that instants can be added to it
	return time.Duration(min(n*float64(time.Second), never))
}
