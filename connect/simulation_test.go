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
			var world *simulated.World
			for {
				seed := next.Add(1) - 1
				if seed >= *simSeed+*simSeeds {
					return
				}
				s := simulation{seed: seed, world: simulated.NewWorld(seed, world)}
				world = s.world
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
	pauses bool // the process is paused now and then
	scarce bool // descriptors are
}

// lateLooks is how many looks pass until all connections are looked at: what is late once stays so.
const lateLooks = 100

// simulatedCall is one of them.
type simulatedCall struct {
	*simulation
	kind    string
	plan    *Plan
	job     *engine.Job
	drivers []*simulated.Driver
	script  func(number int64, s *simulated.Script)
	tally   interface{ add([]Outcome) }
	ups     simulated.Ups

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
	// busy is how many established connections of a driver have a lane; nil if none has. exactly is false if there may be more.
	busy func(d *simulated.Driver) (n int64, exactly bool)
	// halts reports whether no more is dialed, for a reason of the call's own; may be nil.
	halts func() bool
	// over is told of each connection that is closed; may be nil.
	over func(c *simulated.Conn)
	// lacked is told of each that could not be dialed, as there was no descriptor; may be nil.
	lacked func(number int64)
	// answered is told of each answer when it comes; may be nil.
	answered func(c *simulated.Conn)
	// looked is called after each look; may be nil.
	looked func(d *simulated.Driver) error

	numbers    []simulatedNumber
	redials    int64 // outcomes of numbers that were dialed again
	fates      []fate
	stopAt     int64
	stopAs     Class         // of what is established then
	cut        func()        // called before; nil if what is established has its time to end
	lasts      time.Duration // it is stopped, if it is, within so long
	endless    bool          // it ends by being stopped only
	dialsAgain bool          // what is lost
}

// simulatedNumber is what is known of a connection of the plan, which traffic makes again and again.
type simulatedNumber struct {
	first, last *simulated.Conn // that are being dialed, are open, or of whose end has not been told yet; linked by Next
	ends        int64           // outcomes
	driver      *simulated.Driver
	failed      int   // dials, and connections without an echo, in a row
	due         int64 // when it is to be dialed again; 0 if it is not
	holding     int64 // connections with a descriptor when it was told to have none
}

// fate is how a connection ends.
type fate struct {
	class     Class
	why       error // nil if that is the driver's to say
	host      string
	connected bool
	closed    bool // state closed
}

func (s *simulation) run() error {
	s.engine.clock = s.world.Now
	r := s.world.Random
	s.world.Check = s.check
	if r.IntN(3) == 0 {
		s.world.Burst = 1 + r.Int64N(int64(10*time.Millisecond))
	}
	for range 1 + r.IntN(4)*r.IntN(2) {
		s.start()
	}
	if r.IntN(5) == 0 {
		s.scarce, s.world.Descriptors = true, 1+r.IntN(40)
	}
	for range max(0, r.IntN(5)-2) {
		s.pauses = true
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
	c := &simulatedCall{simulation: s, stopAs: ClassAborted, lasts: 2 * time.Second}
	plan := s.randomPlan(r)
	var rules engine.NewRules
	switch r.IntN(11) {
	case 0:
		rules = c.hold(plan)
	case 1:
		rules = c.traffic(plan)
	case 2:
		rules = c.fill(plan)
	case 3, 4:
		rules = c.idle(plan)
	default:
		rules = c.flood(plan)
	}
	c.numbers = make([]simulatedNumber, c.plan.Connections)
	late, once, same := r.IntN(2) == 0, r.IntN(2) == 0, c.kind == "traffic" && c.plan.Network == "udp" && r.IntN(2) == 0
	lanes := int(min(int64(c.plan.Concurrency), c.plan.Connections))
	cores := min(1+r.IntN(2), lanes)
	if c.job.Plan.OneCore {
		cores = 1
	}
	for i := range cores {
		share := lanes / (cores - i)
		lanes -= share
		d := s.world.Start(c.job, share, rules, c.script)
		d.Dialed, d.Closed, d.Starved, d.Holding, d.Answered = c.dialed, c.closed, c.starved, c.holding, c.answered
		d.LateDescriptors, d.OneRead, d.SamePorts, d.Ups = late, once, same, &c.ups
		c.drivers = append(c.drivers, d)
	}
	if c.endless || r.IntN(4) == 0 {
		s.world.AtWork(s.world.Now()+r.Int64N(int64(c.lasts)), c.stop)
	}
	s.calls = append(s.calls, c)
}

// randomPlan is that of a call, without its defaults.
func (s *simulation) randomPlan(r *rand.Rand) Plan {
	networks := []string{"tcp", "tcp", "udp"}
	p := Plan{
		Network: networks[r.IntN(len(networks))], Connections: 1 + r.Int64N(1+r.Int64N(500)), Concurrency: 1 + r.IntN(40),
		ConnectTimeout: time.Duration(1+r.IntN(400)) * time.Millisecond, Reset: r.IntN(2) == 0,
		KernelBypass: true, // what this host drops has no part in it
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
	if c.cut != nil {
		c.cut()
	}
	for _, d := range c.drivers {
		d.Stop(ClassAborted, c.stopAs)
	}
}

// number is what is known of a connection of the plan, or of one in place of another.
func (c *simulatedCall) number(n int64) *simulatedNumber {
	for n >= int64(len(c.numbers)) {
		c.numbers = append(c.numbers, simulatedNumber{})
	}
	return &c.numbers[n]
}

func (c *simulatedCall) dialed(conn *simulated.Conn) {
	n := c.number(conn.Number)
	if n.last != nil {
		n.last.Next = conn
	}
	n.last = conn
	if n.first == nil {
		n.first = conn
	}
	n.driver, conn.Due, n.due = conn.Driver(), n.due, 0
	if conn.Due > conn.Dialed {
		c.world.Fail(fmt.Errorf("%s, connection %d: dialed again %v too early", c.kind, conn.Number, time.Duration(conn.Due-conn.Dialed)))
	}
}

func (c *simulatedCall) closed(conn *simulated.Conn) {
	if c.over != nil {
		c.over(conn)
	}
	n := c.number(conn.Number)
	if n.failed++; conn.Echoes > 0 {
		n.failed = 0
	}
	c.again(n, conn.Ended)
}

// again says when a connection is to be dialed again: after ctraffic's back-off.
func (c *simulatedCall) again(n *simulatedNumber, now int64) {
	if !c.dialsAgain {
		return
	}
	wait := 100 * time.Millisecond
	for range n.failed - 1 {
		wait = min(2*wait, time.Second)
	}
	n.due = now + int64(wait)
}

func (c *simulatedCall) starved(number int64) {
	if c.lacked != nil {
		c.lacked(number)
	}
	n := c.number(number)
	_, n.holding = c.holding()
	n.failed++
	c.again(n, c.world.Now())
}

// holding is how many connections are open, and how many of these have a descriptor.
func (c *simulatedCall) holding() (open, holding int64) {
	for _, d := range c.drivers {
		d.Each(func(conn *simulated.Conn) {
			open++
			if !conn.Bare {
				holding++
			}
		})
	}
	return open, holding
}
