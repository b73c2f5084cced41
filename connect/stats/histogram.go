package stats

import (
	"math"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Histogram counts durations up to 30 days, each to a thousandth or to 1 µs, in memory that does not grow with their number (260 KB).
// Percentiles are as precise, and count longer ones as 30 days; minimum, average, maximum and deviation are exact.
type Histogram struct {
	counts       *hdrhistogram.Histogram
	min, max     time.Duration
	first        time.Duration // what the sums are relative to, so that they stay small, and precise
	sum, squares float64
}

// Bucket is a number of durations between two limits.
type Bucket struct {
	From  time.Duration `json:"from"`
	To    time.Duration `json:"to"`
	Count int64         `json:"count"`
}

const (
	histogramUnit = time.Microsecond
	histogramMax  = 30 * 24 * time.Hour
)

// NewHistogram returns an empty histogram.
func NewHistogram() *Histogram {
	return &Histogram{counts: hdrhistogram.New(1, int64(histogramMax/histogramUnit), 3)}
}

// HistogramOf returns a histogram of durations.
func HistogramOf(values []time.Duration) *Histogram {
	h := NewHistogram()
	for _, v := range values {
		h.Add(v)
	}
	return h
}

// Add counts a duration. One below 0 counts as 0.
func (h *Histogram) Add(d time.Duration) {
	d = max(d, 0)
	if h.counts.TotalCount() == 0 {
		h.min, h.first = d, d
	}
	h.min, h.max = min(h.min, d), max(h.max, d)
	off := float64(d - h.first)
	h.sum += off
	h.squares += off * off
	_ = h.counts.RecordValue(int64(min(d, histogramMax) / histogramUnit)) // fails only beyond the maximum
}

// Join adds what another histogram has counted.
func (h *Histogram) Join(g *Histogram) {
	switch {
	case g.Count() == 0:
		return
	case h.Count() == 0:
		h.min, h.first = g.min, g.first
	}
	h.min, h.max = min(h.min, g.min), max(h.max, g.max)
	n, moved := float64(g.Count()), float64(g.first-h.first)
	h.squares += g.squares + moved*(2*g.sum+moved*n)
	h.sum += g.sum + moved*n
	h.counts.Merge(g.counts)
}

// Count returns how many durations were counted.
func (h *Histogram) Count() int64 { return h.counts.TotalCount() }

// Clone returns a copy that is independent.
func (h *Histogram) Clone() *Histogram {
	c := *h
	c.counts = h.counts.Clone()
	return &c
}

// Summary describes what was counted.
func (h *Histogram) Summary() Summary {
	count := h.Count()
	if count == 0 {
		return Summary{}
	}
	mean := h.sum / float64(count)
	variance := max(h.squares/float64(count)-mean*mean, 0)
	return Summary{
		Count: count,

		Min: h.min,
		Avg: h.first + time.Duration(math.Round(mean)),
		Med: h.percentile(50),
		Max: h.max,
		Dev: time.Duration(math.Round(math.Sqrt(variance))),
		P90: h.percentile(90),
		P95: h.percentile(95),
		P99: h.percentile(99),
	}
}

// percentile never lies beyond the shortest and the longest, which are known better.
func (h *Histogram) percentile(p float64) time.Duration {
	return min(max(time.Duration(h.counts.ValueAtQuantile(p))*histogramUnit, h.min), h.max)
}

// bucketsPerOctave is how finely Buckets splits each doubling of the duration.
const bucketsPerOctave = 4

// Buckets returns what was counted in buckets whose widths grow with their values, from the first that is not empty to the last.
func (h *Histogram) Buckets() []Bucket {
	buckets := []Bucket{}
	for _, bar := range h.counts.Distribution() {
		if bar.Count > 0 {
			buckets = extend(buckets, time.Duration(bar.From)*histogramUnit, bar.Count)
		}
	}
	return buckets
}

// BucketsOf returns sorted durations in the same buckets.
func BucketsOf(sorted []time.Duration) []Bucket {
	buckets := []Bucket{}
	for _, d := range sorted {
		buckets = extend(buckets, min(max(d, 0), histogramMax), 1)
	}
	return buckets
}

// MergeBuckets adds up two sets of buckets.
func MergeBuckets(a, b []Bucket) []Bucket {
	var sum []Bucket
	for len(a)+len(b) > 0 {
		next := &a
		if len(a) == 0 || len(b) > 0 && b[0].From < a[0].From {
			next = &b
		}
		sum = extend(sum, (*next)[0].From, (*next)[0].Count)
		*next = (*next)[1:]
	}
	return sum
}

// extend counts n durations that are not below the last bucket, and adds the buckets that this takes.
func extend(buckets []Bucket, d time.Duration, n int64) []Bucket {
	if last := len(buckets) - 1; last >= 0 && d < buckets[last].To {
		buckets[last].Count += n
		return buckets
	}
	from, to := octavePart(int64(d / histogramUnit))
	for last := len(buckets) - 1; last >= 0 && buckets[last].To < from; last++ {
		_, end := octavePart(int64(buckets[last].To / histogramUnit))
		buckets = append(buckets, Bucket{From: buckets[last].To, To: end})
	}
	return append(buckets, Bucket{From: from, To: to, Count: n})
}

// octavePart returns the limits of the bucket that a number of units falls into: [from, to).
func octavePart(units int64) (from, to time.Duration) {
	octave := int64(1)
	for octave*2 <= units {
		octave *= 2
	}
	width := max(octave/bucketsPerOctave, 1)
	low := units / width * width
	return time.Duration(low) * histogramUnit, time.Duration(low+width) * histogramUnit
}
