package picture

import (
	"math"
)

// axis maps values onto a side of a drawing.
type axis struct {
	low, high  float64 // values
	from, to   float64 // places
	logarithms bool
}

// at is the place of a value.
func (a axis) at(v float64) float64 {
	low, high := a.low, a.high
	if a.logarithms {
		v, low, high = math.Log(v), math.Log(low), math.Log(high)
	}
	return a.from + (a.to-a.from)*(v-low)/(high-low)
}

// ticks are round values from 0 up, in at most n steps.
func ticks(high float64, n int) []float64 {
	step := niceStep(high, n)
	var list []float64
	for v := 0.0; v <= high+step*1e-9; v += step {
		list = append(list, v)
	}
	return list
}

// niceStep is the smallest of 1, 2 and 5 times a power of ten that takes at most n steps.
func niceStep(length float64, n int) float64 {
	if length <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(length/float64(n))))
	for _, factor := range []float64{1, 2, 5} {
		if length <= factor*power*float64(n) {
			return factor * power
		}
	}
	return 10 * power
}

const day = 24 * 3600 // seconds

// timeSteps are the distances up to a day that people give marks on a clock, in seconds.
var timeSteps = []float64{1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 2 * 3600, 6 * 3600, 12 * 3600, day}

// timeTicks are at most about n round instants up to the end, in seconds.
func timeTicks(length float64, n int) []float64 {
	step := niceStep(length, n)
	if length > float64(n) {
		step = day * niceStep(length/day, n)
		for _, s := range timeSteps {
			if length <= s*float64(n) {
				step = s
				break
			}
		}
	}
	var list []float64
	for v := 0.0; v <= length+step*1e-9; v += step {
		list = append(list, v)
	}
	return list
}

// logTicks are round values between two limits above 0: powers of ten, with 2 and 5 times these where there is room.
func logTicks(low, high float64) []float64 {
	factors := []float64{1, 2, 5}
	if high/low > 2000 {
		factors = factors[:1]
	}
	var list []float64
	for power := math.Pow(10, math.Floor(math.Log10(low))); power <= high; power *= 10 {
		for _, f := range factors {
			if v := f * power; v >= low*(1-1e-9) && v <= high*(1+1e-9) {
				list = append(list, v)
			}
		}
	}
	return list
}

// roundTicks are round values between two limits, at least two of them.
func roundTicks(low, high float64) []float64 {
	step := niceStep(high-low, 4)
	var list []float64
	for v := math.Ceil(low/step) * step; v <= high; v += step {
		list = append(list, v)
	}
	return list
}
