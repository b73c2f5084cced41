package module

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
)

func TestStampsAreNeverTheSame(t *testing.T) {
	t.Parallel()
	var s stamps
	at := time.Unix(100, 5)
	assert.Equal(t, at, s.next(at))
	assert.Equal(t, at.Add(1), s.next(at))
	assert.Equal(t, at.Add(2), s.next(at.Add(-time.Hour)), "time does not go back")
	later := at.Add(time.Hour)
	assert.Equal(t, later, s.next(later))
}

func TestHostLimit(t *testing.T) {
	t.Parallel()
	var l hostLimit
	assert.Equal(t, `"a\\"`, l.tag(`a\`), "InfluxDB would take the backslash for an escape of what follows")
	for i := range maxHostTags - 1 {
		name := fmt.Sprint(i)
		assert.Equal(t, name, l.tag(name))
	}
	assert.Equal(t, "(other)", l.tag("one too many"))
	assert.Equal(t, "7", l.tag("7"), "those that came first keep their tags")
}

func TestGaugesTakeTurns(t *testing.T) {
	t.Parallel()
	var g gauges
	now := time.Now()
	assert.True(t, g.due(now))
	assert.False(t, g.due(now.Add(500*time.Millisecond)))
	assert.True(t, g.due(now.Add(time.Second)))
	var calls sync.WaitGroup
	turns := make(chan struct{}, 10)
	for range 10 {
		calls.Go(func() {
			if g.due(now.Add(2 * time.Second)) {
				turns <- struct{}{}
			}
		})
	}
	calls.Wait()
	assert.Len(t, turns, 1, "one call speaks for all")
}

func TestProgressLine(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "Total: 10, Dialing: 1, Established: 9, Closed: 0, Error: 0, NotInitiated: 0", connect.States{Dialing: 1, Established: 9}.String())
	assert.Equal(t, "Total: 3, Dialing: 0, Established: 0, Closed: 0, Error: 1, NotInitiated: 0, Completed: 2", connect.States{Error: 1, Completed: 2}.String())
}
