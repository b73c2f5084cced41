package connect

import (
	"math"
	"time"
)

// seconds is a time that may be longer than a clock can count: then it is one that never comes.
func seconds(n float64) time.Duration {
	const never = math.MaxInt64 / 4 // to which more can be added
	return time.Duration(min(n*float64(time.Second), never))
}

// TimeLimit is how long a call of the plan may take: Timeout, or its default.
func (p Plan) TimeLimit() time.Duration { return p.withDefaults().Timeout }

// TimeLimit is how long opening the connections may take: Timeout, or its default.
func (p HoldPlan) TimeLimit() time.Duration { return p.withDefaults().Timeout }

// Most is how many connections the search opens at most: Connections, or its default.
func (p CapacityPlan) Most() int64 { return p.withDefaults().Connections }

// TimeLimit is how long a call of the plan may take: Timeout, or its default.
func (p CapacityPlan) TimeLimit() time.Duration { return p.withDefaults().Timeout }

// TimeLimit is how long a call of the plan may take: Timeout, or its default.
func (p TrafficPlan) TimeLimit() time.Duration { return p.withDefaults().Timeout }
