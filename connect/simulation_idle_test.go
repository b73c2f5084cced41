package connect

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/simulated"
)

// idleWorld is a search for a timeout in virtual time.
type idleWorld struct {
	plan   IdlePlan
	script func(number int64) *simulated.Script
	cores  int
	seed   uint64
}

// forgetting is a network that forgets connections that are silent for so long.
func forgetting(after time.Duration, end simulated.IdleEnd) func(int64) *simulated.Script {
	return func(int64) *simulated.Script {
		return &simulated.Script{
			Handshake: int64(time.Millisecond), End: simulated.Never, RTT: 1000, Host: "web-1",
			Answers: simulated.Answers{Echo: true, Delay: int64(2 * time.Millisecond)},
			Idle:    int64(after), IdleEnd: end,
		}
	}
}

func (w idleWorld) run(t *testing.T) *IdleResult {
	t.Helper()
	world := simulated.NewWorld(w.seed)
	e := Engine{clock: world.Now}
	w.plan.Targets = []Target{{Name: "t:1", Addr: simulatedAddr}}
	c, err := e.newIdle(w.plan)
	require.NoError(t, err)
	collect := func() { c.job.Outcomes.Drain(c.tally.add) }
	world.Check = func(*simulated.Driver) error { collect(); return nil }
	cores := max(w.cores, 1)
	for range cores {
		world.Start(c.job, int(c.plan.Connections)/cores, c.rules.New, w.script)
	}
	require.NoError(t, world.Run())
	collect()
	return c.tally.result(c)
}

// idleEnds are the ways to forget connections, with what is to be found of each.
var idleEnds = []struct {
	name    string
	network string
	end     simulated.IdleEnd
	how     IdleHow
	exact   bool
}{
	{"FIN", "tcp", simulated.IdleCloses, IdleFIN, true},
	{"RST", "tcp", simulated.IdleResets, IdleRST, true},
	{"RST on the next use", "tcp", simulated.IdleRejects, IdleRST, false},
	{"silent", "tcp", simulated.IdleSwallows, IdleSilently, false},
	{"silent over UDP", "udp", simulated.IdleSwallows, IdleSilently, false},
}

func TestIdleFindsTimeouts(t *testing.T) {
	t.Parallel()
	for _, kind := range idleEnds {
		for _, timeout := range []time.Duration{
			1100 * time.Millisecond, 2 * time.Second, 4 * time.Second, 15 * time.Second, time.Minute, 350 * time.Second, 900 * time.Second,
			1801 * time.Second, 3000 * time.Second, 3590 * time.Second,
		} {
			t.Run(fmt.Sprint(kind.name, " ", timeout), func(t *testing.T) {
				t.Parallel()
				r := idleWorld{plan: IdlePlan{Plan: Plan{Network: kind.network}}, script: forgetting(timeout, kind.end)}.run(t)
				t.Logf("%v to %v in %v, %.2f of the timeout, with %d connections", r.AtLeast, r.AtMost, r.Duration, float64(r.Duration)/float64(timeout), r.Dialed)
				require.NotNil(t, r.Timeout)
				assert.Equal(t, kind.how, r.How)
				tolerance := timeout / 20
				if kind.exact {
					tolerance = 10 * time.Millisecond
				}
				assert.InDelta(t, timeout, *r.Timeout, float64(tolerance))
			})
		}
	}
}
