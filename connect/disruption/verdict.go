package disruption

import (
	"errors"
	"fmt"
	"math"
)

// Verdict says how many flows a change of the backends has moved, and how many it had to move.
//
// Moved = Inevitable + Claimed + Needless.
type Verdict struct {
	Model    Model    `json:"model"`
	Backends []string `json:"backends"` // all of them, before and after the change, in order
	Removed  []string `json:"removed"`
	Added    []string `json:"added"`

	Flows      int64   `json:"flows"`       // 5-tuples that were answered both before and after the change
	Moved      int64   `json:"moved"`       // those of Flows that another host answered afterwards
	MovedShare float64 `json:"moved_share"` // Moved / Flows
	IdealShare float64 `json:"ideal_share"` // the part of Flows that the model expects to move
	Excess     float64 `json:"excess"`      // MovedShare - IdealShare: above 0, the load balancer is worse than its model

	Inevitable int64 `json:"inevitable"` // moved because their host was removed
	Claimed    int64 `json:"claimed"`    // moved from a host that stayed to one that was added
	Needless   int64 `json:"needless"`   // moved from a host that stayed to another that was there before, or should be gone

	Stale int64 `json:"stale"` // of Flows: answered, after the change, by a host that was removed
	Lost  int64 `json:"lost"`  // not in Flows: answered before, but not after the change
	Found int64 `json:"found"` // not in Flows: answered after, but not before the change

	From map[string]int64 `json:"from"` // moved flows by the host that answered before
	To   map[string]int64 `json:"to"`   // moved flows by the host that answered after

	Due     map[string]float64 `json:"-"` // the share of flows that each host is due after the change
	Trouble string             `json:"-"` // why the two calls can't be compared, or do not fit the change; "" if they do
}

// Of compares who answered the same 5-tuples before and after a change. The error says which part of the change makes no sense. That
// others have answered than it names, or that the two calls have no 5-tuple in common, is the verdict's trouble.
func Of(before, after *Flows, change Change) (*Verdict, error) {
	if before.protocol != after.protocol {
		return nil, fmt.Errorf("before is %s and after is %s; want two floods of the same protocol", before, after)
	}
	if err := change.checkModel(); err != nil {
		return nil, err
	}
	if len(before.hosts) == 0 || len(after.hosts) == 0 {
		return &Verdict{
			Model: change.Model, Backends: listed(change.Backends), Removed: listed(change.Removed), Added: listed(change.Added),
			From: map[string]int64{}, To: map[string]int64{}, Trouble: nothingInCommon(before, after),
		}, nil
	}
	err := change.settle(before.hosts, after.hosts)
	misfit, isMisfit := errors.AsType[misfitError](err)
	if err != nil && !isMisfit {
		return nil, err
	}
	v := &Verdict{
		Model: change.Model, Backends: change.Backends, Removed: listed(change.Removed), Added: listed(change.Added),
		From: map[string]int64{}, To: map[string]int64{},
	}
	if isMisfit {
		v.Trouble = misfit.Error()
		v.compare(before, after)
		return v, nil
	}
	if v.compare(before, after); v.Flows == 0 {
		v.Trouble = nothingInCommon(before, after)
		return v, nil
	}
	v.IdealShare, v.Due = exact(change.ideal()), change.shares(without(change.Backends, change.Removed))
	v.MovedShare = float64(v.Moved) / float64(v.Flows)
	v.Excess = exact(v.MovedShare - v.IdealShare)
	return v, nil
}

func nothingInCommon(before, after *Flows) string {
	return fmt.Sprintf("no 5-tuple was answered both before and after: before are %s, after are %s; want two floods with the same target, source, sourcePorts and connections, in the same iteration or in setup(), and answers in both", before, after)
}

// exact takes away what sums of fractions are off by, so that a threshold such as excess<=0 holds for the ideal.
func exact(share float64) float64 {
	const digits = 1e9
	return math.Round(share*digits) / digits
}

func (v *Verdict) compare(before, after *Flows) {
	removed, added := set(v.Removed), set(v.Added)
	for was, is := range pairs(before, after) {
		if was == 0 {
			v.Found++
			continue
		}
		if is == 0 {
			v.Lost++
			continue
		}
		from, to := before.host(was), after.host(is)
		v.Flows++
		if removed[to] {
			v.Stale++
		}
		if from != to {
			v.move(from, to, removed[from], added[to])
		}
	}
}

// move counts a flow that another host answers now.
func (v *Verdict) move(from, to string, removed, added bool) {
	v.Moved++
	v.From[from]++
	v.To[to]++
	switch {
	case removed:
		v.Inevitable++
	case added:
		v.Claimed++
	default:
		v.Needless++
	}
}

// listed is never nil, so that JSON has a list and not null.
func listed(list []string) []string { return append([]string{}, list...) }
