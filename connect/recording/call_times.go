package recording

import (
	"cmp"
	"slices"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
)

// The lists of a Call that have instants are put together here, each moved to the start of the sum.

// plusSpans unites spans that touch or overlap. Of too many, those with the smallest gaps between them are united as well.
func plusSpans(a []Span, moveA time.Duration, b []Span, moveB time.Duration) []Span {
	all := plusTimed(a, moveA, b, moveB, func(s *Span, by time.Duration) { s.From, s.To = s.From+by, s.To+by }, 2*maxSpans)
	slices.SortFunc(all, func(a, b Span) int { return cmp.Compare(a.From, b.From) })
	united := unite(all, 0)
	for gap := time.Millisecond; len(united) > maxSpans; gap *= 2 {
		united = unite(united, gap)
	}
	return united
}

// unite joins sorted spans with gaps of at most gap between them.
func unite(sorted []Span, gap time.Duration) []Span {
	united := []Span{}
	for _, s := range sorted {
		if last := len(united) - 1; last >= 0 && s.From <= united[last].To+gap {
			united[last].To = max(united[last].To, s.To)
			continue
		}
		united = append(united, s)
	}
	return united
}

// plusTimed moves two lists to a common start, and keeps the last of their elements.
func plusTimed[T any](a []T, moveA time.Duration, b []T, moveB time.Duration, move func(*T, time.Duration), most int) []T {
	sum := make([]T, 0, len(a)+len(b))
	sum = append(append(sum, a...), b...)
	for i := range sum {
		if i < len(a) {
			move(&sum[i], moveA)
		} else {
			move(&sum[i], moveB)
		}
	}
	return last(sum, most)
}

// plusOutages unites outages that overlap: a backend that goes takes connections of all instances. One that lasted to the end of its call
// may be followed by others of later calls, so the ends of the calls are given, too.
func plusOutages(a []connect.Outage, moveA time.Duration, b []connect.Outage, moveB, endA, endB time.Duration) []connect.Outage {
	all := make([]endedOutage, 0, len(a)+len(b))
	for _, from := range []struct {
		list      []connect.Outage
		move, end time.Duration
	}{{a, moveA, endA}, {b, moveB, endB}} {
		for _, o := range from.list {
			shiftOutage(&o, from.move)
			all = append(all, endedOutage{o, cmp.Or(o.To, &from.end)})
		}
	}
	slices.SortStableFunc(all, func(a, b endedOutage) int { return cmp.Compare(a.From, b.From) })
	united := []endedOutage{}
	for _, o := range all {
		if n := len(united); n > 0 && o.From <= *united[n-1].end+connect.OutagesApart {
			united[n-1] = united[n-1].with(o)
			continue
		}
		united = append(united, o)
	}
	sum := make([]connect.Outage, 0, len(united))
	for i := range united {
		sum = append(sum, united[i].Outage)
	}
	return last(sum, maxOutages)
}

// endedOutage is an outage with the instant at which it was over, or its call.
type endedOutage struct {
	connect.Outage
	end *time.Duration
}

// with is both outages as one.
func (o endedOutage) with(p endedOutage) endedOutage {
	o.Connections += p.Connections
	o.Hosts = slices.Concat(o.Hosts, p.Hosts)
	slices.Sort(o.Hosts)
	o.Hosts = slices.Compact(o.Hosts)
	if o.To == nil || p.To == nil {
		o.To = nil
	} else if *p.To > *o.To {
		o.To = p.To
	}
	if *p.end > *o.end {
		o.end = p.end
	}
	return o
}

func shiftOutage(o *connect.Outage, by time.Duration) {
	o.From += by
	if o.To != nil {
		to := *o.To + by
		o.To = &to
	}
}

// plusChanges keeps one of those that several calls have felt.
func plusChanges(a []connect.Change, moveA time.Duration, b []connect.Change, moveB time.Duration) []connect.Change {
	all := plusTimed(a, moveA, b, moveB, func(c *connect.Change, by time.Duration) { c.Time += by }, maxOutages)
	slices.SortStableFunc(all, func(a, b connect.Change) int { return cmp.Compare(a.Time, b.Time) })
	return slices.CompactFunc(all, func(a, b connect.Change) bool {
		const apart = time.Millisecond // clocks of calls are told to less than that
		return a.Text == b.Text && a.Within == b.Within && b.Time-a.Time < apart && slices.Equal(a.Hosts, b.Hosts)
	})
}

// plusOverTime adds up how many connections stood, at all instants of both.
func plusOverTime(a []connect.HoldSample, moveA time.Duration, b []connect.HoldSample, moveB time.Duration) []connect.HoldSample {
	if len(a) == 0 && len(b) == 0 {
		return []connect.HoldSample{}
	}
	var sum []connect.HoldSample
	heldA, heldB := int64(0), int64(0)
	for len(a)+len(b) > 0 {
		var s connect.HoldSample
		if len(b) == 0 || len(a) > 0 && a[0].Time+moveA <= b[0].Time+moveB {
			s, heldA, a = a[0], a[0].Held, a[1:]
			s.Time += moveA
		} else {
			s, heldB, b = b[0], b[0].Held, b[1:]
			s.Time += moveB
		}
		s.Held = heldA + heldB
		if n := len(sum); n > 0 && sum[n-1].Time == s.Time {
			s.Established, s.Lost = s.Established+sum[n-1].Established, s.Lost+sum[n-1].Lost
			sum[n-1] = s
			continue
		}
		sum = append(sum, s)
	}
	for len(sum) > maxOverTime {
		sum = halved(sum)
	}
	return sum
}

// halved joins samples in twos.
func halved(list []connect.HoldSample) []connect.HoldSample {
	var joined []connect.HoldSample
	for pair := range slices.Chunk(list, 2) {
		s := pair[len(pair)-1]
		for _, before := range pair[:len(pair)-1] {
			s.Established, s.Lost = s.Established+before.Established, s.Lost+before.Lost
		}
		joined = append(joined, s)
	}
	return joined
}

// plusHealth keeps the pings in their order. If they are too many, those of an interval become one beat.
func plusHealth(a []Beat, moveA time.Duration, b []Beat, moveB time.Duration) []Beat {
	if len(a)+len(b) == 0 {
		return nil
	}
	all := plusTimed(a, moveA, b, moveB, func(h *Beat, by time.Duration) { h.Time += by }, 2*maxBeats)
	slices.SortStableFunc(all, func(a, b Beat) int { return cmp.Compare(a.Time, b.Time) })
	for len(all) > maxBeats {
		all = halvedBeats(all)
	}
	return all
}

func halvedBeats(list []Beat) []Beat {
	var joined []Beat
	for pair := range slices.Chunk(list, 2) {
		b := pair[0]
		for _, next := range pair[1:] {
			b.Pings, b.Failed, b.Slow = b.Pings+next.Pings, b.Failed+next.Failed, max(b.Slow, next.Slow)
		}
		joined = append(joined, b)
	}
	return joined
}
