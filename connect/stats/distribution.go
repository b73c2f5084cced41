package stats

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
	"time"
)

// Distribution is a summary that can be added up with others: it keeps how often each duration occurred, rounded down. Count, minimum,
// average, maximum and deviation of a sum are exact. Its median and percentiles are as precise as the rounding: a thousandth or 1 µs, or,
// if it was made by [Times.RoughDistribution], a sixty-fourth.
type Distribution struct {
	Summary
	Number int64 `json:"count"`  // of durations; the same as Summary.Count
	Counts []Bin `json:"counts"` // in increasing order
}

// Bin is how often a duration, rounded down to microseconds, occurred.
type Bin [2]int64

// The precision of a Distribution: how many bits of a duration are kept.
const (
	preciseBits = 11
	roughBits   = 7
)

// Distributed describes durations, which it sorts.
func Distributed(values []time.Duration) Distribution { return distributed(values, preciseBits) }

func distributed(values []time.Duration, precision int) Distribution {
	s := Summarize(values)
	d := Distribution{Summary: s, Number: s.Count, Counts: []Bin{}}
	for _, v := range values {
		d.count(round(int64(max(v, 0)/histogramUnit), precision), 1)
	}
	return d
}

// Distribution describes the durations, which it sorts.
func (t *Times) Distribution() Distribution { return t.distribution(preciseBits) }

// RoughDistribution is Distribution with fewer different durations, for what is kept of each of many hosts.
func (t *Times) RoughDistribution() Distribution { return t.distribution(roughBits) }

func (t *Times) distribution(precision int) Distribution {
	if t.spread != nil {
		return t.spread.distribution(precision)
	}
	return distributed(t.each.all(), precision)
}

// Distribution describes what was counted.
func (h *Histogram) Distribution() Distribution { return h.distribution(preciseBits) }

func (h *Histogram) distribution(precision int) Distribution {
	s := h.Summary()
	d := Distribution{Summary: s, Number: s.Count, Counts: []Bin{}}
	for _, bar := range h.counts.Distribution() {
		if bar.Count > 0 {
			d.count(round(bar.From, precision), bar.Count)
		}
	}
	return d
}

// count adds n durations that are not below the last one.
func (d *Distribution) count(us, n int64) {
	if last := len(d.Counts) - 1; last >= 0 && d.Counts[last][0] == us {
		d.Counts[last][1] += n
		return
	}
	d.Counts = append(d.Counts, Bin{us, n})
}

func round(us int64, precision int) int64 {
	shift := max(bits.Len64(uint64(us))-precision, 0) // #nosec G115 -- not negative
	return us >> shift << shift
}

// Plus describes both sets of durations together.
func (d Distribution) Plus(e Distribution) Distribution {
	switch {
	case e.Number == 0:
		return d
	case d.Number == 0:
		return e
	}
	d.Count, e.Count = d.Number, e.Number
	sum := Distribution{Summary: d.Merge(e.Summary), Number: d.Number + e.Number, Counts: make([]Bin, 0, max(len(d.Counts), len(e.Counts)))}
	for a, b := d.Counts, e.Counts; len(a)+len(b) > 0; {
		next := &a
		if len(a) == 0 || len(b) > 0 && b[0][0] < a[0][0] {
			next = &b
		}
		sum.count((*next)[0][0], (*next)[0][1])
		*next = (*next)[1:]
	}
	sum.Med, sum.P90, sum.P95, sum.P99 = sum.percentile(0.5), sum.percentile(0.9), sum.percentile(0.95), sum.percentile(0.99)
	return sum
}

// percentile interpolates between durations as Summarize does; it never lies beyond the shortest and the longest, which are exact.
func (d *Distribution) percentile(p float64) time.Duration {
	at := p * float64(d.Number-1)
	below := d.nth(int64(at))
	gap := d.nth(min(int64(at)+1, d.Number-1)) - below
	value := time.Duration(math.Round((below + gap*(at-math.Floor(at))) * float64(histogramUnit)))
	return min(max(value, d.Min), d.Max)
}

// nth is the duration with the given place in their order, from 0, in microseconds. Durations that share a bin are spread evenly over it.
func (d *Distribution) nth(place int64) float64 {
	for i, bin := range d.Counts {
		if place < bin[1] {
			return float64(bin[0]) + d.width(i)*(float64(place)+0.5)/float64(bin[1])
		}
		place -= bin[1]
	}
	return float64(d.Max) / float64(histogramUnit)
}

// width is how much a bin may have been rounded down: not beyond the next bin, nor beyond the maximum.
func (d *Distribution) width(i int) float64 {
	at := d.Counts[i][0]
	width := float64(int64(1) << max(bits.Len64(uint64(at))-preciseBits, 0)) // #nosec G115 -- not negative
	if i+1 < len(d.Counts) {
		return min(width, float64(d.Counts[i+1][0]-at))
	}
	return min(width, max(float64(d.Max)/float64(histogramUnit)-float64(at), 0))
}

// Buckets returns the durations in the buckets of a [Histogram].
func (d *Distribution) Buckets() []Bucket {
	buckets := []Bucket{}
	for _, bin := range d.Counts {
		buckets = extend(buckets, min(time.Duration(bin[0])*histogramUnit, histogramMax), bin[1])
	}
	return buckets
}

// Valid makes a distribution that was read from a file consistent: bins are in order, and none is negative.
func (d *Distribution) Valid() {
	d.Counts = slices.DeleteFunc(d.Counts, func(b Bin) bool { return b[0] < 0 || b[1] <= 0 || b[0] > int64(histogramMax/histogramUnit) })
	slices.SortFunc(d.Counts, func(a, b Bin) int { return cmp.Compare(a[0], b[0]) })
	d.Number = 0
	for _, bin := range d.Counts {
		d.Number += min(bin[1], math.MaxInt64-d.Number)
	}
	d.Count = d.Number
}
