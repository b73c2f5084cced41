package recording

import (
	"cmp"
	"maps"
	"slices"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/balance"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
)

// Merge adds up recordings of several instances of a test, and judges what they come to together. Counts, shares, extremes and averages are
// those of one run with all calls, and so are the percentiles of calls that are told one by one (ByCall); recordings of other tools have
// none that could be added up. Calls of traffic() and comparisons of flows stand side by side, in the order of time. It changes none of
// the recordings, of which there must be one at least.
func Merge(reports ...*Report) *Report {
	sum := *reports[0]
	sum.ByCall = nil
	if len(reports) == 1 {
		sum.ByCall = slices.Clone(reports[0].ByCall)
		sum.JudgeOverAll()
		return &sum
	}
	for _, r := range reports[1:] {
		sum.addTotals(r)
	}
	named := slices.ContainsFunc(reports, func(r *Report) bool { return len(r.ByCall) > 0 })
	for _, r := range reports {
		for _, c := range r.ByCall {
			copied := *c
			sum.enter(&copied)
		}
		if named && len(r.ByCall) == 0 && r.Connects > 0 { // else it would be in the totals alone, which nobody looks at where there are calls
			sum.enter(r.bareFlood())
		}
	}
	slices.SortStableFunc(sum.ByCall, func(a, b *Call) int { return a.StartTime.Compare(b.StartTime) })
	slices.SortStableFunc(sum.Traffic, func(a, b *connect.TrafficResult) int { return a.StartTime.Compare(b.StartTime) })
	sum.Balance = balance.Of(sum.Hosts, commonShares(reports))
	sum.JudgeOverAll()
	return &sum
}

// addTotals adds what mconnect's own format has, and what stands side by side.
func (r *Report) addTotals(s *Report) {
	r.Hosts = plusHosts(r.Hosts, s.Hosts)
	r.Connects += s.Connects
	r.FailedConnects += s.FailedConnects
	r.FailedReads += s.FailedReads
	r.Calls += s.Calls
	r.SYNRetransmits += s.SYNRetransmits
	r.States = r.States.Plus(s.States)
	r.Timeout = max(r.Timeout, s.Timeout)
	r.addTime(s)
	r.Errors = plusCounts(r.Errors, s.Errors)
	first := maps.Clone(s.First)
	if first == nil {
		first = map[connect.Class]connect.Failure{}
	}
	maps.Copy(first, r.First)
	r.First = first
	r.ConnectTime, r.ReplyTime = r.ConnectTime.plus(s.ConnectTime), r.ReplyTime.plus(s.ReplyTime)
	r.ErrorTime, r.RTT = r.ErrorTime.plus(s.ErrorTime), r.RTT.plus(s.RTT)
	r.ConnectTimes = stats.MergeBuckets(r.ConnectTimes, s.ConnectTimes)
	r.Traffic = slices.Concat(r.Traffic, s.Traffic)
	r.Disruptions = slices.Concat(r.Disruptions, s.Disruptions)
}

// addTime makes the time that which has both.
func (r *Report) addTime(s *Report) {
	switch {
	case s.StartTime.IsZero():
		return
	case r.StartTime.IsZero():
		r.StartTime, r.Duration = s.StartTime, s.Duration
		return
	}
	start, end := r.StartTime, r.StartTime.Add(r.Duration)
	if s.StartTime.Before(start) {
		start = s.StartTime
	}
	if e := s.StartTime.Add(s.Duration); e.After(end) {
		end = e
	}
	r.StartTime, r.Duration = start, end.Sub(start)
}

// plus describes both sets of durations. Of a set whose number is not known, only the extremes count.
func (s Spread) plus(t Spread) Spread {
	switch {
	case s == Spread{}:
		return t
	case t == Spread{}:
		return s
	}
	sum := stats.Summary{Count: cmp.Or(s.Count, 1), Min: s.Min, Avg: s.Avg, Max: s.Max, Dev: s.Dev}.Merge(
		stats.Summary{Count: cmp.Or(t.Count, 1), Min: t.Min, Avg: t.Avg, Max: t.Max, Dev: t.Dev})
	both := SpreadOf(sum)
	both.Count = s.Count + t.Count
	return both
}

// commonShares are those that hosts are due in all recordings; nil if they differ.
func commonShares(reports []*Report) map[string]float64 {
	var common map[string]float64
	for i, r := range reports {
		expected := maps.Clone(r.Balance.Expected)
		maps.DeleteFunc(expected, func(_ string, due float64) bool { return due == 0 }) // who answered, and was due nothing
		if i > 0 && !maps.Equal(common, expected) {
			return nil
		}
		common = expected
	}
	return common
}
