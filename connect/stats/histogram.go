package stats

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Histogram counts durations from 1 µs to 10 minutes, each kept to three significant digits, in memory that does not grow with
// their number. Longer ones count as 10 minutes.
type Histogram struct {
	counts *hdrhistogram.Histogram
}

// Bucket is a number of durations between two limits.
type Bucket struct {
	From  time.Duration `json:"from"`
	To    time.Duration `json:"to"`
	Count int64         `json:"count"`
}

const (
	histogramUnit = time.Microsecond
	histogramMax  = 10 * time.Minute
)

// NewHistogram returns an empty histogram.
func NewHistogram() *Histogram {
	return &Histogram{hdrhistogram.New(1, int64(histogramMax/histogramUnit), 3)}
}

// Add counts a duration.
func (h *Histogram) Add(d time.Duration) {
	_ = h.counts.RecordValue(int64(min(max(d, 0), histogramMax) / histogramUnit)) // fails only beyond the maximum
}

// Summary describes what was counted.
func (h *Histogram) Summary() Summary {
	c := h.counts
	if c.TotalCount() == 0 {
		return Summary{}
	}
	return Summary{
		Count: c.TotalCount(),

		Min: time.Duration(c.Min()) * histogramUnit,
		Avg: time.Duration(c.Mean() * float64(histogramUnit)),
		Med: time.Duration(c.ValueAtQuantile(50)) * histogramUnit,
		Max: time.Duration(c.Max()) * histogramUnit,
		Dev: time.Duration(c.StdDev() * float64(histogramUnit)),
		P90: time.Duration(c.ValueAtQuantile(90)) * histogramUnit,
		P95: time.Duration(c.ValueAtQuantile(95)) * histogramUnit,
		P99: time.Duration(c.ValueAtQuantile(99)) * histogramUnit,
	}
}

// bucketsPerOctave is how finely Buckets splits each doubling of the duration.
const bucketsPerOctave = 4

// Buckets returns what was counted in buckets whose widths grow with their values, from the first that is not empty to the last.
func (h *Histogram) Buckets() []Bucket {
	var buckets []Bucket
	for _, bar := range h.counts.Distribution() {
		if bar.Count > 0 {
			buckets = extend(buckets, time.Duration(bar.From)*histogramUnit, bar.Count)
		}
	}
	return buckets
}

// BucketsOf returns sorted durations in the same buckets.
func BucketsOf(sorted []time.Duration) []Bucket {
	var buckets []Bucket
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
