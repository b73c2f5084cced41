package recording

import (
	"slices"
	"sort"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
)

// Seconds tells from the connections' records what happened to them in each second, as ctraffic's analysis of connections does:
// a connection is new in the second in which it began to dial, if it outlived that, and lost in the one in which it ended with an
// error. The last second may be short.
func Seconds(records []connect.TrafficRecord, duration time.Duration) []connect.TrafficSample {
	return Intervals(records, duration, time.Second)
}

// Intervals is Seconds with intervals of another length.
func Intervals(records []connect.TrafficRecord, duration, length time.Duration) []connect.TrafficSample {
	samples := make([]connect.TrafficSample, 0, duration/length+1)
	for at := length; at < duration; at += length {
		samples = append(samples, connect.TrafficSample{Time: at})
	}
	if n := len(samples); n == 0 || duration-samples[n-1].Time >= length/2 {
		samples = append(samples, connect.TrafficSample{Time: duration})
	}
	for i := range records {
		place(samples, &records[i])
	}
	for i := 1; i < len(samples); i++ { // place has noted changes only
		samples[i].Active += samples[i-1].Active
		samples[i].Connecting += samples[i-1].Connecting
	}
	return samples
}

// place notes where a connection begins, is established and ends. Active and Connecting become changes from sample to sample.
func place(samples []connect.TrafficSample, r *connect.TrafficRecord) {
	last := len(samples) - 1
	begun, over := from(samples, r.Started), last+1
	if r.Error != connect.ClassNone { // else it ended with the call, a little before or after that was noted
		over = after(samples, r.Ended)
	}
	if r.Error != connect.ClassNone && r.Connected > 0 {
		samples[min(over, last)].Lost++
	}
	if begun >= over || begun > last {
		return // within a second
	}
	up := over
	if r.Connected > 0 {
		up = min(max(from(samples, r.Connected), begun), over)
	}
	samples[begun].New++
	samples[begun].Connecting++
	if up <= last {
		samples[up].Connecting--
		samples[up].Active++
	}
	if over <= last {
		samples[over].Active-- // one that never was up has got up just here
	}
}

// Whole joins a short last sample with the one before it: rates over a few milliseconds say nothing.
func Whole(samples []connect.TrafficSample) []connect.TrafficSample {
	n := len(samples)
	if n < 2 {
		return samples
	}
	var before time.Duration // begin of the sample before the last
	if n > 2 {
		before = samples[n-3].Time
	}
	if samples[n-1].Time-samples[n-2].Time > (samples[n-2].Time-before)/2 {
		return samples
	}
	return append(slices.Clone(samples[:n-2]), Join(samples[n-2:]))
}

// Join makes one sample of several: with the least that were active, the most that were connecting, and the sums of the others.
func Join(samples []connect.TrafficSample) connect.TrafficSample {
	sum := samples[0]
	for _, s := range samples[1:] {
		sum.Time, sum.Active, sum.Connecting = s.Time, min(sum.Active, s.Active), max(sum.Connecting, s.Connecting)
		sum.New, sum.Lost = sum.New+s.New, sum.Lost+s.Lost
		sum.Sent, sum.Received, sum.Dropped = sum.Sent+s.Sent, sum.Received+s.Received, sum.Dropped+s.Dropped
	}
	return sum
}

// from is the first sample at an instant or later.
func from(samples []connect.TrafficSample, at time.Duration) int {
	return sort.Search(len(samples), func(i int) bool { return samples[i].Time >= at })
}

// after is the first sample later than an instant.
func after(samples []connect.TrafficSample, at time.Duration) int {
	return sort.Search(len(samples), func(i int) bool { return samples[i].Time > at })
}
