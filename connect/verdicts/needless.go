package verdicts

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/units"
)

// needlessFirst are the first failures without those of classes whose first loss a change excuses, which say nothing of the needless ones.
func needlessFirst(l *connect.Losses, first map[connect.Class]connect.Failure) map[connect.Class]connect.Failure {
	first = maps.Clone(first)
	seen := map[connect.Class]bool{}
	for i := range l.List { // in the order of time
		if loss := &l.List[i]; !seen[loss.Class] {
			seen[loss.Class] = true
			if !loss.Needless {
				delete(first, loss.Class)
			}
		}
	}
	return first
}

// uncovered says when the first needless loss was and, where changes were announced, why none of them excuses it. Of several calls together, neither is
// known.
func uncovered(l *connect.Losses) string {
	at := slices.IndexFunc(l.List, func(loss connect.Loss) bool { return loss.Needless })
	if at < 0 {
		return ""
	}
	loss := &l.List[at]
	return fmt.Sprintf(", the first %s after the start", units.Span(loss.At)) + notExcused(l.Changes, loss)
}

// notExcused says why no change excuses a loss: of the changes that affect its host, by the one that is nearest in time.
func notExcused(changes []connect.Change, loss *connect.Loss) string {
	var nearest *connect.Change
	var distance time.Duration
	for i := range changes {
		c := &changes[i]
		if len(c.Hosts) > 0 && !slices.Contains(c.Hosts, loss.Host) {
			continue
		}
		apart := loss.At - (c.Time + c.Within)
		if apart <= 0 {
			apart = c.Time - max(loss.At, loss.Missed)
		}
		if nearest == nil || apart < distance {
			nearest, distance = c, apart
		}
	}
	switch {
	case len(changes) == 0:
		return ""
	case nearest == nil && loss.Host == connect.UnknownHost:
		return " (of hosts that have told no name: only a change without hosts excuses these)"
	case nearest == nil:
		return fmt.Sprintf(" (no change is announced of %s: if it was changed, announce that before)", shown(loss.Host))
	case loss.At > nearest.Time+nearest.Within:
		return fmt.Sprintf(" (%s after the time of the change %q was over: if it was that change, allow more than %s, within)", units.Span(distance), nearest.Text, units.Span(nearest.Within))
	}
	return fmt.Sprintf(" (%s before the change %q was announced: if it was that change, announce it before it begins)", units.Span(distance), nearest.Text)
}
