package engine

import "sync/atomic"

// Shares are the cores that make a job together, each on a loop of its own. A runner has them.
type Shares struct {
	job           *Job
	dialing, open atomic.Int32 // shares that have not settled, and that have not finished
	settled, done chan struct{}
}

// NewShares returns the shares of a job, before it is known how many there are.
func NewShares(j *Job) *Shares {
	return &Shares{job: j, settled: make(chan struct{}), done: make(chan struct{})}
}

// Lanes says how many shares there are, and returns the lanes of each. It must be called before the first one's core is made.
func (s *Shares) Lanes(shares int) []int {
	s.dialing.Store(int32(shares)) // #nosec G115 -- few
	s.open.Store(int32(shares))    // #nosec G115 -- few
	left := s.job.Lanes()
	lanes := make([]int, shares)
	for i := range lanes {
		lanes[i] = left / (shares - i)
		left -= lanes[i]
	}
	return lanes
}

// lanesPerShare is the concurrency that one share serves before another one takes part.
const lanesPerShare = 16

// Wanted is how many shares a job should have, if there are as many loops.
func (s *Shares) Wanted() int {
	if s.job.Plan.OneCore {
		return 1
	}
	return (s.job.Lanes() + lanesPerShare - 1) / lanesPerShare
}

// Hooks returns the hooks of a share's core. finished is called when that one has finished.
func (s *Shares) Hooks(finished func()) Hooks {
	return Hooks{
		Settled: func() { countDown(&s.dialing, s.settled) },
		Finished: func() {
			finished()
			countDown(&s.open, s.done)
		},
	}
}

// countDown closes a channel when the last share has come.
func countDown(shares *atomic.Int32, last chan struct{}) {
	if shares.Add(-1) == 0 {
		close(last)
	}
}

// Settled implements [Runner].
func (s *Shares) Settled() <-chan struct{} { return s.settled }

// Done implements [Runner].
func (s *Shares) Done() <-chan struct{} { return s.done }
