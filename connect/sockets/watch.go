package sockets

import (
	"context"
	"time"
)

// lookAgain is the pause between two looks at a table.
const lookAgain = 200 * time.Millisecond

// Watch counts sockets, on this host or as [Fetch] does on a remote one, until a table is enough, the time within has passed, or ctx is done. It
// returns the last table.
func Watch(ctx context.Context, way Way, remote string, q Query, within time.Duration, isEnough func(*Table) bool) (Table, error) {
	for until := time.Now().Add(within); ; {
		table, err := look(ctx, way, remote, q)
		if err != nil || isEnough(&table) || time.Now().After(until) {
			return table, err
		}
		select {
		case <-time.After(lookAgain):
		case <-ctx.Done():
			return table, nil
		}
	}
}

func look(ctx context.Context, way Way, remote string, q Query) (Table, error) {
	if remote != "" {
		return Fetch(ctx, way, remote, q)
	}
	return Count(ctx, q)
}
