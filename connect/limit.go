package connect

import "time"

// Limit is how long a call of the plan may take: Timeout, or its default.
func (p Plan) Limit() time.Duration { return p.withDefaults().Timeout }

// Limit is how long opening the connections may take: Timeout, or its default.
func (p HoldPlan) Limit() time.Duration {
	if p.Timeout > 0 {
		return p.Timeout
	}
	full := p.withDefaults()
	return full.Timeout + full.ConnectTimeout
}

// Most is how many connections the search opens at most: Connections, or its default.
func (p CapacityPlan) Most() int64 { return p.withDefaults().Connections }

// Limit is how long a call of the plan may take: Timeout, or its default.
func (p CapacityPlan) Limit() time.Duration { return p.withDefaults().Timeout }

// Limit is how long a call of the plan may take: Timeout, or its default.
func (p TrafficPlan) Limit() time.Duration { return p.withDefaults().Timeout }
