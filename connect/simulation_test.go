package connect

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/simulated"
)

var (
	simSeeds = flag.Uint64("seeds", 500, "simulate so many networks")
	simSeed  = flag.Uint64("seed", 1, "the first of them")
)

// TestSimulation runs calls in simulated networks, each of which a seed decides, and compares what they say with what is true.
func TestSimulation(t *testing.T) {
	t.Parallel()
	var next, connections, checks atomic.Uint64
	next.Store(*simSeed)
	var mu sync.Mutex
	var failed uint64
	var failure error
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for {
				seed := next.Add(1) - 1
				if seed >= *simSeed+*simSeeds {
					return
				}
				s := simulation{seed: seed}
				err := s.run()
				connections.Add(uint64(s.world.Connections)) // #nosec G115 -- not negative
				checks.Add(s.checks)
				if err != nil {
					mu.Lock()
					if failure == nil || seed < failed {
						failed, failure = seed, err
					}
					mu.Unlock()
					next.Store(*simSeed + *simSeeds) // the others end, too
				}
			}
		})
	}
	workers.Wait()
	t.Logf("%d networks, %d connections, %d checks", *simSeeds, connections.Load(), checks.Load())
	if failure != nil {
		t.Fatalf("seed %d: %v\nrepeat it with: go test ./connect -run '^TestSimulation$' -seed %d -seeds 1", failed, failure, failed)
	}
}

// simulation is the calls in one network.
type simulation struct {
	seed   uint64
	world  *simulated.World
	engine Engine
	calls  []*simulatedCall
	checks uint64
	looks  uint64
}

// lateLooks is how many looks pass until all connections are looked at: what is late once stays so.
const lateLooks = 50

// simulatedCall is one of them.
type simulatedCall struct {
	*simulation
	kind    string
	plan    *Plan
	job     *engine.Job
	drivers []*simulated.Driver
	script  func(number int64) *simulated.Script
	tally   interface{ add([]Outcome) }

	// truth returns how a connection must have ended.
	truth func(c *simulated.Conn) (fate, error)
	// overdue says what a connection waits for that has not come in time, "" if nothing.
	overdue func(c *simulated.Conn, seen int64) string
	// event checks an outcome that is no end; nil if there are none.
	event func(c *simulated.Conn, o *Outcome) error
	// ended checks more of an end; may be nil.
	ended func(c *simulated.Conn, o *Outcome) error
	// finish checks the result.
	finish func() error

	conns   map[int64][]*simulated.Conn // by number, in the order in which they were dialed; those that are over and were told are left out
	ends    map[int64]int64             // of each connection, which traffic dials again
	redials int64
	fates   []fate
	stopAt  int64
}

// fate is how a connection ends.
type fate struct {
	class     Class
	host      string
	connected bool
	closed    bool // state closed
}

func (s *simulation) run() error {
	s.world = simulated.NewWorld(s.seed)
	s.engine.clock = s.world.Now
	r := s.world.Random
	s.world.Check = s.check
	for range 1 + r.IntN(4)*r.IntN(2) {
		s.start()
	}
	if r.IntN(5) == 0 {
		s.world.Descriptors = 1 + r.IntN(40)
	}
	for range max(0, r.IntN(5)-2) {
		s.world.At(s.world.Now()+r.Int64N(int64(2*time.Second)), func() { s.world.Pause(r.Int64N(int64(700 * time.Millisecond))) })
	}
	if err := s.world.Run(); err != nil {
		return fmt.Errorf("%s: %w", s.describe(), err)
	}
	for _, c := range s.calls {
		if err := c.end(); err != nil {
			return fmt.Errorf("%s: %w", c.describe(), err)
		}
	}
	return s.total()
}

func (s *simulation) describe() string {
	text := ""
	for _, c := range s.calls {
		text += c.describe() + "; "
	}
	return text
}

func (c *simulatedCall) describe() string {
	return fmt.Sprintf("%s over %s, %d connections, concurrency %d, rate %.4g, timeouts %s, %s", c.kind, c.plan.Network, c.plan.Connections, c.plan.Concurrency, c.plan.Rate, c.plan.ConnectTimeout, c.plan.Timeout)
}

// start begins a call.
func (s *simulation) start() {
	r := s.world.Random
	c := &simulatedCall{simulation: s, conns: map[int64][]*simulated.Conn{}, ends: map[int64]int64{}}
	plan := s.randomPlan(r)
	var rules engine.NewRules
	switch r.IntN(6) {
	case 0:
		rules = c.hold(plan)
	case 5:
		rules = c.fill(plan)
	case 1:
		rules = c.traffic(plan)
	default:
		rules = c.flood(plan)
	}
	lanes := int(min(int64(c.plan.Concurrency), c.plan.Connections))
	cores := min(1+r.IntN(2), lanes)
	for i := range cores {
		share := lanes / (cores - i)
		lanes -= share
		d := s.world.Start(c.job, share, rules, c.scripted)
		d.Dialed = c.dialed
		c.drivers = append(c.drivers, d)
	}
	if r.IntN(4) == 0 {
		s.world.AtWork(s.world.Now()+r.Int64N(int64(2*time.Second)), c.stop)
	}
	s.calls = append(s.calls, c)
}

// randomPlan is that of a call, without its defaults.
func (s *simulation) randomPlan(r *rand.Rand) Plan {
	networks := []string{"tcp", "tcp", "udp"}
	p := Plan{
		Network: networks[r.IntN(len(networks))], Connections: 1 + r.Int64N(1+r.Int64N(420)), Concurrency: 1 + r.IntN(40),
		ConnectTimeout: time.Duration(1+r.IntN(400)) * time.Millisecond, Reset: r.IntN(2) == 0,
	}
	for i := range 1 + r.IntN(3) {
		t := Target{Name: fmt.Sprintf("t%d:1", i)}
		if r.IntN(12) == 0 {
			t.Err, t.Class = errors.New("no such host"), ClassDNS
		} else {
			t.Addr = simulatedAddr
		}
		p.Targets = append(p.Targets, t)
	}
	if r.IntN(4) == 0 {
		p.Timeout = time.Duration(1+r.IntN(1500)) * time.Millisecond
	}
	return p
}

// maybeRate gives a plan a rate, now and then.
func maybeRate(p *Plan, r *rand.Rand) {
	if r.IntN(3) == 0 {
		p.Rate = 10 + r.Float64()*5000
	}
}

func (c *simulatedCall) stop() {
	c.stopAt = c.world.Now()
	for _, d := range c.drivers {
		d.Stop(ClassAborted, c.stopClass())
	}
}

func (c *simulatedCall) stopClass() Class {
	if c.keeps() {
		return ClassNone
	}
	return ClassAborted
}

// keeps reports whether the call keeps its connections beyond its timeout.
func (c *simulatedCall) keeps() bool { return c.kind == "hold" || c.kind == "fill" }

func (c *simulatedCall) scripted(number int64) *simulated.Script { return c.script(number) }

func (c *simulatedCall) dialed(conn *simulated.Conn) {
	c.conns[conn.Number] = append(c.conns[conn.Number], conn)
}

// check is called after each look of a driver.
func (s *simulation) check(d *simulated.Driver) error {
	for _, c := range s.calls {
		if c.job != d.Job {
			continue
		}
		if err := c.collect(); err != nil {
			return err
		}
		if s.looks++; s.looks%lateLooks != 0 {
			return c.sums()
		}
		for _, conn := range d.Open {
			s.checks++
			if late := c.late(conn, d.Seen); late != "" {
				return fmt.Errorf("%s, connection %d, dialed %v after the start: %s", c.kind, conn.Number, c.job.Since(conn.Dialed), late)
			}
		}
		return c.sums()
	}
	return nil
}

// late says what a connection waits for that has not come in time.
func (c *simulatedCall) late(conn *simulated.Conn, seen int64) string {
	if conn.Established != 0 {
		return c.overdue(conn, seen)
	}
	if seen >= conn.Dialed+int64(c.plan.ConnectTimeout) && !c.backlogged(conn) {
		return "still being dialed after the connect timeout"
	}
	return ""
}

// backlogged reports whether a driver has more deadlines to tell than one look takes.
func (c *simulatedCall) backlogged(conn *simulated.Conn) bool { return conn.Driver().More }

// sums compares the states with the truth.
func (c *simulatedCall) sums() error {
	c.checks++
	states := c.job.Counters.States()
	var dialing, open int64
	behind := false // a driver has not seen yet what has arrived
	for _, d := range c.drivers {
		if d.Dirty {
			return nil
		}
		behind = behind || d.More
		dialing += d.Dialing
		open += d.Established
	}
	if states.Dialing != dialing || states.Established != open {
		return fmt.Errorf("%s: states %+v, but %d connections are being dialed and %d established", c.kind, states, dialing, open)
	}
	if states.NotInitiated < 0 || states.Total() < c.plan.Connections {
		return fmt.Errorf("%s: states %+v do not add up to %d connections", c.kind, states, c.plan.Connections)
	}
	if most := c.job.Counters.EstablishedMax(); most < open && !behind {
		return fmt.Errorf("%s: at most %d established, but %d are", c.kind, most, open)
	}
	return nil
}

func (f fate) count(s *States) {
	switch {
	case f.closed:
		s.Closed++
	case f.class != ClassNone:
		s.Error++
	default:
		s.Completed++
	}
}

// collect checks what has been reported.
func (c *simulatedCall) collect() (err error) {
	c.job.Outcomes.Drain(func(batch []Outcome) {
		c.tally.add(batch)
		for i := range batch {
			c.checks++
			if wrong := c.outcome(&batch[i]); wrong != nil && err == nil {
				err = fmt.Errorf("%s, connection %d, outcome %+v, packets %+v: %w", c.kind, batch[i].Number, batch[i], batch[i].Packets, wrong)
			}
		}
	})
	return err
}

// outcome compares one with the truth.
func (c *simulatedCall) outcome(o *Outcome) error {
	if o.Event == Ended {
		if c.ends[o.Number]++; c.ends[o.Number] > 1 {
			c.redials++
		}
	}
	if t := c.plan.Targets[c.job.TargetOf(o.Number)]; t.Err != nil {
		c.fates = append(c.fates, fate{class: t.Class})
		return match(o.Class == t.Class && !o.Connected, "class %s of the target", t.Class)
	}
	if o.Class == ClassFDLimit {
		c.fates = append(c.fates, fate{class: ClassFDLimit})
		return match(c.starved(), "there was no lack of descriptors")
	}
	conns := c.conns[o.Number]
	if len(conns) == 0 {
		return errors.New("there was no such connection")
	}
	conn := conns[0]
	if o.Event != Ended {
		return c.event(conn, o)
	}
	c.conns[o.Number] = conns[1:]
	want, err := c.truth(conn)
	if err != nil {
		return err
	}
	c.fates = append(c.fates, want)
	return errors.Join(
		match(o.Class == want.class, "class %q, but it is %q", o.Class, want.class),
		match(o.Host == want.host, "host %q, but it is %q", o.Host, want.host),
		match(o.Connected == want.connected && o.Closed == want.closed, "connected %v, closed %v", want.connected, want.closed),
		match(o.Class == ClassNone == (o.Err == nil) || o.Closed, "an error, if there is a class"),
		c.figures(conn, o, want))
}

// figures compares times, bytes and the kernel's figures.
func (c *simulatedCall) figures(conn *simulated.Conn, o *Outcome, want fate) error {
	planned := c.job.Start() + int64(o.Planned)
	rtt, retries := time.Duration(conn.Script.RTT)*time.Microsecond, int64(conn.Script.SYNRetries)
	if c.job.Plan.Protocol == "udp" || conn.Script.Launch != ClassNone {
		rtt, retries = 0, 0
	}
	if !want.connected {
		rtt = 0
	}
	errs := []error{
		match(o.At == c.job.Since(conn.Ended), "at %v, but it ended at %v", o.At, c.job.Since(conn.Ended)),
		match(planned <= conn.Dialed, "planned at %v, but dialed before, at %v", o.Planned, c.job.Since(conn.Dialed)),
		match(o.Sent == conn.Sent && o.Received == conn.Received, "%d bytes sent and %d received, but it was %d and %d", o.Sent, o.Received, conn.Sent, conn.Received),
		match(o.RTT == rtt && o.SYNRetransmits == retries, "RTT %v and %d retransmits, but it was %v and %d", o.RTT, o.SYNRetransmits, rtt, retries),
	}
	if want.connected {
		errs = append(errs, match(planned+int64(o.Connect) == conn.Established, "connect time %v, but it was established at %v", o.Connect, c.job.Since(conn.Established)))
	}
	if c.plan.Rate > 0 {
		due := time.Duration(float64(o.Number) / c.plan.Rate * float64(time.Second))
		errs = append(errs, match((o.Planned-due).Abs() < 2, "planned at %v, but by the rate it is %v", o.Planned, due))
	}
	if c.ended != nil {
		errs = append(errs, c.ended(conn, o))
	}
	return errors.Join(errs...)
}

func match(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf("want "+format, args...)
}

// starved reports whether a dial has found no descriptor.
func (c *simulatedCall) starved() bool {
	for _, d := range c.drivers {
		if d.NoDescriptor > 0 {
			return true
		}
	}
	return false
}

// dialTruth is how a connection ended that was not established.
func (c *simulatedCall) dialTruth(conn *simulated.Conn, late Class) (fate, error) {
	switch {
	case conn.DialFault != ClassNone:
		return fate{class: conn.DialFault}, nil
	case conn.EndedIn == simulated.Stopping:
		return fate{class: ClassAborted}, nil
	case conn.EndedIn == simulated.Expiring:
		return fate{class: ClassTimeout}, match(conn.Ended >= conn.Dialed+int64(c.plan.ConnectTimeout), "no timeout before its time")
	case conn.EndedIn == simulated.CheckingTime && conn.Ended >= c.job.Start()+int64(c.plan.Timeout) && (c.job.Plan.Duration == 0 || c.plan.Timeout < c.job.Plan.Duration):
		return fate{class: ClassTimeout}, nil
	case conn.EndedIn == simulated.CheckingTime:
		return fate{class: late}, match(late != ClassNone, "no end before its time")
	}
	return fate{}, fmt.Errorf("closed while being dialed, in phase %d", conn.EndedIn)
}

// end checks what is left when all is over.
func (c *simulatedCall) end() error {
	if err := c.collect(); err != nil {
		return err
	}
	for number, conns := range c.conns {
		if len(conns) > 0 {
			return fmt.Errorf("connection %d has ended, but nobody was told", number)
		}
	}
	states := c.job.Counters.States()
	var want States
	for _, f := range c.fates {
		f.count(&want)
	}
	want.NotInitiated = c.plan.Connections + c.redials - want.Total()
	if states != want {
		return fmt.Errorf("in the end, states %+v, but they are %+v", states, want)
	}
	limit := c.plan.Timeout
	if d := c.job.Plan.Duration; d > 0 {
		limit = min(limit, d)
	}
	return errors.Join(
		match(states.NotInitiated == 0 || c.stopAt != 0 || c.job.Length() >= limit, "all connections to be begun, as there was time"),
		match(c.job.Length() <= c.longest(), "an end after %v, but it lasted %v", c.longest(), c.job.Length()),
		c.finish())
}

// longest is how long a call may last: until its limits, and what the process was paused.
func (c *simulatedCall) longest() time.Duration {
	longest := c.plan.Timeout
	if c.keeps() {
		longest = time.Hour
	}
	return longest + 4*time.Second // pauses, and the last look
}

// total compares what the engine says of all calls with their sum.
func (s *simulation) total() error {
	var sum States
	for _, c := range s.calls {
		sum = sum.Plus(c.job.Counters.States())
	}
	return match(sum == s.engine.Total.States(), "%+v of all calls, but together they have %+v", s.engine.Total.States(), sum)
}
