package mesh

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// An alarm of this system, and the portable one, ring at the time they are set to, again and again, and end with their context.
func TestAlarm(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(context.Context) alarm{"system": newAlarm, "portable": func(ctx context.Context) alarm { return newTimer(ctx) }} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			a := set(ctx)
			defer a.stop()
			for _, in := range []time.Duration{time.Millisecond, 0, 20 * time.Millisecond, -time.Hour, 3 * time.Millisecond} {
				until := time.Now().Add(in)
				assert.True(t, a.wait(until), in)
				assert.False(t, time.Now().Before(until), in)
			}
			ended := make(chan bool)
			go func() { ended <- a.wait(time.Now().Add(time.Hour)) }()
			cancel()
			assert.False(t, <-ended)
			assert.False(t, a.wait(time.Now().Add(time.Hour)), "for good")
		})
	}
}
