// Package stats turns what was measured and counted into the figures that a report shows.
package stats

import (
	"math"
	"slices"
	"time"
)

// Summary describes a set of durations. All are zero if the set is empty.
type Summary struct {
	Count int64 `json:"-"`

	Min time.Duration `json:"min"`
	Avg time.Duration `json:"avg"`
	Med time.Duration `json:"med"`
	Max time.Duration `json:"max"`
	Dev time.Duration `json:"dev"` // standard deviation of the set, as tcpgoon prints it
	P90 time.Duration `json:"p(90)"`
	P95 time.Duration `json:"p(95)"`
	P99 time.Duration `json:"p(99)"`
}

// Summarize describes the durations, which it sorts in place. Percentiles lie between two values where they fall
// between them, as in k6's Trend metrics.
func Summarize(values []time.Duration) Summary {
	if len(values) == 0 {
		return Summary{}
	}
	slices.Sort(values)
	mean, dev := moments(values)
	return Summary{
		Count: int64(len(values)),

		Min: values[0],
		Avg: time.Duration(math.Round(mean)),
		Med: percentile(values, 0.5),
		Max: values[len(values)-1],
		Dev: time.Duration(math.Round(dev)),
		P90: percentile(values, 0.9),
		P95: percentile(values, 0.95),
		P99: percentile(values, 0.99),
	}
}

// Merge describes the union of two sets. The median and the percentiles of a union can't be told from those of its parts,
// so they are zero, unless one of the sets is empty.
func (s Summary) Merge(t Summary) Summary {
	switch {
	case s.Count == 0:
		return t
	case t.Count == 0:
		return s
	}
	n, m := float64(s.Count), float64(t.Count)
	mean := (n*float64(s.Avg) + m*float64(t.Avg)) / (n + m)
	squares := func(u Summary) float64 {
		d := float64(u.Avg) - mean
		return float64(u.Count) * (float64(u.Dev)*float64(u.Dev) + d*d)
	}
	return Summary{
		Count: s.Count + t.Count,

		Min: min(s.Min, t.Min),
		Avg: time.Duration(math.Round(mean)),
		Max: max(s.Max, t.Max),
		Dev: time.Duration(math.Round(math.Sqrt((squares(s) + squares(t)) / (n + m)))),
	}
}

func moments(values []time.Duration) (mean, dev float64) {
	for _, v := range values {
		mean += float64(v)
	}
	mean /= float64(len(values))
	for _, v := range values {
		d := float64(v) - mean
		dev += d * d
	}
	return mean, math.Sqrt(dev / float64(len(values)))
}

func percentile(sorted []time.Duration, p float64) time.Duration {
	at := p * float64(len(sorted)-1)
	below := int(at)
	if below+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	gap := float64(sorted[below+1] - sorted[below])
	return sorted[below] + time.Duration(math.Round(gap*(at-float64(below))))
}
