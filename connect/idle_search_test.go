package connect

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/simulated"
)

// idleWorld is a search for a timeout in virtual time.
type idleWorld struct {
	plan   IdlePlan
	script func(number int64, s *simulated.Script)
	seed   uint64
}

// forgetting is a network that forgets connections that are silent for so long.
func forgetting(after time.Duration, end simulated.IdleEnd) func(int64, *simulated.Script) {
	return func(_ int64, s *simulated.Script) {
		*s = simulated.Script{
			Handshake: int64(time.Millisecond), End: simulated.Never, RTT: 1000,
			Answers: simulated.Answers{Any: []byte("web-1"), Moved: []byte("elsewhere"), Delay: int64(2 * time.Millisecond)},
			Idle:    int64(after), IdleEnd: end,
		}
	}
}

func (w idleWorld) run(t *testing.T) *IdleResult {
	t.Helper()
	world := simulated.NewWorld(w.seed, nil)
	e := Engine{clock: world.Now}
	w.plan.Targets = []Target{{Name: "t:1", Addr: simulatedAddr}}
	c, err := e.newIdle(w.plan)
	require.NoError(t, err)
	collect := func() { c.job.Outcomes.Drain(c.tally.add) }
	world.Check = func(*simulated.Driver) error { collect(); return nil }
	d := world.Start(c.job, int(c.plan.Connections), c.rules.New, w.script)
	d.Dialed, d.Closed = func(*simulated.Conn) {}, func(*simulated.Conn) {}
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

// The bounds that the design promises.
func TestIdleIsFast(t *testing.T) {
	t.Parallel()
	for _, kind := range idleEnds {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			short := idleWorld{plan: IdlePlan{Plan: Plan{Network: kind.network}}, script: forgetting(4*time.Second, kind.end)}.run(t)
			assert.Less(t, short.Duration, 30*time.Second)
			long := idleWorld{
				plan: IdlePlan{
					Plan: Plan{Network: kind.network, Connections: 40}, From: time.Second, To: 400 * time.Second, Precision: 5 * time.Second,
				},
				script: forgetting(350*time.Second, kind.end),
			}.run(t)
			t.Logf("%v to %v in %v", long.AtLeast, *long.AtMost, long.Duration)
			require.NotNil(t, long.Timeout)
			assert.Less(t, long.Duration, 880*time.Second)
			assert.InDelta(t, 350*time.Second, *long.Timeout, float64(5*time.Second))
			assert.LessOrEqual(t, *long.AtMost-long.AtLeast, 5*time.Second)
			assert.LessOrEqual(t, long.AtLeast, 350*time.Second)
			assert.GreaterOrEqual(t, *long.AtMost, 350*time.Second)
		})
	}
}

// However long it is, and however many connections there are, the search takes about twice the longest silence at most.
func TestIdleTakesItsTime(t *testing.T) {
	t.Parallel()
	const to = 400 * time.Second
	worst := map[int64]float64{}
	for _, connections := range []int64{1, 2, 3, 5, 10, 20, 40, 200} {
		for timeout := 1.05; timeout < 400; timeout *= 1.07 {
			after := time.Duration(timeout * float64(time.Second))
			r := idleWorld{
				plan:   IdlePlan{Plan: Plan{Connections: connections, Timeout: 100 * time.Hour}, To: to},
				script: forgetting(after, simulated.IdleSwallows),
			}.run(t)
			require.NotNil(t, r.Timeout, "%v with %d connections", after, connections)
			assert.True(t, r.Finished)
			assert.InDelta(t, after, *r.Timeout, 0.05*float64(after), "%v with %d connections", after, connections)
			assert.Zero(t, r.Early)
			worst[connections] = max(worst[connections], float64(r.Duration)/float64(to))
		}
	}
	t.Logf("at worst, in units of the longest silence: %v", worst)
	assert.Less(t, worst[20], 2.2)
	assert.Less(t, worst[40], 2.2)
	assert.Less(t, worst[200], 1.6)
}

// If no connection is forgotten, the search takes the longest silence, and no longer.
func TestIdleFindsNoTimeout(t *testing.T) {
	t.Parallel()
	for _, connections := range []int64{1, 2, 20, 100} {
		r := idleWorld{plan: IdlePlan{Plan: Plan{Connections: connections}, To: time.Hour}, script: forgetting(2*time.Hour, simulated.IdleSwallows)}.run(t)
		assert.Equal(t, IdleNever, r.How)
		assert.Nil(t, r.Timeout)
		assert.Nil(t, r.AtMost)
		assert.Equal(t, time.Hour, r.AtLeast)
		assert.True(t, r.Finished)
		assert.Empty(t, r.Errors)
		if connections > 1 {
			assert.Less(t, r.Duration, time.Hour+5*time.Second)
		}
	}
}

// A timeout below the shortest silence is known to be there; one that ends connections by itself is known exactly.
func TestIdleBelowTheShortestSilence(t *testing.T) {
	t.Parallel()
	for _, kind := range idleEnds {
		r := idleWorld{plan: IdlePlan{Plan: Plan{Network: kind.network}}, script: forgetting(300*time.Millisecond, kind.end)}.run(t)
		assert.Equal(t, kind.how, r.How, kind.name)
		require.NotNil(t, r.Timeout, kind.name)
		assert.True(t, r.Finished, kind.name)
		if kind.exact {
			assert.InDelta(t, 300*time.Millisecond, *r.Timeout, 1e6, kind.name)
		} else {
			assert.LessOrEqual(t, r.AtLeast, 300*time.Millisecond)
			assert.InDelta(t, time.Second, *r.AtMost, 0.05e9, kind.name)
		}
		assert.Less(t, r.Duration, 10*time.Second)
	}
}

// An answer that gets lost, or a connection that the peer ends for another reason, is not taken for a timeout.
func TestIdleAmongOtherLosses(t *testing.T) {
	t.Parallel()
	lost := func(s *simulated.Script) { s.Answers.Until = 1 }                                   // after the first
	closed := func(s *simulated.Script) { s.End = int64(2500 * time.Millisecond) }              // a limit of its own
	reset := func(s *simulated.Script) { s.End, s.EndClass = int64(7*time.Second), ClassReset } // likewise
	for name, row := range map[string]struct {
		every int64 // one connection in so many
		noise func(*simulated.Script)
	}{
		"lost answers":    {20, lost},
		"closed":          {20, closed},
		"reset":           {20, reset},
		"lost, often":     {8, lost},
		"closed, often":   {8, closed},
		"reset, at first": {200, reset},
	} {
		for _, kind := range idleEnds {
			for _, timeout := range []time.Duration{4 * time.Second, time.Minute, 20 * time.Minute, 2 * time.Hour} {
				for first := range min(row.every, 20) {
					t.Run(fmt.Sprintf("%s, %s, %s, %d", name, kind.name, timeout, first), func(t *testing.T) {
						t.Parallel()
						whole := forgetting(timeout, kind.end)
						r := idleWorld{plan: IdlePlan{Plan: Plan{Network: kind.network}}, script: func(number int64, s *simulated.Script) {
							whole(number, s)
							if number%row.every == first {
								row.noise(s)
							}
						}}.run(t)
						if timeout > time.Hour {
							assert.Equal(t, IdleNever, r.How)
							assert.Nil(t, r.Timeout)
							return
						}
						require.NotNil(t, r.Timeout)
						assert.Equal(t, kind.how, r.How)
						assert.InDelta(t, timeout, *r.Timeout, 0.05*float64(timeout))
						assert.Less(t, r.Duration, max(30*time.Second, timeout*11/5))
					})
				}
			}
		}
	}
}

// One backend of several whose timeout is shorter is found, whatever the others' is.
func TestIdleOfDifferentBackends(t *testing.T) {
	t.Parallel()
	const short = 20 * time.Second
	for _, kind := range idleEnds {
		for _, every := range []int64{2, 3, 4} {
			for _, long := range []time.Duration{60 * time.Second, 2 * time.Hour} {
				t.Run(fmt.Sprintf("%s, one in %d, %s", kind.name, every, long), func(t *testing.T) {
					t.Parallel()
					r := idleWorld{plan: IdlePlan{Plan: Plan{Network: kind.network}, To: 5 * time.Minute, Expect: 40 * time.Second}, script: func(number int64, s *simulated.Script) {
						after := long
						if number%every == 1 {
							after = short
						}
						forgetting(after, kind.end)(number, s)
					}}.run(t)
					assert.True(t, r.Finished)
					if r.Timeout != nil && *r.Timeout < 40*time.Second {
						return // that is too short, too
					}
					assert.GreaterOrEqual(t, r.Early.Failed, 3, "%+v", r)
					assert.GreaterOrEqual(t, r.Early.Silence, short-time.Second)
					assert.LessOrEqual(t, r.Early.Silence, 40*time.Second)
				})
			}
		}
	}
}

// A device that looks only now and then for what it is to forget has but one timeout.
func TestIdleOfADeviceThatSweeps(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 2))
		r := idleWorld{plan: IdlePlan{To: 5 * time.Minute}, script: func(number int64, s *simulated.Script) {
			forgetting(time.Minute+time.Duration(random.Int64N(int64(10*time.Second))), simulated.IdleSwallows)(number, s)
		}}.run(t)
		assert.Zero(t, r.Early, "seed %d", seed)
	}
}

// A flow that was forgotten is made anew, and answered by another host; or by the same one, by chance.
func TestIdleIsElsewhere(t *testing.T) {
	t.Parallel()
	runs, long := 0, 0
	for _, timeout := range []time.Duration{4 * time.Second, 30 * time.Second, 10 * time.Minute} {
		for hosts := 2; hosts <= 5; hosts++ {
			for seed := range uint64(20) {
				random := rand.New(rand.NewPCG(seed, 1))
				whole := forgetting(timeout, simulated.IdleMoves)
				r := idleWorld{plan: IdlePlan{Plan: Plan{Network: "udp"}}, script: func(number int64, s *simulated.Script) {
					whole(number, s)
					s.Answers.Any = fmt.Appendf(nil, "web-%d", random.IntN(hosts))
					if random.IntN(hosts) == 0 {
						s.Answers.Moved = s.Answers.Any // it gets the same host again
					}
				}}.run(t)
				require.NotNil(t, r.Timeout, "%d hosts, seed %d", hosts, seed)
				assert.True(t, r.Finished)
				assert.Equal(t, IdleSilently, r.How)
				assert.InDelta(t, timeout, *r.Timeout, 0.05*float64(timeout))
				if runs++; r.Duration > 60*timeout { // most take a tenth of it
					long++
				}
			}
		}
	}
	assert.Less(t, long, runs/100)
}

// Nothing is concluded from the silence of a service that does not answer anyway.
func TestIdleControl(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		script func(*simulated.Script)
		class  Class
	}{
		"never answers":   {func(s *simulated.Script) { s.Answers = simulated.Answers{} }, ClassNoReply},
		"closes":          {func(s *simulated.Script) { s.Answers.CloseAt = 1 }, ClassClosed},
		"closes at once":  {func(s *simulated.Script) { s.End = 0 }, ClassClosed},
		"resets":          {func(s *simulated.Script) { s.Answers.CloseAt, s.EndClass = 1, ClassReset }, ClassReset},
		"refuses":         {func(s *simulated.Script) { s.Refused = ClassRefused }, ClassNone},
		"is not there":    {func(s *simulated.Script) { s.Handshake = simulated.Never }, ClassNone},
		"can't be dialed": {func(s *simulated.Script) { s.Launch = ClassAddrNotAvailable }, ClassNone},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := idleWorld{script: func(_ int64, s *simulated.Script) {
				forgetting(time.Minute, simulated.IdleCloses)(0, s)
				row.script(s)
			}}.run(t)
			assert.False(t, r.Control.Answered)
			assert.Equal(t, row.class, r.Control.Error)
			assert.Equal(t, row.class != ClassNone, r.Control.Message != "")
			assert.Nil(t, r.Timeout)
			assert.Nil(t, r.AtMost)
			assert.Zero(t, r.AtLeast)
			assert.Equal(t, IdleUnknown, r.How)
			assert.False(t, r.Finished)
			assert.Less(t, r.Duration, 12*time.Second)
			assert.EqualValues(t, 20, r.States.Total())
			if row.class == ClassNone {
				assert.EqualValues(t, 20, r.FailedConnects)
			}
		})
	}
}

// One of four hosts behind a proxy accepts, and never answers: that is an error, and no timeout.
func TestIdleWithADeadHost(t *testing.T) {
	t.Parallel()
	for _, network := range []string{"tcp", "udp"} {
		r := idleWorld{plan: IdlePlan{Plan: Plan{Network: network}}, script: func(number int64, s *simulated.Script) {
			forgetting(20*time.Second, simulated.IdleRejects)(number, s)
			if number%4 == 3 {
				s.Answers = simulated.Answers{}
			}
		}}.run(t)
		require.NotNil(t, r.Timeout)
		assert.InDelta(t, 20*time.Second, *r.Timeout, 1e9)
		assert.NotZero(t, r.Errors[ClassNoReply])
	}
}

// One connection is silent for exactly as long as should be well.
func TestIdleExpects(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		expect, timeout time.Duration
		how             IdleHow
		measured        bool
		longest         time.Duration
	}{
		"well":                        {30 * time.Second, time.Minute, IdleNever, true, 2 * time.Minute},
		"just well":                   {59 * time.Second, time.Minute, IdleNever, true, 3 * time.Minute},
		"forgotten":                   {61 * time.Second, time.Minute, IdleRST, true, 3 * time.Minute},
		"far too long":                {10 * time.Minute, 4 * time.Second, IdleUnknown, false, 30 * time.Second},
		"longer than what is tried":   {2 * time.Hour, 3 * time.Hour, IdleNever, true, 2*time.Hour + time.Minute},
		"too long, and never reached": {2 * time.Hour, time.Hour - 4*time.Minute, IdleUnknown, false, 2 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, connections := range []int64{2, 20} {
				r := idleWorld{plan: IdlePlan{Plan: Plan{Connections: connections}, Expect: row.expect}, script: forgetting(row.timeout, simulated.IdleRejects)}.run(t)
				require.NotNil(t, r.Expected)
				assert.Equal(t, row.expect, r.Expected.Silence)
				if !row.measured && connections == 2 {
					continue // the other one is not quicker
				}
				assert.Equal(t, row.how, r.Expected.How)
				assert.True(t, r.Finished)
				if row.measured {
					assert.InDelta(t, row.expect, r.Expected.Measured, 1e6)
				} else {
					assert.Zero(t, r.Expected.Measured)
				}
				if connections == 20 {
					assert.Less(t, r.Duration, row.longest)
				}
			}
		})
	}
	// The answer of that one gets lost: another one takes its place.
	r := idleWorld{plan: IdlePlan{Expect: 40 * time.Second}, script: func(number int64, s *simulated.Script) {
		forgetting(time.Minute, simulated.IdleRejects)(number, s)
		if number == 0 {
			s.Answers.Until = 1
		}
	}}.run(t)
	assert.Equal(t, IdleNever, r.Expected.How)
}

// What the peer says by itself is no silence, and its last words before it ends a connection belong to that.
func TestIdleOfTalkativePeers(t *testing.T) {
	t.Parallel()
	for _, after := range []time.Duration{300 * time.Millisecond, 20 * time.Second} {
		r := idleWorld{plan: IdlePlan{To: time.Minute}, script: func(number int64, s *simulated.Script) {
			forgetting(after, simulated.IdleCloses)(number, s)
			s.Greeting = []simulated.Said{{After: int64(time.Millisecond), Data: []byte("220 mx ESMTP")}}
			s.Answers.Pieces = 2
			s.Bye = []byte("421 timeout")
		}}.run(t)
		require.NotNil(t, r.Timeout)
		assert.Equal(t, IdleFIN, r.How)
		assert.InDelta(t, after, *r.Timeout, 1e7)
	}
}

// Without enough time, the result is what is known by then.
func TestIdleOutOfTime(t *testing.T) {
	t.Parallel()
	r := idleWorld{plan: IdlePlan{Plan: Plan{Timeout: 20 * time.Second}}, script: forgetting(time.Minute, simulated.IdleRejects)}.run(t)
	assert.Nil(t, r.Timeout)
	assert.False(t, r.Finished)
	assert.Equal(t, IdleUnknown, r.How)
	assert.InDelta(t, 19*time.Second, r.AtLeast, 3e9)
	assert.Equal(t, 20*time.Second, r.Duration.Round(10*time.Millisecond))
	assert.Zero(t, r.States.NotInitiated)
}
