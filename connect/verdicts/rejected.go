package verdicts

import (
	"errors"
	"fmt"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/units"
)

// rejections are connections that ICMP messages have ended, or most likely have cost a SYN: who sends such messages limits their rate (RFC 1812,
// 4.3.2.8), so not each SYN that is rejected has one, and the next SYN may go to another backend.
type rejections struct {
	failed, retried, begun int64
	first                  connect.ICMPError
}

// rejectionsOf finds them among the failures of a call: a class counts whole if its first failure was told by ICMP.
func rejectionsOf(failed map[connect.Class]int64, first map[connect.Class]connect.Failure, retried, begun int64) rejections {
	r := rejections{retried: retried, begun: begun}
	for _, class := range stats.MostFirst(failed) {
		if told, ok := errors.AsType[connect.ICMPError](first[class].Err); ok {
			if r.failed == 0 {
				r.first = told
			}
			r.failed += failed[class]
		}
	}
	return r
}

// share is the part of the connections that may have been rejected, 0 if none was. A connection that failed may also have taken a second SYN
// before.
func (r *rejections) share() float64 {
	if r.failed == 0 || r.begun == 0 {
		return 0
	}
	return float64(min(r.failed+r.retried, r.begun)) / float64(r.begun)
}

func (r *rejections) String() string {
	text := fmt.Sprintf("ICMP (%s, from %s) has ended %d of %s", r.first.Kind, r.first.From, r.failed, plural(r.begun, "connection"))
	if r.retried == 0 {
		return text + fmt.Sprintf(" (%s)", units.Percent(r.share()))
	}
	return text + fmt.Sprintf(", and %d took a further SYN, together %s: senders of ICMP limit their rate, and a balancer may choose anew for each SYN", r.retried, units.Percent(r.share()))
}
