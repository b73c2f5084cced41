package verdicts

import (
	"fmt"
	"slices"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/units"
)

// lifetimeWhy says that the peer ends connections at a certain age, "" if it does not. Connections that all began at the same time tell nothing:
// one event, such as a restart, may have ended them.
func lifetimeWhy(r *connect.TrafficResult) string {
	const enough, tenth = 8, 10
	var begun, ages []time.Duration
	for i := range r.Records {
		if c := &r.Records[i]; c.Connected > 0 && (c.Error == connect.ClassClosed || c.Error == connect.ClassReset) {
			begun, ages = append(begun, c.Connected), append(ages, c.Ended-c.Connected)
		}
	}
	if len(ages) < enough {
		return ""
	}
	slices.Sort(begun)
	slices.Sort(ages)
	usual := ages[len(ages)/2]
	if spread := ages[len(ages)-1] - ages[0]; spread > usual/tenth || begun[len(begun)-1]-begun[0] < 2*spread+usual/2 {
		return ""
	}
	return fmt.Sprintf("; all that were closed or reset were %s old: something ends connections at that age, used or not (a limit of their duration in the balancer, a proxy or a firewall), or all of them at that interval (a reload, a backend that flaps)", units.Span(usual))
}
