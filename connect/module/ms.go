package module

import (
	"math"
	"time"
)

// ms is a duration in milliseconds, as scripts and metrics have it.
func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func fromMS(d float64) time.Duration { return time.Duration(math.Round(d * float64(time.Millisecond))) }
