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
		if bar.Count == 0 {
			continue
		}
		from, to := octavePart(bar.From)
		for n := len(buckets); n > 0 && buckets[n-1].To < from; n = len(buckets) {
			_, next := octavePart(int64(buckets[n-1].To / histogramUnit))
			buckets = append(buckets, Bucket{From: buckets[n-1].To, To: next})
		}
		if n := len(buckets); n == 0 || buckets[n-1].From != from {
			buckets = append(buckets, Bucket{From: from, To: to})
		}
		buckets[len(buckets)-1].Count += bar.Count
	}
	return buckets
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
