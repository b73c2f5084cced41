package mesh

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/ping"
)

// The last hour is kept in slots, of which each has room for so many connect times. When there are more, a random choice of
// them stays (reservoir sampling, Vitter's algorithm R), so that a peer costs the same memory for ever, and medians hold.
const (
	hourSlots  = 30
	slotLength = 2 * time.Minute
	slotRoom   = 64
)

// An hour is what the last hour's pings of one peer came to.
type hour struct{ slots [hourSlots]slot }

type slot struct {
	number   int64 // of slotLength since 1970
	answered int
	lost     int
	connects [slotRoom]float32 // ms
	phases   sums
}

func slotNumber(at time.Time) int64 { return at.UnixNano() / int64(slotLength) }

// add notes a ping.
func (h *hour) add(r *ping.Result) {
	number := slotNumber(r.Start)
	s := &h.slots[number%hourSlots]
	if s.number != number {
		*s = slot{number: number}
	}
	if r.Failed() {
		s.lost++
		return
	}
	place := s.answered
	if place >= slotRoom {
		place = rand.IntN(s.answered + 1) // #nosec G404 -- a sample, not a secret
	}
	if place < slotRoom {
		s.connects[place] = float32(milli(r.Connect))
	}
	s.answered++
	s.phases.add(r)
}

// A Trail is an hour in figures. There may be 40,000 of them in a matrix, so they are small.
type Trail struct {
	Pings  int     `json:"pings"`
	Lost   int     `json:"lost"`
	Median float32 `json:"median"` // of the connect time in ms; 0 if nothing was answered
	P95    float32 `json:"p95"`
	// Medians and Losses are those of each two minutes, the last ones at the end.
	Medians [hourSlots]float32 `json:"medians"`
	Losses  [hourSlots]int32   `json:"losses"`
	Phases  Phases             `json:"phases"`
}

// trail adds up the hour that ends now; latest is the last ping that was answered.
func (h *hour) trail(now time.Time, latest *ping.Result) Trail {
	var t Trail
	var of sums
	last := slotNumber(now)
	all := make([]float32, 0, hourSlots*slotRoom)
	for i := range hourSlots {
		number := last - hourSlots + 1 + int64(i)
		s := &h.slots[number%hourSlots]
		if s.number != number {
			continue
		}
		t.Pings += s.answered + s.lost
		t.Lost += s.lost
		of.merge(&s.phases)
		t.Losses[i] = int32(s.lost) // #nosec G115 -- of two minutes
		begin := len(all)
		all = append(all, s.connects[:min(s.answered, slotRoom)]...)
		slices.Sort(all[begin:])
		t.Medians[i] = quantile(all[begin:], 0.5)
	}
	slices.Sort(all)
	t.Median, t.P95 = quantile(all, 0.5), quantile(all, 0.95)
	t.Phases = of.phases(t.Pings-t.Lost, latest)
	return t
}

// quantile is that of sorted values, rounded to a microsecond; 0 if there are none.
func quantile(sorted []float32, q float64) float32 {
	if len(sorted) == 0 {
		return 0
	}
	at := q * float64(len(sorted)-1)
	below := int(at)
	above := min(below+1, len(sorted)-1)
	value := float64(sorted[below]) + (at-float64(below))*float64(sorted[above]-sorted[below])
	return micro(value)
}
