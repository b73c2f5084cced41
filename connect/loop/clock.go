package loop

import (
	"math"
	"time"
)

// Never is the wake-up time of a handler that waits for events only.
const Never = math.MaxInt64

var epoch = time.Now()

// Now is the monotonic time in nanoseconds that loops count in.
func Now() int64 { return int64(time.Since(epoch)) }

// Time turns loop time into wall-clock time.
func Time(ns int64) time.Time { return epoch.Add(time.Duration(ns)) }
