package connect

import "time"

// HoldSample is how many connections of a hold stood at an instant, and what has happened since the sample before.
type HoldSample struct {
	Time        time.Duration `json:"time"`        // since the call's start
	Held        int64         `json:"held"`        // connections established at that instant
	Established int64         `json:"established"` // since the last sample
	Lost        int64         `json:"lost"`        // ended before their time since the last sample
}

// The first interval between samples of a hold, and how many there are at most. If it lasts longer, the interval doubles.
const (
	holdInterval = 10 * time.Millisecond
	holdSamples  = 600
)

// holdSeries counts, for each interval, the connections that were established and that ended.
type holdSeries struct {
	width time.Duration // of a bin
	bins  []holdBin
}

type holdBin struct{ established, ended, lost int64 }

func (s *holdSeries) established(at time.Duration) { s.bin(at).established++ }

func (s *holdSeries) ended(at time.Duration, lost bool) {
	b := s.bin(at)
	b.ended++
	if lost {
		b.lost++
	}
}

// bin returns the one of an instant, and makes bins twice as wide until there are few enough.
func (s *holdSeries) bin(at time.Duration) *holdBin {
	if s.width == 0 {
		s.width = holdInterval
	}
	for at/s.width >= holdSamples {
		s.width *= 2
		for i := range (len(s.bins) + 1) / 2 {
			s.bins[i] = s.bins[2*i].plus(s.after(2 * i))
		}
		s.bins = s.bins[:(len(s.bins)+1)/2]
	}
	for int(at/s.width) >= len(s.bins) {
		s.bins = append(s.bins, holdBin{})
	}
	return &s.bins[max(at/s.width, 0)]
}

func (s *holdSeries) after(i int) holdBin {
	if i+1 < len(s.bins) {
		return s.bins[i+1]
	}
	return holdBin{}
}

func (b holdBin) plus(c holdBin) holdBin {
	return holdBin{b.established + c.established, b.ended + c.ended, b.lost + c.lost}
}

// samples returns what has been counted, one for each bin.
func (s *holdSeries) samples() []HoldSample {
	list := make([]HoldSample, len(s.bins))
	held := int64(0)
	for i, b := range s.bins {
		held += b.established - b.ended
		list[i] = HoldSample{Time: time.Duration(i+1) * s.width, Held: held, Established: b.established, Lost: b.lost}
	}
	return list
}
