package mesh

import (
	"context"
	"time"
)

// An alarm wakes one goroutine, time after time.
type alarm interface {
	// wait reports whether the time has come; if not, the alarm's context has ended.
	wait(until time.Time) bool
	stop()
}

// timer is an alarm by Go's timers.
type timer struct {
	ctx  context.Context //nolint:containedctx // one that ends all that the alarm is for
	next *time.Timer
}

func newTimer(ctx context.Context) *timer { return &timer{ctx, time.NewTimer(0)} }

func (t *timer) wait(until time.Time) bool {
	t.next.Reset(time.Until(until))
	select {
	case <-t.next.C:
		return true
	case <-t.ctx.Done():
		return false
	}
}

func (t *timer) stop() { t.next.Stop() }
